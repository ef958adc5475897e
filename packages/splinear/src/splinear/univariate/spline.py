"""Splines of any order as immutable values: the functions that solvers return."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector
from splinear.univariate import _pieces
from splinear.univariate._pieces import Matrix, Pieces, Vector

if TYPE_CHECKING:
    from scipy.interpolate import PPoly

Extrapolate = Literal["linear", "raise", "polynomial"]

_NAMES = {1: "constant", 2: "linear", 3: "quadratic", 4: "cubic"}


@final
@dataclass(frozen=True, eq=False, repr=False)
class Spline:
    """A piecewise polynomial of degree m-1 with m-2 continuous derivatives.

    Piece 0 lies left of the first knot and is expanded about `origin`; piece k >= 1
    begins at ``knots[k-1]`` and is expanded about it. A function of order 1 is
    continuous from the right.

    The constructor checks shapes, not that neighbours meet: builders (`from_jumps`,
    `from_values`) make that true, and `from_ppoly`, `from_dict` verify it.

    Parameters
    ----------
    order : int, m >= 1
        1 for piecewise constant, 2 linear, 3 quadratic, 4 cubic.
    knots : (K,) array
        Strictly increasing; empty for a polynomial.
    coefficients : (m, K+1) array
        ``coefficients[j, k] = f^(j)(anchor of piece k) / j!``.
    origin : float
        Expansion point of piece 0, in the units of x.
    domain : (float, float)
        First and last site of the data; what lies beyond is extrapolation.

    Raises
    ------
    TypeError
        If an argument holds no real numbers.
    ValueError
        If a shape does not fit, an entry is not finite, the knots do not increase
        or the domain is reversed.

    Examples
    --------
    The broken line through (0, 0), (1, 1), (2, 0):

    >>> f = Spline(2, [1.0], [[0.0, 1.0], [1.0, -1.0]], 0.0, (0.0, 2.0))
    >>> f([0.5, 1.0, 1.5])
    array([0.5, 1. , 0.5])
    >>> f.variation
    2.0
    """

    order: int
    knots: Vector
    coefficients: Matrix
    origin: float
    domain: tuple[float, float]

    def __post_init__(self) -> None:
        order = _check_order(self.order)
        knots = _check_knots(self.knots).copy()
        coefficients = _check_coefficients(self.coefficients, (order, knots.size + 1))
        knots.flags.writeable = coefficients.flags.writeable = False
        for name, value in (
            ("order", order),
            ("knots", knots),
            ("coefficients", coefficients),
            ("origin", check_scalar("origin", self.origin)),
            ("domain", _check_domain(self.domain)),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_jumps(
        cls,
        order: int,
        knots: Any,
        jumps: Any,
        polynomial: Any,
        origin: float,
        domain: tuple[float, float],
    ) -> "Spline":
        """Build ``q(x) + sum_k jumps[k] (x - knots[k])_+^(m-1) / (m-1)!``.

        Parameters
        ----------
        order : int, m >= 1
            Order of the spline.
        knots, jumps : (K,) arrays
            Where the (m-1)-th derivative jumps and by how much; knots increase.
        polynomial : (m,) array
            Taylor coefficients ``q^(j)(origin) / j!`` of the leftmost piece.
        origin : float
            Any number, best near the first knot.
        domain : (float, float)
            Where the function is not extrapolated.

        Returns
        -------
        Spline

        Examples
        --------
        >>> f = Spline.from_jumps(3, [1.0], [2.0], [0.0, 0.0, 0.0], 0.0, (0.0, 3.0))
        >>> float(f(3.0)), f.jumps
        (4.0, array([2.]))
        """
        order = _check_order(order)
        knots = _check_knots(knots)
        jumps = check_vector("jumps", jumps, size=knots.size)
        polynomial = check_vector("polynomial", polynomial, size=order)
        origin = check_scalar("origin", origin)
        return _wrap(_pieces.accumulate(knots, jumps, polynomial, origin), domain)

    @classmethod
    def from_values(
        cls,
        knots: Any,
        values: Any,
        domain: tuple[float, float] | None = None,
        tol: float = 0.0,
    ) -> "Spline":
        """Join points by straight lines: the order-2 spline through them.

        Parameters
        ----------
        knots, values : (n,) arrays, n >= 1
            Points of strictly increasing `knots`. The first and the last are ends,
            not knots of the result: the outer lines go on beyond them.
        domain : (float, float), optional
            First and last of `knots` by default.
        tol : float, >= 0
            A kink is dropped if relative changes of the values by `tol` can produce
            it; the points on its sides are then joined directly. Keep it near the
            rounding unit: many small kinks in a row are all dropped.

        Returns
        -------
        Spline

        Raises
        ------
        ValueError
            If there is no point.

        Examples
        --------
        >>> Spline.from_values([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 0.0]).knots
        array([2.])
        """
        x = _check_knots(knots)
        y = check_vector("values", values, size=x.size)
        if x.size == 0:
            raise ValueError("knots must hold at least one point; got none")
        ends = (float(x[0]), float(x[-1])) if domain is None else domain
        keep = _kinks(x, y, check_scalar("tol", tol, low=0.0))
        x, y = x[keep], y[keep]
        slopes = np.diff(y) / np.diff(x) if x.size > 1 else np.zeros(1)
        table = np.vstack((y[: slopes.size], slopes))
        return cls(2, x[1:-1], table, float(x[0]), ends)

    @classmethod
    def from_ppoly(cls, ppoly: "PPoly", tol: float = 1e-10) -> "Spline":
        """Convert scipy's `PPoly`; inner breakpoints become knots.

        Parameters
        ----------
        ppoly : scipy.interpolate.PPoly
            Scalar-valued, coefficients (m, K+1).
        tol : float, >= 0
            Largest relative misfit of neighbouring pieces that counts as rounding.

        Returns
        -------
        Spline

        Raises
        ------
        ValueError
            If the pieces do not meet with m-2 derivatives: then the total variation
            of the (m-1)-th derivative is infinite.
        """
        x = np.asarray(ppoly.x, dtype=np.float64)
        table = np.ascontiguousarray(ppoly.c[::-1])
        domain = (float(x[0]), float(x[-1]))
        return _refuse_gaps(cls(len(table), x[1:-1], table, domain[0], domain), tol)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Spline":
        """Read what `to_dict` wrote.

        Raises
        ------
        ValueError
            If the record is of another type or version, lacks a field or holds
            pieces that do not meet.
        """
        kind, version = record.get("type"), record.get("version")
        if (kind, version) != ("spline", 1):
            raise ValueError(
                f"a record of type 'spline', version 1 was expected; got {kind!r}, "
                f"version {version!r}: write it with Spline.to_dict"
            )
        fields = ("order", "knots", "coefficients", "origin", "domain")
        missing = [name for name in fields if name not in record]
        if missing:
            raise ValueError(f"the record must hold {fields}; {missing} are missing")
        order, knots, table, origin, domain = (record[name] for name in fields)
        # An empty list has no dtype of its own: say that these are numbers.
        knots = np.array(knots, dtype=np.float64) if len(knots) == 0 else knots
        return _refuse_gaps(cls(order, knots, table, origin, tuple(domain)), 1e-6)

    @property
    def pieces(self) -> Pieces:
        """The bare arrays, for code that works on pieces."""
        return Pieces(self.knots, self.coefficients, self.origin)

    @property
    def values(self) -> Vector:
        """f at the knots, (K,); for order 1 the value to the right of the jump."""
        return self.coefficients[0, 1:]

    @property
    def slopes(self) -> Vector:
        """f' where each piece is anchored, (K+1,); the slope of each line, order 2."""
        if self.order == 1:
            return np.zeros(self.knots.size + 1)
        return self.coefficients[1]

    @property
    def jumps(self) -> Vector:
        """Jumps of the (m-1)-th derivative at the knots, (K,)."""
        return self.pieces.jumps

    @property
    def variation(self) -> float:
        """Total variation of the (m-1)-th derivative over the line, sum of abs(jumps).

        All knots count, those outside `domain` too.
        """
        return float(np.sum(np.abs(self.jumps)))

    def __call__(
        self, x: Any, extrapolate: Extrapolate = "linear"
    ) -> NDArray[np.float64]:
        """Evaluate at x, of any shape and in any order.

        Parameters
        ----------
        x : array-like of finite real numbers
            A scalar gives a scalar, no point gives no value.
        extrapolate : {"linear", "raise", "polynomial"}
            Outside `domain`: go on with the tangent at its end (the constant for
            order 1), refuse, or go on with the outer pieces.

        Returns
        -------
        array of the shape of x

        Raises
        ------
        ValueError
            If x is not finite, `extrapolate` is none of these, or it is "raise"
            and a point lies outside.
        """
        shape = np.shape(x)
        points = check_vector("x", np.ravel(np.asarray(x))) if np.size(x) else None
        if extrapolate not in ("linear", "raise", "polynomial"):
            raise ValueError(
                "extrapolate must be 'linear', 'raise' or 'polynomial'; "
                f"got {extrapolate!r}"
            )
        if points is None:
            return np.empty(shape)
        result = _pieces.evaluate(self.pieces, points)
        if extrapolate != "polynomial":
            self._outside(points, result, refuse=extrapolate == "raise")
        return result.reshape(shape)[()]

    def _outside(self, x: Vector, result: Vector, *, refuse: bool) -> None:
        low, high = self.domain
        for end, beyond in ((low, x < low), (high, x > high)):
            if not beyond.any():
                continue
            if refuse:
                raise ValueError(
                    f"x must lie in the domain [{low}, {high}]; got {x[beyond][0]}: "
                    "pass extrapolate='linear' to go on with the tangent"
                )
            value, slope = _pieces.tangent(self.pieces, end, from_left=end == high)
            result[beyond] = value + slope * (x[beyond] - end)

    def derivative(self, times: int = 1) -> "Spline":
        """Differentiate; a spline of order m - times (order 1, zero, if none is left).

        Parameters
        ----------
        times : int, >= 0
            How often.

        Returns
        -------
        Spline

        Examples
        --------
        >>> Spline.from_values([0.0, 1.0, 2.0], [0.0, 1.0, 0.0]).derivative()(1.5)
        np.float64(-1.0)
        """
        times = _check_order(times, "times", low=0)
        table = _pieces.differentiate(self.coefficients, times)
        pieces = Pieces(self.knots, table, self.origin)
        if times >= self.order:
            pieces = _pieces.keep_knots(pieces, np.zeros(self.knots.size, dtype=bool))
        return _wrap(pieces, self.domain)

    def antiderivative(self) -> "Spline":
        """Integrate; the spline of order m + 1 whose first piece is zero at `origin`.

        Differences over short intervals far from the origin cancel: use `integral`.
        """
        return _wrap(_pieces.integrate(self.pieces), self.domain)

    def integral(self, a: float | None = None, b: float | None = None) -> float:
        """Integrate from a to b, beyond the domain along the tangents of `__call__`.

        Parameters
        ----------
        a, b : float, optional
            The ends of the domain by default; a > b changes the sign.

        Returns
        -------
        float

        Examples
        --------
        >>> Spline.from_values([0.0, 1.0, 2.0], [0.0, 1.0, 0.0]).integral()
        1.0
        """
        low, high = self.domain
        a = low if a is None else check_scalar("a", a)
        b = high if b is None else check_scalar("b", b)
        if a > b:
            return -self.integral(b, a)
        total = 0.0
        for end, start, stop in ((low, a, min(b, low)), (high, max(a, high), b)):
            if start < stop:
                value, slope = _pieces.tangent(self.pieces, end, from_left=end == high)
                middle = 0.5 * ((start - end) + (stop - end))
                total += (value + slope * middle) * (stop - start)
        a, b = max(a, low), min(b, high)
        return total + _pieces.definite(self.pieces, a, b) if a < b else total

    def __add__(self, other: "Spline") -> "Spline":
        """Add a spline of the same order; the domain of the sum spans both."""
        return self._combine(other, 1.0)

    def __sub__(self, other: "Spline") -> "Spline":
        """Subtract a spline of the same order; ``f - f`` has no knot."""
        return self._combine(other, -1.0)

    def _combine(self, other: "Spline", scale: float) -> "Spline":
        if not isinstance(other, Spline):
            return NotImplemented
        if other.order != self.order:
            raise ValueError(
                f"both splines must have one order; got {self.order} and {other.order}"
                ": only functions of equal order share a total variation"
            )
        domain = (
            min(self.domain[0], other.domain[0]),
            max(self.domain[1], other.domain[1]),
        )
        return _wrap(_pieces.combine(self.pieces, other.pieces, scale), domain)

    def __mul__(self, scale: float) -> "Spline":
        """Multiply by a number; zero drops all knots."""
        if isinstance(scale, Spline) or np.ndim(scale) > 0:
            return NotImplemented
        scale = check_scalar("scale", scale)
        scaled = Pieces(self.knots, scale * self.coefficients, self.origin)
        keep = np.full(self.knots.size, scale != 0.0)
        return _wrap(_pieces.keep_knots(scaled, keep), self.domain)

    __rmul__ = __mul__

    def __neg__(self) -> "Spline":
        """Return ``-f``."""
        return self * -1.0

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same numbers (not: the same function)."""
        if not isinstance(other, Spline):
            return NotImplemented
        return (
            (self.order, self.origin, self.domain)
            == (other.order, other.origin, other.domain)
            and np.array_equal(self.knots, other.knots)
            and np.array_equal(self.coefficients, other.coefficients)
        )

    # Arrays have no stable hash (0.0 == -0.0), and nothing needs splines as keys.
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def to_ppoly(self) -> "PPoly":
        """Convert to scipy's `PPoly` on the domain, knots outside it left out.

        Raises
        ------
        ValueError
            If the domain is a single point: a PPoly needs an interval.
        """
        from scipy.interpolate import PPoly

        low, high = self.domain
        if not low < high:
            raise ValueError(f"the domain must be an interval; got [{low}, {high}]")
        inside = self.knots[(self.knots > low) & (self.knots < high)]
        breaks = np.concatenate(([low], inside, [high]))
        where = _pieces.locate(self.knots, breaks[:-1])
        steps = breaks[:-1] - self.pieces.anchors[where]
        table = _pieces.shift(self.coefficients[:, where], steps)
        return PPoly(table[::-1], breaks, extrapolate=True)

    def to_dict(self) -> dict[str, Any]:
        """Return a record for JSON; floats survive it exactly.

        Examples
        --------
        >>> import json
        >>> f = Spline.from_values([0.0, 0.1, 2.0], [0.0, 1.0, 0.3])
        >>> Spline.from_dict(json.loads(json.dumps(f.to_dict()))) == f
        True
        """
        return {
            "type": "spline",
            "version": 1,
            "order": self.order,
            "knots": self.knots.tolist(),
            "coefficients": self.coefficients.tolist(),
            "origin": self.origin,
            "domain": list(self.domain),
        }

    def __repr__(self) -> str:
        """Return order, number of knots, domain and variation on one line."""
        low, high = self.domain
        return (
            f"Spline(order={self.order}, {self.knots.size} knots, "
            f"domain=({low:g}, {high:g}), variation={self.variation:.6g})"
        )

    def __str__(self) -> str:
        """Say in a sentence what the function is and where its knots are."""
        degree = _NAMES.get(self.order, f"polynomial of degree {self.order - 1}")
        head = f"piecewise {degree} on [{self.domain[0]:g}, {self.domain[1]:g}]"
        if self.knots.size == 0:
            return f"{head}, no knot"
        shown = ", ".join(f"{knot:g}" for knot in self.knots[:8])
        more = f" and {self.knots.size - 8} more" if self.knots.size > 8 else ""
        plural = "knots" if self.knots.size > 1 else "knot"
        return (
            f"{head}, {self.knots.size} {plural} at {shown}{more}, "
            f"variation {self.variation:.6g}"
        )


def _wrap(pieces: Pieces, domain: tuple[float, float]) -> Spline:
    table = pieces.coefficients
    return Spline(len(table), pieces.knots, table, pieces.origin, domain)


def _check_order(order: Any, name: str = "order", low: int = 1) -> int:
    if check_scalar(name, order, low=low) != int(order):
        raise ValueError(f"{name} must be an integer >= {low}; got {order}")
    return int(order)


def _check_knots(knots: Any) -> Vector:
    vector = check_vector("knots", knots)
    bad = np.flatnonzero(np.diff(vector) <= 0.0)
    if bad.size:
        at = bad[0]
        raise ValueError(
            f"knots must increase strictly; got {vector[at]} then {vector[at + 1]} at "
            f"position {at + 1}: sort and merge them first"
        )
    return vector


def _check_coefficients(table: Any, shape: tuple[int, int]) -> Matrix:
    matrix = np.asarray(table)
    if matrix.shape != shape:
        raise ValueError(
            f"coefficients must have shape (order, knots + 1) = {shape}; "
            f"got {matrix.shape}"
        )
    return check_vector("coefficients", matrix.ravel()).reshape(shape).copy()


def _check_domain(domain: Any) -> tuple[float, float]:
    if len(domain) != 2:
        raise ValueError(f"domain must be (low, high); got {domain!r}")
    low, high = (check_scalar("domain", end) for end in domain)
    if low > high:
        raise ValueError(f"domain must have low <= high; got ({low}, {high})")
    return low, high


def _kinks(x: Vector, y: Vector, tol: float) -> NDArray[np.bool_]:
    keep = np.ones(x.size, dtype=bool)
    if x.size > 2:
        gaps = np.diff(x)
        size = (np.abs(y[1:]) + np.abs(y[:-1])) / gaps
        kinks = np.abs(np.diff(np.diff(y) / gaps))
        keep[1:-1] = kinks > tol * (size[1:] + size[:-1])
    return keep


def _refuse_gaps(spline: Spline, tol: float) -> Spline:
    defects = _pieces.defect(spline.pieces)
    for derivative in np.flatnonzero(defects > tol):
        raise ValueError(
            f"a spline of order {spline.order} must have {spline.order - 2} continuous "
            f"derivatives; derivative {derivative} jumps by {defects[derivative]:.1e} "
            "relative to its size: lower the order or repair the pieces"
        )
    return spline
