"""Linear splines for any loss and shape, by knot exchange around an interior point.

The problem ``min (1/W) sum_i w_i loss(y_i, f(x_i)) + alpha TV(f')`` has a solution
with knots at data sites.  The method keeps a small set of knots, solves the problem
restricted to them by a primal-dual interior point method (logistic loss: by Newton
steps around it), and asks the dual forces p at all rows whether another knot would
help.  The same forces, shrunk until they are feasible, bound the optimum from below.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from splinear.core.certificate import Certificate, certify
from splinear.core.checks import check_scalar
from splinear.core.iterate import iterate
from splinear.core.progress import Progress
from splinear.core.result import Result
from splinear.core.status import Status
from splinear.univariate._general_frame import (
    Frame,
    loss_at_zero,
    make_frame,
    read_rows,
)
from splinear.univariate._general_problem import Candidate, Problem, Rows
from splinear.univariate._general_reduced import (
    affine_fit,
    newton,
    reduced,
    refined,
    wanted,
)
from splinear.univariate.losses import make_loss
from splinear.univariate.shape import make_shape
from splinear.univariate.spline import Spline

EPS = float(np.finfo(np.float64).eps)


def solve(
    x: Any,
    y: Any,
    w: Any = None,
    alpha: float = 1.0,
    *,
    loss: str = "squared",
    quantile: float = 0.5,
    delta: float = 1.0,
    monotone: str | None = None,
    convex: str | None = None,
    tol: float = 1e-6,
    max_iter: int = 100,
    progress: Progress | None = None,
    start: Spline | None = None,
) -> Result[Spline]:
    """Fit the linear spline of smallest penalised loss, with a proven gap.

    Parameters
    ----------
    x, y : (n,) arrays
        Rows in any order, ties allowed. For logistic loss y is 0 or 1 and the
        spline is the log-odds of 1.
    w : (n,) array, optional
        Non-negative weights, not all zero; ones by default.
    alpha : float, > 0
        Price of one unit of TV(f'), in units of the loss.
    loss : {"squared", "quantile", "logistic", "huber"}
        See `splinear.univariate.losses.Loss`.
    quantile : float in (0, 1)
        Level of the quantile loss.
    delta : float, > 0
        Half-width of the quadratic part of the Huber loss, in the units of y.
    monotone : {None, "increasing", "decreasing"}
        Sign of all slopes, on the whole line.
    convex : {None, "convex", "concave"}
        Sign of all kinks.
    tol : float, >= 0
        Relative gap to reach: gap over the objective of the best affine fit under
        the same constraints.
    max_iter : int
        Limit of exchange steps.
    progress : Progress, optional
        Is told the gap after every step.
    start : Spline, optional
        A solution nearby, whose knots begin the search.

    Returns
    -------
    Result
        Of a `Spline`; the certificate is of kind "exact".

    Raises
    ------
    TypeError
        If an argument holds no numbers.
    ValueError
        If an argument is out of range, or a logistic problem has no solution: one
        class only, or classes that an affine function separates, so that ever
        steeper functions are ever better.

    Notes
    -----
    Quantile fits need not be unique; one of them is returned. The gap is proven up
    to rounding in the forces (relative 1e-16 each); what their sums leave is added
    to it at the size of the fit.

    Examples
    --------
    The median ignores how far away an outlier is:

    >>> r = solve([0, 1, 2, 3, 4], [0, 1, 2, 90, 4], alpha=1.0, loss="quantile")
    >>> r.value([0.0, 3.0]).round(6) + 0.0
    array([0., 3.])
    >>> round(r.objective, 6)  # 0.5 * 87 / 5
    8.7
    """
    rule, shape = make_loss(loss, quantile, delta), make_shape(monotone, convex)
    alpha = check_scalar("alpha", alpha, low=0.0, strict=True)
    tol = check_scalar("tol", tol, low=0.0)
    frame = make_frame(*read_rows(x, y, w, rule), rule, shape)
    if frame.problem.x[0] == frame.problem.x[-1] or frame.flat:
        return _constant_result(frame)
    method = _Exchange(frame.at(alpha), frame, tol, start)
    return iterate(method, tol=tol, max_iter=max_iter, progress=progress)


def alpha_max(
    x: Any,
    y: Any,
    w: Any = None,
    loss: str = "squared",
    *,
    quantile: float = 0.5,
    delta: float = 1.0,
    monotone: str | None = None,
    convex: str | None = None,
) -> float:
    """Return an alpha at and above which the fit has no knot.

    It is the smallest one for squared and logistic loss. Quantile and Huber loss may
    have several dual solutions at the affine fit; the one at the analytic centre of
    the optimal ones is used, which bounds the smallest such alpha from above.

    Parameters
    ----------
    x, y, w, loss, quantile, delta, monotone, convex
        As in `solve`.

    Returns
    -------
    float, >= 0

    Raises
    ------
    TypeError
        If an argument holds no numbers.
    ValueError
        If an argument is out of range, or a logistic problem has no affine fit.

    Examples
    --------
    >>> alpha_max([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])  # (1/3) (1/3) / 1
    0.111...
    """
    rule, shape = make_loss(loss, quantile, delta), make_shape(monotone, convex)
    frame = make_frame(*read_rows(x, y, w, rule), rule, shape)
    if frame.problem.x[0] == frame.problem.x[-1] or frame.flat:
        return 0.0
    null = affine_fit(frame.problem)
    return max(shape.level(null.moments), 0.0) * frame.penalty_unit


class _Exchange:
    """Knot exchange as a method for `iterate`."""

    def __init__(
        self, problem: Problem, frame: Frame, tol: float, start: Spline | None
    ) -> None:
        self._problem, self._frame = problem, frame
        self._null = affine_fit(problem)
        zero = loss_at_zero(frame)
        # Rounding of an exact null fit: eps y^2 for squares, eps |y| for absolute values,
        # whose square root of eps plays the part that eps plays for squares.
        unit = math.sqrt(EPS) if problem.loss.degree == 1 else EPS
        self._scale = max(self._null.objective, unit * zero, np.finfo(np.float64).tiny)
        self._floor = max(0.02 * tol, 1e-15) * self._scale
        self._start = start

    def init(self) -> Candidate:
        if self._start is None:
            return self._null
        at = self._start.knots / self._frame.unit_x
        at = np.sort(-at if self._problem.shape.mirrored else at)
        rows = np.searchsorted(self._problem.x, at)
        return self._solve(self._null, rows, 0.01 * self._null.gap)

    def certify(self, state: Candidate) -> tuple[float, Certificate]:
        unit = self._frame.unit
        objective, gap = state.objective * unit, state.gap * unit
        return objective, certify("exact", objective, gap, self._scale * unit)

    def step(self, state: Candidate) -> Candidate | None:
        rows = wanted(self._problem, state)
        inside = np.setdiff1d(rows, state.knots)
        # Inner accuracy: finer at every step, and finer than what the kinks cost.
        priced = self._problem.lam * max(1.0, float(np.max(np.abs(state.g))))
        floor = max(min(self._floor, 1e-5 * priced), 1e-16 * self._scale)
        if inside.size == 0 and state.goal <= floor:
            return None
        goal = min(1e-4 * state.gap, 1e-2 * state.goal, 1e-4 * priced)
        goal = max(goal, floor)
        return self._solve(state, rows, goal)

    def _solve(self, state: Candidate, rows: Rows, goal: float) -> Candidate:
        knots = np.union1d(np.union1d(state.knots, rows), self._problem.ends)
        state = refined(state, knots)
        if self._problem.loss.name == "logistic":
            return newton(self._problem, state, goal)
        return reduced(self._problem, state, goal)

    def finish(self, state: Candidate) -> Spline:
        return self._frame.spline(state)

    def stats(self, state: Candidate) -> dict[str, Any]:
        return {
            "n_knots": int(np.count_nonzero(np.diff(state.g))),
            "n_candidates": int(state.knots.size),
            "null_objective": self._null.objective * self._frame.unit,
            "dual_scale": state.scale,
        }


def _constant_result(frame: Frame) -> Result[Spline]:
    """All rows at one site, or all targets equal: a constant is optimal."""
    problem = frame.problem
    value = _level(problem)
    z = np.full_like(problem.y, value)
    objective = float(np.dot(problem.w, problem.loss.value(problem.y, z))) * frame.unit
    shape = problem.shape
    sign = -1.0 if shape.negated else 1.0
    ends = (
        np.sort((-1.0 if shape.mirrored else 1.0) * problem.x[[0, -1]]) * frame.unit_x
    )
    table = np.array([[sign * value * frame.unit_y + frame.offset], [0.0]])
    spline = Spline(
        2, np.zeros(0), table, float(ends[0]), (float(ends[0]), float(ends[1]))
    )
    stats = {"n_iter": 0, "n_knots": 0, "null_objective": objective}
    certificate = certify("exact", objective, 0.0, max(objective, 1e-300))
    return Result(spline, Status.CONVERGED, certificate, objective, stats)


def _level(problem: Problem) -> float:
    """Return the best constant."""
    y, w, loss = problem.y, problem.w, problem.loss
    if loss.name == "squared":
        return float(np.dot(w, y))
    if loss.name == "logistic":
        share = float(np.dot(w, y))
        return math.log(share / (1.0 - share))
    if loss.name == "quantile":
        order = np.argsort(y)
        rank = np.searchsorted(np.cumsum(w[order]), loss.quantile * (1.0 - 4.0 * EPS))
        return float(y[order][min(int(rank), y.size - 1)])
    low, high = float(np.min(y)), float(np.max(y))
    return _bisect(
        lambda c: float(np.dot(w, loss.pull(y, np.full_like(y, c)))), low, high
    )


def _bisect(pull: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if pull(middle) > 0.0 else (low, middle)
    return 0.5 * (low + high)
