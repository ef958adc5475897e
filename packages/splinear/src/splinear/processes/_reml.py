"""Noise and variance by restricted maximum likelihood: one eigenvalue problem."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from splinear.processes._spline_system import Contrasts

Array = NDArray[np.float64]

#: Points of the search before it is refined: the likelihood may have two maxima.
GRID = 80
#: Decades below the smallest, and above the largest, eigenvalue that are searched.
BEYOND = 4.0


class Scales(NamedTuple):
    """Standard units of the contrasts."""

    mu: Array  # eigenvalues of Q'|x - x'|^3 Q
    power: Array  # squares of the contrasts along their eigenvectors


def estimate(
    split: Contrasts, y: Array, tau: float | None, noise: float | None
) -> tuple[float, float]:
    """Return (tau, noise); what is None is estimated."""
    if tau is not None and noise is not None:
        return tau, noise
    mu, V = np.linalg.eigh(split.Q2.T @ split.cubes @ split.Q2)
    z = V.T @ (split.Q2.T @ y)
    # Affine data, up to rounding, ask for no variance at all: rounding is the least.
    floor = (1e-14 * np.max(np.abs(y), initial=0.0)) ** 2 + 1e-280
    scales = Scales(np.maximum(mu, 1e-15 * mu[-1]), np.maximum(z * z, floor))
    if tau is not None:
        return tau, _search(
            lambda s: _deviance(tau * scales.mu + s, scales), scales, tau
        )
    if noise is not None:
        if noise == 0.0:
            return float(np.mean(scales.power / scales.mu)), 0.0
        ratio = _search(
            lambda r: _deviance(noise / r * scales.mu + noise, scales), scales, 1.0
        )
        return noise / ratio, noise
    ratio = _search(lambda r: _profile(scales.mu + r, scales), scales, 1.0)
    tau = float(np.mean(scales.power / (scales.mu + ratio)))
    return tau, ratio * tau


def _deviance(S: Array, scales: Scales) -> float:
    return float(np.sum(np.log(S)) + np.sum(scales.power / S))


def _profile(S: Array, scales: Scales) -> float:
    """Return minus twice the log-likelihood at its best tau, less a constant."""
    return float(np.sum(np.log(S)) + len(S) * np.log(np.mean(scales.power / S)))


def _search(deviance: Callable[[float], float], scales: Scales, unit: float) -> float:
    """Minimise over a positive number, on a logarithmic scale."""
    ends = np.log(unit * scales.mu[[0, -1]]) + np.log(10.0) * np.array([-1, 1]) * BEYOND
    grid = np.linspace(ends[0], ends[1], GRID)
    values = [deviance(float(np.exp(g))) for g in grid]
    best = int(np.argmin(values))
    around = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
    fine = minimize_scalar(
        lambda g: deviance(float(np.exp(g))),
        bounds=around,
        method="bounded",
        options={"xatol": 1e-10},
    )
    found = fine.x if fine.fun <= values[best] else grid[best]
    return float(np.exp(found))
