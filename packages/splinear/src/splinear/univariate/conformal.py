"""Prediction intervals from rows that the fit has not seen (split conformal)."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector

Vector = NDArray[np.float64]


def conformal_radius(scores: Any, coverage: float) -> float:
    """Radius that covers a new score with probability at least `coverage`.

    The ``ceil((n + 1) coverage)``-th smallest of n scores [1]_: if the new score is
    exchangeable with them, it lies below with probability at least `coverage`, and at
    most ``coverage + 1/(n + 1)`` where scores have no ties.

    Parameters
    ----------
    scores : (n,) array-like
        Absolute errors on rows that were not used to fit, in the units of y.
    coverage : float, in (0, 1)
        Probability wanted; n rows reach at most ``n / (n + 1)``.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there are too few scores for that coverage.

    References
    ----------
    .. [1] V. Vovk, A. Gammerman and G. Shafer, Algorithmic Learning in a Random
       World, 2005, section 4.2.

    Examples
    --------
    >>> conformal_radius([3.0, 1.0, 2.0, 4.0], coverage=0.8)
    4.0
    """
    coverage = check_scalar("coverage", coverage, low=0.0, strict=True)
    if coverage >= 1.0:
        raise ValueError(
            f"coverage must be below 1; got {coverage}: no finite interval is certain"
        )
    scores = check_vector("scores", scores)
    rank = _rank(scores.size, coverage)
    if rank > scores.size:
        needed = math.ceil(coverage / (1.0 - coverage) - 1e-9)
        raise ValueError(
            f"coverage {coverage} needs at least {needed} calibration rows; got "
            f"{scores.size}: calibrate with more rows or ask for less coverage"
        )
    return float(np.partition(scores, rank - 1)[rank - 1])


def _rank(size: int, coverage: float) -> int:
    # 10 * 0.9 is 9.000000000000002 in some roundings: that must not become rank 10.
    return max(math.ceil((size + 1) * coverage - 1e-9), 1)
