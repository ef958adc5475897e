"""Networks of least variation: oracles, certificates over problems, laws, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.core.testing import taylor_slope
from splinear.shallow import _search_kernels as kernels
from splinear.shallow._descend import _Balanced, _Signed
from splinear.shallow._fit_checks import read_data
from splinear.shallow._merge import merge
from splinear.shallow._problem import Neurons
from splinear.shallow._task import make_task
from splinear.shallow.cells import certify_exact
from splinear.shallow.fit import fit_network, fit_network_path, network_alpha_max
from splinear.shallow.losses import make_net_loss
from splinear.shallow.search import draw_starts

XOR = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])


def van_der_corput(n, base):
    value, step = 0.0, 1.0
    while n:
        step /= base
        value += step * (n % base)
        n //= base
    return value


def halton(N):
    """Oracle O-11."""
    n = np.arange(1, N + 1)
    X = np.array([[2 * van_der_corput(k, b) - 1 for b in (2, 3)] for k in n])
    y = np.abs(X[:, 0] + 0.5 * X[:, 1]) + np.maximum(X[:, 1] - 0.2, 0.0)
    return X, y + 0.1 * np.cos(7 * n)


def teacher(N, d, seed=0, noise=0.05):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, d))
    X *= rng.uniform(size=(N, 1)) ** (1 / d) / np.linalg.norm(X, axis=1)[:, None]
    U = rng.normal(size=(5, d))
    U /= np.linalg.norm(U, axis=1)[:, None]
    f = np.maximum(X @ U.T - rng.uniform(-0.5, 0.5, 5), 0.0) @ rng.choice([-1, 1], 5)
    return X, f + noise * rng.normal(size=N)


def test_oracle_10():
    y = [0.0, 0.0, 1.0, 1.0]
    # Formed from roots: a few ulps.
    assert_allclose(4 * network_alpha_max(XOR, y), 1 / np.sqrt(8), rtol=1e-12)
    for lam, norm in ((0.1, 2.0284271247), (0.2, np.sqrt(8) * (1 - 0.4 * np.sqrt(2)))):
        result = fit_network(XOR, y, lam / 4)
        expected = np.sqrt(8) * lam - 4 * lam**2
        assert_allclose(4 * result.objective, expected, rtol=1e-9)  # tol times slack
        assert_allclose(result.value.path_norm(), norm, rtol=1e-5)
        assert result.value.n_neurons == 1  # the width bound N - d - 1
        assert result.certificate.kind == "exact"


@pytest.mark.parametrize("kind", ["auto", "heuristic"])
@pytest.mark.parametrize(
    ("N", "lam", "expected"),
    [
        (12, 0.05, 0.1250485263),
        (30, 0.02, 0.1143758229),
        (60, 0.02, 0.1464677514),
    ],
)
def test_oracle_11(N, lam, expected, kind):
    X, y = halton(N)
    result = fit_network(X, y, lam / N, certificate=kind, tol=1e-5)
    scale = result.certificate.gap / max(result.certificate.relative_gap, 1e-300)
    # Within the tolerance of the optimum, and never below it.
    assert expected * (1 - 1e-9) <= N * result.objective
    assert N * result.objective <= expected + 1e-5 * N * max(scale, 1e-12) + 1e-9
    assert result.certificate.kind == ("exact" if kind == "auto" else "heuristic")


def test_alpha_max_of_oracle_11():
    for N, expected in ((12, 0.33669670), (30, 1.09396841), (60, 2.90836651)):
        assert_allclose(
            N * network_alpha_max(*halton(N)), expected, rtol=2e-8
        )  # digits


@pytest.mark.parametrize("d", [2, 3])
def test_exact_certificates_agree_with_a_proof_of_their_own(d):
    X, y = teacher(60, d)
    alpha = 0.1 * network_alpha_max(X, y)
    result = fit_network(X, y, alpha)
    objective, proof, _ = certify_exact(result.value, X, y, None, alpha)
    assert_allclose(result.objective, objective, rtol=1e-9)
    assert proof.relative_gap <= 2e-6  # the tolerance, and rounding
    assert result.converged


LOSSES = ["squared", "huber", "poisson", "logistic"]


@pytest.mark.parametrize("d", [4, 8])
@pytest.mark.parametrize("loss", LOSSES)
def test_certificates_survive_fresh_starts(d, loss):
    X, y = teacher(150, d)
    if loss == "poisson":
        y = np.random.default_rng(1).poisson(np.exp(y)).astype(float)
    if loss == "logistic":
        y = np.where(y > np.median(y), 0.95, 0.05)
    alpha = 0.2 * network_alpha_max(X, y, loss=loss, delta=0.1)
    result = fit_network(X, y, alpha, loss=loss, delta=0.1, tol=1e-5)
    proof = result.certificate
    assert proof.kind == "heuristic"
    assert_allclose(result.objective - proof.bound, proof.gap, atol=1e-12)  # a sum
    assert result.stats["kkt_residual"] <= 1e-6
    made = make_net_loss(loss, delta=0.1)
    p = made.pull(y[:, None], result.value(X)) / len(y)
    assert np.abs(p.sum()) <= 1e-8  # orthogonal to the skip connection
    U = draw_starts(X, 500, np.random.default_rng(99))
    values, _ = kernels.ascend_all(X, p[:, 0].copy(), U, 1.0, 100, 0.0)
    assert np.abs(values).max() <= (1.0 + 1e-3) * alpha


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 0.1])
def test_no_violation_in_ten_dimensions(share):
    X, y = teacher(500, 10)
    alpha = share * network_alpha_max(X, y)
    result = fit_network(X, y, alpha, tol=1e-5, n_starts=2048)
    p = (y - result.value(X)[:, 0]) / len(y)
    U = draw_starts(X, 2000, np.random.default_rng(99))
    values, _ = kernels.ascend_all(X, p, U, 1.0, 100, 0.0)
    assert np.abs(values).max() <= (1.0 + 1e-3) * alpha


def test_euler_identity():
    X, y = teacher(100, 5)
    alpha = 0.1 * network_alpha_max(X, y)
    result = fit_network(X, y, alpha, tol=1e-5)
    f = result.value(X)[:, 0]
    # Both sides are stationarity of the coefficients, which are solved to rounding.
    assert_allclose((y - f) @ f / len(y), alpha * result.value.path_norm(), rtol=1e-6)


def test_scaling_and_affine_shifts():
    X, y = teacher(80, 2)
    alpha = 0.1 * network_alpha_max(X, y)
    base = fit_network(X, y, alpha)
    shift = 3.0 + X @ np.array([2.0, -1.0])
    shifted = fit_network(X, y + shift, alpha)
    scaled = fit_network(X, 1e3 * y, 1e3 * alpha)
    wider = fit_network(7.0 * X + 4.0, y, 7.0 * alpha)
    # Fitted values are as flat as the square root of the gap, 1e-6 of the null model.
    close = {"atol": 1e-3 * np.std(y)}
    assert_allclose(shifted.value(X)[:, 0] - shift, base.value(X)[:, 0], **close)
    assert_allclose(scaled.value(X) / 1e3, base.value(X), **close)
    assert_allclose(wider.value(7.0 * X + 4.0), base.value(X), **close)


def test_weights_are_repetitions():
    X, y = teacher(40, 2)
    w = np.where(np.arange(40) % 3 == 0, 2.0, 1.0)
    rows = np.repeat(np.arange(40), w.astype(int))
    alpha = 0.1 * network_alpha_max(X, y)
    one = fit_network(X, y, alpha, sample_weight=w)
    two = fit_network(X[rows], y[rows], alpha)
    assert_allclose(one.objective, two.objective, rtol=1e-5)  # two gaps of 1e-6


def test_few_rows_need_no_neurons():
    X, y = teacher(5, 4)
    assert fit_network(X, y, 1e-3).value.n_neurons == 0
    assert network_alpha_max(X, y) == 0.0


def test_joint_outputs_share_neurons_and_independent_ones_are_separate_fits():
    X, y = teacher(80, 2)
    Y = np.column_stack([y, -2.0 * y])
    alpha = 0.1 * network_alpha_max(X, Y)
    joint = fit_network(X, Y, alpha)
    assert np.all(joint.value.coef != 0.0)
    apart = fit_network(X, Y, alpha, output_coupling="independent")
    alone = [fit_network(X, Y[:, c], alpha).objective for c in range(2)]
    assert_allclose(apart.objective, sum(alone), rtol=1e-5)  # gaps of 1e-6 each
    assert joint.objective <= apart.objective + 1e-9  # |a|_2 <= |a|_1


def test_joint_spline_of_two_outputs():
    """At a small alpha the joint norm tends to that of connecting the dots, 2 sqrt5."""
    X = np.arange(4.0)[:, None]
    Y = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    result = fit_network(X, Y, 1e-5)
    assert_allclose(result.value.path_norm(), 2 * np.sqrt(5), rtol=1e-3)  # the limit


def test_absolute_value_has_the_same_function_at_half_the_coefficients():
    X, y = teacher(80, 2)
    alpha = 0.1 * network_alpha_max(X, y)
    relu = fit_network(X, y, alpha)
    other = fit_network(X, y, alpha, activation="absolute")
    assert other.value.activation == "absolute"
    assert_allclose(other.value(X), relu.value(X), atol=1e-9)  # one solve, rewritten
    assert_allclose(2 * np.abs(other.value.coef), np.abs(relu.value.coef), rtol=1e-9)


def test_oracle_5_quadratic_in_one_column():
    X, y = np.arange(6.0)[:, None], np.array([0.0, 0.0, 1.0, 0.0, 0.0, 1.0])
    result = fit_network(X, y, 0.05 / 6, order=3, tol=1e-6)
    assert_allclose(6 * result.objective, 0.280340117389, rtol=1e-4)  # a search


def test_path_and_warm_start():
    X, y = teacher(100, 4)
    alphas, results = fit_network_path(X, y, n_alphas=5, ratio=0.05, tol=1e-4)
    norms = [result.value.path_norm() for result in results]
    assert np.all(np.diff(alphas) < 0.0)
    assert np.all(np.diff(norms) > -1e-9)
    again = fit_network(X, y, alphas[-1], start=results[-1].value, tol=1e-4)
    assert again.stats["n_iter"] <= 2


def test_quantiles():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(200, 2))
    y = np.abs(X[:, 0]) + 0.3 * rng.normal(size=200)
    alpha = 0.3 * network_alpha_max(X, y, loss="quantile", quantile=0.8)
    result = fit_network(X, y, alpha, loss="quantile", quantile=0.8, tol=1e-3)
    assert result.converged
    # d + 1 + K rows may lie on the fit.
    assert_allclose(np.mean(y < result.value(X)[:, 0]), 0.8, atol=0.03)


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("outputs", [1, 2])
def test_gradients(order, outputs):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(50, 3)), rng.normal(size=(50, outputs))
    loss = make_net_loss("squared")
    problem = make_task(read_data(X, Y, None, loss), loss, "relu", order).problem
    problem = problem.at(0.1)
    K, r = 4, problem.skip_map.shape[1]
    U = rng.normal(size=(K, 3))
    U /= np.linalg.norm(U, axis=1)[:, None]
    A, S = rng.normal(size=(K, outputs)), rng.normal(size=(r, outputs))
    neurons = Neurons(U, rng.normal(size=K), A, S)
    way = _Signed(problem, neurons) if outputs == 1 else _Balanced(problem)
    x = way.pack(neurons)
    assert_allclose(
        way.value_and_gradient(x)[0], problem.objective(neurons), rtol=1e-12
    )
    back = way.unpack(x)
    assert_allclose(back.A, neurons.A, rtol=1e-12)  # packed and unpacked: roundings
    slope = taylor_slope(
        lambda z: way.value_and_gradient(z)[0],
        lambda z: way.value_and_gradient(z)[1],
        x,
        direction=1e-3 * rng.normal(size=x.size),
    )
    assert slope > 1.9


def test_merging_neurons_of_one_cell_lowers_the_objective():
    X, y = teacher(60, 3)
    loss = make_net_loss("squared")
    problem = make_task(read_data(X, y, None, loss), loss, "relu", None).problem.at(
        1e-3
    )
    U = np.array([[1.0, 0.0, 0.0], [1.0, 1e-9, 0.0]])
    U /= np.linalg.norm(U, axis=1)[:, None]
    S = problem.moments(problem.Y)
    two = Neurons(U, np.array([0.1, 0.1]), np.array([[0.3], [0.2]]), S)
    R = problem.loss.pull(problem.Y, problem.predict(two))
    one = merge(problem, two, R, 0.0)
    assert len(one.t) == 1
    assert problem.objective(one) <= problem.objective(two) + 1e-12


def test_same_seed_same_network():
    X, y = teacher(100, 6)
    alpha = 0.2 * network_alpha_max(X, y)
    one, two = (fit_network(X, y, alpha, tol=1e-4, random_state=3) for _ in range(2))
    assert np.array_equal(one.value.coef, two.value.coef)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.array([[np.nan, 1.0]]), "y": [1.0]}, "finite"),
        ({"X": np.zeros((0, 2)), "y": []}, "at least one row"),
        ({"X": np.zeros(4)}, "2-D"),
        ({"y": [1.0, 2.0]}, "as many rows"),
        ({"alpha": 0.0}, "alpha"),
        ({"loss": "hinge"}, "loss"),
        ({"loss": "poisson", "y": [-1.0, 0.0, 1.0, 2.0]}, "poisson|>= 0"),
        ({"output_coupling": "both"}, "output_coupling"),
        ({"certificate": "sure"}, "certificate"),
        ({"sample_weight": [0.0] * 4}, "sample_weight"),
    ],
)
def test_refusals(change, message):
    arguments = {"X": XOR, "y": [0.0, 0.0, 1.0, 1.0], "alpha": 0.1} | change
    with pytest.raises((ValueError, TypeError), match=message):
        fit_network(**arguments)


@pytest.mark.parametrize("size", [1e-60, 1e60])
def test_units_do_not_matter(size):
    X, y = halton(30)
    alpha = 0.1 * network_alpha_max(X, y)
    base = fit_network(X, y, alpha)
    other = fit_network(size * X, y, size * alpha)
    assert_allclose(other.objective, base.objective, rtol=1e-6)  # two gaps


def test_constant_and_duplicate_columns():
    X, y = halton(30)
    wide = np.column_stack([X, np.full(30, 7.0), X[:, 0]])
    result = fit_network(wide, y, 0.1 * network_alpha_max(wide, y), tol=1e-4)
    assert np.isfinite(result.value(wide)).all()
    assert result.converged
