"""Where a process is sampled: convex sets that hold the origin."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import combinations
from math import comb, prod
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector
from splinear.processes._points import norms
from splinear.processes._sphere import absolute_moment, ball_volume, sphere_area

Array = NDArray[np.float64]

#: A point this much beyond the border, relative to its distance, is rounding.
_ROUNDING = 1e-12


class Domain(ABC):
    """A compact convex set that holds the origin.

    A neuron ``(u . x - t)_+`` with t > 0 is zero on the whole set if and only if t is at
    least the support function h(u), the largest ``u . x`` of the set.
    """

    @abstractmethod
    def support(self, U: Array) -> Array:
        """Return h(u) for each unit row of U, (K, d) to (K,)."""

    @abstractmethod
    def excess(self, X: Array) -> Array:
        """Return by which factor the set must grow to hold each row of X, (N,)."""

    @abstractmethod
    def total_support(self, dim: int) -> float:
        """Return the integral of h over the sphere of R^dim."""

    @abstractmethod
    def intrinsic_volumes(self, dim: int) -> list[float]:
        """Return V_0, ..., V_dim: one, ..., half the surface, the volume."""

    @property
    @abstractmethod
    def inner_radius(self) -> float:
        """Largest ball around the origin inside."""

    @abstractmethod
    def outer_radius(self, dim: int) -> float:
        """Smallest ball around the origin that holds the set."""

    def outside(self, X: Array) -> NDArray[np.bool_]:
        """Return which rows of X are beyond the border, by more than rounding."""
        return self.excess(X) > 1.0 + _ROUNDING


@final
@dataclass(frozen=True)
class CenteredBall(Domain):
    """``{x : |x| <= radius}``.

    Parameters
    ----------
    radius : float, > 0
        In the units of x.

    Raises
    ------
    TypeError
        If `radius` is no number.
    ValueError
        If `radius` is not positive and finite.

    Examples
    --------
    >>> round(CenteredBall(2.0).intrinsic_volumes(3)[2] / np.pi, 12)  # half of 16 pi
    8.0
    """

    radius: float

    def __post_init__(self) -> None:
        radius = check_scalar("radius", self.radius, low=0.0, strict=True)
        object.__setattr__(self, "radius", radius)

    def support(self, U: Array) -> Array:
        """Return the radius for each row of U."""
        return np.full(len(U), self.radius)

    def excess(self, X: Array) -> Array:
        """Return |x| over the radius."""
        return norms(X) / self.radius

    def total_support(self, dim: int) -> float:
        """Return the area of the sphere times the radius."""
        return sphere_area(dim) * self.radius

    def intrinsic_volumes(self, dim: int) -> list[float]:
        """Return ``binomial(dim, k) kappa_dim / kappa_(dim - k) radius^k``."""
        whole = ball_volume(dim)
        return [
            comb(dim, k) * whole / ball_volume(dim - k) * self.radius**k
            for k in range(dim + 1)
        ]

    @property
    def inner_radius(self) -> float:
        """The radius."""
        return self.radius

    def outer_radius(self, dim: int) -> float:
        """Return the radius."""
        return self.radius


@final
@dataclass(frozen=True, eq=False)
class CenteredBox(Domain):
    """``{x : |x_j| <= half_widths_j}``, the published figures' [-1, 1]^d with ones.

    Parameters
    ----------
    half_widths : (d,) array
        Positive, in the units of x.

    Raises
    ------
    TypeError
        If the entries are no numbers.
    ValueError
        If there is none, or one is not positive and finite.

    Examples
    --------
    >>> CenteredBox([1.0, 2.0]).intrinsic_volumes(2)  # one, half the perimeter, area
    [1.0, 6.0, 8.0]
    """

    half_widths: Array

    def __post_init__(self) -> None:
        half = np.array(check_vector("half_widths", self.half_widths))
        if half.size == 0 or half.min() <= 0.0:
            raise ValueError(
                f"half_widths must be positive, one for each column; got {half}"
            )
        half.flags.writeable = False
        object.__setattr__(self, "half_widths", half)

    def support(self, U: Array) -> Array:
        """Return ``sum_j half_widths_j |u_j|``."""
        return np.abs(U) @ self.half_widths

    def excess(self, X: Array) -> Array:
        """Return the largest ``|x_j| / half_widths_j``."""
        return np.max(np.abs(X) / self.half_widths, axis=1)

    def total_support(self, dim: int) -> float:
        """Return ``c_1 sum_j half_widths_j``."""
        return absolute_moment(1, dim) * float(np.sum(self.half_widths))

    def intrinsic_volumes(self, dim: int) -> list[float]:
        """Return the elementary symmetric functions of the sides."""
        sides = (2.0 * self.half_widths).tolist()
        return [
            float(sum(map(prod, combinations(sides, k)), 0.0)) for k in range(dim + 1)
        ]

    @property
    def inner_radius(self) -> float:
        """The smallest half width."""
        return float(self.half_widths.min())

    def outer_radius(self, dim: int) -> float:
        """Return half the diagonal."""
        return float(np.linalg.norm(self.half_widths))


def as_domain(domain: Any, dim: int) -> Domain:
    """Return a domain; a number is the radius of a ball.

    Parameters
    ----------
    domain : float or Domain
        A radius, a ball or a box.
    dim : int
        Number of columns.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If a radius is not positive or a box has another number of columns.

    Examples
    --------
    >>> as_domain(2, dim=3)
    CenteredBall(radius=2.0)
    """
    if not isinstance(domain, Domain):
        return CenteredBall(domain)
    if isinstance(domain, CenteredBox) and domain.half_widths.size != dim:
        raise ValueError(
            f"the box must have {dim} half widths, one for each column; "
            f"got {domain.half_widths.size}"
        )
    return domain
