"""Model classes with LoLA, one per family, known to the Auto classes of transformers."""

import importlib
import inspect
from dataclasses import replace
from typing import Any

from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.generation.configuration_utils import GenerationMode
from transformers.masking_utils import create_causal_mask

from splinear.attention.cache import LoLACache
from splinear.attention.config import LoLAConfig
from splinear.attention.heads import LoLAHeads
from splinear.attention.interface import NAME
from splinear.attention.scoring import Scorer

#: ``model_type`` of transformers -> stem of its class names.
FAMILIES = {
    "llama": "Llama",
    "mistral": "Mistral",
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
    "granite": "Granite",
    "olmo2": "Olmo2",
    "phi3": "Phi3",
    "smollm3": "SmolLM3",
}
#: Names of the argument that passes a cache, in newer and older releases.
CACHE_NAMES = ("cache", "past_key_values")
CACHE = CACHE_NAMES["cache" not in inspect.signature(create_causal_mask).parameters]


class LoLAMixin:
    """What a linearised model can do beyond its family."""

    # The maps learn and work in float32, whatever the model is loaded in.
    _keep_in_fp32_modules_strict = ("lola",)
    _own_scorer: Scorer | None = None

    def __init__(self, config: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(config, *args, **kwargs)  # pyright: ignore[reportCallIssue]
        install(self, LoLAConfig(**config.lola))

    @property
    def lola_config(self) -> LoLAConfig:
        """The settings in force."""
        return LoLAConfig(**self.config.lola)  # pyright: ignore[reportAttributeAccessIssue]

    def set_lola(self, *, score: str | Scorer | None = None, **changes: Any) -> None:
        """Change the budget or the rules without retraining.

        Parameters
        ----------
        score : str or Scorer, optional
            A name, or a scorer for this process only: it is not saved, and stays until
            another is given.
        **changes
            Fields of `LoLAConfig`, except those that shape what was learned.

        Raises
        ------
        ValueError
            If a change would need other parameters than the learned ones.
        """
        shaping = {"feature_map", "feature_dim", "share_across_group"} & set(changes)
        if shaping:
            raise ValueError(
                f"{', '.join(sorted(shaping))} cannot change after linearize: the "
                "learned maps have that shape; linearize the original model again"
            )
        if isinstance(score, str):
            changes["score"] = score
        config = replace(self.lola_config, **changes)
        if score is not None:
            self._own_scorer = None if isinstance(score, str) else score
        for layer, heads in enumerate(lola_heads(self)):
            heads.set(config.for_layer(layer), self._own_scorer)
        self.config.lola = config.to_dict()  # pyright: ignore[reportAttributeAccessIssue]

    def make_cache(self) -> LoLACache:
        """Return an empty cache for this model."""
        return LoLACache(self.config.num_hidden_layers)  # pyright: ignore[reportAttributeAccessIssue]

    def _prepare_cache_for_generation(
        self, generation_config, model_kwargs, generation_mode, *args, **kwargs
    ):
        if self.config._attn_implementation == NAME:  # pyright: ignore[reportAttributeAccessIssue]
            _refuse_generation(generation_config, generation_mode)
            if _given_cache(model_kwargs) is None and generation_config.use_cache:
                model_kwargs[CACHE] = self.make_cache()
        return super()._prepare_cache_for_generation(  # pyright: ignore[reportAttributeAccessIssue]
            generation_config, model_kwargs, generation_mode, *args, **kwargs
        )


def _refuse_generation(generation_config: Any, mode: GenerationMode) -> None:
    if mode == GenerationMode.ASSISTED_GENERATION:
        raise ValueError(
            "assisted decoding is not supported with LoLA: it takes back tokens, which "
            "an absorbed pair cannot be; generate without assistant_model, "
            "prompt_lookup_num_tokens and the like"
        )
    if generation_config.cache_implementation not in (None, "dynamic"):
        raise ValueError(
            "LoLA brings its own cache, of constant size: leave cache_implementation "
            f"unset; got {generation_config.cache_implementation!r}"
        )


def _given_cache(kwargs: dict[str, Any]) -> Any:
    return next((kwargs[n] for n in CACHE_NAMES if kwargs.get(n) is not None), None)


def install(model: Any, config: LoLAConfig) -> None:
    """Give every attention module of `model` its heads, and the model its hooks.

    Parameters
    ----------
    model : PreTrainedModel
    config : LoLAConfig
    """
    text = model.config
    for layer, module in enumerate(attention_modules(model)):
        sizes = (text.num_attention_heads, text.num_key_value_heads, module.head_dim)
        module.lola = LoLAHeads(*sizes, config.for_layer(layer))
        weight = next(module.parameters())
        module.lola.to(device=weight.device)
    model.get_decoder().register_forward_pre_hook(_supply_cache, with_kwargs=True)
    model.set_attn_implementation(NAME)


def attention_modules(model: Any) -> list[Any]:
    """Return the self-attention modules of a decoder, in order."""
    return [layer.self_attn for layer in model.get_decoder().layers]


def lola_heads(model: Any) -> list[LoLAHeads]:
    """Return the heads of a linearised model, in order of layers."""
    return [module for module in model.modules() if isinstance(module, LoLAHeads)]


def _supply_cache(module: nn.Module, args: tuple, kwargs: dict[str, Any]):
    # Where the decoder would make itself a growing cache, give it ours.
    config: Any = module.config
    if config._attn_implementation != NAME:
        return None
    given = _given_cache(kwargs)
    if given is not None and not isinstance(given, LoLACache):
        raise ValueError(
            f"a linearised model needs a LoLACache; got {type(given).__name__}: pass "
            "model.make_cache(), or none"
        )
    use = kwargs.get("use_cache")
    use = config.use_cache if use is None else use
    recording = any(heads.recorder is not None for heads in lola_heads(module))
    if given is None and use:
        if module.training or recording:
            kwargs["use_cache"] = False
        else:
            kwargs[CACHE] = LoLACache(config.num_hidden_layers)
    return args, kwargs


def _make_family(model_type: str, stem: str) -> tuple[type, type]:
    place = f"transformers.models.{model_type}"
    config = getattr(
        importlib.import_module(f"{place}.configuration_{model_type}"), f"{stem}Config"
    )
    model = getattr(
        importlib.import_module(f"{place}.modeling_{model_type}"), f"{stem}ForCausalLM"
    )
    home = {"__module__": __name__}
    own = type(
        f"LoLA{stem}Config", (config,), {**home, "model_type": f"lola_{model_type}"}
    )
    linear = type(
        f"LoLA{stem}ForCausalLM", (LoLAMixin, model), {**home, "config_class": own}
    )
    AutoConfig.register(f"lola_{model_type}", own)
    AutoModelForCausalLM.register(own, linear)
    return own, linear


#: ``model_type`` -> (config class, model class) with LoLA.
CLASSES = {name: _make_family(name, stem) for name, stem in FAMILIES.items()}
# Where pickle and deepcopy look for classes that no statement defines.
globals().update({cls.__name__: cls for pair in CLASSES.values() for cls in pair})
