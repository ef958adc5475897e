"""The parameters of one LoLA layer: feature maps, mixing, score and budget."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from splinear.attention.config import LoLAConfig
from splinear.attention.feature_maps import make_feature_map
from splinear.attention.mixing import MIXINGS
from splinear.attention.scoring import Scorer, get_scorer

#: Initial logit of LoLCATs' window weight: sigmoid of it is 0.1.
GATE = -2.1972246


class LoLAHeads(nn.Module):
    """Everything that the three forms of the attention share.

    Parameters
    ----------
    query_heads, kv_heads : int
        h and g; h is a multiple of g.
    head_dim : int
    config : LoLAConfig
        Of this layer, overrides applied.

    Raises
    ------
    ValueError
        If the heads do not divide, or a name is unknown.

    Notes
    -----
    Shapes: queries (B, h, T, d); keys and values (B, g, T, .); state per head that
    keeps one, ``state_heads`` of them: g, or h with ``share_across_group=False``.

    Examples
    --------
    >>> heads = LoLAHeads(4, 2, 8, LoLAConfig())
    >>> heads.group, heads.state_heads
    (2, 2)
    """

    def __init__(
        self, query_heads: int, kv_heads: int, head_dim: int, config: LoLAConfig
    ) -> None:
        super().__init__()
        if kv_heads < 1 or query_heads % kv_heads:
            raise ValueError(
                "the number of query heads must be a multiple of the number of key "
                f"and value heads; got {query_heads} and {kv_heads}"
            )
        self.query_heads, self.kv_heads, self.head_dim = query_heads, kv_heads, head_dim
        self.state_heads = kv_heads if config.share_across_group else query_heads
        shape = (head_dim, config.feature_dim)
        self.feature_map_q = make_feature_map(config.feature_map, query_heads, *shape)
        self.feature_map_k = make_feature_map(
            config.feature_map, self.state_heads, *shape
        )
        self.delta = nn.Parameter(torch.zeros(query_heads))
        self.gate = nn.Parameter(torch.full((query_heads,), GATE))
        # While set, sees queries, keys and values and answers instead: see `transfer`.
        self.recorder: Callable[..., Tensor] | None = None
        self.set(config)

    def set(self, config: LoLAConfig, score: str | Scorer | None = None) -> None:
        """Change budget, mixing and score; what has been learned stays."""
        self.config = config
        self.scorer = get_scorer(config.score if score is None else score)
        self.needs_mass = bool(getattr(self.scorer, "needs_mass", False))

    @property
    def group(self) -> int:
        """Query heads r per head that keeps a state."""
        return self.query_heads // self.state_heads

    @property
    def feature_dim(self) -> int:
        """Entries D of a feature vector."""
        return cast("int", self.feature_map_k.out_dim)

    def phi_k(self, keys: Tensor) -> Tensor:
        """Map keys (B, state heads, n, d) to features (B, state heads, n, D)."""
        return self.feature_map_k(keys)

    def phi_q(self, queries: Tensor) -> Tensor:
        """Map grouped queries (B, g, r, T, d) to features (B, g, r, T, D)."""
        return self.feature_map_q(queries.flatten(1, 2)).unflatten(
            1, queries.shape[1:3]
        )

    def grouped(self, queries: Tensor) -> Tensor:
        """View queries (B, h, T, d) as (B, state heads, r, T, d)."""
        return queries.unflatten(1, (self.state_heads, self.group))

    def spread(self, tensor: Tensor) -> Tensor:
        """Repeat keys or values for every head that keeps a state."""
        repeats = self.state_heads // tensor.shape[1]
        return tensor if repeats == 1 else tensor.repeat_interleave(repeats, 1)

    def mix(self, logits: Tensor, n_cache: int, absorbed: Tensor | bool):
        """Weights and linear factor of logits (B, g, r, T, S)."""
        shape = (self.state_heads, self.group, 1, 1)
        delta, gate = (p.to(logits.dtype).view(shape) for p in (self.delta, self.gate))
        rule = MIXINGS[self.config.mixing]
        return rule(logits, n_cache, absorbed, delta, gate)

    def check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        """Refuse tensors that are not queries, keys and values of these heads.

        Raises
        ------
        ValueError
            If a number of heads, a length or a head dimension is not what was
            built for.
        """
        wanted = (self.query_heads, self.kv_heads, self.kv_heads)
        got = (query.shape[1], key.shape[1], value.shape[1])
        if got != wanted:
            raise ValueError(
                f"expected {wanted} query, key and value heads; got {got}: build the "
                "layer for this model, or reshape to (batch, heads, time, dimension)"
            )
        if query.shape[-1] != self.head_dim or key.shape[-1] != self.head_dim:
            raise ValueError(
                f"expected head dimension {self.head_dim}; got "
                f"{query.shape[-1]} (query) and {key.shape[-1]} (key)"
            )
        if not query.shape[2] == key.shape[2] == value.shape[2]:
            raise ValueError(
                "queries, keys and values must have one length; got "
                f"{query.shape[2]}, {key.shape[2]}, {value.shape[2]}: LoLA keeps past "
                "keys itself, so pass a LoLACache, or no cache"
            )
