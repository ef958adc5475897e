"""Estimators of shallow networks: certificates, laws, agreement, bad input."""

import pickle

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import partial_dependence
from sklearn.model_selection import GridSearchCV, KFold, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from splinear.core.status import Status
from splinear.shallow.estimators import (
    ShallowNetClassifier,
    ShallowNetClassifierCV,
    ShallowNetRegressor,
    ShallowNetRegressorCV,
)
from splinear.shallow.fit import fit_network

# Two fits of one problem agree in function no better than the gap allows: with a gap
# of `TOL` the squared loss keeps them within about its root, 1e-3, of each other.
TOL = 1e-7


def ridge(N=60, d=2, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(N, d))
    return X, np.abs(X[:, 0]) + noise * rng.normal(size=N)


def tight(alpha=0.02, **options):
    return ShallowNetRegressor(alpha, tol=TOL, max_iter=200, **options)


def huge_offset(X, y):
    return X + 1e8, y


HARD = {
    "plain": lambda X, y: (X, y),
    "constant column": lambda X, y: (np.c_[X, np.full(len(X), 0.1)], y),
    "only constant columns": lambda X, y: (np.ones_like(X), y),
    "duplicate columns": lambda X, y: (np.c_[X, X], y),
    "constant y": lambda X, y: (X, np.ones_like(y)),
    "zero y": lambda X, y: (X, 0.0 * y),
    "more columns than rows": lambda X, y: (X.reshape(6, 20), y[:6]),
    "one row": lambda X, y: (X[:1], y[:1]),
    "two rows": lambda X, y: (X[:2], y[:2]),
    "one row many times": lambda X, y: (X[[0] * 9], y[:9]),
    "far from zero": huge_offset,
    "huge X": lambda X, y: (X * 1e100, y),
    "tiny X": lambda X, y: (X * 1e-100, y),
    "columns of all sizes": lambda X, y: (X * [1e100, 1e-100], y),
}


@pytest.mark.parametrize("loss", ["squared", "huber", "quantile", "poisson"])
@pytest.mark.parametrize("name", HARD)
def test_the_certificate_holds_what_it_says(name, loss):
    X, y = HARD[name](*ridge())
    # Counts of zero that an affine function separates have no best log-rate.
    y = np.round(5.0 * np.abs(y)) + 1.0 if loss == "poisson" else y
    model = ShallowNetRegressor(alpha=0.02, loss=loss).fit(X, y)
    proof = model.certificate_
    assert (proof.relative_gap <= model.tol) == (model.status_ is Status.CONVERGED)
    # A difference of numbers of the size of the objective: some ulps of it.
    size = abs(model.objective_) + abs(proof.bound)
    assert_allclose(model.objective_ - proof.bound, proof.gap, atol=4e-16 * size)
    prediction = model.predict(X)
    assert np.isfinite(prediction).all()
    # The objective is that of the network in the units of X: six digits survive the
    # offset of 1e8, whose own rounding is 1e-8 of the columns.
    if loss == "squared":
        value = np.mean((y - prediction) ** 2) / 2 + 0.02 * model.variation_norm_
        assert_allclose(model.objective_, value, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("scale", [1e100, 1e-100])
def test_targets_of_any_size_have_the_same_network(scale):
    X, y = ridge()
    model = tight().fit(X, y)
    other = tight(0.02 * scale).fit(X, y * scale)
    assert other.status_ is Status.CONVERGED
    assert_allclose(other.predict(X) / scale, model.predict(X), atol=1e-3)
    assert_allclose(other.objective_ / scale**2, model.objective_, rtol=1e-6)
    assert_allclose(other.alpha_max_ / scale, model.alpha_max_, rtol=1e-9)


def test_a_row_alone_gives_a_constant():
    X, y = ridge()
    for alpha in (0.02, "auto"):
        model = ShallowNetRegressor(alpha).fit(X[:1], y[:1])
        assert_allclose(model.predict(X), y[0], rtol=1e-12)  # a mean of one


def test_a_round_limit_is_said():
    X, y = ridge()
    model = ShallowNetRegressor(alpha=1e-3, tol=1e-14, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        model.fit(X, y)
    assert model.status_ is Status.MAX_ITER
    assert model.certificate_.relative_gap > model.tol


# Laws.


def test_the_order_of_rows_does_not_matter():
    X, y = ridge()
    order = np.random.default_rng(1).permutation(len(y))
    for model in (ShallowNetRegressor(0.02), ShallowNetClassifier(0.02)):
        labels = y if is_regressor(model) else y > 0.5
        first = clone(model).fit(X, labels)
        second = clone(model).fit(X[order], labels[order])
        # Rows are sorted first, but their order decides the last bits of the means.
        assert_allclose(second.net_(X), first.net_(X), rtol=1e-9, atol=1e-9)


def test_a_weight_of_two_is_a_row_given_twice():
    X, y = ridge()
    w = np.random.default_rng(1).integers(0, 3, size=len(y))
    weighted = ShallowNetRegressor(0.02).fit(X, y, sample_weight=w)
    repeated = ShallowNetRegressor(0.02).fit(X.repeat(w, axis=0), y.repeat(w))
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-12)


def test_scaling_is_part_of_the_model():
    X, y = ridge()
    X = X * [1.0, 4.0]
    plain, scaled = tight(scaling="none").fit(X, y), tight().fit(X, y)
    assert np.abs(plain.predict(X) - scaled.predict(X)).max() > 1e-2
    for model in (plain, scaled):
        assert_array_equal(model.predict(X), model.net_(X)[:, 0])
    given = tight(scaling=X.std(axis=0)).fit(X, y)
    assert_allclose(given.predict(X), scaled.predict(X), atol=1e-3)


def test_unscaled_columns_are_what_fit_network_fits():
    X, y = ridge()
    model = tight(scaling="none").fit(X, y)
    result = fit_network(X, y, 0.02, tol=TOL)
    # Both objectives are within their gaps of the optimum.
    slack = model.certificate_.gap + result.certificate.gap
    assert abs(model.objective_ - result.objective) <= 1.01 * slack + 1e-15
    assert_allclose(model.predict(X), result.value(X)[:, 0], atol=1e-3)


def test_predictions_scale_with_targets():
    X, y = ridge()
    model, other = tight(0.02).fit(X, y), tight(20.0).fit(X, 1000.0 * y)
    assert_allclose(other.predict(X), 1000.0 * model.predict(X), atol=1.0)
    assert_allclose(other.variation_norm_, 1e3 * model.variation_norm_, rtol=1e-3)


def test_poisson_predicts_positive_rates():
    X, y = ridge()
    counts = np.random.default_rng(2).poisson(np.exp(2.0 * y))
    model = ShallowNetRegressor(0.02, loss="poisson").fit(X, counts)
    rates = model.predict(X)
    assert (rates > 0.0).all()
    # The intercept is free, so rates and counts have one mean, up to the gap's root.
    assert_allclose(rates.mean(), counts.mean(), rtol=1e-2)
    with pytest.raises(ValueError, match="Poisson loss must be >= 0"):
        model.fit(X, y - 5.0)


def test_outputs_share_neurons_or_do_not():
    X, y = ridge()
    Y = np.column_stack([y, -2.0 * y + X[:, 1], np.abs(X[:, 1])])
    joint = tight().fit(X, Y)
    assert (np.abs(joint.coef_[:, :2]) > 0.0).all()
    assert joint.predict(X).shape == Y.shape
    alone = tight(output_coupling="independent").fit(X, Y)
    assert (np.count_nonzero(alone.coef_, axis=1) == 1).all()
    parts = [tight().fit(X, column) for column in Y.T]
    each = np.column_stack([part.predict(X) for part in parts])
    assert_allclose(alone.predict(X), each, atol=1e-3)
    assert_allclose(alone.objective_, sum(p.objective_ for p in parts), rtol=1e-6)
    assert_allclose(alone.alpha_max_, [p.alpha_max_ for p in parts], rtol=1e-9)


def test_one_column_of_targets_keeps_its_shape():
    X, y = ridge()
    flat = ShallowNetRegressor(0.02).fit(X, y).predict(X)
    table = ShallowNetRegressor(0.02).fit(X, y[:, None]).predict(X)
    assert flat.shape == (60,)
    assert table.shape == (60, 1)
    assert_array_equal(flat, table[:, 0])


def test_a_warm_start_ends_at_once():
    X, y = ridge()
    model = ShallowNetRegressor(0.01, warm_start=True).fit(X, y)
    before = model.objective_
    model.fit(X, y)
    assert model.n_iter_ == 1
    assert model.objective_ <= before * (1.0 + 1e-9)  # no round raises it
    model.fit(np.c_[X, X], y)  # another table starts afresh
    assert model.net_.n_inputs == 4


# The habits of scikit-learn.


def test_labels_may_be_strings():
    X, y = ridge(100)
    names = np.where(y > 0.5, "up", "down")
    model = ShallowNetClassifier(5e-3).fit(X, names)
    assert_array_equal(model.classes_, ["down", "up"])
    assert model.score(X, names) > 0.8
    three = np.array(["a", "b", "c"])[np.digitize(y, [0.3, 0.6])]
    model = ShallowNetClassifier(5e-3).fit(X, three)
    chance = model.predict_proba(X)
    assert_allclose(chance.sum(axis=1), 1.0, rtol=1e-14)  # a division by the sum
    assert_array_equal(model.classes_[chance.argmax(axis=1)], model.predict(X))


def test_labels_of_weight_zero_are_no_classes():
    X, y = ridge()
    labels = np.digitize(y, [0.3, 0.6])
    model = ShallowNetClassifier(0.02).fit(X, labels, sample_weight=labels != 1)
    assert_array_equal(model.classes_, [0, 2])
    kept = labels != 1
    alone = ShallowNetClassifier(0.02).fit(X[kept], labels[kept])
    assert_allclose(model.decision_function(X), alone.decision_function(X), rtol=1e-12)


def test_a_pipeline_in_a_grid_search():
    X, y = ridge()
    pipe = make_pipeline(StandardScaler(), ShallowNetRegressor(0.1))
    search = GridSearchCV(pipe, {"shallownetregressor__alpha": [0.5, 0.02]}, cv=3)
    search.fit(X, y)
    assert search.best_params_ == {"shallownetregressor__alpha": 0.02}
    assert search.best_score_ > 0.5


def test_partial_dependence_is_a_mean_of_predictions():
    X, y = ridge()
    model = ShallowNetRegressor(0.02).fit(X, y)
    found = partial_dependence(model, X, [0], grid_resolution=5, kind="average")
    at = X.copy()
    at[:, 0] = found["grid_values"][0][2]
    # The same mean, summed in another order.
    assert_allclose(found["average"][0, 2], model.predict(at).mean(), rtol=1e-12)


def test_clones_and_pickles_are_the_same():
    X, y = ridge()
    model = ShallowNetRegressor(0.02, scaling=[1.0, 2.0]).fit(X, y)
    again = clone(model).fit(X, y)
    read = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))
    assert_array_equal(read.predict(X), model.predict(X))
    assert read.certificate_ == model.certificate_


def test_names_of_a_frame_are_kept():
    X, y = ridge()
    frame = pd.DataFrame(X, columns=["height", "width"])
    model = ShallowNetRegressor(0.02).fit(frame, y)
    assert_array_equal(model.feature_names_in_, ["height", "width"])
    assert "height" in model.describe()


# Cross-validation by the user.


def cross(**options):
    return ShallowNetRegressorCV([0.3, 0.02, 0.01], cv=3, **options)


def test_it_chooses_among_what_was_given():
    X, y = ridge()
    model = cross().fit(X, y)
    assert_allclose(model.alphas_, [0.3, 0.02, 0.01], rtol=1e-12)  # to units and back
    best = model.alphas_[np.argmin(model.validation_errors_)]
    assert model.alpha_ == best
    assert model.alpha_ < 0.1
    top = ShallowNetRegressor(0.02).fit(X, y).alpha_max_
    assert_allclose(model.alpha_max_, top, rtol=1e-9)  # of exact prices


def test_the_order_of_rows_does_not_matter_to_folds():
    X, y = ridge()
    order = np.argsort(X[:, 0])  # folds in this order would extrapolate
    first, second = cross().fit(X, y), cross().fit(X[order], y[order])
    assert_array_equal(first.validation_errors_, second.validation_errors_)
    assert first.validation_errors_.min() < 0.02  # the noise's 0.1^2 / 2, and some


def test_two_jobs_choose_what_one_does():
    X, y = ridge()
    one, two = cross().fit(X, y), cross(n_jobs=2).fit(X, y)
    assert_array_equal(one.validation_errors_, two.validation_errors_)
    assert one.alpha_ == two.alpha_


def test_splitters_split_the_rows_as_they_came():
    X, y = ridge(40)
    y[20:] += 10.0  # a validation on these rows fails by about that
    rows = PredefinedSplit(np.repeat([-1, 0], 20))
    model = ShallowNetRegressorCV([0.02], cv=rows).fit(X, y)
    assert model.validation_errors_[0] > 20.0  # near 10^2 / 2
    pairs = [(np.arange(0, 40, 2), np.arange(1, 40, 2))]
    mixed = ShallowNetRegressorCV([0.3], cv=pairs).fit(X, y)
    even, odd = X[::2], X[1::2]
    # At 0.3 and beyond, affine: the held-out loss is that of least squares.
    assert mixed.alpha_ == pytest.approx(0.3)
    affine = ShallowNetRegressorCV([1e6], cv=pairs).fit(X, y)
    design = np.c_[np.ones(20), even]
    slopes = np.linalg.lstsq(design, y[::2], rcond=None)[0]
    loss = np.mean((y[1::2] - np.c_[np.ones(20), odd] @ slopes) ** 2) / 2
    assert_allclose(affine.validation_errors_, loss, rtol=1e-9)  # of a well posed fit


def test_equal_rows_in_both_parts_count_in_both():
    X, y = ridge(30)
    labels = y > 0.5
    X, labels = np.r_[X, X], np.r_[labels, labels]
    model = ShallowNetClassifierCV([0.05], cv=KFold(2)).fit(X, labels)
    alone = ShallowNetClassifier(0.05).fit(X, labels)
    # Both parts are the whole table, so the held-out loss is the loss of a fit of it:
    # rough, without a certificate.
    score = alone.decision_function(X)
    n = np.bincount(labels)[labels.astype(int)]
    soft = np.where(labels, (n + 1) / (n + 2), 1 / (n + 2))
    entropy = -soft * np.log(soft) - (1 - soft) * np.log(1 - soft)
    loss = np.mean(np.logaddexp(0.0, score) - soft * score - entropy)
    assert_allclose(model.validation_errors_, loss, rtol=2e-2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_folds_may_run_on_dask(monkeypatch):
    distributed = pytest.importorskip("distributed")
    X, y = ridge()
    here = cross().fit(X, y)
    # Its way to an own address asks a server on the network.
    monkeypatch.setattr("distributed.comm.inproc.get_ip", lambda: "127.0.0.1")
    options = {"processes": False, "n_workers": 1, "threads_per_worker": 1}
    with (
        distributed.LocalCluster(dashboard_address=None, **options) as cluster,
        distributed.Client(cluster),
        parallel_config("dask"),
    ):
        there = cross().fit(X, y)
    assert there.alpha_ == here.alpha_
    assert_array_equal(there.validation_errors_, here.validation_errors_)


# Bad input.


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"alpha": -1}, ValueError, "alpha must be a finite number"),
        ({"alpha": 0.0}, ValueError, "alpha must be a finite number"),
        ({"alpha": np.nan}, ValueError, "alpha must be a finite number"),
        ({"alpha": "best"}, ValueError, "'auto'; got 'best'"),
        ({"alpha": None}, TypeError, "alpha must be a real number"),
        ({"scaling": "robust"}, ValueError, "scaling must be 'standard', 'none' or 2"),
        ({"scaling": [1.0]}, ValueError, "2 positive numbers"),
        ({"scaling": [1.0, -1.0]}, ValueError, "2 positive numbers"),
        ({"scaling": None}, ValueError, "scaling must be"),
        ({"scaling": ["a", "b"]}, ValueError, "scaling must be"),
        ({"loss": "logistic"}, ValueError, "use ShallowNetClassifier"),
        ({"loss": "multinomial"}, ValueError, "use ShallowNetClassifier"),
        ({"loss": "hinge"}, ValueError, "loss must be one of"),
        ({"loss": "quantile", "quantile": 1.0}, ValueError, "quantile must"),
        ({"loss": "huber", "delta": 0.0}, ValueError, "delta must"),
        ({"activation": "tanh"}, ValueError, "activation"),
        ({"order": 1}, ValueError, "order"),
        ({"output_coupling": "both"}, ValueError, "output_coupling must"),
        ({"certificate": "proof"}, ValueError, "certificate must"),
        ({"n_starts": 0}, ValueError, "n_starts must"),
        ({"tol": 0.0}, ValueError, "tol must"),
        ({"max_iter": -1}, ValueError, "max_iter must"),
        ({"max_neurons": -1}, ValueError, "max_neurons must"),
        ({"max_neurons": "many"}, TypeError, "max_neurons must"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        ShallowNetRegressor(**{"alpha": 0.1, **options}).fit(*ridge())


@pytest.mark.parametrize("model", [ShallowNetRegressor(0.1), ShallowNetClassifier(0.1)])
class TestTables:
    def test_sparse(self, model):
        X, y = ridge()
        with pytest.raises(TypeError, match="dense data is required"):
            model.fit(csr_matrix(X), y > 0.5)

    def test_missing(self, model):
        X, y = ridge()
        X[3, 1] = np.nan
        with pytest.raises(ValueError, match="NaN: first in column 1, row 3"):
            model.fit(X, y > 0.5)
        frame = pd.DataFrame(X, columns=["height", "width"])
        with pytest.raises(ValueError, match="NaN: first in column 'width', row 3"):
            model.fit(frame, y > 0.5)

    def test_infinite(self, model):
        X, y = ridge()
        model = clone(model).fit(X, y > 0.5)
        X[2, 0] = -np.inf
        with pytest.raises(ValueError, match="infinity: first in column 0, row 2"):
            model.predict(X)

    def test_other_columns(self, model):
        X, y = ridge()
        model = clone(model).fit(X, y > 0.5)
        with pytest.raises(
            ValueError, match=r"3 features, but .* expecting 2 features"
        ):
            model.predict(np.c_[X, X[:, :1]])

    def test_other_rows(self, model):
        X, y = ridge()
        with pytest.raises(ValueError, match="60"):
            model.fit(X, y[:-1] > 0.5)

    def test_weights(self, model):
        X, y = ridge()
        for w, message in ((np.zeros(60), "non-zero"), (-np.ones(60), "Negative")):
            with pytest.raises(ValueError, match=message):
                model.fit(X, y > 0.5, sample_weight=w)

    def test_targets(self, model):
        X, y = ridge()
        with pytest.raises(ValueError, match=r"NaN|None|nan"):
            model.fit(X, np.where(y > 0.5, np.nan, 0.0))
        with pytest.raises(ValueError, match="y"):
            model.fit(X, None)


def test_one_class_is_refused():
    X, _ = ridge()
    with pytest.raises(ValueError, match=r"two classes.*'a'"):
        ShallowNetClassifier(0.1).fit(X, ["a"] * len(X))
    labels = np.array(["a", "b"]).repeat(30)
    with pytest.raises(ValueError, match=r"two classes.*'b'"):
        ShallowNetClassifier(0.1).fit(X, labels, sample_weight=labels == "b")


@pytest.mark.parametrize("alphas", [[], [-1.0, 0.1], [np.nan], [[np.inf]]])
def test_bad_grids_are_refused(alphas):
    with pytest.raises(ValueError, match="alphas must be"):
        ShallowNetRegressorCV(alphas, cv=3).fit(*ridge())


@pytest.mark.parametrize("cv", [1, 61, "three"])
def test_bad_folds_are_refused(cv):
    with pytest.raises(ValueError, match=r"n_splits|number of splits|cv"):
        ShallowNetRegressorCV([0.1], cv=cv).fit(*ridge())
