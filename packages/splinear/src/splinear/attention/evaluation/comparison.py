"""Recall of many ways of spending one budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from splinear.attention._training import budget
from splinear.attention.evaluation.budgets import (
    SCORES,
    Arm,
    bytes_of,
    equal_byte_arms,
)
from splinear.attention.evaluation.mqar import RecallBatch
from splinear.attention.evaluation.recall import Recall, measure
from splinear.attention.scoring import OracleScorer


@dataclass(frozen=True)
class Outcome:
    """What an arm recalled, and the bytes it held per sequence."""

    arm: Arm
    recall: Recall
    nbytes: int


def compare(
    model: Any,
    batch: RecallBatch,
    window_size: int,
    sparse_cache_size: int,
    scores: Sequence[str] = SCORES,
) -> dict[str, Outcome]:
    """Measure no cache, a wider window, an oracle, and every score, at equal bytes.

    Parameters
    ----------
    model : linearised model
        Its settings are the same afterwards.
    batch : RecallBatch
    window_size, sparse_cache_size : int
        The budget.  "no cache" has the window alone, and so fewer bytes.
    scores : sequence of str

    Returns
    -------
    dict of str to Outcome

    Examples
    --------
    >>> from splinear.attention.config import LoLAConfig
    >>> from splinear.attention.conversion import linearize
    >>> from splinear.attention.evaluation import MQARTask, small_decoder
    >>> task = MQARTask(length=16, n_pairs=2, n_queries=2)
    >>> model = small_decoder(task.vocab_size, hidden_size=8, n_layers=1)
    >>> model = linearize(model.eval(), LoLAConfig(chunk_size=4))
    >>> found = compare(model, task.batch(4, 0), 4, 4, scores=["random"])
    >>> [*found]
    ['no cache', 'wider window', 'random', 'oracle']
    >>> found["random"].nbytes == found["wider window"].nbytes
    True
    """
    arms = [Arm("no cache", window_size, 0)]
    arms += equal_byte_arms(model, window_size, sparse_cache_size, tuple(scores))
    oracle = OracleScorer(batch.needed)
    arms.append(Arm("oracle", window_size, sparse_cache_size, oracle))
    return {arm.name: outcome(model, batch, arm) for arm in arms}


def outcome(model: Any, batch: RecallBatch, arm: Arm) -> Outcome:
    """Measure one arm."""
    nbytes = bytes_of(model, arm)
    with budget(model, **arm.settings()):
        # All rows at once: the oracle speaks of the whole batch.
        return Outcome(arm, measure(model, batch, rows=len(batch)), nbytes)
