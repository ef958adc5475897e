"""Laws of the weights: what is drawn, its moments, its characteristic function."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector
from splinear.processes._points import check_count

Array = NDArray[np.float64]


class WeightLaw(ABC):
    """Law of one weight V; admissible laws have ``P(V = 0) = 0`` and ``E|V| < inf``.

    ``index`` is the alpha of the limit law of normalised sums: 2 with a finite variance.
    """

    index: float = 2.0

    @abstractmethod
    def sample(self, rng: np.random.Generator, size: int) -> Array:
        """Return `size` independent draws."""

    @abstractmethod
    def moment(self, n: int) -> float:
        """Return E[V^n] for n >= 1, infinite or NaN where it does not exist."""

    @abstractmethod
    def characteristic_function(self, xi: Array) -> NDArray[Any]:
        """Return E exp(i xi V), of the shape of xi."""

    @abstractmethod
    def scaled(self, factor: float) -> "WeightLaw":
        """Return the law of ``factor V``, factor > 0."""

    def finite_moment(self, n: int, purpose: str) -> float:
        """Return E[V^n], for a formula that needs it.

        Raises
        ------
        ValueError
            If it is infinite: the message names the purpose.
        """
        value = self.moment(n)
        if not math.isfinite(value):
            raise ValueError(
                f"{purpose} needs a finite E[V^{n}] of the weights; {self} has none: "
                "use log_characteristic_function, or a law with lighter tails"
            )
        return value


def _positive_scale(law: Any) -> None:
    scale = check_scalar("scale", law.scale, low=0.0, strict=True)
    object.__setattr__(law, "scale", scale)


@final
@dataclass(frozen=True)
class Gaussian(WeightLaw):
    """Normal weights with mean zero.

    Parameters
    ----------
    scale : float, > 0
        Standard deviation.

    Raises
    ------
    TypeError
        If `scale` is no number.
    ValueError
        If `scale` is not positive and finite.

    Examples
    --------
    >>> Gaussian(2.0).moment(4)  # 3 sigma^4
    48.0
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        _positive_scale(self)

    def sample(self, rng: np.random.Generator, size: int) -> Array:
        """Return `size` independent draws."""
        return self.scale * rng.standard_normal(size)

    def moment(self, n: int) -> float:
        """Return ``(n - 1)!! scale^n`` for even n, else zero."""
        return 0.0 if n % 2 else math.prod(range(1, n, 2)) * self.scale**n

    def characteristic_function(self, xi: Array) -> NDArray[Any]:
        """Return ``exp(-scale^2 xi^2 / 2)``."""
        return np.exp(-0.5 * (self.scale * xi) ** 2)

    def scaled(self, factor: float) -> "Gaussian":
        """Return the law of ``factor V``."""
        return Gaussian(self.scale * factor)


@final
@dataclass(frozen=True)
class Rademacher(WeightLaw):
    """Weights plus or minus `scale`, a coin each.

    Parameters
    ----------
    scale : float, > 0
        Absolute value.

    Raises
    ------
    TypeError
        If `scale` is no number.
    ValueError
        If `scale` is not positive and finite.

    Examples
    --------
    >>> Rademacher(2.0).moment(2), Rademacher(2.0).moment(3)
    (4.0, 0.0)
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        _positive_scale(self)

    def sample(self, rng: np.random.Generator, size: int) -> Array:
        """Return `size` independent draws."""
        return self.scale * rng.choice([-1.0, 1.0], size=size)

    def moment(self, n: int) -> float:
        """Return ``scale^n`` for even n, else zero."""
        return 0.0 if n % 2 else self.scale**n

    def characteristic_function(self, xi: Array) -> NDArray[Any]:
        """Return ``cos(scale xi)``."""
        return np.cos(self.scale * xi)

    def scaled(self, factor: float) -> "Rademacher":
        """Return the law of ``factor V``."""
        return Rademacher(self.scale * factor)


@final
@dataclass(frozen=True)
class SymmetricStable(WeightLaw):
    """Symmetric alpha-stable weights, ``E exp(i xi V) = exp(-|scale xi|^alpha)``.

    Parameters
    ----------
    alpha : float, in (1, 2]
        Index; at 1 and below E|V| is infinite, and the law is not admissible. At 2 the
        law is normal with variance ``2 scale^2``.
    scale : float, > 0
        In the units of the weights.

    Raises
    ------
    TypeError
        If an argument is no number.
    ValueError
        If one is out of range.

    Examples
    --------
    >>> SymmetricStable(2.0, scale=3.0).moment(2)
    18.0
    >>> SymmetricStable(1.25).moment(2)
    inf
    """

    alpha: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        alpha = check_scalar("alpha", self.alpha, low=1.0, high=2.0, strict=True)
        object.__setattr__(self, "alpha", alpha)
        object.__setattr__(self, "index", alpha)
        _positive_scale(self)

    def sample(self, rng: np.random.Generator, size: int) -> Array:
        """Return `size` independent draws, by Chambers, Mallows and Stuck (1976)."""
        a, U = self.alpha, rng.uniform(-0.5 * np.pi, 0.5 * np.pi, size)
        W = rng.standard_exponential(size)
        # sin(aU) cos(U)^(-1/a) (cos((1 - a) U) / W)^((1 - a) / a), cos(U) joined.
        ratio = np.cos((1.0 - a) * U) / (W * np.cos(U))
        V = np.sin(a * U) / np.cos(U) * ratio ** ((1.0 - a) / a)
        return self.scale * V

    def moment(self, n: int) -> float:
        """Return E[V^n]: zero for n = 1, infinite from n = 2 on unless alpha = 2."""
        if self.alpha == 2.0:
            even = math.prod(range(1, n, 2)) * (2.0 * self.scale**2) ** (n // 2)
            return 0.0 if n % 2 else even
        if n == 1:
            return 0.0
        return math.nan if n % 2 else math.inf

    def characteristic_function(self, xi: Array) -> NDArray[Any]:
        """Return ``exp(-|scale xi|^alpha)``."""
        return np.exp(-(np.abs(self.scale * xi) ** self.alpha))

    def scaled(self, factor: float) -> "SymmetricStable":
        """Return the law of ``factor V``."""
        return replace(self, scale=self.scale * factor)


@final
@dataclass(frozen=True)
class UserLaw(WeightLaw):
    """A law of your own: how to draw it, and what is known of it.

    Parameters
    ----------
    rvs : callable
        ``rvs(rng, size)`` returns independent draws, never zero.
    moments : sequence of float
        E[V], E[V^2], ...; as many as you know. A formula that needs one more says so.
    cf : callable, optional
        Characteristic function, vectorised; only `log_characteristic_function` needs it.
    factor : float, > 0
        Multiplies the draws; `scaled` sets it.

    Raises
    ------
    TypeError
        If `rvs` is not callable or an argument is no number.
    ValueError
        If the first moment is missing or not finite, or `factor` is not positive.

    Examples
    --------
    Uniform on [-1, 1]:

    >>> law = UserLaw(lambda rng, n: rng.uniform(-1.0, 1.0, n), [0.0, 1.0 / 3.0])
    >>> round(law.scaled(3.0).moment(2), 12)
    3.0
    """

    rvs: Callable[[np.random.Generator, int], Any]
    moments: Sequence[float]
    cf: Callable[[Array], Any] | None = None
    factor: float = 1.0

    def __post_init__(self) -> None:
        if not callable(self.rvs):
            raise TypeError(f"rvs must be callable as rvs(rng, size); got {self.rvs!r}")
        known = tuple(float(m) for m in self.moments)
        if not known or not math.isfinite(known[0]):
            raise ValueError(
                "moments must begin with a finite E[V]: an admissible law has a mean; "
                f"got {known}"
            )
        object.__setattr__(self, "moments", known)
        factor = check_scalar("factor", self.factor, low=0.0, strict=True)
        object.__setattr__(self, "factor", factor)

    def sample(self, rng: np.random.Generator, size: int) -> Array:
        """Return `size` independent draws, checked: finite, and none zero.

        Raises
        ------
        TypeError
            If they are no real numbers.
        ValueError
            If a draw is zero or not finite, or their number is wrong.
        """
        v = check_vector("the draws of rvs", self.rvs(rng, size), size=size)
        if not np.all(v):
            raise ValueError(
                "the draws of rvs must not be zero: an admissible law has P(V = 0) = 0; "
                "lower the rate by the share of zeros, and leave them out"
            )
        return self.factor * v

    def moment(self, n: int) -> float:
        """Return ``factor^n E[V^n]``.

        Raises
        ------
        ValueError
            If it was not given.
        """
        n = check_count("n", n)
        if n > len(self.moments):
            raise ValueError(
                f"E[V^{n}] is needed; moments has {len(self.moments)}: give {n} of them"
            )
        return self.factor**n * self.moments[n - 1]

    def characteristic_function(self, xi: Array) -> NDArray[Any]:
        """Return ``cf(factor xi)``.

        Raises
        ------
        ValueError
            If it was not given.
        """
        if self.cf is None:
            raise ValueError("the characteristic function is needed: give cf")
        return np.asarray(self.cf(self.factor * xi))

    def scaled(self, factor: float) -> "UserLaw":
        """Return the law of ``factor V``."""
        return replace(self, factor=self.factor * factor)
