"""Derivatives, trace and spectrum at any point; oracles B to E; what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from splinear.core.testing import dot_test, taylor_slope
from splinear.factorization import DeepMatrixFactorization

from . import oracles

# The bound, relative to the largest entry of what is compared; rounding of at
# most six products stays far below it.
CLOSE = 1e-10
# Ten digits are printed in the specification.
DIGITS = 1e-10


def assert_close(got, want):
    scale = max(1.0, float(np.abs(want).max(initial=0.0)))
    assert_allclose(got, want, rtol=0, atol=CLOSE * scale)


class TestOracles:
    def test_b_depth_two(self):
        net = DeepMatrixFactorization(oracles.B)
        assert_array_equal(net.end_to_end(), [[0, 2], [2, 5]])
        want = [24, 14, 14, 4, *[0] * 8]
        assert_allclose(net.hessian_spectrum().to_array(), want, atol=1e-12)
        assert_allclose(net.sharpness().value, 24, rtol=1e-14)
        assert_allclose(24 / net.flatness_ratio(), 22.8062484749, rtol=DIGITS)

    def test_c_depth_three(self):
        net = DeepMatrixFactorization(oracles.C)
        want = [97.3636370105, 42.2946631672, 9.5858812735, 2.7558185488, *[0] * 8]
        assert_allclose(
            net.hessian_spectrum().to_array(), want, rtol=DIGITS, atol=1e-12
        )
        assert_allclose(net.hessian_trace(), 152, rtol=1e-14)
        assert_allclose(
            net.sharpness().value / net.flatness_ratio(), 45.3908372568, rtol=DIGITS
        )

    def test_c_operator(self):
        """K of the specification is for columns first; ours for rows first."""
        operator = DeepMatrixFactorization(oracles.C).jacobian_gram_operator()
        K = operator @ np.eye(4)
        K = K.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2).reshape(4, 4)
        want = [[10, -2, 13, -4], [-2, 5, -4, 9], [13, -4, 37, -10], [-4, 9, -10, 24]]
        assert_allclose(K, want, atol=1e-13)

    @pytest.mark.parametrize("method", ["auto", "gram", "hvp_lanczos", "dense"])
    def test_c_top_eigenvector(self, method):
        U = DeepMatrixFactorization(oracles.C).sharpness(method).eigenvector
        want = [
            [[0.0941375387, 0.2325671518], [-0.0260381378, -0.0642357076]],
            [[0.7137813952, 0.2968028594], [-0.1545095530, -0.0642357076]],
            [[0.2796359211, 0.3959194970], [-0.1545095530, -0.2187452606]],
        ]
        sign = np.sign(U[0][0, 0])
        # Ten decimals; Lanczos at its default tolerance has more.
        assert_allclose(np.stack(U) * sign, want, rtol=0, atol=1e-10)

    def test_c_prime_away_from_a_minimum(self):
        net = DeepMatrixFactorization(oracles.C, np.eye(2), weight_decay=0.5)
        U = [[[1, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]]
        want = [[[9, 8], [6, 18]], [[22, 7], [6, 2]], [[22, 18], [7, 8]]]
        assert_allclose(net.hessian_vector_product(U), want, atol=1e-12)
        values = net.hessian_spectrum().to_array()
        ends = [117.8723257631, -18.6982633607]
        assert_allclose(values[[0, -1]], ends, rtol=DIGITS)
        assert_allclose(net.sharpness().value, ends[0], rtol=DIGITS)
        assert_allclose(net.sharpness("hvp_lanczos").value, ends[0], rtol=DIGITS)

    def test_d_scalar(self):
        net = DeepMatrixFactorization(oracles.D)
        assert_allclose(net.end_to_end(), [[-2]])
        spectrum = net.hessian_spectrum()
        assert_allclose(spectrum.to_array(), [42, *[0] * 7], atol=1e-12)
        assert_allclose(42 / net.flatness_ratio(), 15.1190525987, rtol=DIGITS)
        assert net.sharpness().method == "closed_form"


class TestAgainstAutograd:
    @settings(max_examples=60)
    @given(
        weights=oracles.problems(),
        seed=st.integers(0, 10**6),
        lam=st.sampled_from([0.0, 0.3]),
        c=st.sampled_from([1.0, 0.5, 2.5]),
        n=st.sampled_from([None, 1, 3, 7]),
    )
    def test_everything_at_any_point(self, weights, seed, lam, c, n):
        rng = np.random.default_rng(seed)
        d, rows = weights[0].shape[1], len(weights[-1])
        X = None if n is None else rng.normal(size=(d, n))
        Y = rng.normal(size=(rows, d if n is None else n))
        options = {"weight_decay": lam, "loss_scale": c, "inputs": X}
        net = DeepMatrixFactorization(weights, Y, **options)
        value, g, H = oracles.autograd(weights, Y, **options)
        U = [rng.normal(size=W.shape) for W in weights]
        flat = net.flatten(U)
        assert_allclose(net.loss(), value, rtol=CLOSE)
        assert_close(net.flatten(net.gradient()), g)
        assert_close(net.flatten(net.hessian_vector_product(U)), H @ flat)
        assert_close(net.hessian_operator() @ flat, H @ flat)
        assert_close(net.hessian(), H)
        assert_close(net.hessian_trace(), np.trace(H))
        values = np.linalg.eigvalsh(H)[::-1]
        assert_close(net.hessian_spectrum().to_array(), values)
        assert_close(net.sharpness().value, values[0])

    @settings(max_examples=60)
    @given(
        weights=oracles.problems(),
        lam=st.sampled_from([0.0, 0.3]),
        n=st.sampled_from([None, 2, 7]),
        seed=st.integers(0, 10**6),
    )
    def test_everything_at_zero_residual(self, weights, lam, n, seed):
        rng = np.random.default_rng(seed)
        X = None if n is None else rng.normal(size=(weights[0].shape[1], n))
        net = DeepMatrixFactorization(weights, weight_decay=lam, inputs=X)
        _, _, H = oracles.autograd(weights, net.target, weight_decay=lam, inputs=X)
        values = np.linalg.eigvalsh(H)[::-1]
        assert_close(net.hessian_spectrum().to_array(), values)
        result = net.sharpness()
        assert_close(result.value, values[0])
        assert result.exact
        U = net.flatten(list(result.eigenvector))
        assert_allclose(np.linalg.norm(U), 1.0, rtol=1e-12)
        assert_close(H @ U, values[0] * U)
        low, high = net.sharpness_bracket()
        slack = CLOSE * max(values[0], 1e-300)
        assert low - slack <= values[0] <= high + slack
        assert result.lower_bound - slack <= values[0] <= result.upper_bound + slack

    def test_least_squares_optimum_counts_as_zero_residual(self):
        """With more samples than inputs what no layers can fit does not curve."""
        rng = np.random.default_rng(3)
        weights = oracles.random_layers([3, 4, 3, 2], 5)
        X = rng.normal(size=(3, 20))
        product = weights[2] @ weights[1] @ weights[0]
        noise = rng.normal(size=(2, 20))
        noise -= noise @ np.linalg.pinv(X) @ X
        net = DeepMatrixFactorization(weights, product @ X + noise, inputs=X)
        assert np.linalg.norm(net.residual()) > 1.0
        assert net.sharpness().method == "gram"
        H = oracles.autograd(weights, net.target, inputs=X)[2]
        assert_close(net.sharpness().value, np.linalg.eigvalsh(H)[-1])


class TestDerivatives:
    def net(self, **options):
        weights = oracles.random_layers([3, 4, 2, 5], 1)
        target = np.random.default_rng(2).normal(size=(5, 3))
        return DeepMatrixFactorization(weights, target, **options)

    def test_gradient_has_taylor_slope_two(self):
        net = self.net(weight_decay=0.2)

        def at(x):
            parts = net._chain.split(x)
            return DeepMatrixFactorization(parts, net.target, weight_decay=0.2)

        slope = taylor_slope(
            lambda x: at(x).loss(),
            lambda x: net.flatten(at(x).gradient()),
            net.flatten(net.weights),
        )
        assert 1.9 <= slope <= 2.1

    def test_hessian_is_the_derivative_of_the_gradient(self):
        """Without torch, too: along random directions, with inputs and weight decay."""
        weights = oracles.random_layers([3, 4, 2, 5], 1)
        rng = np.random.default_rng(2)
        X, Y = rng.normal(size=(3, 6)), rng.normal(size=(5, 6))

        def at(x):
            parts = net._chain.split(x)
            return DeepMatrixFactorization(parts, Y, weight_decay=0.2, inputs=X)

        net = DeepMatrixFactorization(weights, Y, weight_decay=0.2, inputs=X)
        assert_close(net.hessian() @ np.eye(30), net.hessian_operator() @ np.eye(30))
        for seed in range(5):
            v = np.random.default_rng(seed).normal(size=net.n_parameters)
            slope = taylor_slope(
                lambda x, v=v: float(v @ at(x).flatten(at(x).gradient())),
                lambda x, v=v: at(x).hessian_operator() @ v,
                net.flatten(net.weights),
            )
            assert 1.9 <= slope <= 2.1

    def test_hessian_and_gram_are_symmetric(self):
        net = self.net()
        for operator in (net.hessian_operator(), net.jacobian_gram_operator()):
            dot_test(
                operator.matvec, operator.rmatvec, operator.shape[1], operator.shape[0]
            )

    def test_loss_scale_scales_everything(self):
        one, third = self.net(), self.net(loss_scale=1 / 3)
        assert_allclose(third.loss(), one.loss() / 3, rtol=1e-14)
        assert_allclose(third.sharpness().value, one.sharpness().value / 3, rtol=1e-12)
        assert_allclose(third.hessian_trace(), one.hessian_trace() / 3, rtol=1e-14)

    def test_weights_are_copies(self):
        W = np.array([[2.0]])
        net = DeepMatrixFactorization([W])
        W[:] = 7.0
        assert net.loss() == 0.0
        assert_array_equal(net.end_to_end(), [[2.0]])


class TestLaws:
    @given(sizes=oracles.widths(low=2), seed=st.integers(0, 10**6))
    @settings(max_examples=40)
    def test_rotations_of_hidden_layers_leave_the_spectrum(self, sizes, seed):
        weights = oracles.random_layers(sizes, seed)
        rng = np.random.default_rng(seed)
        Q = [np.linalg.qr(rng.normal(size=(d, d)))[0] for d in sizes]
        turned = [Q[i + 1] @ W @ Q[i].T for i, W in enumerate(weights)]
        one = DeepMatrixFactorization(weights).hessian_spectrum().to_array()
        two = DeepMatrixFactorization(turned).hessian_spectrum().to_array()
        assert_close(two, one)

    def test_power_iteration_only_rises(self):
        net = DeepMatrixFactorization(oracles.random_layers([3, 5, 4, 3], 8))
        K = net.jacobian_gram_operator()
        x = np.random.default_rng(0).normal(size=9)
        values = []
        for _ in range(50):
            x = x / np.linalg.norm(x)
            values.append(float(x @ (K @ x)))
            x = K @ x
        assert np.all(np.diff(values) >= -1e-12 * values[-1])  # rounding of a product
        assert 2.0 * values[-1] <= net.sharpness().value * (1.0 + 1e-12)


class TestRefusals:
    def test_shapes_that_do_not_chain(self):
        with pytest.raises(ValueError, match=r"weights\[1\] must have 2 columns"):
            DeepMatrixFactorization([np.ones((2, 3)), np.ones((2, 3))])

    def test_complex_entries(self):
        with pytest.raises(TypeError, match=r"weights\[0\] must hold real numbers"):
            DeepMatrixFactorization([[[1j]]])

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_entries_that_are_not_finite(self, bad):
        with pytest.raises(ValueError, match=r"weights\[1\] must be finite"):
            DeepMatrixFactorization([[[1.0]], [[bad]]])
        with pytest.raises(ValueError, match="target must be finite"):
            DeepMatrixFactorization([[[1.0]]], [[bad]])
        with pytest.raises(ValueError, match="inputs must be finite"):
            DeepMatrixFactorization([[[1.0]]], inputs=[[bad]])

    @pytest.mark.parametrize(
        ("weights", "error", "words"),
        [
            ([], ValueError, "at least one layer"),
            (np.ones((2, 2)), TypeError, "put it in a list"),
            ([np.ones(3)], ValueError, "must be a matrix"),
            ([np.ones((0, 3))], ValueError, "at least one row"),
            ([[["a"]]], TypeError, "must hold real numbers"),
        ],
    )
    def test_weights_that_are_none(self, weights, error, words):
        with pytest.raises(error, match=words):
            DeepMatrixFactorization(weights)

    def test_target_and_inputs_of_a_wrong_shape(self):
        with pytest.raises(ValueError, match=r"target must have shape \(1, 2\)"):
            DeepMatrixFactorization([[[1.0, 2.0]]], [[1.0]])
        with pytest.raises(ValueError, match="inputs must have 2 rows"):
            DeepMatrixFactorization([[[1.0, 2.0]]], inputs=[[1.0]])

    def test_scales_out_of_range(self):
        with pytest.raises(ValueError, match="loss_scale"):
            DeepMatrixFactorization([[[1.0]]], loss_scale=0.0)
        with pytest.raises(ValueError, match="weight_decay"):
            DeepMatrixFactorization([[[1.0]]], weight_decay=-1.0)

    def test_a_product_that_overflows(self):
        with pytest.raises(ValueError, match="it overflows: rescale the layers"):
            DeepMatrixFactorization([[[1e200]], [[1e200]]])

    def test_directions_of_a_wrong_shape(self):
        net = DeepMatrixFactorization([[[1.0]], [[1.0]]])
        with pytest.raises(ValueError, match="directions must have the shapes"):
            net.hessian_vector_product([[[1.0]]])

    @pytest.mark.parametrize(
        "ask",
        [
            lambda net: net.sharpness("closed_form"),
            lambda net: net.sharpness("gram"),
            lambda net: net.sharpness_bracket(),
            lambda net: net.flatness_ratio(),
            lambda net: net.is_flat(),
            lambda net: net.spectral_norm_products(),
        ],
    )
    def test_zero_loss_functions_away_from_a_minimum(self, ask):
        net = DeepMatrixFactorization(oracles.C, np.eye(2))
        with pytest.raises(ValueError, match=r"residual has norm .*: take") as caught:
            ask(net)
        assert f"{np.linalg.norm(net.residual()):.6g}" in str(caught.value)

    def test_no_flatness_where_layers_of_zeros_miss_the_target(self):
        """There the residual does not bend the loss, but it is no minimum."""
        net = DeepMatrixFactorization([np.zeros((2, 2))] * 3, np.eye(2))
        assert net.sharpness().exact
        with pytest.raises(ValueError, match="residual has norm"):
            net.flatness_ratio()

    def test_the_flattest_minimum_is_unknown_with_inputs_and_weight_decay(self):
        for options in ({"inputs": np.eye(2)}, {"weight_decay": 0.1}):
            net = DeepMatrixFactorization(oracles.C, **options)
            with pytest.raises(ValueError, match="without weight decay and inputs"):
                net.flatness_ratio()

    def test_matrices_that_are_too_large(self):
        net = DeepMatrixFactorization([np.ones((70, 70))], np.zeros((70, 70)))
        with pytest.raises(ValueError, match="4900 parameters is too large"):
            net.hessian()
        weights = oracles.random_layers([64, 64, 64, 64], 0)
        with pytest.raises(ValueError, match="J J\\^T has 4096 rows"):
            DeepMatrixFactorization(weights).hessian_spectrum()

    def test_an_unknown_method(self):
        with pytest.raises(ValueError, match="method must be one of"):
            DeepMatrixFactorization([[[1.0]]]).sharpness("power")  # type: ignore[arg-type]
