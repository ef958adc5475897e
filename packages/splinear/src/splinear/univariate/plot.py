"""Pictures: data, fit and knots as creases; beneath, the proof that they suffice."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_vector
from splinear.univariate.dates import are_dates, to_dates, to_days
from splinear.univariate.sketch import Sketch, sketch

Vector = NDArray[np.float64]

#: One hue for the fit, one for its creases, greys for the rest.
FIT, CREASE, DATA, INK = "#1f5fa8", "#d1495b", "#8a8f98", "#3a3f47"
#: Points at which the fit is drawn between the ends of the data.
FINE = 1_000
#: More knots than this are drawn without verticals: they would hide the data.
MANY = 30


class _Scene(NamedTuple):
    """What is drawn."""

    function: Any
    sketch: Sketch
    title: str
    link: Any  # from the function to the scale of y
    y_name: str


def plot_fit(
    fit: Any,
    X: Any = None,
    y: Any = None,
    *,
    alpha: float | None = None,
    axes: Any = None,
) -> Any:
    """Draw a fit in two panels that share the x axis.

    Above: data, fitted function, and knots as creases. Beneath: the dual function
    ``eta(tau) / alpha``, which proves the fit optimal: it stays within -1 and 1 and
    touches one of them at every knot, with the sign of the bend there. Where the dual
    is not a function of the residuals alone (quantile loss, constraints, periods,
    weights), the lower panel shows the jumps at the knots instead.

    Parameters
    ----------
    fit : estimator or Result
        A fitted estimator of this package, or what `fit_spline` returned (of the
        squared loss; then X and y are needed).
    X, y : (n,) array-likes, optional
        Data to show instead of those that an estimator remembers. Dates are welcome.
    alpha : float, optional
        Strength of the penalty, for a Result that does not know it.
    axes : pair of matplotlib axes, optional
        Upper and lower panel; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If data are needed and missing, or `axes` are not two.
    """
    pyplot = _matplotlib()
    scene = _scene(fit, X, y, alpha)
    if axes is None:
        # Made without pyplot's registry: the caller owns it, and nothing leaks.
        figure = pyplot.Figure(figsize=(8.0, 5.6), layout="constrained")
        axes = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": [3.0, 1.2]}
        )
    upper, lower = _two(axes)
    _draw_fit(upper, scene)
    _draw_dual(lower, scene)
    for panel in (upper, lower):
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(colors=INK, labelsize=9)
    lower.set_xlabel(scene.sketch.name, color=INK)
    if scene.sketch.kind == "date":
        _date_axis(lower)
    return upper.figure


def _matplotlib() -> Any:
    try:
        import matplotlib.figure
    except ImportError as error:
        raise ImportError(
            'pictures need matplotlib: pip install "splinear[plot]"'
        ) from error
    return matplotlib.figure


def _two(axes: Any) -> tuple[Any, Any]:
    panels = np.ravel(np.asarray(axes, dtype=object))
    if panels.size != 2:
        raise ValueError(
            f"axes must be two panels, as from plt.subplots(2, 1); got {panels.size}"
        )
    return panels[0], panels[1]


def _scene(fit: Any, X: Any, y: Any, alpha: float | None) -> _Scene:
    estimator = hasattr(fit, "spline_")
    function = fit.spline_ if estimator else fit.value
    certificate = fit.certificate_ if estimator else fit.certificate
    kept = getattr(fit, "_sketch", None)
    if (X is None) != (y is None):
        raise ValueError("X and y must be given together; got one of them")
    if X is None and kept is None:
        raise ValueError("this fit remembers no data: pass X and y")
    seen: Any = kept if X is None else _fresh(fit, function, X, y, alpha)
    classes = getattr(fit, "classes_", None)
    title = _title(function, certificate)
    if classes is None:
        return _Scene(function, seen, title, lambda f: f, "")
    y_name = f"probability of {_positive(classes)}"
    return _Scene(
        function, seen, title, lambda f: np.exp(-np.logaddexp(0.0, -f)), y_name
    )


def _positive(classes: NDArray[Any]) -> Any:
    """Return the class whose log-odds the first spline of a classifier is."""
    return classes[1] if classes.size == 2 else classes[0]


def _fresh(fit: Any, function: Any, X: Any, y: Any, alpha: float | None) -> Sketch:
    """Make a sketch from rows that the caller brings."""
    column = np.asarray(X)
    column = column.reshape(-1) if column.ndim == 2 and column.shape[1] == 1 else column
    kind = "date" if are_dates(column) else "number"
    x = to_days(column) if kind == "date" else check_vector("X", column)
    y = np.ravel(np.asarray(y))
    if hasattr(fit, "classes_"):
        y = (y == _positive(fit.classes_)).astype(np.float64)
    target = check_vector("y", y, size=x.size)
    loss = "squared"
    if hasattr(fit, "spline_"):
        loss, alpha = _estimator_loss(fit), float(np.ravel(fit.alpha_)[0])
    elif alpha is None:
        # A result knows its alpha only where a path wrote it down.
        alpha = fit.stats.get("alpha", 0.0)
    kept = getattr(fit, "_sketch", None)
    name = "x" if kept is None else kept.name
    strength = 0.0 if alpha is None else float(alpha)
    delta = getattr(fit, "delta", 1.0)
    return sketch(
        x, target, None, function, strength,
        loss=loss, delta=delta, name=name, kind=kind,
    )  # fmt: skip


def _estimator_loss(fit: Any) -> str | None:
    options = fit._options()
    shaped = any(
        options.get(name) not in (None, "none")
        for name in ("monotone", "convex", "domain_weight", "period")
    )
    return None if shaped else options.get("loss", "squared")


def _title(function: Any, certificate: Any) -> str:
    count = function.knots.size
    knots = "1 knot" if count == 1 else f"{count or 'no'} knots"
    gap = certificate.relative_gap
    proven = {
        "exact": f"relative gap {gap:.0e}, proven",
        "bounded": f"relative gap at most {gap:.0e}, proven",
        "heuristic": f"relative gap about {gap:.0e}, not proven",
    }[certificate.kind]
    return f"{knots} · {proven}"


def _draw_fit(panel: Any, scene: _Scene) -> None:
    function, seen = scene.function, scene.sketch
    low, high = float(seen.x.min()), float(seen.x.max())
    fine = np.linspace(low, high, FINE)
    knots = function.knots[(function.knots >= low) & (function.knots <= high)]
    at = _on_axis(np.union1d(fine, knots), seen.kind)
    values = scene.link(function(np.union1d(fine, knots)))
    size = 14.0 if seen.x.size <= 400 else 7.0
    panel.scatter(
        _on_axis(seen.x, seen.kind),
        seen.y,
        s=size,
        color=DATA,
        alpha=0.55,
        linewidths=0.0,
        label=_data_label(seen),
        zorder=1,
    )
    steps = "steps-post" if getattr(function, "order", 2) == 1 else "default"
    panel.plot(
        at, values, color=FIT, linewidth=1.8, drawstyle=steps, label="fit", zorder=3
    )
    _draw_knots(panel, knots, scene.link(function(knots)), seen.kind)
    panel.set_ylabel(scene.y_name, color=INK)
    panel.set_title(scene.title, loc="left", fontsize=10, color=INK)
    panel.legend(frameon=False, fontsize=9, labelcolor=INK)


def _draw_knots(panel: Any, knots: Vector, values: Vector, kind: str) -> None:
    if knots.size == 0:
        return
    at = _on_axis(knots, kind)
    _verticals(panel, at)
    panel.plot(at, values, label="knots", zorder=4, **_markers(knots.size))


def _verticals(panel: Any, at: Any) -> None:
    if len(at) <= MANY:
        for position in at:
            panel.axvline(position, color=CREASE, linewidth=0.7, alpha=0.35, zorder=0)


def _draw_dual(panel: Any, scene: _Scene) -> None:
    seen, function = scene.sketch, scene.function
    if seen.tau is None or seen.eta is None:
        _draw_jumps(panel, scene)
        return
    for bound in (-1.0, 1.0):
        panel.axhline(bound, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    panel.axhline(0.0, color=INK, linewidth=0.5, alpha=0.4, zorder=1)
    steps = "steps-mid" if function.order == 1 else "default"
    tau = _on_axis(seen.tau, seen.kind)
    panel.fill_between(
        tau, 0.0, seen.eta, color=FIT, alpha=0.12, linewidth=0.0,
        step="mid" if function.order == 1 else None,
    )  # fmt: skip
    panel.plot(tau, seen.eta, color=FIT, linewidth=1.1, drawstyle=steps, zorder=2)
    _draw_touches(panel, seen, function.knots)
    panel.set_ylim(-1.25, 1.25)
    panel.set_yticks([-1.0, 0.0, 1.0], ["−1", "0", "1"])
    panel.set_ylabel("dual η / α", color=INK)


def _draw_touches(panel: Any, seen: Any, knots: Vector) -> None:
    knots = knots[(knots >= seen.tau[0]) & (knots <= seen.tau[-1])]
    if knots.size == 0:
        return
    at = _on_axis(knots, seen.kind)
    _verticals(panel, at)
    touches = seen.eta[np.searchsorted(seen.tau, knots)]
    panel.plot(at, touches, zorder=3, **_markers(knots.size))


def _markers(count: int) -> dict[str, Any]:
    return {
        "linestyle": "none",
        "marker": "o",
        "markersize": 5.5 if count <= MANY else 3.0,
        "markerfacecolor": "white",
        "markeredgecolor": CREASE,
        "markeredgewidth": 1.3 if count <= MANY else 0.9,
    }


def _draw_jumps(panel: Any, scene: _Scene) -> None:
    """Stems of the jumps, where no dual curve is at hand."""
    from splinear.univariate.estimators._view import jumps_of

    function, kind = scene.function, scene.sketch.kind
    panel.axhline(0.0, color=INK, linewidth=0.5, alpha=0.6, zorder=1)
    if function.knots.size:
        at, jumps = _on_axis(function.knots, kind), jumps_of(function)
        panel.vlines(at, 0.0, jumps, color=CREASE, linewidth=1.3, zorder=2)
        panel.plot(at, jumps, zorder=3, **_markers(jumps.size))
    panel.set_ylabel("jump", color=INK)


def _data_label(seen: Sketch) -> str:
    if seen.x.size == seen.n_rows:
        return "data"
    return f"data ({seen.x.size:,} of {seen.n_rows:,} rows)"


def _on_axis(x: Vector, kind: str) -> Any:
    return to_dates(x) if kind == "date" else x


def _date_axis(panel: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(ConciseDateFormatter(locator))
