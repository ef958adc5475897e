"""Pieces from points, from scipy and from records; and the words for a spline."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from splinear.univariate._pieces import Pieces, Vector, locate, shift

if TYPE_CHECKING:
    from scipy.interpolate import PPoly

_NAMES = {1: "constant", 2: "linear", 3: "quadratic", 4: "cubic"}


def joined(x: Vector, y: Vector, tol: float) -> Pieces:
    """Straight lines through the points; nodes without a kink are left out."""
    if x.size == 0:
        raise ValueError("knots must hold at least one point; got none")
    # A slope beyond double precision is refused in words, as a coefficient.
    with np.errstate(over="ignore", invalid="ignore"):
        keep = _kinks(x, y, tol)
        x, y = x[keep], y[keep]
        slopes = np.diff(y) / np.diff(x) if x.size > 1 else np.zeros(1)
    return Pieces(x[1:-1], np.vstack((y[: slopes.size], slopes)), float(x[0]))


def _kinks(x: Vector, y: Vector, tol: float) -> NDArray[np.bool_]:
    keep = np.ones(x.size, dtype=bool)
    if x.size > 2:
        gaps = np.diff(x)
        size = (np.abs(y[1:]) + np.abs(y[:-1])) / gaps
        kinks = np.abs(np.diff(np.diff(y) / gaps))
        # Negated, so that an overflow is kept, seen and refused.
        keep[1:-1] = ~(kinks <= tol * (size[1:] + size[:-1]))
    return keep


def from_scipy(ppoly: "PPoly") -> tuple[Pieces, tuple[float, float]]:
    x = np.asarray(ppoly.x, dtype=np.float64)
    table = np.asarray(ppoly.c)[::-1]
    if table.ndim != 2 or table.dtype.kind != "f":
        raise ValueError(
            "the PPoly must be real and scalar-valued, coefficients (m, K+1); got "
            f"shape {table.shape}, dtype {table.dtype}"
        )
    return Pieces(x[1:-1], table, float(x[0])), (float(x[0]), float(x[-1]))


def to_scipy(pieces: Pieces, domain: tuple[float, float]) -> "PPoly":
    # Here, not above: scipy.interpolate is slow to import and rarely needed.
    from scipy.interpolate import PPoly

    low, high = domain
    if not low < high:
        raise ValueError(f"the domain must be an interval; got [{low}, {high}]")
    inside = pieces.knots[(pieces.knots > low) & (pieces.knots < high)]
    breaks = np.concatenate(([low], inside, [high]))
    where = locate(pieces.knots, breaks[:-1])
    steps = breaks[:-1] - pieces.anchors[where]
    table = shift(pieces.coefficients[:, where], steps)
    return PPoly(table[::-1], breaks, extrapolate=True)


def to_record(pieces: Pieces, domain: tuple[float, float]) -> dict[str, Any]:
    return {
        "type": "spline",
        "version": 1,
        "order": len(pieces.coefficients),
        "knots": pieces.knots.tolist(),
        "coefficients": pieces.coefficients.tolist(),
        "origin": pieces.origin,
        "domain": list(domain),
    }


def fields_of(record: dict[str, Any]) -> tuple[Any, ...]:
    kind, version = record.get("type"), record.get("version")
    if (kind, version) != ("spline", 1):
        raise ValueError(
            f"a record of type 'spline', version 1 was expected; got {kind!r}, "
            f"version {version!r}: write it with Spline.to_dict"
        )
    names = ("order", "knots", "coefficients", "origin", "domain")
    missing = [name for name in names if name not in record]
    if missing:
        raise ValueError(f"the record must hold {names}; {missing} are missing")
    return tuple(record[name] for name in names)


def sentence(pieces: Pieces, domain: tuple[float, float], variation: float) -> str:
    order, count = len(pieces.coefficients), pieces.knots.size
    degree = _NAMES.get(order, f"polynomial of degree {order - 1}")
    head = f"piecewise {degree} on [{domain[0]:g}, {domain[1]:g}]"
    if count == 0:
        return f"{head}, no knot"
    shown = ", ".join(f"{knot:g}" for knot in pieces.knots[:8])
    more = f" and {count - 8} more" if count > 8 else ""
    plural = "knots" if count > 1 else "knot"
    return f"{head}, {count} {plural} at {shown}{more}, variation {variation:.6g}"
