"""Scaled coordinates: what makes offsets, units and weights of any size harmless."""

import math
from dataclasses import dataclass

import numpy as np

from splinear.univariate import _pieces
from splinear.univariate._gridless_data import Pieces, Rows, two_power
from splinear.univariate.samples import Samples
from splinear.univariate.spline import Spline


@dataclass(frozen=True)
class Frame:
    """The maps ``u = (x - shift) / length``, ``y' = (y - mean) / height``, ``w / mass``.

    All scales are powers of two, and the shift is exact, so that the map of x loses
    nothing: if all x have one sign and lie within a factor two, x - shift is exact
    (Sterbenz); otherwise the shift is zero.
    """

    order: int
    shift: float
    length: float
    mean: float
    height: float
    mass: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: Samples, order: int) -> "Frame":
        """Choose the frame of some samples."""
        x, y, w = samples.x, samples.y, samples.w
        low, high = float(x[0]), float(x[-1])
        shift = 0.0
        if low > 0.0 and high <= 2.0 * low:
            shift = low
        elif high < 0.0 and low >= 2.0 * high:
            shift = high
        mass = two_power(float(np.max(w)) * w.size)
        mean = float(np.average(y, weights=w / mass))
        height = two_power(float(np.max(np.abs(y - mean))))
        return cls(order, shift, two_power(high - low), mean, height, mass, low, high)

    def rows(self, samples: Samples) -> Rows:
        """Map samples."""
        u = (samples.x - self.shift) / self.length
        y = (samples.y - self.mean) / self.height
        return Rows.of(u, y, samples.w / self.mass, self.order)

    def level(self, alpha: float, total: float) -> float:
        """Map alpha to the multiplier of the variation beside ``sum w r^2 / 2``."""
        return alpha * (total / self.mass) / self._unit

    @property
    def _unit(self) -> float:
        # Of the variation, per unit of y and x.
        return self.height * self.length ** (self.order - 1)

    def dual(self, sup: float) -> float:
        """Map back a value of the dual function."""
        return sup * self.mass * self._unit

    def objective(self, value: float, total: float) -> float:
        """Map back ``sum w r^2 / 2 + lam TV`` to a mean over the weights."""
        return value * self.height * self.height * self.mass / total

    def place(self, u: float) -> float:
        """Map back a place."""
        return self.shift + self.length * u

    def spline(self, pieces: Pieces) -> Spline:
        """Map back a spline.

        A knot between two neighbouring floats goes to the upper one, while the pieces
        on its sides keep the function: no site lies in between, so that values at all
        sites and the variation stay exact even where sites are ulps apart.
        """
        knots = self.shift + self.length * pieces.knots
        low = (knots - self.shift) / self.length < pieces.knots
        knots[low] = np.nextafter(knots[low], np.inf)
        table, apart = pieces.table.copy(), np.concatenate(([True], np.diff(knots) > 0))
        steps = (knots - self.shift) / self.length - pieces.knots
        table[:, 1:] = _pieces.shift(table[:, 1:], steps)
        # Of knots that share a float the last piece is the one that goes on.
        last = np.concatenate((apart[1:], [True]))[: knots.size]
        table = np.concatenate((table[:, :1], table[:, 1:][:, last]), axis=1)
        powers = self.length ** -np.arange(self.order, dtype=np.float64)
        table = self.height * powers[:, None] * table
        table[0] += self.mean
        origin = self.low
        return Spline(self.order, knots[last], table, origin, (self.low, self.high))

    def pieces(self, spline: Spline) -> Pieces:
        """Map a spline, undoing the rounding of its knots (see `spline`)."""
        knots = (spline.knots - self.shift) / self.length
        powers = self.length ** np.arange(self.order, dtype=np.float64)
        table = powers[:, None] * spline.coefficients
        table[0] -= self.mean
        table /= self.height
        first = (self.low - spline.origin) / self.length
        table[:, :1] = _pieces.shift(table[:, :1], np.array([first]))
        start = (self.low - self.shift) / self.length
        if self.shift != 0.0 and knots.size:
            knots, table = self._unrounded(knots, table, start)
        jumps = math.factorial(self.order - 1) * np.diff(table[-1])
        return Pieces(knots, jumps, table)

    def _unrounded(self, knots, table, start):
        # Neighbours whose derivative m-2 differs by e at a knot with jump a meet at
        # distance e / a before it; more than an ulp would not be rounding.
        before = _pieces.shift(table[:, :-1], np.diff(np.concatenate(([start], knots))))
        jumps = (self.order - 1) * (table[-1, 1:] - table[-1, :-1])
        apart = table[-2, 1:] - before[-2]
        ulp = np.spacing(np.abs(self.shift)) * 2.0 / self.length
        back = np.where(np.abs(apart) <= ulp * np.abs(jumps), apart, 0.0)
        back = back / np.where(jumps == 0.0, 1.0, jumps)
        table = table.copy()
        table[:, 1:] = _pieces.shift(table[:, 1:], -back)
        return knots - back, table
