"""Samples prepared for order 2: residual of the affine fit, and block sums."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from splinear.core.certificate import gap_scale
from splinear.univariate._blocks_kernels import C, block_moments
from splinear.univariate._null_kernels import affine_residual
from splinear.univariate.samples import Samples, Vector


@dataclass(frozen=True)
class Prepared:
    """What knot exchange needs to know about the data, computed once for all alphas.

    Attributes
    ----------
    samples : Samples
    p : (n,) array
        Residual of the weighted affine fit: the data of the problem that is solved.
    blocks : (n_blocks, 6) array
        Hat moments of blocks of `size` sites, see `_blocks_kernels`.
    affine : tuple of float
        Centre, base value, correction of the value, slope of the affine fit.
    height : float
        Largest absolute value of the affine fit on the data.
    null_objective : float
        Objective of the affine fit.
    scale : float
        Denominator of the relative gap, see `core.relative_gap`.
    """

    samples: Samples
    p: Vector
    blocks: NDArray[np.float64]
    size: int
    total: float
    affine: tuple[float, float, float, float]

    height: float
    null_objective: float
    scale: float

    def affine_at(self, x: Vector) -> Vector:
        """Values of the affine fit."""
        centre, base, value, slope = self.affine
        return base + (value + slope * (x - centre))


def prepare(samples: Samples) -> Prepared:
    """Fit the null model and sum up blocks; a few passes over the data."""
    x, w = samples.x, samples.w
    if x.size == 1:
        affine = (float(x[0]), float(samples.y[0]), 0.0, 0.0)
        return _described(samples, np.zeros(1), np.zeros((1, 6)), 1, affine)
    p, centre, base, value, slope = affine_residual(x, samples.y, w)
    # About sqrt(n) blocks balance crossing the quiet ones against walking the others.
    size = 2 ** int(np.clip(round(np.log2(x.size) / 2.0 - 1.0), 3, 10))
    affine = (centre, base, value, slope)
    return _described(samples, p, block_moments(x, p, w, size), size, affine)


def _described(
    samples: Samples,
    p: Vector,
    blocks: NDArray[np.float64],
    size: int,
    affine: tuple[float, float, float, float],
) -> Prepared:
    total = samples.total
    null = (0.5 * float(np.sum(blocks[:, C])) + samples.tie_loss) / total
    scale = gap_scale(null, samples.energy)
    ends = samples.x[[0, -1]]
    data = Prepared(samples, p, blocks, size, total, affine, 0.0, null, scale)
    return replace(data, height=float(np.max(np.abs(data.affine_at(ends)))))
