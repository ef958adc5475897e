"""A linearised model in an unmodified `generate` of transformers."""

import copy

import pytest

torch = pytest.importorskip("torch")
try:
    from transformers import LlamaForCausalLM  # noqa: F401
except ImportError as error:  # an extra, or broken by a torchvision of another torch
    pytest.skip(f"transformers cannot be used: {error}", allow_module_level=True)

from transformers import AutoModelForCausalLM, DynamicCache  # noqa: E402

from splinear.attention.config import LoLAConfig  # noqa: E402
from splinear.attention.conversion import linearize  # noqa: E402
from splinear.attention.families import FAMILIES, attention_modules  # noqa: E402
from splinear.attention.scoring import OracleScorer  # noqa: E402
from splinear.attention.testing import tiny_model  # noqa: E402

AMPLE = LoLAConfig(window_size=8, sparse_cache_size=60, chunk_size=4)
SMALL = LoLAConfig(window_size=4, sparse_cache_size=5, chunk_size=4)
NEW = 14
GREEDY = {"max_new_tokens": NEW, "do_sample": False}
WAYS = {
    "greedy": GREEDY,
    "sampling": {"max_new_tokens": NEW, "do_sample": True, "top_k": 20},
    "beams": {**GREEDY, "num_beams": 3},
    "chunked prefill": {**GREEDY, "prefill_chunk_size": 7},
    "no cache": {**GREEDY, "use_cache": False},
}


def prompts():
    """Three rows of 20 slots; the first two begin with padding."""
    stream = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 64, (3, 20), generator=stream)
    mask = torch.ones_like(ids)
    mask[0, :7], mask[1, :2] = 0, 0
    return ids.masked_fill(mask == 0, 0), mask


def answer(model, ids, mask=None, **how):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return model.generate(ids, attention_mask=mask, **how)


@pytest.fixture(scope="module")
def small():
    return linearize(tiny_model(), SMALL)


@pytest.mark.parametrize("family", FAMILIES.values())
def test_nothing_absorbed_is_the_softmax_model(family):
    """Token for token, and logit for logit, under every way of generating."""
    ids, mask = prompts()
    model = tiny_model(family)
    before = {way: answer(model, ids, mask, **how) for way, how in WAYS.items()}
    logits = model(ids, attention_mask=mask).logits
    linearize(model, AMPLE)
    for way, how in WAYS.items():
        assert torch.equal(answer(model, ids, mask, **how), before[way]), way
    assert len(before["greedy"][:, 20:].unique()) > 5  # not one token for ever
    real = mask.bool()
    after = model(ids, attention_mask=mask).logits
    # Two orders of summation in float64, through two layers.
    torch.testing.assert_close(after[real], logits[real], rtol=0, atol=1e-9)


@pytest.mark.parametrize("score", ["relative_self_recall_error", "heavy_hitter"])
@pytest.mark.parametrize("chunk", [1, 4])
def test_padding_beams_and_batching_change_no_row(score, chunk):
    ids, mask = prompts()
    config = LoLAConfig(
        window_size=4, sparse_cache_size=5, chunk_size=chunk, score=score
    )
    model = linearize(tiny_model(), config)
    for way, how in WAYS.items():
        if way == "sampling":  # the draws of a row depend on the batch, in any model
            continue
        together = answer(model, ids, mask, **how)
        for row, skipped in enumerate([7, 2, 0]):
            alone = answer(model, ids[row : row + 1, skipped:], **how)
            assert torch.equal(together[row, skipped:], alone[0]), (way, row)


def test_small_budget_changes_the_answer(small):
    """Otherwise the tests above would hold of any budget."""
    ids, mask = prompts()
    logits = tiny_model()(ids, attention_mask=mask).logits[:, -1]
    assert (small(ids, attention_mask=mask).logits[:, -1] - logits).abs().max() > 1e-2


def test_all_ways_agree_on_a_small_budget(small):
    ids, mask = prompts()
    wanted = answer(small, ids, mask, **GREEDY)
    for way in ("chunked prefill", "no cache"):
        assert torch.equal(answer(small, ids, mask, **WAYS[way]), wanted), way
    one = answer(small, ids, mask, **GREEDY, num_beams=1, num_return_sequences=1)
    assert torch.equal(one, wanted)


def test_second_turn_continues_the_cache(small):
    ids, mask = prompts()
    cache = small.make_cache()
    kwargs = {cache_argument(): cache}
    first = answer(small, ids, mask, **GREEDY, **kwargs)
    again = torch.cat([first, ids[:, 10:]], 1)
    grown = torch.cat([mask, torch.ones(3, again.shape[1] - 20).long()], 1)
    continued = answer(small, again, grown, **GREEDY, **kwargs)
    assert torch.equal(continued, answer(small, again, grown, **GREEDY))
    assert cache.get_seq_length() == continued.shape[1] - 1


def cache_argument():
    from splinear.attention.families import CACHE

    return CACHE


def test_snapshot_and_restore(small):
    ids, _ = prompts()
    cache = small.make_cache()
    kwargs = {cache_argument(): cache}
    small(ids, **kwargs)
    kept = cache.snapshot()
    first = small(ids[:, :9], **kwargs).logits
    assert cache.get_seq_length() == 29
    for _ in range(2):  # a snapshot serves more than once
        cache.restore(kept)
        assert cache.get_seq_length() == 20
        again = small(ids[:, :9], **kwargs).logits
        torch.testing.assert_close(again, first, rtol=0, atol=0)
    with pytest.raises(ValueError, match="expected a snapshot of 2 layers; got 1"):
        cache.restore(kept[:1])


def test_prefix_is_shared_by_deepcopy(small):
    ids, _ = prompts()
    cache = small.make_cache()
    small(ids[:1], **{cache_argument(): cache})
    twin = copy.deepcopy(cache)
    a = small(ids[1:2], **{cache_argument(): cache}).logits
    b = small(ids[1:2], **{cache_argument(): twin}).logits
    torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_cache_tells_what_it_holds(small):
    ids, mask = prompts()
    cache = small.make_cache()
    sizes = set()
    with torch.no_grad():
        small(ids, attention_mask=mask, **{cache_argument(): cache})
        for _ in range(30):
            sizes.add(cache.nbytes())
            small(ids[:, :1], **{cache_argument(): cache})
    assert len(sizes) == 1
    for layer in range(2):
        held = cache.indices(layer)
        assert held.seen == [43, 48, 50]
        for row, seen in enumerate(held.seen):
            for head in held.cache[row]:
                here = torch.cat([held.window[row], head])
                here = here[here >= 0].tolist()
                assert len(set(here)) == len(here) == seen - held.absorbed[row]
                assert max(here) == seen - 1
    with pytest.raises(ValueError, match="the cache is empty: run the model first"):
        small.make_cache().indices(0)


def test_rows_of_a_cache(small):
    ids, _ = prompts()
    cache = small.make_cache()
    small(ids[:2], **{cache_argument(): cache})
    cache.batch_repeat_interleave(2)
    cache.batch_select_indices(torch.tensor([0, 3]))
    got = small(ids[:2, :5], **{cache_argument(): cache}).logits
    want = small(torch.cat([ids[:2], ids[:2, :5]], 1)).logits[:, 20:]
    torch.testing.assert_close(got, want, rtol=0, atol=1e-9)
    cache.reset()
    assert cache.get_seq_length() == cache.nbytes() == 0


@pytest.mark.parametrize("family", ["Llama", "Mistral", "Qwen2", "Qwen3"])
def test_save_and_load(family, tmp_path):
    ids, mask = prompts()
    model = linearize(tiny_model(family), SMALL)
    with torch.no_grad():
        for module in attention_modules(model):
            for p in module.lola.parameters():
                p.add_(0.1)
    model.set_lola(window_size=3, layers={1: {"sparse_cache_size": 2}})
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64)
    assert type(loaded) is type(model)
    assert loaded.lola_config == model.lola_config
    wanted = answer(model, ids, mask, **GREEDY)
    assert torch.equal(answer(loaded, ids, mask, **GREEDY), wanted)


def test_maps_stay_float32_in_half_precision(tmp_path):
    linearize(tiny_model(), SMALL).float().save_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    heads = attention_modules(model)[0].lola
    assert heads.feature_map_k.weight.dtype == torch.float32
    ids, mask = prompts()
    assert answer(model, ids, mask, **GREEDY).shape == (3, 20 + NEW)


def test_another_budget_without_retraining(small):
    ids, mask = prompts()
    model = linearize(tiny_model(), SMALL)
    softmax = answer(tiny_model(), ids, mask, **GREEDY)
    model.set_lola(sparse_cache_size=60)
    assert torch.equal(answer(model, ids, mask, **GREEDY), softmax)
    model.set_lola(sparse_cache_size=5)
    wanted = answer(small, ids, mask, **GREEDY)
    assert torch.equal(answer(model, ids, mask, **GREEDY), wanted)
    with pytest.raises(ValueError, match="feature_dim cannot change after linearize"):
        model.set_lola(feature_dim=4)


def test_a_scorer_of_ones_own_stays_until_another_is_given():
    ids, _ = prompts()
    model = linearize(tiny_model(), SMALL)

    def kept():
        cache = model.make_cache()
        model(ids, **{cache_argument(): cache})
        return cache.indices(0).cache

    wanted = torch.tensor([[1, 3], [0, 5], [2, 4]])
    model.set_lola(score=OracleScorer(wanted))
    model.set_lola(sparse_cache_size=2)
    assert torch.equal(kept(), wanted[:, None].expand(3, 2, 2).to(torch.int32))
    model.set_lola(score="recency")
    assert kept().min() > 10


def test_softmax_is_a_switch_away(small):
    ids, mask = prompts()
    model = copy.deepcopy(small)
    model.set_attn_implementation("sdpa")
    wanted = answer(tiny_model(), ids, mask, **GREEDY)
    assert torch.equal(answer(model, ids, mask, **GREEDY), wanted)
    model.set_attn_implementation("lola")
    again = answer(small, ids, mask, **GREEDY)
    assert torch.equal(answer(model, ids, mask, **GREEDY), again)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_prompts(small, length):
    ids, _ = prompts()
    wanted = answer(tiny_model(), ids[:, -length:], max_new_tokens=2, do_sample=False)
    got = answer(small, ids[:, -length:], max_new_tokens=2, do_sample=False)
    assert torch.equal(got, wanted)


def test_a_row_of_nothing_but_padding(small):
    ids, mask = prompts()
    mask[1] = 0
    out = small(ids, attention_mask=mask).logits
    assert out.isfinite().all()
    alone = small(ids[2:]).logits
    torch.testing.assert_close(out[2:], alone, rtol=0, atol=1e-9)


def test_per_query_head_mode():
    ids, mask = prompts()
    config = LoLAConfig(window_size=4, sparse_cache_size=5, share_across_group=False)
    model = linearize(tiny_model(), config)
    cache = model.make_cache()
    model(ids, **{cache_argument(): cache})
    shared = linearize(tiny_model(), LoLAConfig(window_size=4, sparse_cache_size=5))
    small = shared.make_cache()
    shared(ids, **{cache_argument(): small})
    assert cache.nbytes() == 2 * small.nbytes()  # two query heads per group
    assert answer(model, ids, mask, **GREEDY).shape == (3, 20 + NEW)


# What is refused, in words.


def test_crop_is_refused(small):
    ids, _ = prompts()
    cache = small.make_cache()
    small(ids, **{cache_argument(): cache})
    cache.crop(0)
    for refuse in (cache.crop, cache.layers[0].crop):
        with pytest.raises(ValueError, match=r"cannot be cropped: .*cache\.snapshot"):
            refuse(-1)


def test_assisted_decoding_is_refused(small):
    ids, _ = prompts()
    with pytest.raises(ValueError, match="assisted decoding is not supported with Lo"):
        answer(small, ids[:1], **GREEDY, assistant_model=tiny_model())
    with pytest.raises(ValueError, match="assisted decoding is not supported with Lo"):
        answer(small, ids[:1], **GREEDY, prompt_lookup_num_tokens=3)


def test_other_caches_are_refused(small):
    ids, _ = prompts()
    with pytest.raises(ValueError, match="leave cache_implementation unset; got 'st"):
        answer(small, ids, **GREEDY, cache_implementation="static")
    with pytest.raises(ValueError, match="needs a LoLACache; got DynamicCache"):
        small(ids, **{cache_argument(): DynamicCache()})


def test_a_cache_of_other_settings_or_rows_is_refused():
    ids, _ = prompts()
    model = linearize(tiny_model(), SMALL)
    cache = model.make_cache()
    model(ids, **{cache_argument(): cache})
    with pytest.raises(ValueError, match="the cache holds 3 rows; got a batch of 2"):
        model(ids[:2], **{cache_argument(): cache})
    model.set_lola(window_size=6)
    with pytest.raises(ValueError, match="start a new cache after set_lola"):
        model(ids, **{cache_argument(): cache})


def test_packed_sequences_and_masks_of_four_dimensions_are_refused(small):
    ids, _ = prompts()
    packed = torch.arange(20) % 10
    with pytest.raises(ValueError, match="several sequences packed in one row"):
        small(ids, position_ids=packed[None].expand(3, -1), use_cache=False)
    with pytest.raises(ValueError, match=r"masks of shape \(batch, time\); got"):
        small(ids, attention_mask=torch.zeros(3, 1, 20, 20))


def test_half_precision_overflow_is_told():
    ids, _ = prompts()
    model = linearize(tiny_model(), SMALL).half()
    with torch.no_grad():
        attention_modules(model)[0].v_proj.weight.mul_(6e4)
    with pytest.raises(ValueError, match="float16 overflowed in the layers before"):
        model(ids)


def test_models_that_are_no_decoders_of_a_known_family():
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaModel,
        T5Config,
        T5ForConditionalGeneration,
    )

    t5 = T5ForConditionalGeneration(
        T5Config(d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, vocab_size=8)
    )
    with pytest.raises(ValueError, match=r"encoder-decoder model: .* only decoders"):
        linearize(t5)
    gpt = GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=8))
    with pytest.raises(ValueError, match=r"knows LlamaForCausalLM, .*model_type 'gpt2"):
        linearize(gpt)
    bare = LlamaModel(
        LlamaConfig(hidden_size=8, num_attention_heads=2, num_hidden_layers=1)
    )
    with pytest.raises(ValueError, match="got LlamaModel"):
        linearize(bare)
    with pytest.raises(ValueError, match="takes a model of transformers; got Linear"):
        linearize(torch.nn.Linear(2, 2))


def test_sliding_layers_and_second_calls_are_refused(small):
    with pytest.raises(ValueError, match="linearised already: use model"):
        linearize(small)
    mixed = tiny_model(
        "Qwen2", use_sliding_window=True, sliding_window=8, max_window_layers=1
    )
    with pytest.raises(ValueError, match="some layers are of type sliding_attention"):
        linearize(mixed)


def test_attention_dropout_is_refused():
    model = linearize(tiny_model(attention_dropout=0.1), SMALL).train()
    with pytest.raises(ValueError, match="LoLA has no attention dropout; got"):
        model(prompts()[0])
