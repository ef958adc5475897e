"""Order 2 exactly: knot exchange, a cutting-plane method on the dual certificate.

The minimiser of ``1/(2W) sum w (y - f)^2 + alpha TV(f')`` has its knots at sites.  The
method keeps a small set of knots, solves the problem on it (`_interior_point` finds
the signs of the kinks, a tridiagonal system the values), evaluates the certificate
eta on all sites (`_price_kernels`) and adds the worst site of every excursion
``|eta| > lam``, lam = alpha W.  For the residual r and any r' orthogonal to affine
functions with |eta'| <= lam

    W gap = sum w (r - r')^2 / 2 + sum_k |a_k| (lam - sign(a_k) eta'_k),

a proof up to rounding in which every term is non-negative, so that nothing cancels.
Two choices of r' are tried: r scaled down, and the residual whose eta is eta clipped
to [-lam, lam], which is by far the better one where knots are dense.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.certificate import Certificate, certify
from splinear.core.iterate import iterate
from splinear.core.progress import Progress
from splinear.core.result import Result
from splinear.core.status import Status
from splinear.univariate._blocks_kernels import interval_moments
from splinear.univariate._interior_point import interior_point
from splinear.univariate._price_kernels import gap_of, price
from splinear.univariate._reduced_kernels import kinks, polish, refine
from splinear.univariate.prepared import Prepared, prepare
from splinear.univariate.samples import Samples, Vector
from splinear.univariate.spline import Spline

Sites = NDArray[np.int64]

#: Relative excess of sup|eta| over lam below which signs are taken from eta.
ENDGAME = 1e-2

#: Intervals between the equally spaced knots with which a fit without a start begins.
FIRST = 32


@dataclass(frozen=True)
class Exchange:
    """A linear spline on few knots with its certificate.

    Attributes
    ----------
    knots : (K,) integer array
        Sites that carry knots, the first and the last site included.
    values : (K,) array
        Values at the knots, the affine fit taken off.
    jumps : (K,) array
        Kinks; zero at both ends.
    eta : (K,) array
        Dual certificate at the knots.
    loss, clip : float
        ``sum w r^2`` and ``sum w (r - r')^2`` for the clipped eta.
    top : float
        Upper bound of sup|eta|.
    found, peaks : (F,) arrays
        The worst site of every excursion |eta| > lam, and eta there.
    gap, variation : float
        Duality gap times W, and the sum of |jumps|.
    """

    knots: Sites
    values: Vector
    jumps: Vector
    eta: Vector
    loss: float
    clip: float
    top: float
    found: Sites
    peaks: Vector
    gap: float
    variation: float


class _KnotExchange:
    """The method behind `solve`, in the form that `core.iterate` runs."""

    def __init__(self, data: Prepared, alpha: float, start: Exchange | None) -> None:
        self._data, self._start = data, start
        self._lam = alpha * data.total
        self._tol = 1e-13 * data.scale * data.total

    def init(self) -> Exchange:
        if self._start is not None:
            return self._polished(self._start.knots, np.sign(self._start.jumps))
        last = self._data.samples.x.size - 1
        ends = self._priced(np.array([0, last]), np.zeros(2))
        if last < FIRST or ends.top <= self._lam:
            return ends
        # A coarse grid of knots first: it saves the rounds in which their number doubles.
        grid = np.arange(FIRST + 1) * last // FIRST
        return self._polished(grid, self._signs(grid, ends, 1e-6 * ends.gap))

    def _rounding(self, state: Exchange) -> float:
        """What writing the values of f as doubles may cost, times W.

        Each value is off by half a unit in the last place: felt when y has a large
        offset.
        """
        unit = 0.5 * float(np.finfo(np.float64).eps) * self._data.height
        return unit * math.sqrt(self._data.total * state.loss)

    def certify(self, state: Exchange) -> tuple[float, Certificate]:
        data = self._data
        objective = (self._value(state) + data.samples.tie_loss) / data.total
        gap = (state.gap + self._rounding(state)) / data.total
        return objective, certify("exact", objective, gap, data.scale)

    def step(self, state: Exchange) -> Exchange | None:
        if state.gap <= self._rounding(state):
            return None
        if state.top <= (1.0 + ENDGAME) * self._lam:
            following = self._forced(state, 0.01)
            if following.gap < 0.5 * state.gap:
                return following
            # What is left is eta missing +-lam: by rounding, if no site is new.
            if state.clip < 0.5 * state.gap or np.isin(state.found, state.knots).all():
                following = self._snapped(state)
                if following.gap < 0.5 * state.gap:
                    return following
        knots = np.union1d(state.knots, state.found)
        # Far from the optimum rough signs will do, and cost half as much.
        for tol in (1e-6 * state.gap, 0.0):
            following = self._polished(knots, self._signs(knots, state, tol))
            if self._improves(following, state):
                return following
        # Rounding has misled the interior point method: trust the signs of eta.
        for share in (0.01, 0.99):
            cautious = self._forced(state, share, cautious=True)
            if self._improves(cautious, state):
                return cautious
        if np.array_equal(following.knots, state.knots):
            return self._refined(state)
        return following

    def finish(self, state: Exchange) -> Spline:
        data = self._data
        x = data.samples.x[state.knots]
        # Slopes come from the solver's values: adding the affine part to the values
        # first would bury small kinks under its rounding.
        slopes = np.diff(state.values) / np.diff(x) + data.affine[3]
        values = state.values[:-1] + data.affine_at(x[:-1])
        domain = (float(x[0]), float(x[-1]))
        return Spline(2, x[1:-1], np.vstack((values, slopes)), domain[0], domain)

    def stats(self, state: Exchange) -> dict[str, Any]:
        return {"exchange": state, "n_sites": self._data.samples.x.size}

    def _signs(self, knots: Sites, state: Exchange, tol: float) -> Vector:
        # At small lam the penalty is a small part of the objective, yet decides.
        tol, penalty = max(tol, self._tol), self._lam * state.variation
        tol = min(tol, 1e-6 * penalty) if penalty > 0.0 else tol
        at = self._data.samples.x[knots]
        return interior_point(self._moments(knots), at, self._lam, tol)

    def _moments(self, knots: Sites) -> NDArray[np.float64]:
        data = self._data
        x, w = data.samples.x, data.samples.w
        return interval_moments(x, data.p, w, data.blocks, data.size, knots)

    def _improves(self, following: Exchange, state: Exchange) -> bool:
        """Whether the objective falls; if it stays within rounding, the gap decides."""
        before, after = self._value(state), self._value(following)
        level = after <= (1.0 + 1e-13) * before and following.gap < state.gap
        return after < (1.0 - 1e-13) * before or level

    def _value(self, state: Exchange) -> float:
        return 0.5 * state.loss + self._lam * state.variation

    def _polished(
        self, knots: Sites, signs: Vector, cautious: bool = False
    ) -> Exchange:
        at, moments = self._data.samples.x[knots], self._moments(knots)
        keep, values, _ = polish(moments, at, signs, self._lam, cautious)
        return self._priced(knots[keep], values)

    def _forced(
        self, state: Exchange, share: float, cautious: bool = False
    ) -> Exchange:
        """Activate the worst sites with the sign of eta there.

        Near the optimum this is right nearly always, costs no interior point method,
        and does not overlook a kink too small for that method's tolerance.
        """
        excess = np.abs(state.peaks) - self._lam
        worst = excess > share * (state.top - self._lam)
        knots = np.concatenate((state.knots, state.found[worst]))
        signs = np.concatenate((np.sign(state.jumps), np.sign(state.peaks[worst])))
        # Sites that carry a knot already come first and win.
        knots, first = np.unique(knots, return_index=True)
        return self._polished(knots, signs[first], cautious)

    def _refined(self, state: Exchange) -> Exchange:
        """Take the rounding errors out of the dual at the knots."""
        at = self._data.samples.x[state.knots]
        excess = state.eta - self._lam * np.sign(state.jumps)
        values = refine(self._moments(state.knots), at, state.values, excess)
        return self._priced(state.knots, values)

    def _snapped(self, state: Exchange) -> Exchange:
        """The same function with another dual point: eta made +-lam at the knots.

        Rounding lets eta miss these values by a little, which costs |a| each; a shift
        of eta, linear between knots, costs only the square of its bends.
        """
        wanted = self._lam * np.sign(state.jumps)
        clip = self._price(state.knots, state.values, state.eta - wanted)[1]
        lam, loss, top = self._lam, state.loss, state.top
        gap, _ = gap_of(state.jumps, wanted, lam, loss, clip, top)
        return replace(state, eta=wanted, clip=clip, gap=gap)

    def _price(self, knots: Sites, values: Vector, shift: Vector) -> tuple[Any, ...]:
        data, room = self._data, max(1024, 8 * knots.size)
        x, w, blocks, size = data.samples.x, data.samples.w, data.blocks, data.size
        return price(x, data.p, w, blocks, size, knots, values, self._lam, room, shift)

    def _priced(self, knots: Sites, values: Vector) -> Exchange:
        shift = np.zeros(knots.size)
        loss, clip, top, eta, found, peaks = self._price(knots, values, shift)
        jumps = kinks(self._data.samples.x[knots], values)
        gap, variation = gap_of(jumps, eta, self._lam, loss, clip, top)
        return Exchange(
            knots, values, jumps, eta, loss, clip, top, found, peaks, gap, variation
        )


def solve(
    samples: Samples | Prepared,
    alpha: float,
    *,
    tol: float = 1e-6,
    max_iter: int = 200,
    progress: Progress | None = None,
    start: Exchange | None = None,
) -> Result[Spline]:
    """Minimise ``1/(2W) sum w (y - f)^2 + alpha TV(f')`` over all functions.

    Parameters
    ----------
    samples : Samples or Prepared
        The data; prepare them once if several alphas are to be solved.
    alpha : float, > 0
        Penalty, in the units of y^2 per slope; at `alpha_max` and above the solution
        is the affine fit.
    tol : float
        Relative gap to reach; 1e-10 is within reach at a million sites.
    max_iter : int
        Exchanges allowed; ten to twenty-five are usual.
    progress : Progress, optional
        Is told the gap after every exchange.
    start : Exchange, optional
        ``result.stats["exchange"]`` of a neighbouring alpha.

    Returns
    -------
    Result of Spline
        All knots are sites; `sparsify` may merge some of them.

    References
    ----------
    .. [1] R. Parhi and R. D. Nowak, The role of neural network activation functions,
       IEEE Signal Process. Lett. 27, 2020 (existence of solutions with few knots).

    Examples
    --------
    >>> from splinear.univariate.samples import gather
    >>> result = solve(gather([0.0, 1.0, 2.0], [0.0, 1.0, 0.0]), alpha=0.1 / 3)
    >>> result.value([0.0, 1.0, 2.0]).round(12)
    array([0.1, 0.8, 0.1])
    """
    data = samples if isinstance(samples, Prepared) else prepare(samples)
    if data.samples.x.size <= 2:
        return _affine(data)
    method = _KnotExchange(data, alpha, start)
    return iterate(method, tol=tol, max_iter=max_iter, progress=progress)


def alpha_max(samples: Samples | Prepared) -> float:
    """Smallest alpha at which the affine fit is optimal.

    Examples
    --------
    >>> from splinear.univariate.samples import gather
    >>> round(3 * alpha_max(gather([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])), 12)
    0.333333333333
    """
    data = samples if isinstance(samples, Prepared) else prepare(samples)
    if data.samples.x.size <= 2:
        return 0.0
    ends = np.array([0, data.samples.x.size - 1])
    x, w = data.samples.x, data.samples.w
    zero = np.zeros(2)
    top = price(x, data.p, w, data.blocks, data.size, ends, zero, 0.0, 1, zero)[2]
    return float(top) / data.total


def _affine(data: Prepared) -> Result[Spline]:
    """One or two sites: the affine fit has no rival."""
    x = data.samples.x
    values = np.array([[float(data.affine_at(x[:1])[0])], [data.affine[3]]])
    domain = (float(x[0]), float(x[-1]))
    spline = Spline(2, np.empty(0), values, domain[0], domain)
    objective = data.null_objective
    certificate = certify("exact", objective, 0.0, data.scale)
    return Result(spline, Status.CONVERGED, certificate, objective, {"n_iter": 0})
