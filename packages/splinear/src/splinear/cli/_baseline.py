"""The competitor: scipy's smoothing spline, its strength by cross-validation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.univariate.samples import gather

Vector = NDArray[np.float64]


def smoothing_spline(x: Vector, y: Vector) -> Callable[[Vector], Vector]:
    """Cubic smoothing spline with lambda by generalised cross-validation."""
    from scipy.interpolate import make_smoothing_spline

    merged = gather(x, y)  # scipy refuses ties
    return make_smoothing_spline(merged.x, merged.y, w=merged.w)


def split(size: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Hold out a fifth of the rows, the same ones every time."""
    test = np.zeros(size, dtype=bool)
    chosen = np.random.default_rng(0).choice(size, size // 5, replace=False)
    test[chosen] = True
    return ~test, test


def held_out_error(fit: Any, x: Vector, y: Vector) -> float:
    """Root mean squared error of a fit made on the training rows, on the others."""
    train, test = split(x.size)
    function = fit(x[train], y[train])
    return float(np.sqrt(np.mean((y[test] - function(x[test])) ** 2)))
