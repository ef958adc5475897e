"""One outer step: insert knots, move them, refit, and keep what lowers the objective."""

from dataclasses import dataclass

import numpy as np

from splinear.univariate._gridless_data import (
    Pieces,
    Price,
    Rows,
    Vector,
    gap_of,
    null_model,
)
from splinear.univariate._pieces import shift
from splinear.univariate._gridless_master import Fit, fit, newton_moves, price_fit


#: Steps of Newton without progress after which insertion, slow and sure, takes over.
PATIENCE = 3

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
    return _state(rows, lam, fit(rows, lam, spline.knots, signs, spline, False))


def _state(rows: Rows, lam: float, fitted: Fit) -> State:
    priced = price_fit(rows, lam, fitted.spline, fitted.cells)
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
    knots, signs = _proposal(rows, lam, state)
    if knots.size == 0:
        return None
    fitted = fit(rows, lam, knots, signs, state.fitted.spline, False)
    fresh = _state(rows, lam, fitted)
    lower = fitted.objective < state.fitted.objective
    if not (lower or fresh.gap < 0.5 * state.gap):
        return None
    slow = state.slow + 1 if fresh.gap > 0.5 * state.gap else 0
    return State(fitted, fresh.priced, fresh.gap, slow)


def _inserted(rows: Rows, lam: float, state: State) -> State | None:
    spline, runs = state.fitted.spline, _large(state.priced, lam)
    if runs.shape[0] == 0:
        return None
    for chosen in (runs, runs[[np.argmax(np.abs(runs[:, 1]))]]):
        knots, signs = _union(
            spline.knots, np.sign(spline.jumps), chosen[:, 0], np.sign(chosen[:, 1])
        )
        fitted = fit(rows, lam, knots, signs, spline, True)
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


def _proposal(rows: Rows, lam: float, state: State) -> tuple[Vector, Vector]:
    """Newton's knots; those that share an excursion merged; new ones elsewhere."""
    spline = state.fitted.spline
    knots, signs = spline.knots, np.sign(spline.jumps)
    target = knots.copy()
    if knots.size:
        target += newton_moves(rows, lam, state.fitted, state.priced)
    keep = np.ones(knots.size, dtype=bool)
    fresh = []
    for place, value, low, high in _large(state.priced, lam):
        near = np.flatnonzero((knots >= low) & (knots <= high) & (signs == np.sign(value)))
        if near.size == 0:
            fresh.append((place, np.sign(value)))
        elif near.size > 1:
            keep[near[1:]] = False
            target[near[0]] = place
    target, signs = _collide(target[keep], signs[keep])
    more = np.array(fresh).reshape(-1, 2)
    knots, signs = _union(target, signs, more[:, 0], more[:, 1])
    inside = (knots > rows.u[0]) & (knots < rows.u[-1])
    return knots[inside], signs[inside]


def _collide(target: Vector, signs: Vector) -> tuple[Vector, Vector]:
    """Merge neighbours of one sign that crossed; undo crossings of others."""
    out, out_signs = [], []
    for place, sign in zip(target, signs, strict=True):
        if out and place <= out[-1]:
            if sign == out_signs[-1]:
                out[-1] = 0.5 * (out[-1] + place)
                continue
            place = np.nextafter(out[-1], np.inf)
        out.append(place)
        out_signs.append(sign)
    return np.array(out), np.array(out_signs)
