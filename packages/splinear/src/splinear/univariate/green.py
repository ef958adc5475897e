"""Splines of general operators: null-space component plus Green's functions."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from splinear.univariate.operators import Operator, operator_from_dict
from splinear.univariate.weights import Weight, weighted_variation

Vector = NDArray[np.float64]


@final
@dataclass(frozen=True)
class GreenSpline:
    """``f(x) = sum_k a_k atom(x - tau_k) + sum_j c_j q_j((x - origin) / length)``.

    Knots are kept relative to `origin`, so that data at a large offset lose nothing.

    Attributes
    ----------
    operator : Operator
    offsets : (K,) array
        Knots minus `origin`, increasing.  Fractional operators may have knots left
        of the domain: their atoms are no polynomials there.
    amplitudes : (K,) array
    null : (d,) array
        Coefficients in the basis of ``operator.scaled(length)``.
    origin, length : float
        Left end and length of the domain.

    Examples
    --------
    >>> from splinear.univariate.operators import Derivative
    >>> relu = GreenSpline(
    ...     Derivative(2),
    ...     np.array([1.0]),
    ...     np.array([3.0]),
    ...     np.zeros(2),
    ...     origin=0.0,
    ...     length=4.0,
    ... )
    >>> relu(np.array([0.0, 3.0])), relu.variation
    (array([0., 6.]), 3.0)
    """

    operator: Operator
    offsets: Vector
    amplitudes: Vector
    null: Vector
    origin: float
    length: float

    @property
    def knots(self) -> Vector:
        """Knots in the units of x, rounded to its precision."""
        return self.origin + self.offsets

    @property
    def domain(self) -> tuple[float, float]:
        """Ends of the domain."""
        return self.origin, self.origin + self.length

    @property
    def variation(self) -> float:
        """Total variation ``sum abs(a_k)`` of the measure L f."""
        return float(np.abs(self.amplitudes).sum())

    def weighted_variation(self, weight: Weight | None) -> float:
        """Return ``sum abs(a_k) omega(tau_k)`` over knots inside the domain."""
        ends = (0.0, self.length)
        return weighted_variation(self.offsets, self.amplitudes, weight, ends)

    def __call__(self, x: Any) -> Vector:
        """Evaluate anywhere; outside the domain by the same formula."""
        x = np.asarray(x, dtype=np.float64)
        local = (x.ravel() - self.origin)[:, None]
        scaled, _ = self.operator.scaled(self.length)
        out = scaled.null_basis(local[:, 0] / self.length) @ self.null
        out = out + self.operator.atom(local - self.offsets) @ self.amplitudes
        return out.reshape(x.shape)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists: exact through JSON."""
        return {
            "version": 1,
            **self.operator.to_dict(),
            "offsets": self.offsets.tolist(),
            "amplitudes": self.amplitudes.tolist(),
            "null": self.null.tolist(),
            "origin": self.origin,
            "length": self.length,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "GreenSpline":
        """Undo `to_dict`.

        Raises
        ------
        ValueError
            If the version is unknown.
        """
        data = dict(data)
        version = data.pop("version", None)
        if version != 1:
            raise ValueError(f"version must be 1; got {version!r}")
        arrays = {k: np.array(data.pop(k)) for k in ("offsets", "amplitudes", "null")}
        origin, length = data.pop("origin"), data.pop("length")
        return cls(operator_from_dict(data), **arrays, origin=origin, length=length)

    def to_network(self) -> dict[str, Vector]:
        """Weights of the one-hidden-layer network ``sum v_k atom(w_k x - b_k) + q(x)``.

        All input weights are one: admissible for every operator, fractional ones
        included, which take no negative input weights.

        Examples
        --------
        >>> from splinear.univariate.operators import FractionalDerivative
        >>> f = GreenSpline(
        ...     FractionalDerivative(1.5),
        ...     np.array([1.0]),
        ...     np.array([3.0]),
        ...     np.zeros(2),
        ...     origin=10.0,
        ...     length=4.0,
        ... )
        >>> f.to_network()["b"]
        array([11.])
        """
        return {
            "v": self.amplitudes.copy(),
            "w": np.ones_like(self.offsets),
            "b": self.knots,
            "null": self.null.copy(),
        }


def from_network(
    operator: Operator, v: Vector, w: Vector, b: Vector, domain: tuple[float, float]
) -> GreenSpline:
    """Spline of the network ``sum v_k atom(w_k x - b_k)``, without null space part.

    Parameters
    ----------
    v, w, b : (K,) arrays
        Input weights w > 0; w = 1 where the operator is not homogeneous.
    domain : (float, float)

    Raises
    ------
    ValueError
        If an input weight is not positive: a reversed atom of an integer order is
        one plus a polynomial (turn it first), of a fractional order none at all.

    Examples
    --------
    >>> from splinear.univariate.operators import Derivative
    >>> one, two = np.ones(1), np.array([2.0])
    >>> from_network(Derivative(3), one, two, one, (0.0, 1.0)).variation
    4.0
    """
    v, w, b = (np.asarray(c, dtype=np.float64) for c in (v, w, b))
    if not np.all(w > 0.0):
        bad = int(np.flatnonzero(~(w > 0.0))[0])
        raise ValueError(
            f"input weights must be positive; got w = {w[bad]} for neuron {bad}: an "
            "anti-causal atom is no Green's function of the causal operator"
        )
    signed = np.sign(v) * [
        operator.neuron_norm(*pair) for pair in zip(v, w, strict=True)
    ]
    tau, group = np.unique(b / w - domain[0], return_inverse=True)
    amplitudes = np.bincount(group, signed, tau.size).astype(np.float64)
    keep = amplitudes != 0.0
    null = np.zeros(operator.null_dim)
    length = domain[1] - domain[0]
    return GreenSpline(operator, tau[keep], amplitudes[keep], null, domain[0], length)
