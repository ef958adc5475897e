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
    parser.add_argument(
        "--x", nargs="+", help="columns of x; the model's own by default"
    )
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
    from splinear.cli.columns import number_column, x_column
    from splinear.cli.table import missing, read_table

    model, several = _load(args.model)
    table = read_table(args.data)
    names = args.x or _names(model)
    _check_count(model, names)
    cells = [table.column(name) for name in names]
    for name, column in zip(names, cells, strict=True):
        gone = np.flatnonzero(missing(column))
        if gone.size:
            raise ValueError(f"{table.place(int(gone[0]), name)}: the cell is missing")
    rows = np.arange(len(cells[0]))
    if several:
        x = np.column_stack([number_column(table, name, rows) for name in names])
    else:
        x = x_column(table, names[0], rows)
    outputs = _outputs(model, x, args.coverage)
    _write(args.out, [*names, *outputs], zip(*cells, *outputs.values(), strict=True))
    return 0


def _load(path: str) -> tuple[Any, bool]:
    """Return the model and whether it is of several columns."""
    from splinear.shallow.model_file import FORMAT

    with open(path, encoding="utf-8", errors="replace") as stream:
        several = FORMAT in stream.read(200)
    if several:
        from splinear.shallow.model_file import load_network_model as load
    else:
        from splinear.univariate.model_file import load_model as load
    return load(path), several


def _names(model: Any) -> list[str]:
    names = model.columns_["x"]
    if names is None:
        raise ValueError("the model does not name its column: say which with --x")
    return [names] if isinstance(names, str) else names


def _check_count(model: Any, names: list[str]) -> None:
    expected = model.n_features_in_
    if len(names) != expected:
        columns = "one column" if expected == 1 else f"{expected} columns"
        raise ValueError(f"the model is of {columns}; got --x {' '.join(names)}")


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
            raise ValueError(
                "--coverage is for regressions of one column; the model is "
                f"{type(model).__name__}"
            )
        ends = model.predict_interval(X, coverage=coverage)
        columns[f"{target}_low"], columns[f"{target}_high"] = ends.T.tolist()
    return columns


def _frame(model: Any, x: Any) -> Any:
    """Give x the name that a model fitted on a frame asks for."""
    if not hasattr(model, "feature_names_in_"):
        return x
    import pandas as pd

    return pd.DataFrame(
        dict(zip(model.feature_names_in_, np.atleast_2d(np.transpose(x)), strict=True))
    )


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
