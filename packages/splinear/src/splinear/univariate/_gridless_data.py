"""Rows in scaled coordinates, the null model, and the exact price of a spline."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splinear.univariate import _gridless_kernels as kernels

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Sites, targets and weights with the polynomials that the penalty ignores.

    ``order`` is m; ``a``, ``b`` are the three-term recursion of the polynomials of
    degree < m that are orthonormal on the rows.
    """

    u: Vector
    y: Vector
    w: Vector
    root_w: Vector
    order: int
    a: Vector
    b: Vector

    @classmethod
    def of(cls, u: Vector, y: Vector, w: Vector, order: int) -> "Rows":
        """Prepare rows for splines of `order`."""
        return cls(u, y, w, np.sqrt(w), order, *kernels.orthogonal(u, w, order))


@dataclass(frozen=True)
class Pieces:
    """A spline in scaled coordinates: Taylor coefficients about knots[k - 1].

    Piece 0 is expanded about the first site; ``jumps`` are those of f^(m-1).
    """

    knots: Vector
    jumps: Vector
    table: NDArray[np.float64]


@dataclass(frozen=True)
class Price:
    """What the dual function ``eta`` of a spline's residual says about it.

    Attributes
    ----------
    sup : float
        Supremum of ``|eta|`` over the line if it exceeds the level asked about,
        otherwise some number below that level.
    runs : (E, 4) array
        Excursions above the level: place and value of the extreme, ends of the run.
    at_knots : (K, 3) array
        ``eta, eta', eta''`` at the knots.
    squares, stray : float
        ``sum w theta^2`` of the dual point, and of its distance from the residual.
    theta : (n,) array
        The dual point.
    """

    sup: float
    runs: NDArray[np.float64]
    at_knots: NDArray[np.float64]
    squares: float
    stray: float
    theta: Vector


def null_model(rows: Rows) -> Pieces:
    """Fit a polynomial of degree < m by least squares."""
    r = rows.y.copy()
    d = kernels.project(rows.u, rows.w, rows.a, rows.b, r)
    # The second pass removes what rounding left of the first.
    d = d + kernels.project(rows.u, rows.w, rows.a, rows.b, r)
    table = kernels.polynomial_taylor(rows.a, rows.b, d, rows.u[0], rows.order)
    return Pieces(np.empty(0), np.empty(0), table.reshape(-1, 1))


def residual_of(rows: Rows, spline: Pieces) -> Vector:
    """Return ``y - f`` at the sites."""
    r = np.empty_like(rows.y)
    kernels.residual(rows.u, rows.y, spline.knots, spline.table, rows.order, r)
    return r


def eta_at(rows: Rows, theta: Vector, knots: Vector) -> NDArray[np.float64]:
    """Return the dual function, its slope and its bend at knots, (K, 3)."""
    return _walk(rows, theta, knots, np.inf)[2]


def _walk(rows: Rows, theta: Vector, knots: Vector, level: float):
    count = max(rows.u.size - 1, 0)
    values, places = np.zeros(count), np.zeros(count)
    at_knots = np.zeros((knots.size, 3))
    walk = (rows.u, rows.w, theta, knots, level, rows.order)
    kernels.dual_walk(*walk, True, values, places, at_knots)
    kernels.dual_walk(*walk, False, values, places, at_knots)
    return values, places, at_knots


def price_residual(
    rows: Rows, r: Vector, theta: Vector, knots: Vector, level: float
) -> Price:
    """Examine ``eta(tau) = sum_i w_i theta_i (u_i - tau)_+^(m-1) / (m-1)!`` everywhere.

    `theta` is near the residual `r` and loses its polynomial part in place.
    """
    kernels.project(rows.u, rows.w, rows.a, rows.b, theta)
    values, places, at_knots = _walk(rows, theta, knots, level)
    runs = kernels.excursions(rows.u, values, places, level)
    sup = max(
        np.max(np.abs(at_knots[:, 0]), initial=0.0),
        np.max(np.abs(runs[:, 1]), initial=0.0),
    )
    squares = float(np.dot(rows.w, theta * theta))
    stray = float(np.dot(rows.w, (r - theta) ** 2))
    return Price(float(sup), runs, at_knots, squares, stray, theta)


def price(rows: Rows, spline: Pieces, level: float) -> Price:
    """Price a spline by its residual without the polynomial part."""
    r = residual_of(rows, spline)
    return price_residual(rows, r, r.copy(), spline.knots, level)


def gap_of(priced: Price, jumps: Vector, lam: float) -> float:
    """Return the duality gap, a sum of terms none of which cancels.

    The dual point theta is shrunk by ``s = min(1, lam / sup |eta|)`` so that it is
    feasible on the whole line; then the gap is
    ``|r - s theta|^2 / 2 + sum_k (lam |a_k| - s a_k eta(tau_k))``.
    """
    s = min(1.0, lam / priced.sup) if priced.sup > 0.0 else 1.0
    slack = np.abs(jumps) * lam - s * jumps * priced.at_knots[:, 0]
    distance = (1.0 - s) * math.sqrt(priced.squares) + math.sqrt(priced.stray)
    gap = 0.5 * distance * distance + float(np.sum(np.maximum(slack, 0.0)))
    # What overflowed on the way proves nothing.
    return gap if math.isfinite(gap) else math.inf


def thinned(rows: Rows, count: int) -> Rows:
    """Replace blocks of neighbouring rows by their weighted means."""
    starts = np.unique(np.linspace(0, rows.u.size, count, endpoint=False).astype(int))
    w = np.add.reduceat(rows.w, starts)
    u = np.add.reduceat(rows.w * rows.u, starts) / w
    y = np.add.reduceat(rows.w * rows.y, starts) / w
    # Means keep the order up to rounding; the ends stay inside the true domain.
    keep = np.concatenate(([True], np.diff(np.maximum.accumulate(u)) > 0.0))
    return Rows.of(u[keep], y[keep], w[keep], rows.order)


def two_power(size: float) -> float:
    """Return the power of two next to `size`; 1 for zero."""
    return math.ldexp(1.0, math.frexp(size)[1]) if size > 0.0 else 1.0
