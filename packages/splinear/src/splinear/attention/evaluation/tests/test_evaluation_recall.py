"""Equal bytes are equal, accuracies are those of `generate`, and scores win."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from splinear.attention.config import LoLAConfig  # noqa: E402
from splinear.attention.conversion import linearize  # noqa: E402
from splinear.attention.evaluation import (  # noqa: E402
    Arm,
    MQARTask,
    PasskeyTask,
    compare,
    equal_byte_arms,
    kv_bytes,
    measure,
    small_decoder,
    state_bytes,
)
from splinear.attention.evaluation.budgets import SCORES, bytes_of  # noqa: E402
from splinear.attention.evaluation.recaller import make_recaller  # noqa: E402
from splinear.attention.families import lola_heads  # noqa: E402
from splinear.attention.scoring import (  # noqa: E402
    EMPTY,
    Candidates,
    salient_recall_error,
)


@pytest.fixture
def model():
    small = small_decoder(145, hidden_size=16, n_layers=2, head_dim=8).eval()
    return linearize(
        small, LoLAConfig(window_size=5, sparse_cache_size=4, chunk_size=3)
    )


def test_bytes_follow_the_formula(model):
    """Per layer and head: S pairs of 2 d + position, and D (d + 1) numbers of state."""
    pairs, d, D = 5 + 4 + 3 - 1, 8, 8
    assert state_bytes(model) == 2 * 4 * (pairs * (2 * d + 1) + D * (d + 1))
    assert kv_bytes(model, 100) == 2 * 2 * 8 * 4 * 100


@pytest.mark.parametrize("cache", [0, 1, 9])
def test_no_arm_holds_more_bytes_than_the_wider_window(model, cache):
    before = model.lola_config
    arms = equal_byte_arms(model, 6, cache)
    assert [arm.name for arm in arms] == ["wider window", *SCORES]
    limit = bytes_of(model, arms[0])
    for arm in arms[1:]:
        if arm.name != "heavy_hitter":
            assert bytes_of(model, arm) == limit
        elif cache > 1:
            assert 0 < arm.sparse_cache_size < cache  # its record costs pairs
            wider = replace(arm, sparse_cache_size=arm.sparse_cache_size + 1)
            assert bytes_of(model, arm) <= limit < bytes_of(model, wider)
    assert model.lola_config == before


def test_compare_puts_settings_and_scorers_back(model):
    before = model.lola_config, [heads.scorer for heads in lola_heads(model)]
    found = compare(model, MQARTask(20, 2, 3).batch(4, 0), 3, 2)
    assert (model.lola_config, [h.scorer for h in lola_heads(model)]) == before
    assert found["no cache"].nbytes < found["wider window"].nbytes
    assert found["oracle"].nbytes == found["salient_recall_error"].nbytes
    assert all(0.0 <= outcome.recall.token <= 1.0 for outcome in found.values())


def test_measure_is_exact_match_of_generate():
    """A model that always says one digit is right in some rows: both agree on which."""
    model = small_decoder(128, hidden_size=16, n_layers=1, head_dim=8).eval()
    batch = PasskeyTask(60, n_digits=1).batch(40, 3)
    model.lm_head.bias = torch.nn.Parameter(torch.zeros(128))
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.lm_head.bias[int(batch.answers[0, 0])] = 1.0
    recall = measure(model, batch, rows=7)
    prompts = batch.ids[:, : int(batch.asks[0, 0]) + 1]
    said = model.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        max_new_tokens=1,
        do_sample=False,
        pad_token_id=0,
    )[:, -1:]
    right = (said == batch.answers).all(-1)
    assert 0 < int(right.sum()) < 40
    # Float32 means of 40 zeros and ones.
    assert recall.exact == pytest.approx(right.float().mean().item(), abs=1e-6)
    assert (recall.count, recall.token) == (40, recall.exact)


def candidates(keys, values, numerator, normaliser):
    positions = torch.arange(keys.shape[2]).expand(keys.shape[:3])
    return Candidates(keys, values, positions, None, lambda: (numerator, normaliser))


def test_order_of_salience_survives_scaling():
    stream = torch.Generator().manual_seed(0)
    keys, values, told = (
        torch.randn(1, 2, 9, 4, generator=stream, dtype=torch.float64) for _ in range(3)
    )
    count = torch.rand(1, 2, 9, generator=stream, dtype=torch.float64) + 0.1
    plain = salient_recall_error(candidates(keys, values, told, count))
    for scale in (0.3, 7.0):
        scaled = candidates(
            scale * keys, scale * values, scale * scale * told, scale * count
        )
        # |k|^2 gives scale^2 and the root of the count scale^(-1/2), nothing else.
        torch.testing.assert_close(
            salient_recall_error(scaled), scale**1.5 * plain, rtol=1e-12, atol=0.0
        )


def test_salience_of_an_empty_state_is_finite_and_goes_by_key_norm():
    keys = torch.tensor([[[[1.0], [3.0], [2.0]]]])
    zero = torch.zeros(1, 1, 3)
    found = salient_recall_error(candidates(keys, keys, zero[..., None], zero))
    expected = torch.tensor([[[1.0, 9.0, 4.0]]]) / EMPTY**0.5
    torch.testing.assert_close(found, expected)


def test_an_arm_names_its_settings():
    assert Arm("a", 3, 2, "random").settings() == {
        "window_size": 3,
        "sparse_cache_size": 2,
        "score": "random",
    }


@pytest.mark.slow(seconds=50)
def test_tier_1_recall_at_equal_bytes():
    """Section 5.4 of the specification, the margins in points; one seed, 768 queries."""
    torch.set_num_threads(2)
    made = make_recaller(seed=0)
    assert min(made.teacher.values()) >= 0.98
    points = {}
    for n_fillers in (1, 16):
        batch = MQARTask(n_fillers=n_fillers).batch(32, [0, 4, n_fillers])
        found = compare(made.model, batch, 16, 32)
        points[n_fillers] = {n: 100.0 * o.recall.token for n, o in found.items()}
    one, many = points[1], points[16]
    assert one["self_recall_error"] >= one["no cache"] + 25
    assert one["self_recall_error"] >= one["random"] + 15
    assert one["self_recall_error"] >= one["wider window"] + 8
    assert many["relative_self_recall_error"] >= many["random"] + 15
    for share in (one, many):
        assert share["oracle"] >= 95
        assert share["salient_recall_error"] >= share["no cache"] + 25
        assert share["salient_recall_error"] >= share["random"] + 15
        assert share["salient_recall_error"] >= share["wider window"] + 15
