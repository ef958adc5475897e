"""One view of the functions that solvers return: Spline, PeriodicSpline, GreenSpline."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.univariate.spline import Spline

Vector = NDArray[np.float64]


def jumps_of(function: Any) -> Vector:
    """Jumps of the (m-1)-th derivative at the knots, or amplitudes of the atoms."""
    if hasattr(function, "amplitudes"):
        return function.amplitudes
    return getattr(function, "spline", function).jumps


def value_at(function: Any, x: Vector, extrapolate: str) -> Vector:
    if isinstance(function, Spline):
        return function(x, extrapolate=extrapolate)  # pyright: ignore[reportArgumentType]
    if extrapolate == "raise" and hasattr(function, "domain"):
        _refuse_outside(x, function.domain)
    return function(x)


def _refuse_outside(x: Vector, domain: tuple[float, float]) -> None:
    outside = (x < domain[0]) | (x > domain[1])
    if outside.any():
        raise ValueError(
            f"x must lie in the domain {domain}; got {x[outside][0]}: pass "
            "extrapolate='linear' to go on beyond it"
        )


def features(function: Any, x: Vector) -> NDArray[np.float64]:  # (n, m-1+K)
    """Powers of x - origin and one truncated power per knot."""
    _need_spline(function)
    degree = function.order - 1
    powers = [(x - function.origin) ** j for j in range(1, degree + 1)]
    steps = x[:, None] - function.knots
    if degree == 0:
        truncated = (steps >= 0.0).astype(np.float64)
    else:
        truncated = np.maximum(steps, 0.0) ** degree / math.factorial(degree)
    return np.column_stack([*powers, truncated])


def feature_names(function: Any, name: str) -> list[str]:
    _need_spline(function)
    degree = function.order - 1
    powers = [name if j == 1 else f"{name}^{j}" for j in range(1, degree + 1)]
    head = "step" if degree == 0 else "relu"
    tail = f"^{degree}" if degree > 1 else ""
    return powers + [f"{head}({name} - {knot:.9g}){tail}" for knot in function.knots]


def _need_spline(function: Any) -> None:
    if not isinstance(function, Spline):
        raise ValueError(
            f"features at knots are truncated powers; a {type(function).__name__} has "
            "none: fit without period and domain_weight"
        )
