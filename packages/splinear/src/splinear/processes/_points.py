"""Points of R^d as users bring them, checked."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector

Array = NDArray[np.float64]


def check_dim(dim: Any) -> int:
    if isinstance(dim, bool) or not isinstance(dim, int | np.integer) or dim < 1:
        raise ValueError(f"dim must be an integer >= 1; got {dim!r}")
    return int(dim)


def check_count(name: str, value: Any, low: int = 1) -> int:
    number = check_scalar(name, value, low=low)
    if number != int(number):
        raise ValueError(f"{name} must be a whole number; got {number}")
    return int(number)


def read_points(name: str, X: Any, dim: int) -> Array:
    """Return (N, dim) finite points; a vector is a column if dim = 1, else one point."""
    array = np.asarray(X)
    if array.ndim == 0 and dim == 1:
        array = array[None]
    if array.ndim == 1:
        array = array[:, None] if dim == 1 else array[None, :]
    if array.ndim != 2 or array.shape[1] != dim:
        raise ValueError(
            f"{name} must have shape (N, {dim}), points of dimension {dim} in rows; "
            f"got {np.shape(X)}"
        )
    flat = check_vector(name, array.ravel())
    return flat.reshape(array.shape)


def norms(X: Array) -> Array:
    """Return |x| of each row without overflow in the squares."""
    size = np.max(np.abs(X), axis=1, initial=0.0)
    safe = np.where(size > 0.0, size, 1.0)
    return safe * np.linalg.norm(X / safe[:, None], axis=1)
