"""The scalar problem: thresholds, jump, solver, and its path in weight decay."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from splinear.factorization import (
    critical_singular_value,
    critical_weight_decay,
    rank_breakpoints,
    regularization_path,
    schatten_shrinkage,
)

# Printed digits of the specification.
DIGITS = 6e-11


def g(s, sigma, lam, L):
    """Return the objective of one singular value, from its definition."""
    return (s - sigma) ** 2 + L * lam * np.asarray(s) ** (2.0 / L)


class TestThresholds:
    @pytest.mark.parametrize(
        ("L", "sigma", "lam"),
        [
            (2, 0.1, 1.0),
            (3, 0.3556558820, 0.3968502630),
            (4, 0.5129927840, 0.2721655270),
            (5, 0.6282601603, 0.2103665898),
            (6, 0.7213499530, 0.1723547752),
            (10, 0.9938334875, 0.1011196302),
        ],
    )
    def test_table(self, L, sigma, lam):
        assert_allclose(critical_singular_value(0.1, L), sigma, atol=DIGITS)
        assert_allclose(critical_weight_decay(1.0, L), lam, atol=DIGITS)

    def test_weight_decay_of_two(self):
        got = [critical_weight_decay(2.0, L) for L in (2, 3, 4, 5)]
        assert_allclose(got, [2, 1, 0.7698003589, 0.6377122503], atol=DIGITS)

    @given(sigma=st.floats(1e-100, 1e100), L=st.integers(2, 12), c=st.floats(0.1, 10.0))
    def test_the_two_are_inverse(self, sigma, L, c):
        lam = critical_weight_decay(sigma, L, c)
        # Exponents of logarithms of up to 230: some hundred roundings.
        assert_allclose(critical_singular_value(lam, L, c), sigma, rtol=1e-12)

    @pytest.mark.parametrize("L", [3, 4, 7])
    def test_the_jump_is_from_zero_to_a_share_of_sigma(self, L):
        crit = critical_singular_value(0.4, L)
        above = schatten_shrinkage(crit * (1.0 + 1e-12), 0.4, L)
        assert_allclose(above, crit * (L - 2.0) / (L - 1.0), rtol=1e-9)
        assert schatten_shrinkage(crit * (1.0 - 1e-12), 0.4, L) == 0.0
        assert_allclose(g(above, crit, 0.4, L), g(0.0, crit, 0.4, L), rtol=1e-9)

    def test_depth_one_never_collapses(self):
        assert critical_singular_value(3.0, 1) == 0.0
        assert critical_weight_decay(3.0, 1) == math.inf
        assert critical_weight_decay(0.0, 3) == 0.0


class TestShrinkage:
    def test_exact_ties(self):
        assert g(0, 2, 1, 3) == g(1, 2, 1, 3) == 4.0
        assert_allclose(schatten_shrinkage(2.0, 1 - 1e-9, 3), 1.0000000015, atol=DIGITS)
        assert schatten_shrinkage(2.0, 1 + 1e-9, 3) == 0.0
        assert g(0, 1.5, 0.5, 4) == g(1, 1.5, 0.5, 4) == 2.25

    def test_exact_interiors(self):
        assert_allclose(schatten_shrinkage(8.5, 1.0, 3), 8.0, rtol=1e-15)
        assert_allclose(schatten_shrinkage(16.5, 2.0, 4), 16.0, rtol=1e-15)

    @pytest.mark.parametrize(
        ("lam", "want"),
        [
            (0.1, [1.8181818182, 1.9, 1.9195360699, 1.9279807400, 1.9326546766]),
            (0.5, [1.3333333333, 1.5, 1.5697802058, 1.6053779405, 1.6265728472]),
            (0.7, [1.1764705882, 1.3, 1.3696847182, 1.4106240707, 0.0]),
        ],
    )
    def test_tables(self, lam, want):
        got = [schatten_shrinkage(2.0, lam, L) for L in range(1, 6)]
        assert_allclose(got, want, atol=DIGITS)

    @given(sigma=st.floats(0.0, 5.0), lam=st.floats(0.0, 3.0), L=st.integers(1, 12))
    def test_no_grid_point_is_better(self, sigma, lam, L):
        s = schatten_shrinkage(sigma, lam, L)
        best = np.min(g(np.linspace(0.0, 5.0, 2001), sigma, lam, L))
        assert g(s, sigma, lam, L) <= best + 1e-13 * (1.0 + best)

    @given(sigma=st.floats(0.1, 100.0), share=st.floats(0.01, 0.99))
    def test_closed_forms_of_depth_three_and_four(self, sigma, share):
        lam = share * critical_weight_decay(sigma, 4)
        angle = math.acos(-1.5 * math.sqrt(3.0) * lam * sigma**-1.5) / 3.0
        want = 4.0 * sigma / 3.0 * math.cos(angle) ** 2
        assert_allclose(schatten_shrinkage(sigma, lam, 4), want, rtol=1e-13)
        lam = share * critical_weight_decay(sigma, 3)
        inner = 3.0 * math.sqrt(3.0) * sigma**2 / (16.0 * lam**1.5)
        y = 4.0 * math.sqrt(lam / 3.0) * math.cosh(math.acosh(inner) / 3.0)
        t = 0.5 * (math.sqrt(y) + math.sqrt(2.0 * sigma / math.sqrt(y) - y))
        # Loses digits to the difference under the root where lam is small.
        assert_allclose(schatten_shrinkage(sigma, lam, 3), t**3, rtol=1e-8)

    @pytest.mark.parametrize("sigma", [1e-150, 1e150])
    def test_extreme_sizes(self, sigma):
        lam = 0.5 * critical_weight_decay(sigma, 5)
        s = schatten_shrinkage(sigma, lam, 5)
        assert_allclose(s + lam * s ** (2 / 5 - 1), sigma, rtol=1e-14)

    def test_only_the_ratio_to_the_loss_scale_matters(self):
        one = schatten_shrinkage([3.0, 1.0], 0.4, 3)
        assert_array_equal(schatten_shrinkage([3.0, 1.0], 0.2, 3, loss_scale=0.5), one)

    @pytest.mark.parametrize(
        ("arguments", "error", "words"),
        [
            ((-1.0, 0.1, 3), ValueError, "sigma must be"),
            (([1.0, -2.0], 0.1, 3), ValueError, "take absolute values"),
            ((1.0, -0.1, 3), ValueError, "weight_decay must be"),
            ((1.0, 0.1, 0), ValueError, "depth must be"),
            ((1.0, 0.1, 2.5), ValueError, "whole number"),
            ((1j, 0.1, 2), TypeError, "real number"),
            ((math.nan, 0.1, 2), ValueError, "finite"),
        ],
    )
    def test_refusals(self, arguments, error, words):
        with pytest.raises(error, match=words):
            schatten_shrinkage(*arguments)


class TestPath:
    M = np.diag([3.0, 1.0, 0.4])

    @pytest.mark.parametrize("L", [2, 3, 5])
    def test_rank_falls_at_the_breakpoints(self, L):
        breaks = rank_breakpoints(self.M, L)
        lams = np.concatenate([breaks * (1 - 1e-9), breaks * (1 + 1e-9)])
        path = regularization_path(self.M, L, lams)
        assert_array_equal(path.ranks, [1, 2, 3, 0, 1, 2])

    def test_bottleneck(self):
        assert_allclose(rank_breakpoints(self.M, 2, widths=[3, 2, 3]), [3.0, 1.0])
        path = regularization_path(self.M, 2, [0.1], widths=[3, 2, 3])
        assert path.singular_values.shape == (1, 2)

    def test_depth_one(self):
        assert_array_equal(rank_breakpoints(self.M, 1), [math.inf] * 3)

    def test_weight_decay_must_be_positive(self):
        with pytest.raises(ValueError, match="each of weight_decays"):
            regularization_path(self.M, 3, [0.1, 0.0])
