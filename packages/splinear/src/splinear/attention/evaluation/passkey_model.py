"""The model of the pass-key experiments: a byte-level Llama from scratch."""

from collections.abc import Sequence
from typing import Any

from splinear.attention.config import LoLAConfig
from splinear.attention.conversion import linearize
from splinear.attention.evaluation.models import small_decoder
from splinear.attention.evaluation.passkey import VOCAB_SIZE, PasskeyTask
from splinear.attention.evaluation.training import Stage, train_recall
from splinear.attention.transfer import attention_transfer
from splinear.core.random import generator

#: length, rows, running accuracy that ends the stage, most steps, factor of the rate.
CURRICULUM = (
    (64, 64, 0.97, 2500, 1.0),
    (128, 32, 0.97, 400, 1.0),
    (256, 24, 0.98, 300, 1.0),
    (512, 16, 0.995, 400, 0.5),
    (1024, 6, 0.998, 120, 0.3),
    (2048, 4, 0.998, 100, 0.2),
)


def train_byte_llama(
    curriculum: Sequence[tuple[int, int, float, int, float]] = CURRICULUM,
    *,
    kinds: Sequence[str] = ("noise", "text"),
    n_digits: int | None = None,
    n_layers: int = 3,
    seed: int = 0,
) -> tuple[Any, list[tuple[int, float]]]:
    """Train a Llama of width 64 on bytes to find a pass-key in growing haystacks.

    Parameters
    ----------
    curriculum : sequence of tuples
        Length in bytes, rows, accuracy that ends the stage, most steps, factor of the
        learning rate.
    kinds : sequence of str
        Of haystack; each batch is of one.
    n_digits : int, optional
        As in `PasskeyTask`.
    n_layers : int
    seed : int

    Returns
    -------
    model : LlamaForCausalLM
    report : list of (int, float)
        Steps and last running accuracy per byte, of each stage.
    """
    model: Any = small_decoder(
        VOCAB_SIZE, n_layers=n_layers, query_heads=4, kv_heads=2, seed=seed
    )
    stages = [
        Stage(_drawer(length, rows, kinds, n_digits), until, most, rate)
        for length, rows, until, most, rate in curriculum
    ]
    return model, train_recall(model, stages, seed=seed)


def convert(
    model: Any,
    config: LoLAConfig,
    *,
    length: int = 512,
    rows: int = 6,
    steps: int = 120,
    kinds: Sequence[str] = ("noise", "text"),
    n_digits: int | None = None,
    seed: int = 0,
) -> Any:
    """Linearise a pass-key model by attention transfer, without a sparse cache.

    Parameters
    ----------
    model : LlamaForCausalLM
        Changed in place and returned.
    config : LoLAConfig
    length, rows, steps : int
        Of the sequences, the batches and the training.
    kinds, n_digits, seed
        As in `train_byte_llama`.

    Returns
    -------
    linearised model
    """
    linearize(model, config)
    draw, rng = _drawer(length, rows, kinds, n_digits), generator([seed, 3])
    attention_transfer(
        model,
        lambda number: draw(rng).ids,
        steps=steps,
        accumulate=1,
        sparse_cache_size=0,
        verbose=False,
    )
    return model


def _drawer(length: int, rows: int, kinds: Sequence[str], n_digits: int | None):
    tasks = [PasskeyTask(length, kind, n_digits=n_digits) for kind in kinds]

    def draw(rng):
        return tasks[int(rng.integers(len(tasks)))].batch(rows, rng)

    return draw
