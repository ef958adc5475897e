"""Files as people have them: quotes, blanks, missing cells, other separators."""

import datetime
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from numpy.testing import assert_array_equal

from splinear.cli.columns import read_data
from splinear.cli.table import read_table


def csv_file(tmp_path, text, name="data.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def read(tmp_path, text, **options):
    return read_data(read_table(csv_file(tmp_path, text)), "t", "v", **options)


@pytest.mark.parametrize(
    "text",
    [
        "t,v\n1,2\n3,4\n",
        "t,v\r\n1,2\r\n3,4\r\n",
        '"t","v"\n"1","2"\n"3","4"',
        "t;v\n1;2\n3;4\n",
        "t\tv\n1\t2\n3\t4\n",
        "\ufefft,v\n1,2\n\n3,4\n\n",
        ' t , v \n 1 , "2"\n3,4.0\n'.replace(' "2"', "2"),
        'other,v,t\n"a,b",2,1\n"c\nd",4,3\n',
    ],
)
def test_text_files_of_many_forms(text, tmp_path):
    data = read(tmp_path, text)
    assert_array_equal(data.x, [1.0, 3.0])
    assert_array_equal(data.y, [2.0, 4.0])


def test_floats_are_read_to_the_last_bit(tmp_path):
    values = np.random.default_rng(0).standard_normal(50) * 10.0 ** np.arange(-25, 25)
    rows = "\n".join(f"{float(v)!r},{i}" for i, v in enumerate(values))
    assert_array_equal(read(tmp_path, f"t,v\n{rows}\n").x, values)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2024-02-28", "2024-03-01"], ["2024-02-28", "2024-03-01"]),
        (["2024-02-28T12:00", "2024-02-28 13:30:15.5"],
         ["2024-02-28T12:00", "2024-02-28T13:30:15.5"]),
        (["2024-02-28T01:00+02:00", "2024-02-28T00:00Z"],
         ["2024-02-27T23:00", "2024-02-28T00:00"]),
    ],
)  # fmt: skip
def test_iso_dates_become_dates(cells, expected, tmp_path):
    data = read(tmp_path, f"t,v\n{cells[0]},1\n{cells[1]},2\n")
    assert_array_equal(data.x, np.array(expected, dtype="datetime64[us]"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "its first line must name the columns"),
        ("t,v\n", "has a header, but no rows"),
        ("t,t,v\n1,2,3\n", "names columns twice: t"),
        ("t,v\n1,2,3\n", "line 2: 2 cells were expected, as in the header; got 3"),
        ("t,w\n1,2\n", "has no column 'v'; it has 't', 'w'"),
        ("t,v\n1,2\n\n,4\n", r"row 2 \(line 4\), column 't': the cell is missing"),
        ("t,v\n1,NA\n2,3\n", r"row 1 \(line 2\), column 'v': the cell is missing"),
        ("t,v\n1,2\n2,x\n", r"row 2 \(line 3\), column 'v': a number was expected"),
        ("t,v\n1,2\n2,inf\n", "a finite number was expected; got inf"),
        ("t,v\n2024-01-01,2\n5,3\n", "'5' is no ISO date"),
        (
            "t,v\n2024-01-01,2\n2024-01-01T00:00Z,3\n",
            "all have a zone or all have none",
        ),
        ("t,v\n01.02.2024,2\n", "a number was expected; got '01.02.2024'"),
        ('t,v\n"1,2\n', "no CSV file"),
        ("t,v\nNA,\n", "the cell is missing"),
    ],
)
def test_files_that_cannot_be_fitted_are_refused_by_cell(text, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        read(tmp_path, text)


def test_missing_rows_can_be_left_out(tmp_path):
    data = read(tmp_path, "t,v\n1,2\n,4\n3,NA\n4,5\n", drop_missing=True)
    assert_array_equal(data.x, [1.0, 4.0])
    assert data.n_dropped == 2
    with pytest.raises(ValueError, match="every row has a missing cell"):
        read(tmp_path, "t,v\n1,\n,4\n", drop_missing=True)


def test_binary_files_are_refused(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match="not text in UTF-8"):
        read_table(path)


MOMENTS = [datetime.datetime(2024, 1, day, 12, tzinfo=datetime.UTC) for day in (1, 2)]
COLUMNS = {
    "int64": pa.array([1, 3]),
    "float32": pa.array([1.0, 3.0], pa.float32()),
    "decimal": pa.array([1, 3], pa.decimal128(5, 2)),
    "string": pa.array(["1", "3"]),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_parquet_numbers(kind, tmp_path):
    path = tmp_path / "data.parquet"
    pa.parquet.write_table(pa.table({"t": COLUMNS[kind], "v": [2.0, 4.0]}), path)
    data = read_data(read_table(path), "t", "v")
    assert_array_equal(data.x, [1.0, 3.0])


@pytest.mark.parametrize(
    "column",
    [
        pa.array([moment.date() for moment in MOMENTS]),
        pa.array(MOMENTS, pa.timestamp("us", tz="Asia/Tokyo")),
        pa.array(["2024-01-01", "2024-01-02"]),
    ],
)
def test_parquet_dates(column, tmp_path):
    path = tmp_path / "data.parquet"
    pa.parquet.write_table(pa.table({"t": column, "v": [2.0, 4.0]}), path)
    x = read_data(read_table(path), "t", "v").x
    assert_array_equal(x.astype("datetime64[D]"), np.array(["2024-01-01", "2024-01-02"],
                                                           dtype="datetime64[D]"))  # fmt: skip


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"t": [1.0, None], "v": [1.0, 2.0]}, "row 2, column 't': the cell is missing"),
        ({"t": [1, None], "v": [1.0, 2.0]}, "row 2, column 't': the cell is missing"),
        ({"t": [1.0, 2.0], "w": [1.0, 2.0]}, "no column 'v'; it has 't', 'w'"),
    ],
)
def test_parquet_is_refused_by_cell(table, words, tmp_path):
    path = tmp_path / "data.parquet"
    pa.parquet.write_table(pa.table(table), path)
    with pytest.raises(ValueError, match=words):
        read_data(read_table(path), "t", "v")


def test_what_only_looks_like_parquet_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no Parquet file"):
        read_table(csv_file(tmp_path, "t,v\n1,2\n", "data.parquet"))


def test_without_pyarrow_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"splinear\[io\]"):
        read_table(tmp_path / "data.parquet")
