"""Operators, weights and Green's-function splines as values."""

import json
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad

from splinear.univariate.green import GreenSpline, from_network
from splinear.univariate.operators import (
    Derivative,
    Exponential,
    ExponentialPair,
    FractionalDerivative,
    operator_from_dict,
)
from splinear.univariate.weights import (
    DepthWeight,
    SmoothWeight,
    StabilityWeight,
    domain_weight,
    empirical_weight,
    weighted_variation,
)

OPERATORS = [
    Derivative(1),
    Derivative(2),
    Derivative(4),
    FractionalDerivative(1.5),
    FractionalDerivative(3.3),
    Exponential(2.0),
    Exponential(-1.0),
    ExponentialPair(1.0, 3.0),
    ExponentialPair(2.0, 2.0),
    ExponentialPair(0.0, 2.0),
]
T = np.linspace(0.1, 3.0, 30)


@pytest.mark.parametrize("operator", OPERATORS, ids=str)
def test_atom_derivatives_agree_with_differences(operator):
    h = 1e-6
    for k in (0, 1):
        slope = (operator.atom(T + h, k) - operator.atom(T - h, k)) / (2 * h)
        # Central differences: h² truncation and eps/h rounding, both below 1e-8.
        assert_allclose(operator.atom(T, k + 1), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("operator", OPERATORS, ids=str)
def test_scaling_law_dict_and_causality(operator):
    scaled, factor = operator.scaled(4.0)
    assert_allclose(operator.atom(4.0 * T), factor * scaled.atom(T), rtol=1e-13)
    assert operator_from_dict(json.loads(json.dumps(operator.to_dict()))) == operator
    if getattr(operator, "rate", 0.0) >= 0.0:
        assert not operator.atom(-T).any()
    else:  # the bounded Green's function: causal up to the null space
        assert_allclose(operator.atom(T) - operator.atom(-1e-9 - 0 * T), 1.0, rtol=1e-8)
    assert operator.null_basis(T / 3.0).shape == (T.size, operator.null_dim)


def test_pair_is_a_convolution_and_its_null_space_is_annihilated():
    pair = ExponentialPair(1.0, 3.0)
    expected = (np.exp(-T) - np.exp(-3.0 * T)) / 2.0
    assert_allclose(pair.atom(T), expected, rtol=1e-13)
    basis = pair.null_basis(T / 3.0)  # span of both decays
    both = np.stack([np.exp(-T / 3.0), np.exp(-T)], axis=1)
    rest = both - basis @ np.linalg.lstsq(basis, both, rcond=None)[0]
    assert_allclose(rest, 0.0, atol=1e-13)


@pytest.mark.parametrize("bad", [0, 7, 2.5, True])
def test_order_out_of_range(bad):
    with pytest.raises(ValueError, match="order must be"):
        Derivative(bad)


def test_gamma_and_neurons_are_checked():
    with pytest.raises(ValueError, match="gamma"):
        FractionalDerivative(1.0)
    with pytest.raises(ValueError, match="anti-causal"):
        FractionalDerivative(1.5).neuron_norm(1.0, -1.0)
    with pytest.raises(ValueError, match="w = 1"):
        Exponential(1.0).neuron_norm(1.0, 2.0)
    with pytest.raises(ValueError, match="positive"):
        from_network(Derivative(2), *np.array([[1.0], [-1.0], [0.0]]), (0.0, 1.0))


def test_green_spline_json_network_and_evaluation():
    rng = np.random.default_rng(0)
    for operator in OPERATORS:
        null = rng.normal(size=operator.null_dim)
        f = GreenSpline(
            operator, np.array([0.5, 1.0]), rng.normal(size=2), null, 1e9, 2.0
        )
        again = GreenSpline.from_dict(json.loads(json.dumps(f.to_dict())))
        x = 1e9 + np.linspace(-1.0, 3.0, 9)
        np.testing.assert_array_equal(f(x), again(x))
        net = f.to_network()
        g = from_network(operator, net["v"], net["w"], net["b"], f.domain)
        # Same atoms, no null space part; knots at 1e9 have steps of 1e-7.
        assert_allclose(g.variation, f.variation, rtol=1e-12)
    with pytest.raises(ValueError, match="version"):
        GreenSpline.from_dict({**f.to_dict(), "version": 2})


def test_rescaled_neurons_of_a_homogeneous_operator_agree():
    # (v, w, b) -> (v / c^(g-1), c w, c b) leaves the function unchanged.
    operator = FractionalDerivative(2.5)
    v, w, b = np.array([1.0, -2.0]), np.array([1.0, 1.0]), np.array([0.2, 0.7])
    c = np.array([2.0, 3.0])
    f = from_network(operator, v, w, b, (0.0, 1.0))
    g = from_network(operator, v / c**1.5, c * w, c * b, (0.0, 1.0))
    assert_allclose(g(T), f(T), rtol=1e-13)


# --- weights: variation_spaces.md, section 1d, column d = 1 -----------------------


def test_l2_weight_is_the_norm_of_the_neuron():
    z = np.array([0.0, 0.5, 0.9])
    weight = domain_weight("l2")
    assert_allclose(weight(z), [0.57735027, 0.20412415, 0.01825742], atol=5e-9)
    np.testing.assert_array_equal(weight(z), weight(-z))


def test_l2_affine_weight():
    z = np.array([0.0, 0.5, -0.5, 0.9])
    expected = [0.20412415, 0.13258252, 0.13258252, 0.01690537]
    assert_allclose(domain_weight("l2_affine")(z), expected, atol=5e-9)


def test_empirical_weight_tends_to_l2_affine():
    x = np.linspace(-1.0, 1.0, 1201)
    weight = empirical_weight(x, np.ones_like(x))
    z = np.array([-0.9, -0.5, 0.0123, 0.5])
    # The root mean square over (-1, 1) divides the L2 norm by the root of 2.
    exact = domain_weight("l2_affine")(z) / math.sqrt(2.0)
    # The grid's cells are 1/60 of the depth at -0.9.
    assert_allclose(weight(z), exact, rtol=2e-2)


def test_empirical_weight_equals_a_regression():
    rng = np.random.default_rng(1)
    x, w = np.sort(rng.uniform(size=9)), rng.uniform(0.1, 2.0, size=9)
    weight = empirical_weight(x, w, floor=1e-12)
    z = 2 * (x - x[0]) / (x[-1] - x[0]) - 1
    root = np.sqrt(w / w.sum())
    for at in (-0.7, -0.1, 0.33, 0.8):
        design = root[:, None] * np.stack([np.ones(9), z], axis=1)
        target = root * np.maximum(z - at, 0.0)
        rest = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
        assert_allclose(weight(np.array([at]))[0], np.linalg.norm(rest), rtol=1e-12)


def test_stability_weight_evaluates_and_refuses():
    weight = StabilityWeight()
    assert_allclose(weight(np.array([0.5])), 0.01953125, atol=5e-9)
    with pytest.raises(ValueError, match="evaluates fits"):
        weight.bounds(np.zeros(1), np.ones(1))


@pytest.mark.parametrize(
    ("alpha", "value"), [(0.75, 1.09522022), (1.0, 0.58578644), (1.5, 0.32190275)]
)
def test_membership_integral(alpha, value):
    # f = sqrt(1 - x): the weighted seminorm is int (1-|x|)^alpha |f''|, for x > 0 the
    # integral of t^(alpha - 3/2) / 4 over (0, 1).
    weight = DepthWeight(alpha, floor=1e-300)

    def density(x):
        return float(weight(np.array([x]))[0]) * 0.25 * (1.0 - x) ** -1.5

    total = quad(density, -1.0, 0.0)[0] + 0.25 / (alpha - 0.5)
    assert_allclose(total, value, atol=6e-9)


@pytest.mark.parametrize(
    ("n", "plain", "weighted"),
    [(8, 44.854, 0.314390), (64, 2895.95, 0.321924), (512, 185363.4, 0.321900)],
)
def test_seminorms_of_graded_interpolants(n, plain, weighted):
    knots = 1.0 - 2.0 * (1.0 - np.arange(n + 1) / n) ** 4
    slopes = np.diff(np.sqrt(1.0 - knots)) / np.diff(knots)
    jumps, inner = np.diff(slopes), knots[1:-1]
    ends = (-1.0, 1.0)
    assert_allclose(weighted_variation(inner, jumps, None, ends), plain, rtol=1e-5)
    weight = DepthWeight(1.5, floor=1e-300)
    # Six digits are printed in the table.
    got = weighted_variation(inner, jumps, weight, ends)
    assert_allclose(got, weighted, atol=6e-7)


WEIGHTS = [
    DepthWeight(0.5),
    DepthWeight(1.0),
    domain_weight("l2"),
    domain_weight("l2_affine"),
    empirical_weight(np.linspace(0, 1, 7) ** 2, np.arange(1.0, 8.0)),
    SmoothWeight(lambda z: 1.2 - np.cos(3 * z) ** 2, curvature=18.0),
]


@pytest.mark.parametrize("weight", WEIGHTS, ids=lambda w: type(w).__name__)
def test_weight_bounds_enclose(weight):
    sites = getattr(weight, "sites", np.zeros(0))
    edges = np.unique(np.r_[np.linspace(-1, 1, 41), weight.breakpoints, sites])
    a, b = edges[:-1], edges[1:]
    wide = b - a > 1e-6
    a, b = a[wide], b[wide]
    low, lo, hi = weight.bounds(a, b)
    h = 1e-2 * (b - a)
    for s in (0.05, 0.3, 0.5, 0.77, 0.95):
        z = a + s * (b - a)
        value = weight(z)
        bend = (weight(z + h) - 2.0 * value + weight(z - h)) / h**2
        room = 1e-9 / h**2 * 1e-4 + 1e-6 * np.maximum(np.abs(lo), np.abs(hi)) + 1e-9
        assert np.all(value >= low * (1.0 - 1e-12))
        assert np.all(bend >= lo - room)
        assert np.all(bend <= hi + room)


def test_unknown_weight():
    with pytest.raises(ValueError, match="a domain weight is one of"):
        domain_weight("flat")
    with pytest.raises(ValueError, match="three data sites"):
        domain_weight("empirical")


@pytest.mark.parametrize("operator", OPERATORS, ids=str)
def test_null_basis_does_not_depend_on_the_company(operator):
    x = np.linspace(0.0, 1.0, 7)
    single = np.concatenate([operator.null_basis(x[i : i + 1]) for i in range(7)])
    assert_allclose(single, operator.null_basis(x), rtol=1e-14)
