"""Choice of alpha: hold-out, BIC, the discrepancy principle, a number of knots."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from splinear.core.checks import check_scalar
from splinear.core.progress import progress_for
from splinear.core.random import generator
from splinear.core.result import Result
from splinear.univariate._score_kernels import squared_error
from splinear.univariate.constrained import bounded_residual
from splinear.univariate.fit import fit_spline, largest_alpha, solve, sorted_rows
from splinear.univariate.path import alpha_grid, fit_path, prepared, warm_path
from splinear.univariate.problem import Problem, check_problem
from splinear.univariate.samples import Samples, Vector, gather
from splinear.univariate.spline import Spline

RULES = ("holdout", "bic", "discrepancy", "max_knots")

#: Fewer sites than this are too few to hold any out; BIC decides instead.
FEW = 10


@dataclass(frozen=True)
class Selection:
    """A chosen alpha with the scores that chose it and the fit to all rows.

    Attributes
    ----------
    alpha : float
        The choice.
    alphas, scores : (n,) arrays
        The grid and the score of each of its values; the smallest score wins.
    rule : str
        The rule that was applied.
    result : Result
        Fit to all rows at `alpha`.
    """

    alpha: float
    alphas: Vector
    scores: Vector
    rule: str
    result: Result[Any]


def select_alpha(
    x: Any,
    y: Any,
    *,
    rule: str = "holdout",
    n_alphas: int = 50,
    eps: float = 1e-4,
    noise: float | None = None,
    max_knots: int | None = None,
    order: int = 2,
    sample_weight: Any = None,
    random_state: Any = 0,
    tol: float = 1e-6,
    max_iter: int = 200,
    verbose: bool | str = False,
    **options: Any,
) -> Selection:
    """Choose alpha by a rule and fit all rows with it.

    Parameters
    ----------
    x, y : (N,) array-likes
        See `fit_spline`.
    rule : {"holdout", "bic", "discrepancy", "max_knots"}
        "holdout": one warm path on 80 % of the sites, scored on the other 20 %, then
        a refit of all rows. "bic": ``n log(RSS / n) + log(n) df`` along the path, with
        df = knots + order, the degrees of freedom of a generalised lasso [1]_.
        "discrepancy": the largest alpha at which the root mean squared residual does
        not exceed `noise`. "max_knots": the smallest alpha of the path up to which no
        fit has more than `max_knots` knots.
    n_alphas, eps : int, float
        Grid, see `fit_path`.
    noise : float, optional
        Standard deviation of the noise for "discrepancy"; estimated from second
        differences of neighbours [2]_ if not given.
    max_knots : int, optional
        If given with another rule, choices with more knots are out of the question.
    order, sample_weight, tol, max_iter, verbose, **options
        See `fit_spline`.
    random_state : int, Generator or RandomState
        Chooses the sites that are held out.

    Returns
    -------
    Selection

    Raises
    ------
    ValueError
        If the rule is unknown, or not meant for the problem.

    References
    ----------
    .. [1] R. J. Tibshirani and J. Taylor, Annals of Statistics 40(2), 2012.
    .. [2] T. Gasser, L. Sroka and C. Jennen-Steinmetz, Biometrika 73(3), 1986.

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 41)
    >>> chosen = select_alpha(x, np.abs(x - 0.5), rule="max_knots", max_knots=1)
    >>> chosen.result.value.knots.round(9)
    array([0.5])
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {RULES}; got {rule!r}")
    max_knots = _check_max_knots(rule, max_knots)
    problem = check_problem(order, **options)
    settings = {"tol": tol, "max_iter": max_iter}
    if problem.general:
        grid = {"n_alphas": n_alphas, "eps": eps}
        rows = (x, y, sample_weight)
        return _select_general(
            problem, rows, rule, grid, max_knots, random_state, settings
        )
    samples = gather(x, y, sample_weight)
    if rule == "discrepancy":
        return _by_discrepancy(problem, samples, noise, settings)
    if rule == "holdout" and samples.x.size < FEW:
        rule = "bic"
    progress = progress_for(verbose, "path")
    data = prepared(problem, samples)
    grid = alpha_grid(largest_alpha(problem, data), None, n_alphas, eps)
    if rule != "holdout":
        path = warm_path(problem, data, grid, progress=progress, **settings)
        return _best(rule, grid, _criteria(rule, path, samples), path, max_knots)
    return _by_holdout(problem, data, grid, max_knots, random_state, progress, settings)


def _check_max_knots(rule: str, max_knots: Any) -> int | None:
    if max_knots is None:
        if rule == "max_knots":
            raise ValueError("the rule 'max_knots' needs max_knots; got None")
        return None
    if isinstance(max_knots, bool) or not hasattr(max_knots, "__index__"):
        raise TypeError(f"max_knots must be an integer; got {max_knots!r}")
    if max_knots < 0:
        raise ValueError(f"max_knots must be at least 0; got {max_knots}")
    return int(max_knots)


def _by_holdout(
    problem: Problem,
    data: Any,
    grid: Vector,
    max_knots: int | None,
    random_state: Any,
    progress: Any,
    settings: dict[str, Any],
) -> Selection:
    samples = data if isinstance(data, Samples) else data.samples
    kept, held = _split(samples, random_state)
    train = prepared(problem, kept)
    path = warm_path(problem, train, grid, progress=progress, **settings)
    scores = np.array([_holdout_error(result.value, held) for result in path])
    allowed = _allowed(path, max_knots)
    best = int(np.flatnonzero(allowed)[np.argmin(scores[allowed])])
    # Knots move when the held-out rows come back: go on until the limit is met.
    for index in range(best, -1, -1):
        result = solve(problem, data, float(grid[index]), **settings)
        if max_knots is None or _knot_count(result) <= max_knots:
            break
    return Selection(float(grid[index]), grid, scores, "holdout", result)


def _split(samples: Samples, random_state: Any) -> tuple[Samples, Samples]:
    """Hold out a fifth of the sites, never the first or the last one."""
    n = samples.x.size
    held = np.zeros(n, dtype=bool)
    count = max(1, (n - 2) // 5)
    held[1 + generator(random_state).choice(n - 2, count, replace=False)] = True
    return _part(samples, ~held), _part(samples, held)


def _part(samples: Samples, mask: Any) -> Samples:
    x, y, w = samples.x[mask], samples.y[mask], samples.w[mask]
    return Samples(x, y, w, 0.0, x.size)


def _holdout_error(value: Any, held: Samples) -> float:
    if isinstance(value, Spline):
        # Held-out sites lie inside the domain, where no extrapolation is needed.
        total = squared_error(
            held.x, held.y, held.w, value.knots, value.coefficients, value.origin
        )
    else:
        total = float(np.dot(held.w, (held.y - value(held.x)) ** 2))
    return total / held.total


def _criteria(rule: str, path: list[Result[Any]], samples: Samples) -> Vector:
    if rule == "max_knots":
        # Smaller alphas come later; among the allowed ones the last wins.
        return -np.arange(len(path), dtype=np.float64)
    n = max(samples.rows, samples.x.size)
    scores = np.empty(len(path))
    for i, result in enumerate(path):
        value = result.value
        penalty = result.stats["alpha"] * value.variation
        squares = max(2.0 * (result.objective - penalty), 0.0)
        # Residuals below rounding must not send the logarithm to -infinity.
        floor = 1e-20 * max(samples.energy, 1e-300)
        df = _knot_count(result) + result.value.order
        scores[i] = n * np.log(max(squares, floor)) + np.log(n) * df
    return scores


def _knot_count(result: Result[Any]) -> int:
    return int(result.value.knots.size)


def _allowed(path: list[Result[Any]], max_knots: int | None) -> Any:
    """Which fits have few enough knots, up to the first that has too many."""
    allowed = np.ones(len(path), dtype=bool)
    if max_knots is not None:
        counts = np.array([_knot_count(result) for result in path])
        allowed = np.cumsum(counts > max_knots) == 0
        allowed[0] = True
    return allowed


def _best(
    rule: str,
    grid: Vector,
    scores: Vector,
    path: list[Result[Any]],
    max_knots: int | None,
) -> Selection:
    allowed = _allowed(path, max_knots)
    index = int(np.flatnonzero(allowed)[np.argmin(scores[allowed])])
    return Selection(float(grid[index]), grid, scores, rule, path[index])


def _by_discrepancy(
    problem: Problem, samples: Samples, noise: Any, settings: dict[str, Any]
) -> Selection:
    noise = (
        estimate_noise(samples)
        if noise is None
        else check_scalar("noise", noise, low=0.0, strict=True)
    )
    result = bounded_residual(problem, samples, noise, **settings)
    alpha = result.stats["alpha"]
    return Selection(alpha, np.array([alpha]), np.array([noise]), "discrepancy", result)


def estimate_noise(samples: Samples) -> float:
    """Estimate the standard deviation of the noise from triples of neighbours.

    Each site is compared with the line through its neighbours: where the function is
    smooth, what differs is noise. What rows of one site differ by is noise as well,
    and is pooled with it.

    Parameters
    ----------
    samples : Samples
        At least three sites; weights are taken as inverse variances.

    Raises
    ------
    ValueError
        If there are fewer than three sites.

    Examples
    --------
    >>> from splinear.univariate.samples import gather
    >>> estimate_noise(gather([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]))
    0.0
    """
    if samples.x.size < 3:
        raise ValueError(
            f"noise cannot be estimated from {samples.x.size} sites, 3 are needed: "
            "pass noise="
        )
    h = np.diff(samples.x)
    a, b = h[1:] / (h[1:] + h[:-1]), h[:-1] / (h[1:] + h[:-1])
    v = 1.0 / samples.w
    z = a * samples.y[:-2] + b * samples.y[2:] - samples.y[1:-1]
    spread = a * a * v[:-2] + b * b * v[2:] + v[1:-1]
    squares = float(np.sum(z * z / spread)) + 2.0 * samples.tie_loss
    rows = max(samples.rows, samples.x.size)
    variance = squares / (rows - 2)  # of a row of weight one
    return float(np.sqrt(variance * rows / samples.total))


def _select_general(
    problem: Problem,
    rows: tuple[Any, Any, Any],
    rule: str,
    grid: dict[str, Any],
    max_knots: int | None,
    random_state: Any,
    settings: dict[str, Any],
) -> Selection:
    # Hold-out (or a number of knots) for other losses and for constraints.
    if rule not in ("holdout", "max_knots"):
        raise ValueError(
            f"the rule {rule!r} is for the squared loss without constraints: use "
            "'holdout' or 'max_knots'"
        )
    x, y, w = sorted_rows(*rows)
    options = {**problem.general_options(), **settings}
    if rule == "max_knots" or x.size < FEW:
        path = fit_path(x, y, sample_weight=w, **grid, **options)
        alphas = np.array([result.stats["alpha"] for result in path])
        scores = -np.arange(alphas.size, dtype=np.float64)
        if rule == "holdout":
            scores = np.abs(np.arange(alphas.size) - alphas.size // 2.0)
        return _best(rule, alphas, scores, path, max_knots)
    held = generator(random_state).random(x.size) < 0.2
    held[[0, -1]] = False
    if not held.any():
        held[x.size // 2] = True
    path = fit_path(x[~held], y[~held], sample_weight=w[~held], **grid, **options)
    alphas = np.array([result.stats["alpha"] for result in path])
    scores = np.array(
        [_mean_loss(problem, r.value(x[held]), y[held], w[held]) for r in path]
    )
    allowed = _allowed(path, max_knots)
    best = int(np.flatnonzero(allowed)[np.argmin(scores[allowed])])
    result = fit_spline(x, y, alpha=float(alphas[best]), sample_weight=w, **options)
    return Selection(float(alphas[best]), alphas, scores, rule, result)


def _mean_loss(problem: Problem, f: Vector, y: Vector, w: Vector) -> float:
    from splinear.univariate.losses import make_loss

    loss = make_loss(problem.loss, problem.quantile, problem.delta)
    return float(np.dot(w, loss.value(y, f))) / float(np.sum(w))
