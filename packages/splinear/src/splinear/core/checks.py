"""Checks that say what was expected, what came and what to do."""

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_scalar(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    strict: bool = False,
) -> float:
    """Return `value` as a float after checking that it is a number in [low, high].

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : object
        What the user passed.
    low, high : float
        Bounds; infinite values are refused whatever the bounds.
    strict : bool
        Whether `low` itself is refused.

    Raises
    ------
    TypeError
        If `value` is no real number.
    ValueError
        If `value` is NaN, infinite or out of bounds.

    Examples
    --------
    >>> check_scalar("alpha", 2, low=0.0)
    2.0
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(
            f"{name} must be a real number; got {type(value).__name__} {value!r}"
        )
    number = float(value)
    inside = low < number <= high if strict else low <= number <= high
    if not (math.isfinite(number) and inside):
        bracket = "(" if strict else "["
        raise ValueError(
            f"{name} must be a finite number in {bracket}{low}, {high}]; got {number}"
        )
    return number


def check_vector(
    name: str, values: Any, size: int | None = None
) -> NDArray[np.float64]:
    """Return `values` as a finite one-dimensional float64 array.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    values : array-like, (n,)
        Lists, arrays, pandas and polars columns; object arrays of numbers.
    size : int, optional
        Length that is required.

    Raises
    ------
    TypeError
        If the entries are no real numbers.
    ValueError
        If the shape is wrong or an entry is NaN or infinite.

    Examples
    --------
    >>> check_vector("x", [1, 2])
    array([1., 2.])
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-D; got shape {array.shape}")
    if array.dtype.kind not in "fiubO":
        raise TypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    try:
        vector = np.ascontiguousarray(array, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name} must hold real numbers; {error}") from error
    if size is not None and vector.size != size:
        raise ValueError(f"{name} must have {size} entries; got {vector.size}")
    _refuse_non_finite(name, vector)
    return vector


def _refuse_non_finite(name: str, vector: NDArray[np.float64]) -> None:
    # One sum instead of a mask: finite data of any size cost a single pass.
    with np.errstate(all="ignore"):
        total = float(vector.sum())
    if not math.isfinite(total):
        bad = np.flatnonzero(~np.isfinite(vector))
        if bad.size:
            raise ValueError(
                f"{name} must be finite; got {vector[bad[0]]} at position {bad[0]} "
                f"({bad.size} such entries): drop or fill them first"
            )
