"""Compiled passes of the multi-task lasso on a Gram matrix.

A unit k owns the rows first[k]:first[k + 1] of V and of R = C - G V, both (m, D); its
diagonal block of G is diagonal (`diagonal_blocks` sees to that), so that minimising
over one unit is a division, or for several rows a scalar equation.
"""

import numpy as np
from numba import njit

_FAST = {"reassoc", "contract"}  # sums may be reordered; NaN and inf keep their meaning


@njit(cache=True, fastmath=_FAST)
def sweep_single(G, V, R, level, units, passes, enough):
    """Coordinate descent for one output and one row a unit; V, R: (m,).

    Ends after `passes`, or once a pass lowers the objective by at most `enough`.
    """
    gain = 0.0
    for _ in range(passes):
        gain = 0.0
        for k in units:
            g = G[k, k]
            if g <= 0.0:
                continue
            old = V[k]
            z = R[k] + g * old
            new = 0.0
            if z > level[k]:
                new = (z - level[k]) / g
            elif z < -level[k]:
                new = (z + level[k]) / g
            move = new - old
            if move != 0.0:
                V[k] = new
                for j in range(R.size):
                    R[j] -= G[k, j] * move
                gain += 0.5 * g * move * move
        if gain <= enough:
            break
    return gain


@njit(cache=True, fastmath=_FAST)
def sweep(G, V, R, level, first, units, passes, enough):
    """Block coordinate descent; V, R: (m, D).  Stops like `sweep_single`."""
    m, D = R.shape
    widest = 1
    for k in units:
        widest = max(widest, first[k + 1] - first[k])
    z = np.empty((widest, D))
    gain = 0.0
    for _ in range(passes):
        gain = 0.0
        for k in units:
            low, size = first[k], first[k + 1] - first[k]
            total = 0.0
            for a in range(size):
                g = G[low + a, low + a]
                for c in range(D):
                    z[a, c] = R[low + a, c] + g * V[low + a, c]
                    total += z[a, c] * z[a, c]
            length = np.sqrt(total)
            t = 0.0
            if length > level[k]:
                t = _length_of_block(G, z, low, size, D, level[k])
            for a in range(size):
                i = low + a
                g = G[i, i]
                if g <= 0.0:
                    continue
                # The block equation (g + level / t) v = z, for each row of the unit.
                factor = t / (g * t + level[k])
                moved = 0.0
                for c in range(D):
                    new = factor * z[a, c]
                    z[a, c] = new - V[i, c]
                    V[i, c] = new
                    moved += z[a, c] * z[a, c]
                if moved > 0.0:
                    for j in range(m):
                        for c in range(D):
                            R[j, c] -= G[i, j] * z[a, c]
                    gain += 0.5 * g * moved
        if gain <= enough:
            break
    return gain


@njit(cache=True, fastmath=_FAST)
def _length_of_block(G, z, low, size, D, level):
    # t = |V_k| solves sum_a |z_a|^2 / (g_a t + level)^2 = 1; the reciprocal root of
    # the left side is concave in t, so that Newton from the left cannot overshoot.
    if size == 1:
        total = 0.0
        for c in range(D):
            total += z[0, c] * z[0, c]
        g = G[low, low]
        return (np.sqrt(total) - level) / g if g > 0.0 else 0.0
    t = 0.0
    for _ in range(100):
        value = slope = 0.0
        for a in range(size):
            total = 0.0
            for c in range(D):
                total += z[a, c] * z[a, c]
            g = G[low + a, low + a]
            if g > 0.0:
                part = total / (g * t + level) ** 2
                value += part
                slope += part * g / (g * t + level)
        if value <= 1.0 or slope <= 0.0:
            break
        step = value * (np.sqrt(value) - 1.0) / slope
        t += step
        if step <= 1e-16 * t:
            break
    return t


@njit(cache=True)
def bound_terms(V, R, level, first):
    """Return the largest |R_k| / level_k, sum level_k |v_k| and <V, R>; the unit norms.

    The first may be infinite: a row whose level underflowed.
    """
    D = R.shape[1]
    sup = penalty = product = 0.0
    norms = np.empty(level.size)
    ratios = np.empty(level.size)
    for k in range(level.size):
        rr = vv = 0.0
        for i in range(first[k], first[k + 1]):
            for c in range(D):
                rr += R[i, c] * R[i, c]
                vv += V[i, c] * V[i, c]
                product += V[i, c] * R[i, c]
        norms[k], ratios[k] = np.sqrt(vv), np.sqrt(rr) / level[k]
        sup = max(sup, ratios[k])
        penalty += level[k] * norms[k]
    return sup, penalty, product, norms, ratios


@njit(cache=True)
def slack(V, R, level, first, norms, shrink):
    """Return sum_k level_k |v_k| - shrink <v_k, R_k>, each term at least zero."""
    total = 0.0
    for k in range(level.size):
        if norms[k] > 0.0:
            product = 0.0
            for i in range(first[k], first[k + 1]):
                for c in range(R.shape[1]):
                    product += V[i, c] * R[i, c]
            total += max(0.0, level[k] * norms[k] - shrink * product)
    return total


@njit(cache=True)
def line_minimum(V, P, level, first, linear, quadratic):
    """Minimise linear t + quadratic t^2 / 2 + sum level_k |v_k + t p_k| over t >= 0.

    V, P: (m, D) of the active units.  By bisection on the derivative, to the last bit
    that matters; also reaches past 1, for directions along which G is singular.
    Returns t and the change of the function.
    """
    K = level.size
    a, b, c = np.zeros(K), np.zeros(K), np.zeros(K)
    for k in range(K):
        for i in range(first[k], first[k + 1]):
            for j in range(V.shape[1]):
                a[k] += V[i, j] * V[i, j]
                b[k] += V[i, j] * P[i, j]
                c[k] += P[i, j] * P[i, j]
    low, high = 0.0, 1.0
    for _ in range(60):
        if _slope(high, a, b, c, level, linear, quadratic) > 0.0:
            break
        low, high = high, 2.0 * high
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _slope(middle, a, b, c, level, linear, quadratic) > 0.0:
            high = middle
        else:
            low = middle
    change = low * (linear + 0.5 * quadratic * low)
    for k in range(K):
        after = np.sqrt(max(0.0, a[k] + low * (2.0 * b[k] + low * c[k])))
        # |v + t p| - |v| without cancellation.
        if after + np.sqrt(a[k]) > 0.0:
            rise = low * (2.0 * b[k] + low * c[k])
            change += level[k] * rise / (after + np.sqrt(a[k]))
    return low, change


@njit(cache=True)
def _slope(t, a, b, c, level, linear, quadratic):
    total = linear + quadratic * t
    for k in range(level.size):
        square = a[k] + t * (2.0 * b[k] + t * c[k])
        if square > 0.0:
            total += level[k] * (b[k] + t * c[k]) / np.sqrt(square)
    return total
