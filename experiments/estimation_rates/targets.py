"""Designs and targets: what is to be estimated, on the unit ball."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ball(rng: np.random.Generator, n: int, d: int) -> Array:
    """Return (n, d) points, uniform on the unit ball: the design of the theorem."""
    U = directions(rng, n, d)
    return U * rng.uniform(size=(n, 1)) ** (1 / d)


def directions(rng: np.random.Generator, n: int, d: int) -> Array:
    """Return (n, d) rows, uniform on the sphere."""
    U = rng.standard_normal((n, d))
    return U / np.linalg.norm(U, axis=1, keepdims=True)


def ridges(rng: np.random.Generator, d: int, count: int) -> Callable[[Array], Array]:
    """Return a sum of `count` ReLU neurons of random signs whose kinks meet the data.

    Offsets lie within one standard deviation of ``u . x``, ``1 / sqrt(d + 2)``.
    """
    U = directions(rng, count, d)
    t = rng.uniform(-1, 1, count) / np.sqrt(d + 2)
    signs = rng.choice([-1.0, 1.0], count)
    return lambda X: np.maximum(X @ U.T - t, 0.0) @ signs


def bump(width: float) -> Callable[[Array], Array]:
    """Return a Gaussian around the origin: smooth, radial, along no direction."""
    return lambda X: np.exp(-np.sum(X**2, axis=1) / (2 * width**2))


def jump(rng: np.random.Generator, d: int) -> Callable[[Array], Array]:
    """Return the indicator of a half-space that cuts the data: of no finite norm.

    Every ReLU approximation as good as eps in squared error has a norm of order 1/eps.
    """
    (u,), t = directions(rng, 1, d), rng.uniform(-0.5, 0.5) / np.sqrt(d + 2)
    return lambda X: (X @ u > t).astype(np.float64)
