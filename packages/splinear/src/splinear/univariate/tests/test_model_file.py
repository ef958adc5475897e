"""Models survive JSON to the last bit, and strangers are refused in words."""

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from splinear.univariate.estimators import (
    AdaptiveSplineClassifier,
    AdaptiveSplineRegressor,
    AdaptiveSplineRegressorCV,
)
from splinear.univariate.model_file import load_model, model_to_dict, save_model

RNG = np.random.default_rng(0)
X = RNG.uniform(0.0, 1.0, 100)
Y = np.abs(X - 0.4) + 0.05 * RNG.standard_normal(100)
CLASSES = np.where(Y + 0.1 * RNG.standard_normal(100) > 0.2, "high", "low")
DAYS = np.datetime64("2024-01-01") + np.arange(100)

MODELS = {
    "linear": lambda: AdaptiveSplineRegressor(alpha=1e-3).fit(X, Y),
    "auto": lambda: AdaptiveSplineRegressor().fit(X, Y),
    "steps": lambda: AdaptiveSplineRegressor(alpha=1e-3, order=1).fit(X, Y),
    "quadratic": lambda: AdaptiveSplineRegressor(alpha=1e-5, order=3).fit(X, Y),
    "periodic": lambda: AdaptiveSplineRegressor(alpha=1e-3, period=1.0).fit(X, Y),
    "calibrated": lambda: AdaptiveSplineRegressor(alpha=1e-3, calibration=0.2).fit(
        X, Y
    ),
    "far away": lambda: AdaptiveSplineRegressor(alpha=1e-9).fit(1e9 + 1e-6 * X, Y),
    "cv": lambda: AdaptiveSplineRegressorCV(n_alphas=4, cv=3).fit(X, Y),
    "two classes": lambda: AdaptiveSplineClassifier(alpha=1e-2).fit(X, CLASSES),
    "three classes": lambda: AdaptiveSplineClassifier(alpha=1e-2).fit(
        X, np.digitize(Y, [0.1, 0.3])
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_loading_gives_the_same_bits(name, tmp_path):
    model = MODELS[name]()
    save_model(model, tmp_path / "model.json", x="time", y="value")
    again = load_model(tmp_path / "model.json")
    points = np.concatenate((X, [-3.0, 5.0]))
    if hasattr(model, "predict_proba"):
        assert_array_equal(again.predict_proba(points), model.predict_proba(points))
    assert_array_equal(again.predict(points), model.predict(points))
    assert again.get_params() == model.get_params()
    assert again.certificate_ == model.certificate_
    assert again.status_ is model.status_
    assert_array_equal(again.alpha_, model.alpha_)
    assert again.columns_["x"] == "time"
    # What was read is written again without a change.
    assert model_to_dict(again, x="time", y="value") == model_to_dict(
        model, x="time", y="value"
    )


def test_intervals_survive(tmp_path):
    model = MODELS["calibrated"]()
    save_model(model, tmp_path / "model.json")
    again = load_model(tmp_path / "model.json")
    assert_array_equal(again.predict_interval(X), model.predict_interval(X))


def test_dates_and_names_survive(tmp_path):
    frame = pd.DataFrame({"day": DAYS})
    model = AdaptiveSplineRegressor(alpha=1e-3).fit(frame, Y)
    save_model(model, tmp_path / "model.json")
    again = load_model(tmp_path / "model.json")
    assert again.x_kind_ == "date"
    assert again.feature_names_in_.tolist() == ["day"]
    assert_array_equal(again.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="X must hold dates"):
        again.predict(pd.DataFrame({"day": X}))


def test_the_file_says_what_it_holds(tmp_path):
    save_model(MODELS["linear"](), tmp_path / "model.json", x="time", y="value")
    record = json.loads((tmp_path / "model.json").read_text())
    assert record["format"] == "splinear-model"
    assert record["version"] == 1
    assert record["columns"] == {
        "x": "time",
        "y": "value",
        "x_kind": "number",
        "in_frame": False,
    }
    assert record["fitted"]["alpha_"] == 1e-3
    assert record["certificates"][0]["kind"] == "exact"


def changed(**entries):
    return {**model_to_dict(MODELS["linear"]()), **entries}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (changed(version=2), "version 1 of the model format was expected; got 2"),
        (changed(format="other"), "a record of format 'splinear-model' was expected"),
        ([1, 2], "a record of format"),
        (changed(estimator="Ridge"), "estimator must be one of"),
        (changed(parameters={"depth": 3}), "damaged"),
        (changed(functions=[]), "damaged"),
        (changed(status="FINE"), "damaged"),
        (changed(functions=[{"kind": "Tree", "record": {}}]), "damaged"),
    ],
)
def test_what_is_no_model_is_refused(record, words, tmp_path):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=words):
        load_model(path)


def test_text_that_is_not_json_is_refused(tmp_path):
    path = tmp_path / "model.json"
    path.write_text("x,y\n1,2\n")
    with pytest.raises(ValueError, match="no model file: it is not JSON"):
        load_model(path)


def test_only_plain_parameters_are_written(tmp_path):
    seed = np.random.default_rng(0)
    model = AdaptiveSplineRegressor(alpha=1e-3, random_state=seed).fit(X, Y)
    with pytest.raises(TypeError, match="random_state must be a number, a word"):
        save_model(model, tmp_path / "model.json")


def test_other_estimators_are_refused(tmp_path):
    with pytest.raises(TypeError, match="estimator must be one of"):
        save_model(object(), tmp_path / "model.json")
