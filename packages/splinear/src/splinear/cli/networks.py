"""``splinear fit`` with several columns: the network of least variation."""

import argparse
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinear.cli.report import KINDS

Array = NDArray[np.float64]

#: Options that speak of functions of one column, and their defaults.
ONE_COLUMN = {
    "max_knots": None,
    "noise": None,
    "monotone": None,
    "convex": None,
    "period": None,
    "calibration": None,
    "plot": None,
}
#: Creases that a report lists.
LISTED = 20


class Rows(NamedTuple):
    """Rows to fit."""

    X: Array
    y: NDArray[Any]
    w: Array | None
    n_dropped: int


def run(args: argparse.Namespace) -> int:
    """Fit, report, and write the model.

    Raises
    ------
    ValueError
        If an option is for one column only, a column is named twice, is the target or
        is constant, or a cell is missing or no number.
    """
    _check(args)
    rows = read_rows(args)
    if rows.n_dropped:
        print(f"left out {rows.n_dropped} rows with missing cells")
    began = time.perf_counter()
    model = build(args).fit(rows.X, rows.y, sample_weight=rows.w)
    seconds = time.perf_counter() - began
    print("\n".join(report(model, args, rows, seconds)))
    if args.out:
        from splinear.shallow.model_file import save_network_model

        save_network_model(model, args.out, x=args.x, y=args.y)
        print(f"model written to {args.out}")
    return 0


def _check(args: argparse.Namespace) -> None:
    twice = sorted({name for name in args.x if args.x.count(name) > 1})
    if twice or args.y in args.x:
        name = twice[0] if twice else args.y
        what = "is given twice" if twice else "is the target too"
        raise ValueError(f"--x: column {name!r} {what}: name each column once")
    for name, default in ONE_COLUMN.items():
        if getattr(args, name) != default:
            raise ValueError(
                f"--{name.replace('_', '-')} goes with one column in --x; got "
                f"{len(args.x)}: leave it out"
            )


def read_rows(args: argparse.Namespace) -> Rows:
    """Read the columns; a missing cell is named, or its row left out.

    Raises
    ------
    ValueError
        If a column does not exist or is constant, or a cell is missing or no number.
    """
    from splinear.cli.columns import complete_rows, label_column, number_column
    from splinear.cli.table import read_table

    table = read_table(args.data)
    names = [*args.x, args.y] + ([args.weight] if args.weight else [])
    rows, n_dropped = complete_rows(table, names, args.drop_missing)
    read = label_column if args.loss == "logistic" else number_column
    w = number_column(table, args.weight, rows) if args.weight else None
    X = np.column_stack([number_column(table, name, rows) for name in args.x])
    for name, column in zip(args.x, X.T, strict=True):
        if column.min() == column.max():
            raise ValueError(
                f"{table.path}, column {name!r}: every cell is {column[0]:g}: a constant "
                "explains nothing, leave the column out of --x"
            )
    return Rows(X, read(table, args.y, rows), w, n_dropped)


def build(args: argparse.Namespace) -> Any:
    """Return the estimator that the options describe, not yet fitted."""
    from splinear.shallow.estimators import ShallowNetClassifier, ShallowNetRegressor

    shared = {"alpha": args.alpha, "random_state": args.seed}
    if args.order != 2:
        shared |= {"order": args.order, "activation": "truncated_power"}
    # Else the estimators' own tolerance: gaps of networks close slowly below it.
    if args.tol is not None:
        shared["tol"] = args.tol
    if args.loss == "logistic":
        return ShallowNetClassifier(**shared)
    return ShallowNetRegressor(
        **shared, loss=args.loss, quantile=args.quantile, delta=args.delta
    )


def report(
    model: Any, args: argparse.Namespace, rows: Rows, seconds: float
) -> list[str]:
    """Return the lines of a report."""
    proof = model.certificate_
    how = f", {model.how_}" if model.how_ else ""
    search = f", {proof.starts} starts" if proof.kind == "heuristic" else ""
    return [
        f"{args.y} as a function of {', '.join(args.x)}: {len(rows.y):,} rows, fitted "
        f"in {seconds:.2g} s",
        f"  model        {_count(model.n_neurons_)}, variation "
        f"{model.variation_norm_:.6g} (columns {model.scaling})",
        f"  alpha        {model.alpha_:.6g}{how}; no neurons from "
        f"{model.alpha_max_:.6g}",
        f"  objective    {model.objective_:.10g}",
        f"  gap          {proof.gap:.2g}, relative {proof.relative_gap:.1e}, "
        f"{proof.kind}{search}: {KINDS[proof.kind]}",
        *(
            []
            if model.status_.name == "CONVERGED"
            else [f"  status       {model.status_.value}"]
        ),
        *held_out(args, rows),
        *creases(model, args),
    ]


def _count(neurons: int) -> str:
    return "1 neuron" if neurons == 1 else f"{neurons or 'no'} neurons"


def creases(model: Any, args: argparse.Namespace) -> list[str]:
    """Return the network in words, the largest creases first."""
    from splinear.shallow.printout import describe

    if model.net_.order != 2:
        return ["  creases      listed for --order 2 only; --out keeps the neurons"]
    outs = [args.y]
    if hasattr(model, "classes_"):
        outs = [f"score[{label}]" for label in model.classes_]
        outs = outs if len(outs) > 2 else [f"log-odds[{model.classes_[1]}]"]
    text = describe(
        model._inner_net,
        args.x,
        center=model.center_,
        scale=model.scale_,
        out_names=outs,
        limit=LISTED,
    )
    return ["  " + line for line in text.splitlines()]


def held_out(args: argparse.Namespace, rows: Rows) -> list[str]:
    """Return the error on a fifth of the rows beside a linear baseline's."""
    from splinear.cli._baseline import split

    if rows.w is not None:  # rows of weight zero neither teach nor test
        used = rows.w > 0.0
        rows = rows._replace(X=rows.X[used], y=rows.y[used], w=rows.w[used])
    train, test = split(len(rows.y))
    if len(rows.y) < 10 or np.unique(rows.y[train]).size < 2:
        return ["  held out     nothing: too few rows, or all of one value of y"]
    w = None if rows.w is None else rows.w[train]
    ours = build(args).fit(rows.X[train], rows.y[train], sample_weight=w)
    linear = _baseline(args)
    linear.fit(rows.X[train], rows.y[train], linear__sample_weight=w)
    name, mine = _error(args, ours, rows, train, test)
    rival = "logistic regression" if args.loss == "logistic" else "ridge"
    return [
        f"  held out     {name} {mine:.4g} on a fifth of the rows, {rival} "
        f"{_error(args, linear, rows, train, test)[1]:.4g}"
    ]


def _baseline(args: argparse.Namespace) -> Any:
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    ridge = RidgeCV(alphas=np.logspace(-3.0, 3.0, 13))
    linear = LogisticRegression(max_iter=1000) if args.loss == "logistic" else ridge
    return Pipeline([("scale", StandardScaler()), ("linear", linear)])


def _error(
    args: argparse.Namespace, model: Any, rows: Rows, train: Any, test: Any
) -> tuple[str, float]:
    """Return the name of the error and its value on the test rows."""
    F = model.predict(rows.X[test])
    w = None if rows.w is None else rows.w[test]
    if args.loss == "logistic":
        return "share of errors", float(np.average(rows.y[test] != F, weights=w))
    error = rows.y[test] - F
    if args.loss != "quantile":
        mean = np.average(error**2, weights=w)
        return "root mean square error", float(np.sqrt(mean))
    if not hasattr(model, "net_"):  # a mean: moved by the quantile of its residuals
        inside = rows.y[train] - model.predict(rows.X[train])
        error = error - np.quantile(inside, args.quantile)
    pinball = np.maximum(args.quantile * error, (args.quantile - 1.0) * error)
    return "mean pinball loss", float(np.average(pinball, weights=w))
