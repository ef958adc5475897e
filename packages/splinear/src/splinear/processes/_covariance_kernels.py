"""The covariance of the process and the cubic of distances, entry by entry."""

import numpy as np
from numba import njit


@njit(cache=True)
def pinned(X, Y):
    """Return |x-y|^3 - |x|^3 - |y|^3 + 3 x.y (|x| + |y|), without cancellation.

    With a = |x| <= b = |y|, e = a/b, q = |x-y|/b and c = x.y/(a b) it is

        b^3 e^2 ((q^2 + q + 1)/(q + 1) + c (2c - e)(1 + 2q)/(1 + q)^2 + 3c - e):

    the terms of order e^0 and e^1 cancel on paper, not in the computer.
    """
    K = np.zeros((X.shape[0], Y.shape[0]))
    left, right = lengths(X), lengths(Y)
    for i in range(X.shape[0]):
        for k in range(Y.shape[0]):
            a, b = min(left[i], right[k]), max(left[i], right[k])
            if a == 0.0:
                continue
            dot = far = 0.0
            for j in range(X.shape[1]):
                dot += (X[i, j] / left[i]) * (Y[k, j] / right[k])
                far += ((X[i, j] - Y[k, j]) / b) ** 2
            e, q = a / b, np.sqrt(far)
            c = min(max(dot, -1.0), 1.0)
            bracket = (q * q + q + 1.0) / (q + 1.0)
            bracket += c * (2.0 * c - e) * (1.0 + 2.0 * q) / (1.0 + q) ** 2
            K[i, k] = a * a * b * (bracket + (3.0 * c - e))
    return K


@njit(cache=True)
def lengths(X):
    sizes = np.zeros(X.shape[0])
    for i in range(X.shape[0]):
        total = 0.0
        for j in range(X.shape[1]):
            total += X[i, j] * X[i, j]
        sizes[i] = np.sqrt(total)
    return sizes


@njit(cache=True)
def cubic(X, Y):
    """Return |x - y|^3."""
    K = np.empty((X.shape[0], Y.shape[0]))
    for i in range(X.shape[0]):
        for k in range(Y.shape[0]):
            far = 0.0
            for j in range(X.shape[1]):
                far += (X[i, j] - Y[k, j]) ** 2
            K[i, k] = far * np.sqrt(far)
    return K
