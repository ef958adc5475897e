"""Gridless splines: oracle O-5, exact certificates over hard problems, identities."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.core import Status
from splinear.univariate.gridless import alpha_max, dual_sup, duality_gap, solve
from splinear.univariate.samples import gather
from splinear.univariate.tests.gridless_oracle import exact_relative_gap

SIX = gather(np.arange(6.0), [0.0, 0.0, 1.0, 0.0, 0.0, 1.0])


def _clustered(rng):
    near = [c + 10.0**-k * rng.random(8) for c, k in ((0.1, 12), (0.5, 6), (0.9, 3))]
    x = np.concatenate([*near, rng.random(20)])
    return gather(x, np.sin(6 * x) + 0.3 * rng.normal(size=x.size))


def hard_problems():
    rng = np.random.default_rng(0)
    steps = 1e-6 * np.cumsum(rng.integers(1, 9, 63))
    line = np.linspace(-1.0, 1.0, 63)
    return {
        "random63": gather(rng.random(63), rng.normal(size=63)),
        "random64": gather(rng.random(64), rng.normal(size=64)),
        "clustered": _clustered(rng),
        "ties": gather(rng.integers(0, 20, 60) / 3.0, rng.normal(size=60)),
        "offset": gather(1e9 + steps, rng.normal(size=63)),
        "constant": gather(rng.random(30), np.full(30, 3.7)),
        "quadratic": gather(np.arange(30.0) / 7, (np.arange(30.0) / 7) ** 2),
        "one": gather([1.0], [2.0]),
        "two": gather([1.0, 2.0], [2.0, 5.0]),
        "four": gather([1.0, 2.0, 4.0, 4.5], [2.0, 5.0, 1.0, 3.0]),
        "five": gather([1.0, 2.0, 4.0, 4.5, 7.0], [2.0, 5.0, 1.0, 3.0, 3.0]),
        "weights": gather(
            rng.random(64), rng.normal(size=64), 10.0 ** rng.uniform(-4, 4, 64)
        ),
        "units": gather(1e-7 * rng.random(64), 1e20 * rng.normal(size=64)),
        "step": gather(line, np.sign(line)),
    }


PROBLEMS = hard_problems()


def _alpha(samples, order, share):
    largest = alpha_max(samples, order)
    return share * largest if largest > 0.0 else share


def _certified(samples, order, alpha):
    result = solve(samples, order, alpha, tol=1e-10)
    assert result.status is Status.CONVERGED
    assert result.certificate.relative_gap <= 1e-10
    # Relative to the null objective: what the returned arrays prove on their own.
    assert exact_relative_gap(result.value, samples, alpha) <= 1e-10
    return result


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(("order", "share"), [(3, 1e-3), (4, 1e-3), (4, 2.0)])
def test_the_gap_is_small_and_recomputed_with_a_hundred_digits(name, order, share):
    samples = PROBLEMS[name]
    _certified(samples, order, _alpha(samples, order, share))


@pytest.mark.parametrize("name", ["random63", "random64", "offset", "units", "weights"])
@pytest.mark.parametrize("order", [3, 4])
def test_alpha_near_zero_is_certified_near_interpolation(name, order):
    samples = PROBLEMS[name]
    alpha = _alpha(samples, order, 1e-12)
    result = solve(samples, order, alpha, tol=1e-10)
    assert result.certificate.relative_gap <= 1e-10
    fresh = duality_gap(result.value, samples, alpha)
    assert fresh.relative_gap <= 1e-9
    scale = np.max(np.abs(samples.y))
    # Weights down to 1e-8 of the largest leave their rows free, hence not "weights".
    if name != "weights":
        assert_allclose(result.value(samples.x), samples.y, atol=1e-3 * scale)


@pytest.mark.parametrize("order", [5, 6])
def test_quartic_and_quintic(order):
    _certified(PROBLEMS["random63"], order, _alpha(PROBLEMS["random63"], order, 1e-3))


@pytest.mark.parametrize("order", [3, 4])
def test_above_alpha_max_the_fit_is_a_polynomial(order):
    samples = PROBLEMS["random63"]
    largest = alpha_max(samples, order)
    for share, count in ((2.0, 0), (1.0 + 1e-12, 0), (1.0 - 1e-6, 1)):
        result = solve(samples, order, share * largest, tol=1e-13)
        assert result.value.knots.size == count
    null = solve(samples, order, 2.0 * largest).value(samples.x)
    z = samples.x - 0.5
    poly = np.polynomial.Polynomial.fit(z, samples.y, order - 1)(z)
    assert_allclose(null, poly, atol=1e-12)  # both are backward stable


def test_oracle_5_two_knots_off_the_data():
    result = solve(SIX, 3, 0.05 / 6, tol=0.0)
    f = result.value
    # The spec prints 9 to 12 digits; a gap of 1e-16 fixes knots to its square root.
    assert_allclose(6 * result.objective, 0.280340117389, rtol=2e-12)
    assert_allclose(f.knots, [1.35342422, 2.83301231], atol=6e-8)
    assert_allclose(f.jumps, [-1.14669958, 1.95653972], atol=1e-7)
    assert_allclose(f.variation, 3.1032393047, atol=1e-7)


def test_oracle_5_one_knot():
    result = solve(SIX, 3, 0.1 / 6, tol=0.0)
    assert_allclose(6 * result.objective, 0.36486177, atol=5e-9)  # as printed
    assert_allclose(result.value.knots, [2.898], atol=5e-4)  # as printed


def _lasso_on_grid(samples, order, lam, knots):
    """Objective of the best spline with knots on a grid, by coordinate descent."""
    x, y, w = samples.x, samples.y, np.sqrt(samples.w)
    powers = w[:, None] * np.vander(x, order)
    basis, _ = np.linalg.qr(powers)
    ramp = np.maximum(x[:, None] - knots, 0.0) ** (order - 1)
    ramp = w[:, None] * ramp / np.prod(np.arange(1, order))
    ramp, y = ramp - basis @ (basis.T @ ramp), w * y - basis @ (basis.T @ (w * y))
    a, r = np.zeros(knots.size), y.copy()
    norms = np.sum(ramp**2, axis=0)
    for _ in range(4000):
        for j in np.flatnonzero(norms > 1e-12):
            rho = ramp[:, j] @ r + norms[j] * a[j]
            fresh = np.sign(rho) * max(abs(rho) - lam, 0.0) / norms[j]
            if fresh != a[j]:
                r -= ramp[:, j] * (fresh - a[j])
                a[j] = fresh
    return 0.5 * r @ r + lam * np.sum(np.abs(a))


@pytest.mark.parametrize(("lam", "at_data"), [(0.05, 0.29828571), (0.1, 0.36684046)])
def test_oracle_5_knots_at_the_data_cost_more(lam, at_data):
    objective = 6 * solve(SIX, 3, lam / 6, tol=1e-12).objective
    on_data = _lasso_on_grid(SIX, 3, lam, SIX.x[1:-1])
    assert_allclose(on_data, at_data, atol=5e-9)  # as printed
    assert objective < on_data - 1e-3
    fine = _lasso_on_grid(SIX, 3, lam, np.linspace(0.0, 5.0, 101)[1:-1])
    # A grid of width h loses second order in h, here 0.05.
    assert objective <= fine + 1e-12
    assert fine - objective < 1e-4


@pytest.mark.parametrize("order", [3, 4])
def test_oracle_15_scaling_and_translation(order):
    rng = np.random.default_rng(1)
    x, y = np.sort(rng.random(50)), rng.normal(size=50)
    alpha = 1e-2 * alpha_max(gather(x, y), order)
    base = solve(gather(x, y), order, alpha, tol=1e-13).value
    tol = {"rtol": 0.0, "atol": 1e-5}  # a gap of 1e-13 fixes values to its root
    poly = 3.0 - 2.0 * x + 5.0 * x ** (order - 1)
    f = solve(gather(x, y + poly), order, alpha, tol=1e-13).value
    assert_allclose(f(x) - poly, base(x), **tol)
    f = solve(gather(x, -7.0 * y), order, 7.0 * alpha, tol=1e-13).value
    assert_allclose(f(x), -7.0 * base(x), **tol)
    f = solve(gather(3.0 * x, y), order, 3.0 ** (order - 1) * alpha, tol=1e-13).value
    assert_allclose(f(3.0 * x), base(x), **tol)
    assert_allclose(f.variation * 3.0 ** (order - 1), base.variation, rtol=1e-6)
    f = solve(gather(-x, y), order, alpha, tol=1e-13).value
    assert_allclose(f(-x), base(x), **tol)


@pytest.mark.parametrize("order", [3, 4])
def test_oracle_15_euler_identity_and_orthogonality(order):
    samples = PROBLEMS["random64"]
    alpha = 1e-3 * alpha_max(samples, order)
    f = solve(samples, order, alpha, tol=1e-13).value
    r = samples.w * (samples.y - f(samples.x))
    lam = alpha * samples.total
    # <p, f> = lam TV, to the accuracy that the gap leaves.
    assert_allclose(r @ f(samples.x), lam * f.variation, rtol=1e-8)
    for power in range(order):
        assert abs(r @ samples.x**power) < 1e-11  # 64 terms of size one, roundings


def test_ties_are_one_site_with_weight_two():
    x, y = np.array([0.0, 1, 1, 2, 3, 4, 5]), np.array([0.0, 2, 0, -1, 1, 0, 1])
    one = solve(gather(x, y), 3, 1e-3, tol=1e-12)
    keep = np.array([0, 1, 3, 4, 5, 6])
    z = np.where(x[keep] == 1.0, 1.0, y[keep])
    two = solve(gather(x[keep], z, [1, 2, 1, 1, 1, 1]), 3, 1e-3, tol=1e-12)
    assert_allclose(one.value(x), two.value(x), atol=1e-6)  # root of the gap
    # Rows at 1 have targets 2 and 0: they lose 1/2 + 1/2 over 7 rows.
    assert_allclose(one.objective, two.objective + 1.0 / 7.0, rtol=1e-12)


def test_dual_sup_agrees_with_a_dense_search():
    rng = np.random.default_rng(2)
    x, r = np.sort(rng.random(40)), rng.normal(size=40)
    samples = gather(x, r)
    grid = np.linspace(0.0, 1.0, 20001)
    for order in (3, 4, 5, 6):
        r_free = r - np.polynomial.Polynomial.fit(x, r, order - 1)(x)
        far = np.maximum(x - grid[:, None], 0.0) ** (order - 1)
        eta = far @ r_free / np.prod(np.arange(1, order))
        sup, place = dual_sup(samples, r, order)
        assert_allclose(sup, np.max(np.abs(eta)), rtol=1e-5)  # grid of width 5e-5
        assert_allclose(place, grid[np.argmax(np.abs(eta))], atol=1e-3)


def test_duality_gap_bounds_the_gap_of_any_spline():
    alpha = 0.05 / 6
    best = solve(SIX, 3, alpha, tol=1e-13)
    worse = best.value * 0.9
    r = SIX.y - worse(SIX.x)
    value = r @ r / 12 + alpha * worse.variation
    certificate = duality_gap(worse, SIX, alpha)
    assert certificate.gap >= value - best.objective
    assert certificate.bound <= best.objective
    assert_allclose(certificate.bound + certificate.gap, value, rtol=1e-13)


def test_a_start_saves_steps():
    samples = PROBLEMS["random64"]
    alpha = 1e-2 * alpha_max(samples, 4)
    cold = solve(samples, 4, alpha, tol=1e-10)
    warm = solve(samples, 4, 0.9 * alpha, tol=1e-10, start=cold.value)
    assert warm.converged
    assert warm.stats["n_iter"] <= cold.stats["n_iter"]


@pytest.mark.parametrize("order", [3, 4])
def test_many_rows(order):
    n = 20_000
    rng = np.random.default_rng(0)
    x = np.sort(rng.random(n))
    y = np.sin(6 * x) + 2 * np.abs(x - 0.37) - 5 * np.maximum(x - 0.7, 0)
    samples = gather(x, y + 0.5 * rng.normal(size=n))
    alpha = 1e-3 * alpha_max(samples, order)
    result = solve(samples, order, alpha, tol=1e-10)
    assert result.converged
    assert duality_gap(result.value, samples, alpha).relative_gap <= 1e-10


@pytest.mark.parametrize("order", [1, 2, 7, 3.5, "cubic"])
def test_other_orders_are_refused_in_words(order):
    with pytest.raises(ValueError, match="order must be 3, 4, 5 or 6"):
        solve(SIX, order, 0.1)


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.nan])
def test_alpha_must_be_positive(alpha):
    with pytest.raises(ValueError, match="alpha must be a finite number"):
        solve(SIX, 3, alpha)


@pytest.mark.parametrize("width", [1e-4, 1e-12])
def test_two_tiny_clusters_are_not_called_solved_unless_they_are(width):
    # All rows in two clusters: one polynomial must turn within each, and beyond
    # width^(m-1) near the rounding unit no double-precision basis holds it.
    rng = np.random.default_rng(0)
    x, y = rng.random(20), rng.normal(size=20)
    samples = gather(np.concatenate((width * x, 1.0 + width * x)), np.tile(y, 2))
    alpha = 1e-3 * alpha_max(samples, 4)
    result = solve(samples, 4, alpha, tol=1e-10, max_iter=60)
    if result.converged:
        assert exact_relative_gap(result.value, samples, alpha) <= 1e-10
    else:
        assert result.certificate.relative_gap > 1e-10
