"""The scalar problem of weight decay: one singular value, shrunk or set to zero."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.factorization import _layer_checks as checks
from splinear.factorization.thresholds import (
    _singular_values,
    critical_singular_value,
)

Array = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)
#: Newton's method needs a handful; this only guards against not ending.
STEPS = 100


def schatten_shrinkage(
    sigma: Any, weight_decay: float, depth: int, loss_scale: float = 1.0
) -> Any:
    """Solve ``min_(s >= 0) (s - sigma)^2 + L lam s^(2/L)`` for each sigma.

    The proximal operator of the Schatten-2/L quasi-norm, which is what weight decay on
    L layers is for their product: ``min sum |W_i|_F^2 = L sum_j s_j^(2/L)``. For L = 1
    shrinkage by 1/(1 + lam), for L = 2 soft thresholding, from L = 3 on a jump.

    Parameters
    ----------
    sigma : float or array, >= 0
        Singular values of the target.
    weight_decay : float, lam >= 0
        As of `RegularizedMatrixFactorization`.
    depth : int, L >= 1
        Number of layers.
    loss_scale : float, c > 0
        Only lam / c matters.

    Returns
    -------
    float or array of the shape of `sigma`
        At the threshold itself 0, though the jump is as good there.

    Notes
    -----
    Above the threshold s solves ``phi(s) = s + lam s^(2/L - 1) = sigma``; phi is convex
    and increasing there with slope in [1 - 1/L, 1], so that Newton's method from
    s = sigma decreases to the root.

    Examples
    --------
    >>> schatten_shrinkage([8.5, 1.0], weight_decay=1.0, depth=3)
    array([8., 0.])
    """
    s, L = _singular_values(sigma), checks.depth(depth)
    lam = checks.weight_decay(weight_decay) / checks.loss_scale(loss_scale)
    if L == 1:
        found = s / (1.0 + lam)
    elif L == 2:
        found = np.maximum(s - lam, 0.0)
    else:
        found = np.where(s > critical_singular_value(lam, L), _root(s, lam, L), 0.0)
    return found if np.ndim(sigma) else float(found)


def _root(sigma: Array, lam: float, L: int) -> Array:
    """Return the larger root where there is one; what it says elsewhere is not used."""
    s = np.maximum(sigma, critical_singular_value(lam, L))
    s = np.where(s > 0.0, s, 1.0)
    sigma = s.copy()
    for _ in range(STEPS):
        curve = lam * s ** (2.0 / L - 1.0)
        slope = 1.0 - (1.0 - 2.0 / L) * curve / s
        step = (s + curve - sigma) / slope
        s = s - step
        if np.all(np.abs(step) <= 4.0 * EPS * s):
            break
    return s
