"""Training the maps and the projections: learning, resuming, reporting."""

import copy

import pytest

torch = pytest.importorskip("torch")
try:
    from transformers import LlamaForCausalLM  # noqa: F401
except ImportError as error:  # an extra, or broken by a torchvision of another torch
    pytest.skip(f"transformers cannot be used: {error}", allow_module_level=True)

from splinear.attention._training import as_batch  # noqa: E402
from splinear.attention.config import LoLAConfig  # noqa: E402
from splinear.attention.conversion import linearize  # noqa: E402
from splinear.attention.diagnostics import diversity, feature_map_report  # noqa: E402
from splinear.attention.families import attention_modules  # noqa: E402
from splinear.attention.testing import tiny_model  # noqa: E402
from splinear.attention.transfer import attention_transfer  # noqa: E402

CONFIG = LoLAConfig(window_size=4, sparse_cache_size=6, chunk_size=4, feature_dim=8)


def token_ids(rows=8, length=32):
    stream = torch.Generator().manual_seed(3)
    return torch.randint(3, 64, (rows, length), generator=stream)


@pytest.fixture
def model():
    return linearize(tiny_model().float(), CONFIG)


def weights(model):
    return {name: p.clone() for name, p in model.named_parameters()}


def test_transfer_learns_and_moves_the_maps_alone(model):
    before, ids = weights(model), token_ids()
    how = {"steps": 60, "batch_size": 8, "accumulate": 1}
    report = attention_transfer(model, ids, learning_rate=3e-2, **how)
    first, last = report.losses[0], report.losses[-1]
    assert last < 0.8 * first
    for name, p in model.named_parameters():
        moved = not torch.equal(p, before[name])
        assert moved == (".lola." in name and not name.endswith("gate")), name
    assert report.layer_error.shape == (2,)
    assert 0 < report.layer_error.max() < 1
    assert model.lola_config == CONFIG
    assert all(p.requires_grad for p in model.parameters())
    assert "relative error per layer" in str(report)


@pytest.mark.parametrize("mixing", ["window_shift", "joint_shift"])
def test_transfer_trains_the_weight_that_the_mixing_reads(mixing):
    config = LoLAConfig(**{**CONFIG.to_dict(), "mixing": mixing})
    model = linearize(tiny_model().float(), config)
    before = weights(model)
    attention_transfer(model, token_ids(), steps=2, batch_size=8, accumulate=1)
    name = "model.layers.0.self_attn.lola."
    now = weights(model)
    assert torch.equal(now[name + "delta"], before[name + "delta"])
    assert not torch.equal(now[name + "gate"], before[name + "gate"])


def test_teacher_is_exact_in_every_layer(model, monkeypatch):
    """Hidden states during the transfer are those of the softmax model."""
    from splinear.attention import transfer

    ids, seen = token_ids(2), []

    def teacher(*args):
        seen.append(transfer_teacher(*args))
        return seen[-1]

    transfer_teacher = transfer.teacher
    monkeypatch.setattr(transfer, "teacher", teacher)
    attention_transfer(model, ids, steps=1, batch_size=2, accumulate=1)
    softmax, wanted = tiny_model().float(), []
    for module in attention_modules(softmax):
        module.o_proj.register_forward_pre_hook(
            lambda _, args: wanted.append(args[0].clone())
        )
    # The transfer saw the rows in the order that its seed draws.
    order = [0, 1] if torch.equal(seen[0][0], seen[-2][0]) else [1, 0]
    softmax(ids)
    for got, want in zip(seen[-2:], wanted, strict=True):
        rows = got.transpose(1, 2).flatten(2)
        best = min(
            (rows[order] - want).abs().max(), (rows - want).abs().max(),
            (rows.flip(0) - want).abs().max(),
        )  # fmt: skip
        assert best < 1e-5


def test_padding_is_not_learned_from(model):
    """A padded batch has the error of its real tokens."""
    from splinear.attention.transfer import _errors

    ids = token_ids(1, 20)
    padded = torch.cat([torch.full((1, 12), 5), ids], 1)
    mask = torch.cat([torch.zeros(1, 12), torch.ones(1, 20)], 1).long()
    model.set_lola(sparse_cache_size=0)
    with torch.no_grad():
        for relative in (True, False):
            want = _errors(model, {"input_ids": ids}, relative)
            positions = (mask.cumsum(-1) - 1).clamp_min(0)
            inputs = {"input_ids": padded, "attention_mask": mask}
            got = _errors(model, {**inputs, "position_ids": positions}, relative)
            # Float32 sums in two orders.
            torch.testing.assert_close(got, want, rtol=1e-4, atol=0)


class Interruption(Exception):
    pass


def interrupted(ids, at):
    def data(number):
        if number == at:
            raise Interruption
        start = 2 * number % len(ids)
        return ids[start : start + 2]

    return data


def train_stage(stage, model, data, folder=None):
    """One of the two stages, eight steps of two micro-batches."""
    from splinear.attention.finetune import finetune_lora

    how = {"steps": 8, "accumulate": 2, "checkpoint": folder, "checkpoint_every": 3}
    if stage == "transfer":
        return attention_transfer(model, data, **how).losses
    return finetune_lora(model, data, learning_rate=1e-2, **how).losses


@pytest.mark.parametrize("stage", ["transfer", "lora"])
def test_an_interrupted_run_ends_as_if_it_had_not_been(stage, model, tmp_path):
    pytest.importorskip("peft")
    ids = token_ids()
    first, second, whole = (copy.deepcopy(model) for _ in range(3))
    with pytest.raises(Interruption):
        train_stage(stage, first, interrupted(ids, at=9), tmp_path)
    asked = []

    def data(number):
        asked.append(number)
        return interrupted(ids, at=None)(number)

    losses = train_stage(stage, second, data, tmp_path)
    assert min(n for n in asked if n) == 6  # after the checkpoint of step 3
    assert losses == train_stage(stage, whole, interrupted(ids, at=None))
    for a, b in zip(second.parameters(), whole.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(ValueError, match="belongs to a run with other"):
        attention_transfer(
            copy.deepcopy(model), data, steps=9, accumulate=2, checkpoint=tmp_path
        )


def test_lora_learns_and_merges(model):
    pytest.importorskip("peft")
    from splinear.attention.finetune import finetune_lora

    before, ids = weights(model), token_ids()
    report = finetune_lora(
        model, ids, steps=25, batch_size=8, accumulate=1, learning_rate=1e-2
    )
    assert report.model is model
    assert report.losses[-1] < 0.9 * report.losses[0]
    # Rank 8: 8 (in + out) for q, k, v and o of two layers.
    sizes = [(32, 32), (32, 16), (32, 16), (32, 32)]
    assert report.n_trained == 2 * sum(8 * (a + b) for a, b in sizes)
    changed = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert changed == {n for n in before if n.endswith("_proj.weight") and "attn" in n}
    assert all(p.requires_grad for p in model.parameters())
    assert model.generate(ids[:2], max_new_tokens=3, do_sample=False).shape == (2, 35)


def test_adapters_generate_before_and_after_the_merge(model):
    pytest.importorskip("peft")
    from splinear.attention.finetune import finetune_lora

    ids = token_ids(2)
    report = finetune_lora(
        model, ids, steps=2, batch_size=2, accumulate=1, learning_rate=1e-2, merge=False
    )
    how = {"max_new_tokens": 5, "do_sample": False}
    wanted = report.model.generate(input_ids=ids, **how)
    merged = report.model.merge_and_unload()
    assert torch.equal(merged.generate(ids, **how), wanted)


def test_collapsed_maps_are_found(model):
    ids = token_ids()
    assert feature_map_report(model, ids).collapsed == []
    with torch.no_grad():  # one head of the second layer maps all keys to one vector
        attention_modules(model)[1].lola.feature_map_k.weight[1] = 0.0
    report = feature_map_report(model, ids)
    assert report.collapsed == [(1, 1)]
    assert report.cosine[1, 1] == pytest.approx(1.0, abs=1e-6)
    assert report.rank[1, 1] == pytest.approx(1.0, abs=1e-6)
    assert "collapsed maps: 1 [(1, 1)]" in str(report)


def test_diversity_leaves_padding_out(model):
    ids = token_ids(2, 16)
    mask = torch.ones_like(ids)
    mask[0, :9] = 0
    junk = ids.masked_fill(mask == 0, 1)
    one = feature_map_report(model, {"input_ids": ids, "attention_mask": mask})
    two = feature_map_report(model, {"input_ids": junk, "attention_mask": mask})
    torch.testing.assert_close(one.cosine, two.cosine)
    torch.testing.assert_close(one.rank, two.rank)


def test_diversity_against_all_pairs():
    features = torch.rand(2, 7, 5, dtype=torch.float64)
    cosine, _ = diversity(features)
    unit = features / features.norm(dim=-1, keepdim=True)
    pairs = (unit @ unit.mT)[:, *torch.triu_indices(7, 7, 1)]
    torch.testing.assert_close(cosine, pairs.mean(-1), rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (torch.zeros(0, 4).long(), ValueError, "must hold at least one sequence"),
        (torch.zeros(4).long(), ValueError, r"must be \(sequences, time\)"),
        (torch.zeros(2, 4), TypeError, "token ids must be integers"),
        ({"labels": torch.zeros(1, 2)}, ValueError, "data needs 'input_ids'; got lab"),
        (lambda number: None, ValueError, "needs steps=...; got None"),
    ],
)
def test_bad_data(model, data, error, words):
    with pytest.raises(error, match=words):
        attention_transfer(model, data)


def test_what_cannot_be_trained(model):
    with pytest.raises(ValueError, match="LlamaForCausalLM was not linearised"):
        attention_transfer(tiny_model(), token_ids())
    config = LoLAConfig(window_size=4, feature_map="elu")
    plain = linearize(tiny_model().float(), config)
    with pytest.raises(ValueError, match="nothing to train: feature_map has no param"):
        attention_transfer(plain, token_ids())


def test_sequences_of_unequal_length_are_one_padded_batch(model):
    ids = token_ids(rows=3, length=12)
    rows = [ids[0], ids[1, :7].tolist(), ids[2:3, :9]]
    batch = as_batch(rows)
    assert batch["attention_mask"].sum(1).tolist() == [12, 7, 9]
    assert batch["input_ids"][1, :7].tolist() == rows[1]
    report = attention_transfer(model, rows, steps=1, batch_size=3, accumulate=1)
    assert report.losses[-1] > 0
    with pytest.raises(ValueError, match="each sequence must be"):
        as_batch([ids, ids])


def test_progress_is_shown_on_request(model, capsys):
    ids = token_ids(2)
    attention_transfer(model, ids, steps=1, accumulate=1, verbose=False)
    assert capsys.readouterr().err == ""
    attention_transfer(model, ids, steps=1, accumulate=1, verbose=True)
    assert "transfer: 100%" in capsys.readouterr().err
