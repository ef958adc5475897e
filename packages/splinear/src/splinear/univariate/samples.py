"""Data in the form every univariate solver reads: sorted, distinct, weighted."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_vector
from splinear.univariate._samples_kernels import merge_ties

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """Sorted sites with the weighted mean of the rows that share each site.

    For squared loss, rows with one `x` act through their total weight and weighted
    mean alone; what the mean leaves unexplained is the constant `tie_loss`.

    Attributes
    ----------
    x : (n,) array
        Strictly increasing sites.
    y : (n,) array
        Weighted mean of the targets at each site.
    w : (n,) array
        Total weight at each site, positive.
    tie_loss : float
        ``sum w (y_row - y_site)^2 / 2`` over all rows: no fit can lower it.
    rows : int
        Rows of positive weight before merging.
    """

    x: Vector
    y: Vector
    w: Vector
    tie_loss: float
    rows: int = 0

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return float(np.sum(self.w))

    @property
    def energy(self) -> float:
        """Objective of f = 0, ``sum(w y^2) / (2 sum(w))``, ties included."""
        loss = 0.5 * float(np.dot(self.w, self.y * self.y)) + self.tie_loss
        return loss / self.total


def gather(x: Any, y: Any, sample_weight: Any = None) -> Samples:
    """Check, sort and merge rows.

    Parameters
    ----------
    x, y : (N,) array-likes of finite real numbers
        In any order, ties allowed.
    sample_weight : (N,) array-like, optional
        Non-negative; a row of weight zero is as good as absent.

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        If lengths differ, no row has weight, an entry is not finite, a weight is
        negative, or squares would overflow or underflow.

    Examples
    --------
    >>> s = gather([2.0, 1.0, 2.0], [3.0, 0.0, 5.0])
    >>> s.x, s.y, s.w, s.tie_loss
    (array([1., 2.]), array([0., 4.]), array([1., 2.]), 1.0)
    """
    x = check_vector("x", x)
    y = check_vector("y", y, size=x.size)
    w = check_weights(sample_weight, x.size)
    if x.size == 0:
        raise ValueError("x must hold at least one row; got none")
    if w is not None and not w.all():
        keep = w > 0.0
        x, y, w = x[keep], y[keep], w[keep]
        if x.size == 0:
            raise ValueError("sample_weight must have a positive entry; got zeros only")
    _check_magnitudes(x, y)
    if np.any(x[1:] < x[:-1]):
        order = np.argsort(x)
        x, y, w = x[order], y[order], None if w is None else w[order]
    if w is None:
        w = np.ones_like(x)
    return Samples(*merge_ties(x, y, w), x.size)


def _check_magnitudes(x: Vector, y: Vector) -> None:
    # What would overflow or underflow in squares and powers is refused.
    low, high = float(x.min()), float(x.max())
    if not (high == low or 1e-40 < high - low < 1e40):
        raise ValueError(
            f"the range of x must lie within 1e-40 and 1e40, for powers of it are "
            f"taken; got {high - low:g}: rescale x"
        )
    peak = max(float(y.max()), -float(y.min()))
    if not (peak == 0.0 or 1e-100 < peak < 1e100):
        raise ValueError(
            f"the largest |y| must lie within 1e-100 and 1e100, for its square is "
            f"taken; got {peak:g}: rescale y"
        )


def check_weights(sample_weight: Any, size: int) -> Vector | None:
    """Return non-negative weights, the largest of them of ordinary size.

    Only ratios of weights matter to any objective here; a common factor, a power of
    two and therefore exact, keeps sums and squares of extreme weights in range.

    Raises
    ------
    ValueError
        If an entry is negative or not finite, or the length is wrong.

    Examples
    --------
    >>> check_weights([2.0**-1000, 2.0**-1001], 2)
    array([0.5 , 0.25])
    """
    if sample_weight is None:
        return None
    w = check_vector("sample_weight", sample_weight, size=size)
    if np.any(w < 0.0):
        worst = int(np.argmin(w))
        raise ValueError(
            f"sample_weight must be non-negative; got {w[worst]} at position {worst}"
        )
    exponent = int(np.frexp(w.max(initial=0.0))[1])
    return np.ldexp(w, -exponent) if abs(exponent) > 64 else w
