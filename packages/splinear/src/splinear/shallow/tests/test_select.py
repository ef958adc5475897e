"""Choice of alpha: folds of unequal length, samples of large data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.core.random import generator
from splinear.shallow import ShallowNetRegressor, select
from splinear.shallow._fit_checks import read_data
from splinear.shallow._task import make_task
from splinear.shallow.losses import make_net_loss


def ridges(N, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, 3))
    return X, np.maximum(X[:, 0] + X[:, 1], 0.0) + 0.1 * rng.normal(size=N)


@pytest.fixture
def task():
    X, y = ridges(40)
    loss = make_net_loss("squared")
    return make_task(read_data(X, y, None, loss), loss, "relu", None)


def test_a_fold_that_ends_early_does_not_end_the_others(task):
    alphas = 0.1 * 0.5 ** np.arange(6)
    curves = [np.array([3.0, 4.0]), np.array([9.0, 7.0, 5.0, 1.0, 2.0])]
    choice = select.chosen(task, alphas, curves, [1.0, 1.0], 100, generator(0))
    assert_allclose(choice.alpha, alphas[3] * task.alpha_unit)
    assert_allclose(choice.errors / task.unit, [6.0, 5.5, 4.5, 2.5, 3.0])


def test_large_data_follow_the_path_on_a_sample_and_end_on_all_rows(monkeypatch):
    X, y = ridges(900)
    seen, follow = [], select._follow

    def spy(problem, *rest):
        seen.append(problem.n)
        return follow(problem, *rest)

    monkeypatch.setattr(select, "_follow", spy)
    monkeypatch.setattr(select, "SAMPLE", 200)
    model = ShallowNetRegressor().fit(X, y)
    assert set(seen) == {200, 720}
    assert seen == sorted(seen)
    assert model.how_.startswith("hold-out")
    assert len(model.alphas_) == len(model.validation_errors_)
    fresh, target = ridges(2000, seed=1)
    assert np.mean((model.predict(fresh) - target) ** 2) <= 1.15 * 0.1**2
    # The network is that of the alpha, wherever the path had started it.
    given = ShallowNetRegressor(model.alpha_).fit(X, y)
    assert_allclose(model.objective_, given.objective_, rtol=2e-3)


def test_no_more_neurons_than_allowed_on_samples(monkeypatch):
    monkeypatch.setattr(select, "SAMPLE", 200)
    X, y = ridges(600)
    assert ShallowNetRegressor(max_neurons=3).fit(X, y).n_neurons_ <= 3
