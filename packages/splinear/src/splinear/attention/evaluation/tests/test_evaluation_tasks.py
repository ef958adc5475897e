"""Generators: what is asked has exactly one answer, and it stands where they say."""

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from splinear.attention.evaluation.mqar import BOS, MQARTask  # noqa: E402
from splinear.attention.evaluation.passkey import KINDS, PasskeyTask  # noqa: E402


@given(st.integers(1, 12), st.integers(0, 30), st.integers(1, 9), st.integers(0, 2**31))
def test_recall_has_one_answer(n_pairs, spare, n_queries, seed):
    task = MQARTask(2 * n_pairs + 1 + spare, n_pairs, n_queries, n_fillers=3)
    batch = task.batch(3, seed)
    assert batch.ids.shape == (3, task.total_length)
    assert int(batch.ids.max()) < task.vocab_size
    for ids, asks, needed in zip(batch.ids, batch.asks, batch.needed, strict=True):
        hay = ids[: task.length].tolist()
        assert hay[0] == BOS
        pairs = {hay[i - 1]: hay[i] for i in needed.tolist()}
        assert len(pairs) == n_pairs
        keys = [token for token in hay if 1 <= token <= task.n_keys]
        assert sorted(keys) == sorted(pairs)
        for ask in asks.tolist():
            assert pairs[int(ids[ask])] == int(ids[ask + 1])


def test_first_marks_each_pair_once():
    batch = MQARTask(n_pairs=4, n_queries=50).batch(5, 0)
    keys = batch.ids.gather(1, batch.asks)
    for row, first in zip(keys, batch.first, strict=True):
        assert sorted(row[first].tolist()) == sorted(set(row.tolist()))


def test_all_arrangements_of_pairs_occur_equally_often():
    """Three pairs in seven places: C(4, 3) = 4 arrangements, a quarter of the draws."""
    places = MQARTask(length=8, n_pairs=3)._places(4000, np.random.default_rng(0))
    kinds, counts = np.unique(places, axis=0, return_counts=True)
    assert len(kinds) == 4
    # Four standard deviations of a binomial count: sqrt(4000 3/16) = 27.
    assert np.abs(counts - 1000).max() < 110


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [None, 0.0, 0.5, 1.0])
def test_the_value_stands_in_the_needle_and_is_asked(kind, depth):
    task = PasskeyTask(length=300, kind=kind)
    batch = task.batch(4, 1, depth)
    assert batch.ids.shape == (4, 300)
    for ids, answers, needed in zip(
        batch.ids, batch.answers, batch.needed, strict=True
    ):
        text = bytes(ids.tolist()).decode()
        value = bytes(answers.tolist()).decode()
        assert len(value) == (32 if kind == "uuid" else 7)
        assert text.count(value) == 2  # needle and answer
        assert text.endswith(f" is {value}.")
        assert bytes(ids[needed].tolist()).decode() == " " + value
        if depth is not None:
            hidden = text.index("the key of ")
            assert hidden == round(depth * task.haystack)


def test_noise_repeats_and_text_does_not():
    noise = PasskeyTask(1000, "noise").batch(1, 0, depth=0.0).ids[0, 100:900]
    text = PasskeyTask(1000, "text").batch(1, 0, depth=0.0).ids[0, 100:900]
    pieces = [
        len({tuple(ids[i : i + 24].tolist()) for i in range(700)})
        for ids in (noise, text)
    ]
    assert pieces[0] == 65  # one per byte of the paragraph
    assert pieces[1] > 690


def test_same_seed_same_task_and_depths_spread():
    for task in (MQARTask(), PasskeyTask(400)):
        assert torch.equal(task.batch(3, 5).ids, task.batch(3, 5).ids)
        assert not torch.equal(task.batch(3, 5).ids, task.batch(3, 6).ids)
    needed = PasskeyTask(400).batch(50, 0).needed[:, 0]
    assert needed.float().std() > 50  # uniform on 0 .. 355: about 100


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MQARTask(length=8, n_pairs=4), "length must be at least .* = 9"),
        (lambda: MQARTask(n_keys=8, n_pairs=9), "n_pairs must be at most n_keys"),
        (lambda: MQARTask(n_fillers=17), "n_fillers at most max_fillers"),
        (lambda: MQARTask(n_queries=0), "n_queries"),
        (lambda: PasskeyTask(kind="essay"), "kind must be one of noise, text, uuid"),
        (lambda: PasskeyTask(length=30), "length must be at least"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(ValueError, match=words):
        make()
