"""Eigenvalues of a Hessian with their multiplicities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HessianSpectrum:
    """All eigenvalues of a Hessian, the largest first.

    Attributes
    ----------
    values : (m,) array
        Decreasing; equal values of one formula stand once.
    multiplicities : (m,) array of int
        How often each occurs; they sum to the number of parameters.

    Examples
    --------
    >>> spectrum = HessianSpectrum.collect([4.0, 1.0, 0.0], [1, 2, 3])
    >>> spectrum.largest, spectrum.trace, spectrum.n_parameters
    (4.0, 6.0, 6)
    >>> spectrum.to_array()
    array([4., 1., 1., 0., 0., 0.])
    """

    values: Array
    multiplicities: NDArray[np.int64]

    @classmethod
    def collect(cls, values: object, multiplicities: object) -> "HessianSpectrum":
        """Build a spectrum from values in any order; those that occur 0 times go."""
        found = np.asarray(values, dtype=np.float64)
        counts = np.asarray(multiplicities, dtype=np.int64)
        kept = np.flatnonzero(counts > 0)
        order = kept[np.argsort(found[kept])[::-1]]
        return cls(found[order], counts[order])

    @property
    def largest(self) -> float:
        """The sharpness."""
        return float(self.values[0])

    @property
    def trace(self) -> float:
        """Sum of all eigenvalues."""
        return float(self.values @ self.multiplicities)

    @property
    def n_parameters(self) -> int:
        """Number of eigenvalues, the size of the Hessian."""
        return int(self.multiplicities.sum())

    def to_array(self) -> Array:
        """Return every eigenvalue as often as it occurs, decreasing."""
        return np.repeat(self.values, self.multiplicities)

    def scaled(self, factor: float) -> "HessianSpectrum":
        """Return the spectrum of `factor` times the Hessian, ``factor > 0``."""
        return HessianSpectrum(factor * self.values, self.multiplicities)
