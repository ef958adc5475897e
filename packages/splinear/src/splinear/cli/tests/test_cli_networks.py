"""``splinear fit`` with several columns, as a user types it."""

import csv
import io

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from splinear.cli import main
from splinear.cli._baseline import split
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
    rows = [f"{a},{b},7,{y},{k}" for (a, b), y, k in zip(X, Y, kind, strict=True)]
    path.write_text("\n".join(["a,b,flat,y,kind", *rows]) + "\n")
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
    assert "on a fifth of the rows, logistic regression" in out
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
        (("--x", "a", "flat", "--y", "y"), "column 'flat': every cell is 7"),
        (("--y", "y"), "has 'a', 'b', 'flat', 'kind'"),
        (("--y", "q"), "no column 'q'"),
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


def test_a_given_tolerance_is_kept(tmp_path, capsys, data):
    path = str(tmp_path / "m.json")
    words = ("fit", data, "--x", "a", "b", "--y", "y", "--alpha", "0.03", "--out", path)
    for given, expected in (((), 1e-3), (("--tol", "1e-6"), 1e-6)):
        status, _, err = run(capsys, *words, *given)
        assert status == 0, err
        model = load_network_model(path)
        assert model.tol == expected
        assert model.certificate_.relative_gap <= expected


def test_rows_of_weight_zero_change_nothing(tmp_path, capsys):
    # Outliers without weight: neither the network nor its rival may see them.
    wild = np.where(np.arange(150) % 3 == 0, 1000.0, Y)
    rows = [f"{a},{b},{y},{int(y < 1000.0)}" for (a, b), y in zip(X, wild, strict=True)]
    path = tmp_path / "w.csv"
    path.write_text("\n".join(["a,b,y,w", *rows]) + "\n")
    words = ("--x", "a", "b", "--y", "y", "--weight", "w", "--alpha", "0.01")
    status, out, err = run(capsys, "fit", str(path), *words)
    assert status == 0, err
    kept = wild < 1000.0
    model = ShallowNetRegressor(alpha=0.01).fit(X[kept], Y[kept])
    # Columns are scaled by sums in another order: the last bits differ.
    objective = float(out.split("objective")[1].split()[0])
    assert abs(objective - model.objective_) <= 1e-6 * objective
    ours = float(out.split("on a fifth")[0].split()[-1])
    assert ours < float(out.split("ridge ")[1].split()[0]) < 1.0


def test_a_class_without_rows_to_learn_from_is_said(tmp_path, capsys):
    # The only "near" rows are among those held out.
    kind = np.where(split(150)[1] & (np.arange(150) > 75), "near", "far")
    path = write(tmp_path / "d.csv", kind=kind)
    words = ("--x", "a", "b", "--y", "kind", "--loss", "logistic", "--alpha", "0.01")
    status, out, err = run(capsys, "fit", path, *words)
    assert status == 0, err
    assert "held out     nothing" in out


def test_dates_among_several_columns_are_refused(tmp_path, capsys):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    days = np.datetime64("2024-01-01", "ns") + np.arange(150) * np.timedelta64(1, "D")
    path = str(tmp_path / "days.parquet")
    pandas.DataFrame({"a": X[:, 0], "day": days, "y": Y}).to_parquet(path)
    status, _, err = run(capsys, "fit", path, "--x", "a", "day", "--y", "y")
    assert status == 2
    assert "column 'day': a number was expected" in err


@pytest.mark.parametrize("names", [["a"], ["a", "b", "flat"]])
def test_predictions_ask_for_as_many_columns(tmp_path, capsys, data, names):
    path = tmp_path / "m.json"
    save_network_model(ShallowNetRegressor(alpha=0.1).fit(X, Y), path)
    status, _, err = run(capsys, "predict", str(path), data, "--x", *names)
    assert status == 2
    assert f"the model is of 2 columns; got --x {' '.join(names)}" in err


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


@pytest.mark.parametrize("names", [["a"], ["a", "b"]])
def test_numbers_are_not_taken_for_classes(data, capsys, names):
    words = ("--x", *names, "--y", "y", "--loss", "logistic", "--alpha", "0.01")
    status, _, err = run(capsys, "fit", data, *words)
    assert status == 2
    assert "too many for classes" in err
