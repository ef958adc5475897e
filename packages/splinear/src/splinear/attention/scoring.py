"""Scorers: which of the eligible pairs stay exact.  The largest scores do.

A scorer is a function of `Candidates`; `register_scorer` gives it a name that
`LoLAConfig(score=...)` accepts.  Equal scores keep the newer pair.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

#: A normaliser phi(k)'s up to this counts as an empty state, which predicts 0.
EMPTY = 1e-12


@dataclass(frozen=True)
class Candidates:
    """The eligible pairs of one update: old cache and newly evicted, oldest first.

    Parameters
    ----------
    keys, values : (B, g, n, d) and (B, g, n, d_v) tensors
    positions : (B, g, n) integer tensor
        Position among the real tokens of the row; -1 where there is no pair.
    mass : (B, g, n) tensor or None
        Attention received so far, where the scorer has ``needs_mass``.
    read : callable
        Returns ``phi(k)'H`` (B, g, n, d_v) and ``phi(k)'s`` (B, g, n) for the state
        *before* this update; nothing is computed unless it is called.
    rows : tuple of int, optional
        Which rows of the batch these are, where an update concerns only some.
    """

    keys: Tensor
    values: Tensor
    positions: Tensor
    mass: Tensor | None
    read: Callable[[], tuple[Tensor, Tensor]]
    rows: tuple[int, ...] | None = None

    @cached_property
    def predicted(self) -> Tensor:
        """What the state recalls for each key: ``phi(k)'H / phi(k)'s``, or 0."""
        numerator, normaliser = self.read()
        # A division by infinity is the prediction 0 of an empty state.
        safe = torch.where(normaliser.abs() > EMPTY, normaliser, torch.inf)
        return numerator / safe[..., None]


class Scorer(Protocol):
    """Maps `Candidates` to scores (B, g, n)."""

    def __call__(self, candidates: Candidates) -> Tensor:
        """Return one finite score per candidate."""
        ...


SCORERS: dict[str, Scorer] = {}


def register_scorer(name: str, needs_mass: bool = False) -> Callable[[Scorer], Scorer]:
    """Enter a scorer under `name`; a decorator.

    Parameters
    ----------
    name : str
        What ``LoLAConfig(score=name)`` will say.
    needs_mass : bool
        Whether the attention received by every exact pair is to be recorded for it.

    Examples
    --------
    >>> @register_scorer("first_value")
    ... def first_value(candidates):
    ...     return candidates.values[..., 0]
    >>> SCORERS.pop("first_value") is first_value
    True
    """

    def enter(scorer: Scorer) -> Scorer:
        setattr(scorer, "needs_mass", needs_mass)  # noqa: B010 (not in the protocol)
        SCORERS[name] = scorer
        return scorer

    return enter


def get_scorer(score: str | Scorer) -> Scorer:
    """Return the scorer called `score`, or `score` itself if it is one.

    Raises
    ------
    ValueError
        If no scorer has this name.

    Examples
    --------
    >>> get_scorer("key_norm") is key_norm
    True
    """
    if callable(score):
        return score
    if score not in SCORERS:
        raise ValueError(f"score must be one of {', '.join(SCORERS)}; got {score!r}")
    return SCORERS[score]


@register_scorer("self_recall_error")
def self_recall_error(candidates: Candidates) -> Tensor:
    """``|phi(k)'H / phi(k)'s - v|^2``: how badly the state recalls the pair itself.

    The score of LoLA (McDermott, Heath and Parhi, 2025).  An empty state predicts 0,
    so that the score is then ``|v|^2``.
    """
    return (candidates.predicted - candidates.values).norm(dim=-1).square()


@register_scorer("relative_self_recall_error")
def relative_self_recall_error(candidates: Candidates) -> Tensor:
    """Self-recall error divided by ``|v|^2``.

    The absolute error favours whatever has large values; noise with large values fills
    the cache then.  Dividing asks how much of the pair is lost.
    """
    values = candidates.values.to(candidates.predicted.dtype)
    size = values.norm(dim=-1).square()
    tiny = torch.finfo(size.dtype).tiny
    return self_recall_error(candidates) / size.clamp_min(tiny)


@register_scorer("salient_recall_error")
def salient_recall_error(candidates: Candidates) -> Tensor:
    """Relative self-recall error times ``|k|^2 / sqrt(phi(k)'s)``.

    Three questions, one factor each. *How much of the pair would the state lose?* The
    relative error: the absolute one fills the cache with noise of large values. *Does
    the state hold others like it?* ``phi(k)'s`` counts the absorbed pairs that the
    feature map takes for the same key; a query that lands there gets their average from
    softmax, too, so that no single one is worth a slot. The inverse root of a count is
    the usual bonus for what has rarely been seen. *Can a query single it out?* Logits
    are ``|q| |k| cos``, so that a short key never stands out of a long context.

    While the state is empty the count is 0, and `EMPTY` stands for it.

    Parameters
    ----------
    candidates : Candidates

    Returns
    -------
    (B, g, n) tensor

    Notes
    -----
    Not in the paper: found by measurement, on recall in predictable and unpredictable
    filler, with free keys and with keys of one norm (`experiments/lola_tier2`).  The
    order of the scores does not change when all keys, all values or all features of a
    head are scaled.

    Examples
    --------
    Two pairs that the state recalls equally badly: the rarer one scores higher.

    >>> keys, values = torch.ones(1, 1, 2, 1), torch.ones(1, 1, 2, 1)
    >>> read = lambda: (torch.zeros(1, 1, 2, 1), torch.tensor([[[4.0, 1.0]]]))
    >>> positions = torch.tensor([[[0, 1]]])
    >>> salient_recall_error(Candidates(keys, values, positions, None, read)).tolist()
    [[[0.5, 1.0]]]
    """
    error = relative_self_recall_error(candidates)
    count = candidates.read()[1].clamp_min(EMPTY)
    size = candidates.keys.to(error.dtype).norm(dim=-1).square()
    return error * size * count.rsqrt()


@register_scorer("key_norm")
def key_norm(candidates: Candidates) -> Tensor:
    """``|k|``."""
    return candidates.keys.float().norm(dim=-1)


@register_scorer("value_norm")
def value_norm(candidates: Candidates) -> Tensor:
    """``|v|``."""
    return candidates.values.float().norm(dim=-1)


@register_scorer("recency")
def recency(candidates: Candidates) -> Tensor:
    """The position: a window that is wider by the size of the cache."""
    return candidates.positions.float()


@register_scorer("heavy_hitter", needs_mass=True)
def heavy_hitter(candidates: Candidates) -> Tensor:
    """Attention received so far from all queries of the group (H2O).

    Raises
    ------
    ValueError
        If no attention was recorded.
    """
    if candidates.mass is None:
        raise ValueError("heavy_hitter needs a state that records attention; got none")
    return candidates.mass


@register_scorer("random")
def random_score(candidates: Candidates) -> Tensor:
    """A fixed pseudo-random priority of head and position.

    Keeping the largest priorities seen keeps a uniform random subset (reservoir
    sampling), and a hash, unlike a generator, gives a row the same draw whatever
    batch, segmentation or device it comes in.
    """
    heads = torch.arange(candidates.keys.shape[1], device=candidates.keys.device)
    mixed = (candidates.positions.long() + 1) * 0x9E3779B1 + (
        heads[:, None] + 1
    ) * 0x85EBCA77
    for shift in (15, 13, 16):  # mixing steps after Wellons' 32-bit hash
        mixed = ((mixed ^ (mixed >> shift)) * 0x2C1B3C6D) & 0xFFFFFFFF
    return mixed.double() / 2**32


class OracleScorer:
    """Prefers given positions: the most that any selection can reach, for tests.

    Parameters
    ----------
    needed : (B, m) integer tensor
        Positions to keep in each row of the batch; pad with -1.

    Examples
    --------
    >>> needed = torch.tensor([[2, -1]])
    >>> positions = torch.tensor([[[0, 2, 5]]])
    >>> keys = torch.zeros(1, 1, 3, 1)
    >>> candidates = Candidates(keys, keys, positions, None, lambda: (keys, keys))
    >>> OracleScorer(needed)(candidates).tolist()
    [[[0.0, 1.0, 0.0]]]
    """

    needs_mass = False

    def __init__(self, needed: Tensor) -> None:
        self.needed = needed

    def __call__(self, candidates: Candidates) -> Tensor:
        """Return 1 for needed pairs and 0 for the rest.

        Raises
        ------
        ValueError
            If the batch is not the one that `needed` speaks of.
        """
        needed, count = self.needed, candidates.positions.shape[0]
        if candidates.rows is not None:
            needed = needed[list(candidates.rows)]
        if needed.shape[0] != count:
            raise ValueError(
                f"the oracle knows {needed.shape[0]} rows; got a batch of {count}"
            )
        needed = needed.to(candidates.positions.device)[:, None, None, :]
        return (candidates.positions[..., None] == needed).any(-1).float()
