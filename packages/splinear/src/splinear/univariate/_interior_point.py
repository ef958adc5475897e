"""Interior point method for the reduced problem: which kinks are not zero?

``min c'Hc/2 - b'c + lam ||D c||_1`` on the values c at a few knots has the optimality
conditions ``H c - b + D'u = 0, D c = p - q, p (lam - u) = q (lam + u) = 0`` with
|u| <= lam.  Newton's method on the relaxed products (Mehrotra's predictor-corrector)
leads to a quasi-definite system in (c, u); interleaved, it has three subdiagonals.
Values are scaled by sqrt(H_jj) and kinks by the norms of the rows of D, so that knots
1e-12 apart and weights of 1e8 leave a well-scaled system.
"""

import numpy as np
from numba import njit

from splinear.univariate._reduced_kernels import hat_system, solve_tridiagonal


@njit(cache=True, error_model="numpy")
def _factor(m0, m1, m2, m3):
    """LDL' of a symmetric matrix with three subdiagonals, in place."""
    n = m0.size
    for j in range(n - 1):
        l1 = m1[j] / m0[j]
        l2 = m2[j] / m0[j]
        l3 = m3[j] / m0[j]
        m0[j + 1] -= l1 * m1[j]
        if j + 2 < n:
            m1[j + 1] -= l2 * m1[j]
            m0[j + 2] -= l2 * m2[j]
        if j + 3 < n:
            m2[j + 1] -= l3 * m1[j]
            m1[j + 2] -= l3 * m2[j]
            m0[j + 3] -= l3 * m3[j]
        m1[j], m2[j], m3[j] = l1, l2, l3


@njit(cache=True, error_model="numpy")
def _substitute(m0, m1, m2, m3, z):
    n = m0.size
    for j in range(n - 1):
        z[j + 1] -= m1[j] * z[j]
        if j + 2 < n:
            z[j + 2] -= m2[j] * z[j]
        if j + 3 < n:
            z[j + 3] -= m3[j] * z[j]
    for j in range(n - 1, -1, -1):
        value = z[j] / m0[j]
        if j + 1 < n:
            value -= m1[j] * z[j + 1]
        if j + 2 < n:
            value -= m2[j] * z[j + 2]
        if j + 3 < n:
            value -= m3[j] * z[j + 3]
        z[j] = value


@njit(cache=True, error_model="numpy")
def _scaled_differences(t, v, lam):
    """Rows of D in scaled values, each of norm one, and the bounds on their duals."""
    k = t.size
    d, bound = np.zeros((3, k)), np.ones(k)
    for j in range(1, k - 1):
        g0, g1 = 1.0 / (t[j] - t[j - 1]), 1.0 / (t[j + 1] - t[j])
        d[0, j], d[1, j], d[2, j] = g0 * v[j - 1], -(g0 + g1) * v[j], g1 * v[j + 1]
        norm = np.sqrt(d[0, j] ** 2 + d[1, j] ** 2 + d[2, j] ** 2)
        d[:, j] /= norm
        bound[j] = lam * norm
    return d, bound


@njit(cache=True, error_model="numpy")
def _apply(d, c):
    a = np.zeros(c.size)
    for j in range(1, c.size - 1):
        a[j] = d[0, j] * c[j - 1] + d[1, j] * c[j] + d[2, j] * c[j + 1]
    return a


@njit(cache=True, error_model="numpy")
def _gradient(e, d, b, c, u):
    """H c - b + D'u for unit diagonal and off-diagonal e."""
    g = c - b + d[1] * u
    for j in range(c.size - 1):
        g[j + 1] += e[j] * c[j] + d[2, j] * u[j]
        g[j] += e[j] * c[j + 1] + d[0, j + 1] * u[j + 1]
    return g


@njit(cache=True, error_model="numpy")
def _factored(e, d, theta):
    """Factor of the Newton matrix in the order c_0, u_0, c_1, u_1, ..."""
    k = theta.size
    m0, m1 = np.ones(2 * k), np.zeros(2 * k)
    m2, m3 = np.zeros(2 * k), np.zeros(2 * k)
    for j in range(k):
        m0[2 * j + 1] = -theta[j]
        m1[2 * j] = d[1, j]
        if j + 1 < k:
            m2[2 * j] = e[j]
            m1[2 * j + 1] = d[2, j]
            m3[2 * j] = d[0, j + 1]
    _factor(m0, m1, m2, m3)
    return m0, m1, m2, m3


@njit(cache=True, error_model="numpy")
def _direction(factor, rc, ra, u, p, q, bound, hp, hq):
    """Newton step towards products hp = p (bound - u) and hq = q (bound + u)."""
    k = u.size
    z = np.zeros(2 * k)
    for j in range(k):
        z[2 * j] = -rc[j]
        if 0 < j < k - 1:
            z[2 * j + 1] = hp[j] / (bound[j] - u[j]) - hq[j] / (bound[j] + u[j])
            z[2 * j + 1] += q[j] - p[j] - ra[j]
    _substitute(factor[0], factor[1], factor[2], factor[3], z)
    dc, du = z[::2].copy(), z[1::2].copy()
    dp = (hp + p * du) / (bound - u) - p
    dq = (hq - q * du) / (bound + u) - q
    return dc, du, dp, dq


@njit(cache=True, error_model="numpy")
def _longest(u, du, bound, p, dp, q, dq):
    """Longest step, at most 1, that keeps |u| < bound and p, q > 0."""
    step = 1.0
    for j in range(1, u.size - 1):
        if du[j] > 0.0:
            step = min(step, (bound[j] - u[j]) / du[j])
        elif du[j] < 0.0:
            step = min(step, -(bound[j] + u[j]) / du[j])
        if dp[j] < 0.0:
            step = min(step, -p[j] / dp[j])
        if dq[j] < 0.0:
            step = min(step, -q[j] / dq[j])
    return step


@njit(cache=True, error_model="numpy")
def _products(u, bound, p, q):
    """Sum of all complementarity products, the duality gap at a feasible point."""
    total = 0.0
    for j in range(1, u.size - 1):
        total += p[j] * (bound[j] - u[j]) + q[j] * (bound[j] + u[j])
    return total


@njit(cache=True, error_model="numpy")
def _signs(u, bound, p, q, scale):
    """Kink signs: of p and its slack one tends to zero, each in its own scale."""
    signs = np.zeros(u.size)
    for j in range(1, u.size - 1):
        slack = min(bound[j] - u[j], bound[j] + u[j])
        if max(p[j], q[j]) / scale > slack / bound[j]:
            signs[j] = 1.0 if p[j] > q[j] else -1.0
    return signs


@njit(cache=True, error_model="numpy")
def interior_point(moments, t, lam, tol, max_iter=60):
    """Signs of the kinks at the optimum of the reduced problem on knots t.

    `tol` is the complementarity gap to reach, in units of the (summed) objective.
    """
    diag, off, rhs = hat_system(moments)
    v = 1.0 / np.sqrt(diag)
    b, e = rhs * v, off * v[:-1] * v[1:]
    d, bound = _scaled_differences(t, v, lam)
    c = solve_tridiagonal(np.ones(t.size), e, b)
    u, a = np.zeros(t.size), _apply(d, c)
    inner = max(t.size - 2, 1)
    scale = max(np.abs(a).sum() / inner, 1e-300)
    p, q = np.maximum(a, 0.0) + scale, np.maximum(-a, 0.0) + scale
    for _ in range(max_iter):
        gap = _products(u, bound, p, q)
        if gap <= tol:
            break
        rc, ra = _gradient(e, d, b, c, u), _apply(d, c) - p + q
        factor = _factored(e, d, _theta(u, bound, p, q))
        zero = np.zeros(t.size)
        dc, du, dp, dq = _direction(factor, rc, ra, u, p, q, bound, zero, zero)
        step = _longest(u, du, bound, p, dp, q, dq)
        ahead = _products(u + step * du, bound, p + step * dp, q + step * dq)
        target = gap / (2.0 * inner) * (ahead / gap) ** 3
        hp, hq = target + dp * du, target - dq * du
        dc, du, dp, dq = _direction(factor, rc, ra, u, p, q, bound, hp, hq)
        step = min(1.0, 0.995 * _longest(u, du, bound, p, dp, q, dq))
        # Not finite: the system was singular in floating point; keep what there is.
        if not (step > 1e-10 and np.isfinite(dc).all() and np.isfinite(du).all()):
            break
        c, u, p, q = c + step * dc, u + step * du, p + step * dp, q + step * dq
        u[0] = u[-1] = 0.0
    return _signs(u, bound, p, q, scale)


@njit(cache=True, error_model="numpy")
def _theta(u, bound, p, q):
    theta = p / (bound - u) + q / (bound + u)
    theta[0] = theta[-1] = 1.0
    return theta
