"""Many independent realisations at a few points."""

import numpy as np
from numpy.typing import NDArray

from splinear.processes._draw import MOST, directions
from splinear.processes._points import norms
from splinear.processes._sphere import sphere_area
from splinear.processes.laws import WeightLaw

Array = NDArray[np.float64]

#: Entries of one block of activations: 32 MiB.
_BLOCK = 2**22


def simulate(
    rate: float, law: WeightLaw, X: Array, draws: int, rng: np.random.Generator
) -> Array:
    """Return (draws, M) values, a row for each realisation."""
    M, d = X.shape
    radius = float(norms(X).max(initial=0.0))
    mean = 2.0 * rate * sphere_area(d) * radius
    if mean > MOST:
        raise ValueError(f"{mean:.3g} neurons are expected a draw; at most {MOST:.0e}")
    values = np.zeros((draws, M))
    step = max(1, int(_BLOCK / (1.0 + mean) / max(M, d)))
    for start in range(0, draws if M else 0, step):
        rows = slice(start, min(start + step, draws))
        values[rows] = _block(mean, radius, law, X, rows.stop - start, rng)
    return values


def _block(
    mean: float,
    radius: float,
    law: WeightLaw,
    X: Array,
    draws: int,
    rng: np.random.Generator,
) -> Array:
    counts = rng.poisson(mean, draws)
    owner = np.repeat(np.arange(draws), counts)
    U = directions(rng, owner.size, X.shape[1])
    t = rng.uniform(0.0, radius, owner.size)
    v = law.sample(rng, owner.size)
    values = np.empty((draws, len(X)))
    for j, x in enumerate(X):
        active = np.maximum(U @ x - t, 0.0)
        values[:, j] = np.bincount(owner, v * active, minlength=draws)
    return values
