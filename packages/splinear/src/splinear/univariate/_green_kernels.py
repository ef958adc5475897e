"""Compiled sums over data behind the pricing of Green's-function knots."""

import numpy as np
from numba import njit


@njit(cache=True)
def power_moments(x, p, tau, first, kappa, c0, c2):
    """Value and split second derivative of ``sum_(i>=first) p_i psi(x_i - tau)``.

    psi(t) = c0 t^kappa, psi''(t) = c2 t^(kappa-2).  The second derivative comes as
    the sums over positive and over negative p: both are monotone in tau, so their
    values at the ends of a cell enclose them inside.
    """
    k, n = tau.size, x.size
    value, plus, minus = np.zeros(k), np.zeros(k), np.zeros(k)
    whole = int(kappa) if kappa == int(kappa) else -1
    for j in range(k):
        v, up, down = 0.0, 0.0, 0.0
        for i in range(first[j], n):
            t = x[i] - tau[j]
            if whole == 2:
                low = 1.0
            elif whole == 1:
                low = 1.0 / t
            elif whole == 3:
                low = t
            else:
                low = t ** (kappa - 2.0)
            v += p[i] * (c0 * low * t * t)
            if p[i] > 0.0:
                up += p[i] * low
            else:
                down -= p[i] * low
        value[j], plus[j], minus[j] = v, c2 * up, c2 * down
    return value, plus, minus


@njit(cache=True)
def decay_sums(x, p, rate):
    """``S_j = sum_(i>=j) p_i exp(-rate (x_i - x_j))`` for all j, from the right."""
    out = np.empty(x.size)
    total = 0.0
    for j in range(x.size - 1, -1, -1):
        if j < x.size - 1:
            total *= np.exp(-rate * (x[j + 1] - x[j]))
        total += p[j]
        out[j] = total
    return out
