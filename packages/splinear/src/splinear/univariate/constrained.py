"""The constrained forms: least loss for bounded variation, and the other way round."""

from collections.abc import Callable
from typing import Any

import numpy as np

from splinear.core.certificate import certify
from splinear.core.checks import check_scalar
from splinear.core.result import Result
from splinear.core.status import Status
from splinear.univariate.fit import largest_alpha, solve, with_stats
from splinear.univariate.path import prepared
from splinear.univariate.problem import Problem, check_problem
from splinear.univariate.samples import Samples, gather


def fit_bounded(
    x: Any,
    y: Any,
    *,
    max_variation: float | None = None,
    max_residual: float | None = None,
    order: int = 2,
    sample_weight: Any = None,
    tol: float = 1e-6,
    max_iter: int = 200,
) -> Result[Any]:
    """Fit under a bound on the variation or on the residual.

    With `max_variation` = t: minimise ``sum w (y-f)^2 / (2W)`` subject to
    ``TV(f^(m-1)) <= t``.  With `max_residual` = e: minimise ``TV(f^(m-1))`` subject to
    ``sqrt(sum w (y-f)^2 / W) <= e``.  Both follow the penalised path: loss and
    variation are monotone in alpha, and the penalised problem bounds the constrained
    one from below.

    Parameters
    ----------
    x, y : (N,) array-likes
        See `fit_spline`.
    max_variation : float, >= 0
        Bound on the variation, in units of the (m-1)-th derivative.
    max_residual : float, > 0
        Bound on the root mean squared residual, in the units of y.
    order, sample_weight, max_iter
        See `fit_spline`.
    tol : float
        Relative gap: of the loss to the null objective for `max_variation`, of the
        variation to that of the solution for `max_residual`.

    Returns
    -------
    Result
        Feasible; its objective is the loss (or the variation), ``stats["alpha"]`` the
        multiplier.

    Raises
    ------
    ValueError
        If not exactly one bound is given, or ties make `max_residual` unreachable.

    Examples
    --------
    The data of a hat, whose penalised fit has variation 2 - 6 lam:

    >>> fit = fit_bounded([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], max_variation=1.4)
    >>> fit.value([0.0, 1.0, 2.0]).round(6)
    array([0.1, 0.8, 0.1])
    """
    if (max_variation is None) == (max_residual is None):
        raise ValueError(
            "give exactly one of max_variation and max_residual; got "
            f"{max_variation!r} and {max_residual!r}"
        )
    problem, samples = check_problem(order), gather(x, y, sample_weight)
    if max_variation is not None:
        bound = check_scalar("max_variation", max_variation, low=0.0)
        return bounded_variation(problem, samples, bound, tol=tol, max_iter=max_iter)
    bound = check_scalar("max_residual", max_residual, low=0.0, strict=True)
    return bounded_residual(problem, samples, bound, tol=tol, max_iter=max_iter)


def bounded_variation(
    problem: Problem, samples: Samples, bound: float, *, tol: float, max_iter: int
) -> Result[Any]:
    """Minimise the loss subject to variation at most `bound`."""
    data = prepared(problem, samples)
    low, high = _bracket(
        problem, data, lambda r: r.value.variation <= bound, tol, max_iter
    )
    value = _mix(low, high, lambda f: f.variation, bound)
    loss = _loss(value, samples)
    # The Lagrangian at either end of the bracket bounds the loss from below.
    below = max(
        r.certificate.bound - r.stats["alpha"] * bound for r in (low, high) if r
    )
    null = largest_alpha(problem, data)
    scale = _null_objective(problem, data, null)
    return _proven(value, loss, loss - below, scale, tol, low)


def bounded_residual(
    problem: Problem, samples: Samples, bound: float, *, tol: float, max_iter: int
) -> Result[Any]:
    """Minimise the variation subject to a root mean squared residual <= `bound`.

    Raises
    ------
    ValueError
        If ties, or the resolution of the path, put the bound out of reach.
    """
    limit = 0.5 * bound * bound
    lost = samples.tie_loss / samples.total
    if limit < lost:
        raise ValueError(
            f"max_residual {bound:g} is out of reach: rows that share an x differ by "
            f"{np.sqrt(2.0 * lost):g} already"
        )
    data = prepared(problem, samples)
    high, low = _bracket(
        problem, data, lambda r: _loss(r.value, samples) > limit, tol, max_iter
    )
    if low is None and _loss(high.value, samples) > limit:
        raise ValueError(
            f"max_residual {bound:g} is below the resolution of the path: use a larger "
            "bound, or interpolate"
        )
    if low is None:
        low, high = high, None  # even the null model is good enough
    value = _mix(low, high, lambda f: _loss(f, samples), limit)
    variation = value.variation
    below = max(
        (r.certificate.bound - limit) / r.stats["alpha"] for r in (low, high) if r
    )
    gap = variation - max(below, 0.0)
    return _proven(value, variation, gap, max(variation, 1e-300), tol, low)


def _bracket(
    problem: Problem,
    data: Any,
    at_large: Callable[[Result[Any]], bool],
    tol: float,
    max_iter: int,
) -> tuple[Any, Any]:
    """Return fits on both sides of where `at_large`, true for large alpha, turns."""
    top = largest_alpha(problem, data)
    large = _tagged(problem, data, top if top > 0.0 else 1.0, None, tol, max_iter)
    if top == 0.0 or not at_large(large):
        return large, None
    small = large
    for _ in range(16):  # down to 1e-16 of alpha_max, then the bound is not active
        small = _tagged(problem, data, 0.1 * small.stats["alpha"], small, tol, max_iter)
        if not at_large(small):
            break
        large = small
    else:
        return large, None
    return _narrow(problem, data, at_large, large, small, tol, max_iter)


def _narrow(
    problem: Problem,
    data: Any,
    at_large: Callable[[Result[Any]], bool],
    large: Result[Any],
    small: Result[Any],
    tol: float,
    max_iter: int,
) -> tuple[Result[Any], Result[Any]]:
    # The gap of the bracket shrinks like its width squared: thirty halvings suffice.
    for _ in range(30):
        a, b = large.stats["alpha"], small.stats["alpha"]
        if a - b <= 1e-9 * a:
            break
        middle = _tagged(problem, data, np.sqrt(a * b), small, tol, max_iter)
        if at_large(middle):
            large = middle
        else:
            small = middle
    return large, small


def _tagged(
    problem: Problem, data: Any, alpha: float, start: Any, tol: float, max_iter: int
) -> Result[Any]:
    settings = {"tol": min(1e-3 * tol, 1e-9), "max_iter": max_iter}
    result = solve(problem, data, alpha, start=start, fewest_knots=False, **settings)
    return with_stats(result, alpha=alpha)


def _mix(
    low: Result[Any], high: Any, measure: Callable[[Any], float], bound: float
) -> Any:
    """Move from the feasible `low` towards `high` as far as `measure` <= `bound`."""
    if high is None:
        return low.value
    share, step = 0.0, 1.0
    for _ in range(50):
        step *= 0.5
        mixed = low.value * (1.0 - share - step) + high.value * (share + step)
        if measure(mixed) <= bound:
            share += step
    return low.value * (1.0 - share) + high.value * share if share else low.value


def _loss(value: Any, samples: Samples) -> float:
    residual = samples.y - value(samples.x)
    squares = float(np.dot(samples.w, residual * residual))
    return (0.5 * squares + samples.tie_loss) / samples.total


def _null_objective(problem: Problem, data: Any, top: float) -> float:
    result = solve(problem, data, top if top > 0.0 else 1.0, fewest_knots=False)
    return max(result.objective, 1e-300)


def _proven(
    value: Any, objective: float, gap: float, scale: float, tol: float, low: Any
) -> Result[Any]:
    gap = max(gap, 0.0)
    certificate = certify("exact", objective, gap, scale)
    status = Status.CONVERGED if certificate.relative_gap <= tol else Status.STALLED
    stats = {"alpha": low.stats["alpha"], "n_iter": low.stats.get("n_iter", 0)}
    return Result(value, status, certificate, objective, stats)
