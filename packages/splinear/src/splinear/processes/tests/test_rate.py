"""The rate from zeros or kurtosis: right on average, and covered as stated."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest, kurtosis, norm

from splinear.processes import (
    Gaussian,
    Rademacher,
    RandomReLUProcess,
    SymmetricStable,
    UserLaw,
    estimate_rate,
)
from splinear.processes.rate import _moments, _standard_cumulants, kurtosis_law

ONE_SIDED = UserLaw(
    lambda rng, n: rng.exponential(size=n), [math.factorial(n) for n in range(1, 9)]
)


def values(rate, n, seed, law=None, dim=2, radius=1.0):
    process = RandomReLUProcess(dim, rate, Gaussian() if law is None else law)
    x = radius * np.eye(dim)[:1]
    return process.simulate(x, n, random_state=seed)[:, 0]


def test_zeros_give_minus_the_logarithm_of_their_share():
    s = np.array([0.0] * 30 + [1.0] * 70)
    found = estimate_rate(s, radius=2.0, dim=2)
    assert_allclose(found.rate, -math.log(0.3) / (4.0 * 2.0), rtol=1e-14)
    exact = binomtest(30, 100).proportion_ci(0.95, method="exact")
    assert_allclose(found.low, -math.log(exact.high) / 8.0, rtol=1e-12)
    assert_allclose(found.high, -math.log(exact.low) / 8.0, rtol=1e-12)


def test_all_zeros_and_no_zeros_are_one_sided():
    none = estimate_rate(np.ones(100), radius=1.0, dim=2)
    assert none.rate == none.high == math.inf
    assert 0.0 < none.low < math.inf
    only = estimate_rate(np.zeros(100), radius=1.0, dim=2)
    assert only.rate == only.low == 0.0
    assert 0.0 < only.high < 0.02


@pytest.mark.parametrize("law", [None, SymmetricStable(1.25), ONE_SIDED])
def test_zero_intervals_cover(law):
    hits = 0
    for seed in range(200):
        found = estimate_rate(values(0.4, 100, seed, law), 1.0, 2, confidence=0.9)
        hits += found.low <= 0.4 <= found.high
    # Clopper and Pearson cover at least as stated: z of 4 below 90 % of 200.
    assert hits >= 200 * 0.9 - 4.0 * math.sqrt(200 * 0.09)


@pytest.mark.parametrize(
    ("law", "rate"), [(None, 3.0), (Rademacher(5.0), 3.0), (ONE_SIDED, 4.0)]
)
def test_kurtosis_intervals_cover(law, rate):
    hits, estimates = 0, []
    for seed in range(200):
        found = estimate_rate(
            values(rate, 2000, seed, law),
            1.0,
            2,
            method="kurtosis",
            weight_law=law,
            confidence=0.9,
        )
        hits += found.low <= rate <= found.high
        estimates.append(found.rate)
    # The normal law of a kurtosis is an approximation: its skewness takes some.
    assert abs(hits - 180) <= 4.0 * math.sqrt(200 * 0.09)
    assert_allclose(np.median(estimates), rate, rtol=0.2)


def test_the_scale_of_the_law_plays_no_role():
    s = values(3.0, 5000, 0)
    one, two = (
        estimate_rate(s, 1.0, 2, method="kurtosis", weight_law=Gaussian(scale))
        for scale in (1.0, 100.0)
    )
    assert_allclose([one.low, one.rate, one.high], [two.low, two.rate, two.high])


def test_gaussian_data_have_no_largest_rate():
    s = norm.ppf((np.arange(500) + 0.5) / 500)  # quantiles: tails a little short
    assert kurtosis(s) < 0.0
    found = estimate_rate(s, 1.0, 2, method="kurtosis")
    assert found.rate == found.high == math.inf
    assert 0.0 < found.low < math.inf


def test_deviations_of_the_kurtosis_are_those_of_simulation():
    process, n = RandomReLUProcess(2, 5.0), 1500
    standard = _standard_cumulants(RandomReLUProcess(2, 1.0), 1.0)
    expected, deviation = kurtosis_law(standard, 5.0)
    assert_allclose(expected, process.excess_kurtosis([[1.0, 0.0]])[0], rtol=1e-12)
    s = process.simulate([[1.0, 0.0]], 300 * n, random_state=0)[:, 0].reshape(300, n)
    seen = kurtosis(s, axis=1)
    # A deviation of 300 numbers is known to 4 %; the normal one is of first order in n.
    assert_allclose(seen.std() * math.sqrt(n), deviation, rtol=0.2)


def test_moments_from_cumulants_of_known_laws():
    gaussian = np.zeros(9)
    gaussian[2] = 1.0
    assert_allclose(_moments(gaussian), [1, 0, 1, 0, 3, 0, 15, 0, 105])
    poisson = np.ones(9)  # moments are the Bell numbers
    assert_allclose(_moments(poisson), [1, 1, 2, 5, 15, 52, 203, 877, 4140])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0] * 7, 1.0, 2), "at least 8 values"),
        (([1.0, np.nan] * 5, 1.0, 2), "values must be finite"),
        ((np.ones((4, 4)), 1.0, 2), "values must be 1-D"),
        (([1.0] * 9, 0.0, 2), "radius must be"),
        (([1.0] * 9, 1.0, 0), "dim must be"),
    ],
)
def test_arguments_are_checked(arguments, words):
    with pytest.raises(ValueError, match=words):
        estimate_rate(*arguments)


def test_options_are_checked():
    s = values(3.0, 100, 0)
    with pytest.raises(ValueError, match="method must be"):
        estimate_rate(s, 1.0, 2, method="variance")
    with pytest.raises(ValueError, match="confidence"):
        estimate_rate(s, 1.0, 2, confidence=1.0)
    with pytest.raises(ValueError, match=r"finite E\[V\^2\]"):
        estimate_rate(s, 1.0, 2, method="kurtosis", weight_law=SymmetricStable(1.5))
    flat = np.random.default_rng(0).uniform(-1.0, 1.0, 500)
    with pytest.raises(ValueError, match=r"-1\.\d+, lower than that of any rate"):
        estimate_rate(flat, 1.0, 2, method="kurtosis")
    with pytest.raises(ValueError, match="all equal"):
        estimate_rate(np.ones(10), 1.0, 2, method="kurtosis")
