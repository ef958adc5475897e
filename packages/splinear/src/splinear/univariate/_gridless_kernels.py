"""Compiled passes over the rows: residual, and the dual function with its extremes."""

import numpy as np
from numba import njit


@njit(cache=True)
def residual(u, y, knots, pieces, m, out):
    """Write ``y - f`` to `out`; piece k is expanded about knots[k - 1], 0 about u[0]."""
    k, anchor = 0, u[0]
    for i in range(u.size):
        while k < knots.size and u[i] >= knots[k]:
            anchor = knots[k]
            k += 1
        h, value = u[i] - anchor, pieces[m - 1, k]
        for j in range(m - 2, -1, -1):
            value = value * h + pieces[j, k]
        out[i] = y[i] - value


@njit(cache=True)
def orthogonal(u, w, m):
    """Return the three-term recursion of the polynomials orthonormal on the rows.

    ``b[k+1] pi_{k+1} = (u - a[k]) pi_k - b[k] pi_{k-1}``, computed by Stieltjes'
    procedure; fewer than `m` rows give fewer polynomials.
    """
    n = u.size
    count = min(m, n)
    a, b = np.zeros(count), np.zeros(count)
    old, now = np.zeros(n), np.empty(n)
    b[0] = np.sqrt(np.sum(w))
    now[:] = 1.0 / b[0]
    for k in range(count):
        mean = 0.0
        for i in range(n):
            mean += w[i] * u[i] * now[i] * now[i]
        a[k] = mean
        if k + 1 == count:
            break
        mass = 0.0
        for i in range(n):
            value = (u[i] - mean) * now[i]
            if k > 0:
                value -= b[k] * old[i]
            old[i] = value
            mass += w[i] * value * value
        b[k + 1] = np.sqrt(mass)
        for i in range(n):
            value = old[i] / b[k + 1]
            old[i] = now[i]
            now[i] = value
    return a, b


@njit(cache=True)
def project(u, w, a, b, r):
    """Remove from `r` its polynomial part; return coefficients in the basis."""
    count = a.size
    d = np.zeros(count)
    for i in range(u.size):
        old, now = 0.0, 1.0 / b[0]
        mass = w[i] * r[i]
        for k in range(count):
            d[k] += mass * now
            if k + 1 < count:
                value = (u[i] - a[k]) * now
                if k > 0:
                    value -= b[k] * old
                old, now = now, value / b[k + 1]
    for i in range(u.size):
        old, now = 0.0, 1.0 / b[0]
        total = 0.0
        for k in range(count):
            total += d[k] * now
            if k + 1 < count:
                value = (u[i] - a[k]) * now
                if k > 0:
                    value -= b[k] * old
                old, now = now, value / b[k + 1]
        r[i] -= total
    return d


@njit(cache=True)
def polynomial_taylor(a, b, d, at, m):
    """Return Taylor coefficients (m,) about `at` of the polynomial ``sum d_k pi_k``."""
    out = np.zeros(m)
    old, now = np.zeros(m), np.zeros(m)
    now[0] = 1.0 / b[0]
    for k in range(a.size):
        for j in range(m):
            out[j] += d[k] * now[j]
        if k + 1 < a.size:
            for j in range(m - 1, -1, -1):
                value = (at - a[k]) * now[j] - b[k] * old[j]
                if j > 0:
                    value += now[j - 1]
                old[j] = value / b[k + 1]
            old, now = now, old
            # `b[k] * old` was zero for k = 0 because old starts at zero.
    return out


@njit(cache=True)
def _horner(p, t, order, m):
    # Derivative `order` of sum_j p_j t^j / j! at t.
    value = p[m - 1]
    for j in range(m - 2, order - 1, -1):
        value = p[j] + value * t / (j + 1 - order)
    return value


@njit(cache=True)
def _root(p, low, high, order, m):
    # The zero of derivative `order`, monotone on [low, high]: bracketed Newton.
    left = _horner(p, low, order, m)
    right = _horner(p, high, order, m)
    if left == 0.0:
        return low
    if not (left < 0.0) ^ (right < 0.0) or right == 0.0:
        return high
    t = low + (high - low) * (left / (left - right))
    for _ in range(80):
        value = _horner(p, t, order, m)
        if value == 0.0:
            return t
        if (value < 0.0) == (left < 0.0):
            low = t
        else:
            high = t
        slope = _horner(p, t, order + 1, m)
        fresh = t - value / slope if slope != 0.0 else low
        if not low < fresh < high:
            fresh = low + 0.5 * (high - low)
        if abs(fresh - t) <= 4e-16 * high or fresh <= low or fresh >= high:
            return fresh
        t = fresh
    return t


@njit(cache=True)
def _extreme(p, h, m, crit, work):
    # Largest |sum_j p_j t^j / j!| on [0, h]: the zeros of each derivative split the
    # interval into pieces on which the derivative below it is monotone.
    count = 0
    for order in range(m - 2, 0, -1):
        fresh, low = 0, 0.0
        for i in range(count + 1):
            high = h if i == count else crit[i]
            a, b = _horner(p, low, order, m), _horner(p, high, order, m)
            if (a < 0.0) != (b < 0.0):
                work[fresh] = _root(p, low, high, order, m)
                fresh += 1
            low = high
        count = fresh
        crit[:count] = work[:count]
    best, where = p[0], 0.0
    for i in range(count + 1):
        t = h if i == count else crit[i]
        value = _horner(p, t, 0, m)
        if abs(value) > abs(best):
            best, where = value, t
    return best, where


@njit(cache=True)
def dual_walk(u, w, r, knots, level, m, ascending, values, places, at_knots):
    """Walk one half of the rows from its end inwards and examine every interval.

    With ``mu_j = sum_l w_l r_l |u_l - u_i|^j / j!`` over the rows already passed the
    dual function at distance t from row i is ``sum_j mu_{m-1-j} t^j / j!`` (times
    (-1)^m for the ascending walk): positive Taylor shifts from row to row, no
    expansion about a far point.  Intervals whose bound is below `level` and below the
    largest extreme so far are not examined (value 0).
    """
    n, half = u.size, u.size // 2
    mu, p = np.zeros(m), np.empty(m)
    crit, work = np.empty(m), np.empty(m)
    sign = 1.0 if m % 2 == 0 or not ascending else -1.0
    side = 1.0 if ascending else -1.0
    k = 0 if ascending else knots.size - 1
    steps = half if ascending else n - 1 - half
    sup = level
    for step in range(steps):
        i = step if ascending else n - 1 - step
        h = u[i + 1] - u[i] if ascending else u[i] - u[i - 1]
        mu[0] += w[i] * r[i]
        bound = 0.0
        for j in range(m - 1, -1, -1):
            p[j] = mu[m - 1 - j]
            bound = bound * h / (j + 1) + abs(p[j])
        slot = i if ascending else i - 1
        values[slot] = 0.0
        if bound > sup:
            value, where = _extreme(p, h, m, crit, work)
            sup = max(sup, abs(value)) if level <= 0.0 else sup
            values[slot], places[slot] = sign * value, u[i] + side * where
        # A knot between the rows, on either of them for the outermost interval.
        while 0 <= k < knots.size and side * (knots[k] - u[i]) <= h:
            t = side * (knots[k] - u[i])
            at_knots[k, 0] = sign * _horner(p, t, 0, m)
            at_knots[k, 1] = sign * side * _horner(p, t, 1, m)
            at_knots[k, 2] = sign * _horner(p, t, 2, m)
            k += 1 if ascending else -1
        for j in range(m - 1, 0, -1):
            power = 1.0
            for c in range(1, j + 1):
                power *= h / c
                mu[j] += mu[j - c] * power


@njit(cache=True)
def excursions(u, values, places, level):
    """Describe every run of intervals on which |eta| rises above `level`.

    Returns columns (place of the largest |eta|, eta there, ends of the run).
    """
    count, run = 0, 0.0
    for i in range(values.size):
        sign = 0.0 if abs(values[i]) <= level else np.sign(values[i])
        count += sign not in (0.0, run)
        run = sign
    out = np.zeros((count, 4))
    k, run = -1, 0.0
    for i in range(values.size):
        sign = 0.0 if abs(values[i]) <= level else np.sign(values[i])
        if sign not in (0.0, run):
            k += 1
            out[k, 2] = u[i]
        if sign != 0.0:
            out[k, 3] = u[i + 1]
            if abs(values[i]) > abs(out[k, 1]):
                out[k, 0], out[k, 1] = places[i], values[i]
        run = sign
    return out
