"""Teachers from scratch: recall learned on sequences that grow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from splinear.attention.evaluation.mqar import RecallBatch
from splinear.attention.evaluation.recall import answer_logits
from splinear.core.random import generator

#: Weight of the latest batch in the running accuracy that ends a stage.
FORGET = 0.1
#: Steps over which the rate rises at the start.
WARM_UP = 30


@dataclass(frozen=True)
class Stage:
    """One step of a curriculum.

    Parameters
    ----------
    draw : callable
        ``draw(rng)`` returns a `RecallBatch`.
    until : float, in (0, 1]
        Running accuracy per token that ends the stage.
    most : int
        Steps after which it ends in any case.
    rate : float
        Factor of the learning rate.
    least : int
        Steps that it lasts in any case.
    """

    draw: Callable[[Any], RecallBatch]
    until: float = 0.95
    most: int = 1000
    rate: float = 1.0
    least: int = 0


def train_recall(
    model: Any,
    stages: Sequence[Stage],
    *,
    learning_rate: float = 5e-3,
    seed: int = 0,
) -> list[tuple[int, float]]:
    """Train a model to answer, stage by stage, with loss on the answers alone.

    Parameters
    ----------
    model : causal language model
        Changed in place, left in eval mode.
    stages : sequence of Stage
    learning_rate : float
        Of AdamW with weight decay 0.1 and gradients clipped at norm 1.
    seed : int
        Of the data.

    Returns
    -------
    list of (int, float)
        Steps and last running accuracy of each stage.

    Examples
    --------
    >>> from splinear.attention.evaluation import MQARTask, small_decoder
    >>> task = MQARTask(length=5, n_pairs=1, n_queries=1)
    >>> model = small_decoder(task.vocab_size, hidden_size=8, n_layers=1)
    >>> stage = Stage(lambda rng: task.batch(2, rng), most=3)
    >>> train_recall(model, [stage])[0][0]
    3
    """
    rng = generator([seed, 1])
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=learning_rate, weight_decay=0.1, betas=(0.9, 0.98)
    )
    model.train()
    report, taken = [], 0
    for stage in stages:
        running = 0.0
        steps = 0
        while steps < stage.most and (running < stage.until or steps < stage.least):
            steps, taken = steps + 1, taken + 1
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * stage.rate * min(1.0, taken / WARM_UP)
            right = _step(model, parameters, optimizer, stage.draw(rng))
            running += FORGET * (right - running)
        report.append((steps, running))
    model.eval()
    return report


def _step(model, parameters, optimizer, batch) -> float:
    logits = answer_logits(model, batch)
    loss = cross_entropy(logits.flatten(0, 1), batch.answers.flatten())
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    return (logits.argmax(-1) == batch.answers).float().mean().item()
