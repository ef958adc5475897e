"""Certified splines on a circle: orders one to four, in one loop.

On a circle of length T a spline of order m is ``c + sum_k a_k b_m(x - tau_k)`` with
``sum_k a_k = 0`` and the periodic Bernoulli function ``b_m(t) = -T^(m-1) B_m(t/T)/m!``
(D^m b_m is a Dirac comb minus its mean).  Since the amplitudes sum to zero, the dual
function is free up to a constant c: a fit is optimal when ``abs(eta - c) <= lam`` for
some c, that is when the range of eta is at most 2 lam.  Eta is a polynomial of degree
m - 1 between neighbouring data, so its range is found exactly in O(n).
"""

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import bernoulli, binom
from threadpoolctl import threadpool_limits

from splinear.core.certificate import certify, relative_gap
from splinear.core.checks import check_scalar
from splinear.core.iterate import iterate
from splinear.core.progress import Progress
from splinear.core.result import Result
from splinear.core.status import Status
from splinear.univariate._green_pricing import Prices
from splinear.univariate._measure_lasso import MeasureLasso, MeasureProblem, State
from splinear.univariate.green_gridless import binary_length
from splinear.univariate.samples import Samples, gather
from splinear.univariate.spline import Spline

Vector = NDArray[np.float64]


@final
@dataclass(frozen=True)
class PeriodicSpline:
    """A periodic function, stored as a spline on one period.

    Attributes
    ----------
    period : float, > 0
    origin : float
        Where the period begins.
    spline : Spline
        In the coordinate x - origin, on [0, period).  A knot at zero carries the
        jump between the end of one period and the beginning of the next.

    Examples
    --------
    >>> from splinear.univariate.samples import gather
    >>> fit = solve(gather([0, 1, 2, 3], [0, 1, 0, -1]), 4.0, 1e-9, order=2)
    >>> fit.value(np.array([1.0, 5.0, -3.0])).round(6)
    array([1., 1., 1.])
    """

    period: float
    origin: float
    spline: Spline

    def __call__(self, x: Any) -> Vector:
        """Evaluate anywhere."""
        x = np.asarray(x, dtype=np.float64)
        local = np.mod(x - self.origin, self.period)
        # A tiny negative number wraps to the period itself.
        return self.spline(np.where(local >= self.period, 0.0, local))

    @property
    def order(self) -> int:
        """Order of the spline on one period."""
        return self.spline.order

    @property
    def knots(self) -> Vector:
        """Knots in [origin, origin + period)."""
        return self.origin + self.spline.knots

    @property
    def variation(self) -> float:
        """Total variation of the (m-1)-th derivative around the circle."""
        return self.spline.variation

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers: exact through JSON."""
        spline = self.spline.to_dict()
        return {"period": self.period, "origin": self.origin, "spline": spline}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "PeriodicSpline":
        """Undo `to_dict`."""
        return cls(data["period"], data["origin"], Spline.from_dict(data["spline"]))


def bernoulli_atom(t: Vector, order: int, period: float) -> Vector:
    """Periodic Green's function of D^order; right-continuous for order one.

    Parameters
    ----------
    t : array
    order : int, >= 0
        Zero gives the regular part of a Dirac comb without mean: a constant.
    period : float, > 0

    Examples
    --------
    >>> bernoulli_atom(np.array([0.0, 0.25, 1.0]), 1, 1.0)
    array([0.5 , 0.25, 0.5 ])
    """
    if order <= 0:
        return np.full_like(t, -1.0 / period if order == 0 else 0.0)
    u = np.mod(t, period) / period
    u = np.where(u >= 1.0, 0.0, u)
    j = np.arange(order + 1)
    B = np.where(j == 1, -0.5, bernoulli(max(order, 2))[: order + 1])
    coef = binom(order, j) * B[j]  # of u^(order - j)
    value = np.polyval(coef, u)
    return -(period ** (order - 1)) / math.factorial(order) * value


class CirclePricer:
    """Exact range of eta on the circle from its polynomial pieces.

    Parameters
    ----------
    x : (n,) array
        Increasing, from zero, below the period.
    order : int, 1 to 4
    period : float
    """

    def __init__(self, x: Vector, order: int, period: float):
        self.x, self.order, self.period = x, order, period
        self.h = np.diff(np.r_[x, period])

    def pieces(self, p: Vector) -> NDArray[np.float64]:
        """Coefficients (order, n) of eta in ``tau - x_j`` on (x_j, x_(j+1))."""
        coef = np.zeros((self.order, self.x.size))
        coef[0] = self._zero_mean(-np.cumsum(p)[None, :])[0]
        for k in range(1, self.order):
            j = np.arange(1, k + 1)[:, None]
            coef[1 : k + 1] = -coef[:k] / j  # eta_k' = -eta_(k-1)
            rise = (coef[1 : k + 1] * self.h**j).sum(0)
            coef[0] = np.r_[0.0, np.cumsum(rise)[:-1]]
            coef[: k + 1] = self._zero_mean(coef[: k + 1])
        return coef

    def _zero_mean(self, coef: NDArray[np.float64]) -> NDArray[np.float64]:
        j = np.arange(1, coef.shape[0] + 1)[:, None]
        mean = float((coef * self.h**j / j).sum()) / self.period
        out = coef.copy()
        out[0] -= mean
        return out

    def price(self, p: Vector, floor: float, slack: float) -> Prices:
        """Best and worst position of each cell; `slack` is not needed."""
        coef = self.pieces(p)
        s = self._critical(coef)
        eta = np.zeros_like(s)
        for row in coef[::-1]:
            eta = eta * s + row
        pick = np.stack([eta.argmax(0), eta.argmin(0)])
        at, value = np.take_along_axis(s, pick, 0), np.take_along_axis(eta, pick, 0)
        centre = 0.5 * (float(value[0].max()) + float(value[1].min()))
        sup = max(floor, float(value[0].max()) - centre)
        gap = value - centre
        # Cells end at a datum; of two equal candidates keep the one named there.
        tau = self.x + at
        ends = at >= self.h
        tau[ends] = np.broadcast_to(np.r_[self.x[1:], 0.0], tau.shape)[ends]
        sign = np.repeat([1.0, -1.0], self.x.size)
        ratio = np.maximum(sign * gap.ravel(), 0.0)
        return Prices(tau.ravel(), sign, ratio, sup, centre)

    def _critical(self, coef: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ends and stationary points of each piece; the middle for order one."""
        zero, h = np.zeros_like(self.h), self.h
        if self.order == 1:
            return 0.5 * h[None, :]
        if self.order == 2:
            return np.stack([zero, h])
        c = np.vstack([coef, zero])[:4]
        # c1 + 2 c2 s + 3 c3 s² = 0, by the formula that does not cancel
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            root = np.sqrt(c[2] ** 2 - 3.0 * c[1] * c[3])
            q = -(c[2] + np.where(c[2] >= 0.0, root, -root))
            s = np.stack([c[1] / q, q / (3.0 * c[3])])
        s = np.where((s > 0.0) & (s < h), s, 0.0)
        return np.vstack([zero, s, h])


def solve(
    samples: Samples,
    period: float,
    alpha: float,
    *,
    order: int = 2,
    tol: float = 1e-6,
    max_iter: int = 200,
    progress: Progress | None = None,
    start: PeriodicSpline | None = None,
) -> Result[PeriodicSpline]:
    """Minimise ``sum w (y - f(x))^2 / (2 sum w) + alpha TV(f^(order-1))``, f periodic.

    Knots of order two lie at data, of order one in the middle between two; for orders
    three and four they are free.  Features are dense: meant for up to about 1e4 sites
    and a hundred knots.

    Parameters
    ----------
    samples : Samples
        Of any range: positions are taken modulo the period.
    period : float, > 0
    alpha : float, > 0
        In the units of the objective.
    order : int, 1 to 4
    tol : float
        Relative duality gap.
    max_iter : int
    progress : Progress, optional
    start : PeriodicSpline, optional
        Solution of the same order and period at another alpha: its knots come first.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If a parameter is out of range, or `start` has another order or period.

    Examples
    --------
    >>> from splinear.univariate.samples import gather
    >>> hat = gather([0, 1, 2, 3], [1, 0, -1, 0])
    >>> fit = solve(hat, period=4, alpha=0.05, order=2)
    >>> fit.value.variation <= 4.0, fit.certificate.kind
    (True, 'exact')
    """
    period = check_scalar("period", period, low=0.0, strict=True)
    alpha = check_scalar("alpha", alpha, low=0.0, strict=True)
    if order not in (1, 2, 3, 4):
        raise ValueError(f"order must be 1, 2, 3 or 4; got {order!r}")
    origin, circle = wrap(samples, period)
    if circle.x.size == 1:
        return _constant(circle, period, origin, order)
    first = _first(start, order, period, origin)
    method = _method(circle, period, origin, alpha * circle.total, order, first)
    with threadpool_limits(1, "blas"):  # small matrices: threads only wait
        return iterate(method, tol=tol, max_iter=max_iter, progress=progress)


def alpha_max(samples: Samples, period: float, *, order: int = 2) -> float:
    """Smallest alpha at which the periodic fit is the weighted mean.

    Half the range of eta of the centred data: eta is defined up to a constant.

    Examples
    --------
    >>> from splinear.univariate.samples import gather
    >>> alpha_max(gather([0, 1], [1, -1]), period=2, order=1)
    0.25
    """
    _, circle = wrap(samples, period)
    if circle.x.size == 1:
        return 0.0
    unit = binary_length(period)
    y = circle.y - float(np.dot(circle.w, circle.y)) / circle.total
    pricer = CirclePricer(circle.x / unit, order, period / unit)
    return pricer.price(circle.w * y, 0.0, 0.0).sup / circle.total * unit ** (order - 1)


def wrap(samples: Samples, period: float) -> tuple[float, Samples]:
    """Origin of the period, and samples in [0, period) from it, ties merged.

    Examples
    --------
    >>> from splinear.univariate.samples import gather
    >>> wrap(gather([1, 2, 5], [0, 1, 2]), 4.0)[1].x
    array([0., 1.])
    """
    origin = float(samples.x[0])
    local = np.mod(samples.x - origin, period)
    local = np.where(local >= period, 0.0, local)
    merged = gather(local, samples.y, samples.w)
    lost = merged.tie_loss + samples.tie_loss
    shifted = merged.x - merged.x[0]  # the first site is at zero already
    return origin, Samples(shifted, merged.y, merged.w, lost)


def _constant(
    circle: Samples, period: float, origin: float, order: int
) -> Result[PeriodicSpline]:
    empty = np.zeros(0)
    f = _to_spline(empty, empty, float(circle.y[0]), order, period)
    objective = circle.tie_loss / circle.total
    value = PeriodicSpline(period, origin, f)
    certificate = certify("exact", objective, 0.0, 1.0)
    return Result(value, Status.CONVERGED, certificate, objective, {"n_iter": 0})


def _first(
    start: PeriodicSpline | None, order: int, period: float, origin: float
) -> tuple[Vector, Vector] | None:
    # Knots and jumps of `start` in the solver's coordinate.
    if start is None:
        return None
    if (start.spline.order, start.period) != (order, period):
        raise ValueError(
            f"start must have order {order} and period {period}; got order "
            f"{start.spline.order} and period {start.period}"
        )
    unit = binary_length(period)
    tau = np.mod(start.spline.knots + (start.origin - origin), period) / unit
    tau, at = np.unique(tau, return_index=True)
    return tau, start.spline.jumps[at] * unit ** (order - 1)


def _method(
    circle: Samples,
    period: float,
    origin: float,
    lam: float,
    order: int,
    first: tuple[Vector, Vector] | None = None,
) -> MeasureLasso:
    unit = binary_length(period)
    factor = unit ** (order - 1)
    x, T = circle.x / unit, period / unit
    mean = float(np.dot(circle.w, circle.y) / circle.total)
    y, null = circle.y - mean, np.ones((x.size, 1))
    loss = (0.5 * float(np.dot(circle.w, y * y)) + circle.tie_loss) / circle.total
    scale = 1.0 / relative_gap(1.0, loss, circle.y, circle.w)

    def atom(t: Vector, k: int) -> Vector:
        return bernoulli_atom(t, order - k, T)

    def build(state: State) -> PeriodicSpline:
        tau, a = np.mod(state.tau, T), state.a
        order_ = np.argsort(tau)
        tau, a = tau[order_], a[order_]
        rest = y - atom(x[:, None] - tau, 0) @ a
        level = mean + float(np.dot(circle.w, rest) / circle.total)
        f = _to_spline(tau * unit, a / factor, level, order, period)
        return PeriodicSpline(period, origin, f)

    problem = MeasureProblem(
        x, y, circle.w, lam / factor, atom, null, CirclePricer(x, order, T),
        np.ones_like, lambda tau: np.full(tau.shape, order <= 2),
        (-math.inf, math.inf), True, scale, circle.tie_loss, circle.total,
    )  # fmt: skip
    return MeasureLasso(problem, build, first)


def _to_spline(
    tau: Vector, a: Vector, level: float, order: int, period: float
) -> Spline:
    """Local coefficients from the Bernoulli functions; right limits at knots."""
    anchors = np.r_[0.0, tau]
    coef = np.zeros((order, anchors.size))
    for k in range(order):
        t = anchors[:, None] - tau[None, :]
        values = bernoulli_atom(t, order - k, period)
        if k == order - 1:  # the first piece lies left of a knot at zero
            values[0, tau == 0.0] -= 1.0
        coef[k] = values @ a / math.factorial(k)
    coef[0] += level
    return Spline(order, tau, coef, 0.0, (0.0, period))
