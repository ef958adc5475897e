"""One outer step: insert knots, move them, refit, and keep what lowers the objective."""

from dataclasses import dataclass

import numpy as np

from splinear.univariate._gridless_data import (
    Pieces,
    Price,
    Rows,
    Vector,
    eta_at,
    gap_of,
    null_model,
)
from splinear.univariate._gridless_master import Fit, fit, newton_moves, price_fit
from splinear.univariate._pieces import shift

#: Steps of Newton without progress after which insertion, slow and sure, takes over.
PATIENCE = 3

#: Steps of Newton that may pass before the objective must have fallen.
BURST = 6

#: The coarse problem differs from the fine one: a small gap there means nothing.
COARSE_GAP, COARSE_STEPS = 1e-5, 60


@dataclass(frozen=True)
class State:
    """A fit with its price and gap, and how many steps in a row moved it little."""

    fitted: Fit
    priced: Price
    gap: float
    slow: int = 0


def first_state(rows: Rows, lam: float, start: Pieces | None = None) -> State:
    """Fit with the knots of `start`, or the null model."""
    spline = null_model(rows) if start is None else start
    signs = np.sign(spline.jumps)
    return _state(rows, lam, fit(rows, lam, spline.knots, signs, spline, "all"))


def _state(rows: Rows, lam: float, fitted: Fit) -> State:
    priced = price_fit(
        rows, lam, fitted.spline, fitted.cells, np.sign(fitted.spline.jumps)
    )
    gap = gap_of(priced, fitted.spline.jumps, lam)
    return State(fitted, priced, gap)


def coarse_start(rows: Rows, few: Rows, lam: float) -> Pieces:
    """Solve on fewer rows and hand its spline to all of them."""
    state, goal = first_state(few, lam), None
    for _ in range(COARSE_STEPS):
        goal = COARSE_GAP * state.gap if goal is None else goal
        following = next_state(few, lam, state)
        if following is None or following.gap <= goal:
            break
        state = following
    spline = state.fitted.spline
    table = spline.table.copy()
    table[:, :1] = shift(table[:, :1], np.array([rows.u[0] - few.u[0]]))
    return Pieces(spline.knots, spline.jumps, table)


def next_state(rows: Rows, lam: float, state: State) -> State | None:
    """Return a state of lower objective, or of lower gap, or None."""
    if state.slow < PATIENCE:
        moved = _moved(rows, lam, state)
        if moved is not None:
            return moved
    return _inserted(rows, lam, state)


def _moved(rows: Rows, lam: float, state: State) -> State | None:
    """Try a few steps of Newton; a rise on the way is allowed, at the end it is not.

    Knots that merge leave the curve off the data until they have moved, so that the
    first of these steps often looks worse than it is.
    """
    fitted, priced = state.fitted, state.priced
    bend, signs = priced.at_knots[:, 2], np.sign(fitted.spline.jumps)
    for count in range(BURST):
        moves, theta = newton_moves(rows, lam, fitted, signs, priced, bend)
        target = fitted.spline.knots + moves
        if count == 0:
            knots, signs = _proposal(rows, lam, state, target)
        else:
            knots, signs = _collide(rows, target, signs)
        if knots.size == 0:
            return None
        fitted = fit(rows, lam, knots, signs, fitted.spline, "none")
        kept = fitted
        if np.any(fitted.spline.jumps * signs <= 0.0):
            kept = fit(rows, lam, knots, signs, fitted.spline, "all")
        now = _state(rows, lam, kept)
        lower = kept.objective < state.fitted.objective
        if lower or now.gap < 0.5 * state.gap:
            slow = state.slow + 1 if now.gap > 0.5 * state.gap else 0
            return State(kept, now.priced, now.gap, slow)
        priced = now.priced
        if kept is not fitted:
            priced = price_fit(rows, lam, fitted.spline, fitted.cells, signs)
        bend = eta_at(rows, theta, knots)[:, 2]
    return None


def _inserted(rows: Rows, lam: float, state: State) -> State | None:
    spline, runs = state.fitted.spline, _large(state.priced, lam)
    if runs.shape[0] == 0:
        return None
    for chosen in (runs, runs[[np.argmax(np.abs(runs[:, 1]))]]):
        knots, signs = _union(
            spline.knots, np.sign(spline.jumps), chosen[:, 0], np.sign(chosen[:, 1])
        )
        fitted = fit(rows, lam, knots, signs, spline, "first")
        if fitted.objective < state.fitted.objective:
            return _state(rows, lam, fitted)
    return None


def _large(priced: Price, lam: float):
    """Excursions that are not rounding about a knot."""
    excess = np.abs(priced.runs[:, 1]) - lam
    return priced.runs[excess > 1e-3 * (priced.sup - lam)]


def _union(knots: Vector, signs: Vector, more: Vector, more_signs: Vector):
    both, all_signs = np.concatenate((knots, more)), np.concatenate((signs, more_signs))
    both, first = np.unique(both, return_index=True)
    return both, all_signs[first]


def _proposal(
    rows: Rows, lam: float, state: State, target: Vector
) -> tuple[Vector, Vector]:
    """Newton's knots, those on one hump merged, and new ones on empty humps."""
    knots, signs = state.fitted.spline.knots, np.sign(state.fitted.spline.jumps)
    target, keep = _merge(target, signs, knots, state.priced)
    bend = state.priced.at_knots[:, 2] * signs
    fresh = []
    for place, value, low, high in _large(state.priced, lam):
        next_to = np.searchsorted(knots, place) + np.array([-1, 0])
        next_to = next_to[(next_to >= 0) & (next_to < knots.size)]
        inside = (knots[next_to] >= low) & (knots[next_to] <= high)
        near = next_to[inside & (signs[next_to] == np.sign(value))]
        # Beside a knot at a maximum Newton does better; at a minimum it stays.
        if np.all(bend[near] > 0.0):
            fresh.append((place, np.sign(value)))
    more = np.array(fresh).reshape(-1, 2)
    return _collide(
        rows,
        *_union(*_collide(rows, target[keep], signs[keep]), more[:, 0], more[:, 1]),
    )


def _merge(target: Vector, signs: Vector, knots: Vector, priced: Price):
    """Join neighbours of one sign on the two slopes of one hump of the dual function.

    On a parabola the distances to the top, ``eta' / eta''``, add up to the distance
    of the knots; half of it is taken as proof enough.
    """
    keep = np.ones(knots.size, dtype=bool)
    if knots.size < 2:
        return target, keep
    _, slope, bend = priced.at_knots.T * signs
    reach = np.where(bend < 0.0, slope / np.where(bend < 0.0, -bend, 1.0), 0.0)
    gap = np.diff(knots)
    inward = (slope[:-1] > 0.0) & (slope[1:] < 0.0) & (signs[:-1] == signs[1:])
    joined = inward & (reach[:-1] - reach[1:] > 0.5 * gap)
    target = target.copy()
    for k in np.flatnonzero(joined):
        if keep[k]:
            top = knots[k] + gap[k] * reach[k] / (reach[k] - reach[k + 1])
            target[k], keep[k + 1] = top, False
    return target, keep


def _collide(rows: Rows, target: Vector, signs: Vector) -> tuple[Vector, Vector]:
    """Merge neighbours of one sign that crossed; undo crossings of others.

    Knots on or beyond the ends of the rows are dropped: no row sees them.
    """
    out, out_signs = [], []
    for place, sign in zip(target, signs, strict=True):
        if out and place <= out[-1]:
            if sign == out_signs[-1]:
                out[-1] = 0.5 * (out[-1] + place)
                continue
            place = np.nextafter(out[-1], np.inf)
        out.append(place)
        out_signs.append(sign)
    knots, signs = np.array(out), np.array(out_signs)
    inside = (knots > rows.u[0]) & (knots < rows.u[-1])
    return knots[inside], signs[inside]
