"""One update of the memory: score the eligible pairs, keep the best, absorb the rest."""

import functools
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from splinear.attention.scoring import Candidates


@dataclass(frozen=True)
class Pairs:
    """Pairs of (B, g, n, .); features where they are carried along, and the last two
    where read-outs are kept up to date."""

    keys: Tensor
    values: Tensor
    positions: Tensor
    mass: Tensor | None = None
    features: Tensor | None = None
    numerator: Tensor | None = None
    normaliser: Tensor | None = None

    def apply(self, change):
        parts = {f.name: getattr(self, f.name) for f in _PARTS}
        held = {name: change(t) for name, t in parts.items() if t is not None}
        return Pairs(**held)

    def take(self, index):
        """Pick (B, g, m) columns; whole rows at once, which gather does not."""
        B, g, n = self.positions.shape
        first = torch.arange(0, B * g * n, n, device=index.device).view(B, g, 1)
        rows = (index + first).flatten()

        def pick(tensor):
            flat = tensor.reshape(B * g * n, *tensor.shape[3:])
            return flat.index_select(0, rows).view(*index.shape, *tensor.shape[3:])

        return self.apply(pick)


_PARTS = fields(Pairs)


def join(first, second):
    found = ((f.name, getattr(first, f.name), getattr(second, f.name)) for f in _PARTS)
    both = {name: (a, b) for name, a, b in found if a is not None and b is not None}
    return Pairs(**{name: torch.cat(pair, 2) for name, pair in both.items()})


def settle(heads, cache, evicted, kv_state, k_state, rows=None):
    """Return the new cache and state; `cache` and `evicted` are ordered by age.

    Equations 12, 13 and 15 of the paper as the specification numbers them: E is cache
    and evicted, G its `lambda` largest scores under the old state, S = E minus G.
    """
    if cache.features is not None:
        evicted = _with_features(heads, evicted, cache.numerator, kv_state, k_state)
    eligible = join(cache, evicted)
    lost, kept = _choose(heads, eligible, kv_state, k_state, rows)
    gone, cache = eligible.take(lost), eligible.take(kept)
    features = heads.phi_k(gone.keys) if gone.features is None else gone.features
    features = features * (gone.positions >= 0)[..., None].to(features.dtype)
    values = gone.values.to(features.dtype)
    if cache.numerator is not None:
        cache = _reread(cache, features, values)
    return cache, kv_state + features.mT @ values, k_state + features.sum(2)


@torch.no_grad()
def _choose(heads, eligible, kv_state, k_state, rows):
    @functools.cache  # a score may ask more than once
    def read():
        if eligible.numerator is not None:
            return eligible.numerator, eligible.normaliser
        features = eligible.features
        features = heads.phi_k(eligible.keys) if features is None else features
        return features @ kv_state, (features @ k_state[..., None])[..., 0]

    n, keep = eligible.positions.shape[2], heads.config.sparse_cache_size
    if keep == 0:  # nothing to choose: do not score
        every = torch.arange(n, device=eligible.positions.device)
        every = every.expand(eligible.positions.shape)
        return every, every[..., :0]
    scores = heads.scorer(
        Candidates(
            eligible.keys,
            eligible.values,
            eligible.positions,
            eligible.mass,
            read,
            rows,
        )
    )
    sinks = eligible.positions < heads.config.num_sink_tokens
    scores = scores.masked_fill(sinks, torch.inf)
    scores = scores.masked_fill(eligible.positions < 0, -torch.inf)
    # Ascending and stable, so that of equal scores the newer pair stays.
    order = scores.sort(dim=-1, stable=True).indices
    return order[..., : n - keep], _by_age(order[..., n - keep :], eligible, n)


def _by_age(kept, eligible, n):
    """Sort by age, free columns first: what is valid stays one slice at the end."""
    free = eligible.positions.gather(2, kept) < 0
    return (kept - n * free).sort(-1).values % n


def _with_features(heads, pairs, kept, kv_state, k_state):
    """Add phi(k), and the read-outs where they are `kept` up to date."""
    features = heads.phi_k(pairs.keys)
    basic = (pairs.keys, pairs.values, pairs.positions, pairs.mass, features)
    if kept is None:
        return Pairs(*basic)
    numerator = features @ kv_state
    normaliser = (features @ k_state[..., None])[..., 0]
    return Pairs(*basic, numerator, normaliser)


def _reread(cache, features, values):
    """Add w v_j and w to the read-outs, w = phi(k_i).phi(k_j), for each absorbed j."""
    w = cache.features @ features.mT
    return Pairs(
        cache.keys,
        cache.values,
        cache.positions,
        cache.mass,
        cache.features,
        cache.numerator + w @ values,
        cache.normaliser + w.sum(-1),
    )
