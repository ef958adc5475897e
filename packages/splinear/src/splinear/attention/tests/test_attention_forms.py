"""The forms of the attention are one function, however a sequence is cut."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from splinear.attention.chunkwise import hybrid_attention_chunkwise  # noqa: E402
from splinear.attention.config import LoLAConfig  # noqa: E402
from splinear.attention.decode import decode_step  # noqa: E402
from splinear.attention.mixing import MIXINGS  # noqa: E402
from splinear.attention.parallel import hybrid_attention_parallel  # noqa: E402
from splinear.attention.recurrent import hybrid_attention_recurrent  # noqa: E402
from splinear.attention.scoring import SCORERS  # noqa: E402
from splinear.attention.state import LoLAState  # noqa: E402
from splinear.attention.testing import random_heads, random_qkv  # noqa: E402

# Sums of at most 40 terms of size 1 in float64.
TIGHT = {"rtol": 0.0, "atol": 1e-11}

configs = st.builds(
    LoLAConfig,
    window_size=st.integers(1, 9),
    # Thirty: rows whose cache never fills up.
    sparse_cache_size=st.one_of(st.integers(0, 7), st.just(30)),
    chunk_size=st.sampled_from([1, 2, 3, 5, 8]),
    mixing=st.sampled_from(sorted(MIXINGS)),
    score=st.sampled_from(sorted(SCORERS)),
    share_across_group=st.booleans(),
    num_sink_tokens=st.sampled_from([0, 2]),
    rescoring=st.sampled_from(["chunk", "incremental"]),
)
shapes = st.tuples(st.sampled_from([(1, 1), (8, 2), (3, 1)]), st.integers(1, 40))
seeds = st.integers(0, 2**16)
SMALL = LoLAConfig(window_size=4, sparse_cache_size=3, chunk_size=3)


@pytest.fixture(autouse=True)
def fresh_memory_is_nan():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def in_segments(q, k, v, heads, cuts, valid=None):
    """Feed segments; single tokens alternate between the two ways of taking them."""
    state, outputs = LoLAState.empty(heads, k, v), []
    bounds = [0, *sorted(cuts), k.shape[2]]
    for number, (a, b) in enumerate(pairwise(bounds)):
        if a == b:
            continue
        parts = [t[:, :, a:b] for t in (q, k, v)]
        mask = None if valid is None else valid[:, a:b]
        whole = mask is None or bool(mask.all())
        if b - a == 1 and number % 2 and whole:
            outputs.append(decode_step(*parts, heads, state))
        else:
            outputs.append(hybrid_attention_chunkwise(*parts, heads, state, mask))
    return torch.cat(outputs, 2), state


@settings(max_examples=60)
@given(config=configs, shape=shapes, seed=seeds, data=st.data())
def test_reference_recurrent_and_chunkwise_are_one(config, shape, seed, data):
    (h, g), length = shape
    heads = random_heads(h, g, 4, config, seed)
    q, k, v = random_qkv(2, heads, length, seed)
    cuts = data.draw(st.lists(st.integers(0, length), max_size=12))
    slow, traces = hybrid_attention_recurrent(q, k, v, heads)
    masks = [
        torch.stack([torch.stack([getattr(t, kind) for t in row]) for row in traces])
        for kind in ("window", "cache", "state")
    ]
    once = sum(mask.int() for mask in masks)
    assert torch.equal(once, torch.ones(length, length).tril().int().expand_as(once))
    square = hybrid_attention_parallel(q, k, v, heads, *masks)
    whole = hybrid_attention_chunkwise(q, k, v, heads)
    parts, state = in_segments(q, k, v, heads, cuts)
    with torch.no_grad():  # another path where nothing is differentiated
        bare = hybrid_attention_chunkwise(q, k, v, heads)
        bare_parts, _ = in_segments(q, k, v, heads, cuts)
    for out in (square, whole, parts, bare, bare_parts):
        torch.testing.assert_close(out, slow, **TIGHT)
    lam = config.sparse_cache_size
    for row in range(2):
        for head in range(heads.state_heads):
            kept = state.positions[row, head, :lam]
            cached = traces[row][head].cache[-1].nonzero().flatten()
            assert kept[kept >= 0].tolist() == cached.tolist()


@settings(max_examples=60)
@given(config=configs, seed=seeds, grad=st.booleans(), data=st.data())
def test_rows_do_not_feel_padding_or_each_other(config, seed, grad, data):
    """Padding anywhere, three rows with their own clocks, cut anywhere."""
    length = 30
    heads = random_heads(16, 2, 4, config, seed)
    q, k, v = random_qkv(3, heads, length, seed)
    bits = st.lists(st.booleans(), min_size=length, max_size=length)
    valid = torch.tensor([data.draw(bits), [True] * length, [False] * length])
    cuts = data.draw(st.lists(st.integers(0, length), max_size=8))
    with torch.set_grad_enabled(grad):
        together, state = in_segments(q, k, v, heads, cuts, valid)
    assert together[2].eq(0).all()
    assert state.seen == valid.sum(-1).tolist()
    for row in range(2):
        real = valid[row]
        if not real.any():
            continue
        alone = [t[row : row + 1, :, real] for t in (q, k, v)]
        with torch.no_grad():
            want = hybrid_attention_chunkwise(*alone, heads)
        torch.testing.assert_close(together[row : row + 1, :, real], want, **TIGHT)
        assert together[row][:, ~real].eq(0).all()


@pytest.mark.parametrize("cache", [0, 3, 30])
@pytest.mark.parametrize("first", [17, 20])
def test_decoding_after_rows_of_unequal_length(cache, first):
    """The rows reach their boundaries at different steps, some caches unfilled."""
    config = LoLAConfig(window_size=4, sparse_cache_size=cache, chunk_size=3)
    heads = random_heads(2, 1, 4, config)
    q, k, v = random_qkv(4, heads, 40)
    valid = torch.ones(4, 40, dtype=torch.bool)
    for row, skipped in enumerate([0, 5, 13, 16]):
        valid[row, :skipped] = False
    cuts = [7, first, *range(first, 40)]
    out, _ = in_segments(q, k, v, heads, cuts, valid)
    for row in range(4):
        alone = [t[row : row + 1, :, valid[row]] for t in (q, k, v)]
        want = hybrid_attention_chunkwise(*alone, heads)
        got = out[row : row + 1, :, valid[row]]
        torch.testing.assert_close(got, want, **TIGHT)


@pytest.mark.parametrize("mixing", sorted(MIXINGS))
def test_a_row_with_an_empty_cache_beside_a_full_one(mixing):
    """Fused kernels give a row that sees nothing the log-sum-exp 0, not -inf."""
    config = LoLAConfig(window_size=4, sparse_cache_size=3, chunk_size=8, mixing=mixing)
    heads = random_heads(16, 2, 4, config)
    q, k, v = random_qkv(2, heads, 40)
    valid = torch.ones(2, 40, dtype=torch.bool)
    valid[0, :33] = False  # the first row stays within its window
    with torch.no_grad():
        out, _ = in_segments(q, k, v, heads, [30, 35], valid)
        want = hybrid_attention_chunkwise(*(t[:1, :, 33:] for t in (q, k, v)), heads)
    torch.testing.assert_close(out[:1, :, 33:], want, **TIGHT)


def test_a_segment_of_nothing_but_padding():
    """A long padded prompt in a chunked prefill; the window holds one pair."""
    heads = random_heads(2, 1, 4, LoLAConfig(window_size=1, chunk_size=1))
    q, k, v = random_qkv(2, heads, 12)
    valid = torch.zeros(2, 12, dtype=torch.bool)
    valid[:, 7:] = True
    out, state = in_segments(q, k, v, heads, [3, 6], valid)
    assert state.seen == [5, 5]
    want = hybrid_attention_chunkwise(*(t[:, :, 7:] for t in (q, k, v)), heads)
    torch.testing.assert_close(out[:, :, 7:], want, **TIGHT)
    assert out[:, :, :7].eq(0).all()


def test_permuted_batch():
    heads = random_heads(4, 2, 4, SMALL)
    q, k, v = random_qkv(3, heads, 30)
    order = torch.tensor([2, 0, 1])
    out = hybrid_attention_chunkwise(q, k, v, heads)
    other = hybrid_attention_chunkwise(q[order], k[order], v[order], heads)
    torch.testing.assert_close(other, out[order], **TIGHT)


def test_reordered_rows_go_on_as_copies():
    """Beam search: one row survives twice."""
    heads = random_heads(2, 1, 4, SMALL)
    q, k, v = random_qkv(2, heads, 30)
    state = LoLAState.empty(heads, k, v)
    first, rest = slice(0, 20), slice(20, 30)
    hybrid_attention_chunkwise(*(t[:, :, first] for t in (q, k, v)), heads, state)
    state = state.select([1, 1])
    after = [t[:, :, rest] for t in (q, k, v)]
    got = hybrid_attention_chunkwise(*after, heads, state)
    for row in range(2):
        joined = [
            torch.cat([t[1:2, :, first], t[row : row + 1, :, rest]], 2)
            for t in (q, k, v)
        ]
        want = hybrid_attention_chunkwise(*joined, heads)[:, :, rest]
        torch.testing.assert_close(got[row : row + 1], want, **TIGHT)


def test_bytes_do_not_grow():
    heads = random_heads(2, 1, 4, SMALL)
    q, k, v = random_qkv(1, heads, 300)
    state, sizes = LoLAState.empty(heads, k, v), set()
    for t in range(300):
        decode_step(*(x[:, :, t : t + 1] for x in (q, k, v)), heads, state)
        sizes.add(state.nbytes())
    assert len(sizes) == 1
    pairs, D = 3 + 4 + 3 - 1, heads.feature_map_k.out_dim
    # Keys and values, int32 positions, H and s; float64 here.
    assert sizes == {pairs * (2 * 4 * 8 + 4) + D * (4 + 1) * 8}
