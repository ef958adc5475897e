"""Weighted square error of a piecewise polynomial at sorted sites, in one sweep."""

from numba import njit


@njit(cache=True)
def squared_error(x, y, w, knots, coefficients, origin):
    """``sum w (y - f(x))^2`` for increasing x."""
    order, piece, anchor, total = coefficients.shape[0], 0, origin, 0.0
    for i in range(x.size):
        while piece < knots.size and x[i] >= knots[piece]:
            anchor = knots[piece]
            piece += 1
        t, f = x[i] - anchor, 0.0
        for j in range(order - 1, -1, -1):
            f = f * t + coefficients[j, piece]
        total += w[i] * (y[i] - f) * (y[i] - f)
    return total
