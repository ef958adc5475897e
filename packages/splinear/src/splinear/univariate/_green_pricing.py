"""Pricing: where is ``abs(eta) / omega`` largest, and how large at most?

``eta(tau) = sum_i p_i atom(x_i - tau)`` is smooth between data.  For powers a
branch and bound bisects each cell; on a cell the nearest datum's term, singular for
orders below three, is kept exact, and the rest is its chord plus ``h²/8`` times an
enclosure of its curvature (sums over p > 0 and over p < 0 are monotone).  Near a
touching point cells shrink geometrically, so the count of sums is logarithmic in the
tolerance.  Bounds are rigorous up to the rounding of the sums.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import binom, rgamma

from splinear.univariate._green_kernels import decay_sums, power_moments
from splinear.univariate.operators import Exponential, ExponentialPair, PowerOperator
from splinear.univariate.weights import Weight

Vector = NDArray[np.float64]
LEVELS = 60
FAR = 2.0  # distances from the middle of the data, in ranges, where the series starts
TERMS = 48
OCTAVES = 40


@dataclass(frozen=True)
class Prices:
    """Best knot per cell and a bound over all.

    Attributes
    ----------
    tau, sign, value : (c,) arrays
        Position, sign of eta and ratio ``abs(eta) / omega`` of the best knot found.
    sup : float
        Upper bound of the ratio over all positions.
    centre : float
        Constant that is free in eta (periodic problems); zero otherwise.
    """

    tau: Vector
    sign: Vector
    value: Vector
    sup: float
    centre: float = 0.0

    @property
    def attained(self) -> float:
        """Largest ratio found: a lower bound of the supremum."""
        return float(self.value.max(initial=0.0))


def unit_weight(x: Vector, weight: Weight | None, tau: Vector) -> Vector:
    """Weight at `tau` in the solver's coordinate; ones without one."""
    if weight is None:
        return np.ones_like(tau)
    return weight(_z(x, tau))


def _z(x: Vector, tau: Vector) -> Vector:
    return ((tau - x[0]) - (x[-1] - tau)) / (x[-1] - x[0])


class PowerPricer:
    """Branch and bound for ``t_+^kappa / Gamma(kappa + 1)``, kappa > 0.

    Parameters
    ----------
    x : (n,) array
        Increasing, of range at most one.
    operator : PowerOperator
    weight : Weight or None
    """

    def __init__(self, x: Vector, operator: PowerOperator, weight: Weight | None):
        self.x, self.weight, self.kappa = x, weight, operator.exponent
        self.null_dim = operator.null_dim
        self.c0 = float(rgamma(self.kappa + 1.0))
        self.c2 = float(rgamma(self.kappa - 1.0))
        self.reach = x[-1] - x[0]
        a, b, near = x[:-1], x[1:], np.arange(1, x.size)
        if weight is not None:
            breaks = x[0] + 0.5 * (weight.breakpoints + 1.0) * self.reach
            edges = np.union1d(x, breaks[(breaks > x[0]) & (breaks < x[-1])])
            a, b = edges[:-1], edges[1:]
            near = np.searchsorted(x, b)
        self.whole = float(self.kappa).is_integer()
        if not self.whole:
            # A fractional atom left of the data is no polynomial on them.  Cells
            # there double in length; near = -1 marks those of the series.
            middle = x[0] + 0.5 * self.reach
            far = middle - FAR * self.reach * 2.0 ** np.arange(OCTAVES)
            a = np.r_[far[1:][::-1], far[0], a]
            b = np.r_[far[:-1][::-1], x[0], b]
            near = np.r_[np.full(OCTAVES - 1, -1), 0, near]
        self.a, self.b, self.near = a, b, near

    def price(self, p: Vector, floor: float, slack: float) -> Prices:
        """Bound the ratio to a relative `slack` above the larger of it and `floor`."""
        self._expand(p)
        a, b, near = self.a, self.b, self.near
        cell = np.arange(a.size)
        left, right = self._node(a, near), self._node(b, near)
        best = np.zeros((3, a.size))
        self._note(best, cell, a, near, left)
        self._note(best, cell, b, near, right)
        sup, tiny = floor, np.finfo(float).eps * self.reach
        for level in range(LEVELS):
            base = np.maximum(best[0], floor)[cell]
            bound = self._bound(a, b, near, left, right, base)
            alive = (bound > base * (1.0 + slack)) & (b - a > tiny)
            if level == LEVELS - 1:
                alive[:] = False
            sup = max(sup, float(bound[~alive].max(initial=0.0)))
            if not alive.any():
                break
            a, b, near, cell = a[alive], b[alive], near[alive], cell[alive]
            left, right = left[:, alive], right[:, alive]
            middle = 0.5 * (a + b)
            centre = self._node(middle, near)
            self._note(best, cell, middle, near, centre)
            a, b = np.r_[a, middle], np.r_[middle, b]
            left, right = np.c_[left, centre], np.c_[centre, right]
            near, cell = np.r_[near, near], np.r_[cell, cell]
        return Prices(best[1], best[2], best[0], max(sup, self._beyond()))

    def _node(self, tau: Vector, near: NDArray[np.int64]) -> Vector:
        """Rows: smooth part, its curvature's two sums, weight."""
        node = np.empty((4, tau.size))
        far = near < 0
        node[:, far] = self._series(tau[far])
        at, first = tau[~far], near[~far] + 1
        sums = power_moments(self.x, self.p, at, first, self.kappa, self.c0, self.c2)
        node[:3, ~far] = sums
        node[3, ~far] = unit_weight(self.x, self.weight, at)
        return node

    def _note(self, best, cell, tau, near, node) -> None:
        gap = np.maximum(self.x[near] - tau, 0.0)
        eta = node[0] + self.p[near] * self.c0 * gap**self.kappa
        ratio = np.abs(eta) / node[3]
        order = np.argsort(ratio)  # the last write to a cell is the largest
        order = order[ratio[order] > best[0, cell[order]]]
        to = cell[order]
        best[:, to] = np.stack([ratio, tau, np.sign(eta)])[:, order]

    def _bound(self, a, b, near, left, right, base) -> Vector:
        """Upper bound of abs(eta)/omega on [a, b], at least `base`."""
        h, far = b - a, self.x[near] - a
        low, bend_lo, bend_hi = np.ones_like(a), 0.0, 0.0
        if self.weight is not None:
            scale = 2.0 / self.reach
            low, bend_lo, bend_hi = self.weight.bounds(_z(self.x, a), _z(self.x, b))
            bend_lo, bend_hi = bend_lo * scale**2, bend_hi * scale**2
        plus = np.minimum(left[1], right[1]), np.maximum(left[1], right[1])
        minus = np.minimum(left[2], right[2]), np.maximum(left[2], right[2])
        worst = np.zeros_like(a)
        for sign in (1.0, -1.0):
            ends = sign * left[0] - base * left[3], sign * right[0] - base * right[3]
            curvature = plus[0] - minus[1] if sign > 0.0 else minus[0] - plus[1]
            sag = np.maximum(0.0, base * bend_hi - curvature) * h**2 / 8.0
            top = self._chord_max(sign * self.p[near] * self.c0, far, h, *ends)
            worst = np.maximum(worst, top + sag)
        return base + worst / low

    def _chord_max(self, q, far, h, first, last) -> Vector:
        """Maximum of ``q t^kappa`` plus a chord over t in [far - h, far]."""
        kappa = self.kappa
        close = np.maximum(far - h, 0.0)
        top = np.maximum(q * far**kappa + first, q * close**kappa + last)
        if kappa == 1.0:
            return top
        slope = (first - last) / np.maximum(h, np.finfo(float).tiny)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            t = (-slope / (q * kappa)) ** (1.0 / (kappa - 1.0))
            inside = (t > close) & (t < far) & (q * (kappa - 1.0) < 0.0)
        t = np.where(inside, t, far)
        value = q * t**kappa + first + slope * (t - far)
        return np.where(inside, np.maximum(top, value), top)

    def _series(self, tau: Vector) -> Vector:
        """`_node` left of the data by more than FAR ranges: a convergent series.

        With T the distance to the middle of the data and moments M_k of p, eta is
        ``c0 sum_k binom(kappa, k) M_k T^(kappa - k)``; moments below the null space's
        dimension vanish, so eta decays, and nothing cancels.  Each term of the second
        derivative is monotone in T.
        """
        T = (self.x[0] + 0.5 * self.reach) - tau
        power = (self.kappa - self.k)[:, None]
        terms = self.tail[:, None] * T[None, :] ** (power - 2.0)
        bends = terms * power * (power - 1.0)
        up, down = np.maximum(bends, 0.0).sum(0), np.maximum(-bends, 0.0).sum(0)
        return np.stack([(terms * T * T).sum(0), up, down, np.ones_like(T)])

    def _expand(self, p: Vector) -> None:
        """Set the data of one pricing: p with a zero behind it, and its moments."""
        self.p = np.r_[p, 0.0]
        self.k = np.arange(self.null_dim, self.null_dim + TERMS)
        shifted = self.x - (self.x[0] + 0.5 * self.reach)
        moments = np.array([p @ shifted**j for j in self.k])
        self.tail = self.c0 * binom(self.kappa, self.k) * moments

    def _beyond(self) -> float:
        """Bound of abs(eta) left of every cell."""
        if self.whole:
            return 0.0
        T = self.x[0] + 0.5 * self.reach - self.a.min()
        return float(np.abs(self.tail) @ T ** (self.kappa - self.k))


class DecayPricer:
    """Exact pricing for D + rate: one candidate per gap between data.

    Between data eta is a multiple of exp(rate tau): for rate >= 0 it is largest at
    the right datum, where the right-continuous atom jumps; for rate < 0 in the limit
    at the left datum, reached up to one unit in the last place.  There the sum over
    the data on the left is taken, its opposite since p sees no null space: it decays.
    """

    def __init__(self, x: Vector, operator: Exponential):
        self.x, self.rate = x, operator.rate
        self.tau = x[1:] if self.rate >= 0.0 else np.nextafter(x[:-1], np.inf)

    def price(self, p: Vector, floor: float, slack: float) -> Prices:
        """See `PowerPricer.price`; `slack` is not needed."""
        if self.rate >= 0.0:
            eta = decay_sums(self.x, p, self.rate)[1:]
        else:
            eta = -decay_sums(-self.x[::-1], p[::-1], -self.rate)[::-1][:-1]
        value = np.abs(eta)
        sup = max(floor, float(value.max(initial=0.0)))
        return Prices(self.tau, np.sign(eta), value, sup)


class PairPricer:
    """Exact pricing for (D + rate)(D + other): at most one extremum per gap.

    With s the distance to the right datum, eta = exp(-rate s) G + g(s) E, and it is
    stationary where u = (1 - exp(-delta s)) / delta equals (E - rate G) / (E other).
    """

    def __init__(self, x: Vector, operator: ExponentialPair):
        self.x, self.operator = x, operator

    def price(self, p: Vector, floor: float, slack: float) -> Prices:
        """See `PowerPricer.price`; `slack` is not needed."""
        x, op = self.x, self.operator
        gap, delta = np.diff(x), op.other - op.rate
        E = decay_sums(x, p, op.other)
        G = np.zeros(x.size)
        step = op.atom(gap)
        for j in range(x.size - 2, -1, -1):
            G[j] = np.exp(-op.rate * gap[j]) * G[j + 1] + step[j] * E[j + 1]
        G, E = G[1:], E[1:]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            u = (E - op.rate * G) / (E * op.other)
            s = u if delta == 0.0 else -np.log1p(-delta * u) / delta
        inside = np.isfinite(s) & (s > 0.0) & (s < gap)
        s = np.stack([np.zeros_like(gap), np.where(inside, s, 0.0), gap])
        eta = np.exp(-op.rate * s) * G + op.atom(s) * E
        pick = np.argmax(np.abs(eta), axis=0)[None, :]
        s = np.take_along_axis(s, pick, 0)[0]
        eta = np.take_along_axis(eta, pick, 0)[0]
        sup = max(floor, float(np.abs(eta).max(initial=0.0)))
        return Prices(x[1:] - s, np.sign(eta), np.abs(eta), sup)
