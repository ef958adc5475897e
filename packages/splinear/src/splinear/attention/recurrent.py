"""The readable form: token by token, with sets, loops and no tricks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from splinear.attention.heads import LoLAHeads
from splinear.attention.scoring import Candidates


@dataclass(frozen=True)
class Trace:
    """Which positions each query of one row and head met, in which role.

    Parameters
    ----------
    window, cache, state : (T, T) bool tensors
        Entry (t, i): whether the pair i is there when query t is answered.  Every
        ``i <= t`` is in exactly one of the three.
    """

    window: Tensor
    cache: Tensor
    state: Tensor


def hybrid_attention_recurrent(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    heads: LoLAHeads,
    scaling: float | None = None,
) -> tuple[Tensor, list[list[Trace]]]:
    """Attend as the definition says, and tell what was where.

    Parameters
    ----------
    query : (B, h, T, d) tensor
    key, value : (B, g, T, d) and (B, g, T, d_v) tensors
    heads : LoLAHeads
    scaling : float, optional
        ``d ** -0.5`` by default.

    Returns
    -------
    output : (B, h, T, d_v) tensor
    traces : list of list of Trace
        Per row and per head that keeps a state.

    Notes
    -----
    Quadratic in T and slow: what the fast forms are held against.  Weights are not
    stabilised, so that logits beyond 80 overflow in float32.

    Examples
    --------
    >>> from splinear.attention import LoLAConfig
    >>> heads = LoLAHeads(1, 1, 2, LoLAConfig(window_size=1, chunk_size=1))
    >>> k, v = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0], [3.0]]]])
    >>> y, traces = hybrid_attention_recurrent(k, k, v, heads)
    >>> y.flatten().tolist(), traces[0][0].cache[1].tolist()
    ([1.0, 2.0], [True, False])
    """
    heads.check(query, key, value)
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    queries = heads.grouped(query)
    keys, values = heads.spread(key), heads.spread(value)
    rows = [
        [
            _one_head(heads, g, queries[b, g], keys[b, g], values[b, g], scaling, b)
            for g in range(heads.state_heads)
        ]
        for b in range(query.shape[0])
    ]
    out = torch.stack([torch.cat([y for y, _ in row]) for row in rows])
    return out.to(query.dtype), [[trace for _, trace in row] for row in rows]


def _one_head(heads, g, queries, keys, values, scaling, row):
    """Return (r, T, d_v) outputs of one row and head, and the trace."""
    config, T = heads.config, keys.shape[0]
    phi_k, phi_q = _features(heads, g, queries, keys)
    H = phi_k.new_zeros(phi_k.shape[-1], values.shape[-1])
    s = phi_k.new_zeros(phi_k.shape[-1])
    window, cache, state = [], [], []
    mass = phi_k.new_zeros(T)
    met = torch.zeros(3, T, T, dtype=torch.bool)
    outputs = []
    for t in range(T):
        if t % config.chunk_size == 0:  # evict, score, keep, absorb
            eligible = cache + [i for i in window if i <= t - config.window_size]
            window = [i for i in window if i > t - config.window_size]
            cache, absorbed = _choose(
                heads, g, eligible, keys, values, phi_k, mass, H, s, row
            )
            for i in absorbed:
                H = H + torch.outer(phi_k[i], values[i].to(H.dtype))
                s = s + phi_k[i]
            state = state + absorbed
        window = window + [t]
        for kind, indices in enumerate((window, cache, state)):
            met[kind, t, indices] = True
        y, got = _output(
            heads, g, queries[:, t], keys, values, phi_q[:, t], window, cache, H, s,
            scaling,
        )  # fmt: skip
        mass[cache + window] += got.detach()
        outputs.append(y)
    return torch.stack(outputs, 1), Trace(*met)


def _features(heads, g, queries, keys):
    """phi of one head; the maps work on all heads, so the others get zeros."""
    everyone = keys.new_zeros(1, heads.state_heads, *keys.shape)
    everyone[0, g] = keys
    asked = queries.new_zeros(1, heads.state_heads, *queries.shape)
    asked[0, g] = queries
    return heads.phi_k(everyone)[0, g], heads.phi_q(asked)[0, g]


@torch.no_grad()
def _choose(heads, g, eligible, keys, values, phi_k, mass, H, s, row):
    """Return (kept, absorbed) positions, each in order."""
    keep = heads.config.sparse_cache_size
    if len(eligible) <= keep:
        return eligible, []
    here = torch.tensor(eligible)

    def one(tensor):  # this head among the others, which stay empty
        shape = (1, heads.state_heads, *tensor.shape)
        whole = torch.zeros(shape, dtype=tensor.dtype)
        whole[0, g] = tensor
        return whole

    def read():
        return one(phi_k[here] @ H), one(phi_k[here] @ s)

    candidates = Candidates(
        one(keys[here]), one(values[here]), one(here), one(mass[here]), read, (row,)
    )
    scores = heads.scorer(candidates)[0, g].tolist()
    sinks = heads.config.num_sink_tokens
    rank = {
        i: (float("inf") if i < sinks else score, i)
        for i, score in zip(eligible, scores, strict=True)
    }
    best = sorted(eligible, key=lambda i: rank[i], reverse=True)[:keep]
    return sorted(best), [i for i in eligible if i not in best]


def _output(heads, g, q, keys, values, phi_q, window, cache, H, s, scaling):
    """The formula of each mixing, written out; q is (r, d), phi_q (r, D)."""
    exact = cache + window
    a = (q.to(H.dtype) @ keys[exact].to(H.dtype).T) * scaling  # (r, S)
    mixing = heads.config.mixing
    per_head = slice(g * heads.group, (g + 1) * heads.group)
    if mixing == "additive":
        weights = a.exp()
        linear = heads.delta[per_head, None].to(H.dtype).exp()
    else:
        gamma = heads.gate[per_head, None].to(H.dtype).sigmoid()
        shift = a[:, len(cache) :] if mixing == "window_shift" else a
        weights = gamma * (a - shift.amax(-1, keepdim=True)).exp()
        linear = torch.ones_like(gamma)
    total = weights.sum(-1, keepdim=True) + linear * (phi_q @ s)[:, None]
    y = (weights @ values[exact].to(H.dtype) + linear * (phi_q @ H)) / total
    return y, (weights / total).sum(0)
