"""Targets with many outputs: neurons shared by all of them, or by none."""

from collections.abc import Callable

import numpy as np
from experiments.neuron_sharing.config import Config
from numpy.typing import NDArray

Array = NDArray[np.float64]


def inputs(rng: np.random.Generator, n: int, d: int) -> Array:
    """Return (n, d) points, uniform on the cube of side two."""
    return rng.uniform(-1.0, 1.0, (n, d))


def make_target(
    config: Config, design: str, n_outputs: int, rng: np.random.Generator
) -> Callable[[Array], Array]:
    """Return (n, d) -> (n, n_outputs), each output of standard deviation one.

    Under "shared" every output is a random combination of the same neurons; under
    "separate" of its own.
    """
    blocks = n_outputs if design == "separate" else 1
    U = rng.standard_normal((blocks * config.n_true, config.d))
    U /= np.linalg.norm(U, axis=1, keepdims=True)
    t = rng.uniform(-0.5, 0.5, len(U))
    V = rng.standard_normal((len(U), n_outputs))
    if design == "separate":
        V *= np.kron(np.eye(n_outputs), np.ones((config.n_true, 1)))
    X = inputs(rng, 10_000, config.d)
    V /= np.std(np.maximum(X @ U.T - t, 0.0) @ V, axis=0)
    return lambda X: np.maximum(X @ U.T - t, 0.0) @ V
