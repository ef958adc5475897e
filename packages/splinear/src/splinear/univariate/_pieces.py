"""Arithmetic on piecewise polynomials held as local Taylor coefficients.

Row j of a coefficient array holds f^(j)(anchor) / j!, one column per piece. Only
differences ``x - anchor`` of nearby numbers are formed, never powers of x itself.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


class Pieces(NamedTuple):
    """Knots (K,), coefficients (m, K+1) and the origin of the leftmost piece."""

    knots: Vector
    coefficients: Matrix
    origin: float

    @property
    def anchors(self) -> Vector:
        """Expansion point of each piece, (K+1,)."""
        return np.concatenate(([self.origin], self.knots))

    @property
    def jumps(self) -> Vector:
        """Jumps of the (m-1)-th derivative at the knots, (K,)."""
        top = self.coefficients[-1]
        return math.factorial(len(self.coefficients) - 1) * np.diff(top)


def horner(coefficients: Matrix, step: Vector) -> Vector:
    """Evaluate column k at ``step[k]`` beyond its anchor."""
    total = coefficients[-1].copy()
    for row in coefficients[-2::-1]:
        total *= step
        total += row
    return total


def shift(coefficients: Matrix, step: Vector) -> Matrix:
    """Re-expand column k about its anchor plus ``step[k]`` (Horner's Taylor shift)."""
    moved = coefficients.copy()
    for low in range(len(moved) - 1):
        for row in range(len(moved) - 2, low - 1, -1):
            moved[row] += step * moved[row + 1]
    return moved


def locate(knots: Vector, x: Vector) -> NDArray[np.intp]:
    """Index of the piece that holds each x; a knot belongs to the piece it begins."""
    return np.searchsorted(knots, x, side="right")


def evaluate(pieces: Pieces, x: Vector) -> Vector:
    """Evaluate at x (n,), in any order, in O(n log K) time and O(n) memory."""
    where = locate(pieces.knots, x)
    step = x - pieces.anchors[where]
    total = pieces.coefficients[-1][where]
    for row in pieces.coefficients[-2::-1]:
        total *= step
        total += row[where]
    return total


def tangent(pieces: Pieces, x: float, *, from_left: bool) -> tuple[float, float]:
    """Value and slope at x; at a knot, of the piece on the side that is asked for."""
    side = "left" if from_left and len(pieces.coefficients) > 1 else "right"
    where = int(np.searchsorted(pieces.knots, x, side=side))
    column = pieces.coefficients[:, where : where + 1]
    moved = shift(column, np.array([x - pieces.anchors[where]]))
    return float(moved[0, 0]), float(moved[1, 0]) if len(moved) > 1 else 0.0


def refine(pieces: Pieces, knots: Vector, origin: float) -> Matrix:
    """Expand about `origin` and `knots`, a superset of the pieces' own knots."""
    where = np.concatenate(([0], locate(pieces.knots, knots)))
    anchors = np.concatenate(([origin], knots))
    return shift(pieces.coefficients[:, where], anchors - pieces.anchors[where])


def combine(f: Pieces, g: Pieces, scale: float) -> Pieces:
    """Add ``f + scale * g``; a knot whose jumps cancel exactly is dropped."""
    knots = np.union1d(f.knots, g.knots)
    jumps = np.zeros(knots.size)
    jumps[np.searchsorted(knots, f.knots)] = f.jumps
    jumps[np.searchsorted(knots, g.knots)] += scale * g.jumps
    total = refine(f, knots, f.origin) + scale * refine(g, knots, f.origin)
    return keep_knots(Pieces(knots, total, f.origin), jumps != 0.0)


def keep_knots(pieces: Pieces, keep: NDArray[np.bool_]) -> Pieces:
    """Drop the knots at which nothing happens: the piece before them goes on."""
    columns = np.concatenate(([True], keep))
    return Pieces(pieces.knots[keep], pieces.coefficients[:, columns], pieces.origin)


def differentiate(coefficients: Matrix, times: int) -> Matrix:
    """Differentiate `times` times; one row of zeros is left when none would be."""
    order = len(coefficients)
    if times >= order:
        return np.zeros((1, coefficients.shape[1]))
    factors = [math.perm(row, times) for row in range(times, order)]
    return coefficients[times:] * np.array(factors, dtype=np.float64)[:, None]


def raise_order(coefficients: Matrix) -> Matrix:
    """Integrate each piece from its anchor: a first row of zeros, one order more."""
    powers = np.arange(1.0, len(coefficients) + 1.0)[:, None]
    zeros = np.zeros((1, coefficients.shape[1]))
    return np.vstack((zeros, coefficients / powers))


def integrate(pieces: Pieces) -> Pieces:
    """Antiderivative, continuous, zero at the origin of the leftmost piece."""
    raised = raise_order(pieces.coefficients)
    ends = horner(raised[:, :-1], np.diff(pieces.anchors))
    raised[0, 1:] = np.cumsum(ends)
    return Pieces(pieces.knots, raised, pieces.origin)


def definite(pieces: Pieces, low: float, high: float) -> float:
    """Integral over [low, high], low <= high, summed piece by piece."""
    first, last = locate(pieces.knots, np.array([low, high]))
    raised = raise_order(pieces.coefficients[:, first : last + 1])
    anchors = pieces.anchors[first : last + 1]
    left = np.concatenate(([low], anchors[1:])) - anchors
    right = np.append(anchors[1:], high) - anchors
    return float(np.sum(horner(raised, right) - horner(raised, left)))


def accumulate(
    knots: Vector, jumps: Vector, polynomial: Vector, origin: float
) -> Pieces:
    """Pieces of the function that is `polynomial` at first and has these jumps.

    Row by row from the highest: a row changes over a piece by what the rows above it
    say, hence by one cumulative sum each; O(m^2 K).
    """
    order = polynomial.size
    table = np.empty((order, knots.size + 1))
    steps = np.diff(np.concatenate(([origin], knots)))
    for row in range(order - 1, -1, -1):
        change = jumps / math.factorial(order - 1)
        if row < order - 1:
            change = np.zeros(knots.size)
            for above in range(order - 1, row, -1):
                change = (change + math.comb(above, row) * table[above, :-1]) * steps
        table[row] = np.cumsum(np.concatenate(([polynomial[row]], change)))
    return Pieces(knots, table, origin)


def defect(pieces: Pieces) -> Vector:
    """Largest misfit of neighbours at a knot, per derivative below the last, (m-1,).

    Relative to the sizes of what is summed there: rounding alone gives a few ulps.
    What moving the knot by one unit in its last place explains does not count: at an
    offset of 1e9 a knot cannot be written more precisely.
    """
    rows = len(pieces.coefficients) - 1
    if rows == 0 or pieces.knots.size == 0:
        return np.zeros(rows)
    steps = np.diff(pieces.anchors)
    before, after = pieces.coefficients[:, :-1], pieces.coefficients[:, 1:]
    reach = shift(np.abs(before), np.abs(steps)) + np.abs(after)
    unit = np.spacing(np.abs(pieces.knots))
    moved = np.arange(1, rows + 1)[:, None] * reach[1:] * unit
    misfit = np.abs(shift(before, steps) - after)[:rows]
    misfit = np.maximum(misfit - moved, 0.0)
    size = reach[:rows]
    return np.max(misfit / np.where(size > 0.0, size, 1.0), axis=1)


def extend(pieces: Pieces, domain: tuple[float, float], x: Vector) -> Vector:
    """Evaluate; beyond the domain along the tangent at its end."""
    # Clipped first: a high power of a far point could overflow on the way.
    result = evaluate(pieces, np.clip(x, *domain))
    for end, beyond in ((domain[0], x < domain[0]), (domain[1], x > domain[1])):
        if beyond.any():
            _, slope = tangent(pieces, end, from_left=end == domain[1])
            result[beyond] += slope * (x[beyond] - end)
    return result


def definite_extended(
    pieces: Pieces, domain: tuple[float, float], a: float, b: float
) -> float:
    """Integrate over [a, b], a <= b; beyond the domain along the tangents."""
    low, high = domain
    total = 0.0
    for end, start, stop in ((low, a, min(b, low)), (high, max(a, high), b)):
        if start < stop:
            value, slope = tangent(pieces, end, from_left=end == high)
            middle = 0.5 * ((start - end) + (stop - end))
            total += (value + slope * middle) * (stop - start)
    a, b = max(a, low), min(b, high)
    return total + definite(pieces, a, b) if a < b else total
