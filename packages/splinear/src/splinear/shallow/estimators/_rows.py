"""From tables to rows of a fit: checks, duplicates, and the scaling of the columns."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_sample_weight, validate_data

Array = NDArray[np.float64]

#: Rows up to which equal rows become one of their total weight.
MERGED_UP_TO = 20_000


class Frame(NamedTuple):
    """Where the columns were moved and by what they were divided."""

    center: Array  # (d,)
    scale: Array  # (d,)


def read_table(estimator: Any, X: Any, reset: bool) -> Array:
    """Check X; a missing or infinite entry is named with its column."""
    X = validate_data(
        estimator, X, reset=reset, dtype=np.float64, ensure_all_finite=False
    )
    bad = ~np.isfinite(X)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        names = getattr(estimator, "feature_names_in_", None)
        name = f"column {column}" if names is None else f"column {names[column]!r}"
        what = "NaN" if np.isnan(X[row, column]) else "infinity"
        raise ValueError(
            f"Input X contains {what}: first in {name}, row {row} ({int(bad.sum())} "
            "such entries): impute or drop them first"
        )
    return X


def read_weights(sample_weight: Any, X: Array) -> Array | None:
    """Check weights: finite, not negative, positive somewhere."""
    if sample_weight is None:
        return None
    w = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    if not w.max(initial=0.0) > 0.0:
        raise ValueError("sample_weight must be positive somewhere; got all zeros")
    return w


class Merging(NamedTuple):
    """Rows of a fit, and which row of the user went where."""

    X: Array  # (n, d)
    Y: Array  # (n, D)
    which: NDArray[np.intp]  # (N,)
    given: Array  # (N,) weights of the user

    def weights_of(self, rows: Any) -> Array:
        """Return the weights of the rows of a fit that stem from some rows, (n,)."""
        total = np.bincount(self.which[rows], self.given[rows], len(self.X))
        return total.astype(np.float64)


def merging(X: Array, Y: Array, w: Array | None) -> Merging:
    """Drop rows of weight zero and join equal rows, in an order of their own.

    A weight of two is then the same as a row given twice, folds included.
    """
    w = np.ones(len(X)) if w is None else w
    kept = w > 0.0
    which = np.zeros(len(X), dtype=np.intp)
    if len(X) > MERGED_UP_TO:
        which[kept] = np.arange(kept.sum())
        return Merging(X[kept], Y[kept], which, w)
    table = np.column_stack([X, Y])[kept]
    rows, which[kept] = _distinct(table)
    return Merging(rows[:, : X.shape[1]], rows[:, X.shape[1] :], which, w)


def merged(X: Array, Y: Array, w: Array | None) -> tuple[Array, Array, Array]:
    """Return rows, targets and weights of `merging`."""
    rows = merging(X, Y, w)
    return rows.X, rows.Y, rows.weights_of(slice(None))


def _distinct(table: Array) -> tuple[Array, NDArray[np.intp]]:
    rows, which = np.unique(table, axis=0, return_inverse=True)
    return rows, which.ravel()


def frame_of(X: Array, w: Array, scaling: Any) -> Frame:
    """Return means and scales of the columns; a constant column keeps its unit.

    Raises
    ------
    ValueError
        If `scaling` is neither a known name nor d positive numbers.
    """
    d = X.shape[1]
    center = np.average(X, axis=0, weights=w)
    if isinstance(scaling, str) and scaling == "none":
        return Frame(center, np.ones(d))
    if isinstance(scaling, str) and scaling == "standard":
        spread = np.sqrt(np.average((X - center) ** 2, axis=0, weights=w))
        noise = 1e-13 * np.abs(X).max(axis=0, initial=0.0)
        return Frame(center, np.where(spread > noise, spread, 1.0))
    scale = _numbers(scaling)
    if scale.shape != (d,) or not np.all(np.isfinite(scale) & (scale > 0.0)):
        raise ValueError(
            f"scaling must be 'standard', 'none' or {d} positive numbers; got {scaling!r}"
        )
    return Frame(center, scale)


def _numbers(values: Any) -> Array:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.zeros(0)
