"""Losses l(y, z) with what their duals need: domain, pull and Fenchel-Young gap."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar

Vector = NDArray[np.float64]
Name = Literal["squared", "quantile", "logistic", "huber"]
NAMES = ("squared", "quantile", "logistic", "huber")


@dataclass(frozen=True)
class Loss:
    """A convex loss of the target y and the prediction z.

    squared: (y-z)^2/2. quantile: max(q (y-z), (q-1)(y-z)). huber: (y-z)^2/2 within
    delta, linear beyond. logistic: log(1 + e^z) - y z with y in {0, 1}.

    Parameters
    ----------
    name : {"squared", "quantile", "logistic", "huber"}
        Which loss.
    quantile : float in (0, 1)
        The q above; 0.5 is half the absolute error.
    delta : float, > 0
        Where the Huber loss turns linear, in the units of y.

    Examples
    --------
    >>> float(make_loss("quantile", 0.9).value(np.array([2.0]), np.array([1.0]))[0])
    0.9
    """

    name: Name
    quantile: float = 0.5
    delta: float = 1.0

    @property
    def boxed(self) -> bool:
        """Whether the dual of a row lives in a bounded interval around zero."""
        return self.name in ("quantile", "huber")

    @property
    def degree(self) -> int:
        """Power with which the loss scales when y and z are scaled; 0 if it cannot."""
        return {"squared": 2, "huber": 2, "quantile": 1, "logistic": 0}[self.name]

    def rescaled(self, factor: float) -> "Loss":
        """Return the loss of targets multiplied by `factor` (times factor^degree)."""
        return Loss(self.name, self.quantile, self.delta * factor)

    def negated(self) -> "Loss":
        """Return the loss that sees -z as this one sees z."""
        return Loss(self.name, 1.0 - self.quantile, self.delta)

    def value(self, y: Vector, z: Vector) -> Vector:
        """Loss of each row, (n,)."""
        e = y - z
        if self.name == "squared":
            return 0.5 * e * e
        if self.name == "quantile":
            return np.maximum(self.quantile * e, (self.quantile - 1.0) * e)
        if self.name == "huber":
            inner = np.minimum(np.abs(e), self.delta)
            return inner * (np.abs(e) - 0.5 * inner)
        # With y in {0, 1} the loss is log(1 + exp(-margin)).
        return np.logaddexp(0.0, (1.0 - 2.0 * y) * z)

    def pull(self, y: Vector, z: Vector) -> Vector:
        """Minus the derivative in z, (n,); for quantile loss a subgradient."""
        e = y - z
        if self.name == "squared":
            return e
        if self.name == "quantile":
            return np.where(e > 0.0, self.quantile, self.quantile - 1.0)
        if self.name == "huber":
            return np.clip(e, -self.delta, self.delta)
        sign = 2.0 * y - 1.0
        return sign * _sigmoid(-sign * z)

    def curvature(self, y: Vector, z: Vector) -> Vector:
        """Second derivative in z of the smooth losses, (n,)."""
        if self.name == "logistic":
            return _sigmoid(z) * _sigmoid(-z)
        return np.ones_like(y)

    def domain(self, y: Vector) -> tuple[Vector, Vector]:
        """Interval in which the dual of a row of unit weight lives, two (n,) arrays."""
        one = np.ones_like(y)
        if self.name == "squared":
            return -np.inf * one, np.inf * one
        if self.name == "quantile":
            return (self.quantile - 1.0) * one, self.quantile * one
        if self.name == "huber":
            return -self.delta * one, self.delta * one
        return y - 1.0, y

    def slack(self, y: Vector, z: Vector, r: Vector) -> Vector:
        """Fenchel-Young gap ``l(z) + l*(-r) + r z >= 0`` of each row, (n,).

        Every form below is a sum or product of non-negative terms, so that the gap
        keeps its relative accuracy; r must lie in `domain`.
        """
        e = y - z
        if self.name == "squared":
            return 0.5 * (e - r) ** 2
        if self.name == "quantile":
            up, down = self.quantile - r, r - (self.quantile - 1.0)
            return np.maximum(up, 0.0) * np.maximum(e, 0.0) + np.maximum(
                down, 0.0
            ) * np.maximum(-e, 0.0)
        if self.name == "huber":
            size, along = np.abs(e), np.where(e < 0.0, -r, r)
            outer = np.maximum(self.delta - along, 0.0)
            far = outer * (size - 0.5 * (self.delta + along))
            return np.where(size > self.delta, far, 0.5 * (size - along) ** 2)
        return _bernoulli_gap(y, z, r)


def _sigmoid(z: Vector) -> Vector:
    small = np.exp(-np.abs(z))
    return np.where(z >= 0.0, 1.0, small) / (1.0 + small)


def _bernoulli_gap(y: Vector, z: Vector, r: Vector) -> Vector:
    # Kullback-Leibler divergence from Bernoulli(y - r) to Bernoulli(sigmoid(z)).
    # Written for the probability of the wrong class, which keeps its digits:
    # |r| against b = sigmoid(-margin).
    margin = (2.0 * y - 1.0) * z
    b, other = _sigmoid(-margin), _sigmoid(margin)
    a = np.minimum(np.abs(r), 1.0)
    first = _divergence(a - b, b, -np.logaddexp(0.0, margin))
    return first + _divergence(b - a, other, -np.logaddexp(0.0, -margin))


def _divergence(more: Vector, b: Vector, log_b: Vector) -> Vector:
    # a log(a/b) - (a - b) >= 0 for a = b + more. Where a > 2 b nothing cancels, and
    # log b serves where a/b would overflow or b itself is lost.
    far = more > b
    safe = np.maximum(b, np.finfo(np.float64).tiny)
    a = np.where(far, b + more, 1.0)
    near = safe * _entropy_gap(np.where(far, 0.0, more) / safe)
    return np.where(far, a * (np.log(a) - log_b) - more, near)


def _entropy_gap(t: Vector) -> Vector:
    # (1+t) log(1+t) - t >= 0, by its series where the two terms cancel.
    t = np.maximum(t, -1.0)
    log = np.log1p(np.where(t > -1.0, t, 0.0))
    plain = (1.0 + t) * log - t
    # Outside its range the series is not wanted, and its powers would overflow.
    near = np.abs(t) < 1e-3
    s = np.where(near, t, 0.0)
    series = s * s * (0.5 - s * (1 / 6 - s * (1 / 12 - s * (1 / 20 - s / 30))))
    return np.where(near, series, np.maximum(plain, 0.0))


def make_loss(name: Any, quantile: Any = 0.5, delta: Any = 1.0) -> Loss:
    """Check the arguments and return a `Loss`.

    Raises
    ------
    TypeError
        If `quantile` or `delta` is no number.
    ValueError
        If the name is unknown, or a parameter is out of range.

    Examples
    --------
    >>> make_loss("huber", delta=2.0).boxed
    True
    """
    if name not in NAMES:
        raise ValueError(f"loss must be one of {NAMES}; got {name!r}")
    quantile = check_scalar("quantile", quantile, low=0.0, high=1.0, strict=True)
    if quantile == 1.0:
        raise ValueError("quantile must lie strictly between 0 and 1; got 1.0")
    delta = check_scalar("delta", delta, low=0.0, strict=True)
    return Loss(name, quantile, delta)
