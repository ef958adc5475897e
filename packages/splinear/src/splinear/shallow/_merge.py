"""Neurons of one cell become one: the sum of their vectors, never longer than both.

Two neurons whose coefficients point the same way add up to ``a relu(V.x - C)`` with V
and C the sums of their weights where no datum lies between their hyperplanes; the
penalty falls. Where a few data lie between, the sum is still taken if the objective
rises by no more than is allowed, since the descent that follows wins it back.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from splinear.shallow._problem import Neurons, Problem

Array = NDArray[np.float64]

#: Least cosine between directions, and between coefficients, of a pair that is tried.
ALIKE = 0.8


def merge(problem: Problem, neurons: Neurons, R: Array, allowed: float) -> Neurons:
    """Sum pairs, most alike first, while each raises the objective by `allowed` at most.

    Parameters
    ----------
    problem : Problem
    neurons : Neurons
    R : (N, D) array
        Pulls of the loss at the neurons.
    allowed : float
        In the units of the objective; zero merges what is equal on the data only.
    """
    if problem.atoms.order != 2 or problem.atoms.name != "relu":
        return neurons
    sizes, K = neurons.sizes, len(neurons.t)
    if K < 2:
        return neurons
    W, b = neurons.U * sizes[:, None], neurons.t * sizes
    Q = neurons.A / sizes[:, None]
    live = np.ones(K, dtype=bool)
    Z = problem.X @ W.T - b
    p = problem.w[:, None] * R
    for i, j in _pairs(neurons.U, Q):
        if not (live[i] and live[j]):
            continue
        V, C = W[i] + W[j], b[i] + b[j]
        q = sizes[i] * Q[i] + sizes[j] * Q[j]
        q /= np.linalg.norm(q)
        saved = sizes[i] + sizes[j] - float(np.linalg.norm(V))
        rise = _rise(Z[:, i], Z[:, j], p, problem.w, Q[i], Q[j], q)
        if rise - problem.alpha * saved > allowed:
            continue
        live[j] = False
        W[i], b[i], Q[i], sizes[i] = V, C, q, float(np.linalg.norm(V))
        Z[:, i] += Z[:, j]
    size = sizes[live, None]
    return Neurons(W[live] / size, b[live] / size[:, 0], Q[live] * size, neurons.S)


def _pairs(U: Array, Q: Array) -> list[tuple[int, int]]:
    along, same = U @ U.T, Q @ Q.T
    i, j = np.nonzero(np.triu((along >= ALIKE) & (same >= ALIKE), 1))
    order = np.argsort(-along[i, j], kind="stable")
    return list(zip(i[order].tolist(), j[order].tolist(), strict=True))


@njit(cache=True)
def _rise(z1, z2, p, w, q1, q2, q):
    """Second-order model of the rise of the loss (curvature one)."""
    D = q.size
    rise = 0.0
    for i in range(z1.size):
        both, one, two = max(z1[i] + z2[i], 0.0), max(z1[i], 0.0), max(z2[i], 0.0)
        for c in range(D):
            change = both * q[c] - one * q1[c] - two * q2[c]
            if change != 0.0:
                rise += change * (0.5 * w[i] * change - p[i, c])
    return rise
