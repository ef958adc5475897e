"""Compiled passes over sorted rows."""

import numpy as np
from numba import njit


@njit(cache=True)
def merge_ties(x, y, w):
    """Merge rows of equal `x`: sites, weighted means, weights and the lost loss."""
    n, distinct = x.size, 1
    for i in range(1, n):
        distinct += x[i] != x[i - 1]
    if distinct == n:
        return x, y, w, 0.0
    sites, means, weights = np.empty(distinct), np.empty(distinct), np.empty(distinct)
    lost, k, i = 0.0, 0, 0
    while i < n:
        j, mass, mean = i, 0.0, 0.0
        # Welford's update: exact for equal y, and no cancellation at large offsets.
        while j < n and x[j] == x[i]:
            mass += w[j]
            step = y[j] - mean
            mean += step * (w[j] / mass)
            lost += 0.5 * w[j] * step * (y[j] - mean)
            j += 1
        sites[k], means[k], weights[k] = x[i], mean, mass
        k, i = k + 1, j
    return sites, means, weights, lost
