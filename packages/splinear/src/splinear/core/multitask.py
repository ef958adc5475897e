"""Multi-task (group) lasso on the Gram matrix, with a duality gap for every answer.

Units are rows of Phi (K, N), outputs rows of Psi (D, N), and V is (D, K)::

    min_{V, b}  1 / (2 W) sum_i w_i |psi_i - V phi_i - b|^2 + lam sum_k omega_k |v_k|

A unit k that owns several rows (a channel, a head) pays the Frobenius norm of its block
of V. Nothing but matrix products sees the N samples: the rest works on Phi Phi' and
Psi Phi'.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from splinear.core._multitask_data import Gram as Gram
from splinear.core._multitask_data import gram_of as gram_of
from splinear.core._multitask_gram import GramSolution as GramSolution
from splinear.core._multitask_gram import (
    Problem,
    descend,
    diagonal_blocks,
    gap_of,
)
from splinear.core._multitask_kernels import bound_terms
from splinear.core.certificate import certify
from splinear.core.checks import check_scalar
from splinear.core.result import Result
from splinear.core.status import Status

Array = NDArray[np.float64]
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class MultitaskFit:
    """Coefficients of a multi-task lasso.

    Attributes
    ----------
    coef : (D, K) array
        V: one column a row of Phi, exactly zero where the unit is not used.
    intercept : (D,) array
        b; zeros without an intercept.
    dual : (D, N) array or None
        A feasible dual point of the interpolation problem (`multitask_lasso_dual`).
    """

    coef: Array
    intercept: Array
    dual: Array | None = None

    def __call__(self, Phi: Any) -> Array:
        """Return the outputs (D, N) for features (K, N)."""
        return self.coef @ np.asarray(Phi, dtype=np.float64) + self.intercept[:, None]

    @property
    def active(self) -> NDArray[np.int64]:
        """Positions of the columns of `coef` that are not zero."""
        return np.flatnonzero(self.coef.any(axis=0))


def solve_gram(
    G: Array,
    C: Array,
    y2: float,
    lam: float,
    weights: Array | None = None,
    *,
    first: Any = None,
    start: Array | None = None,
    tol: float = 1e-6,
    max_iter: int = 200,
) -> GramSolution:
    """Minimise <V, G V> / 2 - <V, C> + y2 / 2 + lam sum_k weights_k |v_k|, V (K, D).

    For callers in a loop: inputs are not checked. Here V has one *row* a unit, the
    transpose of `MultitaskFit.coef`.

    Parameters
    ----------
    G : (K, K) array
        Phi Phi' / W, symmetric, contiguous.
    C : (K, D) array
        Phi Psi' / W.
    y2 : float
        |Psi|^2 / W: it enters the objective and the gap only.
    lam : float, > 0
        In the units of C.
    weights : (K,) array, >= 0, optional
        Ones by default. Units of weight zero are not penalised: they are projected
        out first, so that the gap belongs to a dual point orthogonal to them.
    first : (K' + 1,) int array, optional
        Unit k owns the rows first[k]:first[k + 1]; one row each by default.
    start : (K, D) array, optional
        Where to start; warm starts along a path or over a growing set of units pay.
    tol : float, > 0
        The gap to reach, relative to the objective of the null model.
    max_iter : int, >= 0
        Rounds over a working set.

    Returns
    -------
    GramSolution
        coef, correlation C - G coef, objective, gap, rounds, converged.

    Examples
    --------
    Orthonormal units: each is shrunk by itself.

    >>> solve_gram(np.eye(2), np.array([[3.0], [0.5]]), 10.0, lam=1.0).coef
    array([[2.],
           [0.]])
    """
    first = np.arange(G.shape[0] + 1) if first is None else first
    weights = np.ones(first.size - 1) if weights is None else weights
    V = np.zeros(C.shape) if start is None else np.array(start, dtype=np.float64)
    if not weights.all():
        return _solve_projected(G, C, y2, lam, weights, first, V, tol, max_iter)
    Q = diagonal_blocks(G, first)
    if Q is not None:
        G, C, V = Q.T @ G @ Q, Q.T @ C, Q.T @ V
    C = np.ascontiguousarray(C)
    problem = Problem(np.ascontiguousarray(G), C, y2, lam * weights, first)
    found = descend(problem, np.ascontiguousarray(V), 0.5 * tol * y2, max_iter)
    if Q is not None:
        found = found._replace(coef=Q @ found.coef, correlation=Q @ found.correlation)
    return found


def _solve_projected(
    G: Array,
    C: Array,
    y2: float,
    lam: float,
    weights: Array,
    first: NDArray[np.int64],
    V: Array,
    tol: float,
    max_iter: int,
) -> GramSolution:
    # Schur complement of the free rows; G's pivoted Cholesky drops dependent ones.
    sizes = np.diff(first)
    free = np.repeat(weights == 0.0, sizes)
    u, p = np.flatnonzero(free), np.flatnonzero(~free)
    factor, pivots, rank, _ = lapack.dpstrf(G[np.ix_(u, u)])
    u = u[pivots[:rank] - 1]
    solved = lapack.dpotrs(factor[:rank, :rank], np.hstack([G[np.ix_(u, p)], C[u]]))[0]
    T, S = solved[:, : p.size], solved[:, p.size :]
    kept = weights > 0.0
    offsets = np.concatenate([[0], np.cumsum(sizes[kept])])
    reduced = G[np.ix_(p, p)] - G[np.ix_(p, u)] @ T
    found = solve_gram(
        0.5 * (reduced + reduced.T),
        C[p] - G[np.ix_(p, u)] @ S,
        max(0.0, y2 - float(np.vdot(C[u], S))),
        lam,
        weights[kept],
        first=offsets,
        start=V[p],
        tol=tol,
        max_iter=max_iter,
    )
    V, R = np.zeros_like(V), np.zeros_like(V)
    V[p], R[p] = found.coef, found.correlation
    V[u] = S - T @ found.coef
    return found._replace(coef=V, correlation=R)


def lam_max(
    Phi: Any,
    Psi: Any,
    *,
    weights: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    fit_intercept: bool = True,
    gram: Gram | None = None,
) -> float:
    """Return the least lam at which no penalised unit is used.

    Parameters
    ----------
    Phi, Psi, weights, groups, sample_weight, fit_intercept, gram
        As in `multitask_lasso`.

    Examples
    --------
    >>> round(lam_max(np.eye(2), np.eye(2), fit_intercept=False), 12)
    0.5
    """
    gram = gram or gram_of(Phi, Psi, weights, groups, sample_weight, fit_intercept)
    return float(np.max(gram.thresholds(gram.C), initial=0.0))


def multitask_lasso(
    Phi: Any,
    Psi: Any,
    lam: float,
    *,
    weights: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    fit_intercept: bool = True,
    tol: float = 1e-6,
    max_iter: int = 200,
    start: Any = None,
    gram: Gram | None = None,
) -> Result[MultitaskFit]:
    """Solve the multi-task lasso, features frozen, with a proven gap.

    Parameters
    ----------
    Phi : (K, N) array
        One row a feature, one column a sample (transposed to scikit-learn's X).
    Psi : (D, N) array
        Targets; (N,) for one output.
    lam : float, > 0
        scikit-learn's alpha. The limit of zero is `multitask_lasso_dual`.
    weights : (units,) array, >= 0, optional
        omega, ones by default; a unit of weight 0 is not penalised.
    groups : (K,) int array, optional
        Unit of each row of Phi, numbered from 0; by default each row is a unit.
    sample_weight : (N,) array, >= 0, optional
        w; W is its sum.
    fit_intercept : bool
        Whether b is free; otherwise it is zero.
    tol : float, > 0
        Relative gap to reach, as `core.relative_gap` defines it.
    max_iter : int, >= 0
        Rounds over a working set.
    start : (D, K) array, optional
        Coefficients to start from.
    gram : Gram, optional
        From `gram_of` on the same data: saves its cost at further lam. weights, groups,
        sample_weight and fit_intercept are then those it was made with.

    Returns
    -------
    Result of MultitaskFit

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite or lam is not positive.

    Notes
    -----
    The gap is computed from the residuals on the data, not from the Gram matrix, so it
    also covers what forming that matrix rounds away; where rounding keeps it above
    `tol` one more solve starts from those residuals, and the status is STALLED if that
    does not help. scikit-learn's MultiTaskLasso has the same objective at alpha = lam.

    Examples
    --------
    The Fermat problem of three units for two outputs; its penalised objective is known.

    >>> Phi = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> lam = 0.1 * np.sqrt(0.5)
    >>> result = multitask_lasso(Phi, np.eye(2), lam, fit_intercept=False)
    >>> round(result.objective, 6)
    0.126603
    """
    lam = check_scalar("lam", lam, low=0.0, strict=True)
    gram = gram or gram_of(Phi, Psi, weights, groups, sample_weight, fit_intercept)
    return _fit(gram, lam, tol, max_iter, start)


def _fit(
    gram: Gram, lam: float, tol: float, max_iter: int, start: Any
) -> Result[MultitaskFit]:
    tol = check_scalar("tol", tol, low=0.0, strict=True)
    level = gram.levels(lam)
    scale = max(0.5 * gram.y2, _EPS * gram.energy, np.finfo(np.float64).tiny)
    V = gram.inward(start)
    problem = Problem(gram.G, gram.C, gram.y2, level, gram.first)
    rotation = _output_rotation(gram.C)
    if rotation is not None:
        problem = problem._replace(C=np.ascontiguousarray(gram.C @ rotation))
        V = V @ rotation
    found = descend(problem, np.ascontiguousarray(V), 0.5 * tol * scale, max_iter)
    rounds, best = found.rounds, None
    for _ in range(3):  # the second and third solve refine what the Gram form rounded
        V = found.coef if rotation is None else found.coef @ rotation.T
        R, loss = gram.residual_terms(V)
        exact = Problem(gram.G, R + gram.G @ V, loss, level, gram.first)
        objective, gap = _exact_gap(exact, V, R, loss)
        if best is None or gap < best[2]:
            best = V, objective, gap
        if best[2] <= tol * scale or not found.converged or best[2] < gap:
            break
        found = descend(
            exact._replace(y2=loss + float(np.vdot(V, exact.C + R))),
            np.ascontiguousarray(V),
            0.1 * tol * scale,
            max_iter,
            np.ascontiguousarray(R),
        )
        rotation, rounds = None, rounds + found.rounds
    V, objective, gap = cast(tuple[Array, float, float], best)
    status = Status.CONVERGED
    if not gap <= tol * scale:
        status = Status.MAX_ITER if found.rounds >= max_iter else Status.STALLED
    unit = gram.target_scale**2
    certificate = certify("exact", objective * unit, gap * unit, scale * unit)
    coef = gram.outward(V)
    value = MultitaskFit(coef, gram.intercept(coef))
    active = int(np.count_nonzero(gram.norms(V)))
    stats = {"n_iter": rounds, "active": active}
    return Result(value, status, certificate, objective * unit, stats)


def _exact_gap(
    problem: Problem, V: Array, R: Array, loss: float
) -> tuple[float, float]:
    # `gap_of` with the loss from the data: y2 is chosen so that it comes out.
    y2 = loss + float(np.vdot(V, problem.C)) + float(np.vdot(V, R))
    problem = problem._replace(y2=y2)
    objective, gap, _, _ = gap_of(problem, np.ascontiguousarray(V), R)
    return objective, gap


def _output_rotation(C: Array) -> Array | None:
    """Return an orthonormal basis (D, r) of the row space of C if r < D.

    Columns of a solution lie in it: projecting onto it keeps <V, C> and lowers the
    norms. The penalty is blind to rotations, so r outputs suffice.
    """
    K, D = C.shape
    if D < 2:
        return None
    factor, _, tau, _, _ = lapack.dgeqp3(C.T)
    diagonal = np.abs(np.diag(factor))
    floor = max(K, D) * _EPS * (diagonal[0] if diagonal.size else 0.0)
    rank = max(1, int(np.count_nonzero(diagonal > floor)))
    if rank == D:
        return None
    return lapack.dorgqr(factor[:, :rank].copy(order="F"), tau[:rank])[0]


def multitask_path(
    Phi: Any,
    Psi: Any,
    lams: Iterable[float] | None = None,
    *,
    n: int = 30,
    ratio: float = 1e-3,
    weights: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    fit_intercept: bool = True,
    tol: float = 1e-6,
    max_iter: int = 200,
) -> tuple[Array, list[Result[MultitaskFit]]]:
    """Solve along decreasing lam, each from the solution before.

    Parameters
    ----------
    Phi, Psi, weights, groups, sample_weight, fit_intercept, tol, max_iter
        As in `multitask_lasso`.
    lams : floats > 0, optional
        By default `n` values, geometric, from `lam_max` to `ratio` times it.
    n : int, >= 1
        Number of values.
    ratio : float, in (0, 1)
        Least over greatest.

    Returns
    -------
    lams : (n,) array, decreasing
    results : list of Result

    Examples
    --------
    >>> lams, results = multitask_path(np.eye(2), np.eye(2), n=3, fit_intercept=False)
    >>> [result.value.active.size for result in results]
    [0, 2, 2]
    """
    gram = gram_of(Phi, Psi, weights, groups, sample_weight, fit_intercept)
    if lams is None:
        top = lam_max(Phi, Psi, gram=gram)
        lams = np.geomspace(top, ratio * top, n) if top > 0.0 else [1.0]
    values = np.sort(np.array(list(lams), dtype=np.float64))[::-1]
    results: list[Result[MultitaskFit]] = []
    for lam in values:
        start = results[-1].value.coef if results else None
        results.append(_fit(gram, _check_lam(lam), tol, max_iter, start))
    return values, results


def _check_lam(lam: Any) -> float:
    return check_scalar("lam", float(lam), low=0.0, strict=True)


def multitask_constrained(
    Phi: Any,
    Psi: Any,
    tolerance: float,
    *,
    weights: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    fit_intercept: bool = True,
    tol: float = 1e-6,
    max_iter: int = 200,
) -> Result[MultitaskFit]:
    """Minimise sum_k omega_k |v_k| subject to |V Phi + b - Psi| <= tolerance * |Psi|.

    |Psi| is that of the null model's residual (centred, if there is an intercept).

    Parameters
    ----------
    Phi, Psi, weights, groups, sample_weight, fit_intercept, max_iter
        As in `multitask_lasso`.
    tolerance : float, 0 < tolerance < 1
        Below the relative error of least squares there is no solution.
    tol : float, > 0
        Relative gap: (norm - proven lower bound) / norm.

    Returns
    -------
    Result of MultitaskFit
        The objective is the norm; ``stats["lam"]`` the multiplier. The value is always
        feasible.

    Raises
    ------
    ValueError
        If no coefficients come that close.

    Notes
    -----
    The residual grows with lam: safeguarded interpolation in log lam with warm starts.
    A penalised problem with bound B proves ``norm >= (B - tolerance^2 y2 / 2) / lam``.

    Examples
    --------
    The Fermat problem at a fifth of its norm of targets: residual 2 lam / lam_max.

    >>> Phi = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> result = multitask_constrained(
    ...     Phi, np.eye(2), 0.2 / np.sqrt(2), fit_intercept=False
    ... )
    >>> round(result.stats["lam"], 6)
    0.070711
    """
    tolerance = check_scalar("tolerance", tolerance, low=0.0, high=1.0, strict=True)
    gram = gram_of(Phi, Psi, weights, groups, sample_weight, fit_intercept)
    floor = gram.least_squares_error()
    if floor > tolerance:
        raise ValueError(
            f"tolerance must be at least {floor:.3e}, the relative error of least "
            f"squares on all units; got {tolerance}"
        )
    high = lam_max(Phi, Psi, gram=gram)
    low, start, best, bound = 0.0, None, None, 0.0
    # An objective within g leaves the residual itself uncertain by the root of g.
    inner, delta2 = (
        max(1e-2 * tol**2, 1e-13),
        tolerance**2 * gram.y2 * gram.target_scale**2,
    )
    lam, points = high * tolerance, []
    while len(points) < 60:
        result = _fit(gram, lam, inner, max_iter, start)
        start = result.value.coef
        norm = gram.penalty(start)
        error2 = 2.0 * (result.objective - lam * norm)
        bound = max(bound, (result.certificate.bound - 0.5 * delta2) / lam)
        points.append((np.log(lam), np.log(max(error2, _EPS * delta2) / delta2)))
        if error2 <= delta2 * (1.0 + 4.0 * _EPS):
            low = lam
            if best is None or norm < best[0]:
                best = norm, lam, result
        else:
            high = lam
        if best is not None and best[0] - bound <= tol * best[0]:
            break
        lam = _next_lam(points, low, high, -0.2 * tol)
    if best is None:
        raise ValueError(
            f"tolerance must exceed what floating point can reach ({floor:.1e} by "
            f"least squares); got {tolerance}: use multitask_lasso_dual to interpolate"
        )
    norm, lam, result = best
    gap = max(0.0, norm - bound)
    status = Status.CONVERGED if gap <= tol * norm else Status.STALLED
    stats = {"n_iter": len(points), "lam": lam, "active": result.value.active.size}
    certificate = certify("exact", norm, gap, norm or 1.0)
    return Result(result.value, status, certificate, norm, stats)


def _next_lam(
    points: list[tuple[float, float]], low: float, high: float, aim: float
) -> float:
    # Secant on log residual over log lam (slope 2 while the support stays), aiming
    # just below the limit; bisection where it leaves the bracket, and now and then.
    (x, y), slope = points[-1], 2.0
    if len(points) > 1 and points[-2][0] != x:
        slope = max(0.05, (y - points[-2][1]) / (x - points[-2][0]))
    guess = float(np.exp(x + (aim - y) / slope))
    if low < guess < high and len(points) % 6:
        return guess
    return float(np.sqrt(low * high)) if low else 0.1 * high


def multitask_lasso_dual(
    Phi: Any,
    Psi: Any,
    *,
    weights: Any = None,
    groups: Any = None,
    fit_intercept: bool = True,
    tol: float = 1e-6,
    max_iter: int = 100,
) -> Result[MultitaskFit]:
    """Minimise sum_k omega_k |v_k| subject to V Phi + b = Psi, with a dual point.

    The dual is ``max <Lambda, Psi>`` subject to ``|Lambda phi_k| <= omega_k``.

    Parameters
    ----------
    Phi, Psi, weights, groups, fit_intercept
        As in `multitask_lasso`; meant for N D up to some 5000.
    tol : float, > 0
        Relative gap (norm - <Lambda, Psi>) / norm, and error of the interpolation
        relative to |Psi|.
    max_iter : int, >= 1
        Penalised problems to solve.

    Returns
    -------
    Result of MultitaskFit
        ``value.dual`` is Lambda (D, N), feasible; the objective is the norm and
        ``stats["error"]`` the largest error of the interpolation.

    Raises
    ------
    ValueError
        If Psi is not in the span of the features.

    Notes
    -----
    The method of multipliers: with Lambda from the problem before, solve the penalised
    problem with targets ``Psi + lam N Lambda``; its scaled residual is the next, feasible
    Lambda. The steps converge in a finite number up to the accuracy of the inner ones.

    Examples
    --------
    The Fermat problem, whose optimum is (1 + sqrt 3) / sqrt 2:

    >>> Phi = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> result = multitask_lasso_dual(Phi, np.eye(2), fit_intercept=False)
    >>> round(result.objective, 6)
    1.931852
    """
    gram = gram_of(Phi, Psi, weights, groups, None, fit_intercept)
    floor = gram.least_squares_error()
    if floor > max(1e-9, tol):
        raise ValueError(
            f"Psi must lie in the span of the features; least squares leaves {floor:.1e}"
            " of it: use multitask_lasso"
        )
    return _multipliers(gram, tol, max_iter)


def _multipliers(gram: Gram, tol: float, max_iter: int) -> Result[MultitaskFit]:
    lam = 0.05 * float(np.max(gram.thresholds(gram.C), initial=0.0)) or 1.0
    problem = Problem(gram.G, gram.C, gram.y2, gram.levels(lam), gram.first)
    # Lam is kept as an (N, D) array in scaled, weighted coordinates, times lam.
    multiplier = np.zeros_like(gram.Psi)
    V, best = np.zeros(gram.C.shape), None
    steps = 0
    while steps < max_iter:
        steps += 1
        target = gram.Psi + multiplier
        shifted = problem._replace(
            C=np.ascontiguousarray((target @ gram.Phi.T).T),
            y2=float(np.vdot(target, target)),
        )
        penalty = float(problem.level @ gram.norms(V))
        accuracy = 1e-3 * tol * max(penalty, 1e-3 * gram.y2)
        V = descend(shifted, V, accuracy, 200).coef
        multiplier = target - V.T @ gram.Phi
        R = np.ascontiguousarray((multiplier @ gram.Phi.T).T)
        sup, norm, _, _, _ = bound_terms(V, R, problem.level, problem.first)
        bound = float(np.vdot(multiplier, gram.Psi)) / max(1.0, sup)
        polished = _interpolating(gram, V)
        error = gram.interpolation_error(polished)
        norm = float(problem.level @ gram.norms(polished))
        gap = max(0.0, norm - bound)
        if best is None or gap + norm * error < best[0]:
            merit = gap + norm * error
            best = merit, polished, multiplier / max(1.0, sup), norm, gap, error
        if gap <= tol * norm and error <= tol:
            break
    assert best is not None
    _, V, multiplier, norm, gap, error = best
    unit = gram.target_scale**2 / lam
    dual = gram.dual(multiplier) * (gram.target_scale / lam)
    coef = gram.outward(V)
    value = MultitaskFit(coef, gram.intercept(coef), dual)
    solved = gap <= tol * norm and error <= tol
    status = Status.CONVERGED if solved else Status.MAX_ITER
    active = int(np.count_nonzero(gram.norms(V)))
    stats = {"n_iter": steps, "error": error, "active": active}
    certificate = certify("exact", norm * unit, gap * unit, (norm * unit) or 1.0)
    return Result(value, status, certificate, norm * unit, stats)


def _interpolating(gram: Gram, V: Array) -> Array:
    # The smallest change of the active rows that interpolates.
    used = np.flatnonzero(V.any(axis=1))
    if used.size == 0:
        return V
    rest = gram.Psi - V.T @ gram.Phi
    change = np.linalg.lstsq(gram.Phi[used].T, rest.T, rcond=1e-12)[0]
    V = V.copy()
    V[used] += change
    return V
