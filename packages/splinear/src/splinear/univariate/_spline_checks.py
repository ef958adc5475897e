"""What the arguments of a spline must be, said in words when they are not."""

from typing import Any

import numpy as np

from splinear.core.checks import check_scalar, check_vector
from splinear.univariate._pieces import Matrix, Pieces, Vector, defect


def check_order(order: Any, name: str = "order", low: int = 1) -> int:
    if check_scalar(name, order, low=low) != int(order):
        raise ValueError(f"{name} must be an integer >= {low}; got {order}")
    return int(order)


def check_knots(knots: Any) -> Vector:
    # An empty list has no dtype of its own: it is an empty list of numbers here.
    vector = check_vector("knots", knots) if np.size(knots) else np.empty(0)
    bad = np.flatnonzero(vector[1:] <= vector[:-1])
    if bad.size:
        at = bad[0]
        raise ValueError(
            f"knots must increase strictly; got {vector[at]} then {vector[at + 1]} at "
            f"position {at + 1}: sort and merge them first"
        )
    return vector


def check_coefficients(table: Any, shape: tuple[int, int]) -> Matrix:
    matrix = np.asarray(table)
    if matrix.shape != shape:
        raise ValueError(
            f"coefficients must have shape (order, knots + 1) = {shape}; "
            f"got {matrix.shape}"
        )
    return check_vector("coefficients", matrix.ravel()).reshape(shape)


def check_domain(domain: Any) -> tuple[float, float]:
    if np.shape(domain) != (2,):
        raise ValueError(f"domain must be (low, high); got {domain!r}")
    low, high = (check_scalar("domain", end) for end in domain)
    if low > high:
        raise ValueError(f"domain must have low <= high; got ({low}, {high})")
    return low, high


def check_extrapolate(extrapolate: Any) -> None:
    if extrapolate not in ("linear", "raise", "polynomial"):
        raise ValueError(
            "extrapolate must be 'linear', 'raise' or 'polynomial'; "
            f"got {extrapolate!r}"
        )


def check_inside(x: Vector, domain: tuple[float, float]) -> None:
    outside = (x < domain[0]) | (x > domain[1])
    if outside.any():
        raise ValueError(
            f"x must lie in the domain [{domain[0]}, {domain[1]}]; got "
            f"{x[outside][0]}: pass extrapolate='linear' to go on with the tangent"
        )


def refuse_gaps(pieces: Pieces, tol: float) -> None:
    order, defects = len(pieces.coefficients), defect(pieces)
    for derivative in np.flatnonzero(defects > tol):
        raise ValueError(
            f"a spline of order {order} must have {order - 2} continuous derivatives; "
            f"derivative {derivative} jumps by {defects[derivative]:.1e} relative to "
            "its size: lower the order or repair the pieces"
        )
