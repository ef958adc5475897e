"""The attention and mask functions that transformers calls under the name "lola"."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.masking_utils import AttentionMaskInterface
from transformers.modeling_utils import AttentionInterface

from splinear.attention.chunkwise import hybrid_attention_chunkwise
from splinear.attention.heads import LoLAHeads
from splinear.attention.parallel import hybrid_attention_parallel, no_cache_masks

#: Name of the implementation: ``model.set_attn_implementation(NAME)``.
NAME = "lola"
#: Up to this length a differentiated pass without sparse cache is one T x T matrix.
QUADRATIC_UP_TO = 1024


def lola_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attend for one layer of a linearised model.

    Parameters
    ----------
    module : Module
        The attention module; its ``lola`` is a `LoLAHeads`.
    query, key, value : (B, h, T, d), (B, g, T, d) and (B, g, T, d_v) tensors
        After rotation; keys that come through a `LoLACache` carry their layer.
    attention_mask : (B, T) bool tensor or None
        From `lola_mask`: which of the new tokens are real.
    scaling : float, optional
        Of the logits.
    dropout : float
        Must be 0.
    **kwargs
        ``position_ids`` is looked at, the rest ignored.

    Returns
    -------
    output : (B, T, h, d_v) tensor
    weights : None

    Raises
    ------
    ValueError
        If something is asked for that has no meaning here; the message says what to do.
    """
    heads = getattr(module, "lola", None)
    if not isinstance(heads, LoLAHeads):
        raise ValueError(
            f"{type(module).__name__} was not linearised: call linearize(model, config)"
        )
    layer = getattr(key, "_lola_layer", None)
    _refuse(key, value, attention_mask, dropout, layer, kwargs.get("position_ids"))
    if heads.recorder is not None:
        out = heads.recorder(heads, query, key, value, attention_mask, scaling)
    elif layer is not None:
        out = layer.attend(query, key, value, heads, attention_mask, scaling)
    else:
        out = attend_whole(heads, query, key, value, attention_mask, scaling)
    return out.transpose(1, 2).contiguous(), None


def attend_whole(
    heads: LoLAHeads,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    valid: Tensor | None = None,
    scaling: float | None = None,
) -> Tensor:
    """Attend with whole sequences and keep nothing: training and scoring.

    Parameters
    ----------
    heads : LoLAHeads
    query, key, value, valid, scaling
        As in `hybrid_attention_chunkwise`.

    Returns
    -------
    (B, h, T, d_v) tensor

    Examples
    --------
    >>> from splinear.attention import LoLAConfig
    >>> heads = LoLAHeads(1, 1, 2, LoLAConfig())
    >>> k, v = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0], [3.0]]]])
    >>> attend_whole(heads, k, k, v).flatten().tolist()
    [1.0, 2.0]
    """
    config, length = heads.config, key.shape[2]
    short = valid is None and length <= QUADRATIC_UP_TO and torch.is_grad_enabled()
    if short and config.sparse_cache_size == 0:
        sizes = (length, config.window_size, config.chunk_size)
        masks = no_cache_masks(*sizes, device=key.device)
        return hybrid_attention_parallel(
            query, key, value, heads, *masks, scaling=scaling
        )
    return hybrid_attention_chunkwise(
        query, key, value, heads, valid=valid, scaling=scaling
    )


def _refuse(
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    dropout: float,
    layer: Any,
    position_ids: Tensor | None,
) -> None:
    if mask is not None and mask.dim() != 2:
        raise ValueError(
            f"LoLA takes padding masks of shape (batch, time); got {tuple(mask.shape)}"
        )
    if dropout:
        raise ValueError(
            f"LoLA has no attention dropout; got {dropout}: set "
            "config.attention_dropout = 0.0"
        )
    if key.dtype == torch.float16:
        _refuse_overflow(key, value)
    if layer is None and mask is None and position_ids is not None:
        _refuse_packed(position_ids)


def _refuse_overflow(key: Tensor, value: Tensor) -> None:
    # One sum per tensor: an infinity or a NaN survives it.
    total = key.float().sum() + value.float().sum()
    if not torch.isfinite(total):
        raise ValueError(
            "keys or values are not finite: float16 overflowed in the layers before; "
            "run the model in bfloat16 or float32"
        )


def _refuse_packed(position_ids: Tensor) -> None:
    if position_ids.shape[-1] > 1 and bool((position_ids.diff(dim=-1) != 1).any()):
        raise ValueError(
            "position_ids jump: several sequences packed in one row would share their "
            "memory; pass them as rows with an attention_mask"
        )


def lola_mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    *args: Any,
    attention_mask: Tensor | None = None,
    mask_function: Callable | None = None,
    **kwargs: Any,
) -> Tensor | None:
    """Return which of the new tokens are real, or None if all are.

    Causality needs no mask here: the memory holds only what came before.

    Parameters
    ----------
    batch_size, q_length, kv_length : int
    *args, mask_function, **kwargs
        Of other implementations.
    attention_mask : (B, slots so far) bool tensor, optional

    Returns
    -------
    (B, q_length) bool tensor or None

    Examples
    --------
    >>> lola_mask(1, 2, 3, attention_mask=torch.tensor([[False, True, True]])) is None
    True
    """
    if attention_mask is None:
        return None
    new = attention_mask[:, -q_length:].bool()
    return None if bool(new.all()) else new


AttentionInterface.register(NAME, lola_attention)
AttentionMaskInterface.register(NAME, lola_mask)
