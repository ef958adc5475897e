"""Compiled passes of the weighted taut string; prefix sums carry twice the digits."""

import numpy as np
from numba import njit


@njit(cache=True)
def _add(high, low, term):
    # Knuth's TwoSum: high + low is the sum to about 106 bits.
    total = high + term
    part = total - high
    return total, low + ((high - (total - part)) + (term - part))


@njit(cache=True)
def prefix_sums(z, w):
    """Prefix sums of ``w * z`` and of ``w`` as pairs (high, low), entry 0 being 0."""
    n = z.size
    sums = np.zeros((n + 1, 4))
    s_high = s_low = w_high = w_low = 0.0
    for i in range(n):
        s_high, s_low = _add(s_high, s_low, w[i] * z[i])
        w_high, w_low = _add(w_high, w_low, w[i])
        sums[i + 1, 0], sums[i + 1, 1] = s_high, s_low
        sums[i + 1, 2], sums[i + 1, 3] = w_high, w_low
    return sums  # (n + 1, 4)


@njit(cache=True)
def _rise(sums, i, j):
    return (sums[j, 0] - sums[i, 0]) + (sums[j, 1] - sums[i, 1])


@njit(cache=True)
def _run(sums, i, j):
    return (sums[j, 2] - sums[i, 2]) + (sums[j, 3] - sums[i, 3])


@njit(cache=True)
def _slope(sums, lam, i, side_i, j, side_j):
    # The tube is lam wide on both sides of the prefix sums; sides are -1, 0, 1.
    return (_rise(sums, i, j) + (side_j - side_i) * lam) / _run(sums, i, j)


@njit(cache=True)
def _pop_hidden(sums, lam, chain, head, tail, apex, apex_side, side, j, side_j):
    # Keep the chain convex (side 1: slopes grow) or concave (side -1) when j joins.
    while tail > head:
        last = chain[tail - 1]
        before, before_side = apex, apex_side
        if tail - 1 > head:
            before, before_side = chain[tail - 2], side
        old = _slope(sums, lam, before, before_side, last, side)
        new = _slope(sums, lam, last, side, j, side_j)
        if side * (new - old) > 0.0:
            break
        tail -= 1
    return tail


@njit(cache=True)
def taut_string(sums, lam):
    """Contacts of the shortest path through the tube ``prefix sums +- lam``.

    The funnel of Lee and Preparata: `upper` is the greatest convex minorant of the
    upper rim seen from the apex, `lower` the least concave majorant of the lower rim.
    Each index enters and leaves a chain once, hence linear time.

    Returns the contact indices and their sides (1 on the upper rim, -1 on the lower).
    """
    n = sums.shape[0] - 1
    chains = np.empty((2, n + 1), dtype=np.int64)  # row 0 upper, row 1 lower
    heads, tails = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64)
    knots, sides = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int8)
    count, apex, apex_side = 0, 0, 0
    for j in range(1, n + 1):
        for own in range(2):
            other, side = 1 - own, 1 - 2 * own
            side_j = side if j < n else 0
            head, chain = heads[own], chains[own]
            tail = _pop_hidden(
                sums, lam, chain, head, tails[own], apex, apex_side, side, j, side_j
            )
            while tail == head and heads[other] < tails[other]:
                first = chains[other, heads[other]]
                if first == j:
                    break
                sight = _slope(sums, lam, apex, apex_side, j, side_j)
                rim = _slope(sums, lam, apex, apex_side, first, -side)
                if side * (rim - sight) <= 0.0:
                    break
                # The other rim blocks the view of j: the path bends around it.
                apex, apex_side = first, -side
                knots[count], sides[count] = apex, apex_side
                count += 1
                heads[other] += 1
            chain[tail] = j
            tails[own] = tail + 1
    return knots[:count], sides[:count]


@njit(cache=True)
def pool(sums, lam, knots, sides):
    """Levels between contacts; contacts whose jump has not the sign of its side go.

    Such contacts are touched without force (ties) or by rounding; pooling them is
    the pool-adjacent-violators step and ends in one pass over a stack.
    """
    n = sums.shape[0] - 1
    ends = np.empty(knots.size + 1, dtype=np.int64)
    signs = np.empty(knots.size + 1, dtype=np.int8)
    levels = np.empty(knots.size + 1)
    top = 0
    for k in range(knots.size + 1):
        end = knots[k] if k < knots.size else n
        sign = sides[k] if k < knots.size else 0
        start, start_sign = (ends[top - 1], signs[top - 1]) if top else (0, 0)
        level = _slope(sums, lam, start, start_sign, end, sign)
        while top and signs[top - 1] * (level - levels[top - 1]) <= 0.0:
            top -= 1
            start, start_sign = (ends[top - 1], signs[top - 1]) if top else (0, 0)
            level = _slope(sums, lam, start, start_sign, end, sign)
        ends[top], signs[top], levels[top] = end, sign, level
        top += 1
    return ends[:top], signs[:top], levels[:top]


@njit(cache=True)
def _closure(z, w, i, j, level):
    # Sum of w * (z - level) and of w over [i, j), compensated.
    high = low = mass_high = mass_low = 0.0
    for k in range(i, j):
        high, low = _add(high, low, w[k] * (z[k] - level))
        mass_high, mass_low = _add(mass_high, mass_low, w[k])
    return high + low, mass_high + mass_low


@njit(cache=True)
def audit(z, w, lam, ends, signs, levels):
    """Dual point of the levels: sup of |u|, loss, and the shift that closes each run.

    In each run the residual ``z - level`` is shifted by the rounding of the level so
    that its sum is exactly the difference of the contacts; u then starts every run at
    ``-+lam`` and no error travels from run to run.

    Returns (sup |u|, sum w r^2 of the shifted residuals, shifts).
    """
    shifts = np.empty(ends.size)
    peak = energy = 0.0
    start, start_sign = 0, 0
    for k in range(ends.size):
        total, mass = _closure(z, w, start, ends[k], levels[k])
        shifts[k] = ((start_sign - signs[k]) * lam - total) / mass
        high, low = -start_sign * lam, 0.0
        for i in range(start, ends[k]):
            r = (z[i] - levels[k]) + shifts[k]
            energy += w[i] * r * r
            high, low = _add(high, low, w[i] * r)
            if i + 1 < ends[k]:
                peak = max(peak, abs(high + low))
        start, start_sign = ends[k], signs[k]
    return peak, energy, shifts


@njit(cache=True)
def largest_prefix(sums):
    """Largest |prefix sum| after removal of the weighted mean: lambda_max."""
    n = sums.shape[0] - 1
    mean = _rise(sums, 0, n) / _run(sums, 0, n)
    peak = 0.0
    for j in range(1, n):
        peak = max(peak, abs(_rise(sums, 0, j) - mean * _run(sums, 0, j)))
    return peak
