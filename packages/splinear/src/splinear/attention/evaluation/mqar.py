"""Associative recall: key-value pairs scattered in filler, asked for at the end."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from splinear.core.checks import check_scalar
from splinear.core.random import generator

BOS = 0


@dataclass(frozen=True)
class MQARTask:
    """Multi-query associative recall in a haystack (MQAR-F).

    A sequence is BOS, then `length - 1` tokens of filler in which `n_pairs` pairs
    (key, value) stand at random places, then `n_queries` times (key, value) with keys
    drawn from the pairs.  What is to be predicted is the value of each of these.

    Parameters
    ----------
    length : int
        Tokens before the queries, BOS included; at least ``2 n_pairs + 1``.
    n_pairs, n_queries : int, >= 1
    n_fillers : int, >= 1
        Filler symbols, drawn independently.  One is a haystack that repeats itself;
        many make one that cannot be predicted.
    n_keys, n_values : int
        Symbols.  Keys of one sequence differ.
    max_fillers : int
        Filler symbols that the vocabulary has room for, so that a model trained with
        some number of them can be asked with fewer.

    Raises
    ------
    ValueError
        If a count is too small or the pairs do not fit.

    Examples
    --------
    >>> task = MQARTask(length=8, n_pairs=2, n_queries=3)
    >>> task.vocab_size, task.total_length
    (145, 14)
    """

    length: int = 256
    n_pairs: int = 16
    n_queries: int = 24
    n_fillers: int = 16
    n_keys: int = 64
    n_values: int = 64
    max_fillers: int = 16

    def __post_init__(self) -> None:
        for name in ("n_pairs", "n_queries", "n_fillers", "n_values"):
            check_scalar(name, getattr(self, name), low=1)
        if self.length < 2 * self.n_pairs + 1:
            raise ValueError(
                f"length must be at least 2 n_pairs + 1 = {2 * self.n_pairs + 1}, for "
                f"BOS and the pairs; got {self.length}"
            )
        if self.n_pairs > self.n_keys or self.n_fillers > self.max_fillers:
            raise ValueError(
                "n_pairs must be at most n_keys and n_fillers at most max_fillers; got "
                f"{self.n_pairs} of {self.n_keys} and {self.n_fillers} of "
                f"{self.max_fillers}"
            )

    @property
    def vocab_size(self) -> int:
        """BOS, keys, values and fillers, in this order."""
        return 1 + self.n_keys + self.n_values + self.max_fillers

    @property
    def total_length(self) -> int:
        """Tokens of a sequence, queries and answers included."""
        return self.length + 2 * self.n_queries

    def batch(self, size: int, random_state=None) -> "RecallBatch":
        """Draw `size` sequences.

        Parameters
        ----------
        size : int
        random_state : int or numpy Generator, optional

        Returns
        -------
        RecallBatch
        """
        rng = generator(random_state)
        rows = np.arange(size)[:, None]
        ids = rng.integers(self.n_fillers, size=(size, self.total_length))
        ids += 1 + self.n_keys + self.n_values
        ids[:, 0] = BOS
        keys = rng.permuted(np.tile(np.arange(self.n_keys), (size, 1)), axis=1)
        keys = 1 + keys[:, : self.n_pairs]
        values = rng.integers(self.n_values, size=keys.shape) + 1 + self.n_keys
        places = self._places(size, rng)
        ids[rows, places], ids[rows, places + 1] = keys, values
        asked = rng.integers(self.n_pairs, size=(size, self.n_queries))
        ids[:, self.length :: 2] = keys[rows, asked]
        ids[:, self.length + 1 :: 2] = values[rows, asked]
        return RecallBatch(
            torch.from_numpy(ids),
            torch.arange(self.length, self.total_length, 2).expand(size, -1),
            torch.from_numpy(places + 1),
            torch.from_numpy(_first_time(asked)),
        )

    def _places(self, size: int, rng: np.random.Generator):
        """Positions of the keys: disjoint pairs, all arrangements equally likely."""
        free = self.length - 1 - self.n_pairs
        slots = rng.permuted(np.tile(np.arange(free), (size, 1)), axis=1)
        chosen = np.sort(slots[:, : self.n_pairs], axis=1)
        return 1 + chosen + np.arange(self.n_pairs)

    def with_pairs(self, n_pairs: int) -> "MQARTask":
        """Return the same task with another number of pairs."""
        return replace(self, n_pairs=n_pairs)


def _first_time(asked):
    """Where a row asks for something it has not asked for before."""
    earlier = np.tril(np.ones((asked.shape[1],) * 2, dtype=bool), -1)
    return ~((asked[:, :, None] == asked[:, None, :]) & earlier).any(-1)


@dataclass(frozen=True)
class RecallBatch:
    """Sequences with known answers.

    Parameters
    ----------
    ids : (B, T) integer tensor
        Answers included: the model is asked by one pass over them.
    asks : (B, Q) integer tensor
        Positions whose *next* token is to be predicted.
    needed : (B, m) integer tensor
        Positions of the values in the haystack: what an oracle would keep.
    first : (B, Q) bool tensor
        False where the row has asked for the same before: a window that still sees
        the earlier answer gets those right without any memory.
    """

    ids: Tensor
    asks: Tensor
    needed: Tensor
    first: Tensor

    @property
    def answers(self) -> Tensor:
        """The tokens to be predicted, (B, Q)."""
        return self.ids.gather(1, self.asks + 1)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: slice) -> "RecallBatch":
        return RecallBatch(
            self.ids[rows], self.asks[rows], self.needed[rows], self.first[rows]
        )
