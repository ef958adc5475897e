"""One loop for both stages: batches, steps, clipping, checkpoints, a progress bar."""

import math
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from splinear.core.random import generator


@dataclass(frozen=True)
class Plan:
    """How long, how fast, in which order."""

    steps: int | None
    epochs: int
    batch_size: int
    accumulate: int
    learning_rate: float
    clip: float
    seed: int
    checkpoint: str | Path | None
    checkpoint_every: int
    verbose: bool | str


def batches_of(data, plan):
    """Return (batch_of, steps): micro-batch number -> dict of tensors.

    The order is a function of seed and number alone, so that an interrupted run goes
    on with the very batches it would have seen.
    """
    if callable(data):
        if plan.steps is None:
            raise ValueError("data that is a function needs steps=...; got None")
        return lambda number: as_batch(data(number)), plan.steps
    whole = as_batch(data)
    n = whole["input_ids"].shape[0]
    if not n:
        raise ValueError("data must hold at least one sequence; got none")
    size = min(plan.batch_size, n)
    per_epoch = n // size
    micro = plan.epochs * per_epoch
    steps = max(1, micro // plan.accumulate) if plan.steps is None else plan.steps

    def batch_of(number):
        epoch, at = divmod(number, per_epoch)
        order = generator([plan.seed, epoch]).permutation(n)
        rows = torch.from_numpy(order[at * size : (at + 1) * size])
        return {name: tensor[rows] for name, tensor in whole.items()}

    return batch_of, steps


def padded(rows):
    """Sequences of token ids of any length, as one batch with its mask."""
    flat = [row[0] if row.dim() == 2 and len(row) == 1 else row for row in rows]
    if any(row.dim() != 1 for row in flat):
        shapes = {tuple(row.shape) for row in rows}
        raise ValueError(f"each sequence must be (time,); got shapes {sorted(shapes)}")
    ones = [torch.ones(len(row), dtype=torch.long) for row in flat]
    ids, mask = (pad_sequence(part, batch_first=True) for part in (flat, ones))
    return {"input_ids": ids, "attention_mask": mask}


def as_batch(data: Any) -> dict[str, torch.Tensor]:
    """Bring token ids, or a mapping with them, to a dict of (n, T) tensors."""
    if isinstance(data, (list, tuple)) and len(data):
        data = padded([torch.as_tensor(row) for row in data])
    elif not isinstance(data, Mapping):  # what tokenizers return is one
        data = {"input_ids": data}
    if "input_ids" not in data:
        raise ValueError(f"data needs 'input_ids'; got {', '.join(map(str, data))}")
    batch = {name: torch.as_tensor(value) for name, value in data.items()}
    shape = batch["input_ids"].shape
    for name, tensor in batch.items():
        if tensor.dim() != 2 or tensor.shape != shape:
            raise ValueError(
                f"data['{name}'] must be (sequences, time) like input_ids "
                f"{tuple(shape)}; got {tuple(tensor.shape)}: pad with an attention_mask"
            )
    if batch["input_ids"].is_floating_point():
        raise TypeError("token ids must be integers; got floating point numbers")
    return batch


def train(
    parameters: list[torch.nn.Parameter],
    loss_of: Callable[[dict[str, torch.Tensor]], torch.Tensor],
    data: Any,
    plan: Plan,
    label: str,
) -> list[float]:
    """Minimise; return the loss of every step, those before a resumption included."""
    batch_of, steps = batches_of(data, plan)
    device = parameters[0].device
    optimizer = torch.optim.AdamW(parameters, lr=plan.learning_rate, weight_decay=0.0)
    losses = _resume(parameters, optimizer, plan, steps)
    with _bar(label, steps, len(losses), plan.verbose) as bar:
        for step in range(len(losses), steps):
            for group in optimizer.param_groups:
                group["lr"] = plan.learning_rate * _decay(step, steps)
            optimizer.zero_grad()
            total = 0.0
            for part in range(plan.accumulate):
                batch = batch_of(step * plan.accumulate + part)
                batch = {name: tensor.to(device) for name, tensor in batch.items()}
                loss = loss_of(batch) / plan.accumulate
                loss.backward()
                total += float(loss.detach())
            _check_finite(total, step, label)
            torch.nn.utils.clip_grad_norm_(parameters, plan.clip)
            optimizer.step()
            losses.append(total)
            bar.set_postfix(loss=f"{total:.3g}", refresh=False)
            bar.update()
            if (step + 1) % plan.checkpoint_every == 0 or step + 1 == steps:
                _save(parameters, optimizer, losses, plan, steps)
    return losses


def _check_finite(loss, step, label):
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"{label}: the loss is {loss} at step {step}: lower learning_rate, or run "
            "the model in bfloat16 or float32"
        )


def _decay(step, steps):
    """Half a cosine from 1 to 1 %."""
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / max(1, steps)))


@contextmanager
def _bar(label, total, done, verbose):
    show = sys.stderr.isatty() if verbose == "auto" else bool(verbose)
    bar = tqdm(total=total, initial=done, desc=label, disable=not show, leave=True)
    try:
        yield bar
    finally:
        bar.close()


def _file(plan):
    return Path(plan.checkpoint) / "training.pt"


def _print_of(parameters, plan, steps):
    """What must agree for a checkpoint to belong to this run."""
    shapes = [list(p.shape) for p in parameters]
    sizes = [steps, plan.batch_size, plan.accumulate, plan.seed]
    return repr((shapes, sizes, plan.learning_rate, plan.clip))


def _resume(parameters, optimizer, plan, steps):
    if plan.checkpoint is None or not _file(plan).exists():
        return []
    device = parameters[0].device
    saved = torch.load(_file(plan), map_location=device, weights_only=True)
    if saved["print"] != _print_of(parameters, plan, steps):
        raise ValueError(
            f"the checkpoint in {plan.checkpoint} belongs to a run with other "
            "parameters, data or settings: pass the same ones, or another folder"
        )
    with torch.no_grad():
        for parameter, value in zip(parameters, saved["parameters"], strict=True):
            parameter.copy_(value)
    optimizer.load_state_dict(saved["optimizer"])
    return list(saved["losses"])


def _save(parameters, optimizer, losses, plan, steps):
    if plan.checkpoint is None:
        return
    file = _file(plan)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    torch.save(
        {
            "print": _print_of(parameters, plan, steps),
            "parameters": [p.detach() for p in parameters],
            "optimizer": optimizer.state_dict(),
            "losses": losses,
        },
        part,
    )
    os.replace(part, file)  # an interruption leaves the old file or the new one


@contextmanager
def only_training(model, parameters):
    """Let gradients flow to `parameters` alone; put everything back afterwards."""
    before = {p: p.requires_grad for p in model.parameters()}
    mode = model.training
    model.eval()
    for p in before:
        p.requires_grad_(False)
    for p in parameters:
        p.requires_grad_(True)
    try:
        yield
    finally:
        for p, flag in before.items():
            p.requires_grad_(flag)
        model.train(mode)


@contextmanager
def budget(model, **changes):
    """Run under other settings; learned parameters stay as they become."""
    from splinear.attention.families import lola_heads

    config = model.config.lola
    scorers = [heads.scorer for heads in lola_heads(model)]
    model.set_lola(**changes)
    try:
        yield
    finally:
        model.config.lola = config
        own = model.lola_config
        for layer, heads in enumerate(lola_heads(model)):
            heads.set(own.for_layer(layer), scorers[layer])


def refuse_plain(model):
    if not hasattr(model, "set_lola"):
        raise ValueError(
            f"{type(model).__name__} was not linearised: call linearize(model, config)"
        )
