"""Tables from CSV and Parquet files: columns by name, cells that say where they are."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Cells that mean "nothing was measured".
MISSING = {"", "na", "n/a", "nan", "null", "none"}


@dataclass(frozen=True)
class Table:
    """Columns of a file.

    Attributes
    ----------
    path : Path
        Where it was read.
    columns : dict of str to list of str, or array
        Cells as text (CSV), or typed (Parquet).
    lines : list of int, or None
        Line of each row in a text file.
    """

    path: Path
    columns: dict[str, Any]
    lines: list[int] | None = None

    def column(self, name: str) -> Any:
        """Return the cells of a column.

        Raises
        ------
        ValueError
            If there is no such column; the message lists those that exist.
        """
        if name not in self.columns:
            known = ", ".join(repr(column) for column in self.columns)
            raise ValueError(f"{self.path} has no column {name!r}; it has {known}")
        return self.columns[name]

    def place(self, row: int, name: str) -> str:
        """Say where a cell is; rows count from 1, without the header."""
        line = f" (line {self.lines[row]})" if self.lines else ""
        return f"{self.path}, row {row + 1}{line}, column {name!r}"


def read_table(path: str | Path) -> Table:
    """Read a CSV or Parquet file, told apart by the ending of its name.

    Parameters
    ----------
    path : str or Path
        ``.parquet`` and ``.pq`` are Parquet; everything else is text with a header row,
        separated by commas, semicolons or tabs.

    Returns
    -------
    Table
    """
    path = Path(path)
    if path.suffix.lower() in (".parquet", ".pq"):
        return _read_parquet(path)
    return _read_csv(path)


def _read_csv(path: Path) -> Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            header = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, delimiter=_separator(header), strict=True)
            return _columns(path, reader)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not text in UTF-8: save it as CSV UTF-8"
        ) from error
    except csv.Error as error:
        raise ValueError(f"{path} is no CSV file: {error}") from error


def _separator(header: str) -> str:
    """Return the most frequent separator of the header; a comma if there is none."""
    return max(",;\t", key=header.count)


def _columns(path: Path, reader: Any) -> Table:
    names = [name.strip() for name in next(reader, [])]
    if not any(names):
        raise ValueError(f"{path} is empty: its first line must name the columns")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"{path} names columns twice: {', '.join(sorted(twice))}")
    rows, lines = [], []
    for row in reader:
        if not row:
            continue  # an empty line
        if len(row) != len(names):
            raise ValueError(
                f"{path}, line {reader.line_num}: {len(names)} cells were expected, as "
                f"in the header; got {len(row)}"
            )
        rows.append(row)
        lines.append(reader.line_num)
    if not rows:
        raise ValueError(f"{path} has a header, but no rows")
    cells = zip(*rows, strict=True)
    return Table(path, {n: list(c) for n, c in zip(names, cells, strict=True)}, lines)


def _read_parquet(path: Path) -> Table:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            'Parquet files need pyarrow: pip install "splinear[io]"'
        ) from error
    if not path.exists():
        raise ValueError(f"{path} does not exist")
    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{path} is no Parquet file: {error}") from error
    if table.num_rows == 0:
        raise ValueError(f"{path} has columns, but no rows")
    return Table(path, {name: _typed(table[name]) for name in table.column_names})


def _typed(column: Any) -> Any:
    """Return strings as a list, everything else as an array; nulls as None or NaN."""
    kind = str(column.type)
    if kind in ("string", "large_string", "string_view"):
        return ["" if cell is None else cell for cell in column.to_pylist()]
    if kind.startswith(("decimal", "dictionary")):
        return np.array(column.to_pylist(), dtype=object)
    return column.to_numpy()


def missing(cells: Any) -> NDArray[np.bool_]:
    """Tell which cells of a column are missing.

    Examples
    --------
    >>> missing(["1", "NA", ""]).tolist()
    [False, True, True]
    """
    if isinstance(cells, list):
        return np.array([cell.strip().lower() in MISSING for cell in cells])
    if cells.dtype.kind == "f":
        return np.isnan(cells)
    if cells.dtype.kind == "M":
        return np.isnat(cells)
    if cells.dtype.kind == "O":
        return np.array([cell is None or cell != cell for cell in cells])
    return np.zeros(cells.size, dtype=bool)
