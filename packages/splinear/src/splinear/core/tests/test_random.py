"""Randomness: equal seeds give equal streams, streams do not repeat each other."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from splinear.core.random import generator, streams


def test_equal_seeds_give_equal_draws():
    assert_array_equal(generator(3).random(5), generator(3).random(5))


def test_a_generator_is_used_as_it_is():
    rng = np.random.default_rng(0)
    assert generator(rng) is rng


def test_a_random_state_gives_one_seed_and_moves_on():
    legacy = np.random.RandomState
    first, second = legacy(0), legacy(0)
    assert_array_equal(generator(first).random(3), generator(second).random(3))
    assert generator(first).random() != generator(first).random()


def test_none_is_fresh_every_time():
    assert generator(None).random() != generator(None).random()


@pytest.mark.parametrize("count", [0, 1, 7])
def test_streams_are_counted_and_reproducible(count):
    first, second = streams(11, count), streams(11, count)
    assert len(first) == count
    for one, other in zip(first, second, strict=True):
        assert_array_equal(one.random(4), other.random(4))


def test_streams_do_not_correlate():
    draws = np.array([rng.normal(size=4000) for rng in streams(5, 6)])
    correlation = np.corrcoef(draws) - np.eye(6)
    # Standard deviation 4000^-1/2; z = 5 over 15 pairs.
    assert np.max(np.abs(correlation)) < 5.0 / np.sqrt(4000.0)


def test_spawning_twice_from_one_generator_gives_new_streams():
    rng = np.random.default_rng(0)
    (one,), (other,) = streams(rng, 1), streams(rng, 1)
    assert one.random() != other.random()
