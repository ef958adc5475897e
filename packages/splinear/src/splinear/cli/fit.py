"""``splinear fit``: from a file to a report, a model file and a picture."""

import argparse
import time
from typing import Any

LOSSES = ("squared", "quantile", "huber", "logistic")


def add(commands: Any) -> None:
    """Describe the command to argparse."""
    parser = commands.add_parser(
        "fit",
        help="fit one column of a table by others",
        description=(
            "Fit a spline with few knots, or of several columns a network with few "
            "neurons, and print what is proven about it. Reads CSV (with a header) and "
            "Parquet. ISO dates in a single --x are shown as dates; times with a zone "
            "become UTC, times without are taken as they are."
        ),
    )
    parser.add_argument("data", help="CSV or Parquet file")
    parser.add_argument("--x", nargs="+", help="column on the x axis, or several")
    parser.add_argument("--y", required=True, help="column to explain")
    parser.add_argument("--weight", help="column of weights")
    parser.add_argument("--out", help="write the model here, as JSON")
    parser.add_argument("--plot", help="write a picture here (png, pdf, svg)")
    parser.add_argument(
        "--drop-missing", action="store_true", help="leave out rows with missing cells"
    )
    _add_model(parser.add_argument_group("model"))
    parser.set_defaults(run=run)


def _add_model(group: Any) -> None:
    group.add_argument("--order", type=int, default=2, help="1 to 6; 2 is linear")
    group.add_argument(
        "--alpha",
        type=_alpha,
        default="auto",
        help="number or auto; of one column also bic or discrepancy",
    )
    group.add_argument("--max-knots", type=int, help="at most so many knots")
    group.add_argument("--noise", type=float, help="noise level, for discrepancy")
    group.add_argument("--loss", choices=LOSSES, default="squared")
    group.add_argument("--quantile", type=float, default=0.5)
    group.add_argument("--delta", type=float, default=1.0, help="of the Huber loss")
    group.add_argument("--monotone", choices=("increasing", "decreasing"))
    group.add_argument("--convex", choices=("convex", "concave"))
    group.add_argument("--period", type=float, help="in units of x; days for dates")
    group.add_argument(
        "--calibration",
        type=float,
        help="share of rows held out, so that predict can give intervals",
    )
    group.add_argument(
        "--tol",
        type=float,
        help="relative gap to reach; 1e-6 by default, of several columns 1e-3",
    )
    group.add_argument("--seed", type=int, default=0, help="of the hold-out")


def _alpha(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Raises
    ------
    ValueError
        If no column is named, or the columns and options do not make a fit.
    """
    if not args.x:
        raise ValueError(_which_x(args))
    if len(args.x) > 1:
        from splinear.cli import networks

        return networks.run(args)
    args.x = args.x[0]
    from splinear.cli.columns import read_data
    from splinear.cli.report import describe
    from splinear.cli.table import read_table

    estimator = build(args)  # wrong options need no data to be refused
    data = read_data(
        read_table(args.data),
        args.x,
        args.y,
        args.weight,
        labels=args.loss == "logistic",
        drop_missing=args.drop_missing,
    )
    if data.n_dropped:
        print(f"left out {data.n_dropped} rows with missing cells")
    began = time.perf_counter()
    estimator.fit(data.x, data.y, sample_weight=data.w)
    seconds = time.perf_counter() - began
    print("\n".join(describe(estimator, args.x, args.y, data.x.size, seconds)))
    _write(args, estimator)
    return 0


def _which_x(args: argparse.Namespace) -> str:
    from splinear.cli.table import read_table

    table = read_table(args.data)
    table.column(args.y)  # a wrong name is the first thing to mend
    others = ", ".join(repr(name) for name in table.columns if name != args.y)
    return (
        f"say which columns explain {args.y!r}: --x with one name for a spline, with "
        f"several for a network; {table.path} has {others or 'no other column'}"
    )


def build(args: argparse.Namespace) -> Any:
    """Return the estimator that the options describe, not yet fitted.

    Raises
    ------
    ValueError
        If an option does not go with logistic loss.
    """
    from splinear.univariate.estimators import (
        AdaptiveSplineClassifier,
        AdaptiveSplineRegressor,
    )

    shared = {
        "alpha": args.alpha,
        "monotone": args.monotone,
        "convex": args.convex,
        "max_knots": args.max_knots,
        "tol": 1e-6 if args.tol is None else args.tol,
        "random_state": args.seed,
    }
    if args.loss != "logistic":
        return AdaptiveSplineRegressor(
            **shared,
            order=args.order,
            loss=args.loss,
            quantile=args.quantile,
            delta=args.delta,
            noise=args.noise,
            period=args.period,
            calibration=args.calibration,
        )
    if args.order != 2 or args.period or args.noise or args.calibration:
        raise ValueError(
            "--loss logistic goes with --order 2 and without --period, --noise and "
            "--calibration"
        )
    return AdaptiveSplineClassifier(**shared)


def _write(args: argparse.Namespace, estimator: Any) -> None:
    if args.out:
        from splinear.univariate.model_file import save_model

        save_model(estimator, args.out, x=args.x, y=args.y)
        print(f"model written to {args.out}")
    if args.plot:
        figure = estimator.plot()
        figure.axes[0].set_ylabel(args.y)
        figure.axes[1].set_xlabel(args.x)
        figure.savefig(args.plot, dpi=150)
        print(f"picture written to {args.plot}")
