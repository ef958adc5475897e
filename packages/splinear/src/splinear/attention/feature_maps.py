"""Feature maps: positive vectors whose products stand in for exp(q.k)."""

import torch
from torch import Tensor, nn

#: Below this an entry of a Hedgehog feature is lifted: its logarithm stays finite.
FLOOR = 1e-12


class HedgehogFeatureMap(nn.Module):
    """``phi(x) = [softmax(x W); softmax(-x W)]``, with one learned W per head.

    Every entry is positive and each half sums to one, so that
    ``0 < phi(q).phi(k) <= 2``.

    Parameters
    ----------
    heads, head_dim : int
    feature_dim : int
        Columns of W.  The feature vector has twice as many entries.

    Notes
    -----
    W has no bias and begins as the (truncated) identity, as in LoLCATs (Zhang et al.,
    2024); the map itself is Hedgehog's (Zhang et al., 2024).

    Examples
    --------
    >>> phi = HedgehogFeatureMap(heads=1, head_dim=2, feature_dim=2)
    >>> phi(torch.zeros(1, 1, 1, 2)).tolist()
    [[[[0.5, 0.5, 0.5, 0.5]]]]
    """

    def __init__(self, heads: int, head_dim: int, feature_dim: int) -> None:
        super().__init__()
        eye = torch.eye(head_dim, feature_dim)
        self.weight = nn.Parameter(eye.repeat(heads, 1, 1))
        self.out_dim = 2 * feature_dim

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, heads, T, d)`` to ``(B, heads, T, 2 d')``, at least in float32."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        z = x.to(dtype) @ self.weight.to(dtype)
        return torch.cat([z.softmax(-1), (-z).softmax(-1)], -1).clamp_min(FLOOR)


class EluFeatureMap(nn.Module):
    """``phi(x) = elu(x) + 1``: nothing to learn; equals x + 1 for x >= 0.

    Examples
    --------
    >>> EluFeatureMap(1, 2, 2)(torch.tensor([[[[0.0, 2.0]]]])).tolist()
    [[[[1.0, 3.0]]]]
    """

    def __init__(self, heads: int, head_dim: int, feature_dim: int) -> None:
        super().__init__()
        self.out_dim = head_dim

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, heads, T, d)`` to the same shape, at least in float32."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        return nn.functional.elu(x) + 1


class IdentityFeatureMap(nn.Module):
    """``phi(x) = x``: for tests only, because its products may be negative.

    Examples
    --------
    >>> IdentityFeatureMap(1, 2, 2)(torch.ones(1, 1, 1, 2)).tolist()
    [[[[1.0, 1.0]]]]
    """

    def __init__(self, heads: int, head_dim: int, feature_dim: int) -> None:
        super().__init__()
        self.out_dim = head_dim

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, at least in float32."""
        return x.to(torch.promote_types(x.dtype, torch.float32))


FEATURE_MAPS = {
    "hedgehog": HedgehogFeatureMap,
    "elu": EluFeatureMap,
    "identity": IdentityFeatureMap,
}


def make_feature_map(
    name: str, heads: int, head_dim: int, feature_dim: int | None = None
) -> nn.Module:
    """Return the feature map called `name`, with ``d' = head_dim // 2`` by default.

    Raises
    ------
    ValueError
        If the name is unknown, or `feature_dim` exceeds `head_dim`: the map would
        begin with columns of zeros, whose softmax says nothing of x.

    Examples
    --------
    >>> make_feature_map("hedgehog", heads=2, head_dim=8).out_dim
    8
    """
    if name not in FEATURE_MAPS:
        known = ", ".join(FEATURE_MAPS)
        raise ValueError(f"feature_map must be one of {known}; got {name!r}")
    size = max(1, head_dim // 2) if feature_dim is None else feature_dim
    if size > head_dim:
        raise ValueError(
            f"feature_dim must be at most the head dimension {head_dim}; got {size}"
        )
    return FEATURE_MAPS[name](heads, head_dim, size)
