"""What a picture of a fit needs, small whatever the data: points and dual curve."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.univariate.losses import make_loss
from splinear.univariate.spline import Spline

Vector = NDArray[np.float64]

#: Points of the scatter; more of them only make a blot.
POINTS = 2_000
#: Positions at which the dual function is drawn.
POSITIONS = 1_200


@dataclass(frozen=True)
class Sketch:
    """Thinned data and the dual function of a fit.

    Attributes
    ----------
    x, y : (p,) arrays
        At most `POINTS` of the rows.
    n_rows : int
        How many rows there were.
    tau, eta : (q,) arrays or None
        Positions, and the dual function over its bound alpha W there: within [-1, 1]
        at the optimum, +1 or -1 at the knots. None where it is not a function of the
        residuals alone (quantile loss, constraints, periods, weights).
    name, kind : str
        Name of the column; "number" or "date".
    """

    x: Vector
    y: Vector
    n_rows: int
    tau: Vector | None
    eta: Vector | None
    name: str = "x"
    kind: str = "number"


def sketch(
    x: Vector,
    y: Vector,
    w: Vector | None,
    function: Any,
    alpha: float,
    *,
    loss: str | None = "squared",
    quantile: float = 0.5,
    delta: float = 1.0,
    name: str = "x",
    kind: str = "number",
) -> Sketch:
    """Thin the rows and evaluate the dual function of the fit.

    Parameters
    ----------
    x, y : (n,) arrays
        Checked rows in any order.
    w : (n,) array or None
        Weights.
    function : Spline or another function
        The fit; only a `Spline` has a dual curve here.
    alpha : float, >= 0
        Strength of the penalty.
    loss : str or None
        None if the dual function is no function of the residuals alone.
    quantile, delta : float
        Of the quantile and the Huber loss.
    name, kind : str
        Carried along.

    Returns
    -------
    Sketch
    """
    chosen = thin(x.size)
    dual = isinstance(function, Spline) and loss in ("squared", "logistic", "huber")
    tau = eta = None
    if dual and alpha > 0.0 and np.ptp(x) > 0.0:
        w = np.ones_like(x) if w is None else w
        rule = make_loss(loss, quantile, delta)
        pull = w * rule.pull(y, function(x, extrapolate="polynomial"))
        tau = positions(x, function)
        eta = dual_curve(x, pull, tau, function.order) / (alpha * float(np.sum(w)))
    return Sketch(x[chosen], y[chosen], x.size, tau, eta, name, kind)


def thin(size: int, points: int = POINTS) -> NDArray[np.int64]:
    """Choose at most `points` of `size` rows: all, or a seeded sample.

    Examples
    --------
    >>> thin(3), thin(10**6).size
    (array([0, 1, 2]), 2000)
    """
    if size <= points:
        return np.arange(size)
    return np.sort(np.random.default_rng(0).choice(size, points, replace=False))


def positions(x: Vector, spline: Spline) -> Vector:
    """Where to draw the dual function: sites, or a grid of them, and all knots."""
    # Of very many rows a sample and both ends will do, and spare the sort.
    some = thin(x.size, 32 * POSITIONS)
    sites = np.unique(np.append(x[some], (x.min(), x.max())))
    if sites.size > POSITIONS:
        at = np.unique(np.linspace(0, sites.size - 1, POSITIONS).astype(np.int64))
        sites = sites[at]
    if spline.order == 1:
        # Between sites: there the dual function of a step is constant.
        sites = 0.5 * (sites[1:] + sites[:-1])
    elif spline.order > 2 and sites.size < POSITIONS:
        # Curved between sites.
        steps = max(2, POSITIONS // sites.size)
        parts = np.arange(steps) / steps
        gaps = np.diff(sites)[:, None] * parts
        sites = np.append((sites[:-1, None] + gaps).ravel(), sites[-1])
    return np.union1d(sites, spline.knots)


def dual_curve(x: Vector, p: Vector, tau: Vector, order: int) -> Vector:
    """Evaluate ``eta(tau) = sum_{x_i > tau} p_i (x_i - tau)^(m-1) / (m-1)!``.

    Moments of the rows between neighbouring positions, taken about the position on
    their left, are carried from right to left by Taylor shifts: O(n + q m^2).

    Parameters
    ----------
    x, p : (n,) arrays
        Sites in any order, and the pull of the loss there, weight included.
    tau : (q,) array
        Increasing positions.
    order : int, m >= 1
        Order of the spline.

    Returns
    -------
    (q,) array

    Examples
    --------
    >>> dual_curve(np.array([0.0, 2.0]), np.array([5.0, 1.0]), np.array([0.5, 1.0]), 2)
    array([1.5, 1. ])
    """
    cell = np.searchsorted(tau, x, side="left") - 1
    inside = cell >= 0  # rows left of every position pull on none
    cell, step, p = cell[inside], x[inside] - tau[cell[inside]], p[inside]
    local = np.array(
        [
            np.bincount(cell, p * step**k / math.factorial(k), minlength=tau.size)
            for k in range(order)
        ]
    )  # (order, q)
    moments, eta = np.zeros(order), np.empty(tau.size)
    gaps = np.append(np.diff(tau), 0.0)
    for j in range(tau.size - 1, -1, -1):
        moments = local[:, j] + _shift(moments, gaps[j])
        eta[j] = moments[-1]
    return eta


def _shift(moments: Vector, h: float) -> Vector:
    """Moments about a position further left by h (binomial theorem)."""
    order = moments.size
    taylor = [h**k / math.factorial(k) for k in range(order)]
    return np.array(
        [sum(moments[i] * taylor[k - i] for i in range(k + 1)) for k in range(order)]
    )
