"""The model of the recall experiments: a teacher from scratch, then linearised."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from splinear.attention.config import LoLAConfig
from splinear.attention.conversion import linearize
from splinear.attention.evaluation.models import small_decoder
from splinear.attention.evaluation.mqar import MQARTask
from splinear.attention.evaluation.recall import measure
from splinear.attention.evaluation.training import Stage, train_recall
from splinear.attention.transfer import attention_transfer
from splinear.core.random import generator

#: length, most pairs, queries, rows.  Many pairs in little filler come first: with one
#: or two pairs a model guesses among them for minutes before it learns to look.
CURRICULUM = ((12, 4, 12, 64), (24, 8, 16, 64), (48, 8, 20, 64), (96, 16, 24, 32))
LAST = (256, 16, 24, 16)
#: Shorter last stages are for a first look, and end as soon as the model recalls.
POLISHED_FROM = 96


@dataclass(frozen=True)
class Recaller:
    """A linearised model, and how its softmax teacher recalled.

    Parameters
    ----------
    model : linearised model
    teacher : dict of int to float
        Share of right answers by number of filler symbols.
    layer_error : list of float
        Relative error of the linear attention, per layer, after the transfer.
    """

    model: Any
    teacher: dict[int, float]
    layer_error: list[float]


def mqar_stages(last: tuple[int, int, int, int] = LAST) -> list[Stage]:
    """Return a curriculum that ends at `last`: length, pairs, queries, rows.

    Half of the batches have 16 filler symbols and half have one; with the first kind
    alone some teachers recall the second at 91 % only.

    Examples
    --------
    >>> len(mqar_stages())
    5
    """
    stages = [Stage(_drawer(*sizes)) for sizes in CURRICULUM if sizes[0] < last[0]]
    if last[0] < POLISHED_FROM:
        return [*stages, Stage(_drawer(*last), until=0.97)]
    return [*stages, Stage(_drawer(*last), until=0.998, most=400, rate=0.3, least=100)]


def _drawer(length: int, most: int, n_queries: int, rows: int):
    """Draw batches with between half the pairs and all of them."""

    def draw(rng):
        n_pairs = int(rng.integers(most // 2, most + 1))
        n_fillers = (1, 16)[int(rng.integers(2))]
        return MQARTask(length, n_pairs, n_queries, n_fillers).batch(rows, rng)

    return draw


def make_recaller(
    seed: int = 0,
    *,
    equal_key_norms: bool = False,
    window_size: int = 16,
    transfer_steps: int = 200,
    last: tuple[int, int, int, int] = LAST,
    fillers: Sequence[int] = (1, 16),
) -> Recaller:
    """Train a two-layer teacher on associative recall, and convert it.

    The transfer sees no sparse cache, and nothing is fine-tuned afterwards.

    Parameters
    ----------
    seed : int
        Of weights and data.
    equal_key_norms : bool
        As in `small_decoder`.
    window_size : int
        During the transfer; updates come at every token (``chunk_size=1``).
    transfer_steps : int
    last : tuple of int
        Length, most pairs, queries and rows of the last stage.
    fillers : sequence of int
        Numbers of filler symbols with which the teacher is examined.

    Returns
    -------
    Recaller
    """
    model: Any = small_decoder(
        MQARTask().vocab_size, equal_key_norms=equal_key_norms, seed=seed
    )
    train_recall(model, mqar_stages(last), seed=seed)
    teacher = {}
    for n_fillers in fillers:
        task = MQARTask(*last[:3], n_fillers=n_fillers)
        teacher[n_fillers] = measure(model, task.batch(64, [seed, 2, n_fillers])).token
    linearize(
        model,
        LoLAConfig(
            window_size=window_size, sparse_cache_size=0, chunk_size=1, feature_dim=32
        ),
    )
    draw, rng = _drawer(*last), generator([seed, 3])
    report = attention_transfer(
        model,
        lambda number: draw(rng).ids,
        steps=transfer_steps,
        accumulate=1,
        verbose=False,
    )
    return Recaller(model, teacher, report.layer_error.tolist())
