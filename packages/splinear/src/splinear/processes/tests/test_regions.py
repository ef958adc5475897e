"""Linear regions: expectation, count, simulation."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.processes import (
    CenteredBall,
    CenteredBox,
    RandomReLUNetwork,
    RandomReLUProcess,
    count_linear_regions,
)

from . import oracles

SQUARE = CenteredBox([1.0, 1.0])


def test_expected_regions_to_the_digits_stated():
    disc = RandomReLUProcess(2, 1.0).expected_linear_regions(1.0)
    assert_allclose(disc, 53.0447882187, atol=6e-11)
    for rate, stated in ((0.3, 8.323), (1.0, 53.045), (3.0, 394.005)):
        got = RandomReLUProcess(2, rate).expected_linear_regions(1.0)
        assert_allclose(got, stated, atol=6e-4)
    for rate, stated in ((0.3, 10.324), (1.0, 67.265)):
        got = RandomReLUProcess(2, rate).expected_linear_regions(SQUARE)
        assert_allclose(got, stated, atol=6e-4)
        assert_allclose(got, 1 + 16 * rate + 16 * np.pi * rate**2, rtol=1e-13)
    line = RandomReLUProcess(1, 3.0).expected_linear_regions(0.5)
    assert_allclose(line, 1 + 4 * 3.0 * 0.5, rtol=1e-13)


@pytest.mark.parametrize(
    ("rate", "domain"),
    [(0.3, CenteredBall(1.0)), (1.0, CenteredBall(1.0)), (0.3, SQUARE), (1.0, SQUARE)],
)
def test_counts_have_the_expected_mean(rate, domain):
    process, rng = RandomReLUProcess(2, rate), np.random.default_rng(0)
    counts = [count_linear_regions(process.sample(domain, rng)) for _ in range(3000)]
    expected = process.expected_linear_regions(domain)
    assert abs(oracles.z_of_mean(np.array(counts), expected)) <= 4.0


def test_in_three_dimensions_by_flats_that_meet_the_ball():
    # A region for every set of up to three planes whose intersection meets the ball.
    process, rng = RandomReLUProcess(3, 0.15), np.random.default_rng(0)
    counts = []
    for _ in range(2000):
        net = process.sample(1.0, rng)
        count = 1 + net.n_neurons
        for k in (2, 3):
            for some in combinations(range(net.n_neurons), k):
                U, t = net.directions[list(some)], net.thresholds[list(some)]
                nearest = U.T @ np.linalg.solve(U @ U.T, t)
                count += np.linalg.norm(nearest) <= 1.0
        counts.append(count)
    expected = process.expected_linear_regions(1.0)
    assert abs(oracles.z_of_mean(np.array(counts), expected)) <= 4.0


def test_the_count_is_that_of_distinct_gradients():
    net = RandomReLUProcess(2, 0.6).sample(SQUARE, random_state=3)
    side = np.linspace(-1.0, 1.0, 2000)
    X = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    active = (net.thresholds < X @ net.directions.T) @ (2.0 ** np.arange(net.n_neurons))
    seen = len(np.unique(active))
    assert net.n_neurons < 50  # so that the patterns are exact in floating point
    # A grid sees no region smaller than its cells.
    assert 0 <= count_linear_regions(net, SQUARE) - seen <= 2


def test_a_smaller_domain_has_fewer_regions():
    net = RandomReLUProcess(1, 5.0).sample(2.0, random_state=0)
    inside = np.sum(np.abs(net.knots()) < 1.0)
    assert count_linear_regions(net, 1.0) == 1 + inside
    assert count_linear_regions(net) == 1 + net.n_neurons


def test_what_cannot_be_counted_is_refused():
    three = RandomReLUProcess(3, 1.0).sample(1.0, 0)
    with pytest.raises(ValueError, match="one or two dimensions; this one has 3"):
        count_linear_regions(three)
    net = RandomReLUNetwork([[1.0, 0.0]], [0.5], [1.0], 1.0)
    with pytest.raises(ValueError, match="extend first"):
        count_linear_regions(net, 2.0)
    with pytest.raises(ValueError, match="extend first"):
        count_linear_regions(net, SQUARE)
