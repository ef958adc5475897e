"""Exact splines of order 3 to 6: the best knots lie between the data, not on them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from splinear.core import Certificate, Result, certify, gap_scale, iterate
from splinear.core.checks import check_scalar, check_vector
from splinear.core.progress import Progress
from splinear.univariate._gridless_data import (
    Pieces,
    Rows,
    gap_of,
    null_model,
    price,
    price_residual,
    residual_of,
    thinned,
)
from splinear.univariate._gridless_exchange import (
    State,
    coarse_start,
    first_state,
    next_state,
)
from splinear.univariate._gridless_frame import Frame
from splinear.univariate._gridless_master import cells_of, price_fit
from splinear.univariate._pieces import shift
from splinear.univariate.samples import Samples, Vector
from splinear.univariate.spline import Spline

#: Rows kept for the first rounds on many rows: enough to place the knots, nearly free.
COARSE = 2000


def solve(
    samples: Samples,
    order: int,
    alpha: float,
    *,
    tol: float = 1e-6,
    max_iter: int = 200,
    progress: Progress | None = None,
    start: Spline | None = None,
) -> Result[Spline]:
    """Minimise ``mean loss + alpha TV(f^(m-1))`` over all splines with free knots.

    The dual function ``eta(tau) = sum_i w_i r_i (x_i - tau)_+^(m-1) / (m-1)!`` of the
    residual is a polynomial between sites, so that its supremum is exact. Each step
    inserts a knot where it rises above the level, moves all knots by Newton's method
    on knots and jumps together, and refits in B-splines [1]_.

    Parameters
    ----------
    samples : Samples
        Any number of sites, at any offset and spacing.
    order : int, 3 to 6
        Order m of the spline, degree m - 1. Lower orders have exact finite methods;
        beyond 6 double precision leaves too little of ``|x|^(m-1)``.
    alpha : float, > 0
        Weight of the variation, in units of y times x to the power m - 1.
    tol : float, >= 0
        Relative duality gap to reach.
    max_iter : int
        Steps allowed.
    progress : Progress, optional
        Is told the gap after every step.
    start : Spline, optional
        Its knots are the first ones: a fit at a neighbouring alpha saves steps.

    Returns
    -------
    Result of Spline
        The certificate is exact: the dual point is feasible on the whole line.

    Raises
    ------
    ValueError
        If `order` or `alpha` is out of range.

    References
    ----------
    .. [1] Denoyelle, Duval, Peyre, Soubies, The sliding Frank-Wolfe algorithm, 2019:
       the scheme of inserting, refitting and moving. Here the moving is Newton's
       method in the space of splines with doubled knots, which keeps it banded.

    Examples
    --------
    Two parabolas that meet at 0 with one jump of the second derivative, by 2:

    >>> from splinear.univariate.samples import gather
    >>> x = np.linspace(-1.0, 1.0, 40)
    >>> result = solve(gather(x, np.maximum(x, 0.0) ** 2), 3, 1e-6, tol=1e-10)
    >>> result.converged, bool(abs(result.value.variation - 2.0) < 0.01)
    (True, True)
    """
    order = _check_order(order)
    alpha = check_scalar("alpha", alpha, low=0.0, strict=True)
    if start is not None and start.order != order:
        raise ValueError(f"start must have order {order}; got order {start.order}")
    method = _Gridless.of(samples, order, alpha, start)
    # Hopeless proposals may overflow; they are rejected, for their gap is infinite.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return iterate(method, tol=tol, max_iter=max_iter, progress=progress)


def alpha_max(samples: Samples, order: int) -> float:
    """Return the smallest alpha at which the fit is a polynomial of degree < m.

    Parameters
    ----------
    samples : Samples
    order : int, 3 to 6

    Returns
    -------
    float
        ``sup |eta| / sum(w)`` of the residual of the polynomial fit.

    Examples
    --------
    >>> from splinear.univariate.samples import gather
    >>> s = gather([0.0, 1.0, 2.0, 3.0], [1.0, -3.0, 3.0, -1.0])
    >>> round(alpha_max(s, 3), 12)
    0.1875
    """
    frame = Frame.of(samples, _check_order(order))
    rows = frame.rows(samples)
    sup = price(rows, null_model(rows), 0.0).sup
    return frame.dual(sup) / samples.total


def dual_sup(samples: Samples, residual: Any, order: int) -> tuple[float, float]:
    """Return ``sup |eta|`` over the line and a place where it is attained.

    Parameters
    ----------
    samples : Samples
    residual : (n,) array-like
        One number per site. Its polynomial part (degree < m) is removed first:
        otherwise `eta` would grow without bound.
    order : int, 3 to 6

    Returns
    -------
    sup, place : float
        In the units of ``sum w r x^(m-1)`` and of x.
    """
    r = check_vector("residual", residual, size=samples.x.size)
    frame = Frame.of(samples, _check_order(order))
    rows = frame.rows(samples)
    scaled = r / frame.height
    priced = price_residual(rows, scaled, scaled.copy(), np.empty(0), 0.0)
    if priced.runs.size == 0:
        return 0.0, float(samples.x[0])
    best = priced.runs[np.argmax(np.abs(priced.runs[:, 1]))]
    return frame.dual(abs(float(best[1]))), frame.place(float(best[0]))


def duality_gap(spline: Spline, samples: Samples, alpha: float) -> Certificate:
    """Certify any spline of order 3 to 6 as a fit of `samples`, wherever it is from.

    Parameters
    ----------
    spline : Spline
    samples : Samples
    alpha : float, > 0

    Returns
    -------
    Certificate
        Exact: the residual without its polynomial part, shrunk until it is feasible
        on the whole line, is the dual point.
    """
    order = _check_order(spline.order)
    alpha = check_scalar("alpha", alpha, low=0.0, strict=True)
    method = _Gridless.of(samples, order, alpha, None)
    pieces = method.frame.pieces(spline)
    cells = cells_of(method.rows, pieces.knots)
    priced = price_fit(method.rows, method.lam, pieces, cells, np.sign(pieces.jumps))
    variation = float(np.sum(np.abs(pieces.jumps)))
    r = residual_of(method.rows, pieces)
    value = 0.5 * float(np.dot(method.rows.w, r * r)) + method.lam * variation
    return method.certificate(value, gap_of(priced, pieces.jumps, method.lam))[1]


def _check_order(order: Any) -> int:
    if order not in (3, 4, 5, 6):
        raise ValueError(
            f"order must be 3, 4, 5 or 6 (quadratic to quintic); got {order!r}: for 1 "
            "and 2 use fused and knot_exchange; higher orders exceed double precision"
        )
    return int(order)


@dataclass(frozen=True)
class _Gridless:
    """The method that `iterate` drives."""

    samples: Samples
    frame: Frame
    rows: Rows
    lam: float
    start: Pieces | None
    scale: float

    @classmethod
    def of(
        cls, samples: Samples, order: int, alpha: float, start: Spline | None
    ) -> "_Gridless":
        frame = Frame.of(samples, order)
        rows = frame.rows(samples)
        lam = frame.level(alpha, samples.total)
        pieces = None if start is None else _inside(frame.pieces(start), rows.u)
        squares = price(rows, null_model(rows), np.inf).squares
        null = frame.objective(0.5 * squares, samples.total)
        null += samples.tie_loss / samples.total
        scale = gap_scale(null, samples.energy)
        return cls(samples, frame, rows, lam, pieces, scale)

    def certificate(self, value: float, gap: float) -> tuple[float, Certificate]:
        total = self.samples.total
        objective = self.frame.objective(value, total) + self.samples.tie_loss / total
        gap = self.frame.objective(gap, total)
        return objective, certify("exact", objective, gap, self.scale)

    def init(self) -> State:
        start = self.start
        if start is None and self.rows.u.size > 4 * COARSE:
            start = coarse_start(self.rows, thinned(self.rows, COARSE), self.lam)
        return first_state(self.rows, self.lam, start)

    def certify(self, state: State) -> tuple[float, Certificate]:
        return self.certificate(state.fitted.objective, state.gap)

    def step(self, state: State) -> State | None:
        return next_state(self.rows, self.lam, state)

    def finish(self, state: State) -> Spline:
        return self.frame.spline(state.fitted.spline)

    def stats(self, state: State) -> dict[str, Any]:
        return {"n_knots": int(state.fitted.spline.knots.size)}


def _inside(pieces: Pieces, u: Vector) -> Pieces:
    """Drop knots on or outside the ends: the rows do not see them."""
    left = int(np.searchsorted(pieces.knots, u[0], side="right"))
    right = int(np.searchsorted(pieces.knots, u[-1], side="left"))
    table = pieces.table[:, left : right + 1].copy()
    if left:
        step = np.array([u[0] - pieces.knots[left - 1]])
        table[:, :1] = shift(table[:, :1], step)
    return Pieces(pieces.knots[left:right], pieces.jumps[left:right], table)
