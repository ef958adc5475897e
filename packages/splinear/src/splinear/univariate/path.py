"""Fits along a decreasing grid of alphas, each started from the one before."""

from typing import Any

import numpy as np

from splinear.core.checks import check_scalar, check_vector
from splinear.core.progress import progress_for
from splinear.core.result import Result
from splinear.univariate.fit import largest_alpha, solve, sorted_rows, with_stats
from splinear.univariate.problem import Problem, check_problem
from splinear.univariate.samples import Samples, Vector, gather


def fit_path(
    x: Any,
    y: Any,
    *,
    alphas: Any = None,
    n_alphas: int = 50,
    eps: float = 1e-4,
    order: int = 2,
    sample_weight: Any = None,
    tol: float = 1e-6,
    max_iter: int = 200,
    verbose: bool | str = False,
    **options: Any,
) -> list[Result[Any]]:
    """Solve for every alpha, from the largest to the smallest.

    Parameters
    ----------
    x, y : (N,) array-likes
        See `fit_spline`.
    alphas : array-like, optional
        Positive; sorted in decreasing order. By default `n_alphas` log-spaced values
        from `alpha_max` to ``eps * alpha_max``.
    n_alphas : int, >= 1
        Length of the default grid.
    eps : float, in (0, 1)
        Ratio of the last to the first alpha of the default grid.
    order, sample_weight, tol, max_iter, verbose, **options
        See `fit_spline`.

    Returns
    -------
    list of Result
        Each with ``stats["alpha"]``; one certificate each.

    Examples
    --------
    >>> path = fit_path([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.0, 2.0], n_alphas=3)
    >>> [result.value.knots.size for result in path]
    [0, 2, 2]
    """
    problem = check_problem(order, **options)
    if problem.general:
        return _general_path(
            problem, x, y, sample_weight, alphas, n_alphas, eps, tol, max_iter
        )
    samples = gather(x, y, sample_weight)
    data = prepared(problem, samples)
    grid = alpha_grid(largest_alpha(problem, data), alphas, n_alphas, eps)
    settings = {"tol": tol, "max_iter": max_iter, "progress": progress_for(verbose)}
    return warm_path(problem, data, grid, **settings)


def warm_path(
    problem: Problem, data: Any, grid: Vector, **settings: Any
) -> list[Result[Any]]:
    """Solve along `grid` on prepared data, each fit started from its neighbour."""
    results: list[Result[Any]] = []
    for alpha in grid:
        start = results[-1] if results else None
        result = solve(problem, data, float(alpha), start=start, **settings)
        results.append(with_stats(result, alpha=float(alpha)))
    return results


def prepared(problem: Problem, samples: Samples) -> Any:
    """Do once what all alphas share."""
    if problem.plain and problem.order == 2:
        from splinear.univariate.prepared import prepare

        return prepare(samples)
    return samples


def alpha_grid(top: float, alphas: Any, n_alphas: int, eps: float) -> Vector:
    """Return the alphas of a path in decreasing order.

    Raises
    ------
    TypeError
        If `n_alphas` is no integer.
    ValueError
        If an alpha, `n_alphas` or `eps` is out of range.

    Examples
    --------
    >>> alpha_grid(1.0, None, 3, 1e-4)
    array([1.e+00, 1.e-02, 1.e-04])
    """
    if alphas is not None:
        grid = check_vector("alphas", alphas)
        if grid.size == 0 or np.any(grid <= 0.0):
            raise ValueError("alphas must be positive, at least one; got zero or none")
        return np.sort(grid)[::-1]
    if isinstance(n_alphas, bool) or not hasattr(n_alphas, "__index__"):
        raise TypeError(f"n_alphas must be an integer; got {n_alphas!r}")
    if n_alphas < 1:
        raise ValueError(f"n_alphas must be at least 1; got {n_alphas}")
    eps = check_scalar("eps", eps, low=0.0, high=1.0, strict=True)
    # Data that need no knot at any alpha have top = 0: any grid gives the same fit.
    return (top if top > 0.0 else 1.0) * np.geomspace(1.0, eps, int(n_alphas))


def _general_path(
    problem: Problem,
    x: Any,
    y: Any,
    sample_weight: Any,
    alphas: Any,
    n_alphas: int,
    eps: float,
    tol: float,
    max_iter: int,
) -> list[Result[Any]]:
    from splinear.univariate import general

    rows = sorted_rows(x, y, sample_weight)
    options = problem.general_options()
    grid = alpha_grid(general.alpha_max(*rows, **options), alphas, n_alphas, eps)
    results: list[Result[Any]] = []
    for alpha in grid:
        start = results[-1].value if results else None
        result = general.solve(
            *rows, float(alpha), tol=tol, max_iter=max_iter, start=start, **options
        )
        results.append(with_stats(result, alpha=float(alpha)))
    return results
