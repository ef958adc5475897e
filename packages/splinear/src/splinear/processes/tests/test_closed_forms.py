"""Moments and laws: known digits, other derivations, and simulation at fixed n.

Every draw has a seed, so a z of at most 4 holds or does not, always.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from splinear.processes import (
    Gaussian,
    Rademacher,
    RandomReLUProcess,
    SymmetricStable,
    UserLaw,
)
from splinear.processes._sphere import absolute_moment, covariance_constant

from . import oracles

#: Ten significant digits, as stated.
DIGITS = 6e-11


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([1.0], [2.0], 1.6666666667),
        ([1.0], [-2.0], 0.0),
        ([1.0, 0.0], [0.0, 1.0], 0.1840949166),
        ([1.0, 0.0], [1.0, 0.0], 0.8888888889),
        ([0.6, 0.8], [-0.3, 0.4], 0.1022976015),
        ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], 0.2168817141),
        ([1.0, 2.0, 3.0], [-1.0, 0.5, 2.0], 16.6770849187),
    ],
)
def test_covariances_to_the_digits_stated(x, y, expected):
    got = RandomReLUProcess(len(x), 1.0).covariance([x], [y])[0, 0]
    assert_allclose(got, expected, atol=DIGITS, rtol=0.0)


def test_other_closed_forms_to_the_digits_stated():
    mean_one = UserLaw(lambda rng, n: np.ones(n), [1.0])
    mean = RandomReLUProcess(3, 1.0, mean_one).mean([[0.0, 1.0, 0.0]])
    assert_allclose(mean, 2.0943951024, atol=DIGITS)
    zero = RandomReLUProcess(2, 1.0).zero_probability([[0.9, 0.0]])
    assert_allclose(zero, 0.0273237224, atol=DIGITS)
    kurtosis = RandomReLUProcess(2, 1.0).excess_kurtosis([[0.0, 0.8]])
    assert_allclose(kurtosis, 2.025, rtol=1e-13)


def test_constants_of_the_covariance_to_the_digits_stated():
    stated = [1 / 6, 2 / 9, 0.2617993878, 0.2792526803, 0.2741556778, 0.2506566197]
    got = [covariance_constant(d) for d in range(1, 7)]
    assert_allclose(got, stated, atol=6e-11)
    assert_allclose(
        got, [oracles.corrected_constant(d) for d in range(1, 7)], rtol=1e-12
    )


def test_the_published_constant_is_too_small_by_the_stated_factor():
    for d in range(1, 7):
        ratio = oracles.published_constant(d) / covariance_constant(d)
        assert_allclose(ratio, 1.0 / (2.0 * (2.0 * math.pi) ** (d - 1)), rtol=1e-13)


def test_kurtosis_coefficients_to_the_digits_stated():
    stated = [2.7, 1.62, 1.1459155903, 0.9208250279, 0.8207015875]
    for d, coefficient in enumerate(stated, 1):
        x = np.eye(d)[:1]
        got = RandomReLUProcess(d, 1.0).excess_kurtosis(x)
        assert_allclose(got, coefficient, atol=6e-11)
        signs = RandomReLUProcess(d, 1.0, Rademacher(3.0)).excess_kurtosis(x)
        assert_allclose(signs, coefficient / 3.0, atol=6e-11)  # E V^4 / (E V^2)^2 = 1
        far = RandomReLUProcess(d, 10.0).excess_kurtosis(2.0 * x)
        assert_allclose(far, coefficient / 20.0, atol=6e-11)


@pytest.mark.parametrize(
    ("rate", "expected"), [(1.0, 0.51326), (10.0, 0.45342), (100.0, 0.44692)]
)
def test_characteristic_function_to_the_digits_stated(rate, expected):
    process = RandomReLUProcess(2, 1.0, SymmetricStable(1.25)).at_rate(rate)
    got = np.exp(process.log_characteristic_function(1.0, [0.8, 0.0]))
    assert_allclose(got, expected, atol=6e-6, rtol=0.0)


# 4e5 draws of each pair of points: about a second each.
PAIRS = {
    1: ([0.9], [0.6]),
    2: ([0.6, 0.8], [-0.3, 0.4]),
    3: ([1.0, 0.0, 0.0], [0.3, 0.5, -0.2]),
    5: ([0.6, 0.0, 0.0, 0.0, 0.0], [0.3, 0.4, 0.0, 0.0, -0.2]),
}


@pytest.mark.parametrize("d", PAIRS)
def test_simulation_accepts_our_constant_and_rejects_the_published_one(d):
    x, y = np.array(PAIRS[d])
    process = RandomReLUProcess(d, 1.0)
    s = process.simulate([x, y], 100_000, random_state=d)
    products = {(0, 0): s[:, 0] ** 2, (0, 1): s[:, 0] * s[:, 1], (1, 1): s[:, 1] ** 2}
    C = process.covariance([x, y])
    for (i, j), draws in products.items():
        assert abs(oracles.z_of_mean(draws, C[i, j])) <= 4.0
        p = C[i, j] * oracles.published_constant(d) / covariance_constant(d)
        assert oracles.z_of_mean(draws, p) >= 25.0


def test_a_law_with_a_mean_gives_the_mean_and_the_covariance():
    law = UserLaw(lambda rng, n: rng.exponential(size=n) + 0.5, [1.5, 3.25])
    process, x = RandomReLUProcess(2, 2.0, law), np.array([[0.5, -0.4]])
    s = process.simulate(x, 100_000, random_state=0)[:, 0]
    mean, variance = process.mean(x)[0], process.variance(x)[0]
    assert abs(oracles.z_of_mean(s, mean)) <= 4.0
    assert abs(oracles.z_of_mean((s - mean) ** 2, variance)) <= 4.0


@pytest.mark.parametrize("law", [Gaussian(), Rademacher()], ids=["gaussian", "signs"])
def test_zero_probability_and_characteristic_function_by_simulation(law):
    process, x = RandomReLUProcess(2, 1.0, law), [0.3, -0.4]
    s = process.simulate([x], 200_000, random_state=3)[:, 0]
    zeros = (s == 0.0).astype(float)
    assert abs(oracles.z_of_mean(zeros, process.zero_probability([x])[0])) <= 4.0
    for xi in (0.5, 2.0, 10.0):
        expected = np.exp(process.log_characteristic_function(xi, x))
        assert abs(oracles.z_of_mean(np.cos(xi * s), expected)) <= 4.0


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_kurtosis_by_simulation(d):
    process, x = RandomReLUProcess(d, 1.0), 0.8 * np.eye(d)[:1]
    s = process.simulate(x, 100_000, random_state=10 + d)[:, 0]
    # One number a batch: their mean has a deviation that no formula of ours gives.
    two, four = process.variance(x)[0], process.cumulant(x, 4)[0]
    draws = s**4 - 6.0 * two * s**2  # E = kappa_4 - 3 kappa_2^2
    assert abs(oracles.z_of_mean(draws, four - 3.0 * two**2)) <= 4.0
    assert_allclose(four / two**2, process.excess_kurtosis(x)[0], rtol=1e-13)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_cumulants_are_derivatives_of_the_characteristic_function(d):
    law = UserLaw(
        lambda rng, n: rng.exponential(size=n),
        [1.0, 2.0, 6.0, 24.0],
        cf=lambda xi: 1.0 / (1.0 - 1j * xi),
    )
    process, x = RandomReLUProcess(d, 0.7, law), 0.6 * np.eye(d)[0]
    h = 0.02
    log = process.log_characteristic_function(h * np.arange(-4.0, 5.0), x)
    # Fit of degree 8 through nine points; neglected terms are of order h^7.
    coefficients = np.polynomial.polynomial.polyfit(np.arange(-4, 5), log, 8)
    for n in (1, 2, 3, 4):
        kappa = coefficients[n] * math.factorial(n) / (1j * h) ** n
        assert_allclose(kappa, process.cumulant([x], n)[0], rtol=2e-4, atol=1e-6)


def test_characteristic_function_by_the_double_integral():
    from scipy.integrate import dblquad

    process, x = RandomReLUProcess(2, 1.5, Rademacher()), np.array([0.6, 0.3])
    r = np.hypot(*x)
    total = dblquad(
        lambda k, a: np.cos(3.0 * k) - 1.0, 0, np.pi / 2, 0, lambda a: r * np.cos(a)
    )[0]
    got = process.log_characteristic_function(3.0, x)
    assert_allclose(got, 1.5 * 4.0 * total, rtol=1e-9)


points = st.lists(
    st.floats(-3.0, 3.0, allow_subnormal=False), min_size=3, max_size=3
).map(np.array)


@given(points, points)
def test_the_covariance_is_the_formula(x, y):
    got = RandomReLUProcess(3, 2.0, Gaussian(3.0)).covariance([x], [y])[0, 0]
    plain = oracles.covariance(x[None], y[None], 18.0 * oracles.corrected_constant(3))
    size = max(np.linalg.norm(x), np.linalg.norm(y)) ** 3
    assert_allclose(got, plain[0], rtol=1e-11, atol=1e-13 * size)


@given(points, points, st.floats(0.1, 10.0))
def test_self_similarity_and_isotropy(x, y, a):
    process = RandomReLUProcess(3, 1.0)
    C = process.covariance([x], [y])[0, 0]
    size = (np.linalg.norm(x) ** 2 + np.linalg.norm(y) ** 2) ** 1.5
    scaled = process.covariance([a * x], [a * y])[0, 0]
    assert_allclose(scaled, a**3 * C, rtol=1e-9, atol=1e-12 * a**3 * size)
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    turned = process.covariance([Q @ x], [Q @ y])[0, 0]
    assert_allclose(turned, C, rtol=1e-9, atol=1e-12 * size)
    assert_allclose(process.covariance([y], [x])[0, 0], C, rtol=1e-13, atol=0.0)
    assert process.hurst_exponent == 1.5


def test_near_the_origin_no_digit_is_lost():
    # One column: exactly x^2 y - x^3 / 3; the formula as it stands has no digit left.
    x, y = np.array([1e-9]), np.array([1.0])
    got = RandomReLUProcess(1, 1.0).covariance([x], [y])[0, 0]
    assert_allclose(got, 1e-18 - 1e-27 / 3.0, rtol=1e-14)


def test_one_column_is_twice_the_integrated_wiener_process():
    x = np.linspace(0.1, 2.0, 7)
    low, high = np.minimum.outer(x, x), np.maximum.outer(x, x)
    twice = low**2 * high - low**3 / 3.0
    assert_allclose(RandomReLUProcess(1, 1.0).covariance(x), twice, rtol=1e-13)
    apart = RandomReLUProcess(1, 1.0).covariance(x, -x)
    assert_allclose(apart, np.zeros((7, 7)), atol=1e-14)


def test_sphere_moments_by_simulation():
    U = np.random.default_rng(0).standard_normal((100_000, 4))
    U /= np.linalg.norm(U, axis=1, keepdims=True)
    area = absolute_moment(0, 4)
    for p in (1.0, 2.25, 3.0):
        draws = area * np.abs(U[:, 0]) ** p
        assert abs(oracles.z_of_mean(draws, absolute_moment(p, 4))) <= 4.0


def test_probability_of_the_zero_function():
    process = RandomReLUProcess(2, 0.05)
    rng = np.random.default_rng(0)
    empty = np.array([process.sample(1.0, rng).n_neurons == 0 for _ in range(4000)])
    expected = process.zero_function_probability(1.0)
    assert_allclose(expected, np.exp(-0.2 * np.pi), rtol=1e-13)
    assert abs(oracles.z_of_mean(empty.astype(float), expected)) <= 4.0


# What is refused, and in which words.


def test_an_infinite_variance_is_an_error_where_a_covariance_is_asked():
    process, X = RandomReLUProcess(2, 1.0, SymmetricStable(1.25)), [[1.0, 0.0]]
    for ask in (process.covariance, process.variance, process.excess_kurtosis):
        with pytest.raises(ValueError, match=r"finite E\[V\^[24]\].*has none"):
            ask(X)
    with pytest.raises(ValueError, match=r"cumulant 3 needs a finite E\[V\^3\]"):
        process.cumulant(X, 3)
    assert_allclose(process.mean(X), [0.0])


def test_a_stable_law_of_index_two_has_its_covariance():
    two = RandomReLUProcess(2, 1.0, SymmetricStable(2.0)).covariance([[1.0, 0.0]])
    assert_allclose(two, 2.0 * 8.0 / 9.0, rtol=1e-13)


def test_what_is_not_known_of_a_law_is_asked_for():
    law = UserLaw(lambda rng, n: rng.uniform(-1, 1, n), [0.0, 1 / 3])
    process = RandomReLUProcess(2, 1.0, law)
    with pytest.raises(ValueError, match=r"E\[V\^4\] is needed; moments has 2"):
        process.excess_kurtosis([[1.0, 0.0]])
    with pytest.raises(ValueError, match="give cf"):
        process.log_characteristic_function(1.0, [1.0, 0.0])


def test_points_are_checked():
    process = RandomReLUProcess(2, 1.0)
    for ask in (process.covariance, process.mean, process.zero_probability):
        with pytest.raises(ValueError, match="X must be finite"):
            ask([[np.nan, 0.0]])
        with pytest.raises(ValueError, match=r"X must have shape \(N, 2\)"):
            ask([[1.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match=r"Y must have shape \(N, 2\)"):
        process.covariance([[1.0, 0.0]], [[1.0]])
    with pytest.raises(ValueError, match="x must be one point; got 2"):
        RandomReLUProcess(1, 1.0).log_characteristic_function(1.0, [1.0, 2.0])
    with pytest.raises(ValueError, match="n_draws must be"):
        process.simulate([[1.0, 0.0]], 0)
    with pytest.raises(ValueError, match="n must be a whole number"):
        process.cumulant([[1.0, 0.0]], 1.5)


def test_the_origin_is_certain():
    process, X = RandomReLUProcess(2, 1.0), [[0.0, 0.0]]
    assert process.zero_probability(X) == 1.0
    assert process.variance(X) == 0.0
    assert np.isnan(process.excess_kurtosis(X))
    assert process.log_characteristic_function(5.0, [0.0, 0.0]) == 0.0
    assert np.all(process.simulate(X, 5, 0) == 0.0)
