"""Families of neurons behind one interface: what solvers and norms ask of them."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar

Array = NDArray[np.float64]


class AtomFamily(ABC):
    """A family of neurons ``x -> rho(u . x - t)`` with ``|u| = 1``, each of known cost.

    A neuron sees `index_dim` linear combinations of the inputs. Here that is one; a
    family with more of them takes U with orthonormal rows (index_dim, d), t of
    (index_dim,) and Z, t with a last axis of that length, and its quotient is that of
    rotations of U instead of the parity rule (variation_spaces.md, Sections 2 and 6).

    Subclasses are final. `splinear.shallow.testing.AtomFamilyConformance` tests any
    family, given how to build it and what it equals.
    """

    #: How many linear combinations of the inputs a neuron sees.
    index_dim: int = 1

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in `ShallowNet.activation` and in files."""

    @property
    @abstractmethod
    def order(self) -> int:
        """Order m: neurons are kinks of the (m-1)-th derivative."""

    @property
    def homogeneity(self) -> int:
        """p with ``rho(s z) = s^p rho(z)`` for s > 0; m - 1 here."""
        return self.order - 1

    @property
    def skip_degree(self) -> int:
        """Degree of the polynomials that no norm sees; m - 1 by default."""
        return self.order - 1

    @property
    @abstractmethod
    def sides(self) -> tuple[float, float]:
        """(b, a) with ``rho(z) = a z^p`` for z >= 0 and ``b z^p`` for z <= 0."""

    @property
    def parity(self) -> tuple[int, float]:
        """(s, c) with ``rho(-z) = s rho(z) + c z^p``: how a neuron is turned around.

        From the two sides: both must give the same s (splines.md, Eq. (3)).
        """
        sign = 1 if self.order % 2 == 0 else -1
        below, above = self.sides
        return sign, (-1.0) ** self.homogeneity * below - sign * above

    @property
    def unit_cost(self) -> float:
        """R-TV seminorm of one neuron of unit coefficient and direction.

        The jump of the p-th derivative across its hyperplane.
        """
        below, above = self.sides
        return abs(above - below) * math.factorial(self.homogeneity)

    @abstractmethod
    def evaluate(self, Z: Array, t: Any) -> Array:
        """Return ``rho(Z - t)``.

        Parameters
        ----------
        Z : (N, K) array
            ``X @ U.T``, in the units of x.
        t : float or (K,) array
            Offsets, in the same units.
        """

    @abstractmethod
    def derivative(self, Z: Array, t: Any) -> Array:
        """Return ``rho'(Z - t)``; at a kink the value from the left.

        Parameters
        ----------
        Z : (N, K) array
            ``X @ U.T``, in the units of x.
        t : float or (K,) array
            Offsets, in the same units.
        """


@final
@dataclass(frozen=True)
class Relu(AtomFamily):
    """``max(z, 0)``: order 2, affine skip, unit cost 1.

    Examples
    --------
    >>> Relu().evaluate(np.array([-1.0, 3.0]), 1.0), Relu().parity
    (array([0., 2.]), (1, -1.0))
    """

    @property
    def name(self) -> str:
        """The name "relu"."""
        return "relu"

    @property
    def order(self) -> int:
        """Order 2: kinks of the slope."""
        return 2

    @property
    def sides(self) -> tuple[float, float]:
        """Zero on the left, z on the right."""
        return 0.0, 1.0

    def evaluate(self, Z: Array, t: Any) -> Array:
        """Return ``max(Z - t, 0)``."""
        result = np.subtract(Z, t)
        return np.maximum(result, 0.0, out=result) if result.ndim else result.clip(0.0)

    def derivative(self, Z: Array, t: Any) -> Array:
        """Return 1 where Z > t, else 0."""
        return np.greater(Z, t).astype(np.float64)


@final
@dataclass(frozen=True)
class Absolute(AtomFamily):
    """``|z|``: the kinks of ReLU up to affine functions, unit cost 2.

    Examples
    --------
    >>> Absolute().evaluate(np.array([-1.0, 3.0]), 1.0), Absolute().unit_cost
    (array([2., 2.]), 2.0)
    """

    @property
    def name(self) -> str:
        """The name "absolute"."""
        return "absolute"

    @property
    def order(self) -> int:
        """Order 2: kinks of the slope."""
        return 2

    @property
    def sides(self) -> tuple[float, float]:
        """Minus z on the left, z on the right."""
        return -1.0, 1.0

    def evaluate(self, Z: Array, t: Any) -> Array:
        """Return ``|Z - t|``."""
        return np.abs(np.subtract(Z, t))

    def derivative(self, Z: Array, t: Any) -> Array:
        """Return 1 where Z > t, else -1."""
        return np.where(np.greater(Z, t), 1.0, -1.0)


@final
@dataclass(frozen=True)
class TruncatedPower(AtomFamily):
    """``max(z, 0)^(m-1) / (m-1)!`` for order m >= 2; unit cost 1.

    Parameters
    ----------
    order : int, m >= 2
        At 2 it is ReLU. Order 1, the step, has no continuous point values in several
        variables and is refused.

    Examples
    --------
    >>> TruncatedPower(3).evaluate(np.array([-1.0, 3.0]), 1.0)
    array([0., 2.])
    >>> TruncatedPower(3).parity  # rho(-z) = z^2/2 - rho(z), oracle O-7
    (-1, 0.5)
    """

    order: int = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", check_order(self.order))

    @property
    def name(self) -> str:
        """The name "truncated_power"."""
        return "truncated_power"

    @property
    def sides(self) -> tuple[float, float]:
        """Zero on the left, ``z^p / p!`` on the right."""
        return 0.0, 1.0 / math.factorial(self.homogeneity)

    def evaluate(self, Z: Array, t: Any) -> Array:
        """Return ``max(Z - t, 0)^p / p!``, p = m - 1."""
        p = self.homogeneity
        return np.maximum(np.subtract(Z, t), 0.0) ** p / math.factorial(p)

    def derivative(self, Z: Array, t: Any) -> Array:
        """Return ``max(Z - t, 0)^(p-1) / (p-1)!``; the step for p = 1."""
        p = self.homogeneity
        if p == 1:
            return np.greater(Z, t).astype(np.float64)
        return np.maximum(np.subtract(Z, t), 0.0) ** (p - 1) / math.factorial(p - 1)


def check_order(order: Any) -> int:
    """Return `order` as an int of at least 2.

    Parameters
    ----------
    order : int, m >= 2
        What the user passed.

    Raises
    ------
    ValueError
        If it is smaller or not whole.
    """
    if check_scalar("order", order, low=2) != int(order):
        raise ValueError(f"order must be an integer >= 2; got {order}")
    return int(order)


def family(activation: str | AtomFamily, order: int | None = None) -> AtomFamily:
    """Return the family that a name means.

    Parameters
    ----------
    activation : {"relu", "absolute", "truncated_power"} or AtomFamily
        "relu" of an order above 2 is the truncated power; a family is returned as is.
    order : int, optional
        The family's own by default: 2, and 3 for truncated powers.

    Raises
    ------
    ValueError
        If the name is unknown or has no such order.

    Examples
    --------
    >>> family("relu"), family("relu", 4)
    (Relu(), TruncatedPower(order=4))
    """
    if isinstance(activation, AtomFamily):
        if order is not None and order != activation.order:
            raise ValueError(
                f"order must be that of the activation, {activation.order}, or None; "
                f"got {order}"
            )
        return activation
    if activation not in ("relu", "absolute", "truncated_power"):
        raise ValueError(
            "activation must be 'relu', 'absolute', 'truncated_power' or an "
            f"AtomFamily; got {activation!r}"
        )
    if order is None:
        order = 3 if activation == "truncated_power" else 2
    order = check_order(order)
    if activation == "absolute":
        if order != 2:
            raise ValueError(f"activation 'absolute' must have order 2; got {order}")
        return Absolute()
    return Relu() if order == 2 else TruncatedPower(order)
