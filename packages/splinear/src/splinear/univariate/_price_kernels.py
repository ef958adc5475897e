"""The dual certificate of a linear spline, block by block.

With r the residual, eta(t) = sum_{x_i < t} w_i r_i (t - x_i) is linear between sites
and its slope changes by w_i r_i at site i.  On a block of length h without a knot
inside, eta leaves its chord by at most h/4 sum w|r| <= h/4 sqrt(sum w sum w r^2):
blocks in which that keeps |eta| <= lam are crossed in one step, the others are walked.
"""

import numpy as np
from numba import njit

from splinear.univariate._blocks_kernels import A00, A01, A11, B0, B1, C

# Running sums of a pass ...
LOSS, TOP, ETA, SLOPE, PEAK, CLIP, EXCESS, TILT = range(8)
# ... and its counters: present knot, sign and peak of the excursion, how many found.
KNOT, SIGN, SITE, FOUND = range(4)


@njit(cache=True, error_model="numpy")
def _close_excursion(sums, count, found, peaks):
    if count[SIGN] != 0 and count[FOUND] < found.size:
        found[count[FOUND]] = count[SITE]
        peaks[count[FOUND]] = count[SIGN] * sums[PEAK]
        count[FOUND] += 1
    count[SIGN] = 0


@njit(cache=True, error_model="numpy")
def _cross(sums, m, fa, fb, h, lam):
    """Cross a block on which f runs from fa to fb, if |eta| <= lam is sure there."""
    q = m[C] - 2.0 * (fa * m[B0] + fb * m[B1])
    q += fa * fa * m[A00] + 2.0 * fa * fb * m[A01] + fb * fb * m[A11]
    # The rounding error of q: the bound must hold although its terms cancel.
    slack = 1e-14 * (m[C] + fa * fa * m[A00] + fb * fb * m[A11])
    mass = m[A00] + 2.0 * m[A01] + m[A11]
    s0 = m[B0] - fa * m[A00] - fb * m[A01]
    s1 = m[B1] - fa * m[A01] - fb * m[A11]
    following = sums[ETA] + (sums[SLOPE] + s0) * h
    bulge = 0.25 * h * np.sqrt(mass * (max(q, 0.0) + slack))
    highest = max(abs(sums[ETA]), abs(following)) + bulge
    if highest > lam or sums[EXCESS] != 0.0 or sums[TILT] != 0.0:
        return False
    sums[LOSS] += max(q, 0.0)
    sums[TOP] = max(sums[TOP], highest)
    sums[SLOPE] += s0 + s1
    sums[ETA] = following
    return True


@njit(cache=True, error_model="numpy")
def _clip(sums, eta, shift, lam, gap_before, w_before):
    """Account for the dual point with eta - shift clipped to [-lam, lam].

    It belongs to the residual r - D'(excess)/w: feasible by construction and, where
    knots are dense, far better than r scaled down.
    """
    moved = eta - shift
    excess = shift + max(moved - lam, 0.0) + min(moved + lam, 0.0)
    if excess == 0.0 and sums[EXCESS] == 0.0 and sums[TILT] == 0.0:
        return
    tilt = (excess - sums[EXCESS]) / gap_before
    sums[CLIP] += (tilt - sums[TILT]) ** 2 / w_before
    sums[EXCESS], sums[TILT] = excess, tilt


@njit(cache=True, error_model="numpy")
def _walk(
    sums, count, found, peaks, at_knots, x, p, w, knots, values, shift, first, stop, lam
):
    """Visit sites [first, stop) one by one and note where |eta| peaks above lam."""
    n, last = x.size, knots.size - 1
    eta, slope, top, loss = sums[ETA], sums[SLOPE], sums[TOP], 0.0
    k = count[KNOT]
    f0, left = values[k], x[knots[k]]
    rise = (values[k + 1] - f0) / (x[knots[k + 1]] - left)
    drift = (shift[k + 1] - shift[k]) / (x[knots[k + 1]] - left)
    for i in range(first, stop):
        if k + 1 < last and knots[k + 1] == i:
            k += 1
            f0, left = values[k], x[i]
            rise = (values[k + 1] - f0) / (x[knots[k + 1]] - left)
            drift = (shift[k + 1] - shift[k]) / (x[knots[k + 1]] - left)
        if knots[k] == i:
            at_knots[k] = eta
        height = abs(eta)
        top = max(top, height)
        if height > lam:
            sign = 1 if eta > 0.0 else -1
            if sign != count[SIGN]:
                _close_excursion(sums, count, found, peaks)
                count[SIGN], sums[PEAK] = sign, 0.0
            if height > sums[PEAK]:
                sums[PEAK], count[SITE] = height, i
        elif count[SIGN] != 0:
            _close_excursion(sums, count, found, peaks)
        if i > 0:
            moved = shift[k] + drift * (x[i] - left)
            _clip(sums, eta, moved, lam, x[i] - x[i - 1], w[i - 1])
        r = p[i] - (f0 + rise * (x[i] - left))
        loss += w[i] * r * r
        slope += w[i] * r
        if i + 1 < n:
            eta += slope * (x[i + 1] - x[i])
    count[KNOT] = k
    sums[ETA], sums[SLOPE], sums[TOP] = eta, slope, top
    sums[LOSS] += loss


@njit(cache=True, error_model="numpy")
def price(x, p, w, blocks, size, knots, values, lam, capacity, shift):
    """Evaluate eta for the linear spline through (knots, values).

    `shift`, given at the knots and linear between, is taken off eta for the dual point
    of `_clip`, nowhere else.  Returns sum w r^2, the squared distance of r from the
    residual of that dual point, an upper bound of sup|eta| (attained if above lam), eta at the
    knots, and the site at which |eta| - lam is largest in each maximal excursion of
    one sign with eta there, up to `capacity` of them.
    """
    n, blocks_n, last = x.size, blocks.shape[0], knots.size - 1
    sums, count = np.zeros(8), np.zeros(4, dtype=np.int64)
    at_knots, shifted = np.zeros(knots.size), np.any(shift != 0.0)
    found, peaks = np.empty(capacity, dtype=np.int64), np.empty(capacity)
    for b in range(blocks_n):
        i0 = b * size
        i1 = n - 1 if b == blocks_n - 1 else i0 + size
        while count[KNOT] + 1 < last and knots[count[KNOT] + 1] <= i0:
            count[KNOT] += 1
        k = count[KNOT]
        if knots[k + 1] >= i1 and not shifted:
            left, f0 = x[knots[k]], values[k]
            rise = (values[k + 1] - f0) / (x[knots[k + 1]] - left)
            fa, fb = f0 + rise * (x[i0] - left), f0 + rise * (x[i1] - left)
            eta = sums[ETA]
            if _cross(sums, blocks[b], fa, fb, x[i1] - x[i0], lam):
                if knots[k] == i0:
                    at_knots[k] = eta
                _close_excursion(sums, count, found, peaks)
                continue
        stop = n if b == blocks_n - 1 else i1
        _walk(
            sums,
            count,
            found,
            peaks,
            at_knots,
            x,
            p,
            w,
            knots,
            values,
            shift,
            i0,
            stop,
            lam,
        )
    _close_excursion(sums, count, found, peaks)
    number = count[FOUND]
    clip = sums[CLIP] + sums[TILT] ** 2 / w[n - 1]
    return sums[LOSS], clip, sums[TOP], at_knots, found[:number], peaks[:number]


@njit(cache=True, error_model="numpy")
def gap_of(jumps, eta, lam, loss, clip, top):
    """Gap (times W) at the better of the scaled and the clipped dual point, and TV."""
    shrink = min(1.0, lam / top) if top > 0.0 else 1.0
    scaled, clipped, variation = 0.5 * (1.0 - shrink) ** 2 * loss, 0.5 * clip, 0.0
    for k in range(jumps.size):
        size = abs(jumps[k])
        toward = eta[k] if jumps[k] > 0.0 else -eta[k]
        scaled += size * max(lam - shrink * toward, 0.0)
        clipped += size * max(lam - toward, 0.0)
        variation += size
    return min(scaled, clipped), variation
