"""Compiled B-spline algebra on free knots, simple or double, from cells."""

import math

import numpy as np
from numba import njit


@njit(cache=True)
def local_basis(t, span, centre, half, m, out):
    """Write coefficients of ``z^j`` of the m B-splines alive on a span to out[j, i].

    `t` holds the knots with m copies of either end; the span is
    ``[t[span + m - 1], t[span + m])`` and B-spline i of it has index ``span + i``.
    The recursion of de Boor and Cox runs on polynomials in ``z = (x - centre)/half``.
    """
    last = span + m - 1
    out[:, :] = 0.0
    out[0, 0] = 1.0
    fresh = np.empty((m, m))
    for k in range(1, m):
        fresh[:, :] = 0.0
        for r in range(k):
            right, left = t[last + r + 1], t[last + 1 - k + r]
            gap = right - left
            rise, fall = (centre - left) / gap, (right - centre) / gap
            slope = half / gap
            for j in range(k):
                term = out[j, r]
                fresh[j, r] += fall * term
                fresh[j + 1, r] -= slope * term
                fresh[j, r + 1] += rise * term
                fresh[j + 1, r + 1] += slope * term
        out[:, :] = fresh


@njit(cache=True)
def extend(knots, low, high, m):
    """Return the knots with `m` copies of each end of the domain.

    A single site gets a domain of length one: any will do, none would divide by zero.
    """
    if high == low:
        high = low + 1.0
    t = np.empty(knots.size + 2 * m)
    t[:m], t[m + knots.size :] = low, high
    t[m : m + knots.size] = knots
    return t


@njit(cache=True)
def jump_rows(t, times, m):
    """Return the functionals "jump of f^(m-1), f^(m-2)" at each knot as band rows.

    `times` is the multiplicity (1 or 2) of every knot in `t`; row k acts on the
    coefficients ``times * k, ..., times * k + m - 1 + times``.
    """
    count = (t.size - 2 * m) // times
    first, second = np.zeros((count, m + times)), np.zeros((count, m + times))
    basis = np.empty((m, m))
    top, low = math.gamma(m), math.gamma(m - 1)
    for k in range(count):
        at = t[m + times * k]
        for side in range(2):
            shift = side * times
            local_basis(t, times * k + shift, at, 1.0, m, basis)
            sign = 1.0 if side else -1.0
            for i in range(m):
                first[k, shift + i] += sign * top * basis[m - 1, i]
                second[k, shift + i] += sign * low * basis[m - 2, i]
    return first, second


@njit(cache=True)
def triangularise(t, times, cells, spans, extra, m, prior, weight):
    """Rotate cells, rows `extra` at the knots and a weak prior into one band matrix.

    Minimising ``|R c - q|^2`` means least squares over the cells, plus
    ``(extra_k . c)^2`` per knot, plus ``weight^2 |c - prior|^2``.  Returns R as
    (n, m + times) band rows and q (n,).
    """
    centre, half, tri = cells
    n, width = t.size - m, m + times
    band, rhs = np.zeros((n, width)), np.zeros(n)
    basis, row = np.empty((m, m)), np.empty(width)
    done = 0
    for k in range(centre.size):
        span = spans[k]
        while weight > 0.0 and done <= span:
            row[:] = 0.0
            row[0] = weight
            _rotate_band(band, rhs, row, done, weight * prior[done])
            done += 1
        local_basis(t, span, centre[k], half[k], m, basis)
        for j in range(m):
            row[:] = 0.0
            for i in range(m):
                value = 0.0
                for c in range(j, m):
                    value += tri[k, j, c] * basis[c, i]
                row[i] = value
            _rotate_band(band, rhs, row, span, tri[k, j, m])
        if k < extra.shape[0]:
            row[:] = extra[k]
            _rotate_band(band, rhs, row, span, 0.0)
    while weight > 0.0 and done < n:
        row[:] = 0.0
        row[0] = weight
        _rotate_band(band, rhs, row, done, weight * prior[done])
        done += 1
    return band, rhs


@njit(cache=True)
def data_loss(t, cells, spans, c, m):
    """Return the squares of the cells' rows at coefficients `c`, without the lost."""
    centre, half, tri = cells
    basis, p, total = np.empty((m, m)), np.empty(m), 0.0
    for k in range(centre.size):
        local_basis(t, spans[k], centre[k], half[k], m, basis)
        for j in range(m):
            p[j] = 0.0
            for i in range(m):
                p[j] += basis[j, i] * c[spans[k] + i]
        for j in range(m):
            value = -tri[k, j, m]
            for i in range(j, m):
                value += tri[k, j, i] * p[i]
            total += value * value
    return total


@njit(cache=True)
def _rotate_band(band, rhs, row, start, value):
    n, width = band.shape
    for i in range(start, n):
        if row[0] != 0.0:
            pivot = band[i, 0]
            length = math.hypot(pivot, row[0])
            cos, sin = pivot / length, row[0] / length
            band[i, 0], row[0] = length, 0.0
            for c in range(1, width):
                upper = band[i, c]
                band[i, c] = cos * upper + sin * row[c]
                row[c] = cos * row[c] - sin * upper
            upper = rhs[i]
            rhs[i] = cos * upper + sin * value
            value = cos * value - sin * upper
        alive = False
        for c in range(width - 1):
            row[c] = row[c + 1]
            alive |= row[c] != 0.0
        row[width - 1] = 0.0
        if not alive:
            break


@njit(cache=True)
def solve_band(band, rhs, linear):
    """Minimise ``|R c - q|^2 / 2 + linear . c`` for upper triangular band R."""
    n, width = band.shape
    c = np.empty(n)
    for i in range(n):
        value = linear[i]
        for k in range(1, min(width, i + 1)):
            value -= band[i - k, k] * c[i - k]
        c[i] = value / band[i, 0]
    for i in range(n):
        c[i] = rhs[i] - c[i]
    for i in range(n - 1, -1, -1):
        value = c[i]
        for k in range(1, min(width, n - i)):
            value -= band[i, k] * c[i + k]
        c[i] = value / band[i, 0]
    return c


@njit(cache=True)
def band_apply(rows, stride, c):
    """Apply functionals stored as band rows that advance by `stride`."""
    out = np.empty(rows.shape[0])
    for k in range(rows.shape[0]):
        value = 0.0
        for i in range(rows.shape[1]):
            value += rows[k, i] * c[stride * k + i]
        out[k] = value
    return out


@njit(cache=True)
def band_transpose(rows, stride, v, n):
    """Return the sum of the functionals weighted by `v`, as a vector of length n."""
    out = np.zeros(n)
    for k in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            out[stride * k + i] += rows[k, i] * v[k]
    return out


@njit(cache=True)
def to_pieces(t, times, c, m):
    """Return Taylor coefficients (m, K + 1) about the left end of every span.

    Spans between the copies of a knot, of which `t` has `times`, have no length.
    """
    spans = (t.size - 2 * m) // times + 1
    out, basis = np.zeros((m, spans)), np.empty((m, m))
    for k in range(spans):
        span = times * k
        local_basis(t, span, t[span + m - 1], 1.0, m, basis)
        for j in range(m):
            for i in range(m):
                out[j, k] += basis[j, i] * c[span + i]
    return out


@njit(cache=True)
def to_coefficients(knots, pieces, t, m):
    """Return B-spline coefficients on `t` of the spline with the given pieces.

    Coefficient i is the blossom of a piece at ``t[i+1], ..., t[i+m-1]``; the piece is
    the one that fills most of the support, so that nothing is extrapolated far.
    Exact if `t` holds all knots of the spline, else a quasi-interpolant.
    """
    n = t.size - m
    out, sums = np.empty(n), np.empty(m)
    for i in range(n):
        low, high = t[i], t[i + m]
        k = np.searchsorted(knots, low, side="right")
        best, widest = k, -1.0
        while True:
            left = low if k == 0 else max(low, knots[k - 1])
            right = high if k == knots.size else min(high, knots[k])
            if right - left > widest:
                best, widest = k, right - left
            if k == knots.size or knots[k] >= high:
                break
            k += 1
        anchor = t[0] if best == 0 else knots[best - 1]
        sums[:] = 0.0
        sums[0] = 1.0
        for r in range(1, m):
            for j in range(r, 0, -1):
                sums[j] += sums[j - 1] * (t[i + r] - anchor)
        value, choose = 0.0, 1.0
        for j in range(m):
            value += pieces[j, best] * sums[j] / choose
            choose *= (m - 1 - j) / (j + 1.0)
        out[i] = value
    return out
