"""Stage 1 of a conversion: feature maps learn to imitate softmax, layer by layer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from splinear.attention._teacher import recording, teacher
from splinear.attention._training import (
    Plan,
    as_batch,
    batches_of,
    budget,
    only_training,
    refuse_plain,
    train,
)
from splinear.attention.diagnostics import FeatureMapReport, _inputs, feature_map_report
from splinear.attention.families import lola_heads
from splinear.attention.interface import attend_whole

#: Factor of the mean squared error, as in LoLCATs: it sets the scale of gradients that
#: are clipped.
LOSS_SCALE = 1000.0


@dataclass(frozen=True)
class TransferReport:
    """How the conversion went.

    Parameters
    ----------
    losses : list of float
        Per step: 1000 times the mean squared error, averaged over layers.
    layer_error : (layers,) tensor
        ``|student - teacher|^2 / |teacher|^2`` over real tokens, before the output
        projection, on the first batch after training.
    feature_maps : FeatureMapReport
        On the same batch.
    """

    losses: list[float]
    layer_error: Tensor
    feature_maps: FeatureMapReport

    def __str__(self) -> str:
        errors = ", ".join(f"{e:.3f}" for e in self.layer_error.tolist())
        ends = f"{self.losses[0]:.3g} -> {self.losses[-1]:.3g}"
        return f"loss {ends}; relative error per layer {errors}\n{self.feature_maps}"


def attention_transfer(
    model: Any,
    data: Any,
    *,
    steps: int | None = None,
    epochs: int = 2,
    batch_size: int = 1,
    accumulate: int = 8,
    learning_rate: float = 1e-2,
    clip: float = 1.0,
    sparse_cache_size: int = 0,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 100,
    verbose: bool | str = "auto",
) -> TransferReport:
    """Train the maps and mixing weights of a linearised model; nothing else moves.

    Every layer runs its original softmax attention, so that hidden states stay those
    of the original model; beside it, the linear attention answers the same queries and
    is pulled towards the softmax output.

    Parameters
    ----------
    model : linearised model
    data : (n, T) token ids, mapping of such tensors, list of sequences, or function
        ``attention_mask`` marks padding; a list of sequences is padded here. A function
        of the batch number returns one batch.
    steps : int, optional
        Optimiser steps; from `epochs` by default.
    epochs, batch_size, accumulate : int
        Micro-batches of `batch_size`, `accumulate` of them per step.
    learning_rate, clip : float
        Of AdamW without weight decay; the norm at which gradients are clipped.
    sparse_cache_size : int
        During training, where per-layer overrides of the settings are left aside.
        Maps trained without the cache serve with it as well.
    seed : int
        Order of the data.
    checkpoint : path, optional
        Folder; a run that finds its own checkpoint there goes on where it stopped.
    checkpoint_every : int
        Steps between checkpoints.
    verbose : bool or "auto"
        Progress bar; "auto" shows it on a terminal.

    Returns
    -------
    TransferReport

    Raises
    ------
    ValueError
        If the model is not linearised, has no maps to train, or finds a checkpoint of
        another run.

    Notes
    -----
    The recipe of LoLCATs (Zhang et al., 2024) except for the schedule: half a cosine
    instead of steps on a plateau, so that a resumed run needs no more than its number.
    """
    refuse_plain(model)
    plan = Plan(
        steps, epochs, batch_size, accumulate, learning_rate, clip, seed, checkpoint,
        checkpoint_every, verbose,
    )  # fmt: skip
    parameters = [p for heads in lola_heads(model) for p in _learned(heads)]
    if not parameters:
        raise ValueError(
            "nothing to train: feature_map has no parameters; use hedgehog"
        )
    with (
        only_training(model, parameters),
        budget(model, sparse_cache_size=sparse_cache_size, layers={}),
    ):
        losses = train(
            parameters, lambda batch: _loss(model, batch), data, plan, "transfer"
        )
        first = as_batch(batches_of(data, plan)[0](0))
        with torch.no_grad():
            errors = _errors(model, _inputs(model, first), relative=True)
        return TransferReport(losses, errors, feature_map_report(model, first))


def _learned(heads: Any) -> list[torch.nn.Parameter]:
    """The maps, and whichever of delta and gate the mixing reads."""
    own = heads.delta if heads.config.mixing == "additive" else heads.gate
    maps = [*heads.feature_map_q.parameters(), *heads.feature_map_k.parameters()]
    return [*maps, own] if maps else []


def _loss(model: Any, batch: dict[str, Tensor]) -> Tensor:
    inputs = {name: batch[name] for name in batch if name != "labels"}
    return LOSS_SCALE * _errors(model, inputs, relative=False).mean()


def _errors(model: Any, inputs: dict[str, Tensor], relative: bool) -> Tensor:
    """Return the error of each layer, (layers,)."""
    found: dict[int, Tensor] = {}
    order = {id(heads): layer for layer, heads in enumerate(lola_heads(model))}

    def record(heads, query, key, value, valid, scaling):
        wanted = teacher(query, key, value, valid, scaling)
        got = attend_whole(heads, query, key, value, valid, scaling)
        error, size = (got - wanted).float().square(), wanted.float().square()
        if valid is not None:
            real = valid[:, None, :, None].to(error.dtype)
            error, size = error * real, size * real
        count = error.numel() if valid is None else _count(error, valid)
        whole = size.sum() if relative else count
        found[order[id(heads)]] = error.sum() / whole
        return wanted

    with recording(model, record):
        model.get_decoder()(**inputs, use_cache=False)
    return torch.stack([found[layer] for layer in sorted(found)])


def _count(error: Tensor, valid: Tensor) -> Tensor:
    return valid.sum() * error.shape[1] * error.shape[3]
