"""Per-token decoding: one query, memory of constant size, no masks for equal rows."""

import torch
from torch import Tensor

from splinear.attention._attend import Exact, any_absorbed, attend
from splinear.attention._settle import Pairs, settle
from splinear.attention.heads import LoLAHeads
from splinear.attention.state import LoLAState


@torch.no_grad()
def decode_step(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    heads: LoLAHeads,
    state: LoLAState,
    scaling: float | None = None,
) -> Tensor:
    """Take in one token per row and attend with its query; `state` changes in place.

    Parameters
    ----------
    query : (B, h, 1, d) tensor
    key, value : (B, g, 1, d) and (B, g, 1, d_v) tensors
    heads : LoLAHeads
    state : LoLAState
        Of these heads and this batch.
    scaling : float, optional
        ``d ** -0.5`` by default.

    Returns
    -------
    (B, h, 1, d_v) tensor

    Examples
    --------
    The first token attends only to itself.

    >>> from splinear.attention import LoLAConfig
    >>> heads = LoLAHeads(1, 1, 2, LoLAConfig())
    >>> k, v = torch.ones(1, 1, 1, 2), torch.full((1, 1, 1, 2), 3.0)
    >>> decode_step(k, k, v, heads, LoLAState.empty(heads, k, v)).tolist()
    [[[[3.0, 3.0]]]]
    """
    heads.check(query, key, value)
    C = state.config.chunk_size
    due = [row for row, seen in enumerate(state.seen) if seen and seen % C == 0]
    if due:
        _roll_rows(heads, state, due)
    columns = _append(heads, state, heads.spread(key), heads.spread(value))
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    out = _read(heads, state, heads.grouped(query), columns, scaling)
    return out.flatten(1, 2).to(query.dtype)


def _roll_rows(heads, state, due):
    """Apply the boundary rule to the rows whose next position begins a chunk."""
    if len(due) == len(state.seen):
        _roll(heads, state, None)
        return
    part = state.select(due)
    _roll(heads, part, tuple(due))
    state.put(due, part)


def _roll(heads, state, rows):
    """Evict the C oldest columns of the window, settle, and move the rest forward."""
    config = state.config
    lam, C, eta = config.sparse_cache_size, config.chunk_size, config.window_size
    if max(state.seen) >= eta:
        old = _columns(state, slice(0, lam), cached=True)
        out = _columns(state, slice(lam, lam + C), cached=False)
        settled = settle(heads, old, out, state.kv_state, state.k_state, rows)
        _write_cache(state, lam, *settled)
    for tensor in (state.keys, state.values, state.positions, state.mass):
        if tensor is not None:
            tensor[:, :, lam : lam + eta - 1] = tensor[:, :, lam + C :].clone()
    state.positions[:, :, lam + eta - 1 :] = -1
    if state.mass is not None:
        state.mass[:, :, lam + eta - 1 :] = 0


def _columns(state, columns, cached):
    mass = None if state.mass is None else state.mass[:, :, columns]
    return Pairs(
        state.keys[:, :, columns],
        state.values[:, :, columns],
        state.positions[:, :, columns],
        mass,
        state.features if cached else None,
        state.numerator if cached else None,
        state.normaliser if cached else None,
    )


def _write_cache(state, lam, cache, kv_state, k_state):
    for name in ("keys", "values", "positions", "mass"):
        if getattr(state, name) is not None:
            getattr(state, name)[:, :, :lam] = getattr(cache, name)
    for name in ("features", "numerator", "normaliser"):
        if getattr(state, name) is not None:
            getattr(state, name).copy_(getattr(cache, name))
    state.kv_state.copy_(kv_state)
    state.k_state.copy_(k_state)


def _append(heads, state, key, value):
    """Write the new pair; return its column per row, an int where all agree."""
    config = state.config
    start, C = config.sparse_cache_size + config.window_size - 1, config.chunk_size
    columns = [start + seen % C for seen in state.seen]
    positions = torch.tensor(state.seen, dtype=torch.int32)
    positions = positions.to(key.device)[:, None]
    state.seen = [seen + 1 for seen in state.seen]
    if len(set(columns)) == 1:
        column = columns[0]
        state.keys[:, :, column] = key[:, :, 0]
        state.values[:, :, column] = value[:, :, 0]
        state.positions[:, :, column] = positions
        return column if len(set(state.seen)) == 1 else columns
    index = torch.tensor(columns, device=key.device)
    rows = torch.arange(len(columns), device=key.device)
    state.keys[rows, :, index] = key[:, :, 0]
    state.values[rows, :, index] = value[:, :, 0]
    state.positions[rows, :, index] = positions.expand(-1, key.shape[1])
    return columns


def _read(heads, state, queries, columns, scaling):
    lam = state.config.sparse_cache_size
    absorbed = any_absorbed(state.n_absorbed, queries.device)
    if isinstance(columns, int):  # equal rows: what is valid is one slice
        low, high = _first_valid(state), columns + 1
        mask = None
    else:
        low, high = 0, max(columns) + 1
        mask = (state.positions[:, :1, :high] >= 0)[:, :, None, None, :]
    # One slice of cache and window; split only for mixings that tell them apart.
    cut = lam if heads.config.mixing == "window_shift" else low
    parts = [
        Exact(
            state.keys[:, :, a:b],
            state.values[:, :, a:b],
            None if mask is None else mask[..., a:b],
        )
        for a, b in ((low, cut), (max(low, cut), high))
    ]
    cache = parts[0] if low < cut else None
    linear = state.kv_state, state.k_state
    out, weights = attend(heads, queries, cache, parts[1], linear, absorbed, scaling)
    if weights is not None:
        state.mass[:, :, low:high] += weights.sum((2, 3))
    return out


def _first_valid(state):
    config = state.config
    if state.n_evicted[0]:
        return config.sparse_cache_size - min(
            config.sparse_cache_size, state.n_evicted[0]
        )
    early = max(0, config.window_size - 1 - state.anchors[0])
    return config.sparse_cache_size + early
