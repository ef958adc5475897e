"""A segment of tokens on a grid whose boundaries fall on the same columns in all rows."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Segment:
    """A segment on a grid that is the same for all rows.

    Column c of `keys` is position ``anchor - eta + 1 + c``; column j of `queries` is
    position ``anchor + j``: the boundaries of all rows fall on the same columns.
    """

    queries: Tensor  # (B, g, r, n C, d)
    keys: Tensor  # (B, g, eta - 1 + n C, d)
    values: Tensor
    positions: Tensor  # (b, eta - 1 + n C), b = B, or 1 for equal rows; -1: no pair
    mass: Tensor | None
    anchors: list[int]
    counts: list[int]  # real tokens of each row in this segment
    start: list[int]  # column of the first of them among the queries
    index: Tensor | None  # (B, T) query column of each slot, -1 for padding
    n_chunks: int


def lay_out(heads, state, query, key, value, valid):
    C, eta = state.config.chunk_size, state.config.window_size
    B, T = key.shape[0], key.shape[2]
    counts = [T] * B if valid is None else valid.sum(-1).tolist()
    if min(counts) == T:
        valid = None
    anchors = state.anchors
    start = [seen - anchor for seen, anchor in zip(state.seen, anchors, strict=True)]
    ends = [a + n for a, n in zip(start, counts, strict=True)]
    n_chunks = max(1, -(-max(ends) // C))
    index = None
    if valid is not None or len(set(start)) > 1:
        shift = torch.tensor(start, device=key.device)[:, None]
        valid = torch.ones(B, T, device=key.device) if valid is None else valid
        valid = valid.bool()
        index = torch.where(valid, valid.long().cumsum(-1) - 1 + shift, -1)
    grid = n_chunks * C
    window = state.config.sparse_cache_size

    def behind(new, old):
        old = old[:, :, window:]
        return _place(heads.spread(new), eta - 1 + grid, eta - 1, start[0], index, old)

    queries = _place(query, grid, 0, start[0], index, None)
    mass = None
    if state.mass is not None:
        mass = state.mass.new_zeros(B, state.mass.shape[1], eta - 1 + grid)
        mass[:, :, : eta + C - 1] = state.mass[:, :, window:]
    positions = _positions(state, anchors, counts, eta - 1 + grid, key.device)
    return Segment(
        heads.grouped(queries),
        behind(key, state.keys),
        behind(value, state.values),
        positions,
        mass,
        anchors,
        counts,
        start,
        index,
        n_chunks,
    )


def _place(new, length, offset, start, index, old):
    """Write (B, n, T, d) behind the columns of the old window on a grid of `length`."""
    B, n, T, d = new.shape
    grid = new.new_zeros(B, n, length, d)
    if old is not None:
        grid[:, :, : old.shape[2]] = old
    if index is None:
        first = offset + start
        return torch.cat([grid[:, :, :first], new, grid[:, :, first + T :]], 2)
    # Padding is written to one column behind the grid, which is then dropped.
    to = torch.where(index >= 0, index + offset, length)
    to = to[:, None, :, None].expand(B, n, T, d)
    grid = torch.cat([grid, new.new_zeros(B, n, 1, d)], 2)
    return grid.scatter(2, to, new)[:, :, :length]


def _positions(state, anchors, counts, length, device):
    eta = state.config.window_size
    rows = list(zip(anchors, state.seen, counts, strict=True))
    rows = rows[:1] if len(set(rows)) == 1 else rows
    first = torch.tensor([a - eta + 1 for a, _, _ in rows], device=device)
    end = torch.tensor([seen + n for _, seen, n in rows], device=device)
    positions = first[:, None] + torch.arange(length, device=device)
    outside = (positions < 0) | (positions >= end[:, None])
    return positions.masked_fill(outside, -1).to(torch.int32)


def last_column(segment):
    return max(a + n for a, n in zip(segment.start, segment.counts, strict=True))


def cut(tensor, starts, width):
    """Columns [start, start + width) of each row."""
    if len(set(starts)) == 1:
        return tensor[:, :, starts[0] : starts[0] + width]
    columns = torch.tensor(starts, device=tensor.device)[:, None]
    columns = columns + torch.arange(width, device=tensor.device)
    shape = [len(starts), 1, width] + [1] * (tensor.dim() - 3)
    index = columns.view(shape).expand(*tensor.shape[:2], width, *tensor.shape[3:])
    return tensor.gather(2, index)


def to_slots(segment, out, query):
    """Bring outputs from the grid back to where the queries stood."""
    out = out.flatten(1, 2).to(query.dtype)  # (B, h, grid from the first token on, d_v)
    if segment.index is None:
        return out[:, :, : query.shape[2]]
    low, index = min(segment.start), segment.index
    at = (index - low).clamp_min(0)[:, None, :, None]
    picked = out.gather(2, at.expand(*query.shape[:3], out.shape[-1]))
    return picked * (index >= 0)[:, None, :, None]
