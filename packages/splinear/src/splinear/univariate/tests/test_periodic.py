"""Splines on a circle: ranges of eta, hand solutions, a conic solver."""

import json
import math

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.univariate.periodic import (
    CirclePricer,
    PeriodicSpline,
    bernoulli_atom,
    solve,
    wrap,
)
from splinear.univariate.samples import gather

ORDERS = [1, 2, 3, 4]
LONG = np.longdouble
BERNOULLI = {1: [1, -1 / 2], 2: [1, -1, 1 / 6], 3: [1, -3 / 2, 1 / 2, 0]}
BERNOULLI[4] = [1, -2, 1, 0, LONG(-1) / 30]


def slow_atom(t, order, period):
    u = np.mod(np.asarray(t, dtype=LONG), period) / LONG(period)
    coef = np.array(BERNOULLI[order], dtype=LONG)
    if order == 2:
        coef[2] = LONG(1) / 6
    value = sum(c * u ** (order - k) for k, c in enumerate(coef))
    return -(LONG(period) ** (order - 1)) * value / math.factorial(order)


def data(n, seed=0, period=2.0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, period, n)
    y = np.sin(2 * np.pi * x / period) + np.abs(x - 0.7) + 0.2 * rng.normal(size=n)
    return gather(x, y, rng.uniform(0.5, 2.0, n))


def eta_range(samples, p, order, period):
    """Range of eta by dense sampling and refinement in long double."""
    x = samples.x.astype(LONG)

    def eta(t):
        return p @ slow_atom(x[:, None] - t, order, period)

    ends = np.r_[x, x[0] + period]
    inner = (
        ends[:-1, None] + np.diff(ends)[:, None] * np.linspace(0, 1, 30)[1:-1]
    ).ravel()
    start = inner if order == 1 else np.r_[x, inner]
    result = []
    for sign in (1.0, -1.0):
        best, width, top = start, float(np.diff(ends).max()) / 16, -np.inf
        for _ in range(1 if order == 1 else 30):
            value = sign * eta(best)
            top = max(top, float(value.max()))
            keep = best[np.argsort(-value)[:8]]
            best = (keep[:, None] + width * np.linspace(-1, 1, 9, dtype=LONG)).ravel()
            width *= 0.45
        result.append(top)
    return result


def recomputed_gap(samples, period, alpha, order, fit):
    y, w = samples.y.astype(LONG), samples.w.astype(LONG)
    f = fit.value(samples.x).astype(LONG)
    p = w * (y - f)
    p -= w * (p.sum() / w.sum())
    lam = LONG(alpha * samples.total)
    high, low = eta_range(samples, p, order, period)
    s = min(LONG(1), lam / LONG((high + low) / 2))
    primal = (p @ (p / w)) / 2 + lam * fit.value.variation
    dual = s * (p @ y) - s * s * (p @ (p / w)) / 2
    objective = float(primal + samples.tie_loss) / samples.total
    assert_allclose(objective, fit.objective, rtol=1e-11)
    return float(primal - dual) / samples.total


def null_objective(samples):
    mean = samples.w @ samples.y / samples.total
    return 0.5 * samples.w @ (samples.y - mean) ** 2 / samples.total


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("alpha", [1e-1, 1e-3, 1e-5])
def test_gap_is_closed_and_recomputed(order, alpha):
    samples, period = data(25), 2.0
    fit = solve(samples, period, alpha, order=order, tol=1e-10)
    assert fit.converged
    assert fit.certificate.kind == "exact"
    gap = recomputed_gap(samples, period, alpha, order, fit)
    # The difference of two sums, and f rounded to double, cost some 1e-13.
    assert -1e-12 <= gap / null_objective(samples) <= 1.1e-10


@pytest.mark.parametrize("order", ORDERS)
def test_atom_and_pieces_agree_with_definitions(order):
    rng = np.random.default_rng(1)
    t = rng.uniform(-3, 3, 50)
    assert_allclose(bernoulli_atom(t, order, 1.7), slow_atom(t, order, 1.7), atol=1e-14)
    x = np.r_[0.0, np.sort(rng.uniform(0, 1.7, 6))]
    p = rng.normal(size=7)
    p -= p.mean()
    pieces = CirclePricer(x, order, 1.7).pieces(p)
    for j, h in enumerate(np.diff(np.r_[x, 1.7])):
        s = h * np.array([0.1, 0.5, 0.9])
        fast = sum(c * s**k for k, c in enumerate(pieces[:, j]))
        slow = p @ slow_atom(x[:, None] - (x[j] + s), order, 1.7)
        assert_allclose(fast, slow.astype(float), atol=1e-13)


@pytest.mark.parametrize("order", [1, 2])
def test_against_a_conic_solver(order):
    samples, period, alpha = data(20, seed=2), 2.0, 3e-3
    n, h = 20, np.diff(np.r_[samples.x, samples.x[0] + period])
    D = np.roll(np.eye(n), 1, axis=1) - np.eye(n)
    if order == 2:
        slopes = D / h[:, None]
        D = slopes - np.roll(slopes, 1, axis=0)
    f = cp.Variable(n)
    rest = cp.multiply(np.sqrt(samples.w), samples.y - f)
    lam = alpha * samples.total
    cost = 0.5 * cp.sum_squares(rest) + lam * cp.norm1(D @ f)
    other = cp.Problem(cp.Minimize(cost)).solve(solver=cp.CLARABEL) / samples.total
    fit = solve(samples, period, alpha, order=order, tol=1e-12)
    assert_allclose(fit.objective, other, rtol=1e-7)  # Clarabel's accuracy


@pytest.mark.parametrize("order", [3, 4])
def test_grid_objective_is_above_and_close(order):
    samples, period, alpha = data(12, seed=3), 2.0, 1e-4
    grid = np.linspace(0, period, 240, endpoint=False)
    columns = slow_atom(samples.x[:, None] - grid, order, period).astype(float)
    a, c = cp.Variable(grid.size), cp.Variable()
    rest = cp.multiply(np.sqrt(samples.w), samples.y - columns @ a - c)
    cost = 0.5 * cp.sum_squares(rest) + alpha * samples.total * cp.norm1(a)
    problem = cp.Problem(cp.Minimize(cost), [cp.sum(a) == 0])
    other = problem.solve(solver=cp.CLARABEL) / samples.total
    fit = solve(samples, period, alpha, order=order, tol=1e-12)
    assert fit.objective * (1 - 1e-7) <= other <= fit.objective * (1 + 2e-3)


def test_two_points_by_hand():
    # Order 1: two jumps of d cost 2 lam d; order 2: hat of height d on half periods
    # has kinks 2 d / h each, h = T / 2, so costs 4 lam d / h.
    samples, lam, T = gather([0.0, 1.0], [0.0, 1.0]), 0.05, 2.0
    for order, price in [(1, 2 * lam), (2, 4 * lam)]:
        fit = solve(samples, T, lam / 2, order=order, tol=1e-13)
        d = 1 - 2 * price
        assert_allclose(2 * fit.objective, price**2 + price * d, rtol=1e-13)


@pytest.mark.parametrize("order", ORDERS)
def test_value_is_periodic_smooth_and_saved(order):
    samples, period = data(30, seed=4), 2.0
    f = solve(samples, period, 1e-4, order=order, tol=1e-10).value
    again = PeriodicSpline.from_dict(json.loads(json.dumps(f.to_dict())))
    x = np.linspace(-3, 5, 41)
    np.testing.assert_array_equal(f(x), again(x))
    assert_allclose(f(x + 4 * period), f(x), atol=1e-12)
    if order > 1:
        edge = f(np.array([f.origin - 1e-9, f.origin]))
        slope = np.abs(np.diff(f(np.linspace(0, 2, 999)))).max() * 500
        assert abs(edge[1] - edge[0]) <= 4e-9 * slope + 1e-13


@pytest.mark.parametrize("order", ORDERS)
def test_shifting_rotates(order):
    samples, period, alpha = data(15, seed=5, period=1.0), 1.0, 1e-3
    fit = solve(samples, period, alpha, order=order, tol=1e-12)
    moved = gather(np.mod(samples.x + 0.375, 1.0), samples.y, samples.w)
    again = solve(moved, period, alpha, order=order, tol=1e-12)
    assert_allclose(again.objective, fit.objective, rtol=1e-11)
    assert_allclose(again.value(samples.x + 0.375), fit.value(samples.x), atol=1e-7)


@pytest.mark.parametrize("order", ORDERS)
def test_degenerate_data(order):
    assert solve(gather([5.0], [2.0]), 1.0, 0.1, order=order).certificate.gap == 0.0
    tied = solve(gather([0.0, 1.0, 2.0], [0.0, 1.0, 5.0]), 1.0, 0.1, order=order)
    assert_allclose(tied.value(np.array([0.3])), 2.0, rtol=1e-14)
    flat = solve(gather([0.0, 0.3, 0.4], [7.0] * 3), 1.0, 0.1, order=order)
    assert flat.value.variation == 0.0
    big = solve(data(20), 2.0, 1e6, order=order, tol=1e-12)
    assert big.stats["n_knots"] == 0
    assert_allclose(big.objective, null_objective(data(20)), rtol=1e-13)
    far = gather(2.0**30 + np.array([0.0, 1.0, 2.5, 3.0]) * 2.0**-18, [0.0, 1, -1, 0])
    assert solve(far, 2.0**-16, 1e-3, order=order, tol=1e-10).converged


def test_wrap_merges_positions_one_period_apart():
    origin, circle = wrap(gather([1.0, 2.0, 5.0], [0.0, 1.0, 2.0]), 4.0)
    assert origin == 1.0
    np.testing.assert_array_equal(circle.x, [0.0, 1.0])
    assert circle.tie_loss == 1.0


@pytest.mark.parametrize("bad", [{"order": 5}, {"period": 0.0}, {"alpha": -1.0}])
def test_refusals(bad):
    arguments = {"period": 1.0, "alpha": 0.1, "order": 2} | bad
    with pytest.raises(ValueError, match=next(iter(bad))):
        solve(data(5), **arguments)


@pytest.mark.parametrize("order", ORDERS)
def test_clustered_sites(order):
    # A corrective step that drops every newcomer stalls here at a gap of 1e-3.
    rng = np.random.default_rng(0)
    x = np.r_[rng.uniform(0, 1, 23), 0.5 + 1e-12 * np.arange(20)]
    samples = gather(x, np.sin(6 * x) + 0.1 * rng.normal(size=43))
    fit = solve(samples, 1.01, 1e-3 * 0.1**order, order=order, tol=1e-10)
    assert fit.converged
