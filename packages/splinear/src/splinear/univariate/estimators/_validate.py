"""From what users bring (arrays, columns of frames, dates) to float64 vectors."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_X_y,
    validate_data,
)

from splinear.univariate.dates import are_dates, to_days

Vector = NDArray[np.float64]

#: Integers up to here are exact as float64.
EXACT = 2**53


class Rows(NamedTuple):
    """Checked rows of a fit."""

    x: Vector  # (n,)
    y: NDArray[Any]  # (n,) float64, or labels of any kind
    w: Vector | None  # (n,)
    kind: str  # "number" or "date"


def read_rows(
    estimator: Any, X: Any, y: Any, sample_weight: Any, numeric: bool = True
) -> Rows:
    """Check X, y and weights at fit; set n_features_in_ and feature_names_in_."""
    x, kind = read_column(estimator, X, reset=True)
    y = y if y is None else _plain(y)
    if numeric and y is not None:
        _refuse_words("y", np.asarray(y))
    matrix, y = check_X_y(x[:, None], y, y_numeric=numeric, estimator=estimator)
    if numeric:
        y = np.asarray(y, dtype=np.float64)
    if sample_weight is not None:
        sample_weight = _check_sample_weight(
            _plain(sample_weight), matrix, dtype=np.float64, ensure_non_negative=True
        )
    return Rows(matrix[:, 0], y, sample_weight, kind)


def read_column(estimator: Any, X: Any, reset: bool) -> tuple[Vector, str]:
    """Return the one column of X as float64, and whether it holds dates."""
    table = _two_dimensional(X)
    if reset:
        _refuse_several(estimator, table)
    validate_data(estimator, table, reset=reset, skip_check_array=True)
    column = np.asarray(_utc(table))
    if are_dates(column):
        return to_days(column)[:, 0], "date"
    _refuse_words("X", column)
    _refuse_lossy(column)
    checked = check_array(
        table,
        dtype=np.float64,
        estimator=estimator,
        input_name="X",
        ensure_min_samples=1,
    )
    return checked[:, 0], "number"


def _two_dimensional(X: Any) -> Any:
    """Give a bare column its second axis, keeping its name; frames pass as they are."""
    if hasattr(X, "to_frame"):  # a pandas or polars Series
        # An unnamed Series has no feature name to remember.
        return X.to_frame() if X.name not in (None, "") else X.to_numpy()[:, None]
    if hasattr(X, "columns") or hasattr(X, "tocsr"):
        return X
    array = np.asarray(X)
    return array[:, None] if array.ndim == 1 else array


def _plain(column: Any) -> Any:
    # scikit-learn does not read polars; every Series knows how to become an array.
    return column.to_numpy() if hasattr(column, "to_numpy") else column


def _utc(table: Any) -> Any:
    """Zoned columns of pandas as UTC: numpy would make objects of them."""
    dtypes = getattr(table, "dtypes", None)
    if dtypes is not None and hasattr(table, "iloc") and table.shape[1] == 1:
        column = table.iloc[:, 0]
        if getattr(column.dtype, "tz", None) is not None:
            return column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()[:, None]
    return table.to_numpy() if hasattr(table, "to_numpy") else table


def _refuse_several(estimator: Any, table: Any) -> None:
    shape = getattr(table, "shape", ())
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"{type(estimator).__name__} fits functions of one column; got X with "
            f"{shape[1]} columns: pass one of them, as in X[:, [0]], or all of "
            "them to ShallowNetRegressor or ShallowNetClassifier"
        )


def _refuse_words(name: str, array: NDArray[Any]) -> None:
    if array.dtype.kind in "USmMV":
        what = {"m": "durations", "M": "dates", "V": "records"}.get(
            array.dtype.kind, "text"
        )
        hint = "X may hold numbers or dates" if name == "X" else "convert them first"
        raise ValueError(f"{name} must hold numbers; got {what}: {hint}")


def _refuse_lossy(column: NDArray[Any]) -> None:
    """Refuse integers whose last digits float64 would drop."""
    if column.dtype.kind not in "iu" or column.dtype.itemsize < 8 or not column.size:
        return
    if int(column.max()) <= EXACT and int(column.min()) >= -EXACT:
        return
    back = column.astype(np.float64)
    # 2^63 and 2^64 themselves do not fit the integer type: compare below them.
    top = np.nextafter(float(np.iinfo(column.dtype).max), 0.0)
    lost = (back > top) | (np.minimum(back, top).astype(column.dtype) != column)
    if lost.any():
        raise ValueError(
            f"X holds the integer {column[lost][0]}, which float64 cannot represent: "
            "subtract an offset first, as in X - X.min()"
        )
