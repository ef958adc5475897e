"""The problem restricted to few knots, and which knots to add."""

import math
from dataclasses import replace

import numpy as np

from splinear.univariate import _general_kernels as kernels
from splinear.univariate._general_problem import (
    Candidate,
    Problem,
    Rows,
    Vector,
    candidate,
    canonical,
)

EPS = float(np.finfo(np.float64).eps)


def affine_fit(problem: Problem) -> Candidate:
    """Return the best function without knots."""
    ends = problem.ends
    zero = np.zeros(1)
    y = problem.y if problem.loss.degree else 0.0 * problem.y
    middle = float(np.median(y))
    c = np.array([middle, middle])
    begin = candidate(
        problem, ends, c, zero, zero, np.zeros_like(y) if problem.loss.boxed else None
    )
    for goal in (1e-3, 1e-9, 1e-15):
        goal *= begin.objective
        if problem.loss.name == "logistic":
            begin = newton(problem, begin, goal, limit=50)
        else:
            begin = reduced(problem, begin, goal)
    return replace(begin, goal=math.inf)


def reduced(problem: Problem, state: Candidate, goal: float) -> Candidate:
    """Solve on the knots of `state`: box duals per row, or a fixed quadratic."""
    loss, w = problem.loss, problem.w
    p = np.zeros(0)
    if loss.boxed:
        low, high = (w * bound for bound in loss.domain(problem.y))
        p = 0.5 * (low + high)
    c0, g, u, p, _ = _interior(
        problem, state, p, loss.curvature(problem.y, state.z), goal
    )
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
        float(state.c[0]), float(state.g[0]), a, p, u, q, mu, goal, 200,
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


def newton(
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
        item = replace(
            item, c=step[1], g=step[2], z=step[0], u=u, newton=item.newton + 1
        )
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


def wanted(problem: Problem, state: Candidate) -> Rows:
    # Rows at which the dual forces ask for a knot.
    shape, u = problem.shape, state.moments
    path = np.append(state.u, 0.0)
    if not shape.increasing:
        path = u[state.knots]
    slack = 1e-13 * problem.lam
    return kernels.violators(
        u,
        problem.x,
        state.knots,
        path,
        problem.lam,
        not shape.convex,
        shape.increasing,
        slack,
    )


def refined(state: Candidate, knots: Rows) -> Candidate:
    """Express a candidate on other knots; those without a kink may be missing."""
    where = np.searchsorted(state.knots, knots[:-1], side="right") - 1
    g = state.g[np.minimum(where, state.g.size - 1)]
    u = np.zeros(knots.size - 1)
    u[1:] = state.moments[knots[1:-1]]
    return replace(state, knots=knots, g=g, u=u, c=np.append(state.z[knots], 0.0)[:-1])
