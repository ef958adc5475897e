"""Ascent of |eta| for neurons of order above 2, which is then differentiable.

All starts move at once: a gradient step on the sphere of directions and on offsets,
with a step size of its own for each start, doubled after success and quartered after
failure. Offsets begin at the best of a few quantiles.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.shallow._problem import Problem

Array = NDArray[np.float64]

#: Quantiles of the projections that are tried as first offsets.
QUANTILES = np.linspace(0.02, 0.98, 13)
#: Starts that move together: their activations fit into memory at a million rows.
BATCH_ENTRIES = 2**22


def ascend_smooth(
    problem: Problem, p: Array, U: Array, effort: Any, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return directions, offsets and values of the maxima reached from rows of U."""
    if problem.n > effort.rows:
        rows = np.sort(rng.choice(problem.n, effort.rows, replace=False))
        X, q = problem.X[rows], p[rows] * (problem.n / effort.rows)
    else:
        X, q = problem.X, p
    size = max(1, BATCH_ENTRIES // len(X))
    parts = [
        _ascend(problem, X, q, U[low : low + size], effort.ascent)
        for low in range(0, len(U), size)
    ]
    directions, offsets = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(-_sizes(_etas(problem, X, q, directions, offsets)))
    order = order[:64]
    directions, offsets = directions[order], offsets[order]
    values = _sizes(_etas(problem, problem.X, p, directions, offsets))
    return directions, offsets, values


def _etas(problem: Problem, X: Array, p: Array, U: Array, t: Array) -> Array:
    return problem.atoms.evaluate(X @ U.T, t).T @ p


def _sizes(etas: Array) -> Array:
    return np.linalg.norm(etas, axis=1)


def _ascend(
    problem: Problem, X: Array, p: Array, U: Array, steps: int
) -> tuple[Array, Array]:
    U, t = U.copy(), _first_offsets(problem, X, p, U)
    value, gU, gt = _gradient(problem, X, p, U, t)
    step = np.full(len(t), 0.1)
    for _ in range(2 * steps):
        norm = np.maximum(np.sqrt(_sizes(gU) ** 2 + gt**2), 1e-300)
        new_U = U + (step / norm)[:, None] * gU
        new_U /= _sizes(new_U)[:, None]
        new_t = t + problem.reach * step / norm * gt
        found = _gradient(problem, X, p, new_U, new_t)
        better = found[0] > value
        U[better], t[better] = new_U[better], new_t[better]
        value[better], gU[better], gt[better] = (part[better] for part in found)
        step = np.where(better, 2.0 * step, 0.25 * step)
        if step.max() < 1e-9:
            break
    return U, t


def _gradient(
    problem: Problem, X: Array, p: Array, U: Array, t: Array
) -> tuple[Array, Array, Array]:
    """Value, and its gradients along the sphere and in t in units of the reach."""
    Z = X @ U.T
    eta = problem.atoms.evaluate(Z, t).T @ p
    value = _sizes(eta)
    pull = p @ (eta / np.maximum(value, 1e-300)[:, None]).T  # (n, S)
    slopes = problem.atoms.derivative(Z, t) * pull
    gU = slopes.T @ X
    gU -= np.einsum("sd,sd->s", gU, U)[:, None] * U
    return value, gU, -problem.reach * slopes.sum(axis=0)


def _first_offsets(problem: Problem, X: Array, p: Array, U: Array) -> Array:
    Z = X @ U.T
    grid = np.quantile(Z, QUANTILES, axis=0)
    values = [_sizes(problem.atoms.evaluate(Z, t).T @ p) for t in grid]
    best = np.argmax(values, axis=0)
    return grid[best, np.arange(len(U))]
