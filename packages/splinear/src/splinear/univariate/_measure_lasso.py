"""Least squares plus a weighted total variation over measures, without a grid.

Price, insert, correct all amplitudes, slide knots by Newton's method jointly with the
amplitudes, merge, prune [1]_.  Shared by operators on the line and by periodic
splines; a problem supplies atoms, a null space and a pricer with proven bounds.

References
----------
.. [1] Q. Denoyelle, V. Duval, G. Peyré, E. Soubies, The sliding Frank-Wolfe algorithm
   and its application to super-resolution microscopy, Inverse Problems 36, 2020.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from splinear.core.certificate import Certificate, certify
from splinear.univariate._green_pricing import Prices

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

NEWTON_STEPS = 12
INSERTIONS = 24
RIDGE = 1e-11  # of unit columns: steps stay finite when features are collinear
SLACK = 1e-13  # relative; below it pricing would resolve its own rounding
ENTRY = 1e-11  # violation, in units of lam, at which a knot re-enters
CLOSED = 1e-9  # relative distance of bound and best knot that counts as exact


class Pricer(Protocol):
    """Finds the best knots and bounds the ratio everywhere."""

    def price(self, p: Vector, floor: float, slack: float) -> Prices:
        """Bound ``abs(eta) / omega`` to a relative `slack` above max(floor, best)."""
        ...


@final
@dataclass(frozen=True)
class MeasureProblem:
    """``min sum w (y - q - sum a_k atom(x - tau_k))^2 / 2 + lam sum omega |a|``.

    Attributes
    ----------
    x, y, w : (n,) arrays
    lam : float, > 0
    atom : callable
        ``atom(t, k)``: k-th derivative of the atom, k <= 2.
    null : (n, d) array
        Values of a basis of the null space.
    pricer : Pricer
    weight : callable
        Weight at knots.
    fixed : callable
        Mask of knots that must not slide.
    span : (float, float)
        Where knots may lie.
    balanced : bool
        Whether amplitudes must sum to zero (periodic problems).
    scale, offset, total : float
        Denominator of the relative gap, constant of the objective and sum of weights.
    """

    x: Vector
    y: Vector
    w: Vector
    lam: float
    atom: Callable[[Matrix, int], Matrix]
    null: Matrix
    pricer: Pricer
    weight: Callable[[Vector], Vector]
    fixed: Callable[[Vector], NDArray[np.bool_]]
    span: tuple[float, float]
    balanced: bool
    scale: float
    offset: float
    total: float


@final
@dataclass(frozen=True)
class State:
    """Knots, amplitudes, projected residual times root weight, and its prices."""

    tau: Vector
    a: Vector
    residual: Vector
    prices: Prices


class MeasureLasso:
    """The method object for `core.iterate`; `finish` is left to its callers."""

    def __init__(
        self,
        problem: MeasureProblem,
        build: Callable[[State], Any],
        start: tuple[Vector, Vector] | None = None,
    ):
        self.problem, self._build, self._start = problem, build, start
        self.root = np.sqrt(problem.w)
        basis, _ = np.linalg.qr(self.root[:, None] * problem.null)
        self.basis: Matrix = basis.astype(np.float64)
        self.target = self._project(self.root * problem.y)

    def init(self) -> State:
        """Start from the null model, or from the knots of a former fit, corrected."""
        if self._start is None or self._start[0].size == 0:
            return self._state(np.zeros(0), np.zeros(0), 1e-3)
        tau, a = self._start
        # A balanced sum must vanish exactly: those amplitudes begin at zero.
        first = np.zeros_like(a) if self.problem.balanced else a
        return self._state(*self._correct(tau, first, np.sign(a)), 1e-3)

    def finish(self, state: State) -> Any:
        """Build the value that the caller asked for."""
        return self._build(state)

    def stats(self, state: State) -> dict[str, Any]:
        """Count knots; sup of the dual function in units of lam."""
        return {"n_knots": state.tau.size, "sup": state.prices.sup / self.problem.lam}

    def certify(self, state: State) -> tuple[float, Certificate]:
        """Scale the residual into the dual ball; every term is non-negative."""
        pb, r = self.problem, state.residual
        prices, omega = state.prices, pb.weight(state.tau)
        shrink = min(1.0, pb.lam / prices.sup) if prices.sup > 0.0 else 1.0
        eta = self.features(state.tau, 0).T @ r - prices.centre
        slack = pb.lam * omega - shrink * np.sign(state.a) * eta
        gap = 0.5 * (1.0 - shrink) ** 2 * float(r @ r)
        gap += float(np.abs(state.a) @ np.maximum(slack, 0.0))
        cost = 0.5 * float(r @ r) + pb.lam * float(np.abs(state.a) @ omega)
        closed = prices.sup <= max(pb.lam, prices.attained) * (1.0 + CLOSED)
        kind = "exact" if closed else "bounded"
        objective = (cost + pb.offset) / pb.total
        return objective, certify(kind, objective, gap / pb.total, pb.scale)

    def step(self, state: State) -> State | None:
        """Insert the best knots, correct, merge and slide, correct again."""
        tau, a, sign = self._insert(state)
        if tau.size == 0:
            return None
        tau, a = self._correct(tau, a, sign)
        if not self.problem.fixed(tau).all():
            tau, a = self._slide(tau, a)
            tau, a = self._merge(tau, a)
            tau, a = self._correct(tau, a, np.sign(a))
        violation = state.prices.attained / self.problem.lam - 1.0
        slack = min(max(0.01 * violation, SLACK), 1e-3)
        return self._state(tau, a, slack)

    def features(self, tau: Vector, k: int) -> Matrix:
        """Projected columns times root weight; derivative k in tau."""
        t = self.problem.x[:, None] - tau[None, :]
        columns = self.problem.atom(t, k) * (-1.0) ** k
        return self._project(self.root[:, None] * columns)

    def _project(self, v: Matrix) -> Matrix:
        # Twice: the first pass leaves rounding of the size of the removed part.
        v = v - self.basis @ (self.basis.T @ v)
        return v - self.basis @ (self.basis.T @ v)

    def _residual(self, tau: Vector, a: Vector) -> Vector:
        return self._project(self.target - self.features(tau, 0) @ a)

    def _polish(self, tau: Vector, a: Vector) -> tuple[Vector, Vector]:
        """Refine amplitudes against the residual in extended precision."""
        A, sign, residual = (
            self.features(tau, 0),
            np.sign(a),
            self._long_residual(tau, a),
        )
        R = np.linalg.qr(A)[1].astype(np.float64)
        cost = self.problem.lam * self.problem.weight(tau) * sign
        for _ in range(3):
            better = a + self._solve(R, A.T @ residual - cost, a.size)
            if a.size == 0 or not np.all(better * sign > 0.0):
                break
            a, residual = better, self._long_residual(tau, better)
        return a, residual

    def _long_residual(self, tau: Vector, a: Vector) -> Vector:
        """`_residual` in extended precision: many knots cancel most of their digits."""
        long, pb = np.longdouble, self.problem
        if pb.x.size <= pb.null.shape[1]:
            return np.zeros_like(pb.x)  # the null space interpolates
        t: Any = pb.x.astype(long)[:, None] - tau.astype(long)[None, :]
        root = np.sqrt(pb.w.astype(long))
        basis = _orthonormal(root[:, None] * pb.null.astype(long))
        r = root * (pb.y - pb.atom(t, 0) @ a.astype(long))
        for _ in range(2):
            r = r - basis @ (basis.T @ r)
        return r.astype(np.float64)

    def _state(self, tau: Vector, a: Vector, slack: float) -> State:
        residual = self._residual(tau, a)
        pricer = self.problem.pricer
        prices = pricer.price(self.root * residual, self.problem.lam, slack)
        best, lam = prices.attained, self.problem.lam
        size = self.root * self.problem.y
        small = float(residual @ residual) <= 1e-24 * float(size @ size)
        if slack > SLACK and (small or best <= 1.01 * lam):
            # The end is near: resolve the supremum, not every cell above lam.
            a, residual = self._polish(tau, a)
            p = self.root * residual
            best = pricer.price(p, lam, slack).attained
            prices = pricer.price(p, max(best, lam), SLACK)
        return State(tau, a, residual, prices)

    def _insert(self, state: State) -> tuple[Vector, Vector, Vector]:
        prices = state.prices
        value = prices.value
        padded = np.r_[-np.inf, value, -np.inf]
        peak = (value >= padded[:-2]) & (value >= padded[2:])
        good = np.flatnonzero(peak & (value > self.problem.lam * (1.0 + SLACK)))
        good = good[np.argsort(-value[good])]
        if self.problem.balanced:  # amplitudes of one sign alone could not move
            good = np.r_[good[prices.sign[good] > 0][:INSERTIONS // 2],
                         good[prices.sign[good] < 0][:INSERTIONS // 2]]  # fmt: skip
        good = good[:INSERTIONS]
        _, first = np.unique(prices.tau[good], return_index=True)
        good = good[first]
        known = np.isin(prices.tau[good], state.tau)
        good = good[~known]
        tau = np.r_[state.tau, prices.tau[good]]
        return (
            tau,
            np.r_[state.a, np.zeros(good.size)],
            np.r_[np.sign(state.a), prices.sign[good]],
        )

    def _correct(self, tau: Vector, a: Vector, sign: Vector) -> tuple[Vector, Vector]:
        """Lasso on these knots with these signs, by an active set; zeros leave.

        All knots enter at once; those that leave with the wrong sign come back one by
        one while they would lower the objective, as in non-negative least squares.
        """
        Q, R = np.linalg.qr(self.features(tau, 0))
        c, cost = Q.T @ self.target, self.problem.lam * self.problem.weight(tau) * sign
        face = R, c, cost, sign
        a, on = self._descend(face, a.copy(), np.ones(a.size, dtype=bool))
        banned = np.zeros(a.size, dtype=bool)
        for _ in range(4 * INSERTIONS):
            pull = R.T @ (c - R @ a) - cost
            if self.problem.balanced:
                pull -= self._level(pull, on, sign)
            pull = np.where(on | banned, -np.inf, pull * sign)
            j = [int(np.argmax(pull))] if pull.size else []
            if not j or pull[j[0]] <= ENTRY * np.abs(cost[j[0]]):
                break
            if self.problem.balanced and not on.any():
                other = np.where(sign == sign[j[0]], -np.inf, pull)
                j.append(int(np.argmax(other)))
            on[j] = True
            a, on = self._descend(face, a, on)
            banned[j] |= ~on[j]
        keep = a != 0.0
        return tau[keep], a[keep]

    @staticmethod
    def _level(pull: Vector, on: NDArray[np.bool_], sign: Vector) -> float:
        """Multiplier of the balance: where eta is centred for the present knots."""
        if on.any():
            return float(pull[on].mean())
        up, down = pull[sign > 0], pull[sign < 0]
        if up.size == 0 or down.size == 0:
            return 0.0
        return 0.5 * (float(up.max()) + float(down.min()))

    def _descend(
        self, face: tuple[Matrix, Vector, Vector, Vector], a: Vector, on: Any
    ) -> tuple[Vector, Any]:
        """Minimise over the face of knots that are `on`; those at zero leave it."""
        R, c, cost, sign = face
        while on.any():
            S = np.flatnonzero(on)
            goal = self._refine(R[:, S], c, cost[S], a[S], 1)
            if np.all(goal * sign[S] > 0.0):
                goal = self._refine(R[:, S], c, cost[S], goal, 2)
            wrong = goal * sign[S] <= 0.0
            if not wrong.any():
                a[S] = goal
                break
            room = np.abs(a[S][wrong])
            ratio = room / np.maximum(room + np.abs(goal[wrong]), 1e-300)
            t = float(ratio.min())
            a[S] += t * (goal - a[S])
            hit = S[wrong][ratio <= t]
            a[hit], on[hit] = 0.0, False
        return a, on

    def _refine(self, R: Matrix, c: Vector, cost: Vector, a: Vector, times: int):
        """Minimiser on a face; repeated, the ridge vanishes from the result."""
        for _ in range(times):
            a = a + self._solve(R, R.T @ (c - R @ a) - cost, a.size)
        return a

    def _solve(self, M: Matrix, g: Vector, amplitudes: int) -> Vector:
        """Solve ``M'M d = g``, slightly damped; sum of d[:amplitudes] is 0 if balanced."""
        size = np.sqrt(np.einsum("ij,ij->j", M, M))
        size[size == 0.0] = 1.0
        M, g = M / size, g / size
        Z = None
        if self.problem.balanced:
            normal = np.where(np.arange(g.size) < amplitudes, 1.0 / size, 0.0)
            Z = np.linalg.qr(normal[:, None], mode="complete")[0][:, 1:]
            M, g = M @ Z, Z.T @ g
        if g.size == 0:
            return np.zeros(size.size)
        R = np.linalg.qr(np.vstack([M, RIDGE * np.eye(g.size)]), mode="r")
        d = solve_triangular(R, solve_triangular(R, g, trans="T"))
        return (d if Z is None else Z @ d) / size

    def _cost(self, tau: Vector, a: Vector) -> float:
        r = self._residual(tau, a)
        return 0.5 * float(r @ r) + self.problem.lam * float(
            np.abs(a) @ self.problem.weight(tau)
        )

    def _slide(self, tau: Vector, a: Vector) -> tuple[Vector, Vector]:
        """Damped Newton over amplitudes and free knots, signs kept."""
        cost = self._cost(tau, a)
        for _ in range(NEWTON_STEPS):
            free = ~self.problem.fixed(tau)
            if a.size == 0 or not free.any():
                break
            da, dtau = self._newton(tau, a, free)
            t, moved = 1.0, False
            for _ in range(12):
                trial_a, trial_tau = self._move(tau, a, t * da, t * dtau)
                value = self._cost(trial_tau, trial_a)
                if value <= cost * (1.0 + 1e-15):
                    moved = True
                    break
                t *= 0.5
            if not moved:
                break
            gain, cost = cost - value, value
            keep = trial_a != 0.0
            tau, a = trial_tau[keep], trial_a[keep]
            if gain <= 1e-16 * cost and t == 1.0 and self._small(dtau):
                break
        return tau, a

    def _small(self, dtau: Vector) -> bool:
        reach = self.problem.x[-1] - self.problem.x[0]
        return bool(np.abs(dtau).max(initial=0.0) <= 1e-14 * reach)

    def _move(self, tau, a, da, dtau) -> tuple[Vector, Vector]:
        moved = a + da
        crossed = moved * a <= 0.0
        if crossed.any() and not self.problem.balanced:
            moved[crossed] = 0.0
        elif crossed.any():  # stop at the first zero: the sum stays zero
            ratio = a[crossed] / (a[crossed] - moved[crossed])
            t = float(ratio.min())
            moved, dtau = a + t * da, t * dtau
            moved[np.flatnonzero(crossed)[ratio <= t]] = 0.0
        return moved, np.clip(tau + dtau, *self.problem.span)

    def _newton(self, tau, a, free) -> tuple[Vector, Vector]:
        """Step from a positive semidefinite model that is exact at a solution."""
        lam, r, sign = self.problem.lam, self._residual(tau, a), np.sign(a)
        A = self.features(tau, 0)
        D, C = self.features(tau[free], 1), self.features(tau[free], 2)
        omega, slope, bend = self._weight_jet(tau)
        cost = np.abs(a[free])
        g = np.r_[
            A.T @ r - lam * sign * omega,
            a[free] * (D.T @ r) - lam * cost * slope[free],
        ]
        extra = np.maximum(lam * cost * bend[free] - a[free] * (C.T @ r), 0.0)
        below = np.hstack([np.zeros((cost.size, a.size)), np.diag(np.sqrt(extra))])
        d = self._solve(np.vstack([np.hstack([A, D * a[free]]), below]), g, a.size)
        dtau = np.zeros_like(tau)
        dtau[free] = d[a.size :]
        return d[: a.size], dtau

    def _weight_jet(self, tau: Vector) -> tuple[Vector, Vector, Vector]:
        """Weight and its two derivatives by differences: only steps depend on them."""
        h = 1e-5 * (self.problem.x[-1] - self.problem.x[0])
        left, mid, right = (self.problem.weight(tau + s * h) for s in (-1.0, 0.0, 1.0))
        return mid, (right - left) / (2.0 * h), (right - 2.0 * mid + left) / h**2

    def _merge(self, tau: Vector, a: Vector) -> tuple[Vector, Vector]:
        """Join neighbours of one sign within a gap of the data, if that is no worse."""
        order = np.argsort(tau)
        tau, a = tau[order], a[order]
        if a.size < 2:
            return tau, a
        cell = np.searchsorted(self.problem.x, tau)
        reach = self.problem.x[-1] - self.problem.x[0]
        same = np.sign(a[1:]) == np.sign(a[:-1])
        before = self._cost(tau, a)
        near = np.diff(tau)
        for close in (
            cell[1:] == cell[:-1],
            near <= 1e-4 * reach,
            near <= 1e-8 * reach,
        ):
            join = same & close
            if not join.any():
                continue
            group = np.r_[0, np.cumsum(~join)]
            mass = np.bincount(group, a).astype(np.float64)
            middle = np.bincount(group, a * (tau - tau[0])) / mass + tau[0]
            single = np.bincount(group) == 1
            middle[single] = tau[np.r_[True, ~join]][single]
            tried = self._slide(middle, mass)
            if self._cost(*tried) <= before * (1.0 + 1e-15):
                return tried
        return tau, a


def _orthonormal(columns: Any) -> Any:
    """Gram-Schmidt, twice, in the precision of `columns`: LAPACK has no extended one."""
    q = columns.copy()
    for j in range(q.shape[1]):
        for _ in range(2):
            q[:, j] -= q[:, :j] @ (q[:, :j].T @ q[:, j])
        q[:, j] /= np.sqrt(q[:, j] @ q[:, j])
    return q
