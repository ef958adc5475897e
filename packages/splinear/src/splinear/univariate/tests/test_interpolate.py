"""Interpolation: proofs in rationals for orders 1 and 2, linear programmes for more."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog

from splinear.core.status import Status
from splinear.univariate._interpolate_exchange import Exchange
from splinear.univariate.interpolate import interpolate

rows = st.lists(
    st.tuples(st.integers(-8, 8), st.integers(-9, 9)),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row[0],
)


def rational_bound(x, y, order):
    """A dual point and its value in rationals: a proof of least variation.

    p is orthogonal to polynomials of degree < order, and eta_p is 1 or -1 where the
    data bend, 0 elsewhere, of degree order - 1 between sites: at most 1 everywhere.
    """
    x, y = [Fraction(v) for v in x], [Fraction(v) for v in y]
    n = len(x)
    slopes = [(y[i + 1] - y[i]) / (x[i + 1] - x[i]) for i in range(n - 1)]
    p = [Fraction(0)] * n
    if order == 1:
        for i in range(n - 1):
            sign = (y[i + 1] > y[i]) - (y[i + 1] < y[i])
            p[i] -= sign
            p[i + 1] += sign
    else:
        for i in range(1, n - 1):
            sign = (slopes[i] > slopes[i - 1]) - (slopes[i] < slopes[i - 1])
            before, after = 1 / (x[i] - x[i - 1]), 1 / (x[i + 1] - x[i])
            p[i - 1] += sign * before
            p[i] -= sign * (before + after)
            p[i + 1] += sign * after
    for power in range(order):
        assert sum(v * t**power for v, t in zip(p, x, strict=True)) == 0
    for site in x:
        parts = [
            v * ((t - site) if order == 2 else 1)
            for v, t in zip(p, x, strict=True)
            if t > site
        ]
        assert abs(sum(parts)) <= 1
    return sum(v * t for v, t in zip(p, y, strict=True))


@pytest.mark.parametrize("order", [1, 2])
@settings(deadline=None, max_examples=150)
@given(points=rows)
def test_least_variation_in_rationals(order, points):
    x, y = (list(column) for column in zip(*sorted(points), strict=True))
    fit = interpolate(x, y, order=order)
    assert fit.converged
    assert fit.certificate.kind == "exact"
    assert_allclose(fit.value(x), y, atol=1e-12)  # numbers up to 1e2, few roundings
    bound = float(rational_bound(x, y, order))
    assert_allclose(fit.objective, bound, rtol=1e-13, atol=1e-13)
    assert fit.certificate.relative_gap <= 1e-13


def test_oracle_1():
    fit = interpolate([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    assert fit.objective == 2.0
    assert_array_equal(fit.value.knots, [1.0])
    assert_array_equal(fit.value.jumps, [-2.0])


def test_order_1_has_one_knot_per_change():
    fit = interpolate([0, 1, 2, 3, 4], [1, 1, 2, 2, 0], order=1)
    assert_array_equal(fit.value.knots, [1.5, 3.5])
    assert fit.objective == 3.0


def test_order_2_knots_at_data_or_fewest():
    x, y = np.arange(4.0), np.array([0.0, 0.0, 1.0, 3.0])
    assert_array_equal(interpolate(x, y).value.knots, [1.5])
    plain = interpolate(x, y, fewest_knots=False)
    assert_array_equal(plain.value.knots, [1.0, 2.0])
    assert plain.objective == interpolate(x, y).objective == 2.0


@pytest.mark.parametrize(("order", "peak"), [(3, 3 / 4), (4, 2 / 3)])
def test_one_row_in_closed_form(order, peak):
    # One B-spline on a unit grid; its peak decides: y = (0, ..., 0, 1).
    y = np.eye(order + 1)[-1]
    fit = interpolate(np.arange(order + 1.0), y, order=order)
    assert_allclose(fit.objective, 1 / peak, rtol=1e-12)
    assert_allclose(fit.value.knots, [order / 2], rtol=1e-12)


def grid_programme(x, y, order, size=1201):
    """Knots on a dense grid, truncated powers, no B-spline: (upper, lower) bounds."""
    grid = np.union1d(np.linspace(x[0], x[-1], size), x)[1:-1]
    scale = math.factorial(order - 1)
    green = np.maximum(x[:, None] - grid, 0.0) ** (order - 1) / scale
    powers = x[:, None] ** np.arange(order)
    answer = linprog(
        np.concatenate((np.ones(2 * grid.size), np.zeros(order))),
        A_eq=np.hstack((green, -green, powers)),
        b_eq=y,
        bounds=[(0, None)] * (2 * grid.size) + [(None, None)] * order,
    )
    fine = np.linspace(x[0], x[-1], 10 * size)
    eta = (np.maximum(x[:, None] - fine, 0.0) ** (order - 1) / scale).T
    peak = np.max(np.abs(eta @ answer.eqlin.marginals))
    return answer.fun, answer.fun / max(1.0, peak)


@pytest.mark.parametrize("order", [3, 4])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_against_a_dense_grid(order, seed):
    rng = np.random.default_rng(seed)
    x = np.linspace(0.0, 1.0, 9) + 0.08 * rng.random(9) * (seed > 0)
    y = rng.normal(size=9)
    fit = interpolate(x, y, order=order)
    upper, lower = grid_programme(x, y, order)
    # HiGHS is exact to 1e-7; the lower bound samples eta at steps of 1e-4.
    assert fit.objective <= upper * (1 + 1e-6)
    assert fit.objective >= lower * (1 - 1e-6)
    assert upper / lower < 1.001


def problems():
    rng = np.random.default_rng(3)
    for n in (5, 6, 12, 40, 64):
        yield np.arange(n), rng.normal(size=n)
        yield rng.random(n), rng.normal(size=n)
        yield rng.random(n), np.sin(9 * np.arange(n) / n)
        yield 1e-6 * rng.random(n), 1e6 * rng.normal(size=n)
    yield np.arange(20.0), np.sign(np.arange(20.0) - 9.5)
    yield np.arange(12.0), np.exp(np.arange(12.0))


@pytest.mark.parametrize("order", [3, 4])
def test_certificates(order):
    for x, y in problems():
        fit = interpolate(x, y, order=order)
        assert fit.status is Status.CONVERGED
        assert fit.certificate.kind == "exact"
        assert fit.certificate.relative_gap <= 1e-10
        assert fit.value.knots.size <= x.size - order
        # Rounding times the overshoot between random sites, up to 1e3 here.
        assert_allclose(fit.value(x), y, atol=1e-12 * np.max(np.abs(y)))


@pytest.mark.parametrize("order", [3, 4])
def test_far_sites_reach_what_doubles_hold(order):
    x, y = 1e9 + np.arange(40), np.random.default_rng(8).normal(size=40)
    fit = interpolate(x, y, order=order, tol=1e-7)
    # Knots are rounded to 1.2e-7 of a gap, and with them values and variation.
    assert fit.converged
    assert fit.stats["misfit"] == np.max(np.abs(fit.value(x) - y)) <= 2e-7


@pytest.mark.parametrize("order", [3, 4])
def test_polynomials_have_no_knots(order):
    x = np.sort(np.random.default_rng(4).random(30))
    y = 1.0 + (x - 0.3) ** (order - 1)
    fit = interpolate(x, y, order=order)
    assert fit.value.knots.size == 0
    assert fit.objective == 0.0
    assert_allclose(fit.value(x), y, rtol=1e-13)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_few_points(order, n):
    x, y = 2.0 + np.arange(n), np.array([1.0, -1.0, 4.0, 2.0])[:n]
    fit = interpolate(x, y, order=order)
    assert_allclose(fit.value(x), y, rtol=1e-13)
    assert (fit.value.knots.size == 0) == (n <= order)


@pytest.mark.parametrize("order", [3, 4])
def test_extreme_kinks_of_one_sign_cost_their_sum(order):
    # f^(m) >= 0 everywhere: eta = 1 inside, the least variation is of any such f.
    x = np.arange(10.0)
    fit = interpolate(x, x**order, order=order)
    jumps = fit.value.jumps
    assert np.all(jumps > 0)
    assert fit.certificate.relative_gap <= 1e-10


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_scaling_and_ties(order):
    rng = np.random.default_rng(5)
    x, y = rng.random(12), rng.normal(size=12)
    base = interpolate(x, y, order=order)
    twice = interpolate(np.tile(x, 2), np.tile(y, 2), order=order)
    assert twice.objective == base.objective
    # O-15: x -> s x divides the variation by s^(m-1), y -> c y multiplies it by c.
    moved = interpolate(3.0 * x, 2.0 * y, order=order)
    expected = 2.0 * base.objective / 3.0 ** (order - 1)
    assert_allclose(moved.objective, expected, rtol=1e-9)


def test_derivative_matrix_by_differences():
    t = np.sort(np.random.default_rng(6).random(12))
    for order in (3, 4):
        method = Exchange(t, np.ones(t.size - order), order, 1e-11)
        spots, h = t[3] + (t[8] - t[3]) * np.array([0.11, 0.52, 0.83]), 1e-6
        ahead, behind = method.matrix(spots + h), method.matrix(spots - h)
        expected = (ahead - behind).toarray() / (2 * h)
        # Central differences: h^2 times a third derivative of at most 1e5.
        assert_allclose(method.matrix(spots, 1).toarray(), expected, atol=1e-5)


def test_refusals():
    with pytest.raises(ValueError, match="cannot interpolate: x = 1"):
        interpolate([0.0, 1.0, 1.0], [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="order must be"):
        interpolate([0.0, 1.0], [0.0, 1.0], order=5)
    with pytest.raises(ValueError, match="finite"):
        interpolate([0.0, np.nan], [0.0, 1.0])
    with pytest.raises(ValueError, match="at least one"):
        interpolate([], [])


@pytest.mark.parametrize("order", [3, 4])
def test_a_miss_is_called_a_miss(order):
    # Noise on gaps of 1e-13 of the range: no double spline follows it.
    rng = np.random.default_rng(9)
    u = rng.random(20)
    fit = interpolate(np.where(u < 0.5, 1e-12 * u, u), rng.normal(size=20), order=order)
    missed = fit.stats["misfit"] > 1e-5
    assert missed
    assert fit.status is Status.STALLED
    assert fit.certificate.kind == "heuristic"
