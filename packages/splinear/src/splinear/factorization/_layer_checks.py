"""What layers, targets and widths must be, said in words when they are not."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector

Array = NDArray[np.float64]


def matrix(name: str, value: Any) -> Array:
    """Return a finite matrix of real numbers with at least one entry, as a copy."""
    array = np.asarray(value)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{name} must be a matrix with at least one row and one column; got shape "
            f"{array.shape}"
        )
    return np.array(check_vector(name, array.ravel())).reshape(array.shape)


def layers(value: Any) -> tuple[Array, ...]:
    """Return layers whose shapes chain: columns of each are the rows of the one before."""
    if isinstance(value, np.ndarray) and value.ndim == 2:
        raise TypeError(
            "weights must be a sequence of matrices, first layer first; got one matrix: "
            "put it in a list"
        )
    weights = tuple(matrix(f"weights[{i}]", W) for i, W in enumerate(value))
    if not weights:
        raise ValueError("weights must hold at least one layer; got none")
    for i, (first, second) in enumerate(pairwise(weights)):
        if second.shape[1] != first.shape[0]:
            raise ValueError(
                f"weights must chain, first layer first: weights[{i + 1}] must have "
                f"{first.shape[0]} columns, the rows of weights[{i}]; got shapes "
                f"{first.shape} and {second.shape}"
            )
    return weights


def like_layers(name: str, value: Any, weights: tuple[Array, ...]) -> list[Array]:
    """Return one matrix for each layer, of its shape."""
    found = [matrix(f"{name}[{i}]", U) for i, U in enumerate(value)]
    shapes, wanted = [U.shape for U in found], [W.shape for W in weights]
    if shapes != wanted:
        raise ValueError(f"{name} must have the shapes {wanted}; got {shapes}")
    return found


def depth(value: Any) -> int:
    """Return a number of layers."""
    number = check_scalar("depth", value, low=1.0)
    if number != int(number):
        raise ValueError(f"depth must be a whole number >= 1; got {value}")
    return int(number)


def widths(value: Sequence[int] | None, L: int, shape: tuple[int, int]) -> list[int]:
    """Return d_0, ..., d_L; hidden ones are min(d_0, d_L) by default."""
    ends = (shape[1], shape[0])
    if value is None:
        return [ends[0], *[min(ends)] * (L - 1), ends[1]]
    sizes = [int(check_scalar("widths", size, low=1.0)) for size in value]
    if len(sizes) != L + 1 or (sizes[0], sizes[-1]) != ends or sizes != list(value):
        raise ValueError(
            f"widths must be {L + 1} whole numbers for depth {L}, from {ends[0]} (columns "
            f"of the matrix) to {ends[1]} (its rows); got {list(value)}"
        )
    return sizes


def weight_decay(value: Any) -> float:
    """Return a number >= 0."""
    return check_scalar("weight_decay", value, low=0.0)


def loss_scale(value: Any) -> float:
    """Return a number > 0."""
    return check_scalar("loss_scale", value, low=0.0, strict=True)
