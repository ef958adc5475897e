"""What can go wrong with feature maps: keys that all look alike."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splinear.attention._teacher import recording, teacher
from splinear.attention._training import as_batch, refuse_plain
from splinear.attention.families import lola_heads

#: Above this mean cosine between features of different keys a map tells none apart.
COLLAPSED = 0.99


@dataclass(frozen=True)
class FeatureMapReport:
    """Diversity of ``phi(k)`` over real tokens, per layer and head.

    Parameters
    ----------
    cosine : (layers, g) tensor, in [-1, 1]
        Mean cosine between features of different tokens.
    rank : (layers, g) tensor, >= 1
        Effective rank: the exponential of the entropy of the squared singular values.
    """

    cosine: Tensor
    rank: Tensor

    @property
    def collapsed(self) -> list[tuple[int, int]]:
        """(layer, head) of maps whose mean cosine exceeds 0.99."""
        return [tuple(at) for at in (self.cosine > COLLAPSED).nonzero().tolist()]

    def __str__(self) -> str:
        lines = ["layer  mean cosine  effective rank"]
        for layer, (cos, rank) in enumerate(zip(self.cosine, self.rank, strict=True)):
            lines.append(
                f"{layer:5d}  {cos.mean():11.3f}  {rank.mean():14.1f}"
                + (f"  (worst head {cos.max():.3f})" if len(cos) > 1 else "")
            )
        count = len(self.collapsed)
        lines.append(f"collapsed maps: {count}" + (f" {self.collapsed}" * bool(count)))
        return "\n".join(lines)


def diversity(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean pairwise cosine and effective rank of feature vectors.

    Parameters
    ----------
    features : (g, n, D) tensor, n >= 2

    Returns
    -------
    cosine, rank : (g,) tensors

    Examples
    --------
    >>> cosine, rank = diversity(torch.eye(3)[None])
    >>> round(cosine.item(), 6), round(rank.item(), 6)
    (0.0, 3.0)
    """
    n = features.shape[1]
    unit = torch.nn.functional.normalize(features.double(), dim=-1)
    total = unit.sum(1).square().sum(-1)
    cosine = (total - n) / (n * (n - 1))
    share = torch.linalg.svdvals(unit).square()
    share = share / share.sum(-1, keepdim=True)
    entropy = -torch.special.xlogy(share, share).sum(-1)
    return cosine, entropy.exp()


@torch.no_grad()
def feature_map_report(model: Any, data: Any) -> FeatureMapReport:
    """Measure the feature maps of a linearised model on the keys of `data`.

    Parameters
    ----------
    model : linearised model
    data : (n, T) token ids, or a dict with input_ids and attention_mask
        At least two real tokens.

    Returns
    -------
    FeatureMapReport
    """
    refuse_plain(model)
    found: dict[int, tuple[Tensor, Tensor]] = {}
    order = {id(heads): layer for layer, heads in enumerate(lola_heads(model))}

    def record(heads, query, key, value, valid, scaling):
        features = heads.phi_k(heads.spread(key)).transpose(0, 1)  # (g, B, T, D)
        real = slice(None) if valid is None else valid
        rows = features.flatten(1, 2) if valid is None else features[:, real]
        found[order[id(heads)]] = diversity(rows)
        return teacher(query, key, value, valid, scaling)

    with recording(model, record):
        model.get_decoder()(**_inputs(model, data), use_cache=False)
    cosine, rank = zip(*(found[layer] for layer in sorted(found)), strict=True)
    return FeatureMapReport(torch.stack(cosine), torch.stack(rank))


def _inputs(model: Any, data: Any) -> dict[str, Tensor]:
    batch = as_batch(data)
    names = ("input_ids", "attention_mask")
    return {name: batch[name].to(model.device) for name in names if name in batch}
