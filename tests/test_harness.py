"""The benchmark harness writes what it was given, and the table says the same."""

import importlib.util
import json
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parent.parent / "benchmarks" / "_harness.py"


@pytest.fixture(scope="module")
def harness():
    spec = importlib.util.spec_from_file_location("_harness", PATH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rows_come_back_with_their_conditions(harness, tmp_path):
    bench = harness.Bench("area", tmp_path)
    bench.row(method="ours", seconds=0.123456, steps=3)
    bench.row(method="peer", seconds=1.5, failed="at N = 1e5")
    record = json.loads(bench.write().read_text())
    assert record["rows"] == bench.rows
    assert {"date", "commit", "clean", "machine", "versions"} <= set(record)


def test_the_table_is_made_from_the_json(harness, tmp_path):
    bench = harness.Bench("area", tmp_path)
    bench.row(method="ours", seconds=0.123456)
    bench.row(method="peer", failed="yes")
    path = bench.write()
    lines = path.with_suffix(".md").read_text().splitlines()
    assert lines[0].startswith("area: ")
    assert lines[2:] == [
        "| method | seconds | failed |",
        "| --- | --- | --- |",
        "| ours | 0.123 |  |",
        "| peer |  | yes |",
    ]
    assert harness.write_table(path) == path.with_suffix(".md").read_text()


def test_interleaved_calls_each_as_often(harness):
    calls = []
    least = harness.interleaved(
        3, a=lambda: calls.append("a"), b=lambda: calls.append("b")
    )
    assert calls == ["a", "b"] * 3
    assert set(least) == {"a", "b"}
