"""What a loss of several outputs must answer."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class NetLoss(ABC):
    """A convex loss of the rows of targets Y and predictions F, both (N, D).

    Its minimum over f is 0 for each y. F is on the scale of the network: log-odds,
    log-rates, scores. Methods take float64 arrays and neither check nor overflow for
    ``|F| <= 1e4``. The conjugate l* enters by `slack` and by the dual domain, the set
    of r with finite ``l*(-r)``, alone. Subclasses are final.
    """

    #: Name in `make_net_loss`.
    name: str
    #: Power with which the loss scales as Y and F are scaled (and `delta`, `width`).
    degree: int
    #: Least upper bound of the curvature; infinite if there is none.
    max_curvature: float

    def value(self, Y: Array, F: Array) -> Array:
        """Loss of each row, summed over outputs, (N,)."""
        # min l = 0 means l*(0) = 0: the loss is its own gap at the dual 0.
        return self.slack(Y, F, np.zeros_like(F))

    @abstractmethod
    def pull(self, Y: Array, F: Array) -> Array:
        """Minus the gradient in F, (N, D); where there is none a subgradient."""

    @abstractmethod
    def curvature(self, Y: Array, F: Array) -> Array:
        """Bound of the largest eigenvalue of each row's Hessian at F, (N,)."""

    def majorant(self, Y: Array, F: Array) -> Array:
        """Bound of the curvature at all F, (N,); infinite if there is none."""
        return np.full(len(F), self.max_curvature)

    @abstractmethod
    def slack(self, Y: Array, F: Array, R: Array) -> Array:
        """Fenchel-Young gap ``l(f) + l*(-r) + <r, f> >= 0`` of each row, (N,).

        A sum of non-negative terms, zero for ``R = pull(Y, F)`` and accurate near it.
        R must lie in the dual domain (up to rounding): see `feasible`.
        """

    @abstractmethod
    def feasible(self, Y: Array, R: Array) -> Array:
        """R moved into the dual domain, (N, D); a feasible R stays, up to rounding."""

    @abstractmethod
    def null_output(self, Y: Array, w: Array) -> Array:
        """Best constant f under weights w >= 0 (N,), not all zero; shape (D,).

        Where the best one is infinite (no event at all, one class only), one that
        leaves events a mean or share of 1e-12.
        """

    def smoothed(self, width: float) -> "NetLoss":
        """The loss with a Lipschitz gradient: itself, but for the quantile loss."""
        return self

    def check_targets(self, Y: Array) -> None:  # noqa: B027 (most take all targets)
        """Raise ValueError if some entry of Y is no target of this loss."""


def mean(Y: Array, w: Array) -> Array:
    return w @ Y / np.sum(w)
