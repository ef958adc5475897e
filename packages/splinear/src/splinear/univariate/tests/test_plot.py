"""Pictures hold what they promise: data, fit, creases, dual between its bounds."""

import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from splinear.univariate.estimators import (
    AdaptiveSplineClassifier,
    AdaptiveSplineRegressor,
)
from splinear.univariate.fit import fit_spline
from splinear.univariate.plot import plot_fit

RNG = np.random.default_rng(0)
X = np.sort(RNG.uniform(0.0, 1.0, 150))
Y = np.abs(X - 0.4) + 0.05 * RNG.standard_normal(150)
DAYS = np.datetime64("2024-01-01") + np.arange(150)


def draw(figure, tmp_path):
    """Render: layout and text errors show only then."""
    path = tmp_path / "fit.png"
    figure.savefig(path)
    assert path.stat().st_size > 10_000
    return figure.axes


def line(panel, label):
    return next(entry for entry in panel.lines if entry.get_label() == label)


def test_panels_show_fit_knots_and_dual(tmp_path):
    model = AdaptiveSplineRegressor(alpha=2e-3).fit(X, Y)
    upper, lower = draw(model.plot(), tmp_path)
    assert upper.get_shared_x_axes().joined(upper, lower)
    knots = line(upper, "knots")
    assert_allclose(knots.get_xdata(), model.knots_)
    assert_allclose(knots.get_ydata(), model.predict(model.knots_))
    touches = next(
        entry.get_ydata() for entry in lower.lines if entry.get_marker() == "o"
    )
    # The fit is optimal to rounding, and so are its touches.
    assert_allclose(touches, np.sign(model.coef_), atol=1e-6)
    assert "proven" in upper.get_title(loc="left")


@pytest.mark.parametrize(
    "options",
    [
        {"order": 1},
        {"order": 3},
        {"loss": "quantile"},
        {"monotone": "increasing"},
        {"alpha": 100.0},
        {"alpha": 0.0},
        {"alpha": 1e-6},
    ],
)
def test_every_kind_of_fit_can_be_drawn(options, tmp_path):
    model = AdaptiveSplineRegressor(**{"alpha": 1e-3, **options}).fit(X, Y)
    draw(model.plot(), tmp_path)


def test_dates_are_drawn_as_dates(tmp_path):
    model = AdaptiveSplineRegressor(alpha=2e-3).fit(DAYS, Y)
    lower = draw(model.plot(), tmp_path)[1]
    words = [label.get_text() for label in lower.get_xticklabels()]
    assert "Feb" in words or "2024" in " ".join(words)


def test_classifiers_show_a_probability(tmp_path):
    model = AdaptiveSplineClassifier(alpha=1e-2).fit(X, Y > 0.2)
    upper, _ = draw(model.plot(), tmp_path)
    assert upper.get_ylabel() == "probability of True"
    curve = line(upper, "fit").get_ydata()
    assert 0.0 < curve.min() < curve.max() < 1.0


def test_large_data_say_how_many_are_shown():
    x = np.linspace(0.0, 1.0, 5_000)
    figure = AdaptiveSplineRegressor(alpha=1.0).fit(x, x).plot()
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "data (2,000 of 5,000 rows)" in texts


def test_results_are_drawn_with_their_data(tmp_path):
    result = fit_spline(X, Y, alpha=1e-3)
    lower = draw(plot_fit(result, X, Y, alpha=1e-3), tmp_path)[1]
    assert lower.get_ylabel().startswith("dual")


def test_panels_of_the_caller_are_used():
    panels = Figure().subplots(2, 1)
    model = AdaptiveSplineRegressor(alpha=1e-3).fit(X, Y)
    assert plot_fit(model, axes=panels) is panels[0].figure


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "pass X and y"),
        ({"X": X}, "together"),
        ({"X": X, "y": Y, "axes": Figure().subplots(3, 1)}, "two panels"),
    ],
)
def test_missing_data_are_asked_for(arguments, words):
    with pytest.raises(ValueError, match=words):
        plot_fit(fit_spline(X, Y, alpha=1e-3), **arguments)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    model = AdaptiveSplineRegressor(alpha=1e-3).fit(X, Y)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"splinear\[plot\]"):
        model.plot()
