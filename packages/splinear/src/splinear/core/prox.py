"""Proximal operators: prox(z) solves min_p |p - z|^2 / 2 + penalty(p).

Each is a contraction of closed form, except the logistic one (safeguarded Newton).
`splinear.core.testing.assert_prox` checks any of them against its penalty.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar

Array = NDArray[np.float64]

#: The bracket or the step halves each time; 200 halvings exhaust any double.
_MAX_NEWTON = 200


def soft_threshold(z: Any, level: float) -> Array:
    """Shrink each entry towards zero: the prox of ``level * sum |p|``.

    Parameters
    ----------
    z : array
        Of any shape.
    level : float, >= 0
        In the units of z. Negative is refused: the problem has no minimum.

    Returns
    -------
    array of the shape of z

    Examples
    --------
    >>> soft_threshold([3.0, -1.0, 0.5], level=1.0)
    array([2., 0., 0.])
    """
    z, level = _array(z), check_scalar("level", level, low=0.0)
    # One subtraction of the clipped part, exact where z survives.
    return z - np.clip(z, -level, level)


def block_soft_threshold(z: Any, level: float, axis: int = -1) -> Array:
    """Shrink the length of each block: the prox of ``level * sum_blocks |p|_2``.

    Parameters
    ----------
    z : array
        Blocks lie along `axis`.
    level : float, >= 0
        In the units of z; blocks no longer than this become zero.
    axis : int
        Axis along which a block lies.

    Returns
    -------
    array of the shape of z

    Examples
    --------
    >>> block_soft_threshold([[3.0, 4.0], [0.3, 0.4]], level=1.0)
    array([[2.4, 3.2],
           [0. , 0. ]])
    """
    z, level = _array(z), check_scalar("level", level, low=0.0)
    length = np.linalg.norm(z, axis=axis, keepdims=True)
    kept = np.maximum(length - level, 0.0)
    return z * np.divide(kept, length, out=np.zeros_like(length), where=length > 0.0)


def project_box(z: Any, low: Any, high: Any) -> Array:
    """Project onto ``low <= p <= high``, entry by entry.

    Parameters
    ----------
    z : array
        Of any shape.
    low, high : arrays or floats
        Bounds, infinite where there is none.

    Returns
    -------
    array of the shape of z

    Raises
    ------
    ValueError
        If the box is empty.

    Examples
    --------
    >>> project_box([-2.0, 0.5, 2.0], 0.0, 1.0)
    array([0. , 0.5, 1. ])
    """
    if not np.all(np.less_equal(low, high)):
        raise ValueError(f"low must not exceed high; got low={low}, high={high}")
    return np.clip(_array(z), low, high)


def project_nonnegative(z: Any) -> Array:
    """Project onto ``p >= 0``.

    Parameters
    ----------
    z : array
        Of any shape.

    Returns
    -------
    array of the shape of z

    Examples
    --------
    >>> project_nonnegative([-2.0, 0.5])
    array([0. , 0.5])
    """
    return np.maximum(_array(z), 0.0)


def project_linf_ball(z: Any, radius: float) -> Array:
    """Project onto ``max |p| <= radius``.

    Parameters
    ----------
    z : array
        Of any shape.
    radius : float, >= 0
        In the units of z.

    Returns
    -------
    array of the shape of z

    Examples
    --------
    >>> project_linf_ball([-2.0, 0.5], 1.0)
    array([-1. ,  0.5])
    """
    radius = check_scalar("radius", radius, low=0.0)
    return np.clip(_array(z), -radius, radius)


def project_l1_ball(z: Any, radius: float) -> Array:
    """Project onto ``sum |p| <= radius``, by sorting [1]_, Fig. 1.

    Parameters
    ----------
    z : (n,) array
        One vector.
    radius : float, >= 0
        In the units of z.

    Returns
    -------
    (n,) array

    References
    ----------
    .. [1] J. Duchi, S. Shalev-Shwartz, Y. Singer and T. Chandra, Efficient
       projections onto the l1-ball for learning in high dimensions, ICML 2008.

    Examples
    --------
    >>> project_l1_ball([3.0, -1.0, 0.5], 2.0)
    array([2., 0., 0.])
    """
    z, radius = _array(z), check_scalar("radius", radius, low=0.0)
    size = np.abs(z)
    if float(np.sum(size)) <= radius:
        return z.copy()
    if radius == 0.0:
        return np.zeros_like(z)
    ordered = np.sort(size)[::-1]
    levels = (np.cumsum(ordered) - radius) / np.arange(1, z.size + 1)
    # The last index at which an entry still exceeds the level it would get.
    level = levels[np.flatnonzero(ordered > levels)[-1]]
    return soft_threshold(z, max(float(level), 0.0))


def prox_pinball(z: Any, step: Any, target: Any = 0.0, quantile: float = 0.5) -> Array:
    """Prox of ``step * (q (target - p)_+ + (1 - q) (p - target)_+)``, entrywise.

    Parameters
    ----------
    z, target : arrays or floats
        Points and observations.
    step : array or float, >= 0
        Weight of the loss.
    quantile : float, 0 <= q <= 1
        1/2 gives half the absolute deviation.

    Returns
    -------
    array

    Examples
    --------
    >>> prox_pinball([-3.0, 0.1, 3.0], step=1.0, target=0.0, quantile=0.75)
    array([-2.25,  0.  ,  2.75])
    """
    z, step = _array(z), _step(step)
    q = check_scalar("quantile", quantile, low=0.0, high=1.0)
    excess = z - target
    return z - np.clip(excess, -step * q, step * (1.0 - q))


def prox_huber(z: Any, step: Any, target: Any = 0.0, delta: float = 1.0) -> Array:
    """Prox of ``step * h(p - target)``, h quadratic up to `delta` and linear beyond.

    ``h(t) = t^2 / 2`` for ``|t| <= delta``, else ``delta (|t| - delta / 2)``.

    Parameters
    ----------
    z, target : arrays or floats
        Points and observations.
    step : array or float, >= 0
        Weight of the loss.
    delta : float, > 0
        Where the loss becomes linear, in the units of z.

    Returns
    -------
    array

    Examples
    --------
    >>> prox_huber([1.0, 5.0], step=1.0, target=0.0, delta=1.0)
    array([0.5, 4. ])
    """
    z, step = _array(z), _step(step)
    delta = check_scalar("delta", delta, low=0.0, strict=True)
    excess = z - target
    return z - np.clip(excess * (step / (1.0 + step)), -step * delta, step * delta)


def prox_logistic(z: Any, step: Any, label: Any = 1.0) -> Array:
    """Prox of ``step * log(1 + exp(-label * p))``, entrywise, by safeguarded Newton.

    With ``u = label * p``, u solves ``u - label z = step / (1 + exp(u))``: an
    increasing function whose root lies in ``[label z, label z + step]``.

    Parameters
    ----------
    z : array or float
        Points (log-odds).
    step : array or float, >= 0
        Weight of the loss.
    label : array or float of -1 and 1
        Classes.

    Returns
    -------
    array

    Raises
    ------
    ValueError
        If a label is neither -1 nor 1.

    Notes
    -----
    A Newton step that leaves the bracket is replaced by bisection, so the iteration
    ends for every step size; it stops when no entry moves any more.

    Examples
    --------
    >>> bool(abs(prox_logistic(-0.5, step=1.0)) < 1e-15)
    True
    """
    z, step, label = np.broadcast_arrays(_array(z), _step(step), _array(label))
    if not np.all(np.abs(label) == 1.0):
        raise ValueError("label must hold -1 and 1 only: map the classes to them first")
    start = label * z
    # The root exceeds `start` by at most step, and by at most 1 beyond log(step):
    # there step / (1 + exp(u)) < 1 already. So huge steps keep a short bracket.
    low = start.copy()
    high = np.minimum(start + step, np.maximum(start + 1.0, _log(step)))
    u, last = high.copy(), high - low
    for _ in range(_MAX_NEWTON):
        tail = _sigmoid(-u)
        value = u - start - step * tail
        low, high = np.where(value <= 0.0, u, low), np.where(value >= 0.0, u, high)
        move = -value / (1.0 + step * tail * (1.0 - tail))
        # Rounding of u - start - step * tail, whose terms are at most twice these.
        noise = 4.0 * np.spacing(np.maximum(np.abs(u), np.abs(start)))
        done = (np.abs(value) <= noise) | (np.abs(move) <= np.spacing(np.abs(u)))
        if done.all():
            break
        # Newton only while it stays inside and halves the step before.
        newton = u + move
        good = (newton >= low) & (newton <= high) & (np.abs(move) <= 0.5 * last)
        following = np.where(good, newton, 0.5 * (low + high))
        last = np.abs(following - u)
        u = np.where(done, u, following)
    return label * u


def _log(step: Array) -> Array:
    return np.log(np.maximum(step, np.finfo(np.float64).tiny))


def _sigmoid(t: Array) -> Array:
    # exp of a non-positive number only: nothing overflows at either end.
    small = np.exp(-np.abs(t))
    return np.where(t >= 0.0, 1.0, small) / (1.0 + small)


def _array(z: Any) -> Array:
    return np.asarray(z, dtype=np.float64)


def _step(step: Any) -> Array:
    step = np.asarray(step, dtype=np.float64)
    if not np.all(step >= 0.0):
        raise ValueError(f"step must be non-negative; got {np.min(step)}")
    return step
