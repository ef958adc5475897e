"""What the attention must equal, in float64, with numbers worked out by hand."""

from itertools import pairwise

import pytest

torch = pytest.importorskip("torch")

from splinear.attention.chunkwise import hybrid_attention_chunkwise  # noqa: E402
from splinear.attention.config import LoLAConfig  # noqa: E402
from splinear.attention.decode import decode_step  # noqa: E402
from splinear.attention.heads import LoLAHeads  # noqa: E402
from splinear.attention.mixing import MIXINGS  # noqa: E402
from splinear.attention.parallel import (  # noqa: E402
    hybrid_attention_parallel,
    no_cache_masks,
)
from splinear.attention.recurrent import hybrid_attention_recurrent  # noqa: E402
from splinear.attention.scoring import Candidates, get_scorer  # noqa: E402
from splinear.attention.state import LoLAState  # noqa: E402
from splinear.attention.testing import (  # noqa: E402
    random_heads,
    random_qkv,
    softmax_attention,
)

# Sums of at most 40 terms of size 1 in float64: 1e-12 leaves four digits of slack.
TIGHT = {"rtol": 0.0, "atol": 1e-12}
CHUNKS = [1, 4, 8]


def decoded(q, k, v, heads):
    """All tokens one by one."""
    state = LoLAState.empty(heads, k, v)
    parts = [t.split(1, 2) for t in (q, k, v)]
    out = [decode_step(*token, heads, state) for token in zip(*parts, strict=True)]
    return torch.cat(out, 2), state


# The worked example: phi(x) = x + 1, scaling 1/2, one pair in window and cache each.


def worked(mixing, score="self_recall_error"):
    config = LoLAConfig(
        window_size=1, sparse_cache_size=1, chunk_size=1, feature_map="elu",
        mixing=mixing, score=score,
    )  # fmt: skip
    heads = LoLAHeads(1, 1, 2, config).double()
    with torch.no_grad():
        heads.gate.zero_()  # gamma = sigmoid(0) = 1/2

    def tensor(rows):
        return torch.tensor(rows, dtype=torch.float64)[None, None]

    k = tensor([[2, 0], [0, 2], [2, 0], [0, 0]])
    v = tensor([[1], [-2], [3], [0.5]])
    q = tensor([[1, 0], [0, 1], [1, 0], [0, 1]])
    return heads, q, k, v


WORKED = {
    "additive": [1.0, -1.193176, 1.227328, 1.098056],
    "window_shift": [1.0, -1.193176, 1.058327, 1.478330],
    "joint_shift": [1.0, -1.193176, None, 1.786978],
}


@pytest.mark.parametrize("mixing", WORKED)
@pytest.mark.parametrize("rescoring", ["chunk", "incremental"])
def test_worked_example(mixing, rescoring):
    heads, q, k, v = worked(mixing)
    heads.set(LoLAConfig(**{**heads.config.to_dict(), "rescoring": rescoring}))
    scaled = {"scaling": 0.5}
    slow, [[trace]] = hybrid_attention_recurrent(q, k, v, heads, **scaled)
    fast = hybrid_attention_chunkwise(q, k, v, heads, **scaled)
    masks = [m[None, None] for m in (trace.window, trace.cache, trace.state)]
    square = hybrid_attention_parallel(q, k, v, heads, *masks, **scaled)
    for out in (slow, fast, square):
        for got, want in zip(out.flatten().tolist(), WORKED[mixing], strict=True):
            # Six decimals are what was worked out by hand.
            assert want is None or got == pytest.approx(want, abs=1e-6)


def test_worked_example_memory():
    heads, q, k, v = worked("additive")
    state = LoLAState.empty(heads, k, v)
    H, s, kept = [], [], []
    for t in range(4):
        decode_step(*(x[:, :, t : t + 1] for x in (q, k, v)), heads, state, 0.5)
        H.append(state.kv_state.flatten().tolist())
        s.append(state.k_state.flatten().tolist())
        kept.append(state.positions[0, 0, 0].item())
    assert H == [[0, 0], [0, 0], [3, 1], [12, 4]]
    assert s == [[0, 0], [0, 0], [3, 1], [6, 2]]
    assert kept == [-1, 0, 1, 1]


# Oracles 1 to 3: softmax attention while everything is held exactly.


@pytest.mark.parametrize("mixing", MIXINGS)
@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize(("window", "cache"), [(3, 40), (40, 0), (15, 25)])
def test_softmax_when_nothing_is_absorbed(mixing, chunk, window, cache):
    sizes = {"window_size": window, "sparse_cache_size": cache, "chunk_size": chunk}
    heads = random_heads(4, 2, 4, LoLAConfig(**sizes, mixing=mixing))
    q, k, v = random_qkv(2, heads, 40)
    want = softmax_attention(q, k, v)
    torch.testing.assert_close(
        hybrid_attention_chunkwise(q, k, v, heads), want, **TIGHT
    )
    out, state = decoded(q, k, v, heads)
    torch.testing.assert_close(out, want, **TIGHT)
    assert state.n_absorbed == [0, 0]
    assert state.kv_state.eq(0).all()


@pytest.mark.parametrize("mixing", MIXINGS)
def test_softmax_with_logits_far_below_delta(mixing):
    """exp(a) of every pair is 0 in float64: only a stabiliser that ignores delta works."""
    heads = random_heads(1, 1, 2, LoLAConfig(mixing=mixing))
    q, k, v = random_qkv(1, heads, 6)
    k = k.abs() * 1e4
    q = -q.abs() - 1.0
    with torch.enable_grad():  # the path that mixes
        out = hybrid_attention_chunkwise(q, k, v, heads)
    torch.testing.assert_close(out, softmax_attention(q, k, v), rtol=0, atol=1e-9)


# Oracle 4: without cache, the base model in one matrix.


@pytest.mark.parametrize("mixing", MIXINGS)
@pytest.mark.parametrize("chunk", CHUNKS)
def test_without_cache_it_is_the_base_model(mixing, chunk):
    sizes = {"window_size": 5, "sparse_cache_size": 0, "chunk_size": chunk}
    heads = random_heads(4, 2, 4, LoLAConfig(**sizes, mixing=mixing))
    q, k, v = random_qkv(2, heads, 40)
    masks = no_cache_masks(40, 5, chunk)
    want = hybrid_attention_parallel(q, k, v, heads, *masks)
    torch.testing.assert_close(
        hybrid_attention_chunkwise(q, k, v, heads), want, **TIGHT
    )


def test_lolcats_row_formula():
    """Equation 7 of LoLCATs for the last query, written with its own symbols."""
    sizes = {"window_size": 3, "sparse_cache_size": 0, "chunk_size": 1}
    heads = random_heads(1, 1, 4, LoLAConfig(**sizes, mixing="window_shift"))
    q, k, v = random_qkv(1, heads, 9)
    gamma = heads.gate.sigmoid()
    a = (k[0, 0, -3:] @ q[0, 0, -1]) / 2.0
    e = (a - a.max()).exp()
    phi = heads.phi_k(k)[0, 0, :-3]
    asked = heads.phi_q(heads.grouped(q))[0, 0, 0, -1]
    top = gamma * e @ v[0, 0, -3:] + asked @ (phi.T @ v[0, 0, :-3])
    want = top / (gamma * e.sum() + asked @ phi.sum(0))
    got = hybrid_attention_chunkwise(q, k, v, heads)[0, 0, -1]
    torch.testing.assert_close(got, want, **TIGHT)


# Oracle 5: the layout of previous chunk and current chunk, for eta = C + 1.


def test_window_is_the_previous_and_the_current_chunk():
    C, T = 4, 23
    sizes = {"window_size": C + 1, "sparse_cache_size": 3, "chunk_size": C}
    heads = random_heads(1, 1, 4, LoLAConfig(**sizes))
    q, k, v = random_qkv(1, heads, T)
    _, [[trace]] = hybrid_attention_recurrent(q, k, v, heads)
    t, i = torch.arange(T)[:, None], torch.arange(T)[None, :]
    # At t = 0 mod C all up to t - C - 1 is evicted: chunks before the previous one.
    wanted = (i <= t) & (i >= t // C * C - C)
    assert torch.equal(trace.window, wanted)


# Oracle 6: nothing is dropped.


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("share", [True, False])
def test_conservation(chunk, share):
    sizes = {"window_size": 5, "sparse_cache_size": 6, "chunk_size": chunk}
    heads = random_heads(4, 2, 4, LoLAConfig(**sizes, share_across_group=share))
    q, k, v = random_qkv(3, heads, 50)
    state = LoLAState.empty(heads, k, v)
    valid = torch.ones(3, 50, dtype=torch.bool)
    valid[1, :17] = False
    hybrid_attention_chunkwise(q, k, v, heads, state, valid)
    keys, values = heads.spread(k), heads.spread(v)
    for row, skipped in enumerate([0, 17, 0]):
        for head in range(heads.state_heads):
            held = state.positions[row, head]
            held = held[held >= 0].tolist()
            assert len(set(held)) == len(held)  # window and cache are disjoint
            gone = [i for i in range(50 - skipped) if i not in held]
            assert len(gone) == state.n_absorbed[row] > 0
            at = torch.tensor(gone) + skipped
            phi = heads.phi_k(keys)[row, head, at]
            H = phi.T @ values[row, head, at]
            torch.testing.assert_close(state.kv_state[row, head], H, **TIGHT)
            torch.testing.assert_close(state.k_state[row, head], phi.sum(0), **TIGHT)


# Oracle 7: read-outs kept up to date select as recomputed ones do.


@pytest.mark.parametrize("score", ["self_recall_error", "relative_self_recall_error"])
def test_incremental_equals_direct(score):
    sizes = {"window_size": 4, "sparse_cache_size": 8, "chunk_size": 1, "score": score}
    states = []
    for rescoring in ("chunk", "incremental"):
        heads = random_heads(2, 1, 8, LoLAConfig(**sizes, rescoring=rescoring)).float()
        q, k, v = (t.float() for t in random_qkv(2, heads, 200))
        _, state = decoded(q, k, v, heads)
        states.append(state)
    direct, kept = states
    assert torch.equal(direct.positions, kept.positions)
    phi = heads.phi_k(kept.keys[:, :, :8])
    want = phi @ kept.kv_state
    # Sums over 190 absorbed pairs in float32, in two orders.
    torch.testing.assert_close(kept.numerator, want, rtol=1e-5, atol=1e-4)


# Oracle 8: values enter linearly.


def test_values_enter_linearly_and_shift():
    sizes = {"window_size": 3, "sparse_cache_size": 4, "chunk_size": 2}
    heads = random_heads(2, 1, 4, LoLAConfig(**sizes, score="key_norm"))
    q, k, v = random_qkv(1, heads, 30)

    def attend(values):
        return hybrid_attention_chunkwise(q, k, values, heads)

    y = attend(v)
    torch.testing.assert_close(attend(2.0 * v), 2.0 * y, **TIGHT)
    torch.testing.assert_close(attend(v + 5.0), y + 5.0, rtol=0, atol=1e-11)


def candidates_of(keys, values, heads, H, s):
    def read():
        phi = heads.phi_k(keys)
        return phi @ H, (phi @ s[..., None])[..., 0]

    positions = torch.arange(keys.shape[2]).expand(keys.shape[:3])
    return Candidates(keys, values, positions, None, read)


def test_shift_of_values_leaves_the_score_once_something_is_absorbed():
    heads = random_heads(1, 1, 4, LoLAConfig())
    _, k, v = random_qkv(1, heads, 8)
    phi = heads.phi_k(k[:, :, :4])
    s = phi.sum(2)
    score = get_scorer("self_recall_error")

    def scores(values, empty=False):
        H = phi.mT @ values[:, :, :4]
        H, norm = (H * 0, s * 0) if empty else (H, s)
        return score(candidates_of(k, values, heads, H, norm))

    torch.testing.assert_close(scores(v + 3.0), scores(v), rtol=0, atol=1e-11)
    assert (scores(v + 3.0, empty=True) - scores(v, empty=True)).abs().max() > 1.0
    torch.testing.assert_close(scores(v, True), v.square().sum(-1), **TIGHT)


# Oracle 9: scaling.


def test_scaling_of_features_and_values():
    heads = random_heads(1, 1, 4, LoLAConfig())
    _, k, v = random_qkv(1, heads, 8)
    phi = heads.phi_k(k[:, :, :4])
    H, s = phi.mT @ v[:, :, :4], phi.sum(2)
    score, relative = map(
        get_scorer, ("self_recall_error", "relative_self_recall_error")
    )
    plain = score(candidates_of(k, v, heads, H, s))
    larger = score(candidates_of(k, v, heads, 7 * H, 7 * s))
    torch.testing.assert_close(larger, plain, **TIGHT)
    double = candidates_of(k, 2 * v, heads, 2 * H, s)
    torch.testing.assert_close(score(double), 4 * plain, rtol=1e-12, atol=0)
    want = relative(candidates_of(k, v, heads, H, s))
    torch.testing.assert_close(relative(double), want, rtol=1e-12, atol=0)


# Oracle 11 and the first absorption.


def test_a_repeated_pair_is_recalled_exactly():
    heads = random_heads(1, 1, 4, LoLAConfig())
    _, k, v = random_qkv(1, heads, 1)
    phi = heads.phi_k(k)
    H, s = 5 * phi.mT @ v, 5 * phi.sum(2)
    score = get_scorer("self_recall_error")(candidates_of(k, v, heads, H, s))
    assert score.max() < 1e-28


def test_first_absorbed_is_the_smallest_value():
    sizes = {"window_size": 5, "sparse_cache_size": 6, "chunk_size": 1}
    heads = random_heads(1, 1, 4, LoLAConfig(**sizes, score="self_recall_error"))
    q, k, v = random_qkv(1, heads, 12)
    _, [[trace]] = hybrid_attention_recurrent(q, k, v, heads)
    absorbed = trace.state[11].nonzero().flatten().tolist()
    assert absorbed == [v[0, 0, :7].norm(dim=-1).argmin().item()]


def test_of_equal_scores_the_newer_pair_stays():
    """Equal pairs have equal scores under every scorer of content."""
    sizes = {"window_size": 2, "sparse_cache_size": 3, "chunk_size": 1}
    heads = random_heads(1, 1, 4, LoLAConfig(**sizes, score="value_norm"))
    q, k, v = (t[:, :, :1].expand(1, 1, 12, 4) for t in random_qkv(1, heads, 1))
    _, state = decoded(q, k, v, heads)
    assert state.positions[0, 0, :3].tolist() == [7, 8, 9]


# Oracle 12: half precision.


def test_bfloat16_stays_close():
    sizes = {"window_size": 8, "sparse_cache_size": 8, "chunk_size": 4}
    heads = random_heads(2, 1, 16, LoLAConfig(**sizes, score="recency")).float()
    q, k, v = (t.bfloat16() for t in random_qkv(2, heads, 96))
    got = hybrid_attention_chunkwise(q, k, v, heads)
    want = hybrid_attention_chunkwise(q.float(), k.float(), v.float(), heads)
    assert got.dtype == torch.bfloat16
    # The same selection and float32 inside: only the output is rounded, to 8 bits.
    torch.testing.assert_close(got.float(), want, rtol=0, atol=2e-2)


def test_state_and_scores_are_float32_in_half_precision():
    heads = random_heads(2, 1, 16, LoLAConfig(window_size=2, chunk_size=1)).float()
    q, k, v = (t.bfloat16() for t in random_qkv(1, heads, 8))
    state = LoLAState.empty(heads, k, v)
    hybrid_attention_chunkwise(q, k, v, heads, state)
    assert state.kv_state.dtype == state.k_state.dtype == torch.float32
    assert state.keys.dtype == torch.bfloat16


# Oracle 13: gradients.


@pytest.mark.parametrize("mixing", MIXINGS)
@pytest.mark.parametrize("chunk", CHUNKS)
def test_gradients_of_all_forms_agree(mixing, chunk):
    sizes = {"window_size": 4, "sparse_cache_size": 3, "chunk_size": chunk}
    heads = random_heads(2, 1, 4, LoLAConfig(**sizes, mixing=mixing))
    q, k, v = (t.requires_grad_() for t in random_qkv(2, heads, 25))
    _, traces = hybrid_attention_recurrent(q, k, v, heads)
    masks = [
        torch.stack([torch.stack([getattr(t, kind) for t in row]) for row in traces])
        for kind in ("window", "cache", "state")
    ]
    outs = [
        hybrid_attention_recurrent(q, k, v, heads)[0],
        hybrid_attention_parallel(q, k, v, heads, *masks),
        hybrid_attention_chunkwise(q, k, v, heads),
    ]
    used = heads.delta if mixing == "additive" else heads.gate
    maps = [heads.feature_map_q.weight, heads.feature_map_k.weight, used]
    weight = torch.randn_like(outs[0])
    grads = [
        torch.autograd.grad((y * weight).sum(), [q, k, v, *maps], retain_graph=True)
        for y in outs
    ]
    for gradient in grads[0]:
        assert gradient.abs().max() > 1e-3  # they do flow
    for a, b in pairwise(grads):
        for one, other in zip(a, b, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_gradient_against_differences():
    sizes = {"window_size": 2, "sparse_cache_size": 2, "chunk_size": 2}
    heads = random_heads(1, 1, 2, LoLAConfig(**sizes, score="recency"))
    inputs = [t.requires_grad_() for t in random_qkv(1, heads, 9)]
    assert torch.autograd.gradcheck(
        lambda q, k, v: hybrid_attention_chunkwise(q, k, v, heads), inputs
    )
