"""Weight laws: draws, moments and characteristic functions belong together."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from splinear.processes import Gaussian, Rademacher, SymmetricStable, UserLaw

from . import oracles

UNIFORM = UserLaw(
    lambda rng, n: rng.uniform(-1.0, 1.0, n),
    [0.0 if n % 2 else 1.0 / (n + 1) for n in range(1, 9)],
    cf=lambda xi: np.sinc(xi / np.pi),
)
LAWS = [
    Gaussian(0.7),
    Rademacher(2.0),
    SymmetricStable(1.25, 0.5),
    SymmetricStable(1.8),
    SymmetricStable(2.0, 1.5),
    UNIFORM,
    UNIFORM.scaled(3.0),
]
# Workers must agree on names: that of a function tells its address.
NAMES = [f"{type(law).__name__}-{k}" for k, law in enumerate(LAWS)]


@pytest.mark.parametrize("law", LAWS, ids=NAMES)
def test_draws_have_the_characteristic_function(law):
    v = law.sample(np.random.default_rng(0), 100_000)
    for xi in (0.3, 1.0, 4.0):
        expected = float(law.characteristic_function(np.array(xi)))
        if isinstance(law, Rademacher):  # cos(xi v) is the same for either sign
            assert_allclose(np.cos(xi * v), expected, rtol=1e-12)
        else:
            assert abs(oracles.z_of_mean(np.cos(xi * v), expected)) <= 4.0
        assert abs(oracles.z_of_mean(np.sin(xi * v), 0.0)) <= 4.0


@pytest.mark.parametrize("law", LAWS, ids=NAMES)
def test_draws_have_the_moments(law):
    v = law.sample(np.random.default_rng(1), 200_000)
    for n in (1, 2, 3, 4):
        moment = law.moment(n)
        if np.isfinite(moment) and np.isfinite(law.moment(2)) and np.ptp(v**n) > 0.0:
            assert abs(oracles.z_of_mean(v**n, moment)) <= 4.0


@pytest.mark.parametrize("law", LAWS, ids=NAMES)
def test_scaling_multiplies_draws(law):
    v = law.sample(np.random.default_rng(2), 50)
    w = law.scaled(2.5).sample(np.random.default_rng(2), 50)
    assert_allclose(w, 2.5 * v, rtol=1e-14)
    assert law.scaled(2.5).index == law.index


def test_stable_draws_have_the_law_of_scipy():
    v = SymmetricStable(1.5).sample(np.random.default_rng(3), 2000)
    assert stats.kstest(v, stats.levy_stable(1.5, 0.0).cdf).pvalue > 1e-3


def test_moments_known_in_closed_form():
    assert [Gaussian(2.0).moment(n) for n in (1, 2, 4, 6)] == [0.0, 4.0, 48.0, 960.0]
    assert [Rademacher(2.0).moment(n) for n in (1, 2, 4)] == [0.0, 4.0, 16.0]
    assert SymmetricStable(1.5).moment(1) == 0.0
    assert SymmetricStable(1.5).moment(2) == np.inf
    assert np.isnan(SymmetricStable(1.5).moment(3))


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: Gaussian(0.0), ValueError, "scale must be"),
        (lambda: Rademacher("a"), TypeError, "scale must be"),
        (lambda: SymmetricStable(1.0), ValueError, "alpha must be"),
        (lambda: SymmetricStable(2.1), ValueError, "alpha must be"),
        (lambda: UserLaw(3, [0.0]), TypeError, "rvs must be callable"),
        (lambda: UserLaw(np.ones, []), ValueError, "moments must begin"),
        (lambda: UserLaw(np.ones, [np.inf]), ValueError, "has a mean"),
    ],
)
def test_laws_say_what_they_need(build, error, words):
    with pytest.raises(error, match=words):
        build()


def test_draws_of_a_user_are_checked():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"P\(V = 0\) = 0"):
        UserLaw(lambda rng, n: np.zeros(n), [0.0]).sample(rng, 3)
    with pytest.raises(ValueError, match="must have 3 entries; got 2"):
        UserLaw(lambda rng, n: np.ones(2), [1.0]).sample(rng, 3)
    with pytest.raises(ValueError, match="must be finite"):
        UserLaw(lambda rng, n: np.full(n, np.nan), [1.0]).sample(rng, 3)
