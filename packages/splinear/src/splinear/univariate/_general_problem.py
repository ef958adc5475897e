"""The scaled problem behind `general.solve`, its candidates and their duality gaps."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from splinear.univariate import _general_kernels as kernels
from splinear.univariate.losses import Loss
from splinear.univariate.shape import Shape

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """min sum w loss(y, f(x)) + lam TV(f'), sum w = 1, rows sorted by x."""

    x: Vector
    y: Vector
    w: Vector
    lam: float
    loss: Loss
    shape: Shape

    @property
    def ends(self) -> Rows:
        last = int(np.searchsorted(self.x, self.x[-1]))
        return np.array([0, last], dtype=np.int64)

    def grid(self, knots: Rows) -> tuple[Vector, Rows, Vector]:
        """Gaps h of the knots, row ranges of the intervals, local coordinates t."""
        h = np.diff(self.x[knots])
        ptr = knots.copy()
        ptr[-1] = self.x.size
        t = self.x - np.repeat(self.x[knots[:-1]], np.diff(ptr))
        return h, ptr, t

    def evaluate(self, knots: Rows, c: Vector, g: Vector) -> Vector:
        _, ptr, t = self.grid(knots)
        z = np.empty_like(self.x)
        kernels.evaluate(ptr, t, c, g, z)
        return z


@dataclass(frozen=True)
class Candidate:
    """A function (knots, values c, slopes g) with its forces and duality gap."""

    knots: Rows
    c: Vector  # (K,)
    g: Vector  # (K-1,)
    u: Vector  # (K-1,) duals of the kinks at knots[1:-1]; entry 0 is unused
    p: Vector  # (n,) forces, orthogonal to affine functions
    z: Vector  # (n,) f at the rows
    moments: Vector  # (n,) U of p
    objective: float
    gap: float
    scale: float  # s such that s p is dual feasible
    goal: float = np.inf  # accuracy at which the reduced problem was solved
    newton: int = field(default=0, compare=False)

    @property
    def kinks(self) -> Vector:
        """(K-1,) kinks at knots[1:-1]; entry 0 is zero."""
        return np.concatenate(([0.0], np.diff(self.g)))


def candidate(
    problem: Problem, knots: Rows, c: Vector, g: Vector, u: Vector, p: Vector | None
) -> Candidate:
    """Evaluate a function and bound its distance from the optimum.

    The bound is the Fenchel gap of s p, written as a sum of non-negative terms: one
    Fenchel-Young gap per row, ``lam |a| - V a`` per kink, and the product of slope and
    multiplier per interval.
    """
    loss, shape, w = problem.loss, problem.shape, problem.w
    z = problem.evaluate(knots, c, g)
    objective = float(np.dot(w, loss.value(problem.y, z)))
    objective += problem.lam * float(np.sum(np.abs(np.diff(g))))
    low, high = (w * bound for bound in loss.domain(problem.y))
    if p is None:
        p, give = w * loss.pull(problem.y, z), w * loss.curvature(problem.y, z)
    else:
        give = np.maximum(np.minimum(high - p, p - low), 0.0)
    p = orthogonal(problem, p, give)
    moments, total = kernels.moments_of(p, problem.x)
    scale = _inside(p, low, high)
    level = shape.level(moments)
    scale = min(scale, problem.lam / level) if level > problem.lam else scale
    gap = float(np.dot(w, loss.slack(problem.y, z, scale * p / w)))
    gap += _structure_gap(problem, knots, g, scale * moments)
    # What rounding leaves of the orthogonality, at the size of this function.
    spare = -moments[-1] if shape.increasing else abs(moments[-1])
    gap += scale * abs(total) * float(np.max(np.abs(z)))
    gap += scale * max(spare, 0.0) * abs(float(g[-1]))
    if not np.isfinite(gap):
        gap = objective  # zero forces are always feasible, with the bound zero
    return Candidate(
        knots, c, g, u, p, z, moments, objective, min(gap, objective), scale
    )


def _structure_gap(problem: Problem, knots: Rows, g: Vector, moments: Vector) -> float:
    path = problem.shape.path(moments, problem.lam)
    a, at = np.diff(g), path[knots[1:-1]]
    gap = float(np.sum(np.maximum(problem.lam * np.abs(a) - at * a, 0.0)))
    if problem.shape.increasing:
        at = path[knots].copy()
        at[-1] = 0.0  # the last multiplier takes what the path is above zero
        given = np.diff(moments[knots]) - np.diff(at)
        gap += float(np.sum(np.maximum(given, 0.0) * np.maximum(g, 0.0)))
    return gap


def _inside(p: Vector, low: Vector, high: Vector) -> float:
    # Zero is in every domain, so shrinking brings p inside.
    scale = 1.0
    for excess, bound in ((p - high, high), (low - p, low)):
        out = excess > 0.0
        if np.any(out):
            scale = min(scale, float(np.min(bound[out] / p[out])))
    return max(scale, 0.0)


def orthogonal(problem: Problem, p: Vector, give: Vector) -> Vector:
    """Return p + give (alpha + beta x) orthogonal to 1 and x.

    Under a slope constraint x needs only a sign: then alpha alone is used if that
    sign comes out right.
    """
    x = problem.x
    mass = float(np.sum(give))
    if not mass > 0.0:
        return p
    centre = float(np.dot(give, x - x[0])) / mass
    t = (x - x[0]) - centre
    spread = float(np.dot(give, t * t))
    for _ in range(3):
        moments, total = kernels.moments_of(p, x)
        # sum p t = sum p (x - x_n) + (x_n - x_0 - centre) sum p
        along = -moments[-1] + ((x[-1] - x[0]) - centre) * total
        level = p - give * (total / mass)
        if problem.shape.increasing:
            raised, _ = kernels.moments_of(level, x)
            if raised[-1] >= 0.0:
                p = level
                continue
        tilt = along / spread if spread > 0.0 else 0.0
        p = level - give * (tilt * t)
    return p


def canonical(
    problem: Problem, knots: Rows, c0: float, g: Vector, keep: NDArray[np.bool_]
) -> tuple[Rows, Vector, Vector]:
    """Drop knots, then make signs and continuity hold exactly."""
    a = np.where(keep[1:], np.diff(g), 0.0)
    if problem.shape.convex:
        a = np.maximum(a, 0.0)
    g = np.cumsum(np.concatenate((g[:1], a)))
    if problem.shape.increasing:
        g = np.maximum(g, 0.0)
    h = np.diff(problem.x[knots])
    return knots, np.cumsum(np.concatenate(([c0], h * g))), g
