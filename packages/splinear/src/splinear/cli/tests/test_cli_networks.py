"""``splinear fit`` with several columns, as a user types it."""

import csv
import io

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from splinear.cli import main
from splinear.shallow import (
    ShallowNetClassifier,
    ShallowNetRegressor,
    load_network_model,
    save_network_model,
)

RNG = np.random.default_rng(0)
X = np.round(RNG.uniform(-1.0, 1.0, (150, 2)), 4)
Y = np.round(np.maximum(X[:, 0] + X[:, 1], 0.0) + 0.05 * RNG.normal(size=150), 4)
KIND = np.where(X[:, 0] + np.abs(X[:, 1]) > 0.4, "far", "near")


@pytest.fixture
def data(tmp_path):
    return write(tmp_path / "data.csv")


def write(path, X=X, Y=Y, kind=KIND):
    rows = [f"{a},{b},{y},{k}" for (a, b), y, k in zip(X, Y, kind, strict=True)]
    path.write_text("\n".join(["a,b,y,kind", *rows]) + "\n")
    return str(path)


def run(capsys, *words):
    status = main(list(words))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_regression_is_that_of_python(data, tmp_path, capsys):
    model_file = str(tmp_path / "model.json")
    words = ("--x", "a", "b", "--y", "y", "--alpha", "0.003", "--out", model_file)
    status, out, err = run(capsys, "fit", data, *words)
    assert status == 0, err
    model = ShallowNetRegressor(alpha=0.003).fit(X, Y)
    assert f"objective    {model.objective_:.10g}" in out
    assert "exact: proven" in out
    assert "1. where" in out
    assert "slope of y changes by" in out
    assert float(out.split("on a fifth")[0].split()[-1]) < float(
        out.split("ridge ")[1].split()[0]
    )
    status, out, err = run(capsys, "predict", model_file, data)
    assert status == 0, err
    table = list(csv.DictReader(io.StringIO(out)))
    assert_array_equal([float(row["y"]) for row in table], model.predict(X))


def test_classes_come_with_probabilities(data, tmp_path, capsys):
    model_file = str(tmp_path / "model.json")
    words = ("--x", "a", "b", "--y", "kind", "--loss", "logistic", "--alpha", "0.01")
    status, out, err = run(capsys, "fit", data, *words, "--out", model_file)
    assert status == 0, err
    assert "share of errors" in out
    assert "log-odds[near]" in out
    status, out, err = run(capsys, "predict", model_file, data)
    table = list(csv.DictReader(io.StringIO(out)))
    model = ShallowNetClassifier(alpha=0.01).fit(X, KIND)
    assert [row["kind"] for row in table] == model.predict(X).tolist()
    chance = [float(row["kind=far"]) for row in table]
    assert_array_equal(chance, model.predict_proba(X)[:, 0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--x", "a", "a", "--y", "y"), "'a' is given twice"),
        (("--x", "a", "y", "--y", "y"), "'y' is the target too"),
        (("--x", "a", "q", "--y", "y"), "no column 'q'"),
        (("--x", "a", "kind", "--y", "y"), "a number was expected; got 'far'"),
        (("--x", "a", "b", "--y", "y", "--period", "1"), "--period goes with one"),
        (("--x", "a", "b", "--y", "y", "--alpha", "wide"), "alpha must be a number"),
    ],
)
def test_refusals_are_sentences(tmp_path, capsys, words, message):
    kind = np.where(np.arange(150) == 0, "far", KIND)
    status, _, err = run(capsys, "fit", write(tmp_path / "d.csv", kind=kind), *words)
    assert status == 2
    assert message in err
    assert "Traceback" not in err


def test_a_missing_cell_is_named_or_left_out(tmp_path, capsys):
    holes = X.copy()
    holes[7, 1] = np.nan
    path = write(tmp_path / "holes.csv", X=holes)
    words = ("fit", path, "--x", "a", "b", "--y", "y", "--alpha", "0.1")
    status, _, err = run(capsys, *words)
    assert status == 2
    assert "row 8" in err
    assert "'b'" in err
    status, out, _ = run(capsys, *words, "--drop-missing")
    assert status == 0
    assert "left out 1 rows" in out


def test_a_constant_column_changes_nothing(tmp_path, capsys):
    flat = X.copy()
    flat[:, 1] = 3.0
    path = write(tmp_path / "flat.csv", X=flat)
    words = ("--x", "a", "b", "--y", "y", "--alpha", "0.01")
    status, out, err = run(capsys, "fit", path, *words)
    assert status == 0, err
    alone = ShallowNetRegressor(alpha=0.01, scaling=[flat[:, 0].std()] * 2)
    objective = float(out.split("objective")[1].split()[0])
    assert abs(objective - alone.fit(flat, Y).objective_) <= 1e-3 * objective


def test_a_saved_model_needs_no_names_but_says_so(tmp_path, capsys, data):
    model = ShallowNetRegressor(alpha=0.01).fit(X, Y)
    path = tmp_path / "m.json"
    save_network_model(model, path)
    loaded = load_network_model(path)
    assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.certificate_ == model.certificate_
    status, _, err = run(capsys, "predict", str(path), data)
    assert status == 2
    assert "--x" in err
    status, _, err = run(capsys, "predict", str(path), data, "--x", "a", "b")
    assert status == 0, err


@pytest.mark.parametrize("text", ["{", '{"format": "splinear-network-model"}'])
def test_a_damaged_file_is_refused(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=str(path)):
        load_network_model(path)
