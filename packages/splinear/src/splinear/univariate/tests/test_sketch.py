"""The dual curve against its definition, and its bounds at the optimum."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.univariate.fit import alpha_max, fit_spline
from splinear.univariate.sketch import POINTS, POSITIONS, dual_curve, sketch, thin

RNG = np.random.default_rng(0)
X = np.sort(RNG.uniform(0.0, 1.0, 150))
Y = np.abs(X - 0.4) + 0.05 * RNG.standard_normal(150)


def naive_dual(x, p, tau, order):
    steps = x - tau[:, None]
    kernel = np.where(steps > 0.0, steps, 0.0) ** (order - 1) / math.factorial(
        order - 1
    )
    return np.where(steps > 0.0, kernel, 0.0) @ p


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_dual_curve_is_its_definition(order, offset):
    x = offset + RNG.integers(0, 50, 200).astype(float)  # with ties
    p, tau = RNG.standard_normal(200), offset + np.sort(RNG.uniform(-5.0, 55.0, 40))
    tau[7] = x[0]  # a position on a site
    fast, slow = (
        dual_curve(x, p, np.sort(tau), order),
        naive_dual(x, p, np.sort(tau), order),
    )
    # Sums of 200 terms, shifted 40 times: some hundred roundings of the largest term.
    assert_allclose(fast, slow, atol=1e-12 * np.max(np.abs(slow)) + 1e-13)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_curve_touches_one_exactly_at_the_knots(order):
    alpha = 0.02 * alpha_max(X, Y, order=order)
    f = fit_spline(X, Y, alpha=alpha, order=order, tol=1e-10).value
    seen = sketch(X, Y, None, f, alpha)
    assert seen.tau is not None
    assert f.knots.size > 0
    at_knots = seen.eta[np.searchsorted(seen.tau, f.knots)]
    # A gap of 1e-10 leaves the dual off by its root at worst.
    assert_allclose(at_knots, np.sign(f.jumps), atol=1e-4)
    assert np.max(np.abs(seen.eta)) < 1.0 + 1e-4


def test_large_data_are_thinned():
    x = np.linspace(0.0, 1.0, 50_000)
    seen = sketch(x, x, None, fit_spline(x, x, alpha=1.0).value, 1.0)
    assert seen.x.size == POINTS
    assert seen.n_rows == 50_000
    assert seen.tau.size <= POSITIONS + 1
    assert thin(POINTS).size == POINTS


@pytest.mark.parametrize("loss", [None, "quantile"])
def test_no_curve_where_residuals_do_not_give_the_dual(loss):
    f = fit_spline(X, Y, alpha=1e-3).value
    assert sketch(X, Y, None, f, 1e-3, loss=loss).eta is None
