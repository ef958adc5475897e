"""Problems that break solvers, shared by the tests of every order."""

from collections.abc import Iterator

import numpy as np


def _noisy(x: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = (x - x.min()) / max(float(np.ptp(x)), 1e-300)
    return np.sin(6.0 * t) + 2.0 * np.abs(t - 0.37) + 0.3 * rng.standard_normal(x.size)


def _clustered(seed: int, n: int) -> np.ndarray:
    """Clusters whose inner gaps go down to 1e-12 of the range."""
    rng = np.random.default_rng(seed)
    centres = rng.random(n // 4)
    spread = 10.0 ** rng.uniform(-12.0, -2.0, (n // 4, 1))
    return (centres[:, None] + spread * np.arange(4)).ravel()


def problems() -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray | None]]:
    """Yield name, x, y, weights."""
    rng = np.random.default_rng(7)
    for n in (63, 64):
        x = rng.random(n)
        yield f"random-{n}", x, _noisy(x, n), None
    x = _clustered(1, 64)
    yield "clustered", x, _noisy(x, 1), None
    x = np.repeat(rng.random(20), 3)
    yield "ties", x, _noisy(x, 2), None
    x = 1e9 + np.cumsum(rng.integers(8, 80, 64)) * 2.0**-23  # gaps of 1e-6 and more
    yield "offset", x, _noisy(x, 3), None
    x = rng.random(50)
    yield "offset-y", x, 1e9 + _noisy(x, 4), None
    yield "constant", x, np.full(50, 3.0), None
    yield "line", x, 2.0 - 3.0 * x, None
    yield "two-points", np.array([1.0, 2.0]), np.array([0.0, 5.0]), None
    yield "three-points", np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0]), None
    x = rng.random(64)
    yield "weights", x, _noisy(x, 5), 10.0 ** rng.uniform(-4.0, 4.0, 64)
    x = np.arange(64.0)
    yield "grid", x, _noisy(x, 6), None
    yield "step", x, (x > 31.5).astype(float), None


#: Ratios to alpha_max: at it, above it, usual ones and near zero.
RATIOS = (2.0, 1.0, 0.3, 1e-2, 1e-4, 1e-8, 1e-12)
