"""Small decoders of transformers, with weights that train fast."""

from typing import Any

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

#: Standard deviation of initial linear maps and embeddings, that of torch at width 64;
#: with transformers' 0.02 for both, attention starts uniform and stays so for minutes.
LINEAR, EMBEDDING = 0.07, 1.0


def small_decoder(
    vocab_size: int,
    *,
    equal_key_norms: bool = False,
    hidden_size: int = 64,
    n_layers: int = 2,
    query_heads: int = 2,
    kv_heads: int = 1,
    head_dim: int = 32,
    seed: int = 0,
) -> PreTrainedModel:
    """Return an untrained Llama, or one whose keys all have the same norm.

    Parameters
    ----------
    vocab_size : int
    equal_key_norms : bool
        Whether every key is normalised to ``|k| = sqrt(head_dim)``: a Qwen3, which
        normalises queries and keys, with the gain of the keys fixed at 1.  A score
        that goes by the norm of keys sees nothing then.
    hidden_size, n_layers, query_heads, kv_heads, head_dim : int
    seed : int
        Of the initial weights.

    Returns
    -------
    LlamaForCausalLM or Qwen3ForCausalLM

    Examples
    --------
    >>> type(small_decoder(16, hidden_size=8, n_layers=1)).__name__
    'LlamaForCausalLM'
    """
    sizes: dict[str, Any] = {
        "vocab_size": vocab_size,
        "hidden_size": hidden_size,
        "intermediate_size": 2 * hidden_size,
        "num_hidden_layers": n_layers,
        "num_attention_heads": query_heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "max_position_embeddings": 16384,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": None,
        "pad_token_id": None,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if equal_key_norms:
            model: Any = Qwen3ForCausalLM(Qwen3Config(**sizes))
        else:
            model = LlamaForCausalLM(LlamaConfig(**sizes))
        _initialise(model)
    return model


def _initialise(model: Any) -> None:
    embedding = model.get_input_embeddings().weight
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            spread = EMBEDDING if parameter is embedding else LINEAR
            torch.nn.init.normal_(parameter, 0.0, spread)
        if name.endswith("k_norm.weight"):
            parameter.requires_grad_(False)
