"""Local ascent of |eta| over directions and offsets, exact along offsets and circles.

With p orthogonal to affine functions, ``eta(u, t) = sum_i p_i relu(u.x_i - t)``. For
fixed u it is piecewise linear in t, so that its maximum lies at the projection of a
datum, the pivot x_j: one sort finds it. For a fixed pivot and a circle of directions
``cos(s) u + sin(s) v`` it is a sinusoid between crossings of data: one sort finds the
best angle. A local maximum is in general a vertex: further data lie on the hyperplane,
each with p_i of the other sign (a concave ridge). The steepest ascent along ridges is
the subgradient of least norm, and circles along it keep the data on the hyperplane.
"""

import numpy as np
from numba import njit, prange

#: Data this close to the hyperplane, relative to the reach of the data, lie on it.
ON_PLANE = 1e-11


@njit(cache=True)
def order_of(z):
    """Argsort by radix, on keys of float32: nearer values may be swapped.

    Eta is continuous in its crossings, so that a swap costs rounding of that size.
    """
    n = z.size
    if n < 64:
        return np.argsort(z)
    bits = z.astype(np.float32).view(np.uint32)
    count = np.zeros((3, 2048), dtype=np.int64)
    keys = np.empty(n, dtype=np.uint32)
    for i in range(n):
        b = bits[i]
        key = ~b if b & np.uint32(0x80000000) else b | np.uint32(0x80000000)
        keys[i] = key
        count[0, key & np.uint32(2047)] += 1
        count[1, (key >> np.uint32(11)) & np.uint32(2047)] += 1
        count[2, key >> np.uint32(22)] += 1
    order, other = np.arange(n), np.empty(n, dtype=np.int64)
    for r in range(3):
        total = 0
        for c in range(2048):
            here = count[r, c]
            count[r, c] = total
            total += here
        shift = np.uint32(11 * r)
        for k in range(n):
            i = order[k]
            c = (keys[i] >> shift) & np.uint32(2047)
            other[count[r, c]] = i
            count[r, c] += 1
        order, other = other, order
    return order


@njit(cache=True)
def best_offset(z, p):
    """Return eta at its largest absolute value over t, and the pivot."""
    order = order_of(z)
    eta, mass, best = 0.0, 0.0, 0.0
    at = order[z.size - 1]
    last = z[at]
    for r in range(z.size - 1, -1, -1):
        i = order[r]
        eta += mass * (last - z[i])
        last = z[i]
        if abs(eta) > abs(best):
            best, at = eta, i
        mass += p[i]
    return best, at


@njit(cache=True)
def best_tangent(a, b, p):
    """Maximise |sum_i p_i (a_i cos s + b_i sin s)_+| over |s| < pi / 2; return tan s.

    Between crossings, at ``tan s = -a_i / b_i``, the sum is one sinusoid.
    """
    n = a.size
    ratio = np.empty(n)
    C, S = 0.0, 0.0  # sums over the active data
    count = 0
    for i in range(n):
        ratio[i] = np.inf
        if b[i] != 0.0:
            ratio[i] = -a[i] / b[i]
            count += 1
            if b[i] < 0.0:
                C += p[i] * a[i]
                S += p[i] * b[i]
        elif a[i] > 0.0:
            C += p[i] * a[i]
    order = order_of(ratio)
    best, at, low = -1.0, 0.0, -np.inf
    for r in range(count + 1):
        high = ratio[order[r]] if r < count else np.inf
        if C != 0.0:
            top = S / C
            if low <= top <= high:
                size = np.sqrt(C * C + S * S)
                if size > best:
                    best, at = size, top
        if r < count and np.isfinite(high):
            size = abs(C + S * high) / np.sqrt(1.0 + high * high)
            if size > best:
                best, at = size, high
        if r < count:
            i = order[r]
            sign = 1.0 if b[i] > 0.0 else -1.0
            C += sign * p[i] * a[i]
            S += sign * p[i] * b[i]
            low = high
    return best, at


@njit(cache=True)
def shortest(g, columns, count):
    """Overwrite g by the shortest ``g + sum_i h_i columns[i]``, 0 <= h_i <= 1."""
    if count == 0:
        return
    d = g.size
    h = np.zeros(count)
    squares = np.empty(count)
    for i in range(count):
        squares[i] = 0.0
        for c in range(d):
            squares[i] += columns[i, c] ** 2
    floor = 1e-24 * np.dot(g, g)
    for _ in range(100):
        moved = 0.0
        for i in range(count):
            if squares[i] == 0.0:
                continue
            slope = 0.0
            for c in range(d):
                slope += g[c] * columns[i, c]
            new = min(max(h[i] - slope / squares[i], 0.0), 1.0)
            step = new - h[i]
            if step != 0.0:
                h[i] = new
                for c in range(d):
                    g[c] += step * columns[i, c]
                moved += step * step * squares[i]
        if moved <= floor:
            return


@njit(cache=True)
def ascent_direction(X, p, u, a, j, sign, reach, g, columns):
    """Fill g with the steepest ascent tangent to the sphere; return its length."""
    n, d = X.shape
    g[:] = 0.0
    count = 0
    for i in range(n):
        if a[i] > ON_PLANE * reach:
            for c in range(d):
                g[c] += sign * p[i] * (X[i, c] - X[j, c])
        elif (
            a[i] >= -ON_PLANE * reach and sign * p[i] < 0.0 and count < columns.shape[0]
        ):
            along = 0.0
            for c in range(d):
                columns[count, c] = sign * p[i] * (X[i, c] - X[j, c])
                along += columns[count, c] * u[c]
            for c in range(d):
                columns[count, c] -= along * u[c]
            count += 1
    along = np.dot(g, u)
    for c in range(d):
        g[c] -= along * u[c]
    shortest(g, columns, count)
    g -= np.dot(g, u) * u
    return np.sqrt(np.dot(g, g))


@njit(cache=True)
def ascend(X, p, u, reach, max_iter, rtol):
    """Move u, in place, to a local maximum of |eta|; return eta and the pivot."""
    n, d = X.shape
    g, columns = np.empty(d), np.empty((2 * d + 8, d))
    z = X @ u
    eta, j = best_offset(z, p)
    if d == 1:
        return eta, j
    for _ in range(max_iter):
        a = z - z[j]
        sign = 1.0 if eta >= 0.0 else -1.0
        length = ascent_direction(X, p, u, a, j, sign, reach, g, columns)
        if length <= 1e-10 * abs(eta) or length == 0.0:
            break
        v = g / length
        b = X @ v
        b -= b[j]
        for i in range(n):  # what lies on the plane and is kept there is no crossing
            if abs(a[i]) <= ON_PLANE * reach and abs(b[i]) <= ON_PLANE * reach:
                a[i], b[i] = 0.0, 0.0
        _, tangent = best_tangent(a, b, p)
        new = (u + tangent * v) / np.sqrt(1.0 + tangent * tangent)
        new /= np.sqrt(np.dot(new, new))
        z_new = X @ new
        eta_new, j_new = best_offset(z_new, p)
        if not abs(eta_new) > abs(eta) * (1.0 + 1e-13):
            break
        gain = abs(eta_new) / max(abs(eta), 1e-300) - 1.0
        u[:] = new
        z, eta, j = z_new, eta_new, j_new
        if gain <= rtol:
            break
    return eta, j


@njit(cache=True, parallel=True)
def ascend_all(X, p, U, reach, max_iter, rtol):
    """Ascend from each row of U, in place; return eta and the pivot of each."""
    S = U.shape[0]
    values, pivots = np.empty(S), np.empty(S, dtype=np.int64)
    for s in prange(S):
        u = U[s].copy()
        values[s], pivots[s] = ascend(X, p, u, reach, max_iter, rtol)
        U[s] = u
    return values, pivots


@njit(cache=True)
def best_offset_joint(z, p):
    """Return the longest vector eta over t, and the pivot, for p (N, D)."""
    n, D = p.shape
    order = order_of(z)
    eta, mass, best = np.zeros(D), np.zeros(D), np.zeros(D)
    at, top = order[n - 1], 0.0
    last = z[at]
    for r in range(n - 1, -1, -1):
        i = order[r]
        square = 0.0
        for c in range(D):
            eta[c] += mass[c] * (last - z[i])
            square += eta[c] * eta[c]
            mass[c] += p[i, c]
        last = z[i]
        if square > top:
            top, at = square, i
            best[:] = eta
    return best, at


@njit(cache=True)
def ascend_joint(X, p, u, reach, max_iter, rtol):
    """Ascend |eta| for several outputs: along q = eta / |eta|, then q anew."""
    eta, j = best_offset_joint(X @ u, p)
    for _ in range(20):
        size = np.sqrt(np.dot(eta, eta))
        if size == 0.0:
            break
        ascend(X, p @ (eta / size), u, reach, max_iter, rtol)
        new, j_new = best_offset_joint(X @ u, p)
        gain = np.sqrt(np.dot(new, new)) / size - 1.0
        if gain >= 0.0:
            eta, j = new, j_new
        if gain <= 1e-9:
            break
    return eta, j


@njit(cache=True, parallel=True)
def ascend_all_joint(X, p, U, reach, max_iter, rtol):
    """`ascend_all` for several outputs; eta is (S, D)."""
    S = U.shape[0]
    values, pivots = np.empty((S, p.shape[1])), np.empty(S, dtype=np.int64)
    for s in prange(S):
        u = U[s].copy()
        eta, j = ascend_joint(X, p, u, reach, max_iter, rtol)
        values[s] = eta
        pivots[s] = j
        U[s] = u
    return values, pivots
