"""Prices by search: local maxima of |eta| from many starts, in any dimension."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinear.core.certificate import Kind
from splinear.core.threads import one_blas_thread
from splinear.shallow import _search_kernels as kernels
from splinear.shallow._problem import Problem, replace_rows
from splinear.shallow._smooth_search import ascend_smooth
from splinear.shallow.bounded_pricing import price_bounded
from splinear.shallow.exact_pricing import price_exact

Array = NDArray[np.float64]
Maxima = tuple[Array, Array, Array]  # directions, offsets, values

#: Maxima that are kept.
MOST = 256


class Found(NamedTuple):
    """Distinct maxima of |eta|, largest first, and what it took to find them."""

    U: Array  # (M, d)
    t: Array  # (M,)
    values: Array  # (M,) norms of eta
    sup: float  # a bound on |eta|; if heuristic, the largest value found
    kind: Kind
    starts: int


def price(
    problem: Problem,
    R: Array,
    near: Array,
    starts: int,
    effort: Any,
    rng: np.random.Generator,
    known: Found | None = None,
) -> Found:
    """Price the residual R: exactly where that is asked for and takes seconds.

    Parameters
    ----------
    problem : Problem
    R : (N, D) array
        Dual rows, orthogonal to the skip connection.
    near : (M, d) array
        Directions from which ascents start, too, unless something is known.
    starts : int
        Further starts.
    effort : Effort
        Limits.
    rng : Generator
        Draws the starts.
    known : Found, optional
        Maxima already known for this R; they are kept.
    """
    p = problem.w[:, None] * R
    if effort.exact:
        exact = price_exact(problem.X, p)
        size = problem.atoms.unit_cost  # of |z|: twice relu, but for affine functions
        values, bound = exact.values * size, exact.bound * size
        return Found(exact.directions, exact.offsets, values, bound, "exact", 0)
    U = draw_starts(problem.X, starts, rng)
    near = near if known is None else near[:0]
    found = _ascents(problem, p, U, near, effort, rng)
    if known is not None:
        directions = np.vstack([known.U, found[0]])
        offsets = np.concatenate([known.t, found[1]])
        values = np.concatenate([known.values, found[2]])
        starts += known.starts
        found = _distinct(directions, offsets, values, problem.reach)
    U, t, values = found
    return Found(U, t, values, float(values.max(initial=0.0)), "heuristic", starts)


def bound(problem: Problem, R: Array, known: Found, boxes: int, tol: float) -> Found:
    """Return what is known with a proven bound on |eta| everywhere.

    Parameters
    ----------
    problem : Problem
    R : (N, D) array
        Dual rows.
    known : Found
        Maxima for this R.
    boxes : int
        Boxes of directions to look at.
    tol : float
        How far above alpha, relative, the bound may end.
    """
    p, size = problem.w[:, None] * R, problem.atoms.unit_cost
    level = max(problem.alpha * size, known.sup)
    proof = price_bounded(
        problem.X, p, tol=tol, floor=(1.0 + tol) * level / size, max_boxes=boxes
    )
    return known._replace(sup=max(known.sup, proof.bound * size), kind="bounded")


def draw_starts(X: Array, count: int, rng: np.random.Generator) -> Array:
    """Directions to start from: half of them differences of data, half Gaussian."""
    n, d = X.shape
    U = rng.normal(size=(count, d))
    if n > 1:
        half = count // 2
        i, j = rng.integers(n, size=half), rng.integers(n - 1, size=half)
        U[:half] = X[i] - X[(i + 1 + j) % n]
    sizes = np.linalg.norm(U, axis=1)
    lost = sizes == 0.0
    U[lost] = rng.normal(size=(int(lost.sum()), d))
    return U / np.linalg.norm(U, axis=1, keepdims=True)


def _ascents(
    problem: Problem,
    p: Array,
    U: Array,
    near: Array,
    effort: Any,
    rng: np.random.Generator,
) -> Maxima:
    """Ascend on a sample of the rows, then from the best on all of them.

    What is near a maximum already ascends on all rows at once: on the sample it would
    take the places of new maxima.
    """
    if problem.n <= effort.rows or problem.atoms.order > 2:
        U = np.vstack([near, U])
    if problem.atoms.order > 2:
        return _distinct(*ascend_smooth(problem, p, U, effort, rng), problem.reach)
    size = problem.atoms.unit_cost
    if problem.n <= effort.rows:
        return _distinct(*_ascend(problem, p, U, effort.ascent, size), problem.reach)
    rows = np.sort(rng.choice(problem.n, effort.rows, replace=False))
    part = replace_rows(problem, rows)
    q = (problem.n / effort.rows) * p[rows]
    q -= part.w[:, None] * part.expand(part.moments(q / part.w[:, None]))
    best = _distinct(*_ascend(part, q, U, effort.ascent, size), problem.reach)
    top = np.vstack([best[0][: effort.full], near[: 2 * effort.full]])
    return _distinct(*_ascend(problem, p, top, effort.full_ascent, size), problem.reach)


def _ascend(problem: Problem, p: Array, U: Array, steps: int, size: float) -> Maxima:
    """Ascend in rounds: a few steps for all, more for the better, all for the best."""
    U = np.array(U, order="C")
    rows, t, values = np.arange(len(U)), np.empty(len(U)), np.empty(len(U))
    for share in (0.15, 0.35, 1.0):
        part = np.ascontiguousarray(U[rows])
        t[rows], values[rows] = _steps(problem, p, part, int(np.ceil(share * steps)))
        U[rows] = part
        keep = max(16, len(rows) // 3)
        rows = rows[np.argsort(-values[rows], kind="stable")[:keep]]
    return U, t, size * values


def _steps(problem: Problem, p: Array, U: Array, steps: int) -> tuple[Array, Array]:
    X, reach = problem.X, problem.reach
    with one_blas_thread():  # the starts fill all cores
        if p.shape[1] == 1:
            flat = np.ascontiguousarray(p[:, 0])
            eta, pivots = kernels.ascend_all(X, flat, U, reach, steps, 1e-12)
            values = np.abs(eta)
        else:
            p = np.ascontiguousarray(p)
            etas, pivots = kernels.ascend_all_joint(X, p, U, reach, steps, 1e-12)
            values = np.linalg.norm(etas, axis=1)
    return np.einsum("sd,sd->s", U, X[pivots]), values


def _distinct(U: Array, t: Array, values: Array, reach: float) -> Maxima:
    """Sort by value and drop what is close to an earlier maximum, up to sign."""
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > 0.0]
    U, t, values = U[order], t[order], values[order]
    kept: list[int] = []
    for k in range(len(t)):
        old = np.array(kept, dtype=np.intp)
        along = U[old] @ U[k]
        near = np.abs(values[old] - values[k]) <= 1e-7 * values[0]
        near &= np.abs(along) > 1.0 - 1e-9
        near &= np.abs(t[old] * np.where(along < 0.0, -1.0, 1.0) - t[k]) <= 1e-5 * reach
        if not near.any():
            kept.append(k)
        if len(kept) >= MOST:
            break
    return U[kept], t[kept], values[kept]
