"""LoLA: linear attention that recalls, by a window, a sparse cache and a state.

Names load when they are first used (PEP 562): torch with the mathematics, transformers
and peft only with the parts that need them.
"""

from typing import TYPE_CHECKING

from splinear._lazy import lazy

if TYPE_CHECKING:  # the same names for type checkers and editors
    from splinear.attention.cache import LoLACache as LoLACache
    from splinear.attention.cache import LoLACacheLayer as LoLACacheLayer
    from splinear.attention.chunkwise import (
        hybrid_attention_chunkwise as hybrid_attention_chunkwise,
    )
    from splinear.attention.config import LoLAConfig as LoLAConfig
    from splinear.attention.conversion import linearize as linearize
    from splinear.attention.decode import decode_step as decode_step
    from splinear.attention.diagnostics import (
        feature_map_report as feature_map_report,
    )
    from splinear.attention.finetune import finetune_lora as finetune_lora
    from splinear.attention.heads import LoLAHeads as LoLAHeads
    from splinear.attention.parallel import (
        hybrid_attention_parallel as hybrid_attention_parallel,
    )
    from splinear.attention.parallel import no_cache_masks as no_cache_masks
    from splinear.attention.recurrent import (
        hybrid_attention_recurrent as hybrid_attention_recurrent,
    )
    from splinear.attention.scoring import OracleScorer as OracleScorer
    from splinear.attention.scoring import register_scorer as register_scorer
    from splinear.attention.state import LoLAState as LoLAState
    from splinear.attention.transfer import attention_transfer as attention_transfer

# Public name -> the module that defines it.
_HOME = {
    "LoLACache": "cache",
    "LoLACacheLayer": "cache",
    "LoLAConfig": "config",
    "LoLAHeads": "heads",
    "LoLAState": "state",
    "OracleScorer": "scoring",
    "attention_transfer": "transfer",
    "decode_step": "decode",
    "feature_map_report": "diagnostics",
    "finetune_lora": "finetune",
    "hybrid_attention_chunkwise": "chunkwise",
    "hybrid_attention_parallel": "parallel",
    "hybrid_attention_recurrent": "recurrent",
    "linearize": "conversion",
    "no_cache_masks": "parallel",
    "register_scorer": "scoring",
}

__all__ = [*_HOME]  # noqa: PLE0604 (all are strings)


_load, __dir__ = lazy(__name__, _HOME)


def __getattr__(name: str) -> object:
    try:
        return _load(name)
    except (ImportError, RuntimeError) as error:
        raise ImportError(
            f"splinear.attention.{name} needs splinear[transformers], which could not "
            f"be loaded: {error}. If it is installed, a torchvision built for another "
            "torch is the usual cause: reinstall or remove torchvision"
        ) from error
