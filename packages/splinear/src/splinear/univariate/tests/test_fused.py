"""Order 1: certificates over hard problems, three oracles, laws."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import lsq_linear

from splinear.core.status import Status
from splinear.univariate.fused import alpha_max, solve
from splinear.univariate.samples import Samples, gather


def problems():
    """Hard data: offsets, weights over 1e8, ties, clusters, 63 and 64 points."""
    rng = np.random.default_rng(7)
    for n in (2, 3, 63, 64, 1000):
        x, y = rng.random(n), rng.normal(size=n)
        yield gather(x, y)
        yield gather(1e9 + 1e-6 * np.arange(n), y)
        yield gather(x, y + 1e6)
        yield gather(x, y, 10.0 ** rng.uniform(-8, 0, n))
        yield gather(np.round(x, 1), np.round(y))
        yield gather(np.where(x < 0.5, x * 1e-12, x), y)


def recomputed_gap(samples: Samples, alpha: float, spline) -> float:
    """Relative gap from nothing but the spline, in extended precision.

    The dual point is u, prefix sums of the residual, set to -+lam at the jumps and
    clipped elsewhere: feasible whatever the spline is. (The residual itself, scaled,
    is a worse point: at y = 1e6 it feels the rounding of the values to first order.)
    """
    w, y = samples.w.astype(np.longdouble), samples.y.astype(np.longdouble)
    r = y - spline(samples.x)
    lam = alpha * w.sum()
    u = np.clip(np.cumsum(w * r)[:-1], -lam, lam)
    u[np.searchsorted(samples.x, spline.knots) - 1] = -np.sign(spline.jumps) * lam
    p = np.diff(u, prepend=0.0, append=0.0)
    z = y - np.dot(w, y) / w.sum()
    null = 0.5 * np.dot(w, z**2) + samples.tie_loss
    energy = np.finfo(float).eps * 0.5 * np.dot(w, samples.y**2)
    gap = 0.5 * np.sum((w * r - p) ** 2 / w)
    return float(gap / max(null, energy, np.finfo(float).tiny))


def rational_levels(y, w, lam):
    """Solve the optimality conditions in rationals by trying all contact patterns."""
    n = len(y)
    for pattern in product((0, 1, -1), repeat=n - 1):
        ends = [j + 1 for j in range(n - 1) if pattern[j]] + [n]
        levels, start, side = [], 0, 0
        for end in ends:
            new = pattern[end - 1] if end < n else 0
            total = sum(w[i] * y[i] for i in range(start, end)) + (new - side) * lam
            level = total / sum(w[start:end])
            levels += [level] * (end - start)
            start, side = end, new
        u, good = Fraction(0), True
        for j in range(n - 1):
            u += w[j] * (y[j] - levels[j])
            jump = levels[j + 1] - levels[j]
            good = good and abs(u) <= lam and lam * abs(jump) == -u * jump
        if good:
            return levels
    raise AssertionError("the optimality conditions have a solution")


@pytest.mark.parametrize("ratio", [2.0, 1.0, 0.3, 1e-2, 1e-5, 1e-9, 1e-12])
def test_gap_is_rounding_on_hard_problems(ratio):
    for samples in problems():
        alpha = ratio * alpha_max(samples)
        result = solve(samples, alpha, tol=1e-12)
        assert result.status is Status.CONVERGED
        assert result.certificate.kind == "exact"
        # The target of the issue; the independent figure sees the rounding of values.
        assert recomputed_gap(samples, alpha, result.value) <= 1e-10


def test_rational_oracle():
    rng = np.random.default_rng(0)
    for _ in range(60):
        n = int(rng.integers(1, 7))
        y, w = rng.integers(-4, 5, n), rng.integers(1, 4, n)
        alpha = Fraction(int(rng.integers(1, 9)), 4)
        exact = rational_levels(
            [Fraction(int(v)) for v in y],
            [Fraction(int(v)) for v in w],
            alpha * int(w.sum()) / 8,
        )
        samples = gather(np.arange(n), y, w)
        fit = solve(samples, float(alpha / 8), tol=1e-13).value
        # Values up to 4 with a few roundings each.
        assert_allclose(fit(samples.x), [float(v) for v in exact], atol=1e-14)


def test_dense_dual_oracle():
    rng = np.random.default_rng(1)
    for n in (2, 5, 30):
        samples = gather(rng.random(n), rng.normal(size=n), rng.uniform(0.1, 2.0, n))
        alpha = 0.2 * alpha_max(samples)
        lam, root = alpha * samples.total, np.sqrt(samples.w)
        d = np.diff(np.eye(n), axis=0)
        dual = lsq_linear(
            d.T / root[:, np.newaxis], root * samples.y, (-lam, lam), tol=1e-14
        )
        expected = samples.y - d.T @ dual.x / samples.w
        # The oracle, an active-set method, stops near the root of eps.
        fit = solve(samples, alpha).value
        assert_allclose(fit(samples.x), expected, atol=1e-6)


def test_alpha_max_is_where_jumps_begin():
    samples = gather(np.arange(50.0), np.random.default_rng(2).normal(size=50))
    top = alpha_max(samples)
    assert solve(samples, top * (1 + 1e-12)).value.knots.size == 0
    assert solve(samples, top * (1 - 1e-6)).value.knots.size == 1


def test_step_is_found_and_shrunk():
    x = np.arange(10.0)
    fit = solve(gather(x, np.where(x < 5, 0.0, 1.0)), alpha=0.1)
    assert_array_equal(fit.value.knots, [4.5])
    # Each half of five points moves by alpha * 10 / 5.
    assert_allclose(fit.value(x), np.where(x < 5, 0.2, 0.8), rtol=1e-15)
    assert_allclose(fit.value.variation, 0.6, rtol=1e-15)


def test_constant_and_single():
    for samples in (gather([3.0], [2.0]), gather(np.arange(64.0), np.full(64, 0.1))):
        fit = solve(samples, 0.1)
        assert fit.value.knots.size == 0
        assert fit.objective == pytest.approx(0.0, abs=1e-30)
        assert fit.certificate.gap == pytest.approx(0.0, abs=1e-30)


def test_neighbouring_doubles_keep_their_values():
    x = np.array([1.0, np.nextafter(1.0, 2.0), 2.0])
    fit = solve(gather(x, [0.0, 5.0, 0.0]), 1e-3)
    assert_array_equal(fit.value.knots, [x[1], 1.5])
    assert_allclose(fit.value(x), [0.003, 4.994, 0.003], rtol=1e-12)


data = st.lists(
    st.tuples(st.integers(0, 20), st.integers(-5, 5), st.integers(1, 4)),
    min_size=1,
    max_size=25,
)


@settings(deadline=None, max_examples=150)
@given(data, st.floats(1e-3, 10.0))
def test_laws(rows, alpha):
    x, y, w = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    samples = gather(x, y, w)
    base = solve(samples, alpha, tol=1e-13)
    theta = base.value(samples.x)
    assert base.converged
    assert recomputed_gap(samples, alpha, base.value) <= 1e-13
    # O-15: shifts, reflection, scaling, and rows against weights.
    moved = solve(gather(x, y + 3.0, w), alpha).value
    assert_allclose(moved(samples.x), theta + 3.0, atol=1e-12)
    mirrored = solve(gather(-x, y, w), alpha).value
    assert_allclose(mirrored(-samples.x[::-1]), theta[::-1], atol=1e-12)
    scaled = solve(gather(x, 4.0 * y, w), 4.0 * alpha)
    assert_allclose(scaled.value(samples.x), 4.0 * theta, atol=1e-12)
    repeated = gather(np.repeat(x, w.astype(int)), np.repeat(y, w.astype(int)))
    again = solve(repeated, alpha)
    assert_allclose(again.value(samples.x), theta, atol=1e-12)
    assert_allclose(again.objective, base.objective, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.nan, np.inf])
def test_refuses_alpha(alpha):
    with pytest.raises(ValueError, match="alpha must be"):
        solve(gather([0.0, 1.0], [0.0, 1.0]), alpha)


def test_refuses_order():
    with pytest.raises(ValueError, match="order must be 1"):
        solve(gather([0.0, 1.0], [0.0, 1.0]), 1.0, order=2)
