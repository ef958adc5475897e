"""Linear torch networks, and that nothing else here imports torch."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

import splinear.factorization
from splinear.factorization import from_torch

torch = pytest.importorskip("torch")


def model(*sizes, bias=False):
    torch.manual_seed(0)
    pairs = pairwise(sizes)
    layers = [torch.nn.Linear(a, b, bias=bias, dtype=torch.float64) for a, b in pairs]
    return torch.nn.Sequential(*layers)


def test_hessian_of_a_training_loss():
    """``MSELoss`` of rows is loss_scale 1 / (N d_L) of columns."""
    net = model(3, 4, 2)
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    ours = from_torch(net, Y.T, inputs=X.T, loss_scale=1.0 / 14.0)
    x, y = torch.as_tensor(X), torch.as_tensor(Y)
    value = torch.nn.functional.mse_loss(net(x), y)
    assert_allclose(ours.loss(), float(value.detach()), rtol=1e-14)
    parameters = list(net.parameters())
    slopes = torch.autograd.grad(value, parameters, create_graph=True)
    flat = torch.cat([slope.reshape(-1) for slope in slopes])
    rows = [
        torch.cat(
            [
                part.reshape(-1)
                for part in torch.autograd.grad(entry, parameters, retain_graph=True)
            ]
        )
        for entry in flat
    ]
    H = torch.stack(rows).numpy()
    assert_allclose(ours.hessian(), H, atol=1e-13)
    assert_allclose(ours.sharpness().value, np.linalg.eigvalsh(H)[-1], rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: model(2, 2, bias=True), "layer 0 of model has a bias"),
        (lambda: torch.nn.Sequential(torch.nn.ReLU()), "layer 0 is ReLU"),
        (lambda: torch.nn.Linear(2, 2), "must be nn.Sequential; got Linear"),
    ],
)
def test_refusals(build, words):
    with pytest.raises(ValueError, match=words):
        from_torch(build())


def test_the_area_imports_no_torch():
    code = (
        "import sys, splinear.factorization as f;"
        "[getattr(f, n) for n in f._HOME]; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_refused_in_words():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'; it has "):
        splinear.factorization.nothing  # noqa: B018 (the access is the test)
    assert "from_torch" in dir(splinear.factorization)
