"""Weights on the domain of a one-dimensional spline, with what certification needs.

A weighted seminorm charges ``sum abs(a_k) omega(tau_k)``.  All weights are functions
of z, the position mapped from the domain to (-1, 1), as on the unit ball [1]_; the
depth is ``rho = 1 - abs(z)``.  Seminorms stay in units of the data: omega is a pure
number.

References
----------
.. [1] R. DeVore, R. Nowak, R. Parhi, J. Siegel, Weighted variation spaces and
   approximation by shallow ReLU networks, ACHA 74, 2025.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar

Vector = NDArray[np.float64]
FLOOR = 1e-3
NAMES = ("none", "boundary", "l2", "l2_affine", "empirical", "stability")
Bounds = tuple[Vector, Vector, Vector]


class Weight(ABC):
    """A positive function of z in [-1, 1] with enclosures of its curvature."""

    @abstractmethod
    def __call__(self, z: Vector) -> Vector:
        """Return the weight, at least the floor."""

    @abstractmethod
    def bounds(self, a: Vector, b: Vector) -> Bounds:
        """Lower bound of the weight, lower and upper bound of its second derivative.

        On each cell [a, b]; no cell has a breakpoint inside.
        """

    @property
    def breakpoints(self) -> Vector:
        """Points of (-1, 1) where the weight or a derivative has a kink."""
        return np.zeros(0)


@final
@dataclass(frozen=True)
class DepthWeight(Weight):
    """``max(floor, constant * depth^power)`` with depth 1 - |z| or 1 - z^2.

    Parameters
    ----------
    power : float, > 0
    constant : float, > 0
    squared : bool
        Whether the depth is 1 - z^2 (then `power` is 3/2).
    floor : float, > 0
        Knots at the edge would be free without it, and the problem unbounded.
    """

    power: float
    constant: float = 1.0
    squared: bool = False
    floor: float = FLOOR

    def _depth(self, z: Vector) -> Vector:
        clipped = np.minimum(np.abs(z), 1.0)
        return (1.0 - clipped) * (1.0 + clipped) if self.squared else 1.0 - clipped

    def __call__(self, z: Vector) -> Vector:
        """See `Weight`."""
        return np.maximum(self.floor, self.constant * self._depth(z) ** self.power)

    def _curvature(self, z: Vector) -> Vector:
        power = self.power
        # Below the floor the answer is not used; it must only not overflow.
        edge = 0.5 * (self.floor / self.constant) ** (1.0 / power)
        depth = np.maximum(self._depth(z), min(edge, 1.0))
        if self.squared:
            # d²/dz² (1-z²)^p = 2p (1-z²)^(p-2) ((2p-1) z² - 1)
            bend = 2.0 * power * depth ** (power - 2.0)
            return self.constant * bend * ((2.0 * power - 1.0) * z * z - 1.0)
        return self.constant * power * (power - 1.0) * depth ** (power - 2.0)

    def bounds(self, a: Vector, b: Vector) -> Bounds:
        """See `Weight`: both the weight and its curvature are monotone in abs(z)."""
        low = np.minimum(self(a), self(b))
        middle = self.constant * self._depth(0.5 * (a + b)) ** self.power
        bends = self._curvature(a), self._curvature(b)
        floored = middle <= self.floor
        lo = np.where(floored, 0.0, np.minimum(*bends))
        return low, lo, np.where(floored, 0.0, np.maximum(*bends))

    @property
    def breakpoints(self) -> Vector:
        """The middle, and where the floor begins."""
        depth = (self.floor / self.constant) ** (1.0 / self.power)
        if depth >= 1.0:
            return np.zeros(1)
        edge = np.sqrt(1.0 - depth) if self.squared else 1.0 - depth
        return np.array([-edge, 0.0, edge])


@final
@dataclass(frozen=True)
class EmpiricalWeight(Weight):
    """Root mean square over data of a kink after regressing out the affine part.

    Its square is a quadratic between neighbouring data, so the weight is convex
    there: the norm of an affine function of the position.

    Parameters
    ----------
    sites : (n,) array
        Data positions in z, from -1 to 1.
    squares : (n,) array
        Squared weight at each site.
    products : (n - 1,) array
        Inner products of neighbouring residuals.
    floor : float
    """

    sites: Vector
    squares: Vector
    products: Vector
    floor: float = FLOOR

    def _quadratic(self, z: Vector) -> tuple[Vector, Vector, Vector, Vector]:
        j = np.clip(np.searchsorted(self.sites, z) - 1, 0, self.sites.size - 2)
        h = self.sites[j + 1] - self.sites[j]
        s = (z - self.sites[j]) / h
        return s, self.squares[j], self.products[j], self.squares[j + 1]

    def _raw(self, z: Vector) -> Vector:
        s, left, cross, right = self._quadratic(z)
        square = (1 - s) ** 2 * left + 2 * s * (1 - s) * cross + s**2 * right
        return np.sqrt(np.maximum(square, 0.0))

    def __call__(self, z: Vector) -> Vector:
        """See `Weight`."""
        return np.maximum(self.floor, self._raw(np.clip(z, -1.0, 1.0)))

    def bounds(self, a: Vector, b: Vector) -> Bounds:
        """See `Weight`: curvature is (A C - B²) / omega³ with omega convex."""
        middle = 0.5 * (a + b)
        _, left, cross, right = self._quadratic(middle)
        j = np.clip(np.searchsorted(self.sites, middle) - 1, 0, self.sites.size - 2)
        h = self.sites[j + 1] - self.sites[j]
        spread = np.maximum(left - 2.0 * cross + right, 0.0)
        s = np.where(spread > 0.0, (left - cross) / np.where(spread > 0, spread, 1), 0)
        lowest = self._raw(np.clip(self.sites[j] + s * h, a, b))
        top = np.maximum(self._raw(a), self._raw(b))
        gram = np.maximum(left * right - cross * cross, 0.0) / h**2
        floored = self._raw(middle) <= self.floor
        safe = np.maximum(lowest, self.floor)
        low = np.maximum(lowest, self.floor) * (1.0 - 1e-9)
        bend = np.where(floored, 0.0, gram / safe**3 * (1.0 + 1e-9))
        top = np.maximum(top, self.floor)
        return low, np.where(floored, 0.0, gram / top**3 * (1.0 - 1e-9)), bend

    @property
    def breakpoints(self) -> Vector:
        """Where the quadratic crosses the floor."""
        left, right = self.squares[:-1], self.squares[1:]
        c = left - self.floor**2
        b = 2.0 * (self.products - left)
        a = left - 2.0 * self.products + right
        disc = b * b - 4.0 * a * c
        found = []
        ok = (disc > 0.0) & (a > 0.0)
        root = np.sqrt(np.where(ok, disc, 0.0))
        for sign in (-1.0, 1.0):
            s = (-b + sign * root) / np.where(ok, 2.0 * a, 1.0)
            inside = ok & (s > 0.0) & (s < 1.0)
            at = self.sites[:-1] + s * np.diff(self.sites)
            found.append(at[inside])
        return np.sort(np.concatenate(found))


@final
@dataclass(frozen=True)
class SmoothWeight(Weight):
    """A weight given by the user as a function of z.

    Parameters
    ----------
    function : callable
        Vectorised, positive on [-1, 1], twice differentiable.
    curvature : float, >= 0
        Bound on the absolute second derivative over [-1, 1]: without one no
        certificate between samples is possible.

    Examples
    --------
    >>> weight = SmoothWeight(lambda z: 1.5 - z * z, curvature=2.0)
    >>> float(weight(np.array([0.5]))[0])
    1.25
    """

    function: Callable[[Vector], Vector]
    curvature: float

    def __post_init__(self) -> None:
        check_scalar("curvature", self.curvature, low=0.0)

    def __call__(self, z: Vector) -> Vector:
        """See `Weight`.

        Raises
        ------
        ValueError
            If the function is not positive.
        """
        value = np.asarray(self.function(np.asarray(z)), dtype=np.float64)
        if not np.all(value > 0.0):
            raise ValueError(
                "a domain weight must be positive on [-1, 1]; raise it to a floor "
                f"such as {FLOOR}"
            )
        return value

    def bounds(self, a: Vector, b: Vector) -> Bounds:
        """See `Weight`."""
        bend = np.full_like(a, self.curvature)
        low = np.minimum(self(a), self(b)) - bend * (b - a) ** 2 / 8.0
        # Bisection makes cells so short that this guard is never the answer.
        return np.maximum(low, 1e-12), -bend, bend


@final
@dataclass(frozen=True)
class StabilityWeight(Weight):
    """Weight of flat minima for uniform X: a yardstick, not a regulariser.

    Examples
    --------
    >>> StabilityWeight()(np.array([-0.5, 0.0, 0.5])).round(8)
    array([0.01953125, 0.13975425, 0.01953125])
    """

    def __call__(self, z: Vector) -> Vector:
        """``(1-t)³/8 sqrt(1 + (1+t)²/4)`` with t = abs(z), without a floor."""
        t = np.abs(np.asarray(z, dtype=np.float64))
        return (1.0 - t) ** 3 / 8.0 * np.sqrt(1.0 + (1.0 + t) ** 2 / 4.0)

    def bounds(self, a: Vector, b: Vector) -> Bounds:
        """Refuse.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(
            'the "stability" weight evaluates fits, it does not regularise them: the '
            "minimax rate over its unit ball is no better than n^(-2/(d+1)); choose "
            '"boundary", "l2", "l2_affine" or "empirical"'
        )


def empirical_weight(x: Vector, w: Vector, floor: float = FLOOR) -> EmpiricalWeight:
    """Build the empirical weight of sorted sites `x` with weights `w`; O(n²) time.

    Examples
    --------
    >>> weight = empirical_weight(np.array([0.0, 1.0, 2.0]), np.ones(3))
    >>> float(weight(np.array([0.0]))[0].round(9))
    0.23570226
    """
    z = 2.0 * (x - x[0]) / (x[-1] - x[0]) - 1.0
    root = np.sqrt(w / w.sum())
    q, _ = np.linalg.qr(root[:, None] * np.stack([np.ones_like(z), z], axis=1))
    squares, products = np.zeros(z.size), np.zeros(z.size - 1)
    for start in range(0, z.size, 256):  # blocks with one column of overlap
        columns = z[start : start + 257]
        v = root[:, None] * np.maximum(z[:, None] - columns, 0.0)
        v -= q @ (q.T @ v)
        v -= q @ (q.T @ v)
        squares[start : start + columns.size] = np.einsum("ij,ij->j", v, v)
        cross = np.einsum("ij,ij->j", v[:, :-1], v[:, 1:])
        products[start : start + cross.size] = cross
    squares[[0, -1]] = 0.0
    products[[0, -1]] = 0.0
    return EmpiricalWeight(z, squares, products, floor)


def domain_weight(
    name: str | Weight,
    *,
    alpha: float = 1.0,
    floor: float = FLOOR,
    x: Vector | None = None,
    w: Vector | None = None,
) -> Weight | None:
    """Return a weight by name; None for ``"none"``.

    Parameters
    ----------
    name : str or Weight
        One of `NAMES`, or a Weight, which is returned.
    alpha : float, > 0
        Exponent of ``"boundary"``; below 1.5 the approximation rate survives in one
        dimension (a heuristic), hence one by default.
    floor : float, > 0
    x, w : (n,) arrays, optional
        Sorted data and their weights, for ``"empirical"``.

    Raises
    ------
    ValueError
        If the name is unknown, or ``"empirical"`` comes without data.

    Examples
    --------
    >>> domain_weight("l2_affine")(np.array([0.0, 0.5, 0.9])).round(8)
    array([0.20412415, 0.13258252, 0.01690537])
    """
    if isinstance(name, Weight):
        return name
    if name == "none":
        return None
    if name == "empirical":
        if x is None or w is None or x.size < 3:
            raise ValueError('"empirical" needs at least three data sites and weights')
        return empirical_weight(x, w, floor)
    alpha = check_scalar("alpha", alpha, low=0.0, strict=True)
    known = {
        "boundary": DepthWeight(alpha, floor=floor),
        "l2": DepthWeight(1.5, 3.0**-0.5, floor=floor),
        "l2_affine": DepthWeight(1.5, 24.0**-0.5, squared=True, floor=floor),
        "stability": StabilityWeight(),
    }
    if name not in known:
        raise ValueError(f"a domain weight is one of {NAMES} or a Weight; got {name!r}")
    return known[name]


def weighted_variation(
    knots: Vector, jumps: Vector, weight: Weight | None, domain: tuple[float, float]
) -> float:
    """Return ``sum abs(a_k) omega(tau_k)`` over knots inside the open domain.

    A neuron whose kink misses the domain is affine there and costs nothing.

    Examples
    --------
    >>> hat = np.array([0.0]), np.array([-2.0])
    >>> weighted_variation(*hat, domain_weight("boundary"), (-1.0, 1.0))
    2.0
    """
    low, high = domain
    inside = (knots > low) & (knots < high)
    cost = np.abs(jumps[inside])
    if weight is not None:
        z = ((knots[inside] - low) - (high - knots[inside])) / (high - low)
        cost = cost * weight(z)
    return float(cost.sum())
