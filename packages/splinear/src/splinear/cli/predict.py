"""``splinear predict``: a saved model on new rows."""

import argparse
import csv
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np


def add(commands: Any) -> None:
    """Describe the command to argparse."""
    parser = commands.add_parser(
        "predict",
        help="evaluate a saved model",
        description="Evaluate a model of `splinear fit --out` and write CSV.",
    )
    parser.add_argument("model", help="model file (JSON)")
    parser.add_argument("data", help="CSV or Parquet file")
    parser.add_argument("--x", help="column on the x axis; the model's own by default")
    parser.add_argument("--out", help="write CSV here; on standard output by default")
    parser.add_argument(
        "--coverage",
        type=float,
        help="add the ends of an interval that holds y with this probability",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Raises
    ------
    ValueError
        If the model and the rows do not go together, or a cell is missing.
    """
    from splinear.cli.columns import x_column
    from splinear.cli.table import missing, read_table
    from splinear.univariate.model_file import load_model

    model = load_model(args.model)
    table = read_table(args.data)
    name = args.x or model.columns_["x"]
    if name is None:
        raise ValueError("the model does not name its column: say which with --x")
    cells = table.column(name)
    gone = np.flatnonzero(missing(cells))
    if gone.size:
        raise ValueError(f"{table.place(int(gone[0]), name)}: the cell is missing")
    x = x_column(table, name, np.arange(len(cells)))
    outputs = _outputs(model, x, args.coverage)
    header = [name, *outputs]
    _write(args.out, header, zip(cells, *outputs.values(), strict=True))
    return 0


def _outputs(model: Any, x: Any, coverage: float | None) -> dict[str, list[Any]]:
    target = model.columns_["y"]
    X = _frame(model, x)
    columns = {target: model.predict(X).tolist()}
    if hasattr(model, "predict_proba"):
        for label, chance in zip(
            model.classes_.tolist(), model.predict_proba(X).T, strict=True
        ):
            columns[f"{target}={label}"] = chance.tolist()
    if coverage is not None:
        if not hasattr(model, "predict_interval"):
            raise ValueError("--coverage is for regressions; the model is a classifier")
        ends = model.predict_interval(X, coverage=coverage)
        columns[f"{target}_low"], columns[f"{target}_high"] = ends.T.tolist()
    return columns


def _frame(model: Any, x: Any) -> Any:
    """Give x the name that a model fitted on a frame asks for."""
    if not hasattr(model, "feature_names_in_"):
        return x
    import pandas as pd

    return pd.DataFrame({model.feature_names_in_[0]: x})


def _write(path: str | None, header: list[str], rows: Iterable[Any]) -> None:
    if path is None:
        _write_rows(sys.stdout, header, rows)
        return
    with open(path, "w", newline="", encoding="utf-8") as stream:
        _write_rows(stream, header, rows)
    print(f"predictions written to {path}")


def _write_rows(stream: Any, header: list[str], rows: Iterable[Any]) -> None:
    # Floats are written in full: reading them back gives the same bits.
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
