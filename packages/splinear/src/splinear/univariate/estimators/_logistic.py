"""Two classes by logistic loss: separable data, and the choice of alpha."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.random import generator
from splinear.univariate.estimators._choose import Choice
from splinear.univariate.estimators._validate import Rows
from splinear.univariate.fit import alpha_max, fit_spline
from splinear.univariate.losses import make_loss
from splinear.univariate.path import alpha_grid, fit_path

Vector = NDArray[np.float64]

#: Fewer rows than this are too few to hold any out.
FEW = 10
#: Share of alpha_max that is used where no row can be held out.
FALLBACK = 1e-2
#: alpha_max over the range of x below which it is rounding: the loss has no unit.
ROUNDING = 1e-13


def separable(rows: Rows) -> bool:
    """Whether a threshold in x separates the classes 0 and 1 (ties at it included)."""
    zeros, ones = rows.x[rows.y == 0.0], rows.x[rows.y == 1.0]
    if zeros.size == 0 or ones.size == 0:
        return True
    if np.ptp(rows.x) == 0.0:
        return False
    return bool(zeros.max() <= ones.min() or ones.max() <= zeros.min())


def smoothed(rows: Rows) -> Rows:
    """Soften the labels as Platt does, if the log-odds would be infinite.

    A row of a class with N rows counts as (N + 1) / (N + 2) of that class and as
    1 / (N + 2) of the other: the posterior mean under a uniform prior [1]_.

    References
    ----------
    .. [1] J. Platt, Advances in Large Margin Classifiers, 1999, section 2.2.
    """
    if not separable(rows):
        return rows
    w = np.ones_like(rows.x) if rows.w is None else rows.w
    count = np.where(rows.y == 1.0, w[rows.y == 1.0].sum(), w[rows.y == 0.0].sum())
    other = 1.0 / (count + 2.0)
    return Rows(
        np.concatenate((rows.x, rows.x)),
        np.concatenate((rows.y, 1.0 - rows.y)),
        np.concatenate((w * (1.0 - other), w * other)),
        rows.kind,
    )


def choose_logistic(
    rows: Rows,
    alpha: float | None,
    options: dict[str, Any],
    max_knots: int | None,
    random_state: Any,
) -> Choice:
    """Fit one class against the rest; `alpha` None asks for the hold-out."""
    soft = smoothed(rows)
    problem = {name: options[name] for name in ("monotone", "convex")}
    top = alpha_max(soft.x, soft.y, sample_weight=soft.w, loss="logistic", **problem)
    how = "given"
    if alpha is None:
        how = "holdout" if max_knots is None else "max_knots"
        alpha = _search(rows, soft, top, options, max_knots, random_state)
    result = fit_spline(
        soft.x, soft.y, alpha=alpha, sample_weight=soft.w, loss="logistic", **options
    )
    return Choice(result, alpha, top, how)


def _search(
    rows: Rows,
    soft: Rows,
    top: float,
    options: dict[str, Any],
    max_knots: int | None,
    random_state: Any,
) -> float:
    span = float(np.ptp(rows.x))
    if top <= ROUNDING * span:
        return max(span, 1.0)  # two sites, say: no bend helps, at any price
    grid = alpha_grid(top, None, 30, 1e-3)
    if max_knots is not None:
        return _fewest(soft, grid, options, max_knots)
    train, test = _halves(rows, random_state)
    if train is None:
        return FALLBACK * top
    train = smoothed(train)
    path = fit_path(
        train.x, train.y, alphas=grid, sample_weight=train.w, loss="logistic", **options
    )
    return float(grid[int(np.argmin([_log_loss(fit.value, test) for fit in path]))])


def _fewest(soft: Rows, grid: Vector, options: dict[str, Any], limit: int) -> float:
    path = fit_path(
        soft.x, soft.y, alphas=grid, sample_weight=soft.w, loss="logistic", **options
    )
    many = [fit.value.knots.size > limit for fit in path]
    # At the top there is no knot, hence at least one alpha remains.
    first = many.index(True) if True in many else len(many)
    return float(grid[max(first - 1, 0)])


def _halves(rows: Rows, random_state: Any) -> tuple[Rows | None, Any]:
    """Hold out a fifth of the sites, both classes on both sides or not at all."""
    sites, which = np.unique(rows.x, return_inverse=True)
    if sites.size < FEW:
        return None, None
    chosen = generator(random_state).choice(sites.size, sites.size // 5, replace=False)
    held = np.isin(which, chosen)
    train, test = (
        Rows(rows.x[m], rows.y[m], None if rows.w is None else rows.w[m], rows.kind)
        for m in (~held, held)
    )
    if np.unique(train.y).size < 2:
        return None, None
    return train, test


def _log_loss(function: Any, rows: Rows) -> float:
    losses = make_loss("logistic").value(rows.y, function(rows.x))
    return float(np.average(losses, weights=rows.w))
