"""The torch backend: the same passes, sums and networks as with numpy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.shallow import ShallowNetRegressor, fit_network
from splinear.shallow._fit_checks import read_data
from splinear.shallow._problem import Neurons
from splinear.shallow._task import make_task
from splinear.shallow.losses import make_net_loss

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()


def problems(device, loss="squared", order=2, D=2, N=200):
    X, Y = RNG.normal(size=(N, 3)), RNG.uniform(size=(N, D))
    made = make_net_loss(loss)
    data = read_data(X, Y, RNG.uniform(0.5, 2.0, N), made)
    kind = "relu" if order == 2 else "truncated_power"
    here = make_task(data, made, kind, order).problem
    there = make_task(data, made, kind, order, device).problem
    return here.at(0.01), there.at(0.01)


def some_neurons(problem, K=7):
    D, r = problem.n_outputs, problem.skip_map.shape[1]
    U = RNG.normal(size=(K, 3))
    U /= np.linalg.norm(U, axis=1)[:, None]
    A, S = RNG.normal(size=(K, D)), RNG.normal(size=(r, D))
    return Neurons(U, RNG.normal(size=K), A, S)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("loss", ["squared", "logistic", "poisson"])
def test_passes_agree(device, loss, order):
    here, there = problems(device, loss, order)
    neurons = some_neurons(here)
    R = RNG.normal(size=here.Y.shape)
    same = {"rtol": 1e-10, "atol": 1e-12}
    assert_allclose(there.predict(neurons), here.predict(neurons), **same)
    found = there.correlations(neurons, R)
    assert_allclose(found, here.correlations(neurons, R), **same)
    pairs = zip(
        there.normal_equations(neurons), here.normal_equations(neurons), strict=True
    )
    for mine, other in pairs:
        assert_allclose(mine, other, **same)
    weights = (neurons.U, neurons.t, neurons.A, neurons.S)
    pairs = zip(
        there.raw_value_and_gradient(*weights),
        here.raw_value_and_gradient(*weights),
        strict=True,
    )
    for mine, other in pairs:
        assert_allclose(mine, other, **same)


@pytest.mark.parametrize("device", DEVICES)
def test_blocks_of_the_device_add_up(device, monkeypatch):
    monkeypatch.setattr("splinear.shallow._torch_problem._BLOCK", 1)
    here, there = problems(device, N=2500)  # blocks of 1024 rows
    neurons = some_neurons(here)
    weights = (neurons.U, neurons.t, neurons.A, neurons.S)
    mine, other = (p.raw_value_and_gradient(*weights) for p in (there, here))
    for a, b in zip(mine, other, strict=True):
        assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    assert_allclose(
        there.normal_equations(neurons).G, here.normal_equations(neurons).G, rtol=1e-9
    )


@pytest.mark.parametrize("device", DEVICES)
def test_fits_agree(device):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 4))
    y = np.maximum(X[:, 0] + X[:, 1], 0.0) + 0.1 * rng.normal(size=300)
    here = fit_network(X, y, 0.01, tol=1e-6)
    there = fit_network(X, y, 0.01, tol=1e-6, device=device)
    # Roundings differ, and so do the rounds: each is within its gap of the optimum, in
    # objective, and in values by the strong convexity of the loss.
    gaps = here.certificate.gap, there.certificate.gap
    assert abs(there.objective - here.objective) <= max(gaps)
    apart = np.sqrt(np.mean((there.value(X) - here.value(X)) ** 2))
    assert apart <= sum(np.sqrt(2.0 * gap) for gap in gaps)


def test_an_estimator_takes_a_device():
    X = RNG.normal(size=(100, 2))
    model = ShallowNetRegressor(alpha=0.05, device="cpu").fit(X, np.abs(X[:, 0]))
    other = ShallowNetRegressor(alpha=0.05).fit(X, np.abs(X[:, 0]))
    assert_allclose(model.predict(X), other.predict(X), atol=1e-3)


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="torch device with double precision; got"):
        fit_network([[0.0], [1.0]], [0.0, 1.0], 0.1, device="cuda:97")
