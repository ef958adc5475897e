"""Settings that hold equally many bytes."""

from dataclasses import dataclass
from typing import Any

import torch

from splinear.attention._training import budget
from splinear.attention.scoring import Scorer, get_scorer

#: Scores that a comparison lists, in this order.
SCORES = (
    "random",
    "heavy_hitter",
    "key_norm",
    "value_norm",
    "self_recall_error",
    "relative_self_recall_error",
    "salient_recall_error",
)


@dataclass(frozen=True)
class Arm:
    """One way of spending a budget.

    Parameters
    ----------
    name : str
    window_size, sparse_cache_size : int
    score : str or Scorer
    """

    name: str
    window_size: int
    sparse_cache_size: int
    score: str | Scorer = "recency"

    def settings(self) -> dict[str, Any]:
        """Arguments of ``model.set_lola``."""
        return {
            "window_size": self.window_size,
            "sparse_cache_size": self.sparse_cache_size,
            "score": self.score,
        }


@torch.no_grad()
def state_bytes(model: Any) -> int:
    """Bytes that a linearised model holds per sequence, of whatever length.

    Counted, not computed: a token passes through, and the buffers are measured.

    Examples
    --------
    >>> from splinear.attention.config import LoLAConfig
    >>> from splinear.attention.conversion import linearize
    >>> from splinear.attention.evaluation import small_decoder
    >>> config = LoLAConfig(window_size=4, sparse_cache_size=2, chunk_size=1)
    >>> model = small_decoder(16, hidden_size=8, n_layers=1, head_dim=4)
    >>> state_bytes(linearize(model, config))  # 6 pairs of 2 x 16 + 4 bytes, 4 x 5 x 4
    296
    """
    cache = model.make_cache()
    token = torch.zeros(1, 1, dtype=torch.long, device=model.device)
    # Asks for the cache by the name that this release of transformers uses.
    from splinear.attention.families import CACHE

    model.get_decoder()(token, use_cache=True, **{CACHE: cache})
    return cache.nbytes()


def kv_bytes(model: Any, length: int) -> int:
    """Bytes of full keys and values of `length` tokens, per sequence.

    Examples
    --------
    >>> from splinear.attention.evaluation import small_decoder
    >>> model = small_decoder(16, hidden_size=8, n_layers=3, head_dim=4)
    >>> kv_bytes(model, 100) == 2 * 4 * 4 * 3 * 100
    True
    """
    text = model.config
    pairs = text.num_hidden_layers * text.num_key_value_heads * length
    width = getattr(text, "head_dim", None)
    width = text.hidden_size // text.num_attention_heads if width is None else width
    return 2 * width * model.dtype.itemsize * pairs


def equal_byte_arms(
    model: Any,
    window_size: int,
    sparse_cache_size: int,
    scores: tuple[str, ...] = SCORES,
) -> list[Arm]:
    """Return the wider window and one arm per score, none above the bytes of the first.

    A score that needs a record of attention pays for it with pairs.

    Parameters
    ----------
    model : linearised model
    window_size, sparse_cache_size : int
        Of the budget.
    scores : tuple of str

    Returns
    -------
    list of Arm
    """
    wide = Arm("wider window", window_size + sparse_cache_size, 0)
    limit = bytes_of(model, wide)
    arms = [wide]
    for score in scores:
        size = sparse_cache_size
        if getattr(get_scorer(score), "needs_mass", False):
            while (
                size and bytes_of(model, Arm(score, window_size, size, score)) > limit
            ):
                size -= 1
        arms.append(Arm(score, window_size, size, score))
    return arms


def bytes_of(model: Any, arm: Arm) -> int:
    """Bytes per sequence under the settings of an arm."""
    with budget(model, **arm.settings()):
        return state_bytes(model)
