"""Weight decay: minimiser, flags, factors, full spectrum; oracles of the matrix case."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

from splinear.factorization import (
    DeepMatrixFactorization,
    RegularizedMatrixFactorization,
    balanced_spectrum,
    critical_singular_value,
    regularization_path,
)

from . import oracles

# Printed digits of the specification, relative to values up to 500.
DIGITS = 1e-10
# The bound, relative to the largest eigenvalue.
CLOSE = 1e-10


def fit(M, lam, widths, **options):
    depth = len(widths) - 1
    return RegularizedMatrixFactorization(depth, lam, widths, **options).fit(M)


class TestScalarOracles:
    def test_depth_three(self):
        model = fit([[8.5]], 1.0, (1, 1, 1, 1))
        assert_allclose(model.hessian_spectrum().to_array(), [94, 4, 4], rtol=1e-14)
        assert_allclose(model.objective_, 12.25, rtol=1e-15)

    def test_depth_four(self):
        model = fit([[16.5]], 2.0, (1, 1, 1, 1, 1))
        assert_allclose(model.hessian_spectrum().to_array(), [504, 8, 8, 8], rtol=1e-14)
        assert_allclose(model.objective_, 32.25, rtol=1e-15)

    def test_wide_hidden_layers(self):
        model = fit([[2.0]], 0.3, (1, 3, 4, 1))
        assert_allclose(model.singular_values_, [1.7511043865], rtol=DIGITS)
        spectrum = model.hessian_spectrum()
        want = oracles.expanded([12.0638949209, 1.2, 0.6, 0], [1, 7, 6, 5])
        assert_allclose(spectrum.to_array(), want, rtol=DIGITS)
        assert_allclose(model.sharpness(), 12.0638949209, rtol=DIGITS)

    def test_negative_target(self):
        model = fit([[-2.0]], 0.3, (1, 3, 4, 1))
        assert_allclose(model.end_to_end_, [[-1.7511043865]], rtol=DIGITS)

    @pytest.mark.parametrize(
        ("L", "want"), [(2, [5.0, 5.0, -3.0, -3.0]), (3, [4.0] * 8)]
    )
    def test_collapsed(self, L, want):
        """At zero: 2 lam +- 2 |m| at depth 2 (here m = 2, lam = 0.5), else 2 lam."""
        m, lam = (2.0, 0.5) if L == 2 else (0.5, 2.0)
        net = DeepMatrixFactorization(
            [np.zeros((2, 1)), *[np.zeros((2, 2))] * (L - 2), np.zeros((1, 2))],
            [[m]],
            weight_decay=lam,
        )
        assert_allclose(net.hessian_spectrum().to_array(), want)
        if L == 3:
            model = fit([[m]], lam, (1, 2, 2, 1))
            assert model.rank_ == 0
            assert_allclose(model.hessian_spectrum().to_array(), want)


class TestMatrixOracles:
    def test_rational(self):
        model = fit(np.diag([8.25, 1.5]), 0.5, (2, 2, 2, 2))
        assert_allclose(model.singular_values_, [8, 1], rtol=1e-15)
        want = oracles.expanded([95, 45.5, 40.5, 5, 2, 0], [1, 1, 1, 1, 6, 2])
        assert_allclose(model.hessian_spectrum().to_array(), want, rtol=1e-14)
        assert_allclose(model.hessian_trace(), 198, rtol=1e-15)
        assert_allclose(model.objective_, 7.8125, rtol=1e-15)
        assert_allclose(model.layer_frobenius_norm_**2, 5, rtol=1e-15)

    def test_depth_two_with_a_dropped_value(self):
        model = fit(np.diag([3, 1, 0.4]), 0.5, (3, 3, 3))
        assert_allclose(model.singular_values_, [2.5, 0.5, 0], rtol=1e-15)
        want = oracles.expanded(
            [10, 8, 6.8, 6, 5.2, 2.8, 2, 1.8, 1.2, 0.2, 0],
            [1, 1, 1, 1, 1, 1, 6, 1, 1, 1, 3],
        )
        got = model.hessian_spectrum().to_array()
        assert_allclose(got, want, rtol=1e-14, atol=1e-14)
        assert_allclose(model.hessian_trace(), 54, rtol=1e-14)
        assert_allclose(model.objective_, 3.66, rtol=1e-14)

    def test_general(self):
        model = fit([[3, 0], [4, 5]], 0.3, (2, 2, 2, 2))
        assert_allclose(
            model.singular_values_, [6.5478467492, 1.9978733642], rtol=DIGITS
        )
        want = [[2.8043572396, 0.1239288479], [3.9456910659, 4.8391671965]]
        assert_allclose(model.end_to_end_, want, rtol=DIGITS * 5)
        assert_allclose(model.layer_frobenius_norm_**2, 5.0862564499, rtol=DIGITS)
        assert_allclose(model.objective_, 4.6600819049, rtol=DIGITS)
        values = [72.8991966270, 42.5313126967, 39.9409692774, 14.4976212530, 1.2, 0]
        want = oracles.expanded(values, [1, 1, 1, 1, 6, 2])
        assert_allclose(model.hessian_spectrum().to_array(), want, rtol=DIGITS)
        assert_allclose(model.hessian_trace(), 177.0690998540, rtol=DIGITS)

    def test_sharpness_is_not_always_the_first_value(self):
        model = fit(np.diag([2.0, 2.0]), 0.5, (2, 2, 2))
        assert_allclose(model.sharpness(), 8.0, rtol=1e-15)
        assert_allclose(model.max_stable_step_size(), 0.25, rtol=1e-15)


@st.composite
def models(draw):
    """Draw a fitted model: ragged widths, bottlenecks, repeated and zero singular values."""
    sizes = draw(oracles.widths())
    s = draw(
        st.sampled_from(
            [
                [3.0, 1.3, 0.7, 0.2],
                [2.0, 2.0, 0.5, 0.0],
                [1.0, 0.0, 0.0, 0.0],
                [0.0] * 4,
            ]
        )
    )
    M = oracles.target_with(s, (sizes[-1], sizes[0]), draw(st.integers(0, 10**6)))
    lam = draw(st.sampled_from([0.05, 0.31, 0.97, 2.6]))
    c = draw(st.sampled_from([1.0, 0.5]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a bottleneck between equal values
        return M, fit(M, lam, sizes, loss_scale=c)


class TestAgainstAutograd:
    @settings(max_examples=120)
    @given(drawn=models(), seed=st.integers(0, 10**6))
    def test_everything_at_random_minimisers(self, drawn, seed):
        M, model = drawn
        layers = model.sample_factors(seed)
        value, g, H = oracles.autograd(
            layers, M, weight_decay=model.weight_decay, loss_scale=model.loss_scale
        )
        true = np.linalg.eigvalsh(H)[::-1]
        spectrum = model.hessian_spectrum()
        scale = max(1.0, true[0])
        assert_allclose(value, model.objective_, rtol=CLOSE, atol=CLOSE)
        assert_allclose(g, 0.0, atol=CLOSE * scale)
        assert spectrum.n_parameters == len(true)
        assert_allclose(spectrum.to_array(), true, rtol=0, atol=CLOSE * scale)
        assert_allclose(model.hessian_trace(), np.trace(H), rtol=CLOSE)
        assert_allclose(spectrum.trace, model.hessian_trace(), rtol=CLOSE)
        assert_allclose(model.sharpness(), spectrum.largest, rtol=1e-14)
        norms = [np.linalg.norm(W) for W in layers]
        assert_allclose(norms, model.layer_frobenius_norm_, rtol=1e-12, atol=1e-14)
        net = DeepMatrixFactorization(layers, M)
        assert_allclose(net.end_to_end(), model.end_to_end_, atol=1e-12)

    @pytest.mark.parametrize("widths", [(2, 2, 2), (3, 2, 2, 3), (2, 3, 1, 2)])
    def test_no_start_of_lbfgs_is_better(self, widths):
        """Of thirty starts the best is the closed form, to the digits of L-BFGS."""
        M = np.random.default_rng(1).normal(size=(widths[-1], widths[0])) * 2.0
        model = fit(M, 0.2, widths)
        chain = DeepMatrixFactorization(model.sample_factors(0), M)._chain

        def value(x):
            net = DeepMatrixFactorization(chain.split(x), M, weight_decay=0.2)
            return net.loss(), net.flatten(net.gradient())

        rng = np.random.default_rng(0)
        runs = [
            minimize(
                value,
                rng.normal(size=chain.n_parameters),
                jac=True,
                method="L-BFGS-B",
                tol=1e-14,
            )
            for _ in range(30)
        ]
        best = min(run.fun for run in runs)
        assert_allclose(best, model.objective_, rtol=1e-9)


class TestAgainstTheWholeHessian:
    @settings(max_examples=60)
    @given(drawn=models(), seed=st.integers(0, 10**6))
    def test_spectrum(self, drawn, seed):
        """Without torch, too; that the whole Hessian is right is shown in test_deep."""
        M, model = drawn
        net = DeepMatrixFactorization(
            model.sample_factors(seed),
            M,
            weight_decay=model.weight_decay,
            loss_scale=model.loss_scale,
        )
        true = np.linalg.eigvalsh(net.hessian())[::-1]
        got = model.hessian_spectrum().to_array()
        assert_allclose(got, true, rtol=0, atol=CLOSE * max(1.0, true[0]))


class TestLaws:
    def test_vanishing_weight_decay_gives_the_balanced_spectrum(self):
        M = oracles.target_with([3.0, 1.0, 0.5], (3, 4), 0)
        got = fit(M, 1e-13, (4, 3, 3, 3)).hessian_spectrum().to_array()
        want = balanced_spectrum(M, 3, (4, 3, 3, 3)).to_array()
        assert_allclose(got, want, atol=1e-10)

    def test_path_agrees_with_single_fits(self):
        M = oracles.target_with([3.0, 1.0, 0.5], (3, 4), 0)
        lams = [0.05, 0.3, 2.0]
        path = regularization_path(M, 3, lams, loss_scale=0.5)
        for i, lam in enumerate(lams):
            model = RegularizedMatrixFactorization(3, lam, loss_scale=0.5).fit(M)
            assert_allclose(path.singular_values[i], model.singular_values_, rtol=1e-14)
            assert_allclose(path.objectives[i], model.objective_, rtol=1e-14)
            assert path.ranks[i] == model.rank_

    def test_unequal_weight_decays_have_the_product_of_their_geometric_mean(self):
        """Rescaled layers of the mean reach its objective with each its own decay."""
        lams = np.array([0.1, 0.3, 0.9])
        mean = float(np.prod(lams) ** (1 / 3))
        M = np.array([[3.0, 0.0], [4.0, 5.0]])
        model = RegularizedMatrixFactorization(3, mean).fit(M)
        layers = model.sample_factors(0)
        scaled = [np.sqrt(mean / l) * W for l, W in zip(lams, layers, strict=True)]
        decay = sum(l * np.sum(W**2) for l, W in zip(lams, scaled, strict=True))
        net = DeepMatrixFactorization(scaled, M)
        assert_allclose(net.loss() + decay, model.objective_, rtol=1e-13)

    def test_default_widths(self):
        model = RegularizedMatrixFactorization(3, 0.1).fit(np.ones((2, 5)))
        shapes = [W.shape for W in model.sample_factors(0)]
        assert shapes == [(2, 5), (2, 2), (2, 2)]


class TestUniqueness:
    @pytest.mark.parametrize("shift", [0.0, 5e-9, -5e-9])
    def test_a_singular_value_on_the_threshold_warns(self, shift):
        crit = critical_singular_value(0.4, 3)
        M = np.diag([5.0, crit * (1.0 + shift)])
        with pytest.warns(
            UserWarning, match="not unique: a singular value of M is within"
        ):
            model = RegularizedMatrixFactorization(3, 0.4).fit(M)
        assert not model.is_unique_
        assert model.threshold_gap_ <= 1e-8

    def test_two_objectives_are_equal_there(self):
        with pytest.warns(UserWarning, match="not unique"):
            model = RegularizedMatrixFactorization(3, 1.0).fit([[2.0]])
        assert_allclose(model.objective_, 4.0, rtol=1e-15)

    @pytest.mark.parametrize("shift", [1e-7, -1e-7])
    def test_beside_the_threshold_it_is_unique(self, shift):
        crit = critical_singular_value(0.4, 3)
        model = RegularizedMatrixFactorization(3, 0.4).fit([[crit * (1.0 + shift)]])
        assert model.is_unique_
        assert model.rank_ == (shift > 0.0)

    def test_depth_two_is_unique_on_the_threshold(self):
        assert RegularizedMatrixFactorization(2, 0.4).fit([[0.4]]).is_unique_

    def test_equal_values_matter_at_a_bottleneck_only(self):
        M = np.diag([2.0, 2.0])
        assert fit(M, 0.1, (2, 2, 2)).is_unique_
        with pytest.warns(UserWarning, match="room for one of them"):
            assert not fit(M, 0.1, (2, 1, 2)).is_unique_
        assert fit(M, 3.0, (2, 1, 2)).is_unique_  # nothing is kept


class TestRefusals:
    @pytest.mark.parametrize("what", ["sharpness", "hessian_trace", "sample_factors"])
    def test_before_fit(self, what):
        with pytest.raises(AttributeError, match=r"call fit\(M\) first"):
            getattr(RegularizedMatrixFactorization(2, 0.1), what)()

    @pytest.mark.parametrize(
        ("M", "error"),
        [
            ([[1j]], TypeError),
            ([[np.nan]], ValueError),
            ([1.0], ValueError),
            (np.ones((0, 2)), ValueError),
        ],
    )
    def test_what_is_no_matrix(self, M, error):
        with pytest.raises(error, match="M must"):
            RegularizedMatrixFactorization(2, 0.1).fit(M)

    def test_arguments(self):
        with pytest.raises(ValueError, match="weight_decay"):
            RegularizedMatrixFactorization(2, 0.0)
        with pytest.raises(ValueError, match="widths must be 3 whole numbers"):
            RegularizedMatrixFactorization(2, 0.1, (2, 3)).fit(np.eye(2))
        with pytest.raises(ValueError, match="widths must be 3 whole numbers"):
            RegularizedMatrixFactorization(2, 0.1, (2, 3, 3)).fit(np.eye(2))

    def test_it_is_no_estimator(self):
        model = RegularizedMatrixFactorization(2, 0.1)
        assert not hasattr(model, "get_params")
        assert not hasattr(model, "predict")

    def test_singular_values_keep_their_order(self):
        model = RegularizedMatrixFactorization(2, 0.1).fit(np.diag([0.5, 3.0]))
        assert_array_equal(
            np.sort(model.singular_values_)[::-1], model.singular_values_
        )
