"""The commands as a user types them."""

import json
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import splinear
from splinear.cli import main
from splinear.univariate.fit import fit_spline
from splinear.univariate.model_file import load_model

RNG = np.random.default_rng(0)
X = np.round(np.sort(RNG.uniform(0.0, 10.0, 80)), 6)
Y = np.abs(X - 4.0) + 0.1 * RNG.standard_normal(80)
DAYS = np.datetime64("2024-01-01") + np.arange(80)


@pytest.fixture
def data(tmp_path):
    return write(tmp_path / "data.csv", X)


def write(path, x, y=Y, w=None):
    w = np.ones(len(y)) if w is None else w
    rows = [f"{a},{b},{c}" for a, b, c in zip(x, y, w, strict=True)]
    path.write_text("\n".join(["time,value,weight", *rows]) + "\n")
    return str(path)


def run(capsys, *words):
    status = main(list(words))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def fit(capsys, data, *words):
    status, out, err = run(capsys, "fit", data, "--x", "time", "--y", "value", *words)
    assert status == 0, err
    return out


def test_fit_reports_what_was_proven(data, capsys):
    out = fit(capsys, data, "--alpha", "0.01")
    result = fit_spline(X, Y, alpha=0.01)
    assert "value as a function of time: 80 rows" in out
    assert "piecewise linear" in out
    assert "alpha        0.01, as given" in out
    assert f"objective    {result.objective:.10g}" in out
    assert "exact: proven" in out
    for knot in result.value.knots:
        assert f"{knot:.9g}" in out


def test_the_rule_is_named(data, capsys):
    assert "by a hold-out of 20 % of the sites" in fit(capsys, data)
    assert "by BIC" in fit(capsys, data, "--alpha", "bic")
    assert "smallest within" in fit(capsys, data, "--max-knots", "2")


def test_dates_are_shown_as_dates(tmp_path, capsys):
    path = write(tmp_path / "days.csv", DAYS, np.abs(np.arange(80.0) - 30.0))
    out = fit(capsys, path, "--alpha", "1e-4")
    assert "x from 2024-01-01 to 2024-03-20; zoned times as UTC" in out
    assert "    2024-01-31  +" in out


def test_model_file_and_predictions(data, tmp_path, capsys):
    model, predictions = str(tmp_path / "model.json"), str(tmp_path / "new.csv")
    fit(capsys, data, "--alpha", "0.01", "--out", model)
    status, out, _ = run(capsys, "predict", model, data, "--out", predictions)
    assert (status, out) == (0, f"predictions written to {predictions}\n")
    names, *rows = (tmp_path / "new.csv").read_text().splitlines()
    assert names == "time,value"
    table = np.array([row.split(",") for row in rows], dtype=float)
    assert_array_equal(table[:, 0], X)
    # The same bits: floats are written in full.
    assert_array_equal(table[:, 1], fit_spline(X, Y, alpha=0.01).value(X))


def test_predictions_go_to_standard_output(data, tmp_path, capsys):
    model = str(tmp_path / "model.json")
    fit(capsys, data, "--alpha", "0.01", "--calibration", "0.5", "--out", model)
    status, out, _ = run(capsys, "predict", model, data, "--coverage", "0.8")
    assert status == 0
    header, first, *_ = out.splitlines()
    assert header == "time,value,value_low,value_high"
    _, middle, low, high = map(float, first.split(","))
    assert low < middle < high


def test_weights_and_options_reach_the_fit(tmp_path, capsys):
    w = RNG.integers(1, 5, 80)
    path, model = write(tmp_path / "w.csv", X, w=w), str(tmp_path / "m.json")
    fit(capsys, path, "--alpha", "0.01", "--weight", "weight", "--convex", "convex",
        "--out", model)  # fmt: skip
    loaded = load_model(model)
    expected = fit_spline(X, Y, alpha=0.01, sample_weight=w, convex="convex")
    assert loaded.spline_ == expected.value
    assert loaded.columns_["x"] == "time"


def test_classes_by_logistic_loss(tmp_path, capsys):
    labels = np.where(Y + RNG.standard_normal(80) > 2.0, "late", "early")
    path, model = write(tmp_path / "c.csv", X, labels), str(tmp_path / "m.json")
    fit(capsys, path, "--loss", "logistic", "--alpha", "0.01", "--out", model)
    status, out, _ = run(capsys, "predict", model, path)
    assert status == 0
    header, first, *_ = out.splitlines()
    assert header == "time,value,value=early,value=late"
    _, label, early, late = first.split(",")
    assert label == ("early" if float(early) > float(late) else "late")


def test_pictures_are_written(data, tmp_path, capsys):
    path = tmp_path / "fit.png"
    out = fit(capsys, data, "--plot", str(path))
    assert f"picture written to {path}" in out
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--x", "tme", "--y", "value"], "has no column 'tme'; it has 'time', 'value'"),
        (["--x", "time", "--y", "value", "--alpha", "-1"], "alpha must be a finite"),
        (["--x", "time", "--y", "value", "--alpha", "best"], "one of ('auto', 'bic'"),
        (["--x", "time", "--y", "value", "--order", "9"], "order must be 1 to 6; got 9"),
        (["--x", "time", "--y", "value", "--loss", "huber", "--order", "3"], "order 2"),
        (["--x", "time", "--y", "value", "--loss", "logistic", "--order", "3"],
         "--loss logistic goes with --order 2"),
        (["--x", "time", "--y", "value", "--plot", "fit.xyz"], "not supported"),
    ],
)  # fmt: skip
def test_refusals_are_one_sentence_and_status_two(words, sentence, data, capsys):
    status, _, err = run(capsys, "fit", data, *words)
    assert status == 2
    assert sentence in err
    assert err.startswith("splinear fit: ")
    assert err.count("\n") == 1


def test_missing_files_are_named(tmp_path, capsys):
    status, _, err = run(
        capsys, "fit", str(tmp_path / "no.csv"), "--x", "a", "--y", "b"
    )
    assert (status, err) == (
        2,
        f"splinear fit: {tmp_path / 'no.csv'}: No such file or directory\n",
    )


def test_files_that_are_no_models_are_refused(data, capsys):
    status, _, err = run(capsys, "predict", data, data)
    assert status == 2
    assert "is no model file" in err


def test_intervals_without_calibration_are_refused(data, tmp_path, capsys):
    model = str(tmp_path / "model.json")
    fit(capsys, data, "--alpha", "0.01", "--out", model)
    status, _, err = run(capsys, "predict", model, data, "--coverage", "0.9")
    assert status == 2
    assert "calibration=0.2" in err


def test_argparse_refuses_with_status_two(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fit"])
    assert stop.value.code == 2
    assert "required" in capsys.readouterr().err


def test_without_a_command_help_is_shown(capsys):
    status, out, _ = run(capsys)
    assert status == 0
    assert "{fit,predict,demo}" in out or "demo" in out


def test_warnings_become_sentences(data, capsys):
    status, _, err = run(
        capsys, "fit", data, "--x", "time", "--y", "value", "--tol", "1e-40"
    )
    assert status == 0
    assert err.startswith("warning: ")
    assert "tol 1e-40" in err
    assert err.count("\n") == 1


def test_version_in_a_process_of_its_own():
    run = subprocess.run(
        [sys.executable, "-m", "splinear.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == f"splinear {splinear.__version__}"


def test_a_closed_pipe_is_no_error(data, tmp_path, capsys):
    model = str(tmp_path / "model.json")
    fit(capsys, data, "--alpha", "0.01", "--out", model)
    words = [sys.executable, "-m", "splinear.cli", "predict", model, data]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 0


def test_the_demo_shows_both_methods_and_writes_a_picture(tmp_path, capsys):
    status, out, err = run(capsys, "demo", "--out-dir", str(tmp_path / "new"))
    assert (status, err) == (0, "")
    assert out.count("<- best") == 3
    assert out.count("exact: proven") == 3
    assert out.count("smoothing spline of scipy") == 3
    assert (tmp_path / "new" / "splinear-demo.png").stat().st_size > 50_000


def test_model_files_are_json(data, tmp_path, capsys):
    fit(capsys, data, "--out", str(tmp_path / "model.json"))
    assert json.loads((tmp_path / "model.json").read_text())["version"] == 1
