"""Linear splines for any loss and shape: certificates, peers, laws, refusals."""

import itertools

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import linprog

from splinear.univariate.general import alpha_max, solve
from splinear.univariate.losses import make_loss
from splinear.univariate.shape import make_shape
from splinear.univariate.spline import Spline

LOSSES = ("squared", "huber", "quantile", "logistic")
SHAPES = tuple(
    itertools.product((None, "increasing", "decreasing"), (None, "convex", "concave"))
)
OPTIONS = {"quantile": 0.3, "delta": 0.2}


def data(loss, n=40, seed=0, ties=False):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.integers(0, 15, n) / 7.0 if ties else rng.uniform(0.0, 2.0, n))
    f = np.sin(4.0 * x) + 2.0 * np.abs(x - 0.8)
    y = f + 0.3 * rng.standard_normal(n)
    if loss == "logistic":
        y = (rng.uniform(size=n) < 1.0 / (1.0 + np.exp(-2.0 * f))).astype(float)
    return x, y, rng.uniform(0.5, 2.0, n)


def direct_objective(f, x, y, w, alpha, loss):
    rule = make_loss(loss, **OPTIONS)
    return float(np.dot(w, rule.value(y, f(x))) / w.sum() + alpha * f.variation)


def peer(x, y, w, alpha, loss, monotone=None, convex=None):
    """Optimal objective by cvxpy and Clarabel, in the values at the sites."""
    sites, where = np.unique(x, return_inverse=True)
    c = cp.Variable(sites.size)
    z, slopes = c[where], cp.multiply(cp.diff(c), 1.0 / np.diff(sites))
    kinks = cp.diff(slopes)
    q, delta = OPTIONS["quantile"], OPTIONS["delta"]
    rows = {
        "squared": lambda: 0.5 * cp.square(y - z),
        "huber": lambda: 0.5 * cp.huber(y - z, delta),
        "quantile": lambda: cp.maximum(q * (y - z), (q - 1.0) * (y - z)),
        "logistic": lambda: cp.logistic(z) - cp.multiply(y, z),
    }[loss]()
    signs = {"increasing": slopes >= 0, "decreasing": slopes <= 0}
    bends = {"convex": kinks >= 0, "concave": kinks <= 0}
    limits = [signs[monotone]] if monotone else []
    limits += [bends[convex]] if convex else []
    cost = w @ rows / w.sum() + alpha * cp.norm1(kinks)
    return cp.Problem(cp.Minimize(cost), limits).solve(cp.CLARABEL)


def recomputed_gap(f, x, y, w, alpha, loss):
    """Primal minus dual objective in long double, naive sums, squared or logistic."""
    x, y, w = (np.asarray(v, np.longdouble) for v in (x, y, w))
    w = w / w.sum()
    anchors = np.concatenate(([f.origin], f.knots)).astype(np.longdouble)
    piece = np.searchsorted(f.knots, x, side="right")
    table = f.coefficients.astype(np.longdouble)
    z = table[0, piece] + (x - anchors[piece]) * table[1, piece]
    if loss == "squared":
        pull, bend = w * (y - z), w
        value = 0.5 * w @ (y - z) ** 2
    else:
        s = 1 / (1 + np.exp(-z))
        pull, bend = w * (y - s), w * s * (1 - s)
        value = w @ (np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0) - y * z)
    design = np.stack([np.ones_like(x), x - x.mean()])
    for _ in range(3):
        system = (design * bend) @ design.T
        a, b, c, d = system[0, 0], system[0, 1], system[1, 0], system[1, 1]
        e, g = design @ pull
        shift = np.array([d * e - b * g, a * g - c * e]) / (a * d - b * c)
        pull = pull - bend * (shift @ design)
    moments = np.array([pull @ np.maximum(at - x, 0) for at in np.unique(x)])
    scale = min(np.longdouble(1), alpha / np.max(np.abs(moments)))
    p = scale * pull
    if loss == "squared":
        bound = p @ y - 0.5 * np.sum(p * p / w)
    else:
        prob = y - p / w
        bound = -np.sum(w * (_xlogx(prob) + _xlogx(1 - prob)))
    return float(value + alpha * np.longdouble(f.variation) - bound)


def _xlogx(v):
    return np.where(v > 0, v * np.log(np.where(v > 0, v, 1)), 0)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("monotone", "convex"), SHAPES)
def test_optimum_matches_cvxpy_and_shape_holds(loss, monotone, convex):
    x, y, w = data(loss, n=30, ties=monotone is None)
    alpha = 0.02 * alpha_max(x, y, w, loss, **OPTIONS)
    shape = {"monotone": monotone, "convex": convex}
    r = solve(x, y, w, alpha, loss=loss, tol=1e-9, **OPTIONS, **shape)
    assert r.converged
    # Clarabel stops at about 1e-8 relative.
    assert_allclose(r.objective, peer(x, y, w, alpha, loss, **shape), rtol=2e-6)
    direct = direct_objective(r.value, x, y, w, alpha, loss)
    assert_allclose(direct, r.objective, rtol=1e-11)  # rounding of the values
    slopes, jumps = r.value.slopes, r.value.jumps
    sign = {None: 0.0, "increasing": 1.0, "decreasing": -1.0}[monotone]
    assert np.all(sign * slopes >= 0.0)
    bend = {None: 0.0, "convex": 1.0, "concave": -1.0}[convex]
    assert np.all(bend * jumps >= 0.0)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("ratio", [2.0, 0.3, 1e-2, 1e-3])
@pytest.mark.parametrize("n", [20, 63, 64, 300])
def test_gap_recomputed_in_long_double(loss, ratio, n):
    x, y, w = data(loss, n, seed=n)
    alpha = ratio * alpha_max(x, y, w, loss)
    r = solve(x, y, w, alpha, loss=loss, tol=1e-10)
    assert r.converged
    gap = recomputed_gap(r.value, x, y, w, alpha, loss)
    # P - D of order one cancels: long double keeps it to about 1e-16 here.
    assert -1e-15 <= gap <= 2e-10 * r.stats["null_objective"] + 1e-15


@pytest.mark.parametrize("ratio", [0.5, 0.02, 1e-3])
@pytest.mark.parametrize("ties", [False, True])
def test_quantile_matches_a_linear_programme(ratio, ties):
    x, y, w = data("quantile", 60, seed=3, ties=ties)
    alpha = ratio * alpha_max(x, y, w, "quantile", quantile=0.3)
    r = solve(x, y, w, alpha, loss="quantile", quantile=0.3, tol=1e-7)
    sites, where = np.unique(x, return_inverse=True)
    n, k = x.size, sites.size
    place = np.zeros((n, k))
    place[np.arange(n), where] = 1.0
    h = np.diff(sites)
    slopes = np.diff(np.eye(k), axis=0) / h[:, None]
    bend = np.diff(slopes, axis=0)
    wide = np.hstack([place, np.eye(n), -np.eye(n), np.zeros((n, 2 * (k - 2)))])
    tall = np.hstack([bend, np.zeros((k - 2, 2 * n)), -np.eye(k - 2), np.eye(k - 2)])
    cost = [
        np.zeros(k),
        0.3 * w / w.sum(),
        0.7 * w / w.sum(),
        np.full(2 * k - 4, alpha),
    ]
    bounds = [(None, None)] * k + [(0, None)] * (2 * n + 2 * k - 4)
    lp = linprog(
        np.concatenate(cost),
        A_eq=np.vstack([wide, tall]),
        b_eq=np.concatenate([y, np.zeros(k - 2)]),
        bounds=bounds,
    )
    # HiGHS works to 1e-7 feasibility.
    assert_allclose(r.objective, lp.fun, rtol=1e-6)
    assert r.certificate.bound <= lp.fun * (1.0 + 1e-6)
    assert r.certificate.relative_gap <= 1e-6


def hard(name):
    rng = np.random.default_rng(5)
    if name == "clustered":
        return np.sort(rng.integers(0, 12, 200) / 12 + 1e-12 * rng.integers(0, 40, 200))
    if name == "ties":
        return np.sort(rng.integers(0, 20, 200) / 7.0)
    if name == "offset":
        return 1e9 + 1e-6 * np.cumsum(rng.integers(1, 5, 200))
    if name == "geometric":
        return np.cumsum(10.0 ** rng.uniform(-9, 0, 200))
    return np.sort(rng.uniform(0, 1, {"two": 2, "three": 3}.get(name, 200)))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "name", ["clustered", "ties", "offset", "geometric", "weights", "two", "three"]
)
def test_hard_problems_keep_their_gap(loss, name):
    x = hard(name)
    rng = np.random.default_rng(6)
    s = (x - x[0]) / (x[-1] - x[0])
    y = np.sin(8 * s) + 3 * np.abs(s - 0.4) + 0.3 * rng.standard_t(3, x.size)
    w = 10.0 ** rng.uniform(-8, 0, x.size) if name == "weights" else None
    if loss == "logistic":
        y = (rng.uniform(size=x.size) < 0.3 + 0.5 * s).astype(float)
        if x.size < 4:
            return  # such classes are separable: refused elsewhere
    top = max(alpha_max(x, y, w, loss, **OPTIONS), 1e-12)
    for ratio in (1.001, 0.3, 1e-2):
        r = solve(x, y, w, ratio * top, loss=loss, tol=1e-10, **OPTIONS)
        # Quantile fits on clusters narrower than their rounding stop earlier.
        limit = 1e-6 if loss == "quantile" else 1e-9
        assert r.certificate.relative_gap <= limit
        if ratio > 1.0:
            assert r.value.knots.size == 0


@given(st.integers(0, 10**6), st.sampled_from(LOSSES), st.sampled_from(SHAPES))
@settings(max_examples=25, deadline=None)
def test_mirrors_map_fits_to_fits(seed, loss, shape):
    x, y, w = data(loss, 25, seed=seed % 1000)
    monotone, convex = shape
    alpha = 0.05 * max(alpha_max(x, y, w, loss, **OPTIONS), 1e-6)
    turn = {None: None, "increasing": "decreasing", "decreasing": "increasing"}
    a = solve(
        x, y, w, alpha, loss=loss, monotone=monotone, convex=convex, tol=1e-8, **OPTIONS
    )
    b = solve(
        -x,
        y,
        w,
        alpha,
        loss=loss,
        monotone=turn[monotone],
        convex=convex,
        tol=1e-8,
        **OPTIONS,
    )
    scale = a.stats["null_objective"]
    room = a.certificate.gap + b.certificate.gap + 1e-12 * scale
    assert abs(a.objective - b.objective) <= room


def test_constant_data_and_single_sites():
    for loss in ("squared", "huber", "quantile"):
        r = solve([0.0, 1.0, 2.0], [5.0, 5.0, 5.0], alpha=1.0, loss=loss)
        assert r.converged
        assert r.objective == 0.0
        assert r.value(1.3) == 5.0
        one = solve([2.0, 2.0, 2.0], [0.0, 1.0, 5.0], alpha=1.0, loss=loss)
        assert one.converged
    r = solve([1.0, 1.0, 1.0], [0.0, 1.0, 1.0], alpha=1.0, loss="logistic")
    assert_allclose(r.value(1.0), np.log(2.0), rtol=1e-14)  # log-odds of 2/3


def test_logistic_problems_without_solution_are_refused():
    x = np.arange(6.0)
    with pytest.raises(ValueError, match="both classes"):
        solve(x, np.ones(6), alpha=1.0, loss="logistic")
    y = (x > 2.0).astype(float)
    with pytest.raises(ValueError, match="separates"):
        solve(x, y, alpha=1.0, loss="logistic")
    with pytest.raises(ValueError, match="separates"):
        solve(x, 1.0 - y, alpha=1.0, loss="logistic")
    with pytest.raises(ValueError, match="only 0 and 1"):
        solve(x, 2.0 * y, alpha=1.0, loss="logistic")
    # A falling fit cannot follow rising classes, so that a best one exists.
    assert solve(x, y, alpha=0.1, loss="logistic", monotone="decreasing").converged
    with pytest.raises(ValueError, match="separates"):
        solve(x, y, alpha=0.1, loss="logistic", monotone="increasing", convex="concave")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": np.nan}, "alpha"),
        ({"w": [1.0, -1.0, 1.0]}, "non-negative"),
        ({"w": [0.0, 0.0, 0.0]}, "positive weight"),
        ({"y": [1.0, np.nan, 0.0]}, "finite"),
        ({"y": [1.0, 0.0]}, "entries"),
        ({"loss": "hinge"}, "loss"),
        ({"loss": "quantile", "quantile": 1.0}, "quantile"),
        ({"loss": "huber", "delta": 0.0}, "delta"),
        ({"monotone": "up"}, "monotone"),
        ({"convex": "down"}, "convex"),
    ],
)
def test_bad_arguments_are_refused_in_words(changes, message):
    arguments = {"x": [0.0, 1.0, 2.0], "y": [0.0, 1.0, 0.0], "alpha": 1.0, **changes}
    with pytest.raises(ValueError, match=message):
        solve(**arguments)


def test_a_start_is_used_and_changes_nothing():
    x, y, w = data("huber", 300, seed=8)
    alpha = 1e-2 * alpha_max(x, y, w, "huber", **OPTIONS)
    cold = solve(x, y, w, alpha, loss="huber", tol=1e-9, **OPTIONS)
    warm = solve(x, y, w, alpha, loss="huber", tol=1e-9, start=cold.value, **OPTIONS)
    assert warm.stats["n_iter"] <= cold.stats["n_iter"]
    room = cold.certificate.gap + warm.certificate.gap
    assert abs(warm.objective - cold.objective) <= room + 1e-14
    assert isinstance(warm.value, Spline)


@pytest.mark.parametrize("loss", LOSSES)
def test_slack_is_the_fenchel_young_gap(loss):
    rng = np.random.default_rng(1)
    rule = make_loss(loss, **OPTIONS)
    y = (rng.uniform(size=50) < 0.5) * 1.0
    z = rng.normal(size=50)
    low, high = rule.domain(y)
    r = rng.uniform(np.maximum(low, -2.0), np.minimum(high, 2.0))
    grid = np.linspace(-60.0, 60.0, 240001)
    for k in range(5):
        conjugate = np.max(-r[k] * grid - rule.value(np.full_like(grid, y[k]), grid))
        gap = rule.value(y[k : k + 1], z[k : k + 1])[0] + conjugate + r[k] * z[k]
        # The grid is 5e-4 fine: its maximum is low by at most slope times that.
        assert_allclose(rule.slack(y, z, r)[k], gap, atol=1e-3)


def test_level_is_the_smallest_feasible_one():
    rng = np.random.default_rng(2)
    for _ in range(20):
        u = np.append(0.0, np.cumsum(rng.normal(size=8)))
        u += np.linspace(0.0, max(0.0, -u[-1]), u.size)
        shape = make_shape("increasing")
        level = shape.level(u)
        for lam, feasible in ((1.0001 * level, True), (0.999 * level, False)):
            v = shape.path(u, lam)
            assert np.all(np.diff(u - v) >= -1e-12)
            assert (v.min() >= -lam and v[-1] >= 0.0) == feasible
