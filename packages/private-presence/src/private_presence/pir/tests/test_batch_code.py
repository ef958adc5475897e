"""Buckets and the assignment of tags to them."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from private_presence.errors import LayoutError
from private_presence.pir.batch_code import (
    assign_buckets,
    candidate_buckets,
    hash_tags,
)

from .oracles import SALT


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=3, max_size=3), st.integers(4, 4096)
)
def test_three_buckets_are_a_draw_without_replacement(words, buckets):
    array = np.zeros((1, 8), np.uint64)
    array[0, :3] = words
    pool, drawn = list(range(buckets)), []
    for i, word in enumerate(words):
        drawn.append(pool.pop(word % (buckets - i)))
    assert candidate_buckets(array, buckets)[0].tolist() == drawn


@given(st.lists(st.permutations(range(6)).map(lambda p: p[:3]), max_size=7))
def test_the_assignment_is_a_largest_one(choices):
    assigned = assign_buckets(choices, 6)
    taken = [bucket for bucket in assigned if bucket is not None]
    assert len(set(taken)) == len(taken)
    pairs = zip(assigned, choices, strict=True)
    assert all(bucket is None or bucket in row for bucket, row in pairs)
    assert len(taken) == largest_by_trying(choices)


def largest_by_trying(choices):
    """Every way of giving each tag one of its three buckets, or none."""
    best = 0
    for picks in itertools.product([0, 1, 2, None], repeat=len(choices)):
        taken = [row[i] for row, i in zip(choices, picks, strict=True) if i is not None]
        if len(taken) == len(set(taken)):
            best = max(best, len(taken))
    return best


def test_an_assigned_tag_is_never_dropped_for_a_later_one():
    rng = np.random.default_rng(0)
    choices = [rng.choice(12, 3, replace=False).tolist() for _ in range(14)]
    before = set()
    for n in range(1, 15):
        assigned = assign_buckets(choices[:n], 12)
        placed = {i for i, bucket in enumerate(assigned) if bucket is not None}
        assert before <= placed
        before = placed


@pytest.mark.parametrize(
    "trials",
    [2_000, pytest.param(100_000, marks=pytest.mark.slow)],
)
def test_a_client_with_all_its_friends_finds_a_bucket_for_each(trials):
    # 100 friends and the client's own tag in 150 buckets: fewer than one assignment in
    # 10,000 may fail.  At that rate 2,000 trials would see 0 or 1 failures.
    rng = np.random.default_rng(1)
    words = rng.integers(0, 2**64, (trials * 101, 8), dtype=np.uint64)
    rows = candidate_buckets(words, 150).reshape(trials, 101, 3)
    failures = sum(None in assign_buckets(row, 150) for row in rows)
    assert failures <= max(1, trials // 10_000)


def test_the_salt_moves_every_tag():
    tags = [i.to_bytes(16, "big") for i in range(2000)]
    one, other = (candidate_buckets(hash_tags(tags, s), 150) for s in (SALT, bytes(32)))
    same = (one[:, 0] == other[:, 0]).sum()
    # Binomial with mean 2000 / 150 = 13.3, standard deviation 3.6; five of those.
    assert same < 32


def test_tags_chosen_before_the_salt_do_not_fill_a_bucket():
    # 20,000 tags that all fall into bucket 0 for a salt an attacker expected.
    expected, actual = bytes(32), SALT
    tags = [i.to_bytes(16, "big") for i in range(100_000)]
    chosen = candidate_buckets(hash_tags(tags, expected), 15)
    aimed = [tag for tag, row in zip(tags, chosen, strict=True) if row[0] == 0]
    assert len(aimed) > 6000
    rows = candidate_buckets(hash_tags(aimed, actual), 15)
    loads = np.bincount(rows.ravel(), minlength=15)
    mean = 3 * len(aimed) / 15
    # Each bucket holds a binomial number with standard deviation < sqrt(mean).
    assert loads.max() < mean + 5 * mean**0.5
    aimed_at = np.bincount(chosen[chosen[:, 0] == 0].ravel(), minlength=15)
    assert aimed_at.max() > mean + 5 * mean**0.5  # with the salt known it would work


@pytest.mark.parametrize("buckets", [3, 4097])
def test_numbers_of_buckets_out_of_range_are_refused(buckets):
    with pytest.raises(LayoutError, match=f"got {buckets}"):
        candidate_buckets(np.zeros((1, 8), np.uint64), buckets)


def test_a_salt_of_another_length_is_refused():
    with pytest.raises(LayoutError, match="got 31"):
        hash_tags([], bytes(31))
