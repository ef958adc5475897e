"""Stage 2 of a conversion: low-rank updates of the projections, on the next token."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from splinear.attention._training import Plan, budget, refuse_plain, train
from splinear.attention.families import attention_modules


@dataclass(frozen=True)
class FinetuneReport:
    """How the fine-tuning went.

    Parameters
    ----------
    losses : list of float
        Cross-entropy of the next token, in nats, per step.
    model : model
        The model itself with the updates merged, or a PeftModel around it.
    n_trained : int
        Number of parameters trained.
    """

    losses: list[float]
    model: Any
    n_trained: int


def finetune_lora(
    model: Any,
    data: Any,
    *,
    rank: int = 8,
    alpha: float = 16.0,
    steps: int | None = None,
    epochs: int = 2,
    batch_size: int = 1,
    accumulate: int = 8,
    learning_rate: float = 1e-4,
    clip: float = 1.0,
    sparse_cache_size: int = 0,
    merge: bool = True,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 100,
    verbose: bool | str = "auto",
) -> FinetuneReport:
    """Fine-tune the projections around linear attention by LoRA (through peft).

    Parameters
    ----------
    model : linearised model
        Its feature maps should have gone through `attention_transfer`.
    data : (n, T) token ids, mapping of such tensors, list of sequences, or function
        ``labels`` (-100: no loss) default to the tokens that are no padding.
    rank, alpha : int, float
        Of the updates ``alpha / rank * B A`` of each linear map inside the attention.
    steps, epochs, batch_size, accumulate, learning_rate, clip
        As in `attention_transfer`.
    sparse_cache_size : int
        During training.
    merge : bool
        Whether to add the updates to the weights at the end.
    seed, checkpoint, checkpoint_every, verbose
        As in `attention_transfer`; `seed` also draws the initial updates.

    Returns
    -------
    FinetuneReport

    Raises
    ------
    ValueError
        If the model is not linearised, or finds a checkpoint of another run.
    """
    refuse_plain(model)
    from peft import LoraConfig, get_peft_model

    plan = Plan(
        steps, epochs, batch_size, accumulate, learning_rate, clip, seed, checkpoint,
        checkpoint_every, verbose,
    )  # fmt: skip
    flags = {p: p.requires_grad for p in model.parameters()}
    settings = LoraConfig(r=rank, lora_alpha=alpha, target_modules=_targets(model))  # pyright: ignore[reportArgumentType]
    with torch.random.fork_rng(), warnings.catch_warnings():
        # peft asks transformers by names that newer releases deprecate.
        warnings.simplefilter("ignore", FutureWarning)
        torch.manual_seed(seed)
        adapted = get_peft_model(model, settings)
    parameters = [p for p in adapted.parameters() if p.requires_grad]
    mode = model.training
    model.eval()
    with budget(model, sparse_cache_size=sparse_cache_size, layers={}):
        losses = train(
            parameters, lambda batch: _loss(adapted, batch), data, plan, "lora"
        )
    count = sum(p.numel() for p in parameters)
    if merge:
        adapted: Any = adapted.merge_and_unload()
        for p, flag in flags.items():
            p.requires_grad_(flag)
    model.train(mode)
    return FinetuneReport(losses, adapted, count)


def _targets(model: Any) -> list[str]:
    """Full names of the linear maps inside the attention modules."""
    inside = {
        id(part)
        for module in attention_modules(model)
        for part in module.children()
        if isinstance(part, nn.Linear)
    }
    return [name for name, part in model.named_modules() if id(part) in inside]


def _loss(model: Any, batch: dict[str, Tensor]) -> Tensor:
    labels = batch.get("labels")
    if labels is None:
        mask = batch.get("attention_mask")
        labels = batch["input_ids"]
        labels = labels if mask is None else labels.masked_fill(mask == 0, -100)
    inputs = {name: batch[name] for name in batch if name != "labels"}
    return model(**inputs, labels=labels, use_cache=False).loss
