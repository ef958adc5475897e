"""The memory of all layers, as a cache that `generate` of transformers understands."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

from splinear.attention.chunkwise import hybrid_attention_chunkwise
from splinear.attention.decode import decode_step
from splinear.attention.heads import LoLAHeads
from splinear.attention.state import LoLAState

NO_CROP = (
    "a LoLA cache cannot be cropped: absorbing a pair into the state cannot be undone. "
    "Take cache.snapshot() before, and cache.restore(snapshot) instead; assisted "
    "(speculative) decoding, which crops, is not supported"
)


@dataclass(frozen=True)
class Held:
    """What a layer holds: positions among the real tokens of each row, -1 where none.

    Parameters
    ----------
    window : (B, eta + C - 1) integer tensor
    cache : (B, g, lambda) integer tensor
        Per head that keeps a state, oldest first.
    absorbed : list of int
        Pairs in the linear state, per row.
    seen : list of int
        Tokens seen, per row: each is in the window, in the cache or absorbed.
    """

    window: Tensor
    cache: Tensor
    absorbed: list[int]
    seen: list[int]


class LoLACacheLayer(CacheLayerMixin):
    """The memory of one layer, in the frame of transformers.

    `update` only hands keys and values on, with itself attached: queries are needed to
    go on, and they arrive with the attention function.

    Examples
    --------
    >>> layer = LoLACacheLayer()
    >>> layer.get_seq_length(), layer.nbytes()
    (0, 0)
    """

    _layer_type = "lola"
    is_sliding = False
    is_compileable = False
    is_croppable = False
    supports_early_init = False

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.state: LoLAState | None = None
        self.slots = 0  # columns of the attention mask so far, padding included

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Note that the layer is in use; buffers wait for the heads."""
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args, **kwargs
    ) -> tuple[Tensor, Tensor]:
        """Return the new keys, tagged with this layer, and the new values."""
        self.lazy_initialization(key_states, value_states)
        key_states._lola_layer = self  # pyright: ignore[reportAttributeAccessIssue]
        return key_states, value_states

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        heads: LoLAHeads,
        valid: Tensor | None,
        scaling: float | None,
    ) -> Tensor:
        """Take new tokens in and answer their queries.

        Parameters
        ----------
        query : (B, h, T, d) tensor
        key, value : (B, g, T, .) tensors
        heads : LoLAHeads
        valid : (B, T) bool tensor or None
        scaling : float or None

        Returns
        -------
        (B, h, T, d_v) tensor

        Raises
        ------
        ValueError
            If the layer was filled under other settings or for another batch.
        """
        if self.state is None:
            heads.check(query, key, value)
            self.state = LoLAState.empty(heads, key, value)
        self._check(heads, key.shape[0])
        alone = key.shape[2] == 1 and valid is None
        alone = alone and not (torch.is_grad_enabled() and query.requires_grad)
        if alone:
            out = decode_step(query, key, value, heads, self.state, scaling)
        else:
            out = hybrid_attention_chunkwise(
                query, key, value, heads, self.state, valid, scaling
            )
        self.slots += key.shape[2]
        return out

    def _check(self, heads: LoLAHeads, batch: int) -> None:
        state = self.state
        assert state is not None
        if state.config != heads.config or (state.mass is None) == heads.needs_mass:
            raise ValueError(
                f"the cache was filled with {state.config}, but the layer now has "
                f"{heads.config}: start a new cache after set_lola"
            )
        if len(state.seen) != batch:
            raise ValueError(
                f"the cache holds {len(state.seen)} rows; got a batch of {batch}: "
                "start a new cache, or use batch_select_indices"
            )

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and offset of the padding mask: all slots, from the first on."""
        return self.slots + query_length, 0

    def get_seq_length(self) -> int:
        """Slots *seen*, padding included, however few are held."""
        return self.slots

    def get_max_length(self) -> int:
        """No maximum: -1."""
        return -1

    def get_max_cache_shape(self) -> int:
        """No maximum: -1 (the name in older releases)."""
        return -1

    def reset(self) -> None:
        """Forget everything."""
        self.state, self.slots = None, 0

    def crop(self, tokens_to_remove: int) -> None:
        """Refuse to go back, except by nothing.

        Raises
        ------
        ValueError
            If tokens are to be removed.
        """
        if tokens_to_remove != 0:
            raise ValueError(NO_CROP)

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Bring the rows into another order, with repetitions: beam search."""
        self.batch_select_indices(beam_idx)

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat each row."""
        if self.state is not None:
            rows = range(len(self.state.seen))
            self.state = self.state.select([r for r in rows for _ in range(repeats)])

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the given rows, in the given order."""
        if self.state is not None:
            rows = torch.arange(len(self.state.seen))[indices.cpu()]
            self.state = self.state.select(rows.tolist())

    def offload(self) -> None:
        """Move the buffers to the CPU."""
        if self.state is not None:
            self.device = self.state.keys.device
            self.state.map(lambda tensor: tensor.to("cpu", non_blocking=True))

    def prefetch(self) -> None:
        """Move the buffers back."""
        if self.state is not None and hasattr(self, "device"):
            self.state.map(lambda tensor: tensor.to(self.device, non_blocking=True))

    def nbytes(self) -> int:
        """Bytes of all buffers."""
        return 0 if self.state is None else self.state.nbytes()

    def indices(self) -> Held:
        """Tell which positions are held where.

        Raises
        ------
        ValueError
            If nothing has been seen.
        """
        if self.state is None:
            raise ValueError("the cache is empty: run the model first")
        state, lam = self.state, self.state.config.sparse_cache_size
        window, cache = state.positions[:, 0, lam:], state.positions[:, :, :lam]
        return Held(window.clone(), cache.clone(), state.n_absorbed, list(state.seen))


class LoLACache(Cache):
    """One `LoLACacheLayer` per layer of the model.

    Parameters
    ----------
    n_layers : int
        ``model.make_cache()`` counts for you.

    Examples
    --------
    >>> cache = LoLACache(2)
    >>> cache.nbytes(), cache.get_seq_length()
    (0, 0)
    """

    def __init__(self, n_layers: int) -> None:
        super().__init__(layers=[LoLACacheLayer() for _ in range(n_layers)])

    def nbytes(self) -> int:
        """Bytes held, all layers together; constant once the cache is in use."""
        return sum(layer.nbytes() for layer in self._own())

    def indices(self, layer: int) -> Held:
        """Return which positions layer `layer` holds where."""
        return self._own()[layer].indices()

    def snapshot(self) -> list[tuple[int, LoLAState | None]]:
        """Return a copy of everything held, for `restore`."""
        return [
            (layer.slots, None if layer.state is None else layer.state.clone())
            for layer in self._own()
        ]

    def restore(self, snapshot: list[tuple[int, LoLAState | None]]) -> None:
        """Go back to a snapshot, which stays good for further use.

        Raises
        ------
        ValueError
            If the snapshot has another number of layers.
        """
        if len(snapshot) != len(self.layers):
            raise ValueError(
                f"expected a snapshot of {len(self.layers)} layers; got {len(snapshot)}"
            )
        for layer, (slots, state) in zip(self._own(), snapshot, strict=True):
            layer.slots = slots
            layer.state = None if state is None else state.clone()
            layer.is_initialized = state is not None

    def crop(self, tokens_to_remove: int) -> None:
        """Refuse to go back, except by nothing.

        Raises
        ------
        ValueError
            If tokens are to be removed.
        """
        if tokens_to_remove != 0:
            raise ValueError(NO_CROP)

    def _own(self) -> list[LoLACacheLayer]:
        return [layer for layer in self.layers if isinstance(layer, LoLACacheLayer)]
