"""Settings, registry, maps and the words of what they refuse."""

import json
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from splinear.attention import scoring  # noqa: E402
from splinear.attention.chunkwise import hybrid_attention_chunkwise  # noqa: E402
from splinear.attention.config import LoLAConfig  # noqa: E402
from splinear.attention.feature_maps import make_feature_map  # noqa: E402
from splinear.attention.heads import LoLAHeads  # noqa: E402
from splinear.attention.scoring import Candidates, OracleScorer  # noqa: E402
from splinear.attention.state import LoLAState  # noqa: E402
from splinear.attention.testing import random_heads, random_qkv  # noqa: E402


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("window_size", 0, "window_size must be >= 1 .*newest pair"),
        ("sparse_cache_size", -1, "sparse_cache_size must be >= 0"),
        ("chunk_size", 0, "chunk_size must be >= 1"),
        ("mixing", "sum", "mixing must be one of additive, window_shift, joint_shift"),
        ("rescoring", "never", "rescoring must be one of chunk, incremental"),
        ("layers", {1: {"eta": 3}}, r"layers\[1\] must be one of window_size, "),
        ("layers", {1: {"window_size": 0}}, "window_size must be >= 1"),
    ],
)
def test_bad_values(field, value, words):
    with pytest.raises(ValueError, match=words):
        LoLAConfig(**{field: value})


@pytest.mark.parametrize("value", [1.0, True, "8"])
def test_bad_types(value):
    with pytest.raises(TypeError, match="window_size must be an integer; got"):
        LoLAConfig(window_size=value)


def test_settings_survive_json():
    config = LoLAConfig(window_size=7, layers={2: {"sparse_cache_size": 9}})
    assert LoLAConfig(**json.loads(json.dumps(config.to_dict()))) == config


def test_unknown_names():
    with pytest.raises(ValueError, match="score must be one of self_recall_error, "):
        LoLAHeads(2, 1, 4, LoLAConfig(score="luck"))
    with pytest.raises(ValueError, match="feature_map must be one of hedgehog, "):
        LoLAHeads(2, 1, 4, LoLAConfig(feature_map="cosine"))
    with pytest.raises(ValueError, match="feature_dim must be at most the head"):
        make_feature_map("hedgehog", 1, 4, 5)


def test_wrong_heads():
    with pytest.raises(ValueError, match=r"must be a multiple of .*; got 3 and 2"):
        LoLAHeads(3, 2, 4, LoLAConfig())
    heads = random_heads(4, 2, 4, LoLAConfig())
    q, k, v = random_qkv(1, heads, 5)
    with pytest.raises(ValueError, match=r"expected \(4, 2, 2\) query, key and value"):
        hybrid_attention_chunkwise(q[:, :2], k, v, heads)
    with pytest.raises(ValueError, match="expected head dimension 4; got 3"):
        hybrid_attention_chunkwise(q[..., :3], k[..., :3], v, heads)
    with pytest.raises(ValueError, match="must have one length; got 4, 5, 5"):
        hybrid_attention_chunkwise(q[:, :, :4], k, v, heads)


def test_hedgehog_bounds():
    """Positive; each half sums to one; products in (0, 2]."""
    phi = make_feature_map("hedgehog", 2, 8)
    x = 50.0 * torch.randn(3, 2, 20, 8)
    features = phi(x)
    assert features.shape == (3, 2, 20, 8)
    assert features.min() >= 1e-12
    torch.testing.assert_close(features.sum(-1), torch.full((3, 2, 20), 2.0))
    products = features @ features.mT
    assert products.max() <= 2.0 + 1e-5
    assert products.min() > 0.0


def test_random_priorities_are_uniform_and_differ_by_head():
    keys = torch.zeros(1, 4, 5000, 1)
    positions = torch.arange(5000).expand(1, 4, 5000)
    draw = scoring.random_score(Candidates(keys, keys, positions, None, None))
    assert draw.min() >= 0
    assert draw.max() < 1
    # Means of 5000 uniform numbers: standard error 0.0041; five of them.
    assert (draw.mean(-1) - 0.5).abs().max() < 0.021
    correlation = torch.corrcoef(draw[0])
    # Of independent draws 1/sqrt(5000) = 0.014; five of them.
    assert (correlation - torch.eye(4)).abs().max() < 0.071
    lagged = torch.corrcoef(torch.stack([draw[0, 0, 1:], draw[0, 0, :-1]]))
    assert abs(lagged[0, 1]) < 0.071


def test_oracle_keeps_what_is_needed():
    sizes = {"window_size": 4, "sparse_cache_size": 3, "chunk_size": 3}
    heads = random_heads(2, 1, 4, LoLAConfig(**sizes))
    needed = torch.tensor([[2, 9, 11], [0, 1, -1]])
    heads.set(heads.config, OracleScorer(needed))
    q, k, v = random_qkv(2, heads, 40)
    state = LoLAState.empty(heads, k, v)
    hybrid_attention_chunkwise(q, k, v, heads, state)
    assert state.positions[0, 0, :3].tolist() == [2, 9, 11]
    assert {0, 1} < set(state.positions[1, 0, :3].tolist())
    with pytest.raises(ValueError, match="the oracle knows 2 rows; got a batch of 1"):
        hybrid_attention_chunkwise(q[:1], k[:1], v[:1], heads)


def test_sinks_stay():
    sizes = {"window_size": 4, "sparse_cache_size": 3, "chunk_size": 3}
    heads = random_heads(1, 1, 4, LoLAConfig(**sizes, num_sink_tokens=2))
    q, k, v = random_qkv(1, heads, 40)
    state = LoLAState.empty(heads, k, v)
    hybrid_attention_chunkwise(q, k, v, heads, state)
    assert state.positions[0, 0, :2].tolist() == [0, 1]


def test_recency_is_a_wider_window():
    """With C = 1, cache and window together hold the last eta + lambda positions."""
    sizes = {"window_size": 4, "sparse_cache_size": 3, "chunk_size": 1}
    heads = random_heads(1, 1, 4, LoLAConfig(**sizes, score="recency"))
    wide = random_heads(
        1, 1, 4, LoLAConfig(window_size=7, sparse_cache_size=0, chunk_size=1)
    )
    q, k, v = random_qkv(1, heads, 40)
    got = hybrid_attention_chunkwise(q, k, v, heads)
    want = hybrid_attention_chunkwise(q, k, v, wide)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


def test_heavy_hitter_without_record():
    keys = torch.zeros(1, 1, 1, 1)
    bare = Candidates(keys, keys, keys[..., 0].long(), None, None)
    with pytest.raises(ValueError, match="heavy_hitter needs a state that records"):
        scoring.heavy_hitter(bare)


def test_importing_the_area_loads_no_torch():
    code = (
        "import sys, splinear.attention as a; a.LoLAConfig(); "
        "print(sorted({'torch', 'transformers', 'peft'} & set(sys.modules)))"
    )
    run = [sys.executable, "-c", code]
    out = subprocess.run(run, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
