"""Sweeps over the arrangement of a pivot's hyperplanes, on a circle of directions.

With p orthogonal to affine functions and the hyperplane through the pivot x_j,
``eta(u) = sum_{u.z_i > 0} p_i (u.z_i)`` with ``z_i = x_i - x_j``: on the directions
with one activation pattern A it is linear, ``G_A u``. A circle is cut into arcs by the
directions orthogonal to some z_i. Half a circle is enough: ``eta(-u) = eta(u)``.

Coordinates: the first two columns of `z` are the plane of the circle, the third (d = 3)
its axis w. Ties cost nothing: which points start active is read off exact signs, only
the order of the crossings is rounded, and eta is continuous in the crossings.
"""

import numpy as np
from numba import njit

#: Points this close to the axis of a circle, as an angle, count as on it.
ON_AXIS = 1e-13


@njit(cache=True)
def _squared_on_circle(G, c, s):
    total = 0.0
    for k in range(G.shape[0]):
        total += (G[k, 0] * c + G[k, 1] * s) ** 2
    return total


@njit(cache=True)
def _best_on_arc(G, low, high, floor):
    """Maximise |G u|^2 over an arc if it can exceed floor; return (square, angle)."""
    a = b = c = 0.0
    for k in range(G.shape[0]):
        a += G[k, 0] * G[k, 0]
        b += G[k, 0] * G[k, 1]
        c += G[k, 1] * G[k, 1]
    if a + c <= floor:
        return -1.0, low
    top = 0.5 * np.arctan2(2.0 * b, a - c)  # angle of the leading eigenvector
    if top < 0.0:
        top += np.pi
    if low <= top <= high:
        return _squared_on_circle(G, np.cos(top), np.sin(top)), top
    first = _squared_on_circle(G, np.cos(low), np.sin(low))
    last = _squared_on_circle(G, np.cos(high), np.sin(high))
    return (first, low) if first >= last else (last, high)


@njit(cache=True)
def _prepare(z, p, sign, angle, G, mass):
    """Fill signs and crossing angles; sum up the pattern just after angle 0.

    Points on the axis get the sign 0 and an angle beyond the sweep. Returns the number
    of points that are crossed.
    """
    n, q = z.shape
    G[:] = 0.0
    mass[:] = 0.0
    crossed = 0
    for i in range(n):
        plane = z[i, 0] * z[i, 0] + z[i, 1] * z[i, 1]
        axis = z[i, 2] * z[i, 2] if q == 3 else 0.0
        sign[i], angle[i] = 0.0, 4.0 * np.pi
        if plane <= ON_AXIS**2 * axis or plane == 0.0:
            continue
        crossed += 1
        positive = z[i, 0] > 0.0 or (z[i, 0] == 0.0 and z[i, 1] > 0.0)
        sign[i] = 1.0 if positive else -1.0
        angle[i] = np.arctan2(sign[i] * z[i, 1], sign[i] * z[i, 0]) + 0.5 * np.pi
        if positive:
            for k in range(p.shape[1]):
                mass[k] += p[i, k]
                for c in range(q):
                    G[k, c] += p[i, k] * z[i, c]
    return crossed


@njit(cache=True)
def _leave(z, p, i, sign, G, mass):
    """Cross the direction orthogonal to z_i: on either side the change is the same."""
    for k in range(p.shape[1]):
        mass[k] -= sign * p[i, k]
        for c in range(z.shape[1]):
            G[k, c] -= sign * p[i, k] * z[i, c]


@njit(cache=True)
def sweep_pivot_2(X, p, values, angles):
    """For each pivot the largest |eta| and the angle of its direction, in the plane."""
    n, D = p.shape
    z, sign, angle = np.empty((n, 2)), np.empty(n), np.empty(n)
    G, mass = np.empty((D, 2)), np.empty(D)
    for j in range(n):
        for i in range(n):
            z[i, 0], z[i, 1] = X[i, 0] - X[j, 0], X[i, 1] - X[j, 1]
        crossed = _prepare(z, p, sign, angle, G, mass)
        order = np.argsort(angle)
        best, place, low = 0.0, 0.0, 0.0
        for r in range(crossed + 1):
            high = angle[order[r]] if r < crossed else np.pi
            if high > low:
                square, at = _best_on_arc(G, low, high, best)
                if square > best:
                    best, place = square, at
                low = high
            if r < crossed:
                _leave(z, p, order[r], sign[order[r]], G, mass)
        values[j], angles[j] = np.sqrt(best), place


@njit(cache=True)
def _frame(w, E):
    """Fill E with an orthonormal basis whose last row is w / |w|; return |w|."""
    length = np.sqrt(w[0] ** 2 + w[1] ** 2 + w[2] ** 2)
    if length == 0.0:
        return 0.0
    k = 0
    for c in range(3):
        E[2, c] = w[c] / length
        if abs(E[2, c]) < abs(E[2, k]):
            k = c
    for c in range(3):
        E[0, c] = (1.0 if c == k else 0.0) - E[2, k] * E[2, c]
    scale = np.sqrt(E[0, 0] ** 2 + E[0, 1] ** 2 + E[0, 2] ** 2)
    for c in range(3):
        E[0, c] /= scale
    E[1, 0] = E[2, 1] * E[0, 2] - E[2, 2] * E[0, 1]
    E[1, 1] = E[2, 2] * E[0, 0] - E[2, 0] * E[0, 2]
    E[1, 2] = E[2, 0] * E[0, 1] - E[2, 1] * E[0, 0]
    return length


@njit(cache=True)
def _axis_sums(z, p, sign, heights, sums):
    """Sum p z over the points on the axis that lie above, below each of two pivots.

    The pivots sit at heights[0] and heights[1] of the axis; sums is (2, 2, D, 3).
    """
    sums[:] = 0.0
    for i in range(z.shape[0]):
        if sign[i] != 0.0:
            continue
        for h in range(2):
            rise = z[i, 2] - heights[h]
            if rise != 0.0:
                side = 0 if rise > 0.0 else 1
                for k in range(p.shape[1]):
                    sums[h, side, k, 0] += p[i, k] * z[i, 0]
                    sums[h, side, k, 1] += p[i, k] * z[i, 1]
                    sums[h, side, k, 2] += p[i, k] * rise


@njit(cache=True)
def _leading(F, u):
    """Fill u with the leading right singular vector of F."""
    if F.shape[0] == 1:
        scale = np.sqrt(F[0, 0] ** 2 + F[0, 1] ** 2 + F[0, 2] ** 2)
        for c in range(3):
            u[c] = F[0, c] / scale
    else:
        _, vectors = np.linalg.eigh(F.T @ F)
        for c in range(3):
            u[c] = vectors[c, 2]


@njit(cache=True)
def _in_face(z, sign, order, r, crossed, height, side, u):
    """Whether u has the signs of the face beside the arc before crossing number r."""
    toward = 1.0 if side == 0 else -1.0
    if toward * u[2] < 0.0:
        for c in range(3):
            u[c] = -u[c]
    # From the neighbours of the arc outwards: they refuse most candidates at once.
    for step in range(crossed):
        q = (r + (step + 1) // 2 * (1 if step % 2 else -1)) % crossed
        i = order[q]
        expected = sign[i] if q >= r else -sign[i]
        dot = u[0] * z[i, 0] + u[1] * z[i, 1] + u[2] * (z[i, 2] - height)
        if expected * dot < 0.0:
            return False
    return True


@njit(cache=True)
def _best_beside(z, sign, order, r, crossed, heights, G, mass, sums, floors, out, u, F):
    """Maximise over the four faces at an arc; improve `out`, rows of (square, u)."""
    D = G.shape[0]
    for h in range(2):
        for side in range(2):
            frobenius = 0.0
            for k in range(D):
                for c in range(3):
                    F[k, c] = G[k, c] + sums[h, side, k, c]
                F[k, 2] -= heights[h] * mass[k]
                frobenius += F[k, 0] ** 2 + F[k, 1] ** 2 + F[k, 2] ** 2
            if frobenius <= max(out[h, 0], floors[h]):
                continue
            _leading(F, u)
            square = 0.0
            for k in range(D):
                square += (F[k, 0] * u[0] + F[k, 1] * u[1] + F[k, 2] * u[2]) ** 2
            if square <= max(out[h, 0], floors[h]):
                continue
            if _in_face(z, sign, order, r, crossed, heights[h], side, u):
                out[h, 0] = square
                out[h, 1:] = u


@njit(cache=True)
def _sweep_circle(z, p, length, work, floors, out):
    """Sweep one great circle with the pivots at 0 and `length` of its axis."""
    sign, angle, G, mass, sums, u, F = work
    crossed = _prepare(z, p, sign, angle, G, mass)
    heights = (0.0, length)
    _axis_sums(z, p, sign, heights, sums)
    order = np.argsort(angle)
    out[:] = 0.0
    low = 0.0
    for r in range(crossed + 1):
        high = angle[order[r]] if r < crossed else np.pi
        if high > low:
            square, at = _best_on_arc(G, low, high, max(out[0, 0], floors[0]))
            if square > max(out[0, 0], floors[0]):
                out[0, 0] = square
                out[0, 1], out[0, 2], out[0, 3] = np.cos(at), np.sin(at), 0.0
            _best_beside(
                z, sign, order, r, crossed, heights, G, mass, sums, floors, out, u, F
            )
            low = high
        if r < crossed:
            _leave(z, p, order[r], sign[order[r]], G, mass)


@njit(cache=True)
def sweep_pivot_3(X, p, keep, values, directions):
    """For each pivot a largest |eta| and its direction, in space.

    Pivots are pruned at `keep` (0 to 1) times the best so far: with 1 only the overall
    maximum is sure to be found, with 0 each pivot's own.
    """
    n, D = p.shape
    z, E, w = np.empty((n, 3)), np.empty((3, 3)), np.empty(3)
    work = (
        np.empty(n),
        np.empty(n),
        np.empty((D, 3)),
        np.empty(D),
        np.empty((2, 2, D, 3)),
        np.empty(3),
        np.empty((D, 3)),
    )
    out, floors, best = np.empty((2, 4)), np.empty(2), 0.0
    values[:] = 0.0
    for j in range(n):
        for k in range(j + 1, n):
            for c in range(3):
                w[c] = X[k, c] - X[j, c]
            length = _frame(w, E)
            if length == 0.0:
                continue
            for i in range(n):
                d0, d1 = X[i, 0] - X[j, 0], X[i, 1] - X[j, 1]
                d2 = X[i, 2] - X[j, 2]
                for c in range(3):
                    z[i, c] = E[c, 0] * d0 + E[c, 1] * d1 + E[c, 2] * d2
            z[j, 2], z[k, 2] = 0.0, length
            floors[0] = max(values[j], keep * best)
            floors[1] = max(values[k], keep * best)
            _sweep_circle(z, p, length, work, floors, out)
            for h in range(2):
                pivot = j if h == 0 else k
                if out[h, 0] > floors[h]:
                    values[pivot] = out[h, 0]
                    best = max(best, out[h, 0])
                    for c in range(3):
                        directions[pivot, c] = (
                            E[0, c] * out[h, 1]
                            + E[1, c] * out[h, 2]
                            + E[2, c] * out[h, 3]
                        )
    for j in range(n):
        values[j] = np.sqrt(values[j])
