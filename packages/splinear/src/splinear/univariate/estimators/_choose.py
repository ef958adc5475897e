"""From the `alpha` that a user writes to a fit: a number, or a rule by name."""

from typing import Any, NamedTuple

import numpy as np

from splinear.core.checks import check_scalar
from splinear.core.result import Result
from splinear.univariate.estimators._validate import Rows
from splinear.univariate.fit import alpha_max, fit_spline
from splinear.univariate.select import select_alpha

RULES = {"auto": "holdout", "bic": "bic", "discrepancy": "discrepancy"}
_SOLVER = ("tol", "max_iter", "verbose")


class Choice(NamedTuple):
    """A fit, its alpha, and how that was chosen."""

    result: Result[Any]
    alpha: float
    alpha_max: float
    how: str


def choose(
    rows: Rows,
    alpha: Any,
    options: dict[str, Any],
    *,
    noise: Any = None,
    max_knots: Any = None,
    random_state: Any = 0,
) -> Choice:
    if isinstance(alpha, str):
        return _by_rule(rows, alpha, options, noise, max_knots, random_state)
    if max_knots is not None:
        raise ValueError(
            f"max_knots chooses alpha; got alpha={alpha!r} as well: leave alpha='auto'"
        )
    alpha = check_scalar("alpha", alpha, low=0.0)
    result = fit_spline(rows.x, rows.y, alpha=alpha, sample_weight=rows.w, **options)
    return Choice(result, alpha, _largest(rows, options), "given")


def _by_rule(
    rows: Rows,
    alpha: str,
    options: dict[str, Any],
    noise: Any,
    max_knots: Any,
    random_state: Any,
) -> Choice:
    if alpha not in RULES:
        raise ValueError(
            f"alpha must be a number >= 0 or one of {tuple(RULES)}; got {alpha!r}"
        )
    if noise is not None and alpha != "discrepancy":
        raise ValueError(f"noise belongs to alpha='discrepancy'; got alpha={alpha!r}")
    rule = RULES[alpha]
    if max_knots is not None and alpha == "auto":
        rule = "max_knots"
    selection = select_alpha(
        rows.x,
        rows.y,
        rule=rule,
        noise=noise,
        max_knots=max_knots,
        sample_weight=rows.w,
        random_state=random_state,
        **options,
    )
    top = (
        float(np.max(selection.alphas))
        if rule != "discrepancy"
        else _largest(rows, options)
    )
    how = selection.rule
    if rule != "discrepancy" and selection.alpha == np.min(selection.alphas) < top:
        # What the user should know: the data might have asked for less still.
        how += ", the smallest alpha tried"
    return Choice(selection.result, selection.alpha, top, how)


def _largest(rows: Rows, options: dict[str, Any]) -> float:
    problem = {name: v for name, v in options.items() if name not in _SOLVER}
    return alpha_max(rows.x, rows.y, sample_weight=rows.w, **problem)
