"""The reduced problem on a few knots: min c'Hc/2 - b'c + lam ||D c||_1.

H is tridiagonal (hat functions) and D takes differences of slopes.  With the sign of
every kink known it is a linear system, solved here to machine precision; the signs
come from `_interior_point`.
"""

import numpy as np
from numba import njit

from splinear.univariate._blocks_kernels import A00, A01, A11, B0, B1, add_interval


@njit(cache=True, error_model="numpy")
def hat_system(moments):
    """Diagonal and off-diagonal of H and the right-hand side b from hat moments."""
    k = moments.shape[0] + 1
    diag, off, rhs = np.zeros(k), np.zeros(k - 1), np.zeros(k)
    for j in range(k - 1):
        diag[j] += moments[j, A00]
        diag[j + 1] += moments[j, A11]
        off[j] = moments[j, A01]
        rhs[j] += moments[j, B0]
        rhs[j + 1] += moments[j, B1]
    return diag, off, rhs


@njit(cache=True, error_model="numpy")
def solve_tridiagonal(diag, off, rhs):
    """Solve a symmetric positive definite tridiagonal system by LDL'."""
    n = diag.size
    d, z = np.empty(n), np.empty(n)
    d[0], z[0] = diag[0], rhs[0]
    for j in range(1, n):
        m = off[j - 1] / d[j - 1]
        d[j] = diag[j] - m * off[j - 1]
        z[j] = rhs[j] - m * z[j - 1]
    z[n - 1] /= d[n - 1]
    for j in range(n - 2, -1, -1):
        z[j] = (z[j] - off[j] * z[j + 1]) / d[j]
    return z


@njit(cache=True, error_model="numpy")
def kinks(t, c):
    """Slope jumps of the linear spline through (t, c); zero at both ends."""
    a = np.zeros(t.size)
    before = (c[1] - c[0]) / (t[1] - t[0])
    for j in range(1, t.size - 1):
        after = (c[j + 1] - c[j]) / (t[j + 1] - t[j])
        a[j] = after - before
        before = after
    return a


@njit(cache=True, error_model="numpy")
def merge_moments(moments, t, keep):
    """Hat moments on the knots `keep` (indices into t) from those on all of t."""
    out = np.zeros((keep.size - 1, 6))
    for k in range(keep.size - 1):
        left, right = t[keep[k]], t[keep[k + 1]]
        for j in range(keep[k], keep[k + 1]):
            add_interval(out[k], moments[j], t[j], t[j + 1], left, right)
    return out


@njit(cache=True, error_model="numpy")
def solve_signed(moments, t, signs, lam):
    """Minimise with the sign of every kink fixed: a linear system."""
    diag, off, rhs = hat_system(moments)
    for j in range(1, t.size - 1):
        push = lam * signs[j]
        g0, g1 = push / (t[j] - t[j - 1]), push / (t[j + 1] - t[j])
        rhs[j - 1] -= g0
        rhs[j] += g0 + g1
        rhs[j + 1] -= g1
    return solve_tridiagonal(diag, off, rhs)


@njit(cache=True, error_model="numpy")
def polish(moments, t, signs, lam, cautious):
    """Solve with fixed signs, drop the knots that come out wrong, repeat.

    All wrong ones at once, or, if `cautious`, the worst alone: two neighbours may both
    be wrong only because of each other.  Returns the kept positions in t, their values and signs.
    """
    keep = np.flatnonzero(signs)
    ends = np.empty(keep.size + 2, dtype=np.int64)
    ends[0], ends[-1] = 0, t.size - 1
    ends[1:-1] = keep
    keep = ends
    while True:
        at, s = t[keep], signs[keep]
        c = solve_signed(merge_moments(moments, t, keep), at, s, lam)
        a = kinks(at, c)
        good = a * s > 0.0
        good[0] = good[-1] = True
        if good.all():
            return keep, c, s
        if cautious:
            worst = np.argmax(np.where(good, 0.0, np.abs(a)))
            good[:] = True
            good[worst] = False
        keep = keep[good]


@njit(cache=True, error_model="numpy")
def refine(moments, t, values, excess):
    """Correct values whose dual at the knots is off by `excess`.

    From ``b - H c = D'u``: adding H^{-1} D'(excess) moves the dual by -excess.  The
    right-hand side is small, so its rounding errors are, too, which those of
    ``b - lam D's`` in `solve_signed` are not when knots are dense.
    """
    diag, off, _ = hat_system(moments)
    rhs = np.zeros(t.size)
    for j in range(1, t.size - 1):
        g0, g1 = excess[j] / (t[j] - t[j - 1]), excess[j] / (t[j + 1] - t[j])
        rhs[j - 1] += g0
        rhs[j] -= g0 + g1
        rhs[j + 1] += g1
    return values + solve_tridiagonal(diag, off, rhs)
