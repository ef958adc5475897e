"""One sweep over a block of activations, forwards and backwards."""

import numpy as np
from numba import njit


@njit(cache=True)
def activate(Z, b, p, below, above):
    """Overwrite Z by ``rho(Z - b)``; return ``rho'(Z - b)``."""
    slopes = np.empty_like(Z)
    for i in range(Z.shape[0]):
        for k in range(Z.shape[1]):
            z = Z[i, k] - b[k]
            side = above if z > 0.0 else below
            if p == 1:
                slopes[i, k] = side
                Z[i, k] = side * z
            else:
                power = side * z ** (p - 1)
                slopes[i, k] = p * power
                Z[i, k] = power * z
    return slopes


@njit(cache=True)
def pull_back(slopes, P, V):
    """Overwrite slopes by ``slopes * (P V')``; return the sums of its columns."""
    n, K = slopes.shape
    single = P.shape[1] == 1
    back = P if single else P @ V.T
    sums = np.zeros(K)
    for i in range(n):
        for k in range(K):
            factor = back[i, 0] * V[k, 0] if single else back[i, k]
            slopes[i, k] *= factor
            sums[k] += slopes[i, k]
    return sums
