"""Differential operators as data: Green's function, null space, path-norm rule.

==============================  =======================  ====================
operator                        causal Green's function  per-neuron path norm
==============================  =======================  ====================
``Derivative(m)``               t_+^(m-1) / (m-1)!       abs(v) abs(w)^(m-1)
``FractionalDerivative(g)``     t_+^(g-1) / Gamma(g)     abs(v) w^(g-1), w > 0
``Exponential(rate)``           exp(-rate t), t >= 0     abs(v), w = 1
``ExponentialPair(a, b)``       difference quotient      abs(v), w = 1
==============================  =======================  ====================

Leaky and absolute-value activations need no operator of their own: both are Green's
functions of the second derivative up to an affine function.  A leaky unit of slope s
on the left is ``s t + (1 - s) t_+`` and costs ``abs(1 - s) abs(v) abs(w)``; the unit
``abs(t) / 2`` costs ``abs(v) abs(w)``, as a ReLU does.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import rgamma

from splinear.core.checks import check_scalar

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


class Operator(ABC):
    """A linear operator with a causal Green's function and a finite null space."""

    @property
    @abstractmethod
    def null_dim(self) -> int:
        """Dimension of the null space."""

    @abstractmethod
    def atom(self, t: Vector, derivative: int = 0) -> Vector:
        """Green's function, or its k-th derivative away from zero; k <= 2.

        In the precision of `t`, which extended precision may be.
        """

    @abstractmethod
    def null_basis(self, x: Vector) -> Matrix:
        """Return (n, null_dim) values of a basis, `x` in [0, 1] or scaled to it."""

    @abstractmethod
    def scaled(self, length: float) -> tuple["Operator", float]:
        """Operator in the variable x / length, and atom(length t) / its atom(t)."""

    def neuron_norm(self, v: float, w: float) -> float:
        """Seminorm of the neuron ``v atom(w x - b)``.

        Raises
        ------
        ValueError
            If w is not one and the operator is not homogeneous.
        """
        if w != 1.0:
            raise ValueError(
                f"{self!r} is not homogeneous: its neurons need w = 1; got w = {w}"
            )
        return abs(v)

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Name and parameters, as JSON takes them."""


class PowerOperator(Operator):
    """D^g, integer or not: the Green's function is ``t_+^(g-1) / Gamma(g)``."""

    exponent: float  # g - 1

    @property
    def null_dim(self) -> int:
        """Polynomials of degree below g: ceil(g) of them."""
        return math.ceil(self.exponent + 1.0)

    def atom(self, t: Vector, derivative: int = 0) -> Vector:
        """See `Operator.atom`; derivatives are zero at t = 0 where they are infinite."""
        t = np.asarray(t)
        power = self.exponent - derivative
        # Order 1 jumps at zero and is right-continuous there.
        inside = t >= 0.0 if self.exponent == derivative == 0 else t > 0.0
        out = np.zeros_like(t)
        out[inside] = rgamma(power + 1.0) * t[inside] ** power
        return out

    def null_basis(self, x: Vector) -> Matrix:
        """Legendre polynomials on [0, 1]."""
        x = np.asarray(x, dtype=np.float64)
        basis = np.polynomial.legendre.legvander(2.0 * x - 1.0, self.null_dim - 1)
        return basis.astype(np.float64)

    def scaled(self, length: float) -> tuple["Operator", float]:
        """D^g is homogeneous."""
        return self, length**self.exponent


@final
@dataclass(frozen=True)
class Derivative(PowerOperator):
    """The m-th derivative.

    Parameters
    ----------
    order : int, 1 to 6
        Six, because features of higher order are collinear in double precision.

    Examples
    --------
    >>> Derivative(3).atom(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    >>> Derivative(3).neuron_norm(2.0, -3.0)
    18.0
    """

    order: int

    def __post_init__(self) -> None:
        if isinstance(self.order, bool) or self.order not in range(1, 7):
            raise ValueError(f"order must be an integer from 1 to 6; got {self.order}")

    @property
    def exponent(self) -> float:
        """Exponent of the Green's function."""
        return self.order - 1.0

    def neuron_norm(self, v: float, w: float) -> float:
        """``abs(v) abs(w)^(m-1)``; either sign of w, by the parity rule."""
        return abs(v) * abs(w) ** (self.order - 1)

    def to_dict(self) -> dict[str, Any]:
        """See `Operator.to_dict`."""
        return {"operator": "derivative", "order": int(self.order)}


@final
@dataclass(frozen=True)
class FractionalDerivative(PowerOperator):
    """The fractional derivative of order gamma, causal.

    Parameters
    ----------
    gamma : float, 1 < gamma <= 6
        At one and below, point values are not continuous in the seminorm.

    Examples
    --------
    >>> operator = FractionalDerivative(1.5)
    >>> operator.null_dim
    2
    >>> round(float(operator.atom(np.array([4.0]))[0] * math.gamma(1.5)), 12)
    2.0
    """

    gamma: float

    def __post_init__(self) -> None:
        check_scalar("gamma", self.gamma, low=1.0, high=6.0, strict=True)

    @property
    def exponent(self) -> float:
        """Exponent of the Green's function."""
        return float(self.gamma) - 1.0

    def neuron_norm(self, v: float, w: float) -> float:
        """``abs(v) w^(gamma-1)`` for w > 0.

        Raises
        ------
        ValueError
            If w <= 0: an anti-causal atom is no Green's function of this operator.
        """
        if not w > 0.0:
            raise ValueError(
                f"a neuron of a fractional derivative needs w > 0; got w = {w}: "
                "anti-causal atoms are no Green's functions of the causal operator"
            )
        return abs(v) * w**self.exponent

    def to_dict(self) -> dict[str, Any]:
        """See `Operator.to_dict`."""
        return {"operator": "fractional", "gamma": float(self.gamma)}


def _decay(x: Vector, rate: float) -> Vector:
    """exp(-rate x) on [0, 1], anchored at the end where it is one."""
    return np.exp(-rate * x) if rate >= 0.0 else np.exp(-rate * (x - 1.0))


@final
@dataclass(frozen=True)
class Exponential(Operator):
    """D + rate: exponential decay with jumps.

    Parameters
    ----------
    rate : float
        Per unit of x; negative rates grow.  Their atom is the bounded Green's
        function, which lives on t < 0: the causal one plus a null-space element.

    Examples
    --------
    >>> Exponential(np.log(2.0)).atom(np.array([-1.0, 0.0, 1.0])).round(12)
    array([0. , 1. , 0.5])
    """

    rate: float

    def __post_init__(self) -> None:
        check_scalar("rate", self.rate)

    @property
    def null_dim(self) -> int:
        """One: exp(-rate x)."""
        return 1

    def atom(self, t: Vector, derivative: int = 0) -> Vector:
        """See `Operator.atom`; right-continuous at zero.

        For a negative rate the bounded Green's function ``-exp(-rate t)`` on t < 0:
        it differs from the causal one by an element of the null space.
        """
        t = np.asarray(t)
        out = np.zeros_like(t)
        on = t >= 0.0 if self.rate >= 0.0 else t < 0.0
        sign = 1.0 if self.rate >= 0.0 else -1.0
        out[on] = sign * (-self.rate) ** derivative * np.exp(-self.rate * t[on])
        return out

    def null_basis(self, x: Vector) -> Matrix:
        """The decay, equal to one at the end where it is largest."""
        return _decay(np.asarray(x, dtype=np.float64), self.rate)[:, None]

    def scaled(self, length: float) -> tuple["Operator", float]:
        """The rate scales with the length."""
        return Exponential(self.rate * length), 1.0

    def to_dict(self) -> dict[str, Any]:
        """See `Operator.to_dict`."""
        return {"operator": "exponential", "rate": float(self.rate)}


@final
@dataclass(frozen=True)
class ExponentialPair(Operator):
    """(D + rate)(D + other): continuous exponential splines of second order.

    Parameters
    ----------
    rate, other : float
        Per unit of x; equal rates are allowed.

    Examples
    --------
    >>> pair = ExponentialPair(1.0, 1.0)
    >>> float((pair.atom(np.array([1.0])) * np.e).round(12)[0])
    1.0
    """

    rate: float
    other: float

    def __post_init__(self) -> None:
        check_scalar("rate", self.rate)
        check_scalar("other", self.other)

    @property
    def null_dim(self) -> int:
        """Two: both decays, or the decay and its derivative in the rate."""
        return 2

    def atom(self, t: Vector, derivative: int = 0) -> Vector:
        """See `Operator.atom`: g' = exp(-other t) - rate g."""
        t = np.asarray(t)
        on = np.maximum(t, 0.0)
        gap = self.other - self.rate
        value = np.exp(-self.rate * on) * on * expm1_ratio(gap * on)
        tail = np.exp(-self.other * on)
        slope = tail - self.rate * value
        out = (value, slope, -self.other * tail - self.rate * slope)[derivative]
        return np.where(t > 0.0, out, 0.0)

    def null_basis(self, x: Vector) -> Matrix:
        """The slower decay and a difference quotient: no collapse at equal rates."""
        x = np.asarray(x, dtype=np.float64)
        # Sized on a fixed grid: the basis must not depend on where it is evaluated.
        size = np.abs(self._quotient(np.linspace(0.0, 1.0, 65))).max()
        low = min(self.rate, self.other, key=abs)
        return np.stack([_decay(x, low), self._quotient(x) / size], axis=1)

    def _quotient(self, x: Vector) -> Vector:
        low, high = sorted((self.rate, self.other), key=abs)
        shift = x if low >= 0.0 else x - 1.0
        return _decay(x, low) * shift * expm1_ratio((high - low) * shift)

    def scaled(self, length: float) -> tuple["Operator", float]:
        """Both rates scale; the atom has the dimension of a length."""
        return ExponentialPair(self.rate * length, self.other * length), length

    def to_dict(self) -> dict[str, Any]:
        """See `Operator.to_dict`."""
        rates = {"rate": float(self.rate), "other": float(self.other)}
        return {"operator": "exponential_pair", **rates}


def expm1_ratio(z: Vector) -> Vector:
    """(1 - exp(-z)) / z, one at zero."""
    safe = np.where(z == 0.0, 1.0, z)
    return np.where(z == 0.0, 1.0, -np.expm1(-safe) / safe)


_KINDS = {
    "derivative": Derivative,
    "fractional": FractionalDerivative,
    "exponential": Exponential,
    "exponential_pair": ExponentialPair,
}


def operator_from_dict(data: dict[str, Any]) -> Operator:
    """Undo `Operator.to_dict`.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> operator_from_dict({"operator": "exponential", "rate": 2.0})
    Exponential(rate=2.0)
    """
    fields = dict(data)
    name = fields.pop("operator", None)
    if name not in _KINDS:
        raise ValueError(f"operator must be one of {sorted(_KINDS)}; got {name!r}")
    return _KINDS[name](**fields)
