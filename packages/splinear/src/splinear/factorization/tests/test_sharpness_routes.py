"""Every route to the sharpness, its certificate, and what makes a minimum flat."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from splinear.factorization import (
    DeepMatrixFactorization,
    balanced_factorization,
    balanced_spectrum,
    flattest_sharpness,
)
from splinear.factorization import sharpness as routes
from splinear.factorization._bracket import moment_upper
from splinear.factorization._gram import fourth_moment, gram

from . import oracles


def shrunk_aligned():
    """Return depth 3 layers that are flat though their norm products are not equal."""
    return [np.diag([1.0, 1.2]), np.diag([1.0, 0.6]), np.diag([1.0, 0.5])]


class TestRoutes:
    @pytest.mark.parametrize(
        ("weights", "method"),
        [
            (oracles.B, "closed_form"),
            (oracles.D, "closed_form"),
            (oracles.random_layers([5, 3, 4, 1], 0), "closed_form"),
            (oracles.random_layers([1, 3, 4, 5], 0), "closed_form"),
            (oracles.random_layers([4, 3], 0), "closed_form"),
            (shrunk_aligned(), "closed_form"),
            (oracles.C, "gram"),
            (oracles.random_layers([20, 30, 10, 20], 0), "gram"),
        ],
    )
    def test_auto_takes_the_shortest(self, weights, method):
        net = DeepMatrixFactorization(weights)
        result = net.sharpness()
        assert result.method == method
        general = net.sharpness("hvp_lanczos")
        # Lanczos at 1e-12 has a Rayleigh quotient right to twice the digits.
        assert_allclose(result.value, general.value, rtol=1e-11)
        assert general.method == "hvp_lanczos"

    def test_lanczos_says_what_it_proves(self):
        net = DeepMatrixFactorization(oracles.random_layers([24, 30, 24, 20], 4))
        result = net.sharpness()
        true = np.linalg.eigvalsh(gram(net._chain).dense())[-1] * 2.0
        assert result.method == "gram"
        assert_allclose(result.value, true, rtol=1e-12)
        assert result.eigen_residual <= 1e-9 * true
        assert result.lower_bound <= true <= result.upper_bound
        assert result.exact == (result.upper_bound - result.lower_bound <= 1e-8 * true)

    def test_a_dominant_eigenvalue_is_proven_by_its_fourth_moment(self):
        """Rank one plus a little: no other eigenvalue has room beside the top one."""
        rng = np.random.default_rng(0)
        weights = [0.02 * W for W in oracles.random_layers([24, 24, 24, 24], 1)]
        for W in weights:
            W += np.outer(rng.normal(size=24), rng.normal(size=24)) / 24.0
        result = DeepMatrixFactorization(weights).sharpness()
        assert result.method == "gram"
        assert result.exact

    def test_no_closed_form_is_said(self):
        with pytest.raises(ValueError, match="no closed form"):
            DeepMatrixFactorization(oracles.C).sharpness("closed_form")

    @pytest.mark.parametrize("L", [1, 2, 3, 6])
    def test_zero_layers(self, L):
        net = DeepMatrixFactorization([np.zeros((2, 2))] * L, weight_decay=0.5)
        result = net.sharpness()
        assert_allclose(result.value, 3.0 if L == 1 else 1.0, rtol=1e-15)
        assert result.exact
        assert_allclose(np.linalg.norm(net.flatten(list(result.eigenvector))), 1.0)

    @pytest.mark.parametrize("scale", [1e-20, 1e20])
    def test_scales_far_from_one(self, scale):
        weights = [scale * np.array(W, dtype=float) for W in oracles.C]
        result = DeepMatrixFactorization(weights).sharpness()
        assert_allclose(result.value / scale**4, 97.3636370105, rtol=1e-10)

    def test_lanczos_that_does_not_settle_is_an_error(self, monkeypatch):
        def fail(*_, **__):
            raise routes.ArpackError(-9999)

        monkeypatch.setattr(routes, "eigsh", fail)
        net = DeepMatrixFactorization(oracles.C)
        with pytest.raises(
            ArithmeticError, match="did not reach the relative residual"
        ):
            net.sharpness("hvp_lanczos")


class TestBrackets:
    def test_example_c(self):
        low, high = DeepMatrixFactorization(oracles.C).sharpness_bracket()
        assert_allclose(low, 97.3636328911, rtol=1e-11)
        assert_allclose(high, 98.9021500015, rtol=1e-11)

    @settings(max_examples=40)
    @given(weights=oracles.problems(), seed=st.integers(0, 10**6))
    def test_bracket_holds_with_a_residual(self, weights, seed):
        rng = np.random.default_rng(seed)
        shape = len(weights[-1]), weights[0].shape[1]
        net = DeepMatrixFactorization(weights, rng.normal(size=shape))
        result = net.sharpness("hvp_lanczos")
        true = np.linalg.eigvalsh(net.hessian())[-1]
        slack = 1e-12 * max(abs(true), result.upper_bound)
        assert result.lower_bound <= true + slack
        assert true <= result.upper_bound + slack

    def test_fourth_moment(self):
        operator = gram(
            DeepMatrixFactorization(oracles.random_layers([3, 2, 4, 3], 0))._chain
        )
        values = np.linalg.eigvalsh(operator.dense())
        assert_allclose(fourth_moment(operator), np.sum(values**4), rtol=1e-13)
        bound = moment_upper(values[-1], 0.0, np.sum(values**4))
        assert bound >= values[-1]
        assert bound >= np.sum(values[:-1] ** 4) ** 0.25 * (1.0 - 1e-12)


class TestBottleneck:
    def test_counterexample_at_depth_three(self):
        net = DeepMatrixFactorization(oracles.SLACK, np.diag([2.0, 1.0]))
        assert net.loss() == 1.0
        assert max(np.abs(G).max() for G in net.gradient()) == 0.0
        result = net.sharpness()
        assert_allclose(result.value, 41.0 + math.sqrt(1561.0), rtol=1e-14)
        assert_allclose(result.value, 80.5094925303, rtol=1e-11)
        assert result.method == "dense"
        assert result.loss_residual == 1.0
        with pytest.raises(ValueError, match="residual has norm 1"):
            net.sharpness("gram")

    @settings(max_examples=40)
    @given(
        sizes=oracles.widths(low=2, high=2, largest=5),
        seed=st.integers(0, 10**6),
    )
    def test_depth_two_keeps_its_formula_at_the_best_of_its_width(self, sizes, seed):
        rng = np.random.default_rng(seed)
        M = rng.normal(size=(sizes[2], sizes[0]))
        U, s, Vt = np.linalg.svd(M, full_matrices=False)
        k = min(sizes)
        G = np.linalg.qr(rng.normal(size=(sizes[1], k)))[0] * rng.uniform(0.5, 2.0, k)
        W1 = G @ Vt[:k]
        W2 = (U[:, :k] * s[:k]) @ np.linalg.pinv(G)
        net = DeepMatrixFactorization([W1, W2], M)
        result = net.sharpness()
        assert result.method == "closed_form"
        assert result.exact
        true = np.linalg.eigvalsh(net.hessian())[-1]
        assert_allclose(result.value, true, rtol=1e-10)

    def test_depth_two_elsewhere_takes_the_hessian(self):
        net = DeepMatrixFactorization(oracles.B, np.eye(2))
        assert net.sharpness().method == "dense"


class TestFlatness:
    def test_oracle_e_balanced(self):
        M, top = oracles.E, 75.9089398772
        layers = balanced_factorization(M, 3, random_state=0)
        want = [top, 43.3154194266, 43.3154194266, 17.5441064293]
        got = DeepMatrixFactorization(layers, M).hessian_spectrum().to_array()
        assert_allclose(got[:4], want, rtol=1e-11)
        assert_allclose(balanced_spectrum(M, 3).to_array()[:4], want, rtol=1e-11)
        assert_allclose(flattest_sharpness(M, 3), top, rtol=1e-11)

    def test_oracle_e_depth_four(self):
        values = balanced_spectrum(np.diag([3.0, 1.0, 0.5]), 4).to_array()
        want = [
            41.5692193817,
            *[21.8564064606] * 2,
            *[17.0741031213] * 2,
            8,
            *[5.1213203436] * 2,
            2.8284271247,
        ]
        assert_allclose(values[:9], want, rtol=1e-10)
        assert np.all(values[9:] == 0.0)

    @settings(max_examples=40)
    @given(sizes=oracles.widths(), rank=st.integers(0, 4), seed=st.integers(0, 10**6))
    def test_balanced_layers_are_flattest(self, sizes, rank, seed):
        """Singular values that vanish and that repeat included."""
        s = np.zeros(4)
        k = min(rank, *sizes)
        s[:k] = [3.0, 1.0, 1.0, 0.2][:k]
        M = oracles.target_with(s, (sizes[-1], sizes[0]), seed)
        L = len(sizes) - 1
        layers = balanced_factorization(M, widths=sizes, random_state=seed)
        net = DeepMatrixFactorization(layers, M)
        scale = flattest_sharpness(M, L)
        assert_allclose(net.end_to_end(), M, atol=1e-13)
        # 1e-10: the residual of rounding (1e-15) counts as zero.
        assert_allclose(net.sharpness().value, scale, rtol=1e-10, atol=1e-12)
        want = balanced_spectrum(M, L, sizes).to_array()
        _, _, H = oracles.autograd(layers, M)
        assert_allclose(np.linalg.eigvalsh(H)[::-1], want, atol=1e-10 * max(1.0, scale))

    @settings(max_examples=40)
    @given(sizes=oracles.widths(low=2), seed=st.integers(0, 10**6))
    def test_nothing_is_flatter(self, sizes, seed):
        net = DeepMatrixFactorization(oracles.random_layers(sizes, seed))
        assert net.flatness_ratio() >= 1.0 - 1e-12

    @pytest.mark.parametrize(
        ("weights", "value", "flattest"),
        [
            ([np.diag([1.0, 3.0]), np.diag([3.0, 1.0])], 36.0, 12.0),
            (shrunk_aligned(), 6.0, 6.0),
            ([np.diag([2.0, 2.0]), np.diag([2.0, 0.5])], 16.0, 16.0),
            ([[[1.0], [0.0]], [[0.6, 0.8]]], 4.0, 2.4),
        ],
    )
    def test_examples(self, weights, value, flattest):
        """Equal norms are not enough, nor is Frobenius balance needed."""
        net = DeepMatrixFactorization(weights)
        assert_allclose(net.sharpness().value, value, rtol=1e-14)
        assert_allclose(value / net.flatness_ratio(), flattest, rtol=1e-14)
        assert net.is_flat() == (value == flattest)

    def test_spectral_norm_products_are_sufficient_not_necessary(self):
        assert_allclose(
            DeepMatrixFactorization(shrunk_aligned()).spectral_norm_products(),
            [1.0, 1.2, 1.0],
            rtol=1e-14,
        )
        spectrum = DeepMatrixFactorization(shrunk_aligned()).hessian_spectrum()
        assert_allclose(spectrum.to_array()[:4], [6, 5.9168, 2.68, 1.9368], rtol=1e-14)
        flat = balanced_factorization(oracles.E, 3, random_state=1)
        products = DeepMatrixFactorization(flat, oracles.E).spectral_norm_products()
        assert_allclose(products, 1.0, rtol=1e-13)

    def test_a_search_over_minima_does_not_find_a_flatter_one(self):
        """Nelder-Mead over all layers with product M = [[2, 1], [0, 1]]."""
        from scipy.optimize import minimize

        M = np.array([[2.0, 1.0], [0.0, 1.0]])

        def value(x):
            W1, W2 = x.reshape(2, 2, 2)
            if min(abs(np.linalg.det(W1)), abs(np.linalg.det(W2))) < 1e-3:
                return 1e3
            W3 = M @ np.linalg.inv(W2 @ W1)
            return DeepMatrixFactorization([W1, W2, W3]).sharpness().value

        start = np.concatenate([np.eye(2).ravel(), np.eye(2).ravel()]) * 1.2
        options = {"maxiter": 1500, "xatol": 1e-9, "fatol": 1e-9}
        found = minimize(value, start, method="Nelder-Mead", options=options)
        bound = flattest_sharpness(M, 3)
        assert_allclose(bound, 18.0920634077, rtol=1e-11)
        assert bound * (1.0 - 1e-12) <= found.fun <= bound * 1.01

    def test_widths_below_the_rank_are_refused(self):
        with pytest.raises(ValueError, match="at least 2, the rank"):
            balanced_factorization(oracles.E, widths=[2, 1, 2])
        with pytest.raises(ValueError, match="depth or widths"):
            balanced_factorization(oracles.E)
        with pytest.raises(ValueError, match="widths must be 3 whole numbers"):
            balanced_factorization(oracles.E, 2, widths=[2, 3])

    def test_zero_products(self):
        net = DeepMatrixFactorization([np.zeros((1, 2)), [[1.0]]])
        assert math.isnan(DeepMatrixFactorization([[[0.0]], [[0.0]]]).flatness_ratio())
        assert not net.is_flat()
        with pytest.raises(ValueError, match="must not be zero"):
            net.spectral_norm_products()

    def test_largest_stable_step(self):
        net = DeepMatrixFactorization(oracles.B)
        assert_allclose(net.max_stable_step_size(), 2.0 / 24.0, rtol=1e-14)
        nothing = DeepMatrixFactorization([np.zeros((2, 2))] * 3)
        assert nothing.max_stable_step_size() == math.inf
