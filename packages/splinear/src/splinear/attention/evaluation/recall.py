"""Accuracy on sequences with known answers."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splinear.attention.evaluation.mqar import RecallBatch


@dataclass(frozen=True)
class Recall:
    """Shares of right answers, in [0, 1].

    Parameters
    ----------
    token : float
        Over all tokens asked for.
    first : float
        Over those that the row had not been asked before.
    exact : float
        Rows with every token right: what greedy decoding would reproduce.
    count : int
        Tokens asked for.
    """

    token: float
    first: float
    exact: float
    count: int


def answer_logits(model: Any, batch: RecallBatch) -> Tensor:
    """Return the logits (B, Q, vocabulary) of the tokens to be predicted.

    Only these positions pass through the output layer, which costs more than a small
    model otherwise.
    """
    hidden = model.get_decoder()(batch.ids, use_cache=False).last_hidden_state
    index = batch.asks[..., None].expand(-1, -1, hidden.shape[-1])
    return model.lm_head(hidden.gather(1, index))


@torch.no_grad()
def measure(model: Any, batch: RecallBatch, rows: int = 64) -> Recall:
    """Ask a model, in one pass over sequences that contain the answers.

    Parameters
    ----------
    model : causal language model
    batch : RecallBatch
    rows : int, >= 1
        At a time.  An oracle speaks of a whole batch: give it at least that many.

    Returns
    -------
    Recall

    Notes
    -----
    An answer counts only if it is right given the earlier ones, as in greedy decoding;
    so `Recall.exact` is the exact match of `generate` without sampling.

    Examples
    --------
    >>> from splinear.attention.evaluation import MQARTask, small_decoder
    >>> task = MQARTask(length=5, n_pairs=1, n_queries=1)
    >>> model = small_decoder(task.vocab_size, hidden_size=8, n_layers=1)
    >>> measure(model, task.batch(2, 0)).count
    2
    """
    parts = [
        answer_logits(model, batch[i : i + rows]).argmax(-1)
        for i in range(0, len(batch), rows)
    ]
    right = torch.cat(parts) == batch.answers
    return Recall(
        right.float().mean().item(),
        right[batch.first].float().mean().item(),
        right.all(-1).float().mean().item(),
        right.numel(),
    )
