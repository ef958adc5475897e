"""Networks and splines are the same functions with the same norm."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from splinear.univariate.network import (
    Network,
    activation,
    canonicalise,
    to_network,
    to_spline,
)
from splinear.univariate.spline import Spline

ORDERS = [1, 2, 3, 4, 5]
# No knot of the random networks below lies on this grid: steps agree there, too.
X = np.linspace(-2.0, 2.0, 83) + math.pi * 1e-4


def net(order, weights, biases, outer, skip, origin=0.0):
    parts = (weights, biases, outer, skip)
    w, b, v, q = (np.asarray(part, dtype=float) for part in parts)
    return Network(order, w, b, v, q, origin)


def random_network(order, seed, width=9, origin=0.0):
    rng = np.random.default_rng((order, seed))
    w, b, v = rng.normal(size=(3, width))
    return net(order, w, b, v, rng.normal(size=order), origin)


def bound(network):
    """Bound all terms between the farthest knots: the unit of rounding.

    Pieces are carried from knot to knot, so the farthest one counts, not [-2, 2].
    """
    live = network.weights != 0.0
    reach = 2.0 + np.max(np.abs(network.biases[live] / network.weights[live]))
    terms = np.abs(network.outer) * np.abs(network.weights) ** (network.order - 1)
    powers = reach ** np.arange(network.order)
    return float(np.sum(terms) * powers[-1] + np.abs(network.skip) @ powers)


# --- the three norms ----------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS[1:])
@pytest.mark.parametrize("seed", range(6))
def test_variation_path_norm_and_weight_decay_agree(order, seed):
    """Write a random function reduced and balanced: the three are one number."""
    spline = to_spline(random_network(order, seed), (-2.0, 2.0))
    network = to_network(spline)
    # Roots and powers of each amplitude: a few ulps; jumps: differences of sums.
    assert_allclose(network.path_norm, spline.variation, rtol=1e-13)
    assert_allclose(network.weight_decay, spline.variation, rtol=1e-13)
    assert_allclose(network.variation, spline.variation, rtol=1e-13)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(6))
def test_raw_norms_are_ordered(order, seed):
    """AM-GM above, the triangle inequality below."""
    network = random_network(order, seed)
    slack = 1.0 + 1e-14  # a few ulps
    if order > 1:
        assert network.path_norm <= network.weight_decay * slack
    assert network.variation <= network.path_norm * slack
    spline = to_spline(network, (-2.0, 2.0))
    # Differences of cumulated top coefficients.
    assert_allclose(spline.variation, network.variation, rtol=1e-13)


@pytest.mark.parametrize("order", ORDERS[1:])
@pytest.mark.parametrize("seed", range(3))
def test_balancing_keeps_the_function_and_makes_decay_the_path_norm(order, seed):
    network = random_network(order, seed)
    balanced = network.balanced()
    atol = 1e-14 * bound(network)
    assert_allclose(balanced(X), network(X), rtol=0.0, atol=atol)
    assert_allclose(balanced.path_norm, network.path_norm, rtol=1e-13)
    assert_allclose(balanced.weight_decay, network.path_norm, rtol=1e-13)
    power = np.abs(balanced.weights) ** (order - 1)
    # Equation (4): attained exactly where |v| = |w|^(m-1).
    assert_allclose(np.abs(balanced.outer), power, rtol=1e-13)


def test_no_rescaling_beats_the_balanced_one():
    network = random_network(3, 0).balanced()
    for c in (0.5, 0.99, 1.01, 2.0):
        scaled = net(
            3,
            network.weights * c,
            network.biases * c,
            network.outer / c**2,
            network.skip,
        )
        assert scaled.weight_decay > network.weight_decay


def same_sign(order):
    return net(order, [1.0, 2.0], [0.5, 1.0], [1.0, 3.0], np.zeros(order))


def antipodal(order):
    # Equal signs after the parity rule: (-1)^m turns the second coefficient.
    sign = (-1.0) ** order
    return net(order, [1.0, -1.0], [0.5, -0.5], [2.0, sign], np.zeros(order))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("build", [same_sign, antipodal])
def test_equality_without_cancellation_although_not_reduced(order, build):
    """Erratum D3: duplicates that do not cancel leave the path norm equal."""
    network = build(order)
    assert network.variation == network.path_norm
    assert canonicalise(network).weights.size == 1


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("build", [same_sign, antipodal])
def test_strict_inequality_with_cancellation(order, build):
    network = build(order)
    flipped = net(
        order,
        network.weights,
        network.biases,
        network.outer * np.array([1.0, -1.0]),
        network.skip,
    )
    first, second = np.abs(network.outer) * np.abs(network.weights) ** (order - 1)
    assert flipped.path_norm == first + second
    assert flipped.variation == abs(first - second)


# --- oracles ------------------------------------------------------------------------


def test_oracle_6_in_one_dimension():
    network = net(2, [1.0, -2.0], [1.0, -2.0], [2.0, -3.0], [0.0, 0.0])
    reduced = canonicalise(network)
    assert_array_equal(reduced.weights, [1.0])
    assert_array_equal(reduced.biases, [1.0])
    assert_array_equal(reduced.outer, [-4.0])
    assert_array_equal(reduced.skip, [-6.0, 6.0])
    # The oracle's third neuron lives in the other coordinate: 5 and 9 there.
    assert (network.variation, network.path_norm) == (4.0, 8.0)


@pytest.mark.parametrize(("a", "b"), [(2.0, 0.5), (2.0, -0.5), (-1.0, -1.0)])
def test_oracle_7_parity_of_order_3(a, b):
    # a rho_3(z) + b rho_3(-z) with z = x - 1/4 has variation |a - b|.
    network = net(3, [1.0, -1.0], [0.25, -0.25], [a, b], np.zeros(3))
    assert network.variation == abs(a - b)
    spline = to_spline(network, (-2.0, 2.0))
    assert spline.variation == abs(a - b)
    assert_allclose(spline(X, "polynomial"), network(X), rtol=0.0, atol=1e-14)


@pytest.mark.parametrize("order", ORDERS)
def test_the_parity_rule(order):
    z = X
    monomial = z ** (order - 1) / math.factorial(order - 1)
    sign = (-1.0) ** order
    wanted = sign * activation(order, z) - sign * monomial
    # Equation (3). A power and a division on either side, each rounded; compiled for
    # AVX-512 numpy's powers of z and -z may differ in the last bit.
    ulps = 4.0 * float(np.finfo(np.float64).eps)
    assert_allclose(activation(order, -z), wanted, rtol=ulps, atol=1e-16)


def test_a_difference_of_mirrored_neurons_is_linear():
    # relu(t) - relu(-t) = t: variation 0, path norm 2.
    network = net(2, [1.0, -1.0], [0.0, 0.0], [1.0, -1.0], [0.0, 0.0])
    assert (network.variation, network.path_norm) == (0.0, 2.0)
    reduced = canonicalise(network)
    assert reduced.weights.size == 0
    assert_array_equal(reduced.skip, [0.0, 1.0])


# --- conversions --------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(4))
def test_canonical_form_and_spline_are_the_same_function(order, seed):
    network = random_network(order, seed, origin=0.125)
    atol = 1e-14 * bound(network)
    assert_allclose(canonicalise(network)(X), network(X), rtol=0.0, atol=atol)
    spline = to_spline(network, (-2.0, 2.0))
    assert_allclose(spline(X, "polynomial"), network(X), rtol=0.0, atol=atol)
    assert_allclose(to_network(spline)(X), network(X), rtol=0.0, atol=atol)


@pytest.mark.parametrize("order", ORDERS)
def test_canonicalising_twice_is_canonicalising_once(order):
    once = canonicalise(random_network(order, 1))
    twice = canonicalise(once)
    for name in ("weights", "biases", "outer", "skip"):
        assert_array_equal(getattr(twice, name), getattr(once, name))
    assert np.all(np.diff(once.biases) > 0.0)


@given(
    order=st.integers(1, 5),
    origin=st.integers(-16, 16),
    atoms=st.dictionaries(
        st.integers(-32, 32),
        st.floats(0.01, 8.0) | st.floats(-8.0, -0.01),
        max_size=6,
    ),
    skip=st.lists(st.integers(-8, 8), min_size=5, max_size=5),
)
def test_spline_to_network_and_back_is_the_identity(order, origin, atoms, skip):
    knots = np.array(sorted(atoms)) / 8.0
    jumps = [atoms[key] for key in sorted(atoms)]
    skip = [float(c) for c in skip[:order]]
    f = Spline.from_jumps(order, knots, jumps, skip, origin / 8.0, (-4.0, 4.0))
    g = to_spline(to_network(f), (-4.0, 4.0))
    # Balancing multiplies by roots and undoes it: some ulps of each number.
    assert g.knots.size == f.knots.size
    assert_allclose(g.knots, f.knots, rtol=0.0, atol=1e-14)
    scale = np.sum(np.abs(f.jumps)) + np.sum(np.abs(skip)) + 1.0
    assert_allclose(g.jumps, f.jumps, rtol=0.0, atol=1e-13 * scale)
    assert_allclose(
        g.coefficients, f.coefficients, rtol=0.0, atol=1e-13 * scale * 8.0**order
    )
    assert (g.order, g.origin, g.domain) == (f.order, f.origin, f.domain)


def test_far_offsets_keep_their_digits():
    knots = 1e9 + np.array([1e-6, 3e-6, 7e-6])
    f = Spline.from_jumps(2, knots, [1.0, -2.0, 3.0], [0.5, 1.0], 1e9, (1e9, 1e9 + 1))
    x = 1e9 + np.linspace(0.0, 1e-5, 30)
    # Everything is local: errors are ulps of 1e-5, not of 1e9.
    assert_allclose(to_network(f)(x), f(x), rtol=0.0, atol=1e-15)
    g = to_spline(to_network(f), f.domain)
    assert_array_equal(g.knots, f.knots)


def test_knots_that_an_origin_makes_equal_are_added_up():
    network = net(2, [1.0, 1.0], [0.0, 1e-9], [1.0, 2.0], [0.0, 0.0], 1e9)
    spline = to_spline(network, (1e9, 1e9 + 1.0))
    assert (spline.knots.tolist(), spline.jumps.tolist()) == ([1e9], [3.0])


# --- dead neurons and domains -----------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
def test_constant_neurons_go_to_the_skip_connection(order):
    skip = np.zeros(order)
    network = net(order, [0.0, 0.0, 1.0], [-2.0, 3.0, 0.5], [1.5, 4.0, 0.0], skip)
    reduced = canonicalise(network)
    assert reduced.weights.size == 0
    assert reduced.skip[0] == 1.5 * activation(order, np.array(2.0))
    assert_array_equal(reduced(X), network(X))
    if order > 1:
        assert network.balanced().weights.size == 0


def test_neurons_outside_the_domain_become_polynomials():
    network = net(
        3, [1.0, 1.0, 1.0, -1.0], [-2.0, 0.5, 2.0, -3.0], np.ones(4), np.zeros(3)
    )
    reduced = canonicalise(network, domain=(0.0, 1.0))
    assert_array_equal(reduced.biases, [0.5])
    x = np.linspace(0.0, 1.0, 11)
    # Squares of numbers below 10.
    assert_allclose(reduced(x), network(x), rtol=0.0, atol=1e-14)
    assert (reduced.variation, network.variation) == (1.0, 4.0)


@pytest.mark.parametrize("order", ORDERS)
def test_a_network_without_neurons_is_its_skip_connection(order):
    network = net(order, [], [], [], np.ones(order))
    assert (network.path_norm, network.weight_decay, network.variation) == (0, 0, 0)
    spline = to_spline(network, (0.0, 1.0))
    assert spline.knots.size == 0
    assert_allclose(spline(X, "polynomial"), network(X), rtol=1e-14, atol=1e-14)
    assert to_network(spline).weights.size == 0


@pytest.mark.parametrize("scale", [3.0, 0.1, 7.7])
def test_scaled_copies_of_a_neuron_share_its_knot(scale):
    # b / w and (c b) / (c w) may differ by an ulp or two.
    for knot in (0.1, 1.0 / 3.0, 1e-8):
        network = net(
            2, [1.0, scale], [knot, scale * knot], [1.0, -1.0 / scale], [0.0, 0.0]
        )
        assert canonicalise(network).weights.size == 0


def test_shapes_pass_through():
    network = random_network(2, 0)
    assert network(0.5).shape == ()
    assert network(np.zeros((2, 3))).shape == (2, 3)
    assert network(np.zeros(0)).shape == (0,)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: net(2, [1.0], [0.0, 1.0], [1.0], [0.0, 0.0]), "biases must have"),
        (lambda: net(2, [1.0], [0.0], [1.0], [0.0]), "skip must have 2"),
        (lambda: net(0, [1.0], [0.0], [1.0], []), "order must be"),
        (lambda: net(2, [math.nan], [0.0], [1.0], [0, 0]), "weights must be fin"),
        (lambda: net(2, [1.0], [0.0], [1.0], [0, 0])([math.nan]), "x must be fin"),
        (lambda: net(1, [1.0], [0.0], [1.0], [0]).balanced(), "at least 2 to bal"),
    ],
)
def test_refusals_say_what_is_wrong(call, words):
    with pytest.raises(ValueError, match=words):
        call()
