"""A score that needs no luck: how much of a pair is lost, and could be asked for."""

from torch import Tensor

from splinear.attention.scoring import (
    EMPTY,
    Candidates,
    register_scorer,
    relative_self_recall_error,
)


@register_scorer("salient_recall_error")
def salient_recall_error(candidates: Candidates) -> Tensor:
    """Relative self-recall error times ``|k|^2 / sqrt(phi(k)'s)``.

    Three questions, one factor each. *How much of the pair would the state lose?* The
    relative error: the absolute one fills the cache with noise of large values. *Does
    the state hold others like it?* ``phi(k)'s`` counts the absorbed pairs that the
    feature map takes for the same key; a query that lands there gets their average from
    softmax, too, so that no single one is worth a slot. The inverse root of a count is
    the usual bonus for what has rarely been seen. *Can a query single it out?* Logits
    are ``|q| |k| cos``, so that a short key never stands out of a long context.

    While the state is empty the count is 0, and `EMPTY` stands for it.

    Parameters
    ----------
    candidates : Candidates

    Returns
    -------
    (B, g, n) tensor

    Notes
    -----
    Not in the paper: found by measurement, on recall in predictable and unpredictable
    filler, with free keys and with keys of one norm (`experiments/lola_tier2`).  The
    order of the scores does not change when all keys, all values or all features of a
    head are scaled.

    Examples
    --------
    Two pairs that the state recalls equally badly: the rarer one scores higher.

    >>> import torch
    >>> keys, values = torch.ones(1, 1, 2, 1), torch.ones(1, 1, 2, 1)
    >>> read = lambda: (torch.zeros(1, 1, 2, 1), torch.tensor([[[4.0, 1.0]]]))
    >>> positions = torch.tensor([[[0, 1]]])
    >>> salient_recall_error(Candidates(keys, values, positions, None, read)).tolist()
    [[[0.5, 1.0]]]
    """
    error = relative_self_recall_error(candidates)
    count = candidates.read()[1].clamp_min(EMPTY)
    size = candidates.keys.to(error.dtype).norm(dim=-1).square()
    return error * size * count.rsqrt()
