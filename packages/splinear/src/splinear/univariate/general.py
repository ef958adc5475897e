"""Linear splines for any loss and shape, by knot exchange around an interior point.

The problem ``min (1/W) sum_i w_i loss(y_i, f(x_i)) + alpha TV(f')`` has a solution
with knots at data sites.  The method keeps a small set of knots, solves the problem
restricted to them by a primal-dual interior point method (logistic loss: by Newton
steps around it), and asks the dual forces p at all rows whether another knot would
help.  The same forces, shrunk until they are feasible, bound the optimum from below.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from splinear.core.certificate import Certificate, certify
from splinear.core.checks import check_scalar, check_vector
from splinear.core.iterate import iterate
from splinear.core.progress import Progress
from splinear.core.result import Result
from splinear.core.status import Status
from splinear.univariate import _general_kernels as kernels
from splinear.univariate._general_problem import (
    Candidate,
    Problem,
    Rows,
    Vector,
    candidate,
    canonical,
)
from splinear.univariate.losses import Loss, make_loss
from splinear.univariate.shape import Shape, make_shape
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
    frame = _frame(*_rows(x, y, w, rule), rule, shape)
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
    frame = _frame(*_rows(x, y, w, rule), rule, shape)
    if frame.problem.x[0] == frame.problem.x[-1] or frame.flat:
        return 0.0
    null = _affine_fit(frame.problem)
    return max(shape.level(null.moments), 0.0) * frame.penalty_unit


@dataclass(frozen=True)
class _Frame:
    """A problem in units of its own size, and the way back."""

    problem: Problem  # its lam means nothing: `at` sets it
    unit_x: float
    unit_y: float
    offset: float

    @property
    def flat(self) -> bool:
        """Whether all targets agree."""
        return self.problem.loss.degree > 0 and not np.any(self.problem.y)

    @property
    def unit(self) -> float:
        """Objective of the user per objective of the scaled problem."""
        return self.unit_y**self.problem.loss.degree

    @property
    def penalty_unit(self) -> float:
        """alpha of the user per lam of the scaled problem."""
        return self.unit * self.unit_x / self.unit_y

    def at(self, alpha: float) -> Problem:
        return replace(self.problem, lam=alpha / self.penalty_unit)

    def spline(self, item: Candidate) -> Spline:
        """Return the function in the user's units and orientation."""
        knots, c, g = self.problem.x[item.knots], item.c, item.g
        shape = self.problem.shape
        sign = -1.0 if shape.negated else 1.0
        if shape.mirrored:
            knots, c, g = -knots[::-1], c[::-1], -g[::-1]
        knots = knots * self.unit_x
        keep = np.concatenate(([True], np.diff(g) != 0.0))
        values = sign * c * self.unit_y + self.offset
        slopes = sign * g * (self.unit_y / self.unit_x)
        table = np.vstack((values[:-1][keep], slopes[keep]))
        ends = (float(knots[0]), float(knots[-1]))
        return Spline(2, knots[:-1][keep][1:], table, ends[0], ends)


class _Exchange:
    """Knot exchange as a method for `iterate`."""

    def __init__(
        self, problem: Problem, frame: _Frame, tol: float, start: Spline | None
    ) -> None:
        self._problem, self._frame = problem, frame
        self._null = _affine_fit(problem)
        zero = _loss_at_zero(frame)
        self._scale = max(self._null.objective, EPS * zero, np.finfo(np.float64).tiny)
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
        rows = _wanted(self._problem, state)
        inside = np.setdiff1d(rows, state.knots)
        if inside.size == 0 and state.goal <= self._floor:
            return None
        # Inner accuracy: finer at every step, and finer than what the kinks cost.
        priced = self._problem.lam * max(1.0, float(np.max(np.abs(state.g))))
        goal = min(1e-4 * state.gap, 1e-2 * state.goal, 1e-4 * priced)
        goal = max(goal, self._floor)
        return self._solve(state, rows, goal)

    def _solve(self, state: Candidate, rows: Rows, goal: float) -> Candidate:
        knots = np.union1d(np.union1d(state.knots, rows), self._problem.ends)
        state = _refined(state, knots)
        if self._problem.loss.name == "logistic":
            return _newton(self._problem, state, goal)
        return _reduced(self._problem, state, goal)

    def finish(self, state: Candidate) -> Spline:
        return self._frame.spline(state)

    def stats(self, state: Candidate) -> dict[str, Any]:
        return {
            "n_knots": int(np.count_nonzero(np.diff(state.g))),
            "n_candidates": int(state.knots.size),
            "null_objective": self._null.objective * self._frame.unit,
            "dual_scale": state.scale,
        }


def _wanted(problem: Problem, state: Candidate) -> Rows:
    # Rows at which the dual forces ask for a knot.
    shape, u = problem.shape, state.moments
    path = np.append(state.u, 0.0)
    if not shape.increasing:
        path = u[state.knots]
    slack = 1e-13 * problem.lam
    return kernels.violators(
        u, problem.x, state.knots, path, problem.lam, not shape.convex, shape.increasing, slack
    )


def _refined(state: Candidate, knots: Rows) -> Candidate:
    """Express a candidate on other knots; those without a kink may be missing."""
    where = np.searchsorted(state.knots, knots[:-1], side="right") - 1
    g = state.g[np.minimum(where, state.g.size - 1)]
    u = np.zeros(knots.size - 1)
    u[1:] = state.moments[knots[1:-1]]
    return replace(state, knots=knots, g=g, u=u, c=np.append(state.z[knots], 0.0)[:-1])


def _affine_fit(problem: Problem) -> Candidate:
    """Return the best function without knots."""
    ends = problem.ends
    zero = np.zeros(1)
    y = problem.y if problem.loss.degree else 0.0 * problem.y
    middle = float(np.median(y))
    c = np.array([middle, middle])
    begin = candidate(problem, ends, c, zero, zero, np.zeros_like(y) if problem.loss.boxed else None)
    for goal in (1e-3, 1e-9, 1e-15):
        goal *= begin.objective
        if problem.loss.name == "logistic":
            begin = _newton(problem, begin, goal, limit=50)
        else:
            begin = _reduced(problem, begin, goal)
    return replace(begin, goal=math.inf)


def _reduced(problem: Problem, state: Candidate, goal: float) -> Candidate:
    """Solve on the knots of `state`: box duals per row, or a fixed quadratic."""
    loss, w = problem.loss, problem.w
    p = np.zeros(0)
    if loss.boxed:
        low, high = (w * bound for bound in loss.domain(problem.y))
        p = 0.5 * (low + high)
    c0, g, u, p, _ = _interior(problem, state, p, loss.curvature(problem.y, state.z), goal)
    return _best(problem, state.knots, c0, g, u, p if loss.boxed else None, goal)


def _interior(
    problem: Problem, state: Candidate, p: Vector, curvature: Vector, goal: float
) -> tuple[float, Vector, Vector, Vector, int]:
    h, ptr, t = problem.grid(state.knots)
    m, w, boxed = h.size, problem.w, p.size > 0
    mass, mean, spread, base0, base1 = (np.zeros(m) for _ in range(5))
    low = high = kap = p
    if boxed:
        low, high = (w * bound for bound in problem.loss.domain(problem.y))
        kap = 1.0 / w if problem.loss.name == "huber" else np.zeros_like(w)
        mu = float(np.dot(w, np.abs(problem.y - state.z))) * float(np.max(high / w))
    else:
        kernels.gram(ptr, t, w * curvature, mass, mean, spread)
        pull = w * problem.loss.pull(problem.y, state.z)
        kernels.row_moments(ptr, t, pull, mass, mean, base0, base1)
        mu = max(state.gap, 0.1 * state.objective)
    a = np.append(state.kinks, 0.0)
    u, q = 0.0 * state.u, np.zeros(m)
    if problem.shape.convex:  # nothing bounds these duals from below
        u = np.minimum(state.u, 0.5 * problem.lam)
    mu = max(mu, 1e3 * goal, 1e-300)
    shape = problem.shape
    c0, g0, count, *_ = kernels.interior(
        h, ptr, t, problem.y, kap, low, high, 0.5 * (w + 1.0 / w.size) if boxed else p,
        mass, mean, spread, base0, base1, state.c[:-1].copy(), state.g.copy(),
        boxed, problem.lam,
        not shape.convex, shape.increasing,
        float(state.c[0]), float(state.g[0]), a, p, u, q, mu, goal, 120,
    )  # fmt: skip
    g = np.cumsum(np.concatenate(([g0], a[1:m])))
    return c0, g, u, p, count


def _best(
    problem: Problem,
    knots: Rows,
    c0: float,
    g: Vector,
    u: Vector,
    p: Vector | None,
    goal: float,
) -> Candidate:
    """Drop the kinks that the interior point left tiny, if that costs nothing."""
    a = np.abs(np.concatenate(([0.0], np.diff(g))))
    slack = problem.lam - (u if problem.shape.convex else np.abs(u))
    size = float(np.max(a, initial=0.0)) or 1.0
    keep = a / size > slack / problem.lam
    every = np.ones_like(keep)
    full, lean = (
        candidate(problem, *canonical(problem, knots, c0, g, which), u, p)
        for which in (every, keep)
    )
    item = lean if lean.gap <= max(2.0 * full.gap, goal) else full
    if item is lean:
        # An idle knot goes unless its dual is close to asking for it.
        stay = keep | (slack < 0.3 * problem.lam)
        stay[0] = True
        item = replace(
            lean,
            knots=np.append(knots[:-1][stay], knots[-1]),
            c=np.append(lean.c[:-1][stay], lean.c[-1]),
            g=lean.g[stay],
            u=lean.u[stay],
        )
    return replace(item, goal=goal)


def _newton(
    problem: Problem, state: Candidate, goal: float, limit: int = 20
) -> Candidate:
    """Newton's method with exact penalty and constraints in each quadratic model."""
    item = state
    for _ in range(limit):
        curvature = problem.loss.curvature(problem.y, item.z)
        c0, g, u, _, _ = _interior(problem, item, np.zeros(0), curvature, 0.1 * goal)
        step = _line_search(problem, item, c0, g)
        if step is None:
            break
        previous = item
        item = replace(item, c=step[1], g=step[2], z=step[0], u=u, newton=item.newton + 1)
        objective = _objective(problem, item.z, item.g)
        item = replace(item, objective=objective, gap=previous.objective - objective)
        if previous.objective - objective <= 0.1 * goal:
            break
    return _best(problem, item.knots, float(item.c[0]), item.g, item.u, None, goal)


def _objective(problem: Problem, z: Vector, g: Vector) -> float:
    loss = float(np.dot(problem.w, problem.loss.value(problem.y, z)))
    if g.size == 1:
        return loss
    return loss + problem.lam * float(np.sum(np.abs(np.diff(g))))


def _line_search(
    problem: Problem, item: Candidate, c0: float, g: Vector
) -> tuple[Vector, Vector, Vector] | None:
    h = np.diff(problem.x[item.knots])
    before = _objective(problem, item.z, item.g)
    step = 1.0
    for _ in range(30):
        slopes = item.g + step * (g - item.g)
        first = item.c[0] + step * (c0 - item.c[0])
        c = np.cumsum(np.concatenate(([first], h * slopes)))
        z = problem.evaluate(item.knots, c, slopes)
        if _objective(problem, z, slopes) <= before + 4.0 * EPS * before:
            return z, c, slopes
        step *= 0.5
    return None


def _rows(x: Any, y: Any, w: Any, loss: Loss) -> tuple[Vector, Vector, Vector]:
    x = check_vector("x", x)
    y = check_vector("y", y, size=x.size)
    w = np.ones_like(x) if w is None else check_vector("w", w, size=x.size)
    if np.any(w < 0.0):
        worst = int(np.argmin(w))
        raise ValueError(f"w must be non-negative; got {w[worst]} at position {worst}")
    x, y, w = x[w > 0.0], y[w > 0.0], w[w > 0.0]
    if x.size == 0:
        raise ValueError("at least one row must have positive weight; got none")
    if not np.isfinite(x.max() - x.min()):
        raise ValueError("the range of x overflows double precision: rescale x")
    order = np.argsort(x, kind="stable")
    return x[order], y[order], w[order]


def _frame(x: Vector, y: Vector, w: Vector, loss: Loss, shape: Shape) -> _Frame:
    if loss.name == "logistic":
        _refuse_separable(x, y, shape)
    w = w / np.sum(w)
    offset = 0.0 if loss.degree == 0 else float(np.dot(w, y))
    y = y - offset
    size = float(np.dot(w, np.abs(y))) if loss.degree else 1.0
    unit_y = 2.0 ** round(math.log2(size)) if size > 0.0 else 1.0
    span = float(x[-1] - x[0])
    unit_x = 2.0 ** math.ceil(math.log2(span)) if span > 0.0 else 1.0
    x, y = x / unit_x, y / unit_y
    loss = loss.rescaled(1.0 / unit_y)
    if shape.mirrored:
        x, y, w = -x[::-1], y[::-1], w[::-1]
    if shape.negated:
        loss, y = loss.negated(), (1.0 - y if loss.degree == 0 else -y)
    x, y, w = (np.ascontiguousarray(v) for v in (x, y, w))
    return _Frame(Problem(x, y, w, 1.0, loss, shape), unit_x, unit_y, offset)


def _refuse_separable(x: Vector, y: Vector, shape: Shape) -> None:
    if not np.all((y == 0.0) | (y == 1.0)):
        raise ValueError("y must hold only 0 and 1 for logistic loss")
    zeros, ones = x[y == 0.0], x[y == 1.0]
    if zeros.size == 0 or ones.size == 0:
        raise ValueError(
            f"y must hold both classes for logistic loss; all {y.size} rows are "
            f"{int(y[0])}: their log-odds are infinite"
        )
    if x[0] == x[-1]:
        return
    up, down = zeros[-1] <= ones[0], ones[-1] <= zeros[0]
    signs = {None: up or down, True: up, False: down}
    falls = shape.mirrored != shape.negated
    if signs[not falls if shape.increasing else None]:
        at = zeros[-1] if up else ones[-1]
        raise ValueError(
            f"the classes must overlap in x; x = {at:g} separates them, so that no "
            "finite log-odds are best: classify by this threshold, or add rows"
        )


def _loss_at_zero(frame: _Frame) -> float:
    problem = frame.problem
    raw = problem.y
    if problem.loss.degree:
        sign = -1.0 if problem.shape.negated else 1.0
        raw = raw + sign * frame.offset / frame.unit_y
    return float(np.dot(problem.w, problem.loss.value(raw, np.zeros_like(raw))))


def _constant_result(frame: _Frame) -> Result[Spline]:
    """All rows at one site, or all targets equal: a constant is optimal."""
    problem = frame.problem
    value = _level(problem)
    z = np.full_like(problem.y, value)
    objective = float(np.dot(problem.w, problem.loss.value(problem.y, z))) * frame.unit
    shape = problem.shape
    sign = -1.0 if shape.negated else 1.0
    ends = np.sort((-1.0 if shape.mirrored else 1.0) * problem.x[[0, -1]]) * frame.unit_x
    table = [[sign * value * frame.unit_y + frame.offset], [0.0]]
    spline = Spline(2, [], table, float(ends[0]), (float(ends[0]), float(ends[1])))
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
    return _bisect(lambda c: float(np.dot(w, loss.pull(y, np.full_like(y, c)))), low, high)


def _bisect(pull: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if pull(middle) > 0.0 else (low, middle)
    return 0.5 * (low + high)
