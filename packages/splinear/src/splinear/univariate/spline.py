"""Splines of any order as immutable values: the functions that solvers return."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector
from splinear.univariate import _pieces, _spline_build
from splinear.univariate._pieces import Matrix, Pieces, Vector
from splinear.univariate._spline_checks import (
    check_coefficients,
    check_domain,
    check_extrapolate,
    check_inside,
    check_knots,
    check_order,
    refuse_gaps,
)

if TYPE_CHECKING:
    from scipy.interpolate import PPoly

Extrapolate = Literal["linear", "raise", "polynomial"]


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
        order = check_order(self.order)
        knots = check_knots(self.knots).copy()
        shape = (order, knots.size + 1)
        coefficients = check_coefficients(self.coefficients, shape).copy()
        knots.flags.writeable = coefficients.flags.writeable = False
        for name, value in (
            ("order", order),
            ("knots", knots),
            ("coefficients", coefficients),
            ("origin", check_scalar("origin", self.origin)),
            ("domain", check_domain(self.domain)),
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
        order = check_order(order)
        knots = check_knots(knots)
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
        x = check_knots(knots)
        y = check_vector("values", values, size=x.size)
        pieces = _spline_build.joined(x, y, check_scalar("tol", tol, low=0.0))
        return _wrap(pieces, (x[0], x[-1]) if domain is None else domain)

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
        pieces, domain = _spline_build.from_scipy(ppoly)
        refuse_gaps(pieces, tol)
        return _wrap(pieces, domain)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Spline":
        """Read what `to_dict` wrote.

        Raises
        ------
        ValueError
            If the record is of another type or version, lacks a field or holds
            pieces that do not meet.
        """
        order, knots, table, origin, domain = _spline_build.fields_of(record)
        spline = cls(order, knots, table, origin, tuple(domain))
        # A file may come from elsewhere: looser than rounding, tighter than a lie.
        refuse_gaps(spline.pieces, 1e-6)
        return spline

    @property
    def pieces(self) -> Pieces:
        """The bare arrays, for code that works on pieces."""
        return Pieces(self.knots, self.coefficients, self.origin)

    @property
    def values(self) -> Vector:
        """Function at the knots, (K,); for order 1 the value to the right of the jump."""
        return self.coefficients[0, 1:]

    @property
    def slopes(self) -> Vector:
        """Derivative at each anchor, (K+1,): for order 2 the slope of each line."""
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
        check_extrapolate(extrapolate)
        shape = np.shape(x)
        if np.size(x) == 0:
            return np.empty(shape)
        points = check_vector("x", np.ravel(np.asarray(x)))
        if extrapolate == "raise":
            check_inside(points, self.domain)
        if extrapolate == "linear":
            result = _pieces.extend(self.pieces, self.domain, points)
        else:
            result = _pieces.evaluate(self.pieces, points)
        return result.reshape(shape)[()]

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
        times = check_order(times, "times", low=0)
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
        return _pieces.definite_extended(self.pieces, self.domain, a, b)

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

    # Without this numpy scalars would try to multiply a spline as an array.
    __array_ufunc__ = None

    # Arrays have no stable hash (0.0 == -0.0), and nothing needs splines as keys.
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def to_ppoly(self) -> "PPoly":
        """Convert to scipy's `PPoly` on the domain, knots outside it left out.

        A step (order 1) at the right end itself is lost with them.

        Raises
        ------
        ValueError
            If the domain is a single point: a PPoly needs an interval.
        """
        return _spline_build.to_scipy(self.pieces, self.domain)

    def to_dict(self) -> dict[str, Any]:
        """Return a record for JSON; floats survive it exactly.

        Examples
        --------
        >>> import json
        >>> f = Spline.from_values([0.0, 0.1, 2.0], [0.0, 1.0, 0.3])
        >>> Spline.from_dict(json.loads(json.dumps(f.to_dict()))) == f
        True
        """
        return _spline_build.to_record(self.pieces, self.domain)

    def __repr__(self) -> str:
        """Return order, number of knots, domain and variation on one line."""
        low, high = self.domain
        return (
            f"Spline(order={self.order}, {self.knots.size} knots, "
            f"domain=({low:g}, {high:g}), variation={self.variation:.6g})"
        )

    def __str__(self) -> str:
        """Say in a sentence what the function is and where its knots are."""
        return _spline_build.sentence(self.pieces, self.domain, self.variation)


def _wrap(pieces: Pieces, domain: tuple[float, float]) -> Spline:
    table = pieces.coefficients
    return Spline(len(table), pieces.knots, table, pieces.origin, domain)
