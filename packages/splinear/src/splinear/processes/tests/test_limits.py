"""Gaussian and stable limits, and the LePage series."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from splinear.processes import (
    Gaussian,
    GaussianReLUProcess,
    Rademacher,
    RandomReLUProcess,
    StableReLUProcess,
    SymmetricStable,
    UserLaw,
)

from . import oracles


def test_scale_and_characteristic_function_to_the_digits_stated():
    process = StableReLUProcess(2, 1.25)
    assert_allclose(process.scale_at([[0.0, 1.0]]), 1.2587489584, atol=6e-11)
    log = process.log_characteristic_function(1.0, [0.8, 0.0])
    assert_allclose(np.exp(log), 0.44619, atol=6e-6)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_finite_rates_tend_to_the_limit(d):
    process = RandomReLUProcess(d, 1.0, SymmetricStable(1.25, 0.7))
    limit, x = process.limit(), 0.8 * np.eye(d)[0]
    target = limit.log_characteristic_function(1.0, x)
    gaps = [
        abs(process.at_rate(rate).log_characteristic_function(1.0, x) - target)
        for rate in (1e2, 1e3, 1e4)
    ]
    assert_allclose(np.array(gaps[:-1]) / gaps[1:], 10.0, rtol=0.05)  # order 1 / rate
    assert gaps[-1] < 1e-4


def test_laws_of_finite_variance_tend_to_the_gaussian_process():
    x = [0.8, 0.0]
    for law in (Gaussian(2.0), Rademacher(2.0), SymmetricStable(2.0, np.sqrt(2.0))):
        process = RandomReLUProcess(2, 5.0, law)
        limit = process.limit()
        assert isinstance(limit, GaussianReLUProcess)
        assert_allclose(limit.covariance([x]), process.covariance([x]), rtol=1e-13)
        fast = process.at_rate(1e6)
        assert_allclose(fast.covariance([x]), process.covariance([x]), rtol=1e-12)
        got = fast.log_characteristic_function(0.3, x)
        variance = process.variance([x])[0]
        assert_allclose(got, -0.5 * 0.3**2 * variance, rtol=1e-4)


def test_gaussian_draws_have_the_covariance():
    process, X = GaussianReLUProcess(2, 3.0), [[0.5, 0.2], [-0.3, 0.9], [0.5, 0.2]]
    s = process.simulate(X, 50_000, random_state=0)
    C = process.covariance(X)
    for i, j in ((0, 0), (0, 1), (1, 1)):
        assert abs(oracles.z_of_mean(s[:, i] * s[:, j], C[i, j])) <= 4.0
    assert_allclose(s[:, 0], s[:, 2], atol=1e-6)  # the same point twice


def test_the_series_has_the_characteristic_function_of_the_limit():
    process, x = StableReLUProcess(2, 1.25), np.array([[0.8, 0.0]])
    rng = np.random.default_rng(0)
    s = np.array([process.sample(0.8, 2000, rng)(x)[0] for _ in range(2000)])
    for xi in (0.5, 1.0, 3.0):
        expected = np.exp(process.log_characteristic_function(xi, x[0]))
        assert abs(oracles.z_of_mean(np.cos(xi * s), expected)) <= 4.0


def test_an_extended_series_has_the_characteristic_function_outside():
    process, x = StableReLUProcess(1, 1.5, 0.5), np.array([[1.5]])
    rng = np.random.default_rng(1)
    nets = [process.sample(0.5, 500, rng) for _ in range(3000)]
    s = np.array([net.extend(1.5, rng)(x)[0] for net in nets])
    for xi in (0.5, 2.0):
        expected = np.exp(process.log_characteristic_function(xi, x[0]))
        assert abs(oracles.z_of_mean(np.cos(xi * s), expected)) <= 4.0
    inside = np.linspace(-0.5, 0.5, 50)
    assert_array_equal(nets[0].extend(1.5, rng)(inside), nets[0](inside))


def test_what_a_series_leaves_out_has_the_stated_deviation():
    # The terms 51 to 5050 of the same series, whose own rest is 20 times smaller.
    process, x, draws = StableReLUProcess(2, 1.5), np.array([[0.7, 0.0]]), 2000
    rng = np.random.default_rng(2)
    rest = np.empty(draws)
    for i in range(draws):
        full = process.sample(1.0, 5050, rng)
        terms = full.weights * np.maximum(full.directions @ x[0] - full.thresholds, 0)
        rest[i] = terms[50:].sum()
    expected = (
        process.truncation_error(x, 1.0, 50)[0] ** 2
        - process.truncation_error(x, 1.0, 5050)[0] ** 2
    )
    assert abs(oracles.z_of_mean(rest**2, expected)) <= 4.0


def test_hurst_exponents():
    assert RandomReLUProcess(2, 1.0).hurst_exponent == 1.5
    assert RandomReLUProcess(2, 1.0, SymmetricStable(1.25)).hurst_exponent == 1.8
    assert StableReLUProcess(3, 1.25).hurst_exponent == 1.8
    assert GaussianReLUProcess(3).hurst_exponent == 1.5
    process = StableReLUProcess(3, 1.25)
    near, far = process.scale_at([[0.1, 0.2, 0.3], [0.2, 0.4, 0.6]])
    assert_allclose(far / near, 2.0**1.8, rtol=1e-12)


def test_medians_grow_with_the_index():
    # rate 100 is close to the limit, whose ratio of medians is 2^1.8 = 3.482.
    process = RandomReLUProcess(2, 1.0, SymmetricStable(1.25)).at_rate(100.0)
    s = np.abs(process.simulate([[0.8, 0.0], [0.0, 0.4]], 8_000, random_state=0))
    ratio = np.median(s[:, 0]) / np.median(s[:, 1])
    # Deviation of a median of 8,000: about 2 % of it; two of them, three times.
    assert_allclose(ratio, 2.0**1.8, rtol=0.08)


def test_what_has_no_limit_says_so():
    law = UserLaw(lambda rng, n: np.ones(n), [1.0, 1.0])
    process = RandomReLUProcess(2, 1.0, law)
    with pytest.raises(ValueError, match=r"limit only if E\[V\] = 0; this law has 1"):
        process.limit()
    with pytest.raises(ValueError, match="self-similar only if"):
        _ = process.hurst_exponent


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: StableReLUProcess(2, 2.0), "take GaussianReLUProcess"),
        (lambda: StableReLUProcess(2, 1.0), "alpha must be"),
        (lambda: StableReLUProcess(2, 1.5, 0.0), "scale must be"),
        (lambda: StableReLUProcess(0, 1.5), "dim must be"),
        (lambda: GaussianReLUProcess(2, -1.0), "variance_rate must be"),
        (lambda: StableReLUProcess(2, 1.5).sample(1.0, 0), "n_terms must be"),
        (lambda: StableReLUProcess(2, 1.5).sample(-1.0), "radius must be"),
        (
            lambda: StableReLUProcess(2, 1.5).truncation_error([[0.1, 0]], 1.0, 1),
            "n_terms must be",
        ),
    ],
)
def test_limits_say_what_they_need(build, words):
    with pytest.raises(ValueError, match=words):
        build()
