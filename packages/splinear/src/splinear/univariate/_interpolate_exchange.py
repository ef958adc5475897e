"""Exchange for minimum-variation interpolation of order 3 and 4, without a grid.

Divided differences of order m turn interpolation into ``sum_k a_k N_i(tau_k) = b_i``
with the B-splines N_i on the data: every row is local and of size one. The dual is
``max q.b`` such that the spline ``eta = sum_i q_i N_i`` stays within [-1, 1]; its
extrema on each data interval are roots of a quadratic at most, so the constraint is
checked everywhere.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, PPoly
from scipy.optimize import linprog
from scipy.sparse import block_array, csr_array, diags_array, eye_array, hstack
from scipy.sparse.linalg import splu

from splinear.core.certificate import Certificate, certify

Vector = NDArray[np.float64]

#: Relative gap below which Newton's method is tried after a linear programme.
NEAR = 1e-2

#: Weight of the proximal terms of a Newton step; blocks are of size one.
PROXIMAL = 1e-10

#: The tightest tolerances that HiGHS accepts; rows and columns are of size one.
TIGHT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


@dataclass(frozen=True)
class Atoms:
    """Knots and jumps of the primal, coefficients of the dual spline and its sup."""

    grid: Vector
    spots: Vector
    jumps: Vector
    dual: Vector
    peak: float

    @property
    def variation(self) -> float:
        return float(np.sum(np.abs(self.jumps)))


def differences(t: Vector, y: Vector, order: int) -> tuple[Vector, Vector]:
    """Right-hand side b of the rows and a bound on its rounding.

    ``b_i = (m-1)! ([t_{i+1}..t_{i+m}] y - [t_i..t_{i+m-1}] y)``: the jumps that the
    B-spline N_i must see.
    """
    table, size = y.copy(), np.abs(y)
    for level in range(1, order):
        width = t[level:] - t[:-level]
        table, size = np.diff(table) / width, (size[1:] + size[:-1]) / width
    scale = float(math.factorial(order - 1))
    eps = float(np.finfo(np.float64).eps)
    return scale * np.diff(table), scale * order * eps * (size[1:] + size[:-1])


class Exchange:
    """Method for `iterate`: a linear programme, all its violations, Newton's finish."""

    def __init__(self, t: Vector, b: Vector, order: int, target: float) -> None:
        self.t, self.b, self.order, self.target = t, b, order, target
        ends = np.full(order - 1, t[0]), np.full(order - 1, t[-1])
        self.padded = np.concatenate((ends[0], t, ends[1]))

    def init(self) -> Atoms:
        inner = self.t[1:-1]
        middles = self.t[:-1] + 0.5 * np.diff(self.t)
        first = self._programme(np.union1d(inner, middles))
        if first is None:
            raise RuntimeError(
                "the linear programme of the exchange failed: its coefficients differ "
                "too much in size; merge sites much closer than the others"
            )
        return first

    def certify(self, state: Atoms) -> tuple[float, Certificate]:
        bound = float(self.b @ state.dual) / max(1.0, state.peak)
        gap = max(0.0, state.variation - bound)
        scale = max(state.variation, np.finfo(np.float64).tiny)
        return state.variation, certify("exact", state.variation, gap, scale)

    def step(self, state: Atoms) -> Atoms | None:
        if self._gap(state) < NEAR:
            refined = self._newton(state)
            if refined is not None and self._gap(refined) < 0.5 * self._gap(state):
                return refined
        spots, heights = self.extrema(state.dual)
        grid = np.union1d(state.grid, spots[np.abs(heights) > 1.0 + 1e-13])
        return self._programme(grid) if grid.size > state.grid.size else None

    def finish(self, state: Atoms) -> Atoms:
        return state

    def stats(self, state: Atoms) -> dict[str, Any]:
        return {"grid": state.grid.size, "dual_peak": state.peak}

    def _gap(self, state: Atoms) -> float:
        return self.certify(state)[1].relative_gap

    def _programme(self, grid: Vector) -> Atoms | None:
        rows = self.matrix(grid).T
        # The simplex method gives vertices; where it fails, an interior point may not.
        for solver in ("highs", "highs-ipm"):
            answer = linprog(
                np.ones(2 * grid.size),
                A_eq=hstack((rows, -rows)).tocsc(),
                b_eq=self.b,
                method=solver,
                options=TIGHT,
            )
            if answer.x is not None:
                break
        else:
            return None
        jumps = answer.x[: grid.size] - answer.x[grid.size :]
        used = jumps != 0.0
        return self._atoms(grid, grid[used], jumps[used], answer.eqlin.marginals)

    def _atoms(self, grid: Vector, spots: Vector, jumps: Vector, dual: Vector) -> Atoms:
        peak = float(np.max(np.abs(self.extrema(dual)[1]), initial=0.0))
        return Atoms(grid, spots, jumps, dual, peak)

    def matrix(self, spots: Vector, derivative: int = 0) -> csr_array:
        """B-splines N_i, or their derivatives, at the spots, (len(spots), M)."""
        edge, count = self.order - 1, self.t.size - self.order
        if derivative == 0:
            full = BSpline.design_matrix(spots, self.padded, edge)
            return csr_array(full)[:, edge : edge + count]
        width = self.t[edge:] - self.t[:-edge]
        lower = BSpline.design_matrix(spots, self.padded[1:-1], edge - 1)
        lower = csr_array(lower)[:, edge - 1 : edge + count] * (edge / width)
        return csr_array(lower[:, :-1] - lower[:, 1:])

    def dual_spline(self, dual: Vector) -> BSpline:
        """The spline eta with coefficients q on the data knots."""
        zeros = np.zeros(self.order - 1)
        coefficients = np.concatenate((zeros, dual, zeros))
        return BSpline(self.padded, coefficients, self.order - 1)

    def extrema(self, dual: Vector) -> tuple[Vector, Vector]:
        """All local extrema of eta and all data sites, with the values there."""
        eta = self.dual_spline(dual)
        spots = np.union1d(self.t[1:-1], _critical(PPoly.from_spline(eta)))
        return spots, eta(spots)

    def _newton(self, state: Atoms) -> Atoms | None:
        spots, jumps = self._clusters(state)
        dual, signs, count = state.dual, np.sign(jumps), self.b.size
        for _ in range(12):
            try:
                step = self._newton_step(dual, spots, jumps, signs)
            except RuntimeError:  # splu met an exactly singular system
                return None
            if not np.all(np.isfinite(step)):
                return None
            dual = dual + step[:count]
            moved = spots + step[count : count + spots.size]
            jumps = jumps + step[count + spots.size :]
            if np.any(np.diff(moved) <= 0.0) or not self._inside(moved):
                return None
            still = float(np.max(np.abs(moved - spots))) < 1e-15
            spots = moved
            if still:
                break
        error = float(np.max(np.abs(self.matrix(spots).T @ jumps - self.b)))
        if error > self.target or np.any(np.sign(jumps) != signs):
            return None
        return self._atoms(state.grid, spots, jumps, dual)

    def _inside(self, spots: Vector) -> bool:
        return bool(self.t[0] < spots[0] and spots[-1] < self.t[-1])

    def _newton_step(
        self, dual: Vector, spots: Vector, jumps: Vector, signs: Vector
    ) -> Vector:
        # Unknowns (q, tau, a); equations N a = b, eta(tau) = sign a, eta'(tau) = 0.
        # Lengths are counted in local gaps, which makes every block of size one.
        size, count = self.b.size, spots.size
        local = np.diff(self.t)[np.searchsorted(self.t, spots, side="right") - 1]
        value = self.matrix(spots)  # (K, M)
        slope = diags_array(local) @ self.matrix(spots, 1)
        bend = self.dual_spline(dual).derivative(2)(spots) * local**2
        tilt = slope @ dual
        # Where eta is flat at 1 a knot may stand anywhere: proximal terms, of the sign
        # of the block they enter, leave it where it is and the system regular.
        system = block_array(
            [
                [PROXIMAL * eye_array(size), slope.T * jumps, value.T],
                [value, diags_array(tilt), -PROXIMAL * eye_array(count)],
                [slope, diags_array(bend - PROXIMAL * signs), None],
            ]
        )
        wrong = np.concatenate((value.T @ jumps - self.b, value @ dual - signs, tilt))
        step = splu(system.tocsc()).solve(-wrong)
        step[size : size + count] *= local
        return step

    def _clusters(self, state: Atoms) -> tuple[Vector, Vector]:
        # The programme splits a knot off its grid over the grid points around it.
        keep = np.abs(state.jumps) > 1e-9 * float(np.max(np.abs(state.jumps)))
        spots, jumps = state.spots[keep], state.jumps[keep]
        home = np.searchsorted(state.grid, spots)
        apart = (np.diff(home) > 1) | (np.sign(jumps[1:]) != np.sign(jumps[:-1]))
        starts = np.concatenate(([0], np.flatnonzero(apart) + 1))
        total = np.add.reduceat(jumps, starts)
        return np.add.reduceat(jumps * spots, starts) / total, total


def _critical(pieces: PPoly) -> Vector:
    # Interior roots of the derivative, piece by piece: a line or a quadratic.
    slopes = pieces.derivative().c
    start, width = pieces.x[:-1], np.diff(pieces.x)
    with np.errstate(divide="ignore", invalid="ignore"):
        if len(slopes) == 2:
            roots = [-slopes[1] / slopes[0]]
        else:
            half = 0.5 * slopes[1]
            under = half**2 - slopes[0] * slopes[2]
            pivot = -(half + np.copysign(np.sqrt(np.maximum(under, 0.0)), half))
            pivot = np.where(under >= 0.0, pivot, np.nan)
            roots = [pivot / slopes[0], slopes[2] / pivot]
        inside = [start[k] + r[k] for r in roots for k in [(r > 0.0) & (r < width)]]
    return np.concatenate(inside)
