"""``splinear demo``: three real data sets, each with its certificate and a rival."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np


def add(commands: Any) -> None:
    """Describe the command to argparse."""
    parser = commands.add_parser(
        "demo",
        help="fit real data and draw the fits",
        description="Fit three real data sets, print what is proven, draw a picture.",
    )
    parser.add_argument("--out-dir", default=".", help="folder of the picture")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from splinear.cli._demo_data import samples

    folder = Path(args.out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    _warm_up()
    fitted = []
    for sample in samples():
        print(f"\n{sample.title} ({sample.source})")
        estimator = _report(sample)
        fitted.append((sample, estimator))
    path = folder / "splinear-demo.png"
    _draw(fitted).savefig(path, dpi=130)
    print(f"\npicture written to {path}")
    return 0


def _warm_up() -> None:
    """Compile the kernels on a small problem, so that the times below are of fits."""
    from splinear.univariate.estimators import AdaptiveSplineRegressor

    began = time.perf_counter()
    x = np.linspace(0.0, 1.0, 40)
    AdaptiveSplineRegressor(verbose=False).fit(x, np.abs(x - 0.5))
    seconds = time.perf_counter() - began
    if seconds > 1.0:
        print(
            f"compiled the kernels in {seconds:.0f} s; they are kept for the next run"
        )


def _report(sample: Any) -> Any:
    from splinear.cli.report import describe
    from splinear.univariate.estimators import AdaptiveSplineRegressor

    began = time.perf_counter()
    estimator = AdaptiveSplineRegressor(**sample.options).fit(sample.x, sample.y)
    seconds = time.perf_counter() - began
    lines = describe(estimator, sample.x_name, sample.y_name, sample.x.size, seconds)
    print("\n".join(lines + _contrast(sample)))
    return estimator


def _contrast(sample: Any) -> list[str]:
    """Compare with the rival on a fifth of the rows that none has seen."""
    from splinear.cli._baseline import held_out_error, smoothing_spline, split

    x = _numbers(sample.x)
    errors = {
        _name(sample.options): held_out_error(_fitter(sample.options), x, sample.y)
    }
    if sample.options:
        errors[_name({})] = held_out_error(_fitter({}), x, sample.y)
    errors[_RIVAL] = held_out_error(smoothing_spline, x, sample.y)
    best = min(errors, key=lambda name: errors[name])
    count = int(split(x.size)[1].sum())
    lines = [
        f"  held out     {count} rows of these, root mean squared error of a fit to the rest:"
    ]
    for name, error in errors.items():
        lines.append(f"    {error:<8.4g} {name}{'  <- best' if name == best else ''}")
    return lines


_RIVAL = "smoothing spline of scipy, lambda by generalised cross-validation"


def _name(options: dict[str, Any]) -> str:
    limit = options.get("max_knots")
    how = "alpha by hold-out" if limit is None else f"at most {limit} knots"
    return f"adaptive spline, {how}"


def _fitter(options: dict[str, Any]) -> Any:
    from splinear.univariate.estimators import AdaptiveSplineRegressor

    return lambda x, y: AdaptiveSplineRegressor(**options).fit(x, y).predict


def _numbers(x: Any) -> Any:
    from splinear.univariate.dates import are_dates, to_days

    return to_days(x) if are_dates(x) else np.asarray(x, dtype=np.float64)


def _draw(fitted: list[tuple[Any, Any]]) -> Any:
    from matplotlib.figure import Figure

    from splinear.univariate.plot import plot_fit

    figure = Figure(figsize=(5.2 * len(fitted), 5.6), layout="constrained")
    panels = figure.subplots(
        2, len(fitted), sharex="col", gridspec_kw={"height_ratios": [3.0, 1.2]}
    )
    for column, (sample, estimator) in enumerate(fitted):
        upper, lower = panels[:, column]
        plot_fit(estimator, axes=(upper, lower))
        _add_rival(upper, sample)
        proof = upper.get_title(loc="left")
        upper.set_title(f"{sample.title}\n{proof}", loc="left", fontsize=10)
        upper.set_ylabel(sample.y_name, fontsize=9)
        lower.set_xlabel(sample.x_name, fontsize=9)
        if column:
            lower.set_ylabel("")
    return figure


def _add_rival(panel: Any, sample: Any) -> None:
    from splinear.cli._baseline import smoothing_spline
    from splinear.univariate.dates import are_dates, to_dates

    x = _numbers(sample.x)
    fine = np.linspace(x.min(), x.max(), 1_000)
    at = to_dates(fine) if are_dates(sample.x) else fine
    panel.plot(
        at,
        smoothing_spline(x, sample.y)(fine),
        color="#3a3f47",
        linewidth=0.9,
        linestyle=(0, (4, 2)),
        label="smoothing spline",
        zorder=2,
    )
    panel.legend(frameon=False, fontsize=8)
