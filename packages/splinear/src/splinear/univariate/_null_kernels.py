"""The weighted affine fit, in two fused passes, and its residual."""

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy")
def _moments(x, p, w, x0, p0):
    """Weighted sums of 1, d, d^2, v, v d with d = x - x0 and v = p - p0."""
    mass, sd, sdd, sv, svd = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(x.size):
        d, v = x[i] - x0, p[i] - p0
        mass += w[i]
        sd += w[i] * d
        sdd += w[i] * d * d
        sv += w[i] * v
        svd += w[i] * v * d
    return mass, sd, sdd, sv, svd


@njit(cache=True, error_model="numpy")
def affine_residual(x, y, w):
    """Residual of the weighted affine fit and the fit itself: centre, value, slope.

    The second round removes what rounding left of the first, so that the residual is
    orthogonal to affine functions to machine precision whatever the offsets of x, y.
    """
    p = y
    mass, sd, _, sv, _ = _moments(x, y, w, x[0], y[0])
    centre = x[0] + sd / mass
    base, value, slope = y[0] + sv / mass, 0.0, 0.0
    for pass_ in range(2):
        shift = base if pass_ == 0 else 0.0
        mass, sd, sdd, sv, svd = _moments(x, p, w, centre, shift)
        det = sdd - sd * sd / mass
        rise = (svd - sv * sd / mass) / det if det > 0.0 else 0.0
        level = (sv - rise * sd) / mass
        q = np.empty_like(y)
        for i in range(x.size):
            q[i] = (p[i] - shift) - (level + rise * (x[i] - centre))
        p, value, slope = q, value + level, slope + rise
    return p, centre, base, value, slope
