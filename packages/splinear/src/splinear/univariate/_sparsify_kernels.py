"""Compiled passes behind `sparsify`: straight stretches and pairs of kinks."""

import numpy as np
from numba import njit


@njit(cache=True)
def corners(x, v, tol):
    """Indices of the corners of the line through the points, ends included.

    A site is no corner if the chord between the corners around it passes within
    `tol` of its value. The cone of chords that have met all bands so far is kept, so
    that a long, gently bent stretch is not taken for straight because each of its
    kinks alone is small.
    """
    n = x.size
    found = np.empty(n, dtype=np.int64)
    found[0] = 0
    count, start, low, high = 1, 0, -np.inf, np.inf
    for j in range(1, n):
        slope = (v[j] - v[start]) / (x[j] - x[start])
        if not low <= slope <= high:
            start = j - 1
            found[count] = start
            count += 1
            low, high = -np.inf, np.inf
        gap = x[j] - x[start]
        low = max(low, (v[j] - tol[j] - v[start]) / gap)
        high = min(high, (v[j] + tol[j] - v[start]) / gap)
    if n > 1:
        found[count] = n - 1
        count += 1
    return found[:count]


@njit(cache=True)
def pair(knots, jumps, site, room):
    """Mark merges: knot k and its right neighbour become one knot ``spots[k]``.

    A pair stands at neighbouring sites, bends the same way, and its sites are more
    than `room` apart. Runs are paired from the left, which leaves the last knot of an
    odd run alone.
    """
    size = knots.size
    first = np.zeros(size, dtype=np.bool_)
    spots = knots.copy()
    k = 0
    while k + 1 < size:
        gap = knots[k + 1] - knots[k]
        neighbours = site[k] >= 0 and site[k + 1] == site[k] + 1
        if neighbours and jumps[k] * jumps[k + 1] > 0.0 and gap > room:
            share = 1.0 / (1.0 + jumps[k] / jumps[k + 1])
            spot = knots[k] + gap * share
            if knots[k] < spot < knots[k + 1]:
                first[k], spots[k] = True, spot
                k += 1
        k += 1
    return first, spots
