"""The rate of a process from data: second moments do not know it, these do."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import beta, norm

from splinear.core.checks import check_scalar, check_vector
from splinear.processes._points import check_dim
from splinear.processes._sphere import absolute_moment
from splinear.processes.laws import Gaussian, WeightLaw
from splinear.processes.process import RandomReLUProcess

Array = NDArray[np.float64]

#: A kurtosis of zero stands for a rate so many decades up; ends of intervals are looked
#: for within twice as many of the estimate.
_DECADES = 6
#: Deviations of a Gaussian sample by which the kurtosis may be below zero.
MOST_BELOW = 5.0


@final
@dataclass(frozen=True)
class RateEstimate:
    """An estimated rate with its interval.

    Attributes
    ----------
    rate : float
        Estimate; infinite if the data are as a Gaussian process has them.
    low, high : float
        Ends of the interval; `high` is infinite if no rate is too large for the data.
    confidence : float
        Probability with which the interval covers.
    method : str
        "zeros" or "kurtosis".
    """

    rate: float
    low: float
    high: float
    confidence: float
    method: str


def estimate_rate(
    values: Any,
    radius: float,
    dim: int,
    *,
    method: Literal["zeros", "kurtosis"] = "zeros",
    weight_law: WeightLaw | None = None,
    confidence: float = 0.95,
) -> RateEstimate:
    """Estimate the rate from independent realisations seen at one distance.

    Covariances know the product ``rate E[V^2]`` only. Two numbers tell them apart:

    - "zeros": the share of exact zeros is ``exp(-rate c_1 r)`` whatever the law. The
      interval is Clopper and Pearson's, mapped; it covers at least as often as stated.
      Informative up to ``rate c_1 r`` of about ``log n``, and without noise only.
    - "kurtosis": the excess kurtosis is proportional to 1 / rate, with a factor that
      depends on the shape of the law but not on its scale. The interval holds the rates
      whose kurtosis is within the normal quantile of the one seen, in deviations that
      follow from the closed-form cumulants up to order eight (derived here): it covers
      as stated for many realisations.

    Parameters
    ----------
    values : (n,) array-like
        Values of independent realisations at points of norm `radius`. Points of one
        realisation depend on each other and make the interval too short.
    radius : float, > 0
        Distance of the points from the origin.
    dim : int, >= 1
        Number of columns, d.
    method : {"zeros", "kurtosis"}
        What to count.
    weight_law : WeightLaw, optional
        For "kurtosis": the law up to its scale, with eight finite moments; normal by
        default.
    confidence : float, in (0, 1)
        Of the interval, two-sided.

    Returns
    -------
    RateEstimate

    Raises
    ------
    TypeError
        If values are no numbers.
    ValueError
        If there are too few values, all are equal, a moment of the law is infinite or
        unknown, or an argument is out of range.

    Examples
    --------
    >>> process = RandomReLUProcess(dim=2, rate=0.5)
    >>> s = process.simulate([[1.0, 0.0]], 2000, random_state=0)[:, 0]
    >>> found = estimate_rate(s, radius=1.0, dim=2)
    >>> found.low < 0.5 < found.high, found.high - found.low < 0.1
    (True, True)
    """
    s, dim = check_vector("values", values), check_dim(dim)
    r = check_scalar("radius", radius, low=0.0, strict=True)
    level = check_scalar("confidence", confidence, low=0.0, high=1.0, strict=True)
    if s.size < 8 or level == 1.0:
        raise ValueError(
            f"at least 8 values and a confidence below 1 are needed; got {s.size} values "
            f"and {level}"
        )
    if method == "zeros":
        return _from_zeros(s, absolute_moment(1, dim) * r, level)
    if method == "kurtosis":
        unit = RandomReLUProcess(
            dim, 1.0, Gaussian() if weight_law is None else weight_law
        )
        return _from_kurtosis(s, _standard_cumulants(unit, r), level)
    raise ValueError(f"method must be 'zeros' or 'kurtosis'; got {method!r}")


def _from_zeros(s: Array, each: float, level: float) -> RateEstimate:
    """Invert ``P(s = 0) = exp(-rate each)``."""
    n, zeros, tail = s.size, int(np.sum(s == 0.0)), 0.5 * (1.0 - level)
    least = float(beta.ppf(tail, zeros, n - zeros + 1)) if zeros else 0.0
    most = float(beta.ppf(1.0 - tail, zeros + 1, n - zeros)) if zeros < n else 1.0
    rates = [_minus_log(p) / each for p in (zeros / n, most, least)]
    return RateEstimate(rates[0], rates[1], rates[2], level, "zeros")


def _minus_log(p: float) -> float:
    return -math.log(p) + 0.0 if p > 0.0 else math.inf


def _standard_cumulants(unit: RandomReLUProcess, r: float) -> Array:
    """Return kappa_n / kappa_2^(n/2) at rate one, n = 0 to 8."""
    x = np.zeros((1, unit.dim))
    x[0, 0] = r
    k = np.array([0.0] + [float(unit.cumulant(x, n)[0]) for n in range(1, 9)])
    k[1] = 0.0  # the kurtosis does not see the mean
    return k / k[2] ** (np.arange(9) / 2.0)


def _from_kurtosis(s: Array, standard: Array, level: float) -> RateEstimate:
    z = s - s.mean()
    second = float(np.mean(z**2))
    if second == 0.0:
        raise ValueError("values are all equal: their kurtosis is not defined")
    excess = float(np.mean(z**4)) / second**2 - 3.0
    if excess < -MOST_BELOW * math.sqrt(24.0 / s.size):
        raise ValueError(
            f"values have an excess kurtosis of {excess:.3g}, lower than that of any "
            "rate beyond chance: they are not of a random ReLU process"
        )
    # The nearest that any rate has: intervals are never empty, and cover no less.
    excess = max(excess, 0.0)
    width = float(norm.ppf(0.5 * (1.0 + level)))
    rate = standard[4] / excess if excess > 0.0 else math.inf

    def distance(trial: float) -> float:
        """Deviations between the kurtosis seen and that of a rate, less `width`."""
        expected, deviation = kurtosis_law(standard, trial)
        return abs(excess - expected) / (deviation / math.sqrt(s.size)) - width

    # Without excess every large rate fits: start from one so large that it is Gaussian.
    start = rate if math.isfinite(rate) else standard[4] * 10.0**_DECADES
    low = _end(distance, start, -1)
    high = math.inf if math.isinf(rate) else _end(distance, start, +1)
    return RateEstimate(rate, low, high, level, "kurtosis")


def kurtosis_law(standard: Array, rate: float) -> tuple[float, float]:
    """Excess kurtosis of a rate, and root of n times the variance of the sample's.

    Parameters
    ----------
    standard : (9,) array
        Standardised cumulants at rate one.
    rate : float, > 0
        The rate.
    """
    n = np.arange(9)
    m = _moments(standard * rate ** (1.0 - n / 2.0))
    # Influence of one value z: z^4 - 2 m4 z^2 - 4 m3 z + m4.
    influence = np.array([m[4], -4.0 * m[3], -2.0 * m[4], 0.0, 1.0])
    square = np.convolve(influence, influence)
    return m[4] - 3.0, math.sqrt(max(float(square @ m), 1e-300))


def _moments(cumulants: Array) -> Array:
    """Return moments of orders 0 to 8 from cumulants."""
    m = np.zeros(9)
    m[0] = 1.0
    for n in range(1, 9):
        m[n] = sum(
            math.comb(n - 1, j - 1) * cumulants[j] * m[n - j] for j in range(1, n + 1)
        )
    return m


def _end(distance: Callable[[float], float], start: float, sign: int) -> float:
    """Return where the distance becomes positive, or 0 or infinity if it does not."""
    steps = start * 10.0 ** (sign * np.linspace(0.0, 2 * _DECADES, 80 * _DECADES))
    inside = start
    for trial in steps:
        if distance(trial) > 0.0:
            found = brentq(distance, inside, trial)
            return float(found)
        inside = float(trial)
    return math.inf if sign > 0 else 0.0
