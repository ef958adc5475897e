"""Every experiment, small: the numbers that are expected come out."""

import importlib.util
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).resolve().parent.parent / "experiments"
RUNS = sorted(EXPERIMENTS.glob("*/run.py"))
#: Small runs that train a model first: over ten seconds.
SLOW = ("lola_passkey", "lola_tier2")
SMALL = [
    pytest.param(p, id=name, marks=pytest.mark.slow if name in SLOW else ())
    for p, name in ((p, p.parent.name) for p in RUNS)
]


def load(path: Path):
    spec = importlib.util.spec_from_file_location(f"run_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", SMALL)
def test_small_run_gives_the_expected_numbers(path, monkeypatch):
    monkeypatch.syspath_prepend(EXPERIMENTS.parent)
    record = importlib.import_module("experiments._record")
    module = load(path)
    numbers = module.run(module.CONFIGS["small"])
    expected = record.read_expected(path.parent)
    assert expected["small"]
    assert expected["full"]
    assert record.disagreements(numbers, expected["small"]) == {}


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.parent.name)
def test_every_field_changes_the_folder_of_results(path, monkeypatch):
    monkeypatch.syspath_prepend(EXPERIMENTS.parent)
    record = importlib.import_module("experiments._record")
    full, small = (load(path).CONFIGS[size] for size in ("full", "small"))
    assert record.digest(full) == record.digest(type(full)())
    assert record.digest(full) != record.digest(small)


def test_a_missing_or_wrong_number_is_named(monkeypatch):
    monkeypatch.syspath_prepend(EXPERIMENTS.parent)
    record = importlib.import_module("experiments._record")
    wish = {
        "a": {"value": 1.0, "tolerance": 0.1},
        "b": {"at_most": 1.0, "tolerance": 0.0},
        "c": {"at_least": 1.0, "tolerance": 0.0},
    }
    assert record.disagreements({"a": 1.05, "b": -5.0, "c": 5.0}, wish) == {}
    wrong = record.disagreements({"a": 1.2, "b": 1.1}, wish)
    assert list(wrong) == ["a", "b", "c"]
