"""One function for every univariate fit: it checks, sorts and calls the right solver."""

from dataclasses import replace
from typing import Any

import numpy as np

from splinear.core.certificate import certify
from splinear.core.checks import check_scalar, check_vector
from splinear.core.progress import Progress, progress_for
from splinear.core.result import Result
from splinear.univariate.problem import Problem, check_problem
from splinear.univariate.samples import Samples, check_weights, gather


def fit_spline(
    x: Any,
    y: Any,
    *,
    alpha: float,
    order: int = 2,
    sample_weight: Any = None,
    loss: str = "squared",
    quantile: float = 0.5,
    delta: float = 1.0,
    monotone: str | None = None,
    convex: str | None = None,
    domain_weight: Any = "none",
    period: float | None = None,
    operator: Any = None,
    fewest_knots: bool = True,
    tol: float = 1e-6,
    max_iter: int = 200,
    verbose: bool | str = False,
) -> Result[Any]:
    """Fit the function that minimises mean loss + alpha * total variation.

    ``F(f) = 1/W sum_i w_i loss(y_i, f(x_i)) + alpha TV(f^(m-1))`` with W = sum w_i,
    over all functions; the squared loss is (y - f)^2 / 2, as in scikit-learn's Lasso.
    A solution is a spline of order m with few knots [1]_, [2]_.

    Parameters
    ----------
    x, y : (N,) array-likes
        Finite numbers in any order; ties are allowed.
    alpha : float, >= 0
        Price of one unit of variation, in the units of y^2 over those of f^(m-1).
        Zero asks for the limit: interpolation of least variation.
    order : int, 1 to 6
        m = 1 piecewise constant, 2 linear, 3 quadratic, 4 cubic.
    sample_weight : (N,) array-like, optional
        Non-negative weights of the rows.
    loss : {"squared", "quantile", "logistic", "huber"}
        All but the squared loss need order 2.
    quantile : float, in (0, 1)
        Level of the quantile loss.
    delta : float, > 0
        Residual at which the Huber loss turns linear, in the units of y.
    monotone : {None, "increasing", "decreasing"}
        Constraint on the sign of the slopes (order 2).
    convex : {None, "convex", "concave"}
        Constraint on the sign of the kinks (order 2).
    domain_weight : str or callable
        Weight omega of ``int omega |f^(m)|`` on the range of the data; "none" is 1.
    period : float, optional
        Fit a periodic function of this period (orders 1 to 4).
    operator : Operator, optional
        Penalise ``|L f|`` for a fractional or exponential operator instead.
    fewest_knots : bool
        Merge knots at neighbouring sites of one sign (order 2): the fit at the data,
        the variation and the certificate stay the same.
    tol : float
        Relative gap to reach.
    max_iter : int
        Iterations of the solver.
    verbose : bool or "auto"
        Show the shrinking gap of a long fit; "auto" does so on a terminal.

    Returns
    -------
    Result
        Value: a `Spline` (a `PeriodicSpline` or `GreenSpline` for `period` or
        `operator` and weights), with status, certificate and objective.

    Raises
    ------
    TypeError, ValueError
        If data or options make no problem; the message says what was expected.

    References
    ----------
    .. [1] R. Parhi and R. D. Nowak, IEEE Signal Process. Lett. 27, 2020.
    .. [2] M. Unser, J. Fageot and J. P. Ward, SIAM Review 59(4), 2017.

    Examples
    --------
    >>> result = fit_spline([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], alpha=0.1 / 3)
    >>> result.value([0.0, 1.0, 2.0]).round(9), round(result.value.variation, 9)
    (array([0.1, 0.8, 0.1]), 1.4)
    """
    problem = check_problem(
        order, loss, quantile, delta, monotone, convex, domain_weight, period, operator
    )
    alpha = check_scalar("alpha", alpha, low=0.0)
    options = {"tol": tol, "max_iter": max_iter, "progress": progress_for(verbose)}
    if problem.general:
        return _fit_rows(problem, x, y, sample_weight, alpha, options)
    samples = gather(x, y, sample_weight)
    if alpha == 0.0:
        return _limit(problem, samples, fewest_knots)
    result = solve(problem, samples, alpha, fewest_knots=fewest_knots, **options)
    return with_stats(result, alpha=alpha)


def with_stats(result: Result[Any], **stats: Any) -> Result[Any]:
    """Return the result with more statistics."""
    return replace(result, stats={**result.stats, **stats})


def solve(
    problem: Problem,
    samples: Samples,
    alpha: float,
    *,
    tol: float = 1e-6,
    max_iter: int = 200,
    progress: Progress | None = None,
    fewest_knots: bool = True,
    start: Any = None,
) -> Result[Any]:
    """Solve a squared-loss problem on gathered samples; `start` is a former result."""
    options = {"tol": tol, "max_iter": max_iter, "progress": progress}
    former = None if start is None else start.value
    if problem.operator is not None or problem.weighted:
        from splinear.univariate import green_gridless

        operator, weight = problem.operator_or_derivative(), problem.domain_weight
        return green_gridless.solve(
            samples, operator, alpha, weight=weight, start=former, **options
        )
    if problem.period is not None:
        from splinear.univariate import periodic

        return periodic.solve(
            samples,
            problem.period,
            alpha,
            order=problem.order,
            start=former,
            **options,
        )
    if problem.order == 1:
        from splinear.univariate import fused

        return fused.solve(samples, alpha, **options)
    if problem.order == 2:
        return _solve_linear(samples, alpha, fewest_knots, start, options)
    from splinear.univariate import gridless

    return gridless.solve(samples, problem.order, alpha, start=former, **options)


def _solve_linear(
    samples: Any, alpha: float, fewest: bool, start: Any, options: dict[str, Any]
) -> Result[Any]:
    from splinear.univariate import knot_exchange
    from splinear.univariate.prepared import prepare
    from splinear.univariate.sparsify import sparsify

    data = prepare(samples) if isinstance(samples, Samples) else samples
    state = None if start is None else start.stats.get("exchange")
    result = knot_exchange.solve(data, alpha, start=state, **options)
    if not fewest:
        return result
    return replace(result, value=sparsify(result.value, data.samples.x))


def _limit(problem: Problem, samples: Samples, fewest: bool) -> Result[Any]:
    # The limit alpha -> 0: interpolate the means of tied rows.
    if not problem.plain:
        raise ValueError(
            "alpha must be positive for this problem; got 0: interpolation is offered "
            "for orders 1 to 4 without weights, period or operator"
        )
    from splinear.univariate.interpolate import interpolate

    result = interpolate(samples.x, samples.y, order=problem.order, fewest_knots=fewest)
    objective = samples.tie_loss / samples.total
    residual = samples.y - result.value(samples.x)
    gap = 0.5 * float(np.dot(samples.w, residual * residual)) / samples.total
    certificate = certify("exact", objective + gap, gap, max(samples.energy, 1e-300))
    stats = {**result.stats, "interpolation": result.certificate}
    return Result(result.value, result.status, certificate, objective + gap, stats)


def _fit_rows(
    problem: Problem, x: Any, y: Any, w: Any, alpha: float, options: dict[str, Any]
) -> Result[Any]:
    """Losses and constraints for which tied rows cannot be merged."""
    from splinear.univariate import general

    x, y, w = sorted_rows(x, y, w)
    result = general.solve(x, y, w, alpha, **problem.general_options(), **options)
    return with_stats(result, alpha=alpha)


def sorted_rows(x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Check and sort rows without merging ties; rows of weight zero are dropped.

    Examples
    --------
    >>> sorted_rows([1.0, 0.0], [2.0, 3.0], None)
    (array([0., 1.]), array([3., 2.]), array([1., 1.]))
    """
    gather(x, y, sample_weight)  # for its errors
    x, y = check_vector("x", x), check_vector("y", y)
    w = check_weights(sample_weight, x.size)
    w = np.ones_like(x) if w is None else w
    order = np.argsort(x, kind="stable")
    order = order[w[order] > 0.0]
    return x[order], y[order], w[order]


def alpha_max(
    x: Any,
    y: Any,
    *,
    order: int = 2,
    sample_weight: Any = None,
    loss: str = "squared",
    quantile: float = 0.5,
    delta: float = 1.0,
    monotone: str | None = None,
    convex: str | None = None,
    domain_weight: Any = "none",
    period: float | None = None,
    operator: Any = None,
) -> float:
    """Smallest alpha at which the fit has no knot.

    Parameters are those of `fit_spline`.

    Returns
    -------
    float
        In the units of alpha; 0 if the data need no knot at any alpha.

    Examples
    --------
    >>> round(3 * alpha_max([0.0, 1.0, 2.0], [0.0, 1.0, 0.0]), 12)
    0.333333333333
    """
    problem = check_problem(
        order, loss, quantile, delta, monotone, convex, domain_weight, period, operator
    )
    if problem.general:
        from splinear.univariate import general

        rows = sorted_rows(x, y, sample_weight)
        return general.alpha_max(*rows, **problem.general_options())
    return largest_alpha(problem, gather(x, y, sample_weight))


def largest_alpha(problem: Problem, samples: Any) -> float:
    """`alpha_max` of a squared-loss problem on gathered samples."""
    if problem.operator is not None or problem.weighted:
        from splinear.univariate import green_gridless

        operator, weight = problem.operator_or_derivative(), problem.domain_weight
        return green_gridless.alpha_max(samples, operator, weight=weight)
    if problem.period is not None:
        from splinear.univariate import periodic

        return periodic.alpha_max(samples, problem.period, order=problem.order)
    if problem.order == 1:
        from splinear.univariate import fused

        return fused.alpha_max(samples)
    if problem.order == 2:
        from splinear.univariate import knot_exchange

        return knot_exchange.alpha_max(samples)
    from splinear.univariate import gridless

    return gridless.alpha_max(samples, problem.order)
