"""The memory of one layer: sparse cache, window and linear state, of constant size."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from splinear.attention.config import LoLAConfig
from splinear.attention.heads import LoLAHeads


@dataclass
class LoLAState:
    """Preallocated buffers of ``sparse_cache_size + window_size + chunk_size - 1`` pairs.

    The first columns are the sparse cache (its valid pairs at the end), then comes the
    window: column ``lambda + j`` holds position ``anchor - eta + 1 + j``, where
    ``anchor`` is the update boundary of the last token seen.  So what is due at the
    next boundary stands right behind the cache, and everything valid is one slice.

    Parameters
    ----------
    config : LoLAConfig
    keys, values : (B, g, S, d) and (B, g, S, d_v) tensors
    positions : (B, g, S) int32 tensor
        Counted among the real tokens of a row; -1 for a free column.
    kv_state, k_state : (B, g, D, d_v) and (B, g, D) tensors
        ``H = sum phi(k) v'`` and ``s = sum phi(k)`` over absorbed pairs, in float32
        (float64 for float64 input).
    seen : list of int
        Real tokens seen, per row.
    mass : (B, g, S) tensor or None
        Attention received, for scorers that ask for it.
    features, numerator, normaliser : tensors or None
        ``phi(k)``, ``phi(k)'H`` and ``phi(k)'s`` of the cached pairs, with
        ``rescoring="incremental"`` only.

    Examples
    --------
    >>> heads = LoLAHeads(2, 1, 4, LoLAConfig(window_size=2, chunk_size=1))
    >>> state = LoLAState.empty(heads, torch.zeros(3, 1, 5, 4), torch.zeros(3, 1, 5, 4))
    >>> state.keys.shape, state.n_absorbed
    (torch.Size([3, 1, 66, 4]), [0, 0, 0])
    """

    config: LoLAConfig
    keys: Tensor
    values: Tensor
    positions: Tensor
    kv_state: Tensor
    k_state: Tensor
    seen: list[int]
    mass: Tensor | None = None
    features: Tensor | None = None
    numerator: Tensor | None = None
    normaliser: Tensor | None = None

    @classmethod
    def empty(cls, heads: LoLAHeads, key: Tensor, value: Tensor) -> "LoLAState":
        """Allocate for a batch with keys (B, g, T, d) and values like these."""
        config, B, g = heads.config, key.shape[0], heads.state_heads
        S, lam, d_v = config.buffer_size, config.sparse_cache_size, value.shape[-1]
        D = heads.feature_dim
        wide = torch.promote_types(key.dtype, torch.float32)

        def new(*shape: int, dtype: torch.dtype = wide) -> Tensor:
            return torch.zeros(B, g, *shape, dtype=dtype, device=key.device)

        state = cls(
            config,
            new(S, key.shape[-1], dtype=key.dtype),
            new(S, d_v, dtype=value.dtype),
            new(S, dtype=torch.int32) - 1,
            new(D, d_v),
            new(D),
            [0] * B,
        )
        if heads.needs_mass:
            state.mass = new(S)
        if config.rescoring == "incremental":
            state.features, state.numerator = new(lam, D), new(lam, d_v)
            state.normaliser = new(lam)
        return state

    @property
    def anchors(self) -> list[int]:
        """The boundary at or before the last token of each row."""
        C = self.config.chunk_size
        return [max(0, seen - 1) // C * C for seen in self.seen]

    @property
    def n_evicted(self) -> list[int]:
        """Pairs that have left the window, per row."""
        eta = self.config.window_size
        return [max(0, anchor - eta + 1) for anchor in self.anchors]

    @property
    def n_absorbed(self) -> list[int]:
        """Pairs in the linear state, per row."""
        lam = self.config.sparse_cache_size
        return [max(0, evicted - lam) for evicted in self.n_evicted]

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors held, by name."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: t for name, t in found.items() if isinstance(t, Tensor)}

    def nbytes(self) -> int:
        """Bytes of all tensors held; independent of the number of tokens seen."""
        return sum(t.numel() * t.element_size() for t in self.tensors().values())

    def map(self, change) -> None:
        """Replace each tensor by ``change(tensor)``."""
        for name, tensor in self.tensors().items():
            setattr(self, name, change(tensor))

    def select(self, rows: list[int]) -> "LoLAState":
        """Return a copy of some rows of the batch, possibly repeated."""
        index = torch.tensor(rows, dtype=torch.long, device=self.keys.device)
        chosen = {name: t.index_select(0, index) for name, t in self.tensors().items()}
        return LoLAState(
            config=self.config, seen=[self.seen[r] for r in rows], **chosen
        )

    def put(self, rows: list[int], part: "LoLAState") -> None:
        """Write `part` over some rows."""
        index = torch.tensor(rows, dtype=torch.long, device=self.keys.device)
        for name, tensor in part.tensors().items():
            getattr(self, name).index_copy_(0, index, tensor)

    def clone(self) -> "LoLAState":
        """Return an independent copy."""
        return self.select(list(range(len(self.seen))))
