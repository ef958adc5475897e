"""Where a singular value collapses to zero under weight decay."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar
from splinear.factorization import _layer_checks as checks

Array = NDArray[np.float64]


def critical_singular_value(
    weight_decay: float, depth: int, loss_scale: float = 1.0
) -> float:
    """Singular value of the target up to which that of the minimiser is zero.

    ``(L-1)/(L-2) (lam (L-2))^(L / (2(L-1)))`` for L >= 3, lam for L = 2 and 0 for L = 1,
    with lam over c for a loss scale c (derived in the theory page). From L = 3 on both
    zero and a positive value are optimal at the threshold itself.

    Parameters
    ----------
    weight_decay : float, lam >= 0
        As of `RegularizedMatrixFactorization`.
    depth : int, L >= 1
        Number of layers.
    loss_scale : float, c > 0
        Factor of the squared error.

    Returns
    -------
    float

    Examples
    --------
    >>> [round(critical_singular_value(0.1, depth=L), 10) for L in (1, 2, 3, 4)]
    [0.0, 0.1, 0.355655882, 0.512992784]
    """
    L = checks.depth(depth)
    lam = checks.weight_decay(weight_decay) / checks.loss_scale(loss_scale)
    if L == 1 or lam == 0.0:
        return 0.0
    if L == 2:
        return lam
    # In logarithms: powers of extreme lam would leave the range of floats on the way.
    power = L / (2.0 * (L - 1.0))
    return math.exp(
        math.log((L - 1.0) / (L - 2.0)) + power * (math.log(lam) + math.log(L - 2.0))
    )


def critical_weight_decay(sigma: Any, depth: int, loss_scale: float = 1.0) -> Any:
    """Weight decay from which a singular value is zero: inverse of the function above.

    ``(sigma (L-2)/(L-1))^(2(L-1)/L) / (L-2)`` for L >= 3, sigma for L = 2, infinite for
    L = 1; times c. At the largest singular value the whole minimiser collapses.

    Parameters
    ----------
    sigma : float or array, >= 0
        Singular values of the target.
    depth, loss_scale
        As of `critical_singular_value`.

    Returns
    -------
    float or array of the shape of `sigma`

    Examples
    --------
    >>> round(critical_weight_decay(1.0, depth=3), 10)
    0.396850263
    """
    s, L = _singular_values(sigma), checks.depth(depth)
    c = checks.loss_scale(loss_scale)
    if L == 1:
        found = np.full(s.shape, math.inf)
    elif L == 2:
        found = c * s
    else:
        with np.errstate(divide="ignore"):  # log 0 is what makes 0 of 0
            logs = np.log(s) + math.log((L - 2.0) / (L - 1.0))
        found = c * np.exp(2.0 * (L - 1.0) / L * logs) / (L - 2.0)
    return found if np.ndim(sigma) else float(found)


def _singular_values(sigma: Any) -> Array:
    if np.ndim(sigma) == 0:
        return np.array(check_scalar("sigma", sigma, low=0.0))
    s = checks.check_vector("sigma", np.ravel(sigma)).reshape(np.shape(sigma))
    if np.any(s < 0.0):
        raise ValueError(f"sigma must be >= 0; got {s.min()}: take absolute values")
    return s
