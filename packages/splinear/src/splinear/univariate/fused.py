"""Piecewise constant fits (order 1): the weighted fused lasso, exact in linear time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.certificate import Certificate, certify, relative_gap
from splinear.core.checks import check_scalar
from splinear.core.iterate import iterate
from splinear.core.progress import Progress
from splinear.core.result import Result
from splinear.univariate._fused_kernels import (
    audit,
    largest_prefix,
    pool,
    prefix_sums,
    taut_string,
)
from splinear.univariate.samples import Samples
from splinear.univariate.spline import Spline

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class _Levels:
    """Runs of equal fitted value: run k covers sites ``ends[k-1] .. ends[k]-1``."""

    ends: NDArray[np.int64]
    signs: NDArray[np.int8]
    levels: Vector


def alpha_max(samples: Samples) -> float:
    """Smallest `alpha` at which the fit is the weighted mean.

    Equals ``max_j |sum_{i<=j} w_i (y_i - mean)| / sum(w)``.

    Examples
    --------
    >>> from splinear.univariate.samples import gather
    >>> alpha_max(gather([0.0, 1.0], [0.0, 1.0]))
    0.25
    """
    z = samples.y - _centre(samples)
    return float(largest_prefix(prefix_sums(z, samples.w))) / samples.total


def solve(
    samples: Samples,
    alpha: float,
    *,
    order: int = 1,
    tol: float = 1e-6,
    max_iter: int = 1,
    progress: Progress | None = None,
) -> Result[Spline]:
    """Minimise ``(1/W) sum_i w_i (y_i - f(x_i))^2 / 2 + alpha * TV(f)``.

    The fit is the slope of the taut string in a tube of half-width ``alpha * W``
    around the prefix sums of ``w * y``, drawn over those of ``w`` [1]_. The string is
    found by the funnel algorithm in O(N) for any weights; comparisons use prefix sums
    of twice double precision. No start and no path are needed: one solve costs O(N)
    whatever `alpha` is.

    Parameters
    ----------
    samples : Samples
        Sorted, merged data.
    alpha : float, > 0
        Price of one unit of variation, in the units of y.
    order : int
        Must be 1; other orders have their own solvers.
    tol : float, >= 0
        Relative gap that counts as solved. The method is exact: the gap that remains
        is rounding, and a `tol` beneath it ends as STALLED.
    max_iter : int
        Accepted for uniformity; the method takes no iterations.
    progress : Progress, optional
        Is told nothing but the end.

    Returns
    -------
    Result[Spline]
        Spline of order 1, continuous from the right, with knots midway between
        neighbouring sites (at the right one where no double lies between them).

    Raises
    ------
    ValueError
        If `alpha` is not positive and finite or `order` is not 1.

    Notes
    -----
    Certificate: in every run the residual is closed to sum to the difference of the
    contacts, so that u, its prefix sum, is a dual point; with
    ``s = min(1, lam / max|u|)`` every term of the gap is non-negative.

    References
    ----------
    .. [1] P. L. Davies and A. Kovac, "Local extremes, runs, strings and
       multiresolution", Annals of Statistics 29(1), 2001.

    Examples
    --------
    Two points move towards each other by ``alpha * W``:

    >>> from splinear.univariate.samples import gather
    >>> fit = solve(gather([0.0, 1.0], [0.0, 1.0]), alpha=0.125)
    >>> fit.value([0.0, 0.4, 0.5, 1.0])
    array([0.25, 0.25, 0.75, 0.75])
    >>> fit.objective, fit.certificate.gap
    (0.09375, 0.0)
    """
    if order != 1:
        raise ValueError(f"order must be 1 for the fused lasso; got {order}")
    alpha = check_scalar("alpha", alpha, low=0.0, strict=True)
    return iterate(
        _TautString(samples, alpha), tol=tol, max_iter=max_iter, progress=progress
    )


class _TautString:
    """The method for `iterate`: its first state is the solution."""

    def __init__(self, samples: Samples, alpha: float) -> None:
        self.samples, self.centre = samples, _centre(samples)
        self.z = samples.y - self.centre
        self.lam = alpha * samples.total

    def init(self) -> _Levels:
        sums = prefix_sums(self.z, self.samples.w)
        return _Levels(*pool(sums, self.lam, *taut_string(sums, self.lam)))

    def certify(self, state: _Levels) -> tuple[float, Certificate]:
        data, lam = self.samples, self.lam
        peak, energy, shifts = audit(
            self.z, data.w, lam, state.ends, state.signs, state.levels
        )
        fitted = self._fitted(state)
        variation = float(np.sum(np.abs(np.diff(fitted))))
        theta = np.repeat(fitted, np.diff(state.ends, prepend=0))
        loss = 0.5 * float(np.dot(data.w, (data.y - theta) ** 2)) + data.tie_loss
        # What rounding the levels to doubles near the centre does to the residual.
        lost = (state.levels - shifts) - (fitted - self.centre)
        mass = np.add.reduceat(data.w, np.concatenate(([0], state.ends[:-1])))
        shrink = max(0.0, 1.0 - lam / peak) if peak > 0.0 else 0.0
        distance = shrink * np.sqrt(energy) + np.sqrt(float(np.dot(mass, lost**2)))
        gap = 0.5 * distance**2 + shrink * lam * variation
        total = data.total
        objective = (loss + lam * variation) / total
        gap = float(gap) / total
        scale = gap / relative_gap(gap, self._null(), data.y, data.w) if gap else 1.0
        return objective, certify("exact", objective, gap, scale)

    def step(self, state: _Levels) -> None:
        """Nothing improves an exact solution."""

    def finish(self, state: _Levels) -> Spline:
        x, fitted = self.samples.x, self._fitted(state)
        left, right = x[state.ends[:-1] - 1], x[state.ends[:-1]]
        knots = left + 0.5 * (right - left)
        knots = np.where(knots > left, knots, right)
        # Levels that round to one double near a far centre are one level.
        keep = fitted[1:] != fitted[:-1]
        values = fitted[np.concatenate(([True], keep))]
        domain = (float(x[0]), float(x[-1]))
        return Spline(1, knots[keep], values[np.newaxis, :], domain[0], domain)

    def stats(self, state: _Levels) -> dict[str, Any]:
        return {"n_knots": int(state.ends.size - 1)}

    def _fitted(self, state: _Levels) -> Vector:
        return self.centre + state.levels

    def _null(self) -> float:
        w = self.samples.w
        shift = float(np.dot(w, self.z)) / self.samples.total
        loss = 0.5 * float(np.dot(w, (self.z - shift) ** 2))
        return (loss + self.samples.tie_loss) / self.samples.total


def _centre(samples: Samples) -> float:
    # Subtracting a number near the mean keeps prefix sums small at large offsets;
    # subtracting the middle of the range first keeps the mean itself exact there.
    middle = 0.5 * float(samples.y.min()) + 0.5 * float(samples.y.max())
    return middle + float(np.dot(samples.w, samples.y - middle)) / samples.total
