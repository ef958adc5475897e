"""Mixings: the weights of exact pairs and of the linear state in one denominator.

With logits ``a_i = q.k_i / sqrt(d)`` of the exact pairs, a mixing returns weights
``w_i`` and a factor ``f``, both divided by the same ``exp(M)``, and the output is

    y = (sum_i w_i v_i + f phi(q)' H) / (sum_i w_i + f phi(q)' s).

All equal softmax attention as long as nothing has been absorbed.  `additive` and
`window_shift` are *shift-consistent*: a cached pair enters with ``exp(a_i)`` relative
to the window, whatever else is cached.  `joint_shift` is not, and loses what the sparse
cache brings: a matching cached key pushes the whole window down but leaves the linear
mass alone.  It is kept for ablation.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Mixed = tuple[Tensor, Tensor]


def additive(
    logits: Tensor, n_cache: int, absorbed: Tensor | bool, delta: Tensor, gate: Tensor
) -> Mixed:
    """Exact pairs with ``exp(a)``, the linear part with ``exp(delta)``.

    Parameters
    ----------
    logits : (..., S) tensor
        Of the exact pairs; minus infinity where there is none.
    n_cache : int
        The first `n_cache` columns are the sparse cache, the rest is the window.
    absorbed : bool or tensor broadcasting to (..., 1)
        Whether the state holds anything.  If not, delta must not enter the
        stabiliser: with ``a_i`` far below it all weights would underflow to 0 / 0.
    delta : tensor broadcasting to (..., 1)
        Learned per query head; 0 is the paper's formula.
    gate : tensor
        Not used here.

    Returns
    -------
    weights : (..., S) tensor
    factor : (..., 1) tensor

    Examples
    --------
    >>> zero = torch.zeros(1)
    >>> weights, factor = additive(torch.zeros(1, 2), 1, True, zero, zero)
    >>> weights.tolist(), factor.tolist()
    ([[1.0, 1.0]], [[1.0]])
    """
    top = logits.amax(-1, keepdim=True)
    held = torch.as_tensor(absorbed, device=logits.device)
    shift = torch.where(held, torch.maximum(top, delta), top).detach()
    factor = torch.where(held, delta - shift, -torch.inf).exp()
    return (logits - shift).exp(), factor


def window_shift(
    logits: Tensor, n_cache: int, absorbed: Tensor | bool, delta: Tensor, gate: Tensor
) -> Mixed:
    """Weights ``g exp(a - c)`` with c the largest *window* logit; linear factor 1.

    Equal to LoLCATs when the cache is empty, and the right choice for its weights: a
    cached pair may exceed the window and then dominates, as it must.  All is divided
    by one more factor ``exp(max a - c)``, which cancels.

    Parameters
    ----------
    logits, n_cache, absorbed, delta, gate
        As in `additive`; ``g = sigmoid(gate)`` and `delta` is not used.

    Returns
    -------
    weights : (..., S) tensor
    factor : (..., 1) tensor

    Examples
    --------
    >>> zero = torch.zeros(1)
    >>> weights, factor = window_shift(torch.zeros(1, 2), 1, True, zero, zero)
    >>> weights.tolist(), factor.tolist()
    ([[0.5, 0.5]], [[1.0]])
    """
    top = logits.amax(-1, keepdim=True).detach()
    window = logits[..., n_cache:].amax(-1, keepdim=True)
    return gate.sigmoid() * (logits - top).exp(), (window - top).exp()


def joint_shift(
    logits: Tensor, n_cache: int, absorbed: Tensor | bool, delta: Tensor, gate: Tensor
) -> Mixed:
    """Weights ``g exp(a - max a)`` over window and cache; linear factor 1.

    Broken on purpose (see the module): for ablation only.

    Parameters
    ----------
    logits, n_cache, absorbed, delta, gate
        As in `window_shift`.

    Returns
    -------
    weights : (..., S) tensor
    factor : (..., 1) tensor

    Examples
    --------
    >>> zero = torch.zeros(1)
    >>> joint_shift(torch.zeros(1, 1), 0, True, zero, zero)[1].tolist()
    [[1.0]]
    """
    top = logits.amax(-1, keepdim=True)
    return gate.sigmoid() * (logits - top).exp(), torch.ones_like(top)


MIXINGS: dict[str, Callable[..., Mixed]] = {
    "additive": additive,
    "window_shift": window_shift,
    "joint_shift": joint_shift,
}
