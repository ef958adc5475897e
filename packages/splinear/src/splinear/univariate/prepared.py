"""Samples prepared for order 2: residual of the affine fit, and block sums."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    """

    samples: Samples
    p: Vector
    blocks: NDArray[np.float64]
    size: int
    total: float
    affine: tuple[float, float, float, float]

    @property
    def height(self) -> float:
        """Largest absolute value of the affine fit on the data."""
        ends = self.affine_at(self.samples.x[[0, -1]])
        return float(np.max(np.abs(ends)))

    @property
    def null_sum(self) -> float:
        """Half the weighted sum of squares that the affine fit leaves (no ties)."""
        return 0.5 * float(np.sum(self.blocks[:, C]))

    @property
    def null_objective(self) -> float:
        """Objective of the affine fit."""
        return (self.null_sum + self.samples.tie_loss) / self.total

    @property
    def scale(self) -> float:
        """Denominator of the relative gap, see `core.relative_gap`."""
        floor = float(np.finfo(np.float64).eps) * self.samples.energy
        return max(self.null_objective, floor, float(np.finfo(np.float64).tiny))

    def affine_at(self, x: Vector) -> Vector:
        """Values of the affine fit."""
        centre, base, value, slope = self.affine
        return base + (value + slope * (x - centre))


def prepare(samples: Samples) -> Prepared:
    """Fit the null model and sum up blocks; three passes over the data."""
    x, w = samples.x, samples.w
    if x.size == 1:
        affine = (float(x[0]), float(samples.y[0]), 0.0, 0.0)
        return Prepared(samples, np.zeros(1), np.zeros((1, 6)), 1, float(w[0]), affine)
    p, *affine = affine_residual(x, samples.y, w)
    # About sqrt(n) blocks balance crossing the quiet ones against walking the others.
    size = 2 ** int(np.clip(round(np.log2(x.size) / 2.0 - 1.0), 3, 10))
    blocks = block_moments(x, p, w, size)
    return Prepared(samples, p, blocks, size, samples.total, tuple(affine))
