"""The value, its canonical form, its norms, its conversions; oracles O-6 to O-9."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from splinear.core.testing import taylor_slope
from splinear.shallow import norms
from splinear.shallow._polynomial import exponents
from splinear.shallow.atoms import Absolute, Relu, TruncatedPower, family
from splinear.shallow.canonical import canonicalise
from splinear.shallow.convert_onnx import from_onnx, to_onnx
from splinear.shallow.convert_sklearn import from_sklearn
from splinear.shallow.convert_torch import from_torch, to_torch
from splinear.shallow.domain import Ball, Box
from splinear.shallow.net import ShallowNet
from splinear.shallow.net_file import load_net, save_net
from splinear.shallow.printout import describe
from splinear.shallow.testing import AtomFamilyConformance

KINDS = [("relu", 2), ("absolute", 2), ("truncated_power", 3), ("truncated_power", 4)]


class TestRelu(AtomFamilyConformance):
    def build(self):
        return Relu()

    def naive(self, z):
        return max(z, 0.0)


class TestAbsolute(AtomFamilyConformance):
    def build(self):
        return Absolute()

    def naive(self, z):
        return abs(z)


class TestCubic(AtomFamilyConformance):
    def build(self):
        return TruncatedPower(4)

    def naive(self, z):
        return max(z, 0.0) ** 3 / 6.0


class TestQuadratic(AtomFamilyConformance):
    def build(self):
        return TruncatedPower(3)

    def naive(self, z):
        return max(z, 0.0) ** 2 / 2.0


def random_net(seed, kind=("relu", 2), K=6, d=3, D=2):
    """Draw a net with equal, opposite and dead neurons among its own."""
    rng = np.random.default_rng(seed)
    activation, order = kind
    w, t, v = rng.normal(size=(K, d)), rng.normal(size=K), rng.normal(size=(K, D))
    w, t = np.vstack([w, w[:2], -w[:3], w[:1]]), np.concatenate([t, t[:2], -t[:3], [0]])
    v = np.vstack([v, rng.normal(size=(5, D)), np.zeros((1, D))])
    w[-2] *= 3.0
    t[-2] *= 3.0
    P = len(exponents(d, order - 1))
    skip, c0 = rng.normal(size=(P, D)), rng.normal(size=D)
    return ShallowNet.from_neurons(
        w, t, v, skip, c0, order=order, activation=activation
    )


def same(f, g, X, tol=1e-11):
    size = 1.0 + np.max(np.abs(f(X)))
    # Sums of some dozen terms of this size, after a division or two.
    assert_allclose(g(X), f(X), atol=tol * size)


@pytest.mark.parametrize("kind", KINDS)
def test_call_equals_the_loop(kind):
    f = random_net(0, kind)
    X = np.random.default_rng(1).normal(size=(7, 3))
    for x, value in zip(X, f(X), strict=True):
        expected = f.intercept.copy()
        for power, row in zip(f.skip_exponents, f.skip, strict=True):
            expected += row * np.prod(x**power)
        for u, t, a in zip(f.directions, f.offsets, f.coef, strict=True):
            expected += a * f.atoms.evaluate(u @ x, t)
        assert_allclose(value, expected, rtol=1e-11)  # another order of summation


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_by_taylor_slope(kind):
    f = random_net(2, kind)
    for o in range(2):
        slope = taylor_slope(
            lambda x, o=o: float(f(x[None])[0, o]),
            lambda x, o=o: f.gradient(x[None])[0, o],
            np.array([0.3, -0.2, 0.5]),
        )
        assert slope > 1.9


def test_blocks_change_nothing(monkeypatch):
    f, X = random_net(3), np.random.default_rng(3).normal(size=(50, 3))
    whole, slopes = f(X), f.gradient(X)
    monkeypatch.setattr("splinear.shallow.net._BLOCK", 40)
    assert_allclose(f(X), whole, rtol=1e-12)  # BLAS may add in another order
    assert_allclose(f.gradient(X), slopes, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6))
def test_canonical_is_the_same_function(kind, seed):
    f = random_net(seed, kind)
    g = canonicalise(f)
    X = np.random.default_rng(seed).normal(size=(30, 3))
    same(f, g, X)
    assert g.n_neurons <= 6
    for coupling in ("joint", "independent"):
        assert g.path_norm(coupling) <= f.path_norm(coupling) * (1 + 1e-12)
    again = canonicalise(g)
    assert_array_equal(again.directions, g.directions)
    assert_array_equal(again.coef, g.coef)


@pytest.mark.parametrize("kind", KINDS)
def test_folding_keeps_the_function_on_the_domain(kind):
    f = random_net(5, kind, K=30)
    X = 0.3 * np.random.default_rng(5).uniform(-1, 1, size=(200, 3))
    r = 0.3 * math.sqrt(3.0)
    for domain in (X, Box([-0.3] * 3, [0.3] * 3), Ball([0.0] * 3, r)):
        g = f.canonical(domain)
        same(f, g, X)
        assert g.n_neurons < f.canonical().n_neurons


def test_oracle_o6():
    w = [[1, 0], [-2, 0], [0, 1]]
    f = ShallowNet.from_neurons(w, [1, -2, 0], [2.0, -3.0, 1.0])
    g = f.canonical()
    assert_array_equal(g.coef.ravel(), [1.0, -4.0])
    assert_array_equal(g.skip.ravel(), [6.0, 0.0])
    assert g.intercept[0] == -6.0
    assert f.variation_norm() == 5.0
    assert norms.path_norm(w, [2.0, -3.0, 1.0]) == 9.0


@pytest.mark.parametrize(("a", "b"), [(2.0, 0.5), (1.0, -3.0), (1.0, 1.0)])
def test_oracle_o7_odd_orders_subtract(a, b):
    f = ShallowNet.from_neurons([[1.0], [-1.0]], [0.5, -0.5], [a, b], order=3)
    assert f.variation_norm() == abs(a - b)
    same(f, f.canonical(), np.linspace(-2, 2, 9)[:, None])


def test_antipodes_with_rounding_in_the_deciding_entry():
    u = np.array([[1e-17, 1.0], [1e-17, -1.0], [-1e-14, 1.0]])
    f = ShallowNet.from_neurons(u, [0.3, -0.3, 0.3], [1.0, 1.0, 1.0])
    assert f.canonical().n_neurons == 1


def test_tiny_units_are_not_merged():
    f = ShallowNet([[1.0], [1.0]], [1e-30, 2e-30], [1.0, 1.0], [[0.0]], 0.0)
    assert f.canonical().n_neurons == 2


def test_oracle_o8_cost_without_skip():
    f = ShallowNet([[1, 0], [0.6, 0.8]], [0, 0], [1.0, -2.0], [0.3, -1.0], 0.0)
    assert norms.no_skip_cost(f) == pytest.approx(5.0880613, abs=1e-7)  # its digits
    g = ShallowNet([[1.0, 0.0]], [0.0], [2.0], [0.0, 0.0], 0.0)
    assert norms.no_skip_cost(g) == pytest.approx(2.0, rel=1e-12)


def test_oracle_o8_absolute_is_its_relu_form():
    f = ShallowNet([[0.6, 0.8]], [0.2], [1.5], [0.3, 0.1], 0.0, 2, "absolute")
    g = ShallowNet([[0.6, 0.8]], [0.2], [3.0], f.skip - 1.5 * f.directions.T, 0.3)
    same(f, g, np.random.default_rng(0).normal(size=(9, 2)))
    assert f.variation_norm() == g.variation_norm() == 3.0
    assert norms.no_skip_cost(f) == pytest.approx(norms.no_skip_cost(g), rel=1e-10)


def test_oracle_o9_gaussians():
    values = [2.426123, 4.768562, 7.020064, 9.283235, 11.543522, 13.801997, 16.061199]
    ours = [norms.radon_tv_gaussian(d) for d in range(1, 8)]
    assert_allclose(ours, values, atol=6e-7)  # their digits
    assert_allclose(ours[1], 4.76856204399, rtol=1e-11)  # errata D1
    assert_allclose(ours[5], 13.8019968745, rtol=1e-11)
    assert norms.radon_tv_gaussian(3, 2.0) == pytest.approx(ours[2] / 2, rel=1e-15)


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("coupling", ["joint", "independent"])
def test_path_norm_weight_decay_and_variation_agree(order, coupling):
    rng = np.random.default_rng(order)
    raw = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=(5, 2))
    f = ShallowNet.from_neurons(*raw, order=order)
    path = norms.path_norm(raw[0], raw[2], order, coupling)
    even = norms.balance(*raw, order, coupling)
    # Roots and powers: some ulps.
    assert f.variation_norm(coupling) == pytest.approx(path, rel=1e-12)
    decay = norms.weight_decay(even.weights, even.outer, order, coupling)
    assert decay == pytest.approx(path, rel=1e-12)
    assert norms.weight_decay(raw[0], raw[2], order, coupling) > path
    same(f, ShallowNet.from_neurons(*even, order=order), rng.normal(size=(9, 3)))
    if coupling == "joint":
        assert norms.imbalance(even.weights, even.outer, order) < 1e-12


def test_oracle_o12_full_norm_bounds_slopes():
    f = random_net(7)
    X = np.random.default_rng(7).normal(size=(500, 3))
    steepest = np.max(np.abs(f.gradient(X)))
    assert steepest <= norms.lipschitz_bound(f) <= norms.full_norm(f)


@pytest.mark.parametrize(
    "domain", [Box([-1.0, -2.0], [1.5, 1.0]), Ball([0.2, 0.1], 1.5)]
)
def test_hessian_variation_by_differences_of_the_gradient(domain):
    """Integrate |jumps of the gradient| by the co-area formula on a fine grid."""
    f = ShallowNet([[0.6, 0.8]], [0.3], [2.0], [0.1, 0.2], 0.0)
    n = 1500
    low, high = (-2.0, -2.5), (2.0, 2.0)
    x = np.linspace(low[0], high[0], n)
    y = np.linspace(low[1], high[1], n)
    X = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    slope = f.gradient(X.reshape(-1, 2)).reshape(n, n, 2) @ [0.6, 0.8]
    if isinstance(domain, Box):
        inside = np.all((domain.low <= X) & (domain.high >= X), axis=-1)
    else:
        inside = np.linalg.norm(X - domain.center, axis=-1) <= domain.radius
    # Lines along x cross the crease once per height: d(length) = dy / |u_1|.
    crossed = (np.diff(slope, axis=0) != 0) & inside[1:] & inside[:-1]
    length = np.sum(crossed) * (y[1] - y[0]) / 0.6
    # One grid line more or less at either end.
    assert norms.hessian_variation(f, domain) == pytest.approx(2.0 * length, rel=1e-2)


def test_hessian_variation_in_one_dimension_is_the_seminorm():
    f = random_net(8, d=1, D=1)
    wide = Box([-1e3], [1e3])
    # Both are the same sum.
    assert norms.hessian_variation(f, wide) == pytest.approx(f.variation_norm())
    assert norms.hessian_variation(f, Ball([0.0], 1e3)) == pytest.approx(
        f.variation_norm()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_exact(tmp_path, kind):
    f = random_net(9, kind)
    save_net(f, tmp_path / "net.json")
    g = load_net(tmp_path / "net.json")
    for name in ("directions", "offsets", "coef", "skip", "intercept"):
        assert_array_equal(getattr(f, name), getattr(g, name))
    assert (f.order, f.activation) == (g.order, g.activation)


def test_files_of_no_neurons_and_bad_files(tmp_path):
    f = ShallowNet(np.empty((0, 3)), [], np.empty((0, 2)), np.ones((3, 2)), [1, 2])
    path = tmp_path / "net.json"
    save_net(f, path)
    assert load_net(path)([[1, 1, 1]]).tolist() == [[4.0, 5.0]]
    path.write_text(json.dumps({**f.to_dict(), "version": 9}))
    with pytest.raises(ValueError, match="version 1; got 9"):
        load_net(path)
    path.write_text("no")
    with pytest.raises(ValueError, match="not JSON"):
        load_net(path)
    path.write_text(json.dumps({"type": "ShallowNet", "version": 1}))
    with pytest.raises(ValueError, match="missing"):
        load_net(path)


@pytest.mark.parametrize("kind", KINDS)
def test_in_units(kind):
    f = random_net(10, kind)
    X = np.random.default_rng(10).normal(size=(20, 3))
    m, s = np.array([1.0, -2.0, 0.5]), np.array([2.0, 0.5, 3.0])
    g = f.in_units(m, s, 4.0, 2.5)
    assert_allclose(g(X * s + m), 4.0 + 2.5 * f(X), rtol=1e-9, atol=1e-9)  # cancels


def test_printout_in_units():
    rng = np.random.default_rng(0)
    f = ShallowNet.from_neurons(rng.normal(size=(3, 2)), rng.normal(size=3), [1, 5, 2])
    text = describe(f, ["age", "income"], center=[40, 3], scale=[10, 2], limit=2)
    lines = text.splitlines()
    assert lines[2].startswith("1. where ")
    assert "per age" in lines[2]
    assert lines[-1] == "... and 1 smaller ones"


def test_sklearn():
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    options = {"hidden_layer_sizes": (7,), "solver": "lbfgs", "max_iter": 5000}
    y = X @ [1.0, 2.0, 3.0]
    model = MLPRegressor(**options, alpha=1.0).fit(X, y)
    # Another order of summation.
    assert_allclose(from_sklearn(model)(X).ravel(), model.predict(X), rtol=1e-10)
    label = (y > 0).astype(int)
    classes = MLPClassifier(**options, alpha=1.0).fit(X, label)
    score = from_sklearn(classes)(X).ravel()
    share = classes.predict_proba(X)[:, 1]
    assert_allclose(1.0 / (1.0 + np.exp(-score)), share, rtol=1e-9)
    with pytest.raises(TypeError, match="MLPRegressor"):
        from_sklearn(3)


def test_torch():
    torch = pytest.importorskip("torch", reason="torch is an extra")
    nn = torch.nn
    X = np.random.default_rng(0).normal(size=(20, 3))
    for kind in KINDS:
        f = random_net(11, kind)
        if f.order > 2:
            with pytest.raises(ValueError, match="affine"):
                to_torch(f)
            skip = f.skip.copy()
            skip[3:] = 0.0
            f = ShallowNet(
                f.directions,
                f.offsets,
                f.coef,
                skip,
                f.intercept,
                f.order,
                f.activation,
            )
        module = to_torch(f)
        # Another BLAS adds in another order; the parameters are the same bits.
        values = module(torch.from_numpy(X)).detach().numpy()
        assert_allclose(values, f(X), rtol=1e-11, atol=1e-12)
        same(f, from_torch(module), X)
    plain = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 2))
    plain = plain.double().eval()
    values = plain(torch.from_numpy(X)).detach().numpy()
    assert_allclose(from_torch(plain)(X), values, rtol=1e-10, atol=1e-12)
    with pytest.raises(ValueError, match="Linear, Tanh, Linear"):
        from_torch(nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)))


def test_onnx():
    pytest.importorskip("onnx", reason="onnx is an extra")
    f = random_net(12)
    X = np.random.default_rng(0).normal(size=(20, 3))
    model = to_onnx(f, dtype="float64")
    assert {node.op_type for node in model.graph.node} <= {"Gemm", "Relu", "Add"}
    same(f, from_onnx(model), X)
    empty = ShallowNet(np.empty((0, 3)), [], np.empty((0, 1)), np.ones(3), 1.0)
    same(empty, from_onnx(to_onnx(empty, dtype="float64")), X)
    with pytest.raises(ValueError, match="order 2"):
        to_onnx(random_net(0, KINDS[2]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_onnx_runtime(dtype):
    pytest.importorskip("onnx", reason="onnx is an extra")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is an extra")
    f = random_net(13, ("absolute", 2))
    X = np.random.default_rng(0).normal(size=(20, 3)).astype(dtype)
    session = runtime.InferenceSession(
        to_onnx(f, dtype=dtype).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    out = session.run(None, {"X": X})[0]
    # Some dozen roundings of either precision.
    tol = 1e-4 if dtype == "float32" else 1e-11
    assert_allclose(out, f(X), rtol=tol, atol=tol)


def test_importing_shallow_loads_no_torch():
    code = (
        "import sys; from splinear import shallow; shallow.to_torch; shallow.to_onnx; "
        "sys.exit(bool({'torch', 'onnx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"directions": [[2.0]]}, "unit length"),
        ({"directions": [1.0]}, "shape"),
        ({"coef": [1.0, 2.0]}, "coef must have shape"),
        ({"skip": [[1.0], [2.0]]}, "skip must have shape"),
        ({"offsets": [np.nan]}, "offsets must be finite"),
        ({"order": 1}, "order"),
        ({"activation": "tanh"}, "activation must be"),
    ],
)
def test_wrong_fields_in_words(change, words):
    right = {"directions": [[1.0]], "offsets": [0.0], "coef": [1.0]}
    with pytest.raises(ValueError, match=words):
        ShallowNet(**{**right, "skip": [[0.0]], "intercept": 0.0, **change})


def test_wrong_inputs_in_words():
    f = random_net(0)
    X = np.zeros((4, 3))
    X[2, 1] = np.nan
    with pytest.raises(ValueError, match="row 2, column 1"):
        f(X)
    with pytest.raises(ValueError, match="shape"):
        f(np.zeros((4, 2)))
    assert f(np.zeros((0, 3))).shape == (0, 2)


def test_families_by_name():
    assert family("relu", 3) == TruncatedPower(3)
    assert family(Absolute()) == Absolute()
    with pytest.raises(ValueError, match="order 2"):
        family("absolute", 3)
