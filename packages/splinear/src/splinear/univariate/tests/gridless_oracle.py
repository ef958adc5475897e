"""Duality gap of a spline of any order in hundred-digit arithmetic: slow, obvious."""

from decimal import Decimal, localcontext
from itertools import pairwise
from math import factorial

import numpy as np

ZERO, ONE = Decimal(0), Decimal(1)


def exact_relative_gap(spline, samples, alpha):
    """Return (P(f) - max D(theta)) / P(null), computed with a hundred digits.

    Two dual points are tried: the residual without its polynomial part, and the one
    next to it with ``eta = lam sign(a)`` at the knots. Only the places of the extremes
    of eta come from floating point; an error there counts squared.
    """
    with localcontext() as context:
        context.prec = 100
        return _relative_gap(spline, samples, alpha)


def _relative_gap(spline, samples, alpha):
    m, n = spline.order, samples.x.size
    x, y, w = (
        [Decimal(float(v)) for v in c] for c in (samples.x, samples.y, samples.w)
    )
    total, tie = sum(w), Decimal(samples.tie_loss)
    lam = Decimal(alpha) * total
    r = [a - b for a, b in zip(y, _values(spline, x), strict=True)]
    top = [Decimal(float(v)) for v in spline.coefficients[-1]]
    jumps = [factorial(m - 1) * (b - a) for a, b in pairwise(top)]
    primal = _dot(w, r, r) / 2 + lam * sum(map(abs, jumps))
    powers = [[(v - x[0]) ** j if j else ONE for v in x] for j in range(min(m, n))]
    duals = [_without(powers, [ZERO] * len(powers), w, r)]
    if 0 < len(jumps) <= n - m:
        knots = [Decimal(float(k)) for k in spline.knots]
        columns = [[max(v - k, ZERO) ** (m - 1) for v in x] for k in knots]
        levels = [factorial(m - 1) * lam.copy_sign(a) for a in jumps]
        duals.append(_without(powers + columns, [ZERO] * len(powers) + levels, w, r))
    dual = max(_dual_value(x, y, w, theta, lam, m) for theta in duals)
    rest = _without(powers, [ZERO] * len(powers), w, y)
    null = _dot(w, rest, rest) / 2 + tie
    floor = Decimal(float(np.finfo(float).eps * samples.energy)) * total
    return float((primal - dual) / max(null, floor, Decimal("1e-300")))


def _dot(w, a, b):
    return sum(c * u * v for c, u, v in zip(w, a, b, strict=True))


def _values(spline, x):
    knots = [Decimal(float(k)) for k in spline.knots]
    anchors = [Decimal(spline.origin), *knots]
    table = [[Decimal(float(v)) for v in row] for row in spline.coefficients]
    out, k = [], 0
    for at in x:
        while k < len(knots) and at >= knots[k]:
            k += 1
        step = at - anchors[k]
        value = ZERO
        for row in table[::-1]:
            value = value * step + row[k]
        out.append(value)
    return out


def _without(columns, levels, w, r):
    """Return theta next to r with <theta, column> = level for every column."""
    size = len(columns)
    rows = [
        [_dot(w, a, b) for b in columns] + [_dot(w, a, r) - level]
        for a, level in zip(columns, levels, strict=True)
    ]
    for i in range(size):
        best = max(range(i, size), key=lambda k: abs(rows[k][i]))
        rows[i], rows[best] = rows[best], rows[i]
        for k in range(i + 1, size):
            q = rows[k][i] / rows[i][i]
            rows[k] = [a - q * b for a, b in zip(rows[k], rows[i], strict=True)]
    c = [ZERO] * size
    for i in range(size - 1, -1, -1):
        known = sum((rows[i][k] * c[k] for k in range(i + 1, size)), ZERO)
        c[i] = (rows[i][size] - known) / rows[i][i]
    return [
        v - sum(a * column[i] for a, column in zip(c, columns, strict=True))
        for i, v in enumerate(r)
    ]


def _dual_value(x, y, w, theta, lam, m):
    sup = _sup(x, w, theta, m)
    s = min(ONE, lam / sup) if sup else ONE
    return s * _dot(w, theta, y) - s * s * _dot(w, theta, theta) / 2


def _sup(x, w, theta, m):
    best = ZERO
    for i in range(1, len(x)):
        # eta(x_i - t) = sum_j mu_{m-1-j} t^j / j! on 0 <= t <= h, here in t / h
        far = [
            (c * b, v - x[i]) for c, b, v in zip(w[i:], theta[i:], x[i:], strict=True)
        ]
        h = x[i] - x[i - 1]
        p = [
            sum(b * (v ** (m - 1 - j) if m - 1 - j else ONE) for b, v in far)
            / (factorial(m - 1 - j) * factorial(j))
            * (h**j if j else ONE)
            for j in range(m)
        ]
        size = max(map(abs, p))
        if not size:
            continue
        slopes = [float(j * c / size) for j, c in enumerate(p)][1:]
        roots = np.roots(np.trim_zeros(slopes[::-1], "f")) if any(slopes) else []
        places = [ONE, ZERO]
        places += [Decimal(float(t.real)) for t in roots if 0 < t.real < 1]
        for t in places:
            value = ZERO
            for c in p[::-1]:
                value = value * t + c
            best = max(best, abs(value))
    return best
