"""Block sums of sorted data: what a pass needs to know where nothing happens.

A block is `size` consecutive sites; block b owns sites [b*size, (b+1)*size) and ends
at the first site of the next block (the last block at the last site).  With
``t in [0, 1]`` the position inside the block its six hat moments are

    A00 = sum w (1-t)^2, A01 = sum w t (1-t), A11 = sum w t^2,
    B0 = sum w p (1-t),  B1 = sum w p t,      C = sum w p^2,

all in local coordinates, so that nothing cancels at large offsets.
"""

import numpy as np
from numba import njit

A00, A01, A11, B0, B1, C = range(6)


@njit(cache=True, error_model="numpy")
def _add_points(out, x, p, w, first, last, left, right):
    """Add sites [first, last) to the hat moments of the interval [left, right]."""
    scale = 1.0 / (right - left)
    a00, a01, a11, b0, b1, c = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(first, last):
        t = (x[i] - left) * scale
        s = (right - x[i]) * scale
        a00 += w[i] * s * s
        a01 += w[i] * s * t
        a11 += w[i] * t * t
        b0 += w[i] * p[i] * s
        b1 += w[i] * p[i] * t
        c += w[i] * p[i] * p[i]
    out[A00] += a00
    out[A01] += a01
    out[A11] += a11
    out[B0] += b0
    out[B1] += b1
    out[C] += c


@njit(cache=True, error_model="numpy")
def add_interval(out, moments, begin, end, left, right):
    """Add moments of the interval [begin, end] to those of [left, right] around it."""
    scale = 1.0 / (right - left)
    t0, t1 = (begin - left) * scale, (end - left) * scale
    s0, s1 = (right - begin) * scale, (right - end) * scale
    m00, m01, m11 = moments[A00], moments[A01], moments[A11]
    out[A00] += s0 * s0 * m00 + 2.0 * s0 * s1 * m01 + s1 * s1 * m11
    out[A01] += s0 * t0 * m00 + (s0 * t1 + s1 * t0) * m01 + s1 * t1 * m11
    out[A11] += t0 * t0 * m00 + 2.0 * t0 * t1 * m01 + t1 * t1 * m11
    out[B0] += s0 * moments[B0] + s1 * moments[B1]
    out[B1] += t0 * moments[B0] + t1 * moments[B1]
    out[C] += moments[C]


@njit(cache=True, error_model="numpy")
def block_moments(x, p, w, size):
    """Hat moments of all blocks, shape (n_blocks, 6); one pass."""
    n = x.size
    count = max(1, (n - 1) // size)
    out = np.zeros((count, 6))
    for b in range(count):
        first = b * size
        last = n if b == count - 1 else first + size
        right = x[n - 1] if b == count - 1 else x[last]
        _add_points(out[b], x, p, w, first, last, x[first], right)
    return out


@njit(cache=True, error_model="numpy")
def interval_moments(x, p, w, blocks, size, knots):
    """Hat moments between consecutive knots (site indices), shape (K-1, 6).

    Whole blocks enter through their sums, the ends of an interval site by site.
    """
    n, count = x.size, blocks.shape[0]
    out = np.zeros((knots.size - 1, 6))
    for k in range(knots.size - 1):
        i0, i1 = knots[k], knots[k + 1]
        left, right = x[i0], x[i1]
        stop = i1 + 1 if i1 == n - 1 else i1
        b0, b1 = (i0 + size - 1) // size, min(i1 // size, count - 1)
        if i1 == n - 1:
            b1 = count
        head = min(b0 * size, stop) if b0 < b1 else stop
        _add_points(out[k], x, p, w, i0, head, left, right)
        if b0 < b1:
            for b in range(b0, b1):
                end = x[n - 1] if b == count - 1 else x[(b + 1) * size]
                add_interval(out[k], blocks[b], x[b * size], end, left, right)
            if b1 < count:
                _add_points(out[k], x, p, w, b1 * size, stop, left, right)
    return out
