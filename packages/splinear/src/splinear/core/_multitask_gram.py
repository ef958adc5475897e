"""The multi-task lasso on a Gram matrix: sweeps find the support, Newton the values."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from splinear.core import _multitask_kernels as kernels

Array = NDArray[np.float64]

#: Rounds without a new best gap after which the solver stops at the rounding floor.
_PATIENCE = 6
#: Newton costs the cube of the active rows: beyond this many, sweeps alone.
_NEWTON_ROWS = 1500
#: Shares of the radial curvature added to Newton's model, tried while steps are cut.
_DAMPINGS = (0.0, 0.03, 0.3, 1.0)
_EPS = float(np.finfo(np.float64).eps)


class GramSolution(NamedTuple):
    """What `solve_gram` found, in the units of the Gram problem.

    coef (m, D), correlation C - G coef (m, D), objective, gap (proven by the Gram
    matrices as given), rounds, and whether the gap met the target.
    """

    coef: Array
    correlation: Array
    objective: float
    gap: float
    rounds: int
    converged: bool


class Problem(NamedTuple):
    """min <V, G V> / 2 - <V, C> + y2 / 2 + sum_k level_k |v_k|, blocks diagonal."""

    G: Array  # (m, m)
    C: Array  # (m, D)
    y2: float
    level: Array  # (K,), > 0
    first: NDArray[np.int64]  # (K + 1,) row offsets of the units

    @property
    def single(self) -> bool:
        """Whether there is one output and each unit owns one row."""
        return self.C.shape[1] == 1 and self.level.size == self.G.shape[0]


def gap_of(problem: Problem, V: Array, R: Array) -> tuple[float, float, Array, Array]:
    """Return objective, gap, unit norms and violations |R_k| / level_k.

    With the residual r and s = min(1, 1 / sup violation) the dual point s r gives
    ``(1 - s)^2 |r|^2 / 2 + sum_k level_k |v_k| - s <v_k, R_k>``: no term is negative.
    """
    sup, penalty, product, norms, ratios = kernels.bound_terms(
        V, R, problem.level, problem.first
    )
    loss = max(0.0, problem.y2 - float(np.vdot(V, problem.C)) - product)
    s = 1.0 if sup <= 1.0 else 1.0 / sup
    gap = 0.5 * (1.0 - s) ** 2 * loss
    gap += kernels.slack(V, R, problem.level, problem.first, norms, s)
    return 0.5 * loss + penalty, gap, norms, ratios


def descend(
    problem: Problem, V: Array, target: float, max_iter: int, R: Array | None = None
) -> GramSolution:
    """Minimise from V until the gap is at most `target`; R = C - G V if known."""
    if R is None:
        R = correlation(problem, V)
    best: GramSolution | None = None
    best_round = 0
    for rounds in range(max_iter + 1):
        objective, gap, norms, ratios = gap_of(problem, V, R)
        if best is None or gap < best.gap:
            best, best_round = GramSolution(V, R, objective, gap, rounds, False), rounds
        if gap <= target or rounds == max_iter or rounds - best_round > _PATIENCE:
            break
        units = _working_set(norms, ratios)
        V = _improve(problem, V, R, units, max(target, 0.1 * gap))
        R = correlation(problem, V)
    assert best is not None
    return best._replace(rounds=rounds, converged=best.gap <= target)


def correlation(problem: Problem, V: Array) -> Array:
    """Return C - G V, reading only the rows of G that V uses."""
    used = np.flatnonzero(V.any(axis=1))
    if 2 * used.size > V.shape[0]:
        return problem.C - problem.G @ V
    return problem.C - problem.G[used].T @ V[used]


def _working_set(norms: Array, ratios: Array) -> NDArray[np.int64]:
    # All active units, and as many of those nearest to becoming so.
    K, active = norms.size, norms > 0.0
    size = max(48, 2 * int(np.count_nonzero(active)))
    if size >= 0.6 * K:
        return np.arange(K)
    score = np.where(active, np.inf, ratios)
    return np.sort(np.argpartition(score, K - size)[K - size :])


def _improve(
    problem: Problem, V: Array, R: Array, units: NDArray[np.int64], target: float
) -> Array:
    # Solve over the working set; all other units are zero and stay so.
    if units.size == problem.level.size:
        V, R = V.copy(), R.copy()
        _solve_set(problem, V, R, target)
        return V
    rows, first = rows_of(problem.first, units)
    part = Problem(
        problem.G[np.ix_(rows, rows)],
        problem.C[rows],
        problem.y2,
        problem.level[units],
        first,
    )
    inner, R = V[rows], R[rows]
    _solve_set(part, inner, R, target)
    V = np.zeros_like(V)
    V[rows] = inner
    return V


def rows_of(
    first: NDArray[np.int64], units: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of `units`, and their offsets among themselves."""
    if first[-1] == first.size - 1:
        return units, np.arange(units.size + 1)
    sizes = np.diff(first)[units]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    rows = np.repeat(first[units] - offsets[:-1], sizes) + np.arange(offsets[-1])
    return rows, offsets


def _solve_set(problem: Problem, V: Array, R: Array, target: float) -> None:
    # In place.  Sweeps over all, then over the active units, then a Newton step on
    # these, until the set's own gap is small.
    everyone = np.arange(problem.level.size)
    least, last = np.inf, 0
    for round_ in range(60):
        _sweep(problem, V, R, everyone, 1, 0.0)
        active = everyone[_norms(problem, V) > 0.0]
        _sweep(problem, V, R, active, 3, 0.1 * target)
        _, gap, norms, _ = gap_of(problem, V, R)
        if gap < 0.5 * least:
            least, last = gap, round_
        if gap <= target or round_ - last > 12:
            return
        _newton(problem, V, R, everyone[norms > 0.0])


def _norms(problem: Problem, V: Array) -> Array:
    if problem.single:
        return np.abs(V[:, 0])
    squares = np.einsum("id,id->i", V, V)
    return np.sqrt(np.add.reduceat(squares, problem.first[:-1]))


def _sweep(
    problem: Problem,
    V: Array,
    R: Array,
    units: NDArray[np.int64],
    passes: int,
    enough: float,
) -> None:
    G, level = problem.G, problem.level
    if problem.single:
        kernels.sweep_single(G, V[:, 0], R[:, 0], level, units, passes, enough)
    else:
        kernels.sweep(G, V, R, level, problem.first, units, passes, enough)


def _newton(problem: Problem, V: Array, R: Array, active: NDArray[np.int64]) -> None:
    # One Newton step on the active units with an exact line search, in place.
    rows, first = rows_of(problem.first, active)
    if not 0 < rows.size <= _NEWTON_ROWS:
        return
    G, level = problem.G[np.ix_(rows, rows)], problem.level[active]
    v = V[rows]
    best, change = None, 0.0
    for damping in _DAMPINGS:
        step = _direction(problem, G, v, R[rows], level, first, damping)
        if step is None:
            continue
        linear = -float(np.vdot(step, R[rows]))
        quadratic = max(0.0, float(np.vdot(step, G @ step)))
        t, gained = kernels.line_minimum(v, step, level, first, linear, quadratic)
        if gained < change:
            best, change = t * step, gained
        # A step cut short was longer than its quadratic model is true.
        if t > 0.5:
            break
    if best is not None:
        V[rows] = v + best
        R -= problem.G[rows].T @ best


def _direction(
    problem: Problem,
    G: Array,
    v: Array,
    R: Array,
    level: Array,
    first: NDArray[np.int64],
    damping: float,
) -> Array | None:
    # Damping 0 is Newton; 1 replaces each norm by the parabola that touches it from
    # above, whose full step cannot fail.
    unit, d = _unit_vectors(problem, v, level, first)
    gradient = np.repeat(level, np.diff(first))[:, None] * unit - R
    if problem.single:
        return _solve(G + np.diag(damping * d / np.abs(v[:, 0])), -gradient)
    return _newton_direction(G, d, unit, first, -gradient, damping)


def _unit_vectors(
    problem: Problem, v: Array, level: Array, first: NDArray[np.int64]
) -> tuple[Array, Array]:
    # v_k / |v_k| row by row, and the curvature level_k / |v_k| of each row's unit.
    if problem.single:
        return np.sign(v), level
    squares = np.add.reduceat(np.einsum("id,id->i", v, v), first[:-1])
    norms, sizes = np.sqrt(squares), np.diff(first)
    return v / np.repeat(norms, sizes)[:, None], np.repeat(level / norms, sizes)


def _solve(A: Array, B: Array) -> Array | None:
    factor = _factor(A)
    return None if factor is None else lapack.dpotrs(factor, B)[0]


def _factor(A: Array) -> Array | None:
    # Cholesky with a ridge relative to the diagonal that grows until it succeeds: a
    # singular block only makes the step longer, and the line search shortens it.
    diagonal = np.arange(A.shape[0])
    for ridge in (4.0 * _EPS, 1e-13, 1e-10, 1e-7):
        shifted = A.copy()
        shifted[diagonal, diagonal] *= 1.0 + ridge * A.shape[0]
        factor, failed = lapack.dpotrf(shifted.T, overwrite_a=True)
        if failed == 0:
            return factor
    return None


def _newton_direction(
    G: Array,
    d: Array,
    unit: Array,
    first: NDArray[np.int64],
    B: Array,
    damping: float,
) -> Array | None:
    """Solve H P = B with H = (G + diag d) ⊗ I - (1 - damping) U Uᵀ; `unit`: (m, D).

    The Hessian of level |v_k| is d_k (I - v̂ v̂ᵀ): one column of U a unit, sqrt(d_k) v̂_k.
    By Woodbury's identity the cost is that of (m, m) matrices, whatever D is: the
    matrix Uᵀ (G + diag d)⁻¹ U is a product entry by entry with unit @ unit.T.
    """
    factor = _factor(G + np.diag(d))
    if factor is None:
        return None
    X = lapack.dpotrs(factor, B)[0]
    if damping == 1.0:
        return X
    inverse = lapack.dpotri(factor)[0]
    inverse = np.triu(inverse) + np.triu(inverse, 1).T
    tall = np.sqrt((1.0 - damping) * d)[:, None] * unit
    coupling = inverse * (tall @ tall.T)
    right = np.einsum("id,id->i", tall, X)
    if first.size - 1 < d.size:  # several rows a unit share one column of U
        starts = first[:-1]
        coupling = np.add.reduceat(np.add.reduceat(coupling, starts, 0), starts, 1)
        right = np.add.reduceat(right, starts)
    y = _solve_near_identity(coupling, right)
    if y is None:
        return X
    y = np.repeat(y, np.diff(first))
    return X + inverse @ (y[:, None] * tall)


def _solve_near_identity(coupling: Array, right: Array) -> Array | None:
    # I - coupling is positive semidefinite up to rounding.
    A = np.eye(right.size) - coupling
    A[np.diag_indices_from(A)] += 8.0 * _EPS * right.size
    factor, failed = lapack.dpotrf(A.T, overwrite_a=True)
    return None if failed else lapack.dpotrs(factor, right)[0]


def diagonal_blocks(G: Array, first: NDArray[np.int64]) -> Array | None:
    """Return the block-diagonal rotation Q (m, m) that makes Qᵀ G Q diagonal on units.

    The penalty does not see it.  None if every unit owns one row.
    """
    if first[-1] == first.size - 1:
        return None
    Q = np.eye(G.shape[0])
    for low, high in pairwise(first):
        Q[low:high, low:high] = np.linalg.eigh(G[low:high, low:high])[1]
    return Q
