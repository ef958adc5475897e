"""From a softmax model to a LoLA model, in place."""

from typing import Any

from splinear.attention.config import LoLAConfig
from splinear.attention.families import CLASSES, FAMILIES, install


def linearize(model: Any, config: LoLAConfig | None = None) -> Any:
    """Turn a decoder of transformers into one with LoLA attention.

    As long as a sequence fits into window and cache, the model answers as before.
    Beyond, it needs feature maps that were trained: `attention_transfer`, and
    `finetune_lora` after it.

    Parameters
    ----------
    model : PreTrainedModel
        A causal language model of one of the families ``llama``, ``mistral``,
        ``qwen2``, ``qwen3``, ``granite``, ``olmo2``, ``phi3`` and ``smollm3``.
    config : LoLAConfig, optional

    Returns
    -------
    The same object, of a class that `save_pretrained` and ``AutoModelForCausalLM``
    know (after ``import splinear.attention.families``, which this module does).

    Raises
    ------
    ValueError
        If the model is none of these, has layers with a sliding window of their own,
        or is linearised already.

    Notes
    -----
    A sliding window that all layers share (Mistral) is dropped: softmax forgets beyond
    it, LoLA does not.  Up to its length the two agree.

    Examples
    --------
    >>> from transformers import LlamaConfig, LlamaForCausalLM
    >>> sizes = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1)
    >>> small = LlamaConfig(vocab_size=8, num_attention_heads=2, **sizes)
    >>> model = linearize(LlamaForCausalLM(small), LoLAConfig(window_size=4))
    >>> model.lola_config.window_size
    4
    """
    config = LoLAConfig() if config is None else config
    _refuse(model)
    own, linear = CLASSES[model.config.model_type]
    if getattr(model.config, "sliding_window", None) is not None:
        model.config.sliding_window = None
    model.__class__ = linear
    model.config.__class__ = own
    model.config.lola = config.to_dict()
    install(model, config)
    return model


def _refuse(model: Any) -> None:
    text = getattr(model, "config", None)
    kind = getattr(text, "model_type", None)
    if text is None or kind is None:
        raise ValueError(
            f"linearize takes a model of transformers; got {type(model).__name__}"
        )
    if hasattr(text, "lola"):
        raise ValueError("the model is linearised already: use model.set_lola(...)")
    if text.is_encoder_decoder:
        raise ValueError(
            f"{type(model).__name__} is an encoder-decoder model: LoLA attends "
            "causally, so only decoders are supported"
        )
    expected = FAMILIES.get(kind, "") + "ForCausalLM"
    if type(model).__name__ != expected:
        known = ", ".join(f"{stem}ForCausalLM" for stem in FAMILIES.values())
        raise ValueError(
            f"linearize knows {known}; got {type(model).__name__} (model_type {kind!r})"
        )
    mixed = set(getattr(text, "layer_types", None) or ()) - {"full_attention"}
    if mixed:
        raise ValueError(
            f"some layers are of type {', '.join(sorted(mixed))}: only full attention "
            "is supported; build the model with use_sliding_window=False"
        )
