"""A proven bound on the dual certificate in any dimension, by branch and bound.

Directions are split into boxes of a cubed half sphere. Over a box |eta| is at most its
value at the centre, plus what its tangent gains, plus what data near the kink can add,
so that bounds tighten with the square of the width where eta is flat. The work grows
exponentially with the dimension: the bound is close to the supremum in up to about five
dimensions, and loose, but still a bound, above.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar
from splinear.shallow._bounded_pricing_kernels import bound_boxes
from splinear.shallow._boxes import Boxes, half_sphere
from splinear.shallow.exact_pricing import (
    Price,
    _affine_frame,
    _check,
    _rounding,
    project,
)

Array = NDArray[np.float64]

#: Boxes that are split at a time, at least: enough for all cores.
BATCH = 64


def price_bounded(
    X: Any, p: Any, *, tol: float = 1e-3, floor: float = 0.0, max_boxes: int = 20_000
) -> Price:
    """Bound ``sup |sum_i p_i relu(u.x_i - t)|`` over unit u and all t.

    Parameters
    ----------
    X : (N, d) array
        Data; their affine hull decides the work.
    p : (N,) or (N, D) array
        Dual rows. Their part along affine functions of x is removed first.
    tol : float, >= 0
        End when the bound is within `tol`, relative, of the largest value found.
    floor : float, >= 0
        End as well when the bound is at most this.
    max_boxes : int, >= 1
        Boxes to look at; each costs O(N (log N + d D)).

    Returns
    -------
    Price
        Of kind "bounded": `value` is attained by its one atom, `bound` holds everywhere.

    Raises
    ------
    ValueError
        If shapes do not fit or an entry is not finite.

    Examples
    --------
    The four corners of a square, alternating (XOR), where the supremum is 1 / sqrt 8:

    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    >>> price = price_bounded(X, [-0.5, -0.5, 0.5, 0.5], tol=1e-4)
    >>> 0.353553 <= price.bound <= 0.353590, price.kind
    (True, 'bounded')
    """
    X, p = _check(X, p)
    tol = check_scalar("tol", tol, low=0.0)
    floor = check_scalar("floor", floor, low=0.0)
    points, back, basis = _affine_frame(X)
    p = np.ascontiguousarray(project(p, basis))
    if back.shape[0] == 0:  # all rows coincide: nothing is left of p
        return Price(
            0.0, 0.0, "bounded", np.eye(1, X.shape[1]), np.zeros(1), np.zeros(1)
        )
    points = np.ascontiguousarray(points - np.median(points, axis=0))
    value, bound, u, pivot = _branch(points, p, tol, floor, int(max_boxes))
    u = u @ back
    u /= np.linalg.norm(u)
    bound = max(value, bound) + _rounding(X, p)
    t, values = np.array([u @ X[pivot]]), np.array([value])
    return Price(value, bound, "bounded", u[None], t, values)


def _branch(
    X: Array, p: Array, tol: float, floor: float, budget: int
) -> tuple[float, float, Array, int]:
    """Split what has the largest bounds first; return value, bound, u and pivot."""
    spread = np.abs(X).mean(axis=0)
    new = half_sphere(X.shape[1])
    open_, done, best = new.take(slice(0)), 0.0, (-1.0, new.centers[0], 0)
    while len(new.bounds):
        budget -= len(new.bounds)
        best = max(best, _bounded(X, p, new), key=lambda found: found[0])
        open_ = open_.joined(new)
        enough = max((1.0 + tol) * best[0], floor)
        settled = (open_.bounds <= enough) | ~open_.halves.any(axis=1)
        done = max(done, float(open_.bounds[settled].max(initial=0.0)))
        open_ = open_.take(~settled)
        if budget <= 0 or done > enough:
            break
        count = max(BATCH, len(open_.bounds) // 8)
        order = np.argsort(-open_.bounds, kind="stable")
        new = open_.take(order[:count]).split(spread)
        open_ = open_.take(order[count:])
    bound = max(done, float(open_.bounds.max(initial=0.0)))
    return best[0], bound, best[1], best[2]


def _bounded(X: Array, p: Array, boxes: Boxes) -> tuple[float, Array, int]:
    """Lower the bounds of the boxes; return the best value, its u and its pivot."""
    count = len(boxes.bounds)
    bounds, values, U = np.empty(count), np.empty(count), np.empty((count, X.shape[1]))
    pivots = np.empty(count, dtype=np.int64)
    bound_boxes(X, p, boxes.centers, boxes.halves, bounds, values, U, pivots)
    np.minimum(boxes.bounds, bounds, out=boxes.bounds)
    top = int(np.argmax(values))
    return float(values[top]), U[top], int(pivots[top])
