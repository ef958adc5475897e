"""The obvious versions: every neuron at every point, every draw by itself."""

import math

import numpy as np


def values(net, X):
    return np.maximum(X @ net.directions.T - net.thresholds, 0.0) @ net.weights


def gradients(net, X):
    active = net.directions @ X.T > net.thresholds[:, None]  # (K, N)
    return (active * net.weights[:, None]).T @ net.directions


def published_constant(d):
    """The covariance constant as (107) of the paper prints it."""
    below = 4.0 * math.sqrt(math.pi) / 3.0  # Gamma(-3/2)
    return below / (2 ** (d + 3) * math.pi ** (d / 2) * math.gamma((d + 3) / 2))


def corrected_constant(d):
    """c_3 / 12, c_3 the integral of |u . e|^3 over the sphere, by quadrature."""
    from scipy.integrate import quad

    if d == 1:
        return 2.0 / 12.0
    below = 2.0 * math.pi ** ((d - 1) / 2) / math.gamma((d - 1) / 2)
    c3 = quad(lambda a: 2.0 * np.sin(a) ** 3 * np.cos(a) ** (d - 2), 0, np.pi / 2)[0]
    return below * c3 / 12.0


def covariance(X, Y, constant):
    """The formula as it stands, of two equally long lists of points."""
    x, y = np.linalg.norm(X, axis=1), np.linalg.norm(Y, axis=1)
    far = np.linalg.norm(X - Y, axis=1)
    return constant * (far**3 - x**3 - y**3 + 3.0 * np.sum(X * Y, axis=1) * (x + y))


def z_of_mean(draws, expected):
    """Deviations by which the mean of independent draws misses."""
    return (draws.mean() - expected) / (draws.std() / math.sqrt(len(draws)))
