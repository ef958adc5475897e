"""Columns of a table as what a fit needs: numbers, dates or labels."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinear.cli.table import Table, missing
from splinear.univariate.dates import are_dates, parse_dates


class Data(NamedTuple):
    """Rows to fit."""

    x: NDArray[Any]
    y: NDArray[Any]
    w: NDArray[Any] | None
    n_dropped: int


def read_data(
    table: Table,
    x: str,
    y: str,
    weight: str | None = None,
    *,
    labels: bool = False,
    drop_missing: bool = False,
) -> Data:
    """Read the columns of a fit; a missing cell is named, or its row left out.

    Parameters
    ----------
    table : Table
        The file.
    x, y, weight : str
        Names of columns.
    labels : bool
        Whether y may hold words.
    drop_missing : bool
        Leave out rows with a missing cell instead of refusing them.

    Returns
    -------
    Data

    Raises
    ------
    ValueError
        If a column does not exist, or a cell is missing or no number.
    """
    names = [x, y] if weight is None else [x, y, weight]
    rows, n_dropped = complete_rows(table, names, drop_missing)
    target = label_column(table, y, rows) if labels else number_column(table, y, rows)
    w = None if weight is None else number_column(table, weight, rows)
    return Data(x_column(table, x, rows), target, w, n_dropped)


def complete_rows(
    table: Table, names: list[str], drop_missing: bool
) -> tuple[NDArray[np.int64], int]:
    """Return the rows without missing cells in some columns, and how many have them.

    Raises
    ------
    ValueError
        If cells are missing and `drop_missing` is false, or no row is left.
    """
    gone = np.any([missing(table.column(name)) for name in names], axis=0)
    if gone.any() and not drop_missing:
        row = int(np.flatnonzero(gone)[0])
        name = next(name for name in names if missing(table.column(name))[row])
        raise ValueError(
            f"{table.place(row, name)}: the cell is missing ({int(gone.sum())} rows have "
            "missing cells): fill it, or leave such rows out with --drop-missing"
        )
    rows = np.flatnonzero(~gone)
    if rows.size == 0:
        raise ValueError(f"{table.path}: every row has a missing cell")
    return rows, int(gone.sum())


def x_column(table: Table, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Return numbers, or datetime64 where the cells are ISO dates.

    Raises
    ------
    ValueError
        If a cell is neither.
    """
    cells = table.column(name)
    if isinstance(cells, list):
        try:
            dates = parse_dates([cells[row].strip() for row in rows])
        except ValueError as error:
            raise ValueError(f"{table.path}, column {name!r}: {error}") from error
        if dates is not None:
            return dates
    elif are_dates(cells):
        return cells[rows]
    return number_column(table, name, rows)


def number_column(
    table: Table, name: str, rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return finite numbers.

    Raises
    ------
    ValueError
        If a cell is no finite number; the message says which.
    """
    cells = table.column(name)
    values = np.empty(rows.size)
    if not isinstance(cells, list) and cells.dtype.kind in "fiub":
        values = np.asarray(cells[rows], dtype=np.float64)
    else:
        for position, row in enumerate(rows):
            values[position] = _number(table, name, int(row), cells[row])
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        where = table.place(int(rows[bad[0]]), name)
        raise ValueError(f"{where}: a finite number was expected; got {values[bad[0]]}")
    return values


def _number(table: Table, name: str, row: int, cell: Any) -> float:
    try:
        if isinstance(cell, np.datetime64 | np.timedelta64):
            raise TypeError  # numpy would make a number of those in nanoseconds
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"{table.place(row, name)}: a number was expected; got {cell!r}"
        ) from None


def label_column(table: Table, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Return labels: integers if all cells are, else words.

    Raises
    ------
    ValueError
        If most rows have a label of their own: then the column is no class.
    """
    labels = _labels(table, name, rows)
    count = len(np.unique(labels))
    if count > max(20, len(labels) // 2):
        raise ValueError(
            f"{table.path}, column {name!r}: {count} labels in {len(labels)} rows, too "
            "many for classes: numbers want --loss squared, huber or quantile"
        )
    return labels


def _labels(table: Table, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
    cells = table.column(name)
    if not isinstance(cells, list):
        return cells[rows]
    words = np.array([cells[row].strip() for row in rows])
    try:
        return words.astype(np.int64)
    except ValueError:
        return words
