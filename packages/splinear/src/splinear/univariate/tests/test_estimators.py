"""Estimators: equal to the solvers, kind to every sort of column, clear when refusing."""

import datetime
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from splinear.univariate.conformal import conformal_radius
from splinear.univariate.estimators import (
    AdaptiveSplineClassifier,
    AdaptiveSplineRegressor,
    AdaptiveSplineRegressorCV,
)
from splinear.univariate.fit import alpha_max, fit_spline

EPS = np.finfo(np.float64).eps


def broken_line(size=120, seed=0, noise=0.05):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.0, 1.0, size)
    return x, np.abs(x) + noise * rng.standard_normal(size)


def two_classes(size=200, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3.0, 3.0, size)
    return x, (rng.random(size) < 1.0 / (1.0 + np.exp(2.0 - 2.0 * np.abs(x)))).astype(
        int
    )


X, Y = broken_line()
XC, YC = two_classes()


# ---------------------------------------------------------------- the regressor


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_regressor_is_the_solver(order):
    top = alpha_max(X, Y, order=order)
    model = AdaptiveSplineRegressor(alpha=0.05 * top, order=order).fit(X, Y)
    result = fit_spline(X, Y, alpha=0.05 * top, order=order)
    assert model.spline_ == result.value  # the same calls, hence the same bits
    assert model.objective_ == result.objective
    assert model.certificate_ == result.certificate
    assert model.alpha_max_ == top
    assert_array_equal(model.knots_, result.value.knots)
    assert_array_equal(model.coef_, result.value.jumps)
    assert model.variation_norm_ == result.value.variation
    assert_array_equal(model.predict(X), result.value(X))


@pytest.mark.parametrize("alpha", ["auto", "bic", "discrepancy"])
def test_rules_find_the_one_bend(alpha):
    model = AdaptiveSplineRegressor(alpha=alpha).fit(X, Y)
    error = np.sqrt(np.mean((model.predict(X) - np.abs(X)) ** 2))
    # Noise of 0.05 on 120 rows: a few parameters cost about 0.05 sqrt(10 / 120).
    assert error < 0.03
    assert model.score(X, Y) > 0.9
    assert model.certificate_.relative_gap <= 1e-6


def test_noise_sets_the_residual():
    model = AdaptiveSplineRegressor(alpha="discrepancy", noise=0.1).fit(X, Y)
    rms = np.sqrt(np.mean((Y - model.predict(X)) ** 2))
    # One-dimensional search to a relative 1e-3 at worst.
    assert_allclose(rms, 0.1, rtol=1e-3)


@pytest.mark.parametrize("limit", [0, 1, 4])
def test_max_knots_is_kept(limit):
    model = AdaptiveSplineRegressor(max_knots=limit).fit(X, Y)
    assert model.knots_.size <= limit


def test_max_knots_takes_the_smallest_such_alpha():
    model = AdaptiveSplineRegressor(max_knots=2).fit(X, Y)
    grid = model.alpha_max_ * np.geomspace(1.0, 1e-4, 50)
    counts = [fit_spline(X, Y, alpha=alpha).value.knots.size for alpha in grid]
    allowed = np.cumsum(np.array(counts) > 2) == 0
    # Two ways to the same grid: equal but for the rounding of geomspace.
    assert_allclose(model.alpha_, grid[allowed][-1], rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        ({"monotone": "increasing"}, lambda f: np.all(f.slopes >= 0.0)),
        ({"convex": "convex"}, lambda f: np.all(f.jumps >= 0.0)),
        ({"loss": "quantile", "quantile": 0.9}, lambda f: np.mean(f(X) < Y) < 0.15),
        ({"loss": "huber"}, lambda f: f.knots.size > 0),
    ],
)
def test_losses_and_shapes_pass_through(options, holds):
    model = AdaptiveSplineRegressor(alpha=1e-3, **options).fit(X, Y)
    assert holds(model.spline_)
    assert model.certificate_.relative_gap <= 1e-6


def test_the_huber_width_reaches_the_fit_and_its_dual():
    model = AdaptiveSplineRegressor(alpha=1e-3, loss="huber", delta=0.03).fit(X, Y)
    assert model.spline_ == fit_spline(X, Y, alpha=1e-3, loss="huber", delta=0.03).value
    # The dual of the fit that was made: inside its bounds to the root of the gap.
    assert np.max(np.abs(model._sketch.eta)) < 1.0 + 1e-3


def test_a_periodic_fit_repeats_itself():
    model = AdaptiveSplineRegressor(alpha=1e-3, period=2.0).fit(X, Y)
    inside = np.linspace(-0.9, 0.9, 7)
    # Whole periods are added in floating point: a few units in the last place.
    assert_allclose(model.predict(inside + 6.0), model.predict(inside), atol=1e-12)


def test_alpha_zero_interpolates():
    model = AdaptiveSplineRegressor(alpha=0).fit(X, Y)
    # Slopes are differences of values: some units in the last place.
    assert_allclose(model.predict(X), Y, atol=1e-12)


def test_extrapolation_goes_on_or_refuses():
    model = AdaptiveSplineRegressor(alpha=1e-3).fit(X, Y)
    far = model.predict([[5.0], [6.0], [7.0]])
    # A straight line: second differences are rounding.
    assert_allclose(np.diff(far, 2), 0.0, atol=1e-13)
    strict = AdaptiveSplineRegressor(alpha=1e-3, extrapolate="raise").fit(X, Y)
    with pytest.raises(ValueError, match="x must lie in the domain"):
        strict.predict([[5.0]])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_features_span_the_fit(order):
    alpha = 0.05 * alpha_max(X, Y, order=order)
    model = AdaptiveSplineRegressor(alpha=alpha, order=order).fit(X, Y)
    features = model.transform(X)
    assert features.shape[1] == len(model.get_feature_names_out())
    assert features.shape[1] == order - 1 + model.knots_.size
    again = LinearRegression().fit(features, model.predict(X))
    # Least squares on a dozen truncated powers: conditioned like 1e5.
    assert_allclose(again.predict(features), model.predict(X), atol=1e-9)


def test_feature_names_say_where_the_knots_are():
    frame = pd.DataFrame({"age": X})
    model = AdaptiveSplineRegressor(max_knots=1).fit(frame, Y)
    assert model.feature_names_in_.tolist() == ["age"]
    assert list(model.get_feature_names_out()) == [
        "age",
        f"relu(age - {model.knots_[0]:.9g})",
    ]


def test_pipelines_and_model_selection():
    pipe = make_pipeline(StandardScaler(), AdaptiveSplineRegressor(alpha=1e-3))
    scores = cross_val_score(pipe, X[:, None], Y, cv=3)
    assert np.all(scores > 0.8)


def test_weights_count_rows():
    w = np.random.default_rng(0).integers(0, 4, X.size)
    weighted = AdaptiveSplineRegressor(alpha=1e-3).fit(X, Y, sample_weight=w)
    repeated = AdaptiveSplineRegressor(alpha=1e-3).fit(np.repeat(X, w), np.repeat(Y, w))
    # The same optimum, each within relative gap 1e-6; here both are at rounding.
    assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-8)


def test_pickled_models_predict_the_same():
    model = AdaptiveSplineRegressor(alpha=1e-3).fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))


def test_unfinished_fits_warn_with_their_gap():
    model = AdaptiveSplineRegressor(alpha=1e-4, max_iter=1, tol=1e-12)
    with pytest.warns(ConvergenceWarning, match=r"[Gg]ap .* \(exact certificate\)"):
        model.fit(X, Y)
    assert model.certificate_.gap >= 0.0


def test_the_same_seed_gives_the_same_fit():
    one, two = (AdaptiveSplineRegressor(random_state=3).fit(X, Y) for _ in range(2))
    assert one.alpha_ == two.alpha_


# ------------------------------------------------------------- columns of all kinds

TABLES = {
    "list": X.tolist(),
    "vector": X,
    "column": X[:, None],
    "float list of lists": [[value] for value in X],
    "object": X.astype(object),
    "pandas series": pd.Series(X),
    "named pandas series": pd.Series(X, name="x"),
    "pandas frame": pd.DataFrame({"x": X}),
    "nullable pandas": pd.DataFrame({"x": pd.array(X, dtype="Float64")}),
    "polars series": pl.Series("x", X),
    "polars frame": pl.DataFrame({"x": X}),
    "unsorted copy": X[::1].copy(),
}


@pytest.mark.parametrize("name", TABLES)
def test_columns_of_all_kinds_give_one_fit(name):
    model = AdaptiveSplineRegressor(alpha=1e-3).fit(TABLES[name], Y)
    expected = fit_spline(X, Y, alpha=1e-3).value
    assert model.spline_ == expected
    assert_array_equal(model.predict(TABLES[name]), expected(X))
    assert model.n_features_in_ == 1


@pytest.mark.parametrize(
    "y", [Y.tolist(), pd.Series(Y), pl.Series("y", Y), Y.astype(object)]
)
def test_targets_of_all_kinds_give_one_fit(y):
    model = AdaptiveSplineRegressor(alpha=1e-3).fit(X, y)
    assert model.spline_ == fit_spline(X, Y, alpha=1e-3).value


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint64", "float32", "bool"]
)
def test_narrow_numbers_do_not_overflow(dtype):
    wide = (
        np.array([0, 1, 0, 1, 1]) if dtype == "bool" else np.array([0, 127, 5, 90, 64])
    )
    y = np.array([0.0, 3.0, 1.0, 2.0, 5.0])
    model = AdaptiveSplineRegressor(alpha=0.01).fit(wide.astype(dtype), y)
    assert model.spline_ == fit_spline(wide.astype(float), y, alpha=0.01).value


def test_signed_bytes_span_more_than_their_type():
    x = np.array([-128, 0, 127], dtype=np.int8)
    model = AdaptiveSplineRegressor(alpha=1e-6).fit(x, [0.0, 1.0, 0.0])
    assert model.spline_.domain == (-128.0, 127.0)


DAYS = np.datetime64("2024-02-27") + np.arange(30)
MOMENTS = [
    datetime.datetime(2024, 2, 27) + datetime.timedelta(days=d) for d in range(30)
]
ZONED = pd.Series(pd.DatetimeIndex(DAYS).tz_localize("UTC"))


@pytest.mark.parametrize(
    "dates",
    [
        DAYS,
        DAYS[:, None].astype("datetime64[ns]"),
        pd.Series(DAYS),
        pd.DataFrame({"day": DAYS}),
        ZONED,
        pd.DataFrame({"day": ZONED.dt.tz_convert("Asia/Tokyo")}),
        pl.Series("day", DAYS),
        MOMENTS,
        [moment.date() for moment in MOMENTS],
    ],
)
def test_dates_are_days(dates):
    y = np.abs(np.arange(30.0) - 11.0)
    model = AdaptiveSplineRegressor(alpha=1e-4).fit(dates, y)
    assert model.x_kind_ == "date"
    first = (DAYS[0] - np.datetime64("1970-01-01")).astype(int)
    assert_array_equal(model.knots_, [first + 11.0])
    assert_array_equal(model.predict(dates), model.spline_(first + np.arange(30.0)))


def test_dates_and_numbers_do_not_mix():
    model = AdaptiveSplineRegressor(alpha=1e-3).fit(DAYS, np.arange(30.0))
    with pytest.raises(ValueError, match="X must hold dates as at fit; got numbers"):
        model.predict([[1.0]])


# --------------------------------------------------------------- small and degenerate


def test_one_sample_is_a_constant():
    model = AdaptiveSplineRegressor().fit([[2.0]], [7.0])
    assert_array_equal(model.predict([[2.0], [-5.0]]), [7.0, 7.0])


@pytest.mark.parametrize("alpha", ["auto", 0.0, 1.0])
def test_all_x_equal_is_the_mean(alpha):
    model = AdaptiveSplineRegressor(alpha=alpha).fit([[3.0]] * 4, [1.0, 2.0, 3.0, 6.0])
    assert_array_equal(model.predict([[3.0], [0.0]]), [3.0, 3.0])
    # Ties stay unexplained: half the variance.
    assert_allclose(model.objective_, 0.5 * np.var([1, 2, 3, 6]), rtol=8 * EPS)


@pytest.mark.parametrize("size", [2, 3, 5, 9, 10, 11])
def test_few_samples_fit(size):
    model = AdaptiveSplineRegressor().fit(X[:size], Y[:size])
    assert np.all(np.isfinite(model.predict(X)))


def test_constant_targets_stay_constant():
    model = AdaptiveSplineRegressor().fit(X, np.full(X.size, 0.1))
    assert model.knots_.size == 0
    assert_allclose(model.predict(X), 0.1, rtol=4 * EPS)


def test_duplicates_with_different_targets():
    model = AdaptiveSplineRegressor(alpha=0.0).fit([0, 0, 1, 1], [0.0, 2.0, 5.0, 7.0])
    assert_allclose(model.predict([0.0, 1.0]), [1.0, 6.0], rtol=4 * EPS)


BAD = [
    ("text in X", [["a"], ["b"]], [1.0, 2.0], {}, "X must hold numbers; got text"),
    ("digits in X", [["1"], ["2"]], [1.0, 2.0], {}, "X must hold numbers; got text"),
    ("text in y", [[1.0], [2.0]], ["a", "b"], {}, "y must hold numbers; got text"),
    ("NaN in X", [[np.nan], [2.0]], [1.0, 2.0], {}, "Input X contains NaN"),
    ("NaN in y", [[1.0], [2.0]], [1.0, np.nan], {}, "Input y contains NaN"),
    ("inf in X", [[np.inf], [2.0]], [1.0, 2.0], {}, "contains infinity"),
    ("NaT", np.array(["2020-01-01", "NaT"], dtype="M8[D]"), [1.0, 2.0], {}, "got NaT"),
    ("durations", np.arange(2).astype("m8[s]"), [1.0, 2.0], {}, "got durations"),
    ("dates in y", [[1.0], [2.0]], DAYS[:2], {}, "y must hold numbers; got dates"),
    ("complex", [[1j], [2.0]], [1.0, 2.0], {}, "Complex data not supported"),
    ("two columns", np.ones((3, 2)), [1.0] * 3, {}, "one column; got X with 2 columns"),
    ("no row", np.ones((0, 1)), [], {}, "0 sample"),
    ("lengths", [[1.0], [2.0]], [1.0], {}, "inconsistent numbers of samples"),
    ("wide integers", [2**53 + 1, 0], [1.0, 2.0], {}, "subtract an offset first"),
    ("alpha < 0", X, Y, {"alpha": -1.0}, r"alpha must be a finite number in \[0"),
    ("alpha NaN", X, Y, {"alpha": np.nan}, "alpha must be a finite number"),
    ("alpha word", X, Y, {"alpha": "best"}, "alpha must be a number >= 0 or one of"),
    ("stray noise", X, Y, {"noise": 1.0}, "noise belongs to alpha='discrepancy'"),
    ("two choices", X, Y, {"alpha": 1.0, "max_knots": 3}, "max_knots chooses alpha"),
    ("max_knots", X, Y, {"max_knots": -1}, "max_knots must be at least 0; got -1"),
    ("order 0", X, Y, {"order": 0}, "order must be 1 to 6; got 0"),
    ("loss", X, Y, {"loss": "cubic"}, "loss must be one of"),
    ("order of loss", X, Y, {"loss": "huber", "order": 3}, "need order 2"),
    ("quantile", X, Y, {"loss": "quantile", "quantile": 1.0}, "strictly between"),
    ("extrapolate", X, Y, {"extrapolate": "flat"}, "'linear' or 'raise'; got 'flat'"),
    ("share", X, Y, {"calibration": 1.5}, "calibration must be a finite number"),
    ("all held out", X[:2], Y[:2], {"calibration": 0.9}, "leaves none to fit"),
]


@pytest.mark.parametrize(("x", "y", "options", "words"), [row[1:] for row in BAD],
                         ids=[row[0] for row in BAD])  # fmt: skip
def test_bad_input_is_refused_in_words(x, y, options, words):
    with pytest.raises(ValueError, match=words):
        AdaptiveSplineRegressor(**options).fit(x, y)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"order": 2.5}, "order must be an integer"), ({"max_knots": 1.5}, "an integer")],
)
def test_wrong_types_are_refused_in_words(options, words):
    with pytest.raises(TypeError, match=words):
        AdaptiveSplineRegressor(**options).fit(X, Y)


def test_objects_that_are_no_numbers_are_refused():
    with pytest.raises(TypeError, match="must be a string or a real number"):
        AdaptiveSplineRegressor().fit(np.array([[{}], [1.0]], dtype=object), [1.0, 2.0])


@pytest.mark.parametrize(
    ("w", "words"), [(-np.ones(X.size), "Negative values"), (0.0 * X, "non-zero")]
)
def test_bad_weights_are_refused(w, words):
    with pytest.raises(ValueError, match=words):
        AdaptiveSplineRegressor().fit(X, Y, sample_weight=w)


def test_several_columns_are_told_of_networks():
    with pytest.raises(ValueError, match="them to ShallowNetRegressor"):
        AdaptiveSplineRegressor().fit(np.ones((4, 3)), np.ones(4))


def test_unfitted_estimators_say_so():
    with pytest.raises(NotFittedError):
        AdaptiveSplineRegressor().predict([[1.0]])


# ----------------------------------------------------------------------- intervals


def test_intervals_cover_as_often_as_they_say():
    seeds, fresh, calibration = 300, 40, 19
    covered = []
    for seed in range(seeds):
        x, y = broken_line(40 + calibration + fresh, seed)
        model = AdaptiveSplineRegressor(alpha=1e-3, verbose=False).fit(x[:40], y[:40])
        model.calibrate(x[40:59], y[40:59])
        ends = model.predict_interval(x[59:], coverage=0.8)
        covered.append(np.mean((ends[:, 0] <= y[59:]) & (y[59:] <= ends[:, 1])))
    # Rank 16 of 19: the probability is 16/20 exactly.  Given the calibration rows it
    # is Beta(16, 4) with variance 0.8 * 0.2 / 21, and `fresh` rows measure it.
    variance = 0.16 / 21 + 0.16 / fresh
    z = (np.mean(covered) - 0.8) / np.sqrt(variance / seeds)
    assert abs(z) < 4.0


def test_a_held_out_share_calibrates_at_fit():
    model = AdaptiveSplineRegressor(alpha=1e-3, calibration=0.25).fit(X, Y)
    assert model.calibration_scores_.size == 30
    ends = model.predict_interval([[0.0]], coverage=0.9)
    radius = conformal_radius(model.calibration_scores_, 0.9)
    assert_allclose(ends[0] - model.predict([[0.0]]), [-radius, radius], rtol=1e-12)


def test_intervals_need_calibration():
    model = AdaptiveSplineRegressor(alpha=1e-3).fit(X, Y)
    with pytest.raises(ValueError, match=r"calibration=0\.2"):
        model.predict_interval([[0.0]])
    model.calibrate(X[:5], Y[:5])
    with pytest.raises(ValueError, match="needs at least 9 calibration rows; got 5"):
        model.predict_interval([[0.0]], coverage=0.9)


def test_a_new_fit_forgets_old_calibration():
    model = AdaptiveSplineRegressor(alpha=1e-3).fit(X, Y).calibrate(X, Y)
    model.fit(X, Y)
    assert not hasattr(model, "calibration_scores_")


@pytest.mark.parametrize("size", [9, 10, 19, 99])
def test_radius_is_the_stated_order_statistic(size):
    scores = np.random.default_rng(0).permutation(np.arange(1.0, size + 1.0))
    expected = next(k for k in range(1, size + 1) if 10 * k >= 9 * (size + 1))
    assert conformal_radius(scores, 0.9) == expected


@pytest.mark.parametrize("coverage", [0.0, 1.0, -0.5, np.nan])
def test_impossible_coverage_is_refused(coverage):
    with pytest.raises(ValueError, match="coverage must be"):
        conformal_radius(np.ones(5), coverage)


# ------------------------------------------------------------------- cross-validation


def test_cross_validation_is_the_plain_loop():
    alphas = alpha_max(X, Y) * np.array([0.3, 0.1, 0.01])
    model = AdaptiveSplineRegressorCV(alphas=alphas, cv=4).fit(X, Y)
    errors = np.empty((3, 4))
    folds = KFold(4, shuffle=True, random_state=0).split(X[:, None])
    for k, (train, test) in enumerate(folds):
        for j, alpha in enumerate(alphas):
            f = fit_spline(X[train], Y[train], alpha=alpha).value
            errors[j, k] = np.mean((Y[test] - f(X[test])) ** 2)
    # Both fits are optimal to rounding (observed gaps 1e-15).
    assert_allclose(model.mse_path_, errors, rtol=1e-6)
    assert model.alpha_ == alphas[np.argmin(errors.mean(axis=1))]
    assert model.spline_ == fit_spline(X, Y, alpha=model.alpha_).value


@pytest.mark.parametrize("cv", [1, 121])
def test_impossible_folds_are_refused(cv):
    with pytest.raises(ValueError, match="cv must be at least 2"):
        AdaptiveSplineRegressorCV(cv=cv).fit(X, Y)


def test_cross_validated_models_have_intervals():
    model = AdaptiveSplineRegressorCV(n_alphas=5, cv=3, calibration=0.2).fit(X, Y)
    assert model.predict_interval(X).shape == (X.size, 2)


# ---------------------------------------------------------------------- the classifier


def test_without_knots_it_is_logistic_regression():
    model = AdaptiveSplineClassifier(alpha=10.0, tol=1e-12).fit(XC, YC)
    peer = LogisticRegression(C=np.inf, tol=1e-10).fit(XC[:, None], YC)
    assert model.knots_.size == 0
    # lbfgs stops at gradients of 1e-10: coefficients to about 1e-6.
    assert_allclose(model.predict_proba(XC), peer.predict_proba(XC[:, None]), atol=1e-5)


def test_bent_log_odds_are_found():
    model = AdaptiveSplineClassifier().fit(XC, YC)
    assert model.knots_.size > 0
    middle, ends = model.predict_proba([[0.0], [-3.0], [3.0]])[[0, 1], 1]
    assert middle < 0.5 < ends
    assert model.certificate_.relative_gap <= 1e-6


def test_probabilities_agree_with_log_odds():
    model = AdaptiveSplineClassifier(alpha=1e-2).fit(XC, YC)
    p = model.predict_proba(XC)
    assert_allclose(p.sum(axis=1), 1.0, rtol=4 * EPS)
    # log of a rounded probability: relative rounding over the probability.
    odds = np.log(p[:, 1]) - np.log(p[:, 0])
    assert_allclose(odds, model.decision_function(XC), atol=1e-12)


@pytest.mark.parametrize("labels", [["no", "yes"], [-1, 1], [False, True], [2.0, 3.0]])
def test_labels_of_all_kinds(labels):
    y = np.array(labels)[YC]
    model = AdaptiveSplineClassifier(alpha=1e-2).fit(XC, y)
    assert model.classes_.tolist() == labels
    assert model.score(XC, y) > 0.7


def test_several_classes_go_one_against_the_rest():
    y = np.digitize(XC, [-1.0, 1.0])
    y[::7] = 1  # so that the classes overlap
    model = AdaptiveSplineClassifier(alpha=1e-3).fit(XC, y)
    assert len(model.splines_) == len(model.certificates_) == 3
    one = AdaptiveSplineClassifier(alpha=1e-3).fit(XC, y == 2)
    assert_allclose(model.decision_function(XC)[:, 2], one.decision_function(XC))
    assert_allclose(model.predict_proba(XC).sum(axis=1), 1.0, rtol=4 * EPS)
    assert model.score(XC, y) > 0.8
    assert model.transform(XC).shape[1] == len(model.get_feature_names_out())


def test_two_sites_give_the_shares_of_the_classes():
    x, y = np.arange(60) % 2, YC[:60]
    model = AdaptiveSplineClassifier().fit(x, y)
    shares = [y[x == 0].mean(), y[x == 1].mean()]
    # Gap 1e-6 of an objective near 0.7: the root of it in the probabilities.
    assert_allclose(model.predict_proba([0.0, 1.0])[:, 1], shares, atol=1e-3)


@pytest.mark.parametrize("far", [1e3, 1e6])
def test_probabilities_far_out_stay_probabilities(far):
    y = np.digitize(XC, [-1.0, 1.0])
    y[::7] = 1
    for labels in (y, y > 0):
        model = AdaptiveSplineClassifier(alpha=1e-2).fit(XC, labels)
        p = model.predict_proba([[-far], [far]])
        assert np.all((p >= 0.0) & (p <= 1.0))
        assert_allclose(p.sum(axis=1), 1.0, rtol=4 * EPS)


def test_separable_classes_get_finite_odds():
    x, y = np.arange(20.0), np.arange(20) >= 10
    model = AdaptiveSplineClassifier(alpha=1e-3).fit(x, y)
    assert model.separable_ == [True]
    assert model.score(x, y) == 1.0
    p = model.predict_proba(x)
    assert 0.0 < p.min() < p.max() < 1.0


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_classifiers_keep_max_knots(limit):
    model = AdaptiveSplineClassifier(max_knots=limit).fit(XC, YC)
    assert model.knots_.size <= limit


@pytest.mark.parametrize(
    ("y", "options", "words"),
    [
        (np.zeros(XC.size), {}, "at least two classes with positive weight; got one"),
        (YC + 0.5, {}, "Unknown label type"),
        (YC, {"alpha": 0.0}, r"alpha must be a finite number in \(0"),
        (YC, {"alpha": "bic"}, "alpha must be a number > 0 or 'auto'"),
        (YC, {"alpha": 0.1, "max_knots": 2}, "max_knots chooses alpha"),
        (np.arange(XC.size) % 3, {"monotone": "increasing"}, "two classes; got 3"),
    ],
)
def test_bad_classification_is_refused_in_words(y, options, words):
    with pytest.raises(ValueError, match=words):
        AdaptiveSplineClassifier(**options).fit(XC, y)
