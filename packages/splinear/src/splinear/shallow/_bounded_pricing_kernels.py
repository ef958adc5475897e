"""Bounds on |eta| over boxes of directions, compiled."""

import numpy as np
from numba import njit, prange


@njit(cache=True, parallel=True)
def bound_boxes(X, p, centers, halves, bounds, values, directions, pivots):
    """Bound |eta| over each box, and evaluate it at the best pivot of its centre.

    Parameters
    ----------
    X, p : (N, d) and (N, D) arrays
        Data, and dual rows without affine part.
    centers, halves : (B, d) arrays
        As in `Boxes`.
    bounds, values, directions, pivots : arrays, written
        (B,), (B,), (B, d) and (B,).
    """
    for b in prange(len(centers)):
        bounds[b], values[b], pivots[b] = _bound(
            X, p, centers[b], halves[b], directions[b]
        )


@njit(cache=True)
def _bound(X, p, center, half, u):
    """Bound |eta| over one box.

    A direction of the box is proportional to u + f with f orthogonal to the unit u of
    its centre, and dividing by |u + f| >= 1 lowers |eta|. With s = u.x, and R_i bounding
    |f.x_i|, replacing relu(s_i + f.x_i - t) by its tangent at f = 0 errs by at most
    (R_i - |s_i - t|)_+. Between data all terms are convex in t: only data count.
    """
    n, d = X.shape
    size = np.sqrt(np.dot(center, center))
    u[:] = center / size
    reach = half / (size - np.dot(half, np.abs(u)))
    s = X @ u
    R = np.zeros(n)
    for i in range(n):
        for j in range(d):
            R[i] += reach[j] * abs(X[i, j] - s[i] * u[j])
    order = np.argsort(-s)
    rest = _remainders(s, R, p, order)
    return _sweep(X, p, u, reach, s, order, rest)


@njit(cache=True)
def _remainders(s, R, p, order):
    """Sum ``|p_i| (R_i - |s_i - t|)_+`` for t at each datum, in the order given.

    From above to below: a tent begins at s + R, turns at s and ends at s - R.
    """
    n = len(s)
    mass = np.empty(n)
    for i in range(n):
        mass[i] = np.sqrt(np.dot(p[i], p[i]))
    first, last = np.argsort(-(s + R)), np.argsort(R - s)
    out = np.empty(n)
    level, slope, at = 0.0, 0.0, s[first[0]] + R[first[0]]
    a = c = 0
    for k in range(n):
        t = s[order[k]]
        while True:  # tents that begin or end above t
            begin = s[first[a]] + R[first[a]] if a < n else -np.inf
            end = s[last[c]] - R[last[c]] if c < n else -np.inf
            event = max(begin, end)
            if event <= t:
                break
            level += slope * (at - event)
            at = event
            if begin >= end:
                slope += mass[first[a]]
                a += 1
            else:
                slope += mass[last[c]]
                c += 1
        level += slope * (at - t)
        at = t
        out[k] = max(level, 0.0)
        slope -= 2.0 * mass[order[k]]
    return out


@njit(cache=True)
def _sweep(X, p, u, reach, s, order, rest):
    """Return the bound, the largest |eta| at u, and its pivot."""
    (n, d), D = X.shape, p.shape[1]
    eta, mass, slopes = np.zeros(D), np.zeros(D), np.zeros((d, D))
    bound, best, pivot = 0.0, -1.0, order[0]
    last = s[order[0]]
    for k in range(n):
        i = order[k]
        for c in range(D):
            eta[c] += (last - s[i]) * mass[c]
        last = s[i]
        value = np.sqrt(np.dot(eta, eta))
        if value > best:
            best, pivot = value, i
        bound = max(bound, value + _first_order(slopes, reach) + rest[k])
        for c in range(D):
            mass[c] += p[i, c]
            for j in range(d):
                slopes[j, c] += p[i, c] * (X[i, j] - s[i] * u[j])
        bound = max(bound, value + _first_order(slopes, reach) + rest[k])
    return bound, best, pivot


@njit(cache=True)
def _first_order(slopes, reach):
    total = 0.0
    for j in range(len(reach)):
        square = 0.0
        for c in range(slopes.shape[1]):
            square += slopes[j, c] ** 2
        total += reach[j] * np.sqrt(square)
    return total
