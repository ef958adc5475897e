"""Losses of several outputs, l(f) for rows y of targets, with what duals need."""

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from scipy.optimize import brentq

from splinear.core.checks import check_scalar
from splinear.shallow._entropy_losses import LogisticLoss, MultinomialLoss, PoissonLoss
from splinear.shallow._net_loss import Array, NetLoss, mean

__all__ = [
    "NAMES",
    "ClippedLoss",
    "LogisticLoss",
    "MultinomialLoss",
    "NetLoss",
    "PoissonLoss",
    "make_net_loss",
]

NAMES = ("squared", "huber", "quantile", "poisson", "logistic", "multinomial")


@final
@dataclass(frozen=True)
class ClippedLoss(NetLoss):
    """The loss whose pull is ``clip((y - f) / width, low, high)`` in each output.

    Squared (infinite bounds, width 1), Huber (bounds -delta and delta, width 1) and
    quantile loss (bounds q - 1 and q, width 0, or `width` once smoothed).

    Parameters
    ----------
    name : {"squared", "huber", "quantile"}
        Which loss.
    low, high : float, low < 0 < high
        The dual domain of each output, a box.
    width : float, >= 0
        Inverse curvature within the bounds, in the units of y over those of the pull.
    degree : int
        See `NetLoss`.

    Examples
    --------
    >>> loss = make_net_loss("quantile", quantile=0.9).smoothed(0.5)
    >>> loss.pull(np.zeros((3, 1)), np.array([[-9.0], [-0.25], [9.0]])).ravel()
    array([ 0.9,  0.5, -0.1])
    """

    name: str
    low: float
    high: float
    width: float = 1.0
    degree: int = 2

    @property
    def max_curvature(self) -> float:
        """``1 / width``, which is 1 for squared and Huber loss."""
        return 1.0 / self.width if self.width > 0.0 else np.inf

    def value(self, Y: Array, F: Array) -> Array:
        """Loss of each row, summed over outputs, (N,)."""
        if self.name == "squared":
            e = Y - F
            return 0.5 * np.einsum("nd,nd->n", e, e)
        return super().value(Y, F)

    def pull(self, Y: Array, F: Array) -> Array:
        """Minus the gradient in F, (N, D)."""
        if self.name == "squared":
            return Y - F
        if self.width == 0.0:
            return np.where(Y > F, self.high, self.low)
        return np.clip((Y - F) / self.width, self.low, self.high)

    def curvature(self, Y: Array, F: Array) -> Array:
        """``1 / width`` where some output is not clipped, else 0, (N,).

        Of the quantile loss before `smoothed` 0: it is flat but for its kink.
        """
        if self.width == 0.0:
            return np.zeros(len(F))
        return np.any(self._excess(Y - F) == 0.0, axis=1) / self.width

    def slack(self, Y: Array, F: Array, R: Array) -> Array:
        """``sum (p - r) (excess + width (p - r) / 2)`` over outputs, p the pull, (N,).

        Excess is the part of y - f beyond the bounds; the factors share their sign.
        """
        gap = self.pull(Y, F) - R
        return np.sum(gap * (self._excess(Y - F) + 0.5 * self.width * gap), axis=1)

    def feasible(self, Y: Array, R: Array) -> Array:
        """R clipped to the box, (N, D)."""
        return np.clip(R, self.low, self.high)

    def null_output(self, Y: Array, w: Array) -> Array:
        """Weighted means, quantiles, or the roots of the summed pull, (D,)."""
        if self.name == "squared":
            return mean(Y, w)
        best = self._root if self.width > 0.0 else self._quantile
        return np.array([best(column, w) for column in Y.T])

    def smoothed(self, width: float) -> "ClippedLoss":
        """The quantile loss made quadratic at its kink, below it by at most width / 2.

        Its Moreau envelope: the dual box stays, the curvature becomes 1 / width.

        Parameters
        ----------
        width : float, > 0
            In the units of y: quadratic for ``(q - 1) width <= y - f <= q width``.

        Raises
        ------
        ValueError
            If `width` is not positive.
        """
        if self.name != "quantile":
            return self
        return replace(self, width=check_scalar("width", width, low=0.0, strict=True))

    def _excess(self, e: Array) -> Array:
        return e - np.clip(e, self.width * self.low, self.width * self.high)

    def _quantile(self, y: Array, w: Array) -> float:
        order = np.argsort(y)
        mass = np.cumsum(w[order])
        # high = q and the bounds are one apart.
        return float(y[order[np.searchsorted(mass, self.high * mass[-1])]])

    def _root(self, y: Array, w: Array) -> float:
        low, high = float(y.min()), float(y.max())
        xtol = 1e-15 * (high - low) + np.finfo(np.float64).tiny
        return float(brentq(lambda c: w @ self.pull(y, c), low, high, xtol=xtol))


def make_net_loss(name: Any, quantile: Any = 0.5, delta: Any = 1.0) -> NetLoss:
    """Check the arguments and return the loss.

    Parameters
    ----------
    name : {"squared", "huber", "quantile", "poisson", "logistic", "multinomial"}
        Which loss.
    quantile : float in (0, 1)
        Of the quantile loss; 0.5 is half the absolute error.
    delta : float, > 0
        Where the Huber loss turns linear, in the units of y.

    Returns
    -------
    NetLoss

    Raises
    ------
    TypeError
        If `quantile` or `delta` is no number.
    ValueError
        If the name is unknown, or a parameter is out of range.

    Examples
    --------
    >>> loss = make_net_loss("huber", delta=2.0)
    >>> loss.value(np.array([[0.0, 0.0]]), np.array([[1.0, 3.0]]))
    array([4.5])
    """
    if name not in NAMES:
        raise ValueError(f"loss must be one of {NAMES}; got {name!r}")
    quantile = check_scalar("quantile", quantile, low=0.0, high=1.0, strict=True)
    if quantile == 1.0:
        raise ValueError("quantile must lie strictly between 0 and 1; got 1.0")
    delta = check_scalar("delta", delta, low=0.0, strict=True)
    return {
        "squared": ClippedLoss("squared", -np.inf, np.inf),
        "huber": ClippedLoss("huber", -delta, delta),
        "quantile": ClippedLoss("quantile", quantile - 1.0, quantile, 0.0, 1),
        "poisson": PoissonLoss(),
        "logistic": LogisticLoss(),
        "multinomial": MultinomialLoss(),
    }[name]
