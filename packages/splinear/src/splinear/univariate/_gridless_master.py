"""Least squares with given knots and signs, and the Newton step that moves knots."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splinear.univariate import _gridless_bspline as bspline
from splinear.univariate._gridless_data import Pieces, Price, Rows, Vector

#: Weight of the pull towards the previous coefficients, relative to the rows: it
#: matters only in directions the data leave open to that accuracy.
PULL = 1e-9


@dataclass(frozen=True)
class Fit:
    """A spline that is optimal for its own knots and signs, with its objective."""

    spline: Pieces
    objective: float
    cells: tuple[Vector, Vector, NDArray[np.float64]]


def fit(
    rows: Rows, lam: float, knots: Vector, signs: Vector, start: Pieces, nested: bool
) -> Fit:
    """Minimise over splines on `knots` whose jumps have `signs` or vanish.

    Knots whose jump would change sign are dropped. If `nested`, the knots of `start`
    are among `knots` and the objective never rises above that of `start`: each step
    ends where the first jump vanishes. Otherwise all wrong signs go at once.
    """
    m = rows.order
    *cells, lost = bspline.compress(rows.u, rows.y, rows.root_w, knots, m)
    cells = tuple(cells)
    edges = np.concatenate(([-np.inf], knots))
    now, signs = knots, signs
    while True:
        t = bspline.extend(now, rows.u[0], rows.u[-1], m)
        spans = np.searchsorted(now, edges, side="right")
        prior = bspline.to_coefficients(start.knots, start.table, t, m)
        jump, _ = bspline.jump_rows(t, 1, m)
        c = _least_squares(t, 1, cells, spans, jump[:0], prior, m,
                           bspline.band_transpose(jump, 1, lam * signs, t.size - m))
        jumps = bspline.band_apply(jump, 1, c)
        wrong = jumps * signs <= 0.0
        if not wrong.any():
            break
        if nested:
            before = bspline.band_apply(jump, 1, prior)
            before[~np.isin(now, start.knots)] = 0.0
            share = np.maximum(before * signs, 0.0)
            share = np.where(wrong, share / (share + np.abs(jumps) + 1e-300), np.inf)
            first = share.min()
            c = prior + first * (c - prior)
            wrong = share <= first
            start = Pieces(now, jumps, bspline.to_pieces(t, c, m))
        now, signs = now[~wrong], signs[~wrong]
    loss = lost + bspline.data_loss(t, cells, spans, c, m)
    objective = 0.5 * loss + lam * float(np.sum(np.abs(jumps)))
    spline = Pieces(now, jumps, bspline.to_pieces(t, c, m))
    if now.size != knots.size:
        *cells, _ = bspline.compress(rows.u, rows.y, rows.root_w, now, m)
    return Fit(spline, objective, tuple(cells))


def _least_squares(t, times, cells, spans, extra, prior, m, linear):
    weight = PULL * float(np.max(np.abs(cells[2][:, :, :m])))
    band, rhs = bspline.triangularise(
        t, times, cells, spans, extra, m, prior, weight
    )
    return bspline.solve_band(band, rhs, linear)


def newton_moves(rows: Rows, lam: float, fitted: Fit, priced: Price) -> Vector:
    """Return how far Newton's method on jumps and knots together moves each knot.

    Moving a knot by d changes f by ``-a d rho_{m-1}(. - tau)`` to first order: a spline
    with the knot doubled, whose jump of f^(m-2) is ``-a d``. In that space the
    second-order model is least squares with one extra square per knot,
    ``-eta''(tau) / a`` times that jump squared.
    """
    spline, m = fitted.spline, rows.order
    knots, jumps = spline.knots, spline.jumps
    room = _room(rows, knots)
    t = bspline.extend(np.repeat(knots, 2), rows.u[0], rows.u[-1], m)
    first, second = bspline.jump_rows(t, 2, m)
    size = np.abs(jumps)
    # A maximum of the dual function is curved; where it is not (yet), be cautious.
    least = 1e-3 * lam / (size * room * room)
    curvature = np.maximum(-priced.at_knots[:, 2] / jumps, least)
    extra = np.sqrt(curvature)[:, None] * second
    prior = bspline.to_coefficients(knots, spline.table, t, m)
    linear = bspline.band_transpose(first, 2, lam * np.sign(jumps), t.size - m)
    spans = 2 * np.arange(knots.size + 1)
    c = _least_squares(t, 2, fitted.cells, spans, extra, prior, m, linear)
    moves = -bspline.band_apply(second, 2, c) / jumps
    return np.clip(moves, -0.6 * room, 0.6 * room)


def _room(rows: Rows, knots: Vector) -> Vector:
    ends = np.concatenate(([rows.u[0]], knots, [rows.u[-1]]))
    gaps = np.diff(ends)
    return np.minimum(gaps[:-1], gaps[1:])
