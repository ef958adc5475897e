"""From the user's rows to a problem of unit size, and back."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from splinear.core.checks import check_vector
from splinear.univariate._general_problem import Candidate, Problem, Vector
from splinear.univariate.losses import Loss
from splinear.univariate.shape import Shape
from splinear.univariate.spline import Spline


@dataclass(frozen=True)
class Frame:
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


def read_rows(x: Any, y: Any, w: Any, loss: Loss) -> tuple[Vector, Vector, Vector]:
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


def make_frame(x: Vector, y: Vector, w: Vector, loss: Loss, shape: Shape) -> Frame:
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
    return Frame(Problem(x, y, w, 1.0, loss, shape), unit_x, unit_y, offset)


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


def loss_at_zero(frame: Frame) -> float:
    problem = frame.problem
    raw = problem.y
    if problem.loss.degree:
        sign = -1.0 if problem.shape.negated else 1.0
        raw = raw + sign * frame.offset / frame.unit_y
    return float(np.dot(problem.w, problem.loss.value(raw, np.zeros_like(raw))))
