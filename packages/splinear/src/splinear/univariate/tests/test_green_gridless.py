"""Certificates of general operators, recomputed by slow and independent means."""

import math

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from splinear.core.status import Status
from splinear.univariate._green_pricing import PowerPricer
from splinear.univariate.green_gridless import alpha_max, solve
from splinear.univariate.operators import (
    Derivative,
    Exponential,
    ExponentialPair,
    FractionalDerivative,
)
from splinear.univariate.samples import gather
from splinear.univariate.weights import DepthWeight, SmoothWeight, domain_weight

OPERATORS = [
    Derivative(1),
    Derivative(2),
    Derivative(3),
    Derivative(4),
    FractionalDerivative(1.2),
    FractionalDerivative(1.5),
    FractionalDerivative(2.5),
    FractionalDerivative(3.3),
    Exponential(3.0),
    Exponential(-3.0),
    ExponentialPair(1.0, 5.0),
    ExponentialPair(2.0, 2.0),
    ExponentialPair(0.0, -2.0),
]
LONG = np.longdouble


# --- the independent oracle: definitions, in long double, one knot at a time -------


def slow_atom(operator, t):
    """Green's function from its definition, by scalars in long double."""
    t = np.asarray(t, dtype=LONG)
    on = t >= 0 if isinstance(operator, Exponential | Derivative) else t > 0
    s = np.where(on, t, LONG(0))
    if isinstance(operator, Derivative):
        power = operator.order - 1
        return np.where(on, s**power, 0) / LONG(math.factorial(power))
    if isinstance(operator, FractionalDerivative):
        gamma = LONG(operator.gamma)
        return np.where(on, s ** (gamma - 1), 0) / LONG(math.gamma(operator.gamma))
    if isinstance(operator, Exponential) and operator.rate < 0.0:
        below = np.where(t < 0, t, LONG(0))
        return np.where(t < 0, -np.exp(-LONG(operator.rate) * below), 0)
    if isinstance(operator, Exponential):
        return np.where(on, np.exp(-LONG(operator.rate) * s), 0)
    a, b = LONG(operator.rate), LONG(operator.other)
    if a == b:
        return s * np.exp(-a * s)
    return (np.exp(-a * s) - np.exp(-b * s)) / (b - a)


def slow_null(operator, x):
    """Another basis of the null space: monomials or exponentials about the middle."""
    u = (x - x[0]) / (x[-1] - x[0]) - LONG(0.5)
    if isinstance(operator, Derivative | FractionalDerivative):
        order = getattr(operator, "order", None) or operator.gamma
        return np.stack([u**k for k in range(math.ceil(order))], axis=1)
    t = x - x[0]
    if isinstance(operator, Exponential):
        return np.exp(-LONG(operator.rate) * t)[:, None]
    a, b = LONG(operator.rate), LONG(operator.other)
    second = t * np.exp(-a * t) if a == b else np.exp(-b * t)
    return np.stack([np.exp(-a * t), second], axis=1)


def orthonormal(columns):
    """Modified Gram-Schmidt, twice, in long double."""
    q = np.array(columns, dtype=LONG)
    for _ in range(2):
        for j in range(q.shape[1]):
            for i in range(j):
                q[:, j] -= q[:, i] * (q[:, i] @ q[:, j])
            q[:, j] /= np.sqrt(q[:, j] @ q[:, j])
    return q


def recomputed_gap(samples, operator, alpha, fit, weight=None):
    """Duality gap of `fit.value` in units of the objective, from definitions.

    The supremum of ``|eta| / omega`` is searched on a dense set of positions, refined
    around the best ones; the gap is then primal minus dual, both by their formulas.
    """
    x = np.asarray(samples.x - samples.x[0], dtype=LONG)
    y, w = samples.y.astype(LONG), samples.w.astype(LONG)
    f, total = fit.value, samples.w.sum()
    tau, a = f.offsets.astype(LONG), f.amplitudes.astype(LONG)
    columns = slow_atom(operator, x[:, None] - tau)
    root = np.sqrt(w)
    q = orthonormal(root[:, None] * slow_null(operator, x))
    rest = root * (y - columns @ a)
    r = rest - q @ (q.T @ rest)
    r -= q @ (q.T @ r)
    p = root * r
    reach = float(x[-1])

    def omega(t):
        t = np.asarray(t, dtype=float)
        z = np.clip(2 * t / reach - 1, -1, 1)
        return np.ones_like(t) if weight is None else weight(z)

    def ratio(t):
        t = np.atleast_1d(np.asarray(t, dtype=LONG))
        return np.abs(p @ slow_atom(operator, x[:, None] - t)) / omega(t)

    sup = max(float(ratio(t).max()) for t in positions(operator, x, ratio))
    lam = LONG(alpha * total)
    cost = lam * np.sum(np.abs(a) * omega(tau))
    primal = (r @ r) / 2 + cost
    s = min(LONG(1), lam / LONG(sup))
    dual = s * (p @ y) - s * s * (r @ r) / 2
    assert_allclose(
        float(primal + samples.tie_loss) / total, fit.objective, rtol=1e-12, atol=1e-25
    )
    return float(primal - dual) / total


def positions(operator, x, ratio):
    """Data, both sides of them, points between, and ever finer around the best."""
    h = np.diff(x)
    inside = (
        x[:-1, None] + h[:, None] * np.linspace(0, 1, 18, dtype=LONG)[1:-1]
    ).ravel()
    left = x[0] - x[-1] * np.logspace(-6, 3, 300).astype(LONG)
    yield x
    if isinstance(operator, Exponential):
        yield x[:-1] + h * LONG(1e-15)
        return
    start = np.r_[inside, left if isinstance(operator, FractionalDerivative) else x]
    yield start
    width = float(h.max()) / 8
    best = start[np.argsort(-ratio(start))[:12]]
    for _ in range(24):
        cloud = (best[:, None] + width * np.linspace(-1, 1, 9, dtype=LONG)).ravel()
        cloud = cloud[cloud <= x[-1]]
        if not isinstance(operator, FractionalDerivative):
            cloud = cloud[cloud >= 0]
        yield cloud
        best, width = cloud[np.argsort(-ratio(cloud))[:12]], width * 0.4


def data(n, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, n)
    y = np.sin(6 * x) + 2 * np.abs(x - 0.37) + 0.3 * rng.normal(size=n)
    return gather(x, y, rng.uniform(0.5, 2.0, n))


# --- certificates over a list of problems ---------------------------------------


@pytest.mark.parametrize("operator", OPERATORS, ids=str)
@pytest.mark.parametrize("ratio", [0.3, 0.01])
def test_gap_is_closed_and_recomputed(operator, ratio):
    samples = data(24)
    alpha = ratio * alpha_max(samples, operator)
    fit = solve(samples, operator, alpha, tol=1e-10)
    assert fit.converged
    assert fit.certificate.kind == "exact"
    null = solve(samples, operator, 1e9 * alpha).objective
    gap = recomputed_gap(samples, operator, alpha, fit)
    # Primal minus dual cancels: 1e-12 of the null objective is their rounding.
    assert -1e-12 <= gap / null <= 1e-10
    assert gap >= -1e-12 * null
    f = fit.value
    loss = 0.5 * samples.w @ (samples.y - f(samples.x)) ** 2 / samples.total
    assert_allclose(loss + alpha * f.variation, fit.objective, rtol=1e-10)


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("name", ["boundary", "l2", "l2_affine", "empirical", "smooth"])
def test_weighted_gap_is_closed_and_recomputed(order, name):
    samples, operator = data(24, seed=1), Derivative(order)
    weight = SmoothWeight(lambda z: 1.2 - np.cos(3 * z) ** 2, curvature=18.0)
    if name != "smooth":
        weight = domain_weight(name, x=samples.x, w=samples.w)
    alpha = 0.02 * alpha_max(samples, operator, weight)
    fit = solve(samples, operator, alpha, weight=weight, tol=1e-10)
    assert fit.converged
    assert fit.certificate.kind == "exact"
    null = solve(samples, operator, 1e9 * alpha, weight=weight).objective
    gap = recomputed_gap(samples, operator, alpha, fit, weight)
    assert -1e-12 <= gap / null <= 1e-10
    f = fit.value
    loss = 0.5 * samples.w @ (samples.y - f(samples.x)) ** 2 / samples.total
    cost = alpha * f.weighted_variation(weight)
    assert_allclose(loss + cost, fit.objective, rtol=1e-10)


# --- known answers ---------------------------------------------------------------


@pytest.mark.parametrize("operator", [FractionalDerivative(3.0), Derivative(3)])
@pytest.mark.parametrize(("lam", "value"), [(0.05, 0.280340117389), (0.1, 0.36486177)])
def test_oracle_5(operator, lam, value):
    samples = gather(range(6), [0, 0, 1, 0, 0, 1])
    fit = solve(samples, operator, lam / 6, tol=1e-12)
    assert_allclose(6 * fit.objective, value, atol=6e-9 if lam == 0.1 else 6e-13)
    if lam == 0.05:
        assert_allclose(fit.value.knots, [1.35342422, 2.83301231], atol=6e-9)
        assert_allclose(fit.value.variation, 3.1032393047, atol=6e-11)


@pytest.mark.parametrize(
    ("lam", "value", "tv"),
    [(0.1, 299 / 400, 6.45), (0.5, 225 / 112, 47 / 28), (2.0, 133 / 40, 13 / 40)],
)
@pytest.mark.parametrize("operator", [FractionalDerivative(2.0), Derivative(2)])
def test_oracles_2_and_3(operator, lam, value, tv):
    samples = gather([0, 1, 3, 4, 6], [0, 2, 1, 3, 0])
    fit = solve(samples, operator, lam / 5, tol=1e-12)
    assert_allclose(5 * fit.objective, value, rtol=1e-13)
    assert_allclose(fit.value.variation, tv, rtol=1e-11)
    assert_allclose(5 * alpha_max(samples, operator), 140 / 57, rtol=1e-11)
    hat = solve(gather([0, 1, 2], [0, 1, 0]), operator, 0.1 / 3, tol=1e-12)
    assert_allclose(3 * hat.objective, 0.17, rtol=1e-13)


@pytest.mark.parametrize("rate", [0.7, -0.7])
@pytest.mark.parametrize("lam", [0.1, 0.4])
def test_exponential_with_two_points_by_hand(rate, lam):
    # f(x_1) = q f(x_0) + jump with q = exp(-rate h).  The cheapest jump sits at x_1
    # for a decay and just behind x_0 for growth, where it is worth q of the data's.
    h, y = 1.3, np.array([1.0, 3.0])
    q = math.exp(-rate * h)
    price = lam / max(q, 1.0)
    excess = y[1] - q * y[0]
    d = math.copysign(max(abs(excess) - price * (1 + q * q), 0.0), excess)
    r = (excess - d) / (1 + q * q)
    value = 0.5 * r * r * (1 + q * q) + price * abs(d)
    fit = solve(gather([5.0, 5.0 + h], y), Exponential(rate), lam / 2, tol=1e-13)
    assert_allclose(2 * fit.objective, value, rtol=1e-12)


@pytest.mark.parametrize("gamma", [1.2, 1.5, 1.9])
def test_fractional_with_three_points_by_hand(gamma):
    # One direction n is orthogonal to lines, so min (c - z)²/2 + lam |z| / M with
    # M = sup |eta_n|: the optimum is lam c / M - (lam / M)² / 2.
    x, y, lam = np.array([0.0, 1.0, 2.5]), np.array([0.0, 1.0, -1.0]), 0.1
    n = np.cross(np.ones(3), x)
    n /= np.linalg.norm(n)

    def eta(t):
        gap = np.maximum(x - t, 0.0)
        return -abs(n @ gap ** (gamma - 1.0)) / math.gamma(gamma)

    sup = max(-eta(t) for t in x)
    for low, high in [(-9.0, 0.0), (0.0, 1.0), (1.0, 2.5)]:
        for cut in np.linspace(low, high, 9)[:-1]:
            step = (high - low) / 8
            found = minimize_scalar(
                eta,
                bounds=(cut, cut + step),
                method="bounded",
                options={"xatol": 1e-12},
            )
            sup = max(sup, -float(found.fun))
    c = abs(n @ y)
    value = lam * c / sup - 0.5 * (lam / sup) ** 2
    fit = solve(gather(x, y), FractionalDerivative(gamma), lam / 3, tol=1e-13)
    assert_allclose(3 * fit.objective, value, rtol=1e-11)


def grid_lasso(samples, operator, alpha, grid, omega):
    """The same objective with knots on a grid, by a conic solver."""
    columns = np.asarray(slow_atom(operator, samples.x[:, None] - grid), dtype=float)
    null = np.asarray(slow_null(operator, samples.x.astype(LONG)), dtype=float)
    a, c = cp.Variable(grid.size), cp.Variable(null.shape[1])
    rest = cp.multiply(np.sqrt(samples.w), samples.y - columns @ a - null @ c)
    lam = alpha * samples.total
    cost = 0.5 * cp.sum_squares(rest) + lam * cp.norm1(cp.multiply(omega, a))
    problem = cp.Problem(cp.Minimize(cost))
    return problem.solve(solver=cp.CLARABEL) / samples.total


@pytest.mark.parametrize("weight", [None, "boundary", "l2", "l2_affine", "empirical"])
def test_order_two_against_a_conic_solver(weight):
    samples, operator = data(14, seed=3), Derivative(2)
    name = weight or "none"
    omega = domain_weight(name, x=samples.x, w=samples.w)
    alpha = 0.02 * alpha_max(samples, operator, name)
    fit = solve(samples, operator, alpha, weight=name, tol=1e-12)
    low, high = samples.x[0], samples.x[-1]
    fine = np.union1d(np.linspace(low, high, 500)[1:-1], samples.x[1:-1])
    # Knots of a concave weight lie at data: the grid of data is the problem itself.
    grid = samples.x[1:-1] if weight in (None, "boundary") else fine
    z = 2 * (grid - low) / (high - low) - 1
    values = np.ones_like(grid) if omega is None else omega(z)
    other = grid_lasso(samples, operator, alpha, grid, values)
    # Clarabel stops near 1e-8; a finer grid would approach from above.
    assert other >= fit.objective * (1 - 1e-7)
    assert other <= fit.objective * (1 + (1e-7 if grid is not fine else 1e-3))


@pytest.mark.parametrize(
    "operator", [FractionalDerivative(1.5), ExponentialPair(1.0, 5.0)], ids=str
)
def test_grid_objective_is_above_and_close(operator):
    samples = data(12, seed=4)
    alpha = 0.05 * alpha_max(samples, operator)
    fit = solve(samples, operator, alpha, tol=1e-12)
    span = np.linspace(samples.x[0] - 2.0, samples.x[-1], 700)
    grid = np.union1d(span, samples.x[:-1])
    other = grid_lasso(samples, operator, alpha, grid, np.ones_like(grid))
    assert fit.objective * (1 - 1e-7) <= other <= fit.objective * (1 + 2e-3)


# --- degenerate shapes and refusals ------------------------------------------------


@pytest.mark.parametrize("operator", OPERATORS, ids=str)
def test_degenerate_data(operator):
    one = solve(gather([3.0], [2.0]), operator, 0.1)
    assert one.certificate.gap == 0.0
    assert_allclose(one.value(np.array([3.0])), 2.0, rtol=1e-13)
    for x, y in [
        ([0.0, 1.0], [1.0, 2.0]),
        ([0.0, 0.0, 1.0, 1.0], [1.0, 2.0, 0.0, 1.0]),
        ([0.0, 1.0, 2.0, 5.0], [7.0] * 4),
    ]:
        samples = gather(x, y)
        fit = solve(samples, operator, 1e-3, tol=1e-10)
        assert fit.status in (Status.CONVERGED, Status.STALLED)
        # Data that the null space fits are fitted to rounding: gaps of that size.
        assert fit.certificate.gap <= 1e-10 * (fit.objective + 1e-15)


@pytest.mark.parametrize("operator", OPERATORS, ids=str)
def test_alpha_max_is_the_threshold(operator):
    samples = data(15, seed=5)
    top = alpha_max(samples, operator)
    above = solve(samples, operator, top * (1 + 1e-9), tol=1e-12)
    assert above.value.amplitudes.size == 0
    assert above.stats["n_iter"] == 0
    below = solve(samples, operator, top * 0.99, tol=1e-12)
    assert below.value.amplitudes.size > 0


@pytest.mark.parametrize(
    "operator", [Derivative(3), FractionalDerivative(1.5)], ids=str
)
def test_offset_and_scale_do_not_matter(operator):
    # Dyadic positions: exact at 1e9, so both problems are the same numbers.
    x = np.array([0.0, 1.0, 2.0, 3.5, 4.0, 6.0, 6.5]) * 2.0**-18
    y = np.array([0.0, 1.0, 0.5, 2.0, -1.0, 0.0, 1.0])
    near, far = gather(x, y), gather(x + 2.0**30, y)
    alpha = 0.05 * alpha_max(near, operator)
    a, b = (solve(s, operator, alpha, tol=1e-12) for s in (near, far))
    assert a.converged
    assert_allclose(b.objective, a.objective, rtol=1e-14)
    np.testing.assert_array_equal(a.value.offsets, b.value.offsets)
    assert_allclose(b.value(far.x), a.value(near.x), rtol=1e-12)


@pytest.mark.parametrize(
    "operator", [Derivative(2), FractionalDerivative(1.5)], ids=str
)
def test_clustered_data_and_weights(operator):
    rng = np.random.default_rng(6)
    x = np.r_[0.0, 1.0, 0.5 + 1e-12 * np.arange(5), rng.uniform(size=8)]
    samples = gather(x, rng.normal(size=x.size), 10.0 ** rng.uniform(-4, 4, x.size))
    alpha = 0.01 * alpha_max(samples, operator)
    fit = solve(samples, operator, alpha, tol=1e-10)
    assert fit.converged


def test_refusals():
    samples = data(5)
    with pytest.raises(ValueError, match="alpha"):
        solve(samples, Derivative(2), 0.0)
    with pytest.raises(ValueError, match="evaluates fits"):
        solve(samples, Derivative(2), 0.1, weight="stability")
    with pytest.raises(ValueError, match="order >= 2"):
        solve(samples, Exponential(1.0), 0.1, weight=DepthWeight(1.0))


def test_agrees_with_itself_under_scaling():
    # y -> c y with alpha -> c alpha scales the fit; x -> s x with alpha s^(g-1) keeps it.
    operator, samples = FractionalDerivative(1.5), data(16, seed=8)
    alpha = 0.05 * alpha_max(samples, operator)
    fit = solve(samples, operator, alpha, tol=1e-12)
    louder = gather(samples.x, 3 * samples.y, samples.w)
    assert_allclose(
        solve(louder, operator, 3 * alpha, tol=1e-12).objective,
        9 * fit.objective,
        rtol=1e-11,
    )
    longer = gather(5 * samples.x, samples.y, samples.w)
    again = solve(longer, operator, alpha * 5**0.5, tol=1e-12)
    assert_allclose(again.objective, fit.objective, rtol=1e-11)
    assert_allclose(again.value.variation, fit.value.variation * 5**-0.5, rtol=1e-8)


@pytest.mark.parametrize("gamma", [1.05, 1.5, 2.0, 2.5, 3.0, 3.7, 4.0])
@pytest.mark.parametrize("name", ["none", "l2", "empirical"])
def test_bound_of_the_pricer_holds_everywhere(gamma, name):
    # Not only at solutions: any p that the null space does not see.
    rng = np.random.default_rng(int(100 * gamma))
    x = np.sort(np.r_[0.0, 1.0, rng.uniform(size=6), 0.4, 0.4 + 1e-9])
    operator = FractionalDerivative(gamma)
    q = orthonormal(slow_null(operator, x.astype(LONG)))
    p = rng.normal(size=x.size).astype(LONG)
    for _ in range(2):
        p -= q @ (q.T @ p)
    weight = None if name == "none" else domain_weight(name, x=x, w=np.ones(x.size))
    pricer = PowerPricer(x, operator, weight)
    prices = pricer.price(p.astype(float), 0.0, 1e-9)
    assert prices.attained <= prices.sup <= prices.attained * (1 + 2e-9)
    t = np.r_[np.linspace(0, 1, 20001), x, 0.4 + 1e-9 * np.linspace(-3, 3, 99)]
    if weight is None and gamma != round(gamma):
        t = np.r_[t, -np.logspace(-12, 4, 4000)]
    eta = np.abs(p @ slow_atom(operator, x[:, None] - t.astype(LONG)))
    omega = 1.0 if weight is None else weight(2 * t - 1)
    # The rounding of eta in double precision, relative to its largest value.
    assert float((eta / omega).max()) <= prices.sup * (1 + 1e-10)


@pytest.mark.parametrize(
    "operator", [Derivative(3), FractionalDerivative(2.5)], ids=str
)
def test_dense_knots_are_reported_honestly(operator):
    # Nearly every site gets a knot: the gap is proven whatever the solver reached.
    samples = data(40, seed=9)
    alpha = 1e-6 * alpha_max(samples, operator)
    fit = solve(samples, operator, alpha, tol=1e-13, max_iter=25)
    null = solve(samples, operator, 1e9 * alpha).objective
    gap = recomputed_gap(samples, operator, alpha, fit) / null
    # Amplitudes cancel six digits here; residual and eta carry the rest.
    assert gap <= fit.certificate.relative_gap * (1 + 1e-3) + 1e-10
