"""Least squares with given knots and signs, and the Newton step that moves knots."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from splinear.univariate import _gridless_bspline as bspline
from splinear.univariate import _gridless_kernels as kernels
from splinear.univariate._gridless_cells import compress
from splinear.univariate._gridless_data import (
    Pieces,
    Price,
    Rows,
    Vector,
    price_residual,
    residual_of,
)

#: Weight of the pull towards the previous coefficients, relative to the rows: it
#: matters only in directions the data leave open to that accuracy.
PULL = 1e-12


#: Rounds of correction of the dual point.
POLISH = 3

Drop = Literal["first", "all", "none"]
Cells = tuple[Vector, Vector, NDArray[np.float64]]


@dataclass(frozen=True)
class Fit:
    """A spline that is optimal for its own knots and signs, with its objective."""

    spline: Pieces
    objective: float
    cells: Cells


def fit(
    rows: Rows, lam: float, knots: Vector, signs: Vector, start: Pieces, drop: Drop
) -> Fit:
    """Minimise over splines on `knots` whose jumps have `signs` or vanish.

    Knots whose jump would change sign are dropped: "first" needs the knots of `start`
    among `knots` and never lets the objective rise above that of `start`, because
    each step ends where the first jump vanishes; "all" drops all wrong signs at once;
    "none" keeps them, with ``lam signs . jumps`` as their penalty.
    """
    m = rows.order
    centre, half, triangles, lost = compress(rows.u, rows.y, rows.root_w, knots, m)
    cells: Cells = (centre, half, triangles)
    edges = np.concatenate(([-np.inf], knots))
    now = knots
    while True:
        t = bspline.extend(now, rows.u[0], rows.u[-1], m)
        spans = np.searchsorted(now, edges, side="right")
        prior = bspline.to_coefficients(start.knots, start.table, t, m)
        jump, _ = bspline.jump_rows(t, 1, m)
        linear = bspline.band_transpose(jump, 1, lam * signs, t.size - m)
        band, rhs = bspline.triangularise(
            t, 1, cells, spans, jump[:0], m, prior, _pull(cells)
        )
        c = bspline.solve_band(band, rhs, linear)
        jumps = bspline.band_apply(jump, 1, c)
        wrong = jumps * signs <= 0.0
        if drop == "none" or not wrong.any():
            break
        if drop == "first":
            before = bspline.band_apply(jump, 1, prior)
            before[~np.isin(now, start.knots)] = 0.0
            share, wrong = _first_to_vanish(before * signs, jumps, wrong)
            c = prior + share * (c - prior)
            start = Pieces(now, jumps, bspline.to_pieces(t, 1, c, m))
        now, signs = now[~wrong], signs[~wrong]
    loss = lost + bspline.data_loss(t, cells, spans, c, m)
    objective = 0.5 * loss + lam * float(np.dot(signs, jumps))
    spline = Pieces(now, jumps, bspline.to_pieces(t, 1, c, m))
    return Fit(
        spline, objective, cells_of(rows, now) if now.size < knots.size else cells
    )


def _first_to_vanish(
    before: Vector, after: Vector, wrong: NDArray[np.bool_]
) -> tuple[float, NDArray[np.bool_]]:
    """Return the share of the step at which the first jump vanishes, and which do."""
    size = np.maximum(before, 0.0)
    total = size + np.abs(after) + np.finfo(np.float64).tiny
    share = np.where(wrong, size / total, np.inf)
    return float(share.min()), share <= share.min()


def _pull(cells: Cells) -> float:
    return PULL * float(np.max(np.abs(cells[2][:, :, :-1])))


def cells_of(rows: Rows, knots: Vector) -> Cells:
    """Reduce the rows between neighbouring knots to triangles."""
    return compress(rows.u, rows.y, rows.root_w, knots, rows.order)[:3]


def correction(
    rows: Rows,
    cells: Cells,
    knots: Vector,
    times: int,
    linear: tuple[Vector, Vector],
    curvature: Vector,
) -> tuple[Vector, Vector, Vector]:
    """Minimise ``|v|^2_W / 2 + g . first(v) + h . second(v) + curvature . second^2 / 2``.

    Over splines v whose knots are repeated `times`; ``first`` and ``second`` are the
    jumps of v^(m-1) and v^(m-2). Returns the knots with repetition and ends, the
    coefficients, and ``second(v)``.
    """
    m = rows.order
    t = bspline.extend(np.repeat(knots, times), rows.u[0], rows.u[-1], m)
    first, second = bspline.jump_rows(t, times, m)
    extra = np.sqrt(curvature)[:, None] * second
    n = t.size - m
    band, _ = bspline.triangularise(
        t,
        times,
        cells,
        times * np.arange(knots.size + 1),
        extra,
        m,
        np.zeros(n),
        _pull(cells),
    )
    total = bspline.band_transpose(first, times, linear[0], n)
    total += bspline.band_transpose(second, times, linear[1], n)
    c = bspline.solve_band(band, np.zeros(n), total)
    return t, c, bspline.band_apply(second, times, c)


def price_fit(
    rows: Rows, lam: float, spline: Pieces, cells: Cells, signs: Vector
) -> Price:
    """Price a fit by a dual point that meets the level at its knots to full accuracy.

    The residual ``y - f`` carries rounding of the size of y, which far knots feel
    amplified by their distance; when the residual itself is small that hides the dual
    function. The residual is therefore corrected by splines on the same knots until
    ``eta = lam signs`` there, and the correction is charged to the gap.
    """
    r = residual_of(rows, spline)
    level = lam * signs
    priced = price_residual(rows, r, r.copy(), spline.knots, lam)
    value = 0.5 * priced.squares + float(np.dot(level, spline.jumps))
    none = np.zeros(level.size)
    for _ in range(POLISH):
        miss = level - priced.at_knots[:, 0]
        if np.dot(np.abs(miss), np.abs(spline.jumps)) <= 1e-12 * value:
            break
        t, c, _ = correction(rows, cells, spline.knots, 1, (miss, none), none)
        table = bspline.to_pieces(t, 1, c, rows.order)
        theta = np.empty_like(r)
        kernels.residual(rows.u, priced.theta, spline.knots, table, rows.order, theta)
        priced = price_residual(rows, r, theta, spline.knots, lam)
    return priced


def newton_moves(
    rows: Rows, lam: float, fitted: Fit, signs: Vector, priced: Price, bend: Vector
) -> tuple[Vector, Vector]:
    """Return how far Newton's method moves each knot, and the next dual point.

    Moving a knot by d changes f by ``-a d rho_{m-1}(. - tau)`` to first order: a spline
    with the knot doubled, whose jump of f^(m-2) is ``-a d``. In that space the
    second-order model is least squares with one extra square per knot,
    ``-eta''(tau) / a`` times that jump squared; its gradient is the dual function's
    distance from the level (for jumps of v^(m-1)) and its slope (of v^(m-2)).

    `bend` is ``eta''`` at the knots of the dual point that the previous step returned:
    near interpolation the residual itself is mostly the second-order error of that
    step and says nothing about curvature (as in sequential quadratic programming).
    """
    knots, jumps = fitted.spline.knots, fitted.spline.jumps
    room = _room(rows, knots)
    # A maximum of the dual function is curved; where it is not (yet), be cautious.
    least = 1e-3 * lam / (np.abs(jumps) * room * room)
    curvature = np.maximum(-bend / jumps, least)
    linear = (lam * signs - priced.at_knots[:, 0], priced.at_knots[:, 1])
    t, c, apart = correction(rows, fitted.cells, knots, 2, linear, curvature)
    theta = np.empty_like(priced.theta)
    table = bspline.to_pieces(t, 2, c, rows.order)
    kernels.residual(rows.u, priced.theta, knots, table, rows.order, theta)
    return np.clip(-apart / jumps, -0.6 * room, 0.6 * room), theta


def _room(rows: Rows, knots: Vector) -> Vector:
    ends = np.concatenate(([rows.u[0]], knots, [rows.u[-1]]))
    gaps = np.diff(ends)
    return np.minimum(gaps[:-1], gaps[1:])
