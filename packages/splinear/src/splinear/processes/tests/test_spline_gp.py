"""The Gaussian process: SciPy's spline as its mean, kriging algebra, its scales."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.interpolate import RBFInterpolator
from scipy.optimize import minimize
from scipy.stats import qmc
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct

from splinear.processes import CubicSplineGP, RandomReLUProcess, UniformBiasReLUKernel
from splinear.processes._sphere import covariance_constant

from . import oracles

X5 = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.2]])
Y5 = np.array([0.0, 1.0, 1.0, 0.0, 0.5])


def data(n, d, seed=0, noise=0.1):
    # Halton points: no two are close, so that systems without noise are no worse than
    # the method makes them.
    X = 2.0 * qmc.Halton(d, rng=seed).random(n) - 1.0
    rng = np.random.default_rng(seed)
    y = np.abs(X[:, 0]) + X.sum(axis=1) + noise * rng.standard_normal(n)
    return X, y


@pytest.mark.parametrize(
    ("noise", "value"), [(0.0, 0.6504206531), (0.01, 0.6426708029)]
)
def test_predictions_to_the_digits_stated(noise, value):
    model = CubicSplineGP(noise=noise, variance=1.0).fit(X5, Y5)
    assert_allclose(model.predict([[0.25, 0.75]]), value, atol=6e-11, rtol=0.0)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("noise", [0.0, 1e-3, 1.0])
def test_the_mean_is_the_cubic_spline_of_scipy(d, noise):
    X, y = data(60, d)
    model = CubicSplineGP(noise=noise, variance=2.0).fit(X, y)
    smoothing = noise / (2.0 * covariance_constant(d))
    assert_allclose(model.smoothing_, smoothing, rtol=1e-13)
    theirs = RBFInterpolator(X, y, kernel="cubic", degree=1, smoothing=smoothing)
    T = np.random.default_rng(1).uniform(-1.2, 1.2, (200, d))
    # Both solve a system whose condition is some 1e5.
    assert_allclose(model.predict(T), theirs(T), atol=1e-10)


def naive(X, y, T, tau, noise):
    """Universal kriging from the full indefinite system."""
    n, d = X.shape

    def cube(A, B):
        return np.linalg.norm(A[:, None] - B[None], axis=2) ** 3

    P, PT = np.column_stack([np.ones(n), X]), np.column_stack([np.ones(len(T)), T])
    M = np.block(
        [[tau * cube(X, X) + noise * np.eye(n), P], [P.T, np.zeros((d + 1,) * 2)]]
    )
    side = np.hstack([tau * cube(T, X), PT])
    mean = side @ np.linalg.solve(M, np.concatenate([y, np.zeros(d + 1)]))
    return mean, tau * cube(T, T) - side @ np.linalg.solve(M, side.T)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_mean_deviation_and_covariance_are_those_of_universal_kriging(d):
    X, y = data(40, d)
    T = np.random.default_rng(1).uniform(-1.2, 1.2, (50, d))
    model = CubicSplineGP(noise=0.02, variance=1.5).fit(X, y)
    mean, C = naive(X, y, T, 1.5 * covariance_constant(d), 0.02)
    got, cov = model.predict(T, return_cov=True)
    assert_allclose(got, mean, atol=1e-11)
    assert_allclose(cov, C, atol=1e-11)
    assert_allclose(model.predict(T, return_std=True)[1] ** 2, np.diag(C), atol=1e-11)


def test_it_is_the_limit_of_proper_priors():
    # Affine functions with variance 1e5 instead of infinity; the radius plays no role.
    X, y = data(25, 2)
    T = np.random.default_rng(1).uniform(-0.7, 0.7, (30, 2))
    prior = UniformBiasReLUKernel(1.5, radius=2.0, variance_bounds="fixed")
    wide = ConstantKernel(1e5, "fixed") * DotProduct(1.0, "fixed")
    gp = GaussianProcessRegressor(prior + wide, alpha=0.02, optimizer=None).fit(X, y)
    model = CubicSplineGP(noise=0.02, variance=1.5).fit(X, y)
    mean, std = gp.predict(T, return_std=True)
    got, deviation = model.predict(T, return_std=True)
    # Relative 1 / 1e5 is the prior's pull.
    assert_allclose(got, mean, atol=1e-5)
    assert_allclose(deviation, std, atol=1e-5)


def test_draws_have_the_posterior_mean_and_covariance():
    model = CubicSplineGP(noise=0.01, variance=1.0).fit(X5, Y5)
    T = np.array([[0.25, 0.75], [0.8, 0.1]])
    mean, cov = model.predict(T, return_cov=True)
    s = model.sample_y(T, 20_000, random_state=0)
    assert s.shape == (2, 20_000)
    r = s - mean[:, None]
    for i, j in ((0, 0), (0, 1), (1, 1)):
        assert abs(oracles.z_of_mean(r[i] * r[j], cov[i, j])) <= 4.0
    assert abs(oracles.z_of_mean(r[0], 0.0)) <= 4.0


def test_without_noise_it_interpolates_without_doubt():
    X, y = data(30, 2, noise=0.0)
    model = CubicSplineGP(noise=0.0).fit(X, y)
    mean, std = model.predict(X, return_std=True)
    assert_allclose(mean, y, atol=1e-11)
    # The root of a difference of numbers of size one: half the digits.
    assert_allclose(std, 0.0, atol=1e-6)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"noise": 0.02}, {"variance": 2.0}, {"noise": 0.0}],
    ids=["both", "variance", "noise", "interpolation"],
)
def test_estimates_maximise_the_restricted_likelihood(parameters):
    X, y = data(50, 2)
    model = CubicSplineGP(**parameters).fit(X, y)
    free = [n for n in ("noise", "variance") if n not in parameters]

    def minus_likelihood(logs):
        values = dict(zip(free, np.exp(logs), strict=True))
        return (
            -CubicSplineGP(**parameters, **values).fit(X, y).log_restricted_likelihood_
        )

    start = [np.log(getattr(model, name + "_")) for name in free]
    best = minimize(minus_likelihood, start, method="Nelder-Mead")
    # What another search gains is rounding of the likelihood; it is of order 100.
    assert -best.fun - model.log_restricted_likelihood_ <= 1e-6
    if "noise" in free:
        assert 0.005 < model.noise_ < 0.02  # the true one is 0.01


def test_the_restricted_likelihood_is_the_density_of_contrasts():
    from scipy.stats import multivariate_normal

    X, y = data(12, 2)
    model = CubicSplineGP(noise=0.1, variance=2.0).fit(X, y)
    U = np.linalg.svd(np.column_stack([np.ones(12), X]))[0][:, 3:]
    far = np.linalg.norm(X[:, None] - X[None], axis=2) ** 3
    S = U.T @ (2.0 * covariance_constant(2) * far + 0.1 * np.eye(12)) @ U
    expected = multivariate_normal(np.zeros(9), S).logpdf(U.T @ y)
    assert_allclose(model.log_restricted_likelihood_, expected, rtol=1e-11)


def test_intervals_cover_functions_of_the_process():
    # 200 processes with noise, each fitted with scales estimated; the point is new.
    process, x = RandomReLUProcess(2, 20.0), np.array([[0.1, -0.2]])
    rng, hits = np.random.default_rng(0), []
    for _ in range(200):
        X = rng.uniform(-1.0, 1.0, (40, 2))
        net = process.sample(np.sqrt(2.0), rng)
        y = net(X) + 0.1 * rng.standard_normal(40)
        mean, std = CubicSplineGP().fit(X, y).predict(x, return_std=True)
        hits.append(abs(net(x)[0] - mean[0]) <= 1.645 * std[0])
    # 90 % of 200, three deviations of 2.1 % and some for the estimated scales.
    assert np.mean(hits) >= 0.82


def test_units_of_columns_and_target_are_those_of_the_data():
    X, y = data(40, 2)
    T = np.random.default_rng(1).uniform(-1.0, 1.0, (20, 2))
    one = CubicSplineGP().fit(X, y)
    two = CubicSplineGP().fit(1e3 * X + 50.0, 1e-2 * y - 7.0)
    mean, std = one.predict(T, return_std=True)
    m, s = two.predict(1e3 * T + 50.0, return_std=True)
    # The search for the noise ends within 1e-8 or so, the rest is rounding.
    assert_allclose(m, 1e-2 * mean - 7.0, rtol=1e-7)
    assert_allclose(s, 1e-2 * std, rtol=1e-5)
    assert_allclose(two.variance_, 1e-13 * one.variance_, rtol=1e-4)


def test_affine_data_are_followed_exactly():
    X = data(30, 3)[0]
    y = X @ [1.0, -2.0, 0.5] + 3.0
    model = CubicSplineGP().fit(X, y)
    T = np.random.default_rng(1).uniform(-2.0, 2.0, (20, 3))
    assert_allclose(model.predict(T), T @ [1.0, -2.0, 0.5] + 3.0, atol=1e-10)


def test_predictions_in_blocks_are_the_same(monkeypatch):
    from splinear.processes import spline_gp

    X, y = data(30, 2)
    model = CubicSplineGP(noise=0.01, variance=1.0).fit(X, y)
    whole = model.predict(X, return_std=True)
    monkeypatch.setattr(spline_gp, "_BLOCK", 100)
    for part, all_at_once in zip(model.predict(X, return_std=True), whole, strict=True):
        assert_allclose(part, all_at_once, atol=1e-12)


def test_it_clones():
    model = clone(CubicSplineGP(noise=0.5, variance=2.0))
    assert model.get_params() == {"noise": 0.5, "variance": 2.0}


# What is refused, and in which words.


@pytest.mark.parametrize(
    ("parameters", "error", "words"),
    [
        ({"noise": -1.0}, ValueError, "noise must be"),
        ({"noise": "much"}, ValueError, "a number or 'auto'; got 'much'"),
        ({"variance": 0.0}, ValueError, "variance must be"),
        ({"variance": None}, TypeError, "variance must be"),
    ],
)
def test_parameters_are_checked(parameters, error, words):
    with pytest.raises(error, match=words):
        CubicSplineGP(**parameters).fit(X5, Y5)


def test_rows_that_determine_no_affine_function_are_refused():
    line = np.column_stack([np.arange(6.0), 2.0 * np.arange(6.0)])
    with pytest.raises(ValueError, match="columns depend"):
        CubicSplineGP().fit(line, np.arange(6.0))
    line[:, 1] = 3.0
    with pytest.raises(ValueError, match="column 1 is constant"):
        CubicSplineGP().fit(line, np.arange(6.0))
    with pytest.raises(ValueError, match=r"at least 4 rows.*n_samples = 3"):
        CubicSplineGP().fit(X5[:3], Y5[:3])


def test_equal_rows_need_noise():
    X, y = np.vstack([X5, X5[:1]]), np.append(Y5, 0.3)
    with pytest.raises(ValueError, match="singular at noise 0: rows of X are equal"):
        CubicSplineGP(noise=0.0, variance=1.0).fit(X, y)
    assert CubicSplineGP(noise=0.1, variance=1.0).fit(X, y).noise_ == 0.1


def test_bad_arrays_and_calls_are_refused():
    model = CubicSplineGP(noise=0.01, variance=1.0).fit(X5, Y5)
    with pytest.raises(ValueError, match="NaN"):
        model.predict([[np.nan, 0.0]])
    with pytest.raises(ValueError, match="NaN"):
        CubicSplineGP().fit(np.full((5, 2), np.nan), Y5)
    with pytest.raises(ValueError, match="2 features"):
        model.predict([[0.0]])
    with pytest.raises(ValueError, match="not for both"):
        model.predict(X5, return_std=True, return_cov=True)
    with pytest.raises(ValueError, match="n_samples must be"):
        model.sample_y(X5, 0)
