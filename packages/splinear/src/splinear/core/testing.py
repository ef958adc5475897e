"""Checks for those who add an operator, a penalty or a solver; all raise in words.

They raise `AssertionError` themselves, so that they also work under ``python -O``.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.random import generator
from splinear.core.result import Result

Array = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)


def assert_prox(
    prox: Callable[[Array], Array],
    penalty: Callable[[Array], float],
    *,
    shape: int | tuple[int, ...] = 6,
    scale: float = 3.0,
    trials: int = 20,
    tol: float = 1e-9,
    random_state: Any = 0,
) -> None:
    """Check that ``p = prox(z)`` solves ``min_p |p - z|^2 / 2 + penalty(p)``.

    For a convex penalty that is the case if and only if, for all q, ::

        penalty(q) - penalty(p) - <z - p, q - p>  >=  0,

    which also makes the objective at p at most that at q minus ``|q - p|^2 / 2``. The
    q tried are z, 0, images of other points (feasible, if `penalty` is the indicator
    of a set) and points between them and p, near p and far, in all coordinates.

    Parameters
    ----------
    prox : callable
        From an array of `shape` to one of the same shape.
    penalty : callable
        Convex; infinite where infeasible. For an indicator allow for rounding of p.
    shape : int or tuple
        Shape of z.
    scale : float, > 0
        Standard deviation of z; choose it so that all branches occur.
    trials : int, >= 1
        Number of random z.
    tol : float, > 0
        Violation that counts as rounding, relative to the terms of the inequality.
    random_state : None, int or Generator
        Source of z.

    Raises
    ------
    AssertionError
        If some q violates the inequality.

    Examples
    --------
    >>> assert_prox(lambda z: z / 2.0, lambda p: 0.5 * float(np.sum(p * p)))
    """
    rng = generator(random_state)
    for _ in range(trials):
        z = rng.normal(scale=scale, size=shape)
        p = prox(z.copy())
        value = penalty(p)
        if np.shape(p) != z.shape or not math.isfinite(value):
            raise AssertionError(
                f"prox must return a feasible array of shape {z.shape}; got shape "
                f"{np.shape(p)} with penalty {value}"
            )
        others = [z, np.zeros_like(z)]
        others += [prox(rng.normal(scale=scale, size=shape)) for _ in range(4)]
        for q in _around(p, others, scale):
            products = (z - p) * (q - p)
            terms = penalty(q) - value, float(np.sum(products))
            size = abs(value) + abs(terms[0]) + float(np.sum(np.abs(products))) + _EPS
            if terms[0] - terms[1] < -tol * size:
                raise AssertionError(
                    f"prox(z) must solve its problem; for z = {z} it gave {p}, but "
                    f"q = {q} violates the inequality by {terms[1] - terms[0]:.2e}"
                )


def _around(p: Array, others: list[Array], scale: float) -> list[Array]:
    points = [p + t * (q - p) for q in others for t in (1.0, 0.1, 1e-3)]
    for index in range(p.size):
        unit = np.zeros(p.size)
        unit[index] = scale
        unit = unit.reshape(p.shape)
        points += [p + t * unit for t in (-1.0, -1e-3, 1e-3, 1.0)]
    return points


def dot_test(
    forward: Callable[[Array], Array],
    adjoint: Callable[[Array], Array],
    in_shape: int | tuple[int, ...],
    out_shape: int | tuple[int, ...],
    *,
    trials: int = 3,
    tol: float = 1e-12,
    random_state: Any = 0,
) -> float:
    """Check ``<A x, y> = <x, A* y>`` for random x and y.

    Parameters
    ----------
    forward, adjoint : callables
        ``A`` from `in_shape` to `out_shape` and ``A*`` back.
    in_shape, out_shape : int or tuple
        Shapes of x and y.
    trials : int, >= 1
        Number of random pairs.
    tol : float, > 0
        Allowed difference relative to ``|A x| |y| + |x| |A* y|``.
    random_state : None, int or Generator
        Source of x and y.

    Returns
    -------
    float
        The largest relative difference seen.

    Raises
    ------
    AssertionError
        If it exceeds `tol` or a shape is wrong.

    Examples
    --------
    >>> dot_test(np.cumsum, lambda y: np.cumsum(y[::-1])[::-1], 5, 5) < 1e-15
    True
    """
    rng = generator(random_state)
    worst = 0.0
    for _ in range(trials):
        x, y = rng.normal(size=in_shape), rng.normal(size=out_shape)
        Ax, Ay = forward(x.copy()), adjoint(y.copy())
        if np.shape(Ax) != y.shape or np.shape(Ay) != x.shape:
            raise AssertionError(
                f"forward must map {x.shape} to {y.shape} and adjoint back; got "
                f"{np.shape(Ax)} and {np.shape(Ay)}"
            )
        difference = abs(float(np.sum(Ax * y)) - float(np.sum(x * Ay)))
        size = float(
            np.linalg.norm(Ax) * np.linalg.norm(y)
            + np.linalg.norm(x) * np.linalg.norm(Ay)
        )
        # numpy's maximum: Python's would lose a NaN.
        relative = 0.0 if difference == 0.0 else difference / size
        worst = float(np.maximum(worst, relative))
    # Written so that NaN fails.
    if not worst <= tol:
        raise AssertionError(
            f"<A x, y> and <x, A* y> must agree to {tol:.0e}; they differ by "
            f"{worst:.2e}, relative: adjoint is not the adjoint of forward"
        )
    return worst


def taylor_slope(
    function: Callable[[Array], float],
    gradient: Callable[[Array], Array],
    x: Any,
    *,
    direction: Any = None,
    random_state: Any = 0,
) -> float:
    """Order at which ``f(x + h d) - f(x) - h <g(x), d>`` vanishes with h.

    About 2 for a right gradient and 1 for a wrong one. Infinite if no remainder
    exceeds rounding: the function is then linear along d, and its gradient right.

    Parameters
    ----------
    function, gradient : callables
        f and g.
    x : array
        Where to test; f should be twice differentiable there.
    direction : array, optional
        d; random of unit length by default.
    random_state : None, int or Generator
        Source of d.

    Returns
    -------
    float
        Assert it to lie in, say, [1.9, 2.1] (above 2.1: f'' happens to vanish).

    Examples
    --------
    >>> round(taylor_slope(lambda x: float(x @ x), lambda x: 2.0 * x, [1.0, 2.0]), 3)
    2.0
    """
    x = np.asarray(x, dtype=np.float64)
    if direction is None:
        direction = generator(random_state).normal(size=x.shape)
        direction = direction / np.linalg.norm(direction)
    d = np.asarray(direction, dtype=np.float64)
    value, along = function(x), float(np.sum(gradient(x) * d))
    steps = 2.0 ** -np.arange(8.0, 18.0)
    moved = np.array([function(x + h * d) for h in steps])
    remainder = np.abs(moved - value - steps * along)
    # Below some hundred ulps of f the remainder is noise and has no order.
    noise = 300.0 * _EPS * np.maximum(np.abs(moved), abs(value) + np.abs(steps * along))
    clear = ~(remainder <= noise)
    if np.count_nonzero(clear) < 2:
        return math.inf
    return float(np.polyfit(np.log(steps[clear]), np.log(remainder[clear]), 1)[0])


def assert_certificate(result: Result[Any], tol: float) -> None:
    """Check that `result` proves a relative gap of at most `tol` and is coherent.

    Parameters
    ----------
    result : Result
        Of any solver.
    tol : float, >= 0
        Relative gap that must be proven.

    Raises
    ------
    AssertionError
        If the certificate is heuristic, negative, too large, not finite or does not
        belong to the objective.

    Examples
    --------
    >>> from splinear.core import Result, Status, certify
    >>> good = certify("exact", objective=2.0, gap=0.0, scale=1.0)
    >>> assert_certificate(Result(None, Status.CONVERGED, good, 2.0), tol=1e-10)
    """
    proof = result.certificate
    if proof.kind == "heuristic":
        raise AssertionError("a proof was expected; the certificate is heuristic")
    numbers = (result.objective, proof.gap, proof.relative_gap, proof.bound)
    if not all(math.isfinite(number) for number in numbers) or min(numbers[1:3]) < 0.0:
        raise AssertionError(
            "objective, gap, relative gap and bound must be finite and the gaps "
            f"non-negative; got {numbers}"
        )
    if proof.relative_gap > tol:
        raise AssertionError(
            f"the relative gap must be at most {tol:.1e}; got {proof.relative_gap:.1e} "
            f"({result.status.name}: {result.status.value})"
        )
    slack = abs(result.objective - proof.gap - proof.bound)
    if slack > 8.0 * _EPS * (abs(result.objective) + proof.gap):
        raise AssertionError(
            f"bound must equal objective - gap; {proof.bound} differs from it by "
            f"{slack:.1e}: the certificate belongs to another point"
        )
