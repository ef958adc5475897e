"""Where a function matters: balls and boxes, and how hyperplanes cut them."""

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Ball:
    """``{x : |x - center| <= radius}``.

    Parameters
    ----------
    center : (d,) array
        In the units of x.
    radius : float, > 0
        In the units of x.

    Examples
    --------
    A disc is cut along its diameter:

    >>> Ball([0.0, 0.0], 3.0).section(np.array([[1.0, 0.0]]), np.array([0.0]))
    array([6.])
    """

    center: Array
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", check_vector("center", self.center))
        radius = check_scalar("radius", self.radius, low=0.0, strict=True)
        object.__setattr__(self, "radius", radius)

    def range(self, U: Array) -> tuple[Array, Array]:
        """Least and greatest ``u . x`` over the ball, for each unit row of U.

        Parameters
        ----------
        U : (K, d) array
            Unit rows.
        """
        middle = U @ self.center
        return middle - self.radius, middle + self.radius

    def section(self, U: Array, t: Array) -> Array:
        """Volume, of dimension d - 1, of ``{u . x = t}`` in the ball.

        Parameters
        ----------
        U : (K, d) array
            Unit rows.
        t : (K,) array
            Offsets.
        """
        n = U.shape[1] - 1
        left = np.maximum(self.radius**2 - (t - U @ self.center) ** 2, 0.0)
        unit_ball = math.pi ** (n / 2) / math.gamma(n / 2 + 1)
        # In one dimension a section is a point; numpy's 0 ** 0 would count the misses.
        return np.where(left > 0.0, unit_ball * left ** (n / 2), 0.0)


@final
@dataclass(frozen=True, eq=False)
class Box:
    """``{x : low <= x <= high}``.

    Parameters
    ----------
    low, high : (d,) arrays
        Corners, ``low < high`` in each column.

    Examples
    --------
    >>> Box([0.0, 0.0], [1.0, 1.0]).range(np.array([[0.6, -0.8]]))
    (array([-0.8]), array([0.6]))
    """

    low: Array
    high: Array

    def __post_init__(self) -> None:
        low = check_vector("low", self.low)
        high = check_vector("high", self.high, size=low.size)
        if np.any(low >= high):
            raise ValueError(
                f"low must be below high in each column; got {low}, {high}"
            )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def range(self, U: Array) -> tuple[Array, Array]:
        """Least and greatest ``u . x`` over the box, for each row of U.

        Parameters
        ----------
        U : (K, d) array
            Unit rows.
        """
        up, down = np.maximum(U, 0.0), np.minimum(U, 0.0)
        return up @ self.low + down @ self.high, up @ self.high + down @ self.low

    def section(self, U: Array, t: Array) -> Array:
        """Length of ``{u . x = t}`` in the box; a count for d = 1, d at most 2.

        Parameters
        ----------
        U : (K, d) array
            Unit rows.
        t : (K,) array
            Offsets.

        Raises
        ------
        ValueError
            If d > 2: use a ball.
        """
        if U.shape[1] == 1:
            x = t / U[:, 0]
            return ((self.low[0] < x) & (x < self.high[0])).astype(np.float64)
        if U.shape[1] > 2:
            raise ValueError(
                f"a box must have at most 2 dimensions here; got {U.shape[1]}: use Ball"
            )
        return np.array([self._chord(u, s) for u, s in zip(U, t, strict=True)])

    def _chord(self, u: Array, t: float) -> float:
        # The line is foot + s (-u2, u1); each column bounds s from both sides.
        foot, along = t * u, np.array([-u[1], u[0]])
        first, last = -math.inf, math.inf
        for j in range(2):
            if along[j] == 0.0:
                if not self.low[j] < foot[j] < self.high[j]:
                    return 0.0
                continue
            ends = sorted(
                (end[j] - foot[j]) / along[j] for end in (self.low, self.high)
            )
            first, last = max(first, ends[0]), min(last, ends[1])
        return max(last - first, 0.0)


def range_over(domain: Any, U: Array) -> tuple[Array, Array]:
    """Least and greatest ``u . x`` over a ball, a box or the hull of points.

    Parameters
    ----------
    domain : Ball, Box or (M, d) array
        An array stands for the hull of its rows.
    U : (K, d) array
        Unit rows.

    Raises
    ------
    ValueError
        If the domain is no such thing or has another number of columns.
    """
    if isinstance(domain, Ball | Box):
        size = (domain.center if isinstance(domain, Ball) else domain.low).size
        if size != U.shape[1]:
            raise ValueError(f"domain must have {U.shape[1]} columns; got {size}")
        return domain.range(U)
    points = np.asarray(domain, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != U.shape[1] or len(points) == 0:
        raise ValueError(
            f"domain must be a Ball, a Box or points of shape (M, {U.shape[1]}); "
            f"got {type(domain).__name__} of shape {points.shape}"
        )
    check_vector("domain", points.ravel())
    low, high = np.full(len(U), np.inf), np.full(len(U), -np.inf)
    step = max(1, 2**21 // max(1, len(U)))
    for start in range(0, len(points), step):
        Z = points[start : start + step] @ U.T
        low, high = np.minimum(low, Z.min(axis=0)), np.maximum(high, Z.max(axis=0))
    return low, high
