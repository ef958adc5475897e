"""The multi-task lasso against oracles, peers and its own certificates."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Lasso, MultiTaskLasso

from splinear.core.multitask import (
    gram_of,
    lam_max,
    multitask_constrained,
    multitask_lasso,
    multitask_lasso_dual,
    multitask_path,
    solve_gram,
)
from splinear.core.testing import assert_certificate

FERMAT = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
TOP = np.sqrt(0.5)


def relu(N, K, D, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(4, N))
    Phi = np.maximum(rng.normal(size=(K, 4)) @ X + rng.normal(size=(K, 1)), 0.0)
    return Phi, np.tanh(rng.normal(size=(D, 4)) @ X) + 0.1 * rng.normal(size=(D, N))


def objective(Phi, Psi, fit, lam, weights=None, sample_weight=None):
    """Return the objective from its definition."""
    Psi = np.atleast_2d(Psi)
    w = np.ones(Psi.shape[1]) if sample_weight is None else sample_weight
    omega = np.ones(len(Phi)) if weights is None else weights
    rest = Psi - fit.coef @ Phi - fit.intercept[:, None]
    norms = np.linalg.norm(fit.coef, axis=0)
    return 0.5 * np.sum(w * rest**2) / np.sum(w) + lam * omega @ norms


def fista(G, C, y2, lam, weights, iterations=20_000):
    """The slow, obvious method: FISTA with gradient restart; V is (D, K)."""
    L = np.linalg.eigvalsh(G)[-1]
    V = last = np.zeros(C.shape)
    Z, t = V, 1.0
    for _ in range(iterations):
        step = Z - (Z @ G - C) / L
        norms = np.maximum(np.linalg.norm(step, axis=0), 1e-300)
        V = step * np.maximum(0.0, 1.0 - lam * weights / (L * norms))
        if np.vdot(Z - V, V - last) > 0.0:
            t = 1.0
        following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
        Z, last, t = V + (t - 1.0) / following * (V - last), V, following
    quadratic = 0.5 * y2 - np.vdot(V, C) + 0.5 * np.vdot(V, V @ G)
    return V, quadratic + lam * weights @ np.linalg.norm(V, axis=0)


@pytest.mark.parametrize(
    ("ratio", "expected"), [(0.5, 0.43301270), (0.1, 0.12660254), (0.01, 0.01356025)]
)
def test_fermat_penalised(ratio, expected):
    assert_allclose(lam_max(FERMAT, np.eye(2), fit_intercept=False), TOP, rtol=1e-15)
    result = multitask_lasso(
        FERMAT, np.eye(2), ratio * TOP, fit_intercept=False, tol=1e-12
    )
    assert_certificate(result, 1e-12)
    assert_allclose(result.objective, expected, atol=5e-9)  # digits of the table
    rest = np.linalg.norm(np.eye(2) - result.value.coef @ FERMAT)
    # The square root of the tolerance of the objective.
    assert_allclose(rest, 2.0 * ratio, rtol=1e-6)


def test_only_the_diagonal_unit_is_active_near_the_top():
    result = multitask_lasso(FERMAT, np.eye(2), 0.6 * TOP, fit_intercept=False)
    assert_array_equal(result.value.active, [2])


def test_fermat_interpolation_and_its_dual():
    result = multitask_lasso_dual(FERMAT, np.eye(2), fit_intercept=False, tol=1e-12)
    assert_certificate(result, 1e-12)
    assert_allclose(result.objective, (1 + np.sqrt(3)) / np.sqrt(2), rtol=1e-12)
    tau = (3 - np.sqrt(3)) / 6
    # A nonsingular optimum: about the tolerance itself.
    coef = [[1 - tau, -tau, tau], [-tau, 1 - tau, tau]]
    assert_allclose(result.value.coef, coef, atol=1e-10)
    dual = result.value.dual
    assert_allclose(dual, [[0.96592583, -0.25881905], [-0.25881905, 0.96592583]], 2e-8)
    # Feasible up to rounding, and tight everywhere.
    assert_allclose(np.linalg.norm(dual @ FERMAT.T, axis=0), 1.0, rtol=1e-12)


def test_two_outputs_share_the_knots_of_connect_the_dots():
    x = np.arange(4.0)
    Phi = np.vstack([np.ones(4), x, np.maximum(x - np.linspace(0, 3, 31)[:, None], 0)])
    weights = np.r_[0.0, 0.0, np.ones(31)]
    Psi = np.array([[0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
    kw = {"weights": weights, "fit_intercept": False, "tol": 1e-9}
    result = multitask_lasso_dual(Phi, Psi, **kw)
    assert_certificate(result, 1e-9)
    assert_allclose(result.objective, 2.0 * np.sqrt(5.0), rtol=1e-9)
    separate = [multitask_lasso_dual(Phi, psi, **kw).objective for psi in Psi]
    assert_allclose(separate, [4.0, 2.0], rtol=1e-9)
    norms = np.linalg.norm(result.value.coef[:, 2:], axis=0)
    # Knots at 1 and 2 only; the rest is below the tolerance's own root.
    assert_array_equal(np.flatnonzero(norms > 1e-4), [10, 20])
    assert_allclose(result.value(Phi), Psi, atol=1e-9)


def test_sharing_a_unit_costs_the_joint_norm():
    Phi, _ = relu(20, 1, 1)
    result = multitask_lasso_dual(Phi, np.vstack([Phi, Phi]), fit_intercept=False)
    assert_allclose(result.objective, np.sqrt(2.0), rtol=1e-6)  # tol


def test_balance():
    v, w = np.array([3.0, 4.0]), np.array([0.0, 2.0])
    size = np.sqrt(np.linalg.norm(w) / np.linalg.norm(v))
    balanced = v * size, w / size
    assert 0.5 * (v @ v + w @ w) == 14.5
    cost = 0.5 * sum(part @ part for part in balanced)
    assert_allclose(cost, 10.0, rtol=1e-15)  # |v| |w|, rounding


def test_orthonormal_features_are_shrunk_one_by_one():
    C = np.random.default_rng(0).normal(size=(6, 3))
    omega = np.array([0.5, 1.0, 2.0, 1.0, 0.1, 3.0])
    norms = np.linalg.norm(C, axis=1)
    expected = C * np.maximum(0.0, 1.0 - 0.7 * omega / norms)[:, None]
    found = solve_gram(np.eye(6), C, 30.0, 0.7, omega, tol=1e-14)
    assert_allclose(found.coef, expected, atol=1e-14)  # rounding


@pytest.mark.parametrize("D", [1, 3])
@pytest.mark.parametrize("ratio", [0.3, 0.05])
def test_agrees_with_the_slow_obvious_method(D, ratio):
    Phi, Psi = relu(60, 25, D)
    G, C, y2 = Phi @ Phi.T / 60, Psi @ Phi.T / 60, np.sum(Psi**2) / 60
    weights = np.linspace(0.5, 2.0, 25)
    lam = ratio * np.max(np.linalg.norm(C, axis=0) / weights)
    _, value = fista(G, C, y2, lam, weights)
    fast = solve_gram(G, C.T.copy(), y2, lam, weights, tol=1e-12)
    assert_allclose(fast.objective, value, rtol=1e-9)  # FISTA's own accuracy
    assert fast.converged


@pytest.mark.parametrize("shape", [(200, 30, 1), (150, 40, 4), (40, 60, 3)])
@pytest.mark.parametrize("ratio", [0.2, 0.01])
def test_agrees_with_scikit_learn(shape, ratio):
    Phi, Psi = relu(*shape)
    lam = ratio * lam_max(Phi, Psi)
    result = multitask_lasso(Phi, Psi, lam)
    assert_certificate(result, 1e-6)
    peer = (Lasso if shape[2] == 1 else MultiTaskLasso)(lam, tol=1e-9, max_iter=10**6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own tolerance is its business
        peer.fit(Phi.T, Psi[0] if shape[2] == 1 else Psi.T)
    other = result.value.__class__(
        np.atleast_2d(peer.coef_), np.atleast_1d(peer.intercept_)
    )
    mine = objective(Phi, Psi, result.value, lam)
    assert_allclose(mine, result.objective, rtol=1e-12)  # the definition
    # Seven digits of the null objective: the gap's own scale.
    scale = 0.5 * np.var(Psi, axis=1).sum()
    assert abs(mine - objective(Phi, Psi, other, lam)) <= 1e-6 * scale


def test_agrees_with_a_conic_program():
    cvxpy = pytest.importorskip("cvxpy")
    Phi, Psi = relu(30, 12, 2)
    w, omega = np.linspace(0.0, 2.0, 30), np.r_[0.0, np.linspace(0.5, 2.0, 11)]
    V, b = cvxpy.Variable((2, 12)), cvxpy.Variable((2, 1))
    rest = (Psi - V @ Phi - b @ np.ones((1, 30))) @ np.diag(np.sqrt(w))
    loss = cvxpy.sum_squares(rest) / (2 * w.sum())
    problem = cvxpy.Problem(
        cvxpy.Minimize(loss + 0.05 * cvxpy.norm(V, 2, axis=0) @ omega)
    )
    expected = problem.solve(solver=cvxpy.CLARABEL)
    result = multitask_lasso(Phi, Psi, 0.05, weights=omega, sample_weight=w, tol=1e-10)
    assert_certificate(result, 1e-10)
    assert_allclose(result.objective, expected, rtol=1e-7)  # Clarabel's tolerance
    value = objective(Phi, Psi, result.value, 0.05, omega, w)
    assert_allclose(value, result.objective, rtol=1e-12)


def test_groups_against_a_conic_program():
    cvxpy = pytest.importorskip("cvxpy")
    Phi, Psi = relu(40, 12, 2)
    groups = np.array([0, 1, 2, 3] * 3)
    V = cvxpy.Variable((2, 12))
    norms = [cvxpy.norm(V[:, k::4], "fro") for k in range(4)]
    loss = cvxpy.sum_squares(Psi - V @ Phi) / 80
    problem = cvxpy.Problem(
        cvxpy.Minimize(loss + 0.05 * cvxpy.sum(cvxpy.hstack(norms)))
    )
    expected = problem.solve(solver=cvxpy.CLARABEL)
    result = multitask_lasso(
        Phi, Psi, 0.05, groups=groups, fit_intercept=False, tol=1e-10
    )
    assert_certificate(result, 1e-10)
    assert_allclose(result.objective, expected, rtol=1e-7)  # Clarabel's tolerance


def hard_problems():
    """Yield (name, Phi, Psi) where solvers of this kind are known to fail."""
    Phi, Psi = relu(50, 20, 3)
    rng = np.random.default_rng(1)
    yield "duplicates", np.vstack([Phi, Phi, -Phi]), Psi
    yield (
        "zero and constant rows",
        np.vstack([Phi, np.zeros(50), np.full(50, 7.1)]),
        Psi,
    )
    yield "collinear", np.vstack([Phi, rng.normal(size=(30, 20)) @ Phi]), Psi
    yield (
        "nearly collinear",
        np.vstack([Phi, Phi + 1e-7 * rng.normal(size=Phi.shape)]),
        Psi,
    )
    yield "K > N", *relu(15, 80, 2)
    yield "D > N", *relu(10, 30, 40)
    yield "tiny", 1e-120 * Phi, 1e-150 * Psi
    yield "huge", 1e120 * Phi, 1e140 * Psi
    yield "mixed scales", Phi * np.logspace(-150, 150, 20)[:, None], Psi
    yield "far from zero", Phi + 1e6, Psi - 1e6
    yield "one sample", Phi[:, :1], Psi[:, :1]
    yield "constant targets", Phi, np.ones((2, 50))
    yield "low rank targets", Phi, np.ones((8, 1)) * Psi[:1]
    yield "one unit", Phi[:1], Psi
    yield "targets in the span", Phi, rng.normal(size=(3, 20)) @ Phi


HARD = list(hard_problems())


@pytest.mark.parametrize("ratio", [1.1, 0.5, 0.05, 1e-3])
@pytest.mark.parametrize(("name", "Phi", "Psi"), HARD, ids=[case[0] for case in HARD])
def test_certificates_over_hard_problems(name, Phi, Psi, ratio):
    # By size where "mixed scales" would leave one unit to carry everything.
    weights = np.abs(Phi).max(axis=1) if name == "mixed scales" else None
    top = lam_max(Phi, Psi, weights=weights)
    lam = ratio * top or 1.0
    result = multitask_lasso(Phi, Psi, lam, weights=weights, tol=1e-8)
    assert_certificate(result, 1e-8)
    if ratio > 1.0:
        assert result.value.active.size == 0


def test_a_rotation_of_outputs_changes_nothing():
    Phi, Psi = relu(50, 20, 3)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 3)))[0]
    lam = 0.1 * lam_max(Phi, Psi)
    one = multitask_lasso(Phi, Psi, lam, tol=1e-12)
    two = multitask_lasso(Phi, turn @ Psi, lam, tol=1e-12)
    assert_array_equal(one.value.active, two.value.active)
    # The root of the tolerance.
    assert_allclose(turn @ one.value.coef, two.value.coef, atol=1e-6)


def test_free_units_are_fitted_by_least_squares():
    Phi, Psi = relu(50, 8, 2)
    weights = np.r_[0.0, 0.0, 0.0, np.full(5, 1e6)]
    doubled = np.vstack([Phi, Phi[:2]])  # dependent free rows
    result = multitask_lasso(doubled, Psi, 1.0, weights=np.r_[weights, 0.0, 0.0])
    design = np.vstack([np.ones(50), Phi[:3]])
    expected = np.linalg.lstsq(design.T, Psi.T, rcond=None)[0].T @ design
    assert_allclose(result.value(doubled), expected, atol=1e-10)  # conditioning
    assert_certificate(result, 1e-6)


def test_the_gram_solver_projects_free_units_out():
    Phi, Psi = relu(50, 12, 2)
    weights = np.r_[0.0, 0.0, np.ones(10)]
    G, C, y2 = Phi @ Phi.T / 50, Phi @ Psi.T / 50, np.sum(Psi**2) / 50
    found = solve_gram(G, C, y2, 0.02, weights, tol=1e-10)
    peer = multitask_lasso(
        Phi, Psi, 0.02, weights=weights, fit_intercept=False, tol=1e-10
    )
    assert found.converged
    assert_allclose(found.objective, peer.objective, rtol=1e-9)  # the tolerance
    assert_allclose(found.coef.T, peer.value.coef, atol=1e-4)  # its root


def test_path_is_the_single_fits():
    Phi, Psi = relu(80, 30, 2)
    lams, results = multitask_path(Phi, Psi, n=6, tol=1e-8)
    assert results[0].value.active.size == 0
    for lam, result in zip(lams, results, strict=True):
        assert_certificate(result, 1e-8)
        cold = multitask_lasso(Phi, Psi, lam, tol=1e-8)
        assert_allclose(result.objective, cold.objective, rtol=1e-6)


@pytest.mark.parametrize("tolerance", [0.9, 0.5, 0.35])
def test_constrained_form(tolerance):
    Phi, Psi = relu(80, 30, 2)
    result = multitask_constrained(Phi, Psi, tolerance, tol=1e-5)
    assert_certificate(result, 1e-5)
    rest = np.linalg.norm(Psi - result.value(Phi))
    size = np.linalg.norm(Psi - Psi.mean(axis=1, keepdims=True))
    assert rest <= tolerance * size * (1 + 1e-12)  # rounding


def test_constrained_form_refuses_the_impossible():
    Phi, Psi = relu(80, 5, 2)
    with pytest.raises(ValueError, match="tolerance must be at least"):
        multitask_constrained(Phi, Psi, 1e-3)


def test_interpolation_refuses_targets_outside_the_span():
    Phi, Psi = relu(80, 5, 2)
    with pytest.raises(ValueError, match="span of the features"):
        multitask_lasso_dual(Phi, Psi)


@pytest.mark.parametrize(("N", "mean", "value"), [(10, 33.6, 6.38), (20, 81.4, 10.58)])
def test_random_designs(N, mean, value):
    active, norms = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        Phi, Psi = rng.normal(size=(500, N)), rng.normal(size=(10, N))
        result = multitask_lasso_dual(Phi, Psi, fit_intercept=False)
        assert_certificate(result, 1e-6)
        sizes = np.linalg.norm(result.value.coef, axis=0)
        active.append(np.count_nonzero(sizes > 1e-4 * sizes.max()))
        norms.append(result.objective)
    # Ranges of single draws in the published table are about +-20 %.
    assert abs(np.mean(active) - mean) < 0.15 * mean
    assert abs(np.mean(norms) - value) < 0.15 * value


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lam": 0.0}, "lam must be"),
        ({"lam": np.nan}, "lam must be"),
        ({"weights": [1.0]}, "weights must have 20"),
        ({"weights": np.full(20, -1.0)}, "non-negative"),
        ({"groups": np.zeros(3, int)}, "groups must hold"),
        ({"groups": np.full(20, 1)}, "without holes"),
        ({"sample_weight": np.zeros(50)}, "positive sum"),
        ({"Psi": np.full((1, 50), np.nan)}, "Psi must be finite"),
        ({"Psi": np.zeros((1, 49))}, "one column a sample"),
        ({"start": np.zeros((1, 1))}, "start must have shape"),
    ],
)
def test_bad_input_is_refused_in_words(change, words):
    Phi, Psi = relu(50, 20, 3)
    arguments = {"Phi": Phi, "Psi": Psi, "lam": 0.1, **change}
    with pytest.raises(ValueError, match=words):
        multitask_lasso(**arguments)


def test_a_prepared_gram_gives_the_same_answer():
    Phi, Psi = relu(50, 20, 3)
    gram = gram_of(Phi, Psi)
    one = multitask_lasso(Phi, Psi, 0.05, gram=gram)
    two = multitask_lasso(Phi, Psi, 0.05)
    assert_array_equal(one.value.coef, two.value.coef)
