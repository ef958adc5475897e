"""Sums of many neurons at many points, by cells of neighbouring points.

A tree halves the points. On a cell, the points within rho of c, a neuron is zero
(u . c - t <= -rho), linear (u . c - t >= rho) or bends there; linear ones are summed
into one affine function, and only those that bend go down to the halves. On a cell of
diameter rho these are the share rho / R of all: the sum over neurons becomes short.

Neurons keep their order, so that appended ones which are zero change no bit.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def _select(X, order, lo, hi, k, j):
    """Partly sort order[lo:hi] by column j, so that position k is in its place."""
    hi -= 1
    while lo < hi:
        pivot = X[order[(lo + hi) // 2], j]
        a, b = lo, hi
        while a <= b:
            while X[order[a], j] < pivot:
                a += 1
            while X[order[b], j] > pivot:
                b -= 1
            if a <= b:
                order[a], order[b] = order[b], order[a]
                a += 1
                b -= 1
        if k <= b:
            hi = b
        elif k >= a:
            lo = a
        else:
            return


@njit(cache=True)
def _widest(X, order, lo, hi):
    best, widest = 0, -1.0
    for j in range(X.shape[1]):
        low = high = X[order[lo], j]
        for i in range(lo + 1, hi):
            low = min(low, X[order[i], j])
            high = max(high, X[order[i], j])
        if high - low > widest:
            best, widest = j, high - low
    return best


@njit(cache=True)
def sort_cells(X, depth):
    """Return an order of the points in which every cell of the tree is a slice."""
    order = np.arange(X.shape[0])
    for level in range(depth):
        cells = 1 << level
        for cell in range(cells):
            lo, hi = bounds(X.shape[0], cell, level)
            mid = (lo + hi) // 2
            if hi - lo > 1:
                _select(X, order, lo, hi, mid, _widest(X, order, lo, hi))
    return order


@njit(cache=True)
def bounds(n, cell, level):
    """Return the slice of a cell: at each level its halves meet at (lo + hi) // 2."""
    lo, hi = 0, n
    for back in range(level - 1, -1, -1):
        mid = (lo + hi) // 2
        if (cell >> back) & 1:
            lo = mid
        else:
            hi = mid
    return lo, hi


@njit(cache=True)
def balls(X, depth):
    """Return centre and radius of every cell; X is in the order of the cells."""
    d = X.shape[1]
    count = (1 << (depth + 1)) - 1
    centers, radii = np.zeros((count, d)), np.zeros(count)
    for level in range(depth + 1):
        for cell in range(1 << level):
            lo, hi = bounds(X.shape[0], cell, level)
            at = (1 << level) - 1 + cell
            if lo < hi:
                for j in range(d):
                    column = X[lo:hi, j]
                    centers[at, j] = 0.5 * (column.min() + column.max())
            for i in range(lo, hi):
                far = 0.0
                for j in range(d):
                    far += (X[i, j] - centers[at, j]) ** 2
                radii[at] = max(radii[at], far)
            radii[at] = np.sqrt(radii[at])
    return centers, radii


@njit(cache=True)
def _sift(u, t, v, center, rho, lists, sizes, level, slopes, levels):
    """Keep what bends in the cell; add what is linear to slopes and levels."""
    d = u.shape[1]
    size = 0.0
    for j in range(d):
        size += abs(center[j])
    slack = rho + 1e-12 * (rho + size)  # above any rounding of u . c - t
    parent, kept = lists[level], lists[level + 1]
    count = 0
    slopes[level + 1] = slopes[level]
    levels[level + 1] = levels[level]
    for i in range(sizes[level]):
        k = parent[i]
        z = -t[k]
        for j in range(d):
            z += u[k, j] * center[j]
        if z > slack:
            levels[level + 1] += v[k] * t[k]
            for j in range(d):
                slopes[level + 1, j] += v[k] * u[k, j]
        elif z >= -slack:
            kept[count] = k
            count += 1
    sizes[level + 1] = count


@njit(cache=True)
def _project(P, w, k, t, z):
    """Write w[k] . x - t of the points of a cell to z."""
    d, n = P.shape
    first = w[k, 0]
    for i in range(n):
        z[i] = first * P[0, i] - t
    for j in range(1, d):
        next_ = w[k, j]
        for i in range(n):
            z[i] += next_ * P[j, i]


@njit(cache=True)
def _cell_values(P, u, t, v, kept, slopes, levels, level):
    """Return the values in a cell; P, a copy, lies together in the cache, (d, n)."""
    n = P.shape[1]
    out, z = np.zeros((1, n)), np.empty(n)
    _project(P, slopes, level, levels[level], z)
    for i in range(n):
        out[0, i] += z[i]
    for k in kept:
        _project(P, u, k, t[k], z)
        vk = v[k]
        for i in range(n):
            out[0, i] += vk * (z[i] if z[i] > 0.0 else 0.0)
    return out


@njit(cache=True)
def _cell_gradients(P, u, t, v, kept, slopes, level):
    d, n = P.shape
    out, z = np.zeros((d, n)), np.empty(n)
    for j in range(d):
        out[j] = slopes[level, j]
    for k in kept:
        _project(P, u, k, t[k], z)
        vk = v[k]
        for i in range(n):
            z[i] = vk if z[i] > 0.0 else 0.0
        for j in range(d):
            w = u[k, j]
            for i in range(n):
                out[j, i] += w * z[i]
    return out


@njit(cache=True)
def add_neurons(XT, centers, radii, depth, u, t, v, out, gradients):
    """Add to out, (1, n) values or (d, n) gradients, what the neurons give at XT."""
    d, n = XT.shape
    lists = np.empty((depth + 2, len(t)), np.int64)
    lists[0] = np.arange(len(t))
    sizes = np.zeros(depth + 2, np.int64)
    sizes[0] = len(t)
    slopes, levels = np.zeros((depth + 2, d)), np.zeros(depth + 2)
    cell, level = 0, 0  # depth first: a cell, its left half, ..., its right half
    while True:
        at = (1 << level) - 1 + cell
        _sift(u, t, v, centers[at], radii[at], lists, sizes, level, slopes, levels)
        if level < depth:
            cell, level = 2 * cell, level + 1
            continue
        lo, hi = bounds(n, cell, level)
        kept = lists[level + 1][: sizes[level + 1]]
        P, below = XT[:, lo:hi].copy(), level + 1
        if gradients:
            out[:, lo:hi] += _cell_gradients(P, u, t, v, kept, slopes, below)
        else:
            out[:, lo:hi] += _cell_values(P, u, t, v, kept, slopes, levels, below)
        while cell & 1:  # a right half ends its parent
            cell, level = cell >> 1, level - 1
        if level == 0:
            return
        cell += 1
