"""What the user reads after a fit."""

from typing import Any

from splinear.univariate.dates import show_date

DEGREES = {1: "constant", 2: "linear", 3: "quadratic", 4: "cubic"}
RULES = {
    "given": "as given",
    "holdout": "by a hold-out of 20 % of the sites",
    "bic": "by BIC",
    "discrepancy": "residual at the level of the noise",
    "max_knots": "smallest within the number of knots",
}
KINDS = {
    "exact": "proven",
    "bounded": "proven, by a bound that is not attained",
    "heuristic": "not proven: the best of a search",
}
#: More knots than this are counted, not listed.
LISTED = 40


def describe(estimator: Any, x: str, y: str, n_rows: int, seconds: float) -> list[str]:
    """Return the lines of a report.

    Parameters
    ----------
    estimator : fitted estimator
        Regressor or classifier.
    x, y : str
        Names of the columns.
    n_rows : int
        Rows that were fitted.
    seconds : float
        Time of the fit.

    Returns
    -------
    list of str
    """
    held = getattr(estimator, "calibration_scores_", ())
    kept = f" ({len(held):,} of them held out for intervals)" if len(held) else ""
    lines = [
        f"{y} as a function of {x}: {n_rows:,} rows{kept}, fitted in {seconds:.2g} s"
    ]
    lines += _domain(estimator)
    functions = getattr(estimator, "splines_", [estimator.spline_])
    for number, function in enumerate(functions):
        lines += _function(estimator, function, number, len(functions))
    return lines


def _domain(estimator: Any) -> list[str]:
    ends = getattr(estimator.spline_, "domain", None)
    if ends is None:
        return []
    low, high = (show(estimator, end) for end in ends)
    note = "; zoned times as UTC" if estimator.x_kind_ == "date" else ""
    return [f"  x from {low} to {high}{note}"]


def _function(estimator: Any, function: Any, number: int, count: int) -> list[str]:
    from splinear.univariate.estimators._view import jumps_of

    def one(value: Any) -> Any:
        return value if count == 1 else value[number]

    certificate = getattr(estimator, "certificates_", [estimator.certificate_])[number]
    order = getattr(getattr(function, "spline", function), "order", None)
    degree = f"piecewise {DEGREES[order]}, " if order in DEGREES else ""
    head = (
        "" if count == 1 else f"  class {estimator.classes_[number]} against the rest\n"
    )
    rule, _, note = estimator.how_.partition(", ")
    how = ", ".join(filter(None, (RULES.get(rule, f"by {rule}"), note)))
    return [
        f"{head}  model        {degree}{_knots_word(function)}, "
        f"variation {function.variation:.6g}",
        f"  alpha        {one(estimator.alpha_):.6g}, {how}; no knots from "
        f"{one(estimator.alpha_max_):.6g}",
        f"  objective    {one(estimator.objective_):.10g}"
        + (
            "  (the variation, least for that residual)"
            if rule == "discrepancy"
            else ""
        ),
        f"  gap          {certificate.gap:.2g}, relative {certificate.relative_gap:.1e}, "
        f"{certificate.kind}: {KINDS[certificate.kind]}",
        *_status(estimator),
        *knot_lines(estimator, function.knots, jumps_of(function)),
    ]


def _status(estimator: Any) -> list[str]:
    if estimator.status_.name == "CONVERGED":
        return []
    return [f"  status       {estimator.status_.value}"]


def _knots_word(function: Any) -> str:
    count = function.knots.size
    return "1 knot" if count == 1 else f"{count or 'no'} knots"


def knot_lines(estimator: Any, knots: Any, jumps: Any) -> list[str]:
    """List knots and jumps, dates as dates."""
    if knots.size == 0:
        return []
    per = " (per day)" if estimator.x_kind_ == "date" else ""
    shown = [show(estimator, knot) for knot in knots[:LISTED]]
    width = max(len(word) for word in shown)
    rows = [
        f"    {word:<{width}}  {jump:+.6g}"
        for word, jump in zip(shown, jumps[:LISTED], strict=True)
    ]
    more = knots.size - LISTED
    if more > 0:
        rows.append(f"    and {more} more: --out keeps them all")
    return [f"  knots, and the jump of the last derivative{per} there", *rows]


def show(estimator: Any, value: float) -> str:
    """Write a position on the x axis, as a date where x holds dates."""
    if estimator.x_kind_ != "date":
        return f"{value:.9g}"
    ends = getattr(estimator.spline_, "domain", (0.5,))
    # Data in whole days: the hour at which a fit bends between two of them is noise.
    return show_date(round(value) if all(end % 1.0 == 0.0 for end in ends) else value)
