"""Small models and random inputs for tests of attention."""

from typing import Any

import torch
from torch import Tensor

from splinear.attention.config import LoLAConfig
from splinear.attention.heads import LoLAHeads


def random_heads(
    query_heads: int,
    kv_heads: int,
    head_dim: int,
    config: LoLAConfig,
    seed: int = 0,
) -> LoLAHeads:
    """Return heads in float64 whose parameters are away from their initial values.

    Examples
    --------
    >>> random_heads(2, 1, 4, LoLAConfig()).delta.dtype
    torch.float64
    """
    stream = torch.Generator().manual_seed(seed)
    heads = LoLAHeads(query_heads, kv_heads, head_dim, config).double()
    with torch.no_grad():
        for p in heads.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=stream, dtype=p.dtype))
    return heads


def random_qkv(
    batch: int, heads: LoLAHeads, length: int, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Return standard normal queries, keys and values in float64.

    Examples
    --------
    >>> q, k, v = random_qkv(1, random_heads(4, 2, 8, LoLAConfig()), length=5)
    >>> q.shape, v.shape
    (torch.Size([1, 4, 5, 8]), torch.Size([1, 2, 5, 8]))
    """
    stream = torch.Generator().manual_seed(seed)
    counts = (heads.query_heads, heads.kv_heads, heads.kv_heads)
    sizes = [(batch, n, length, heads.head_dim) for n in counts]
    q, k, v = (torch.randn(s, generator=stream, dtype=torch.float64) for s in sizes)
    return q, k, v


def softmax_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Causal softmax attention, written out: what LoLA is while nothing is absorbed.

    Parameters
    ----------
    query : (B, h, T, d) tensor
    key, value : (B, g, T, d) tensors

    Returns
    -------
    (B, h, T, d) tensor

    Examples
    --------
    >>> zero, v = torch.zeros(1, 1, 2, 1), torch.tensor([[[[1.0], [3.0]]]])
    >>> softmax_attention(zero, zero, v).flatten().tolist()
    [1.0, 2.0]
    """
    repeats, length = query.shape[1] // key.shape[1], key.shape[2]
    key, value = (t.repeat_interleave(repeats, 1) for t in (key, value))
    logits = query @ key.mT / query.shape[-1] ** 0.5
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    return logits.masked_fill(~causal, -torch.inf).softmax(-1) @ value


def tiny_model(family: str = "Llama", seed: int = 0, **changes: Any) -> Any:
    """Return a random two-layer model of transformers, in float64, in eval mode.

    Parameters
    ----------
    family : str
        Stem of the class names: ``"Llama"``, ``"Qwen3"``, ...
    seed : int
    **changes
        Fields of its configuration.

    Examples
    --------
    >>> model = tiny_model("Mistral")
    >>> type(model).__name__, model.config.num_key_value_heads
    ('MistralForCausalLM', 2)
    """
    import transformers

    sizes = {
        "vocab_size": 64,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": None,
        # Large weights: attention is far from uniform, and tokens differ.
        "initializer_range": 0.3,
        "tie_word_embeddings": False,
    }
    config = getattr(transformers, f"{family}Config")(**{**sizes, **changes})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = getattr(transformers, f"{family}ForCausalLM")(config)
    return model.double().eval()
