"""Chunkwise attention: a loop over chunks alone, parallel over rows, heads and tokens."""

from dataclasses import replace

import torch
from torch import Tensor

from splinear.attention._attend import Exact, any_absorbed, attend
from splinear.attention._segment import cut, last_column, lay_out, to_slots
from splinear.attention._settle import Pairs, settle
from splinear.attention.heads import LoLAHeads
from splinear.attention.state import LoLAState


def hybrid_attention_chunkwise(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    heads: LoLAHeads,
    state: LoLAState | None = None,
    valid: Tensor | None = None,
    scaling: float | None = None,
) -> Tensor:
    """Attend with a segment of any length, and take it into `state`.

    At each position t that is a multiple of ``chunk_size`` the pairs up to
    ``t - window_size`` leave the window, all eligible pairs are scored once against
    the old state, and the losers are absorbed in one product.  Positions are absolute:
    however a sequence is cut into segments, the outputs are the same.

    Parameters
    ----------
    query : (B, h, T, d) tensor
    key, value : (B, g, T, d) and (B, g, T, d_v) tensors
    heads : LoLAHeads
    state : LoLAState, optional
        What the rows have seen before; changed in place.  Empty and dropped by default.
    valid : (B, T) bool tensor, optional
        False for padding, which is seen by no one and held nowhere; its outputs are 0.
    scaling : float, optional
        ``d ** -0.5`` by default.

    Returns
    -------
    (B, h, T, d_v) tensor

    Notes
    -----
    Differentiable in all inputs and parameters within a segment; `state` carries no
    gradient from one segment to the next, and the selection has none.

    Examples
    --------
    >>> from splinear.attention import LoLAConfig
    >>> heads = LoLAHeads(1, 1, 2, LoLAConfig())
    >>> k, v = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0], [3.0]]]])
    >>> hybrid_attention_chunkwise(k, k, v, heads).flatten().tolist()
    [1.0, 2.0]
    """
    heads.check(query, key, value)
    keep = state is not None
    if state is None:
        state = LoLAState.empty(heads, key, value)
    if valid is not None and not bool(valid.any()):  # nothing but padding, in all rows
        return query.new_zeros(*query.shape[:3], value.shape[-1])
    segment = lay_out(heads, state, query, key, value, valid)
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    out, memory = _run(heads, state, segment, scaling)
    if keep:
        _store(state, segment, memory)
    return to_slots(segment, out, query)


def _run(heads, state, segment, scaling):
    """Loop over chunks; return outputs on the grid and the memory at the end."""
    memory = _initial(heads, state, segment)
    outputs = []
    for m in range(segment.n_chunks):
        if m:
            memory = _boundary(heads, state, segment, memory, m)
        low = min(segment.start) if m == 0 else 0
        out = _chunk(heads, state, segment, memory, m, low, scaling)
        outputs.append(out)
    return torch.cat(outputs, 3), memory


def _initial(heads, state, segment):
    """Cache and state at the start, with phi(k) where boundaries are to come.

    Each pair is then mapped once, instead of at every boundary it lives to see.
    """
    lam = state.config.sparse_cache_size
    mass = None if state.mass is None else state.mass[:, :, :lam]
    cache = Pairs(
        state.keys[:, :, :lam],
        state.values[:, :, :lam],
        state.positions[:, :, :lam],
        mass,
        state.features,
        state.numerator,
        state.normaliser,
    )
    # Copies, because autograd keeps them while `_store` overwrites the buffers.
    cache = cache.apply(torch.clone)
    if cache.features is None and lam and segment.n_chunks > 1:
        cache = replace(cache, features=heads.phi_k(cache.keys))
    return cache, state.kv_state.clone(), state.k_state.clone()


def _boundary(heads, state, segment, memory, m):
    """Evict columns [(m-1) C, m C) in the rows that have a token at or after m C."""
    C, eta = state.config.chunk_size, state.config.window_size
    columns = slice((m - 1) * C, m * C)
    reached = [
        start + count > m * C
        for start, count in zip(segment.start, segment.counts, strict=True)
    ]
    due = [
        go and anchor + m * C >= eta
        for go, anchor in zip(reached, segment.anchors, strict=True)
    ]
    if not any(due):
        return memory
    positions = segment.positions[:, columns]
    if not all(reached):
        go = torch.tensor(reached, device=positions.device)[:, None]
        positions = positions.masked_fill(~go, -1)
    keys = segment.keys[:, :, columns]
    positions = positions[:, None].expand(*keys.shape[:3])
    mass = None if segment.mass is None else segment.mass[:, :, columns]
    evicted = Pairs(keys, segment.values[:, :, columns], positions, mass)
    return settle(heads, memory[0], evicted, *memory[1:])


def _chunk(heads, state, segment, memory, m, low, scaling):
    """Attend with the queries of chunk m, from column `low` of it on."""
    config = state.config
    C, eta, lam = config.chunk_size, config.window_size, config.sparse_cache_size
    cache, kv_state, k_state = memory
    high = min(C, last_column(segment) - m * C)
    asked = slice(m * C + low, m * C + high)
    window = slice(m * C, m * C + eta - 1 + high)
    evicted = _evicted_by(segment, state, m)
    first = lam - min(lam, max(evicted))  # cached pairs stand at the end
    at = segment.positions[:, eta - 1 + asked.start : eta - 1 + asked.stop]
    near = Exact(
        segment.keys[:, :, window],
        segment.values[:, :, window],
        _mask(segment.positions[:, window], at),
    )
    absorbed = any_absorbed([max(0, e - lam) for e in evicted], cache.keys.device)
    out, weights = attend(
        heads,
        segment.queries[:, :, :, asked],
        _cached(cache, first, min(evicted) >= lam, at),
        near,
        (kv_state, k_state),
        absorbed,
        scaling,
    )
    if segment.mass is not None:
        _receive(segment, cache, weights, at, asked, window, first)
    return out


def _evicted_by(segment, state, m):
    """Pairs that have left the window of each row when chunk m is read."""
    C, eta = state.config.chunk_size, state.config.window_size
    counts = []
    for anchor, start, n in zip(
        segment.anchors, segment.start, segment.counts, strict=True
    ):
        last = max(0, start + n - 1) // C  # the last chunk this row reaches
        counts.append(max(0, anchor + min(m, last) * C - eta + 1))
    return counts


def _cached(cache, first, full, at):
    """The cache from column `first` on; no mask where every column holds a pair."""
    if first == cache.keys.shape[2]:
        return None
    mask = None if full else _mask(cache.positions[:, 0, first:], at)
    return Exact(cache.keys[:, :, first:], cache.values[:, :, first:], mask)


def _mask(held, at):
    """(b, 1, 1, T, S): pairs that exist and are no later than the query.

    Queries that stand for no token look at everything, so that no row of weights is
    empty; their outputs are dropped.
    """
    none = at < 0
    limit = at.masked_fill(none, torch.iinfo(at.dtype).max)[:, :, None]
    seen = (held[:, None, :] >= 0) & (held[:, None, :] <= limit)
    return (seen | none[:, :, None])[:, None, None]


def _receive(segment, cache, weights, at, asked, window, first):
    """Add the attention of the real queries of this segment to the pairs it met."""
    columns = torch.arange(asked.start, asked.stop, device=at.device)
    begin = torch.tensor(segment.start, device=at.device)
    real = (at >= 0) & (columns >= begin[:, None])
    got = (weights.detach() * real[:, None, None, :, None]).sum((2, 3))
    n_cache = cache.positions.shape[2] - first
    cache.mass[:, :, first:] += got[..., :n_cache]
    segment.mass[:, :, window] += got[..., n_cache:]


@torch.no_grad()
def _store(state, segment, memory):
    """Copy cache, state and the last window into the buffers; advance the clocks."""
    lam, anchors = state.config.sparse_cache_size, segment.anchors
    cache, kv_state, k_state = memory
    state.seen = [a + n for a, n in zip(state.seen, segment.counts, strict=True)]
    moved = [new - old for new, old in zip(state.anchors, anchors, strict=True)]
    state.kv_state.copy_(kv_state)
    state.k_state.copy_(k_state)
    grid = segment.positions[:, None].expand(*segment.keys.shape[:3])
    windows = {
        "keys": segment.keys,
        "values": segment.values,
        "positions": grid,
        "mass": segment.mass,
    }
    width = state.keys.shape[2] - lam
    for name, tensor in windows.items():
        if tensor is not None:
            buffer = getattr(state, name)
            buffer[:, :, :lam] = getattr(cache, name)
            buffer[:, :, lam:] = cut(tensor, moved, width)
    for name in ("features", "numerator", "normaliser"):
        if getattr(state, name) is not None:
            getattr(state, name).copy_(getattr(cache, name))
