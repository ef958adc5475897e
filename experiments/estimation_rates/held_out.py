"""The network at the alpha that predicts held-out rows best, every fit run to its end.

`ShallowNetRegressor(alpha="auto")` validates rough fits along its path; theory speaks
of minimisers, and here every network that is compared is one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.shallow import ShallowNet, fit_network, network_alpha_max

Array = NDArray[np.float64]

#: Alphas over the largest useful one.
RATIOS = 0.3 * 0.5 ** np.arange(11)
#: Alphas without a better held-out error after which the path ends.
PATIENCE = 2


class HeldOutNet:
    """A quarter of the rows choose alpha; the network there is refitted on all."""

    def __init__(self, seed: int, **options: Any) -> None:
        self.seed, self.options = seed, options

    def fit(self, X: Array, y: Array) -> "HeldOutNet":
        order = np.random.default_rng(self.seed).permutation(len(y))
        valid, train = np.split(order, [len(y) // 4])
        alpha, net = self._choose(X[train], y[train], X[valid], y[valid])
        self._net = self._fit(X, y, alpha, net)
        return self

    def predict(self, X: Array) -> Array:
        return self._net(X).ravel()

    def _fit(self, X: Array, y: Array, alpha: float, start: Any) -> ShallowNet:
        return fit_network(X, y, alpha, start=start, **self.options).value

    def _choose(
        self, X: Array, y: Array, Xv: Array, yv: Array
    ) -> tuple[float, ShallowNet]:
        """Follow the path on X, y; return alpha and network of least error on Xv."""
        nets: list[Any] = [None]
        losses: list[float] = []
        alphas = RATIOS * network_alpha_max(X, y, n_starts=256)
        for alpha in alphas:
            nets.append(self._fit(X, y, float(alpha), nets[-1]))
            losses.append(float(np.mean((nets[-1](Xv).ravel() - yv) ** 2)))
            if len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE:
                break
        best = int(np.argmin(losses))
        return float(alphas[best]), nets[best + 1]
