"""Drawing, evaluating, extending: exact, and as the obvious version."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from splinear.processes import (
    CenteredBall,
    CenteredBox,
    RandomReLUNetwork,
    RandomReLUProcess,
    SymmetricStable,
)
from splinear.processes._draw import Neurons
from splinear.processes.domain import as_domain

from . import oracles

# Sums of K terms of size one: K roundings, and the cells sum in another order.
ROUNDING = 1e-11


@pytest.fixture
def given_net():
    """The deterministic realisation of the specification."""
    directions = [[1.0, 0.0], [-0.6, 0.8], [0.0, -1.0]]
    return RandomReLUNetwork(directions, [0.25, 0.5, 0.1], [2.0, -1.0, 0.5], domain=1.0)


POINTS = np.array([[0.5, 0.75], [-0.8, 0.6], [0.3, -0.7], [0.0, 0.0]])


def test_given_neurons_give_the_known_values_and_gradients(given_net):
    assert_allclose(given_net(POINTS), [0.5, -0.46, 0.4, 0.0], rtol=1e-14, atol=1e-16)
    slopes = [[2.0, 0.0], [0.6, -0.8], [2.0, -0.5], [0.0, 0.0]]
    assert_allclose(given_net.gradient(POINTS), slopes, rtol=1e-14, atol=1e-16)


def test_flipped_neurons_need_the_known_affine_terms(given_net):
    form = given_net.affine_form(np.array([False, True, True]))
    assert_allclose(form.slope, [0.6, -1.3], rtol=1e-14)
    assert_allclose(form.intercept, 0.45, rtol=1e-14)
    z = np.maximum(POINTS @ form.directions.T - form.biases, 0.0)
    affine = POINTS @ form.slope + form.intercept
    assert_allclose(z @ form.weights + affine, given_net(POINTS), atol=1e-15)
    back = RandomReLUNetwork.from_two_sided(
        form.directions, form.biases, form.weights, 1
    )
    assert_array_equal(back(POINTS), given_net(POINTS))


@pytest.mark.parametrize("dim", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [1, 2, 63, 1000])
def test_cells_give_what_every_neuron_at_every_point_gives(dim, count):
    process = RandomReLUProcess(dim, 300.0 / 2**dim)
    net = process.sample(2.0, random_state=dim)
    X = np.random.default_rng(count).standard_normal((count, dim))
    X *= 2.0 / np.linalg.norm(X, axis=1).max()
    scale = np.abs(net.weights).sum()
    assert_allclose(net(X), oracles.values(net, X), atol=ROUNDING * scale)
    assert_allclose(net.gradient(X), oracles.gradients(net, X), atol=ROUNDING * scale)


def test_points_that_coincide_and_lie_in_order_are_no_trouble():
    net = RandomReLUProcess(2, 50.0).sample(1.0, random_state=0)
    line = np.column_stack([np.linspace(-0.5, 0.5, 777), np.zeros(777)])
    for X in (line, line[::-1], np.tile(line[:3], (100, 1)), np.zeros((99, 2))):
        assert_allclose(net(X), oracles.values(net, X), atol=1e-11)


def test_blocks_of_rows_and_of_neurons_change_nothing(monkeypatch):
    from splinear.processes import _evaluate

    net = RandomReLUProcess(2, 30.0).sample(1.0, random_state=0)
    X = np.random.default_rng(1).uniform(-0.7, 0.7, (500, 2))
    whole, slopes = net(X), net.gradient(X)
    monkeypatch.setattr(_evaluate, "POINTS", 64)
    monkeypatch.setattr(_evaluate, "NEURONS", 10)
    assert_allclose(net(X), whole, atol=1e-12)
    assert_allclose(net.gradient(X), slopes, atol=1e-12)


def test_the_gradient_is_the_slope_of_the_value():
    net = RandomReLUProcess(3, 20.0).sample(1.0, random_state=0)
    rng = np.random.default_rng(0)
    X, D = rng.uniform(-0.5, 0.5, (200, 3)), rng.standard_normal((200, 3))
    h = 1e-7
    change = (net(X + h * D) - net(X - h * D)) / (2.0 * h)
    along = np.sum(net.gradient(X) * D, axis=1)
    # Within h of a crease, a few of 200 points, the difference sees both sides.
    off = np.abs(change - along) > 1e-5
    assert off.sum() <= 2


@given(
    dim=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
    factor=st.floats(1.0, 4.0),
    box=st.booleans(),
)
def test_extending_changes_no_bit_inside(dim, seed, factor, box):
    rng = np.random.default_rng(seed)
    domain = CenteredBox(rng.uniform(0.5, 1.0, dim)) if box else CenteredBall(1.0)
    small = RandomReLUProcess(dim, 4.0).sample(domain, rng)
    large = small.extend(factor * domain.outer_radius(dim), rng)
    X = rng.standard_normal((200, dim))
    X /= domain.excess(X).max()
    assert_array_equal(large(X), small(X))
    assert_array_equal(large.gradient(X), small.gradient(X))


def test_extending_twice_is_drawing_once():
    # Counts of neurons up to radius 3, drawn in three steps, are Poisson of one mean.
    process, draws = RandomReLUProcess(2, 1.0), 4000
    rng = np.random.default_rng(0)
    steps = [
        process.sample(1.0, rng).extend(2.0, rng).extend(3.0, rng) for _ in range(draws)
    ]
    counts = np.array([net.n_neurons for net in steps])
    mean = process.expected_width(3.0)
    assert_allclose(mean, 12.0 * np.pi, rtol=1e-14)
    assert abs(oracles.z_of_mean(counts, mean)) <= 4.0
    # and its variance is its mean: the fourth central moment is mean + 3 mean^2
    spread = (counts - mean) ** 2
    assert abs(oracles.z_of_mean(spread, mean)) <= 4.0
    thresholds = np.concatenate([net.thresholds for net in steps])
    assert abs(oracles.z_of_mean(thresholds, 1.5)) <= 4.0


@pytest.mark.parametrize(
    ("domain", "dim", "width"),
    [
        (CenteredBox([1.0, 1.0]), 2, 160.0),  # 16 lambda
        (CenteredBall(0.5), 1, 20.0),  # 2 lambda 2 R
        (CenteredBall(1.0), 3, 80.0 * np.pi),
        (CenteredBox([1.0, 2.0, 0.5]), 3, 2 * 10.0 * 3.5 * 2 * np.pi),
    ],
)
def test_widths_have_the_expected_mean(domain, dim, width):
    process = RandomReLUProcess(dim, 10.0)
    assert_allclose(process.expected_width(domain), width, rtol=1e-13)
    rng = np.random.default_rng(0)
    counts = np.array([process.sample(domain, rng).n_neurons for _ in range(1000)])
    assert abs(oracles.z_of_mean(counts, width)) <= 4.0


def test_a_box_keeps_what_bends_it_and_its_extension_the_rest():
    box = CenteredBox([1.0, 0.2])
    net = RandomReLUProcess(2, 40.0).sample(box, random_state=0)
    assert np.all(net.thresholds < box.support(net.directions))
    ball = net.extend(1.5, random_state=1)
    added = slice(net.n_neurons, None)
    assert np.all(ball.thresholds[added] >= box.support(ball.directions[added]))


def test_a_seed_names_a_realisation():
    process = RandomReLUProcess(2, 10.0, SymmetricStable(1.25))
    one, two = process.sample(1.0, 5), process.sample(1.0, 5)
    assert_array_equal(one.weights, two.weights)
    assert not np.array_equal(one.weights, process.sample(1.0, 6).weights)


def test_knots_are_where_a_line_bends():
    net = RandomReLUNetwork([[1.0], [-1.0]], [0.5, 0.25], [1.0, 2.0], domain=1.0)
    assert_array_equal(net.knots(), [-0.25, 0.5])
    assert_allclose(net([-1.0, 0.0, 1.0]), [1.5, 0.0, 0.5])


def test_no_neurons_and_no_points_are_fine():
    net = RandomReLUNetwork(np.empty((0, 2)), [], [], domain=1.0)
    assert_array_equal(net(POINTS), np.zeros(4))
    full = RandomReLUProcess(2, 10.0).sample(1.0, 0)
    assert full(np.empty((0, 2))).shape == (0,)
    assert full.gradient(np.empty((0, 2))).shape == (0, 2)


MEMORY = """
from pathlib import Path
import numpy as np
from splinear.processes import CenteredBox, RandomReLUProcess

def resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    (kib,) = (line.split()[1] for line in lines if line.startswith(name))
    return int(kib) / 2**10

net = RandomReLUProcess(2, 1000.0).sample(CenteredBox([1.0, 1.0]), 0)
side = np.linspace(-1.0, 1.0, 512)
X = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
net(X[:10])
Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
before = resident("VmRSS")
net(X)
print(resident("VmHWM") - before)
"""


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(),
    reason="peaks are read from Linux' /proc",
)
def test_memory_stays_bounded_where_all_activations_would_be_32_gib():
    run = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )
    # MiB; 18 of them are copies of X and the result.
    assert 1.0 < float(run.stdout) < 60.0


# What is refused, and in which words.


def test_points_outside_are_refused_and_extend_is_offered(given_net):
    with pytest.raises(ValueError, match=r"row 1 of X .*outside.*\.extend\(1\.5\)"):
        given_net([[0.1, 0.1], [1.5, 0.0]])
    with pytest.raises(ValueError, match="outside the sampled"):
        given_net.gradient([[1.5, 0.0]])
    net = RandomReLUProcess(2, 1.0).sample(CenteredBox([1.0, 0.5]), 0)
    with pytest.raises(ValueError, match="outside the sampled"):
        net([[0.5, 0.6]])
    assert net.extend(2.0, 1)([[0.5, 0.6]]).shape == (1,)


@pytest.mark.parametrize("X", [[[np.nan, 0.0]], [[np.inf, 0.0]]])
def test_points_that_are_not_finite_are_refused(given_net, X):
    with pytest.raises(ValueError, match="X must be finite"):
        given_net(X)


def test_points_of_another_shape_or_kind_are_refused(given_net):
    with pytest.raises(ValueError, match=r"X must have shape \(N, 2\).*got \(1, 3\)"):
        given_net([[0.0, 0.0, 0.0]])
    with pytest.raises(TypeError, match="real numbers"):
        given_net([["a", "b"]])
    with pytest.raises(TypeError, match="real numbers"):
        given_net(np.zeros((1, 2), dtype=complex))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([[1.0, 0.0]], [-0.5], [1.0], 1.0), "from_two_sided"),
        (([[1.0, 1.0]], [0.5], [1.0], 1.0), "unit length; row 0"),
        (([[1.0, 0.0]], [0.5], [1.0, 2.0], 1.0), "weights must have 1 entries"),
        (([1.0, 0.0], [0.5], [1.0], 1.0), r"directions must have shape \(1, d\)"),
        (([[1.0, 0.0]], [0.5], [np.nan], 1.0), "weights must be finite"),
        (([[1.0, 0.0]], [0.5], [1.0], -1.0), "radius must be"),
        (([[1.0, 0.0]], [0.5], [1.0], CenteredBox([1.0])), "must have 2 half widths"),
    ],
)
def test_neurons_that_make_no_realisation_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        RandomReLUNetwork(*arguments)


def test_extending_needs_a_process_and_a_larger_domain(given_net):
    with pytest.raises(ValueError, match="built from given neurons"):
        given_net.extend(2.0)
    net = RandomReLUProcess(2, 1.0).sample(1.0, 0)
    with pytest.raises(ValueError, match="only be extended to a domain that holds"):
        net.extend(0.5)
    with pytest.raises(ValueError, match="only be extended"):
        net.extend(CenteredBox([0.9, 2.0]))
    tall = RandomReLUProcess(2, 1.0).sample(CenteredBox([1.0, 1.0]), 0)
    with pytest.raises(ValueError, match="only be extended"):
        tall.extend(1.2)  # the corners are at 1.41


def test_other_misuse_of_a_realisation_is_refused(given_net):
    with pytest.raises(ValueError, match="one dimension; this realisation has 2"):
        given_net.knots()
    with pytest.raises(ValueError, match="flipped must be 3 booleans"):
        given_net.affine_form([0, 1, 1])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0, 1.0), ValueError, "dim must be an integer >= 1"),
        ((2, 0.0), ValueError, "rate must be"),
        ((2, np.inf), ValueError, "rate must be"),
        ((2, "a"), TypeError, "rate must be"),
        ((2, 1.0, "gaussian"), TypeError, "weight_law must be Gaussian"),
    ],
)
def test_a_process_says_what_it_needs(arguments, error, words):
    with pytest.raises(error, match=words):
        RandomReLUProcess(*arguments)


def test_a_draw_that_would_fill_the_memory_is_refused():
    with pytest.raises(ValueError, match="neurons are expected; at most 1e"):
        RandomReLUProcess(2, 1e9).sample(1.0)
    with pytest.raises(ValueError, match="neurons are expected a draw"):
        RandomReLUProcess(2, 1e9).simulate([[1.0, 0.0]], 1)


def test_domains_say_what_they_need():
    with pytest.raises(ValueError, match="half_widths must be positive"):
        CenteredBox([1.0, 0.0])
    with pytest.raises(ValueError, match="half_widths must be positive"):
        CenteredBox([])
    with pytest.raises(TypeError, match="radius must be a real number"):
        as_domain("ball", 2)


def test_a_realisation_shows_its_size(given_net):
    assert repr(given_net).startswith("RandomReLUNetwork(3 neurons in dimension 2")
    assert isinstance(given_net.neurons, Neurons)
