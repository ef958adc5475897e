"""The quadratic form: one matrix of weights, given what each query meets."""

import torch
from torch import Tensor

from splinear.attention.heads import LoLAHeads


def hybrid_attention_parallel(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    heads: LoLAHeads,
    window: Tensor,
    cache: Tensor,
    state: Tensor,
    scaling: float | None = None,
) -> Tensor:
    """Attend with masks that say in which role each query meets each pair.

    Parameters
    ----------
    query : (B, h, T, d) tensor
    key, value : (B, g, T, d) and (B, g, T, d_v) tensors
    heads : LoLAHeads
    window, cache, state : bool tensors that broadcast to (B, g, T, T)
        Entry (t, i): pair i stands in the window, the sparse cache or the linear
        state when query t is answered.
    scaling : float, optional
        ``d ** -0.5`` by default.

    Returns
    -------
    (B, h, T, d_v) tensor

    Notes
    -----
    The state is the masked matrix ``phi(Q) phi(K)'``, so that nothing is recurrent:
    the form to train with, and an independent check of the other two.

    Examples
    --------
    >>> from splinear.attention import LoLAConfig
    >>> heads = LoLAHeads(1, 1, 2, LoLAConfig())
    >>> k, v = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0], [3.0]]]])
    >>> masks = no_cache_masks(2, window_size=2, chunk_size=1)
    >>> hybrid_attention_parallel(k, k, v, heads, *masks).flatten().tolist()
    [1.0, 2.0]
    """
    heads.check(query, key, value)
    scale = float(query.shape[-1]) ** -0.5 if scaling is None else scaling
    wide = torch.promote_types(query.dtype, torch.float32)
    queries, keys = heads.grouped(query), heads.spread(key)
    values = heads.spread(value).to(wide)
    window, cache, state = (_group(m) for m in (window, cache, state))
    q, k = queries.to(wide), keys.to(wide)[:, :, None]
    logits = (q @ k.mT) * scale  # (B, g, r, T, T)
    both = torch.cat(
        [
            logits.masked_fill(~cache, -torch.inf),
            logits.masked_fill(~window, -torch.inf),
        ],
        -1,
    )
    absorbed = state.any(-1, keepdim=True)
    weights, factor = heads.mix(both, key.shape[2], absorbed)
    weights = weights.unflatten(-1, (2, -1)).sum(-2)
    linear = heads.phi_q(queries) @ heads.phi_k(keys)[:, :, None].mT
    weights = weights + factor * linear.masked_fill(~state, 0.0)
    out = (weights @ values[:, :, None]) / weights.sum(-1, keepdim=True)
    return out.flatten(1, 2).to(query.dtype)


def _group(mask):
    """Bring a (..., T, T) mask to (B, g, 1, T, T)."""
    return mask[(None,) * (4 - mask.dim())][:, :, None]


def no_cache_masks(
    length: int, window_size: int, chunk_size: int, device: torch.device | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the window, cache and state masks of the base model without sparse cache.

    Parameters
    ----------
    length, window_size, chunk_size : int, >= 1
    device : torch.device, optional

    Returns
    -------
    window, cache, state : (T, T) bool tensors
        The cache is empty; ``window | state`` is the causal triangle.

    Examples
    --------
    >>> window, _, state = no_cache_masks(3, window_size=1, chunk_size=1)
    >>> state.int().tolist()
    [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    """
    t = torch.arange(length, device=device)[:, None]
    i = torch.arange(length, device=device)[None, :]
    state = i <= t // chunk_size * chunk_size - window_size
    window = (i <= t) & ~state
    return window, torch.zeros_like(window), state
