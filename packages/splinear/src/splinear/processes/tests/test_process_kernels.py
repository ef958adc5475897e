"""The kernels under one suite, and in scikit-learn's own regressor."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, WhiteKernel

from splinear.processes import (
    RandomReLUProcess,
    ReLUProcessKernel,
    UniformBiasReLUKernel,
)

from . import oracles


def cloud(n, d, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, d))
    return X / np.linalg.norm(X, axis=1).max()


class KernelConformance:
    """What every kernel must do: say how it is built, get the tests."""

    def build(self):
        raise NotImplementedError

    @pytest.mark.parametrize("d", [1, 2, 3, 5, 20])
    def test_it_is_symmetric_and_positive_semidefinite(self, d):
        K = self.build()(cloud(60, d))
        assert_array_equal(K, K.T)
        values = np.linalg.eigvalsh(K)
        # Rounding of sixty entries of the size of the largest eigenvalue.
        assert values[0] >= -60 * 2.3e-16 * values[-1]

    @pytest.mark.parametrize("d", [1, 2, 5])
    def test_its_diagonal_is_the_diagonal(self, d):
        kernel, X = self.build(), cloud(50, d)
        assert_allclose(kernel.diag(X), np.diag(kernel(X)), rtol=1e-12, atol=1e-16)

    def test_two_arguments_give_a_block_of_one(self):
        kernel, X = self.build(), cloud(30, 3)
        assert_allclose(kernel(X[:10], X[10:]), kernel(X)[:10, 10:], rtol=1e-13)

    def test_clones_and_parameters(self):
        kernel = self.build()
        twin = clone(kernel)
        assert twin == kernel
        assert twin is not kernel
        assert_array_equal(twin(cloud(5, 2)), kernel(cloud(5, 2)))
        other = kernel.clone_with_theta(kernel.theta + 0.3)
        assert_allclose(other.theta, kernel.theta + 0.3)
        assert other != kernel
        assert kernel.get_params() == self.build().get_params()
        assert type(kernel).__name__ in repr(kernel)
        assert kernel.bounds.shape == (kernel.n_dims, 2)
        assert not kernel.is_stationary()

    @pytest.mark.parametrize("d", [1, 3])
    def test_its_gradient_is_the_difference_quotient(self, d):
        kernel, X, h = self.build(), 0.9 * cloud(20, d), 1e-5
        K, gradient = kernel(X, eval_gradient=True)
        assert_array_equal(K, kernel(X))
        assert gradient.shape == (20, 20, kernel.n_dims)
        for i in range(kernel.n_dims):
            step = np.zeros(kernel.n_dims)
            step[i] = h
            up, down = (
                kernel.clone_with_theta(kernel.theta + s) for s in (step, -step)
            )
            quotient = (up(X) - down(X)) / (2.0 * h)
            assert_allclose(gradient[:, :, i], quotient, rtol=1e-7, atol=1e-9)

    def test_a_fixed_parameter_has_no_gradient(self):
        names = {h.name: "fixed" for h in self.build().hyperparameters}
        bounds = {f"{name}_bounds": value for name, value in names.items()}
        kernel = self.build().set_params(**bounds)
        assert kernel(cloud(4, 2), eval_gradient=True)[1].shape == (4, 4, 0)
        assert kernel.n_dims == 0

    def test_a_regressor_fits_its_parameters(self):
        X = cloud(60, 2)
        y = np.maximum(X @ [0.6, 0.8] - 0.1, 0.0) + 0.5 * X[:, 0]
        noise = 0.01 * np.random.default_rng(0).standard_normal(60)
        kernel = ConstantKernel() + DotProduct() + self.build() + WhiteKernel(1e-3)
        model = GaussianProcessRegressor(kernel)
        with warnings.catch_warnings():  # a bound of WhiteKernel or ConstantKernel
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y + noise)
        T = 0.8 * cloud(200, 2, seed=1)
        mean, std = model.predict(T, return_std=True)
        truth = np.maximum(T @ [0.6, 0.8] - 0.1, 0.0) + 0.5 * T[:, 0]
        # Ridge of height 0.9 from 60 points: a few per cent.
        assert np.sqrt(np.mean((mean - truth) ** 2)) < 0.03
        assert np.all(std > 0.0)
        start = model.log_marginal_likelihood(kernel.theta)
        assert model.log_marginal_likelihood_value_ > start

    @pytest.mark.parametrize(
        ("X", "words"),
        [
            ([[np.nan, 0.0]], "X must be finite"),
            ([[np.inf, 0.0]], "X must be finite"),
            (np.zeros((2, 2, 2)), "X must have shape"),
        ],
    )
    def test_bad_points_are_refused(self, X, words):
        for ask in (self.build(), self.build().diag):
            with pytest.raises(ValueError, match=words):
                ask(X)

    def test_other_misuse_is_refused(self):
        kernel, X = self.build(), cloud(3, 2)
        with pytest.raises(ValueError, match=r"Y must have shape \(N, 2\)"):
            kernel(X, np.zeros((3, 1)))
        with pytest.raises(ValueError, match="leave Y out"):
            kernel(X, X, eval_gradient=True)
        with pytest.raises(ValueError, match="variance must be"):
            kernel.set_params(variance=-1.0)(X)


class TestReLUProcessKernel(KernelConformance):
    def build(self):
        return ReLUProcessKernel(2.0)


class TestUniformBiasReLUKernel(KernelConformance):
    def build(self):
        return UniformBiasReLUKernel(0.7, radius=1.5, radius_bounds=(1.0, 5.0))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_kernel_is_the_covariance_of_the_process(d):
    X, Y = cloud(10, d), cloud(7, d, seed=1)
    process = RandomReLUProcess(d, 2.5)
    expected = process.covariance(X, Y)
    assert_allclose(ReLUProcessKernel(2.5)(X, Y), expected, rtol=1e-13)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_uniform_biases_have_that_covariance(d):
    # Simulated from the definition: Poisson neurons of both signs of the bias.
    rng, R, draws = np.random.default_rng(d), 1.2, 40_000
    x, y = 0.9 * np.eye(d)[0], np.full(d, -0.4)
    area = {1: 2.0, 2: 2.0 * np.pi, 3: 4.0 * np.pi}[d]
    counts = rng.poisson(0.5 * area * 2.0 * R, draws)
    owner = np.repeat(np.arange(draws), counts)
    U = rng.standard_normal((owner.size, d))
    U /= np.linalg.norm(U, axis=1, keepdims=True)
    t, v = rng.uniform(-R, R, owner.size), rng.standard_normal(owner.size)
    s = [np.bincount(owner, v * np.maximum(U @ p - t, 0), draws) for p in (x, y)]
    K = UniformBiasReLUKernel(0.5, radius=R)(np.array([x, y]))
    for i, j in ((0, 0), (0, 1), (1, 1)):
        assert abs(oracles.z_of_mean(s[i] * s[j], K[i, j])) <= 4.0


@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_pinning_takes_the_affine_part_at_the_origin_away(d, seed):
    """C is C_R after s(x) -> s(x) - s(0) - x . grad s(0), by differences."""
    X = 0.9 * cloud(6, d, seed)
    kernel, h = UniformBiasReLUKernel(radius=1.0), 1e-4
    # Rows: x, then the origin and the steps of a central difference there.
    steps = np.vstack([np.zeros((1, d)), h * np.eye(d), -h * np.eye(d)])
    points = np.vstack([X, steps])
    take = np.hstack([np.eye(6), -np.ones((6, 1)), -X / (2 * h), X / (2 * h)])
    pinned = take @ kernel(points) @ take.T
    assert_allclose(pinned, ReLUProcessKernel()(X), atol=1e-3)


def test_points_beyond_the_radius_are_refused():
    kernel = UniformBiasReLUKernel(radius=1.0)
    for ask in (kernel, kernel.diag):
        with pytest.raises(ValueError, match=r"at distance 2 .* pass a larger radius"):
            ask([[2.0, 0.0]])
    with pytest.raises(ValueError, match="Y has a point at distance 2"):
        kernel([[0.5, 0.0]], [[2.0, 0.0]])
    with pytest.raises(ValueError, match="radius must be"):
        kernel.set_params(radius=-1.0)([[0.5, 0.0]])
