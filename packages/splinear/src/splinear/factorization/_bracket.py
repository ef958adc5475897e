"""Bounds on the largest eigenvalue of the Hessian that need no iteration to trust.

All derived here, for this problem; up to rounding they are proofs.
"""

import numpy as np
from numpy.typing import NDArray

from splinear.factorization._chain import Chain, top_eigen
from splinear.factorization._gram import Gram

Array = NDArray[np.float64]

#: Alternations of the lower bound: each is a coordinate ascent step, all are bounds.
ROUNDS = 50
#: Relative progress that ends them.
STILL = 1e-13


def gram_lower(
    operator: Gram, v: Array, rounds: int = ROUNDS
) -> tuple[float, Array, Array]:
    """Bound J J^T from below by ``max <X, J J^T X>`` over X = u v^T of unit vectors.

    Alternates two small eigenproblems, from a unit vector v; every round is a bound.
    """
    d, n = operator.shape
    best, u = 0.0, np.zeros(d)
    for _ in range(rounds):
        _, u = top_eigen(_mix(_forms(operator.B, v), operator.A, d))
        value, v = top_eigen(_mix(_forms(operator.A, u), operator.B, n))
        if value <= best * (1.0 + STILL):
            break
        best = value
    return best, u, v


def _forms(family: list[Array | None], v: Array) -> list[float]:
    return [float(v @ v if M is None else v @ M @ v) for M in family]


def _mix(shares: list[float], family: list[Array | None], size: int) -> Array:
    """Return the sum of share times member."""
    total = np.zeros((size, size))
    for share, M in zip(shares, family, strict=True):
        total += share * (np.eye(size) if M is None else M)
    return total


def gram_upper(chain: Chain) -> float:
    """Bound J J^T from above by ``sum_i |S_i|^2 |R_i|^2``."""
    pairs = zip(chain.S_norms, chain.R_norms, strict=True)
    return float(sum((s * r) ** 2 for s, r in pairs))


def moment_upper(value: float, residual: float, fourth: float) -> float:
    """Bound J J^T from above, given a Ritz value of it and the trace of its 4th power.

    An eigenvalue lies within `residual` of `value`; any other has a fourth power of at
    most what that one leaves of the trace.
    """
    rest = max(fourth - max(value - residual, 0.0) ** 4, 0.0) ** 0.25
    return max(value + residual, rest)


def residual_term(chain: Chain) -> float:
    """Bound the norm of the part of the Hessian in which the residual stands.

    Twice c times ``sum_(i != j) <S_j^T E R_i^T, U_j M_ij U_i>``, of which each term is at
    most ``|S_j| |E| |R_i| |M_ij| |U_j|_F |U_i|_F``: the largest eigenvalue of an L x L
    matrix.
    """
    L = len(chain.W)
    size = np.linalg.norm(chain.E)
    if L == 1 or size == 0.0:
        return 0.0
    N = np.zeros((L, L))
    for j in range(L):
        for i in range(j):
            path = chain.S_norms[j] * chain.between(i, j) * chain.R_norms[i]
            N[i, j] = N[j, i] = size * path
    return 2.0 * chain.c * float(np.linalg.eigvalsh(N)[-1])


def one_sided_upper(operator: Gram, chain: Chain) -> float:
    """Bound J J^T from above by ``min(|sum |A_i| B_i|, |sum |B_i| A_i|)``."""
    d, n = operator.shape
    right = _mix([s * s for s in chain.S_norms], operator.B, n)
    left = _mix([r * r for r in chain.R_norms], operator.A, d)
    return min(top_eigen(right)[0], top_eigen(left)[0])
