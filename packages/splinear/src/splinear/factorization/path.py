"""The minimiser with weight decay as a function of weight decay, after one SVD."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector
from splinear.factorization import _layer_checks as checks
from splinear.factorization.shrinkage import schatten_shrinkage
from splinear.factorization.thresholds import critical_weight_decay

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RegularizationPath:
    """Minimisers for several weight decays.

    Attributes
    ----------
    weight_decays : (m,) array
        As given.
    singular_values : (m, r) array
        Of the product of the layers, r being the least width.
    ranks : (m,) array of int
        How many are positive.
    objectives : (m,) array
        The minima.
    """

    weight_decays: Array
    singular_values: Array
    ranks: NDArray[np.int64]
    objectives: Array


def regularization_path(
    M: Any,
    depth: int,
    weight_decays: Any,
    *,
    widths: Sequence[int] | None = None,
    loss_scale: float = 1.0,
) -> RegularizationPath:
    """Minimise for each weight decay: one SVD, then O(r) each.

    Parameters
    ----------
    M : (d_L, d_0) array
        What to factorise.
    depth : int, L >= 1
        Number of layers.
    weight_decays : (m,) array, > 0
        In any order.
    widths, loss_scale
        As of `RegularizedMatrixFactorization`.

    Returns
    -------
    RegularizationPath

    Raises
    ------
    ValueError
        If a weight decay is not positive.

    Examples
    --------
    >>> path = regularization_path(np.diag([8.25, 1.5]), 3, [0.5, 1.0, 10.0])
    >>> path.ranks, path.singular_values[0]
    (array([2, 1, 0]), array([8., 1.]))
    """
    M, L = checks.matrix("M", M), checks.depth(depth)
    c = checks.loss_scale(loss_scale)
    lams = check_vector("weight_decays", weight_decays)
    for lam in lams:
        check_scalar("each of weight_decays", float(lam), low=0.0, strict=True)
    r = min(checks.widths(widths, L, M.shape))
    sigma = np.linalg.svd(M, compute_uv=False)
    rows = [schatten_shrinkage(sigma[:r], float(lam), L, c) for lam in lams]
    s = np.array(rows).reshape(len(lams), r)
    missed = np.sum((s - sigma[:r]) ** 2, axis=1) + np.sum(sigma[r:] ** 2)
    norms = np.sum(np.where(s > 0.0, s, 0.0) ** (2.0 / L), axis=1)
    return RegularizationPath(
        lams, s, np.count_nonzero(s, axis=1), c * missed + lams * L * norms
    )


def rank_breakpoints(
    M: Any,
    depth: int,
    *,
    widths: Sequence[int] | None = None,
    loss_scale: float = 1.0,
) -> Array:
    """Weight decays at which the rank of the minimiser falls by one, largest first.

    ``critical_weight_decay`` of each singular value that the widths can keep: for weight
    decay between entries j and j + 1 the rank is j. Infinite for depth 1, where nothing
    collapses.

    Parameters
    ----------
    M : (d_L, d_0) array
        What to factorise.
    depth : int, L >= 1
        Number of layers.
    widths, loss_scale
        As of `RegularizedMatrixFactorization`.

    Returns
    -------
    (r,) array
        Decreasing; zero for singular values that are zero.

    Examples
    --------
    >>> rank_breakpoints(np.diag([2.0, 1.0]), depth=3).round(10)
    array([1.       , 0.39685026])
    """
    M, L = checks.matrix("M", M), checks.depth(depth)
    r = min(checks.widths(widths, L, M.shape))
    sigma = np.linalg.svd(M, compute_uv=False)[:r]
    return critical_weight_decay(sigma, L, loss_scale)
