"""What a LoLA layer holds, and how it chooses."""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

MIXINGS = ("additive", "window_shift", "joint_shift")
RESCORINGS = ("chunk", "incremental")
#: Least value of each count, and why nothing smaller makes sense.
_LEAST = {
    "window_size": (1, "the newest pair is always attended exactly"),
    "sparse_cache_size": (0, "0 turns the sparse cache off"),
    "chunk_size": (1, "1 updates the memory at every token"),
    "num_sink_tokens": (0, "0 gives the first tokens no privilege"),
}


@dataclass(frozen=True)
class LoLAConfig:
    """Budget, feature maps, mixing and score of linear attention with a sparse cache.

    Parameters
    ----------
    window_size : int, >= 1
        Number of recent pairs (eta) that every query attends exactly.  At most
        ``chunk_size - 1`` more are held between two updates.
    sparse_cache_size : int, >= 0
        Pairs (lambda) kept exactly from anywhere in the past, per row and head.
    chunk_size : int, >= 1
        Tokens between two updates (C), at absolute positions, in prefill and decoding
        alike.  1 is the per-token definition.
    feature_dim : int, optional
        Columns d' of each learned map; the feature vector has ``2 * d'`` entries.
        Half the head dimension by default.
    feature_map : {"hedgehog", "elu", "identity"}
        The last two have nothing to learn and serve tests.
    mixing : {"additive", "window_shift", "joint_shift"}
        How exact and linear weights meet; see `splinear.attention.mixing`.
    score : str
        Name in the registry of `splinear.attention.scoring`: which pairs stay exact.
    share_across_group : bool
        Whether the query heads of a group share one key map, state and cache (per KV
        head).  False repeats keys and values first, as LoLCATs weights expect, and
        multiplies memory by the size of the group.
    num_sink_tokens : int, >= 0
        First tokens of a sequence that, once evicted, outrank every other pair.
    rescoring : {"chunk", "incremental"}
        "incremental" keeps the read-out of each cached pair up to date instead of
        recomputing it: for ``chunk_size=1``.  Both select the same pairs.
    layers : dict of int to dict, optional
        Overrides for single layers: ``{0: {"sparse_cache_size": 128}}``.

    Raises
    ------
    TypeError
        If a count is no integer.
    ValueError
        If a count is too small or a name is unknown.

    Examples
    --------
    >>> config = LoLAConfig(window_size=128, layers={3: {"sparse_cache_size": 512}})
    >>> config.for_layer(3).sparse_cache_size, config.for_layer(4).sparse_cache_size
    (512, 64)
    """

    window_size: int = 64
    sparse_cache_size: int = 64
    chunk_size: int = 64
    feature_dim: int | None = None
    feature_map: str = "hedgehog"
    mixing: str = "additive"
    score: str = "salient_recall_error"
    share_across_group: bool = True
    num_sink_tokens: int = 0
    rescoring: str = "chunk"
    layers: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (least, why) in _LEAST.items():
            _check_count(name, getattr(self, name), least, why)
        if self.feature_dim is not None:
            _check_count("feature_dim", self.feature_dim, 1, "a map needs a column")
        _check_name("mixing", self.mixing, MIXINGS)
        _check_name("rescoring", self.rescoring, RESCORINGS)
        # JSON knows only text as keys; files come back through here.
        layers = {int(layer): dict(changes) for layer, changes in self.layers.items()}
        object.__setattr__(self, "layers", layers)
        for layer in layers:
            self.for_layer(layer)

    @property
    def buffer_size(self) -> int:
        """Exact pairs held at most, cache and window together."""
        return self.sparse_cache_size + self.window_size + self.chunk_size - 1

    def for_layer(self, layer: int) -> "LoLAConfig":
        """Return the settings of one layer, overrides applied.

        Raises
        ------
        ValueError
            If an override names a field that does not exist.
        """
        changes = self.layers.get(layer, {})
        names = [f.name for f in fields(self) if f.name != "layers"]
        for name in changes:
            _check_name(f"layers[{layer}]", name, names)
        return replace(self, layers={}, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, fit for JSON."""
        plain = asdict(self)
        plain["layers"] = {str(layer): dict(c) for layer, c in self.layers.items()}
        return plain


def _check_count(name: str, value: Any, least: int, why: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer; got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be >= {least} ({why}); got {value}")


def _check_name(what: str, name: Any, known) -> None:
    if name not in known:
        raise ValueError(f"{what} must be one of {', '.join(known)}; got {name!r}")
