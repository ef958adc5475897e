"""Kernel ridge regression tuned by cross-validation: the linear methods of the theory.

Linear in y once the kernel is fixed; choosing it by validation is more than the theory
allows a linear method, so that what is said against kernels here is said carefully.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import KFold

Array = NDArray[np.float64]
Kernel = Callable[[Array, Array], Array]


def rbf(gamma: float) -> Kernel:
    """Return exp(-gamma |x - x'|^2)."""
    return lambda X, Z: rbf_kernel(X, Z, gamma=gamma)


def arc_cosine(bias: float) -> Kernel:
    """Return the kernel of infinitely many random ReLU neurons, (x, bias) -> relu.

    Cho and Saul (2009), Eq. (6): |x||x'| (sin a + (pi - a) cos a) / pi at the angle a.
    """

    def kernel(X: Array, Z: Array) -> Array:
        X, Z = (np.column_stack([A, np.full(len(A), bias)]) for A in (X, Z))
        sizes = np.outer(np.linalg.norm(X, axis=1), np.linalg.norm(Z, axis=1))
        cos = np.clip(X @ Z.T / sizes, -1.0, 1.0)
        angle = np.arccos(cos)
        return sizes * (np.sin(angle) + (np.pi - angle) * cos) / np.pi

    return kernel


class TunedKernelRidge:
    """The best kernel and penalty of two lists, by cross-validated squared error."""

    def __init__(
        self, kernels: Sequence[Kernel], alphas: Sequence[float], folds: KFold
    ) -> None:
        self.kernels, self.alphas, self.folds = kernels, np.asarray(alphas), folds

    def fit(self, X: Array, y: Array) -> "TunedKernelRidge":
        losses = np.array([self._losses(k, X, y) for k in self.kernels])
        which, self._column = divmod(int(np.argmin(losses)), len(self.alphas))
        self._predict = follow(self.kernels[which], X, y)
        return self

    def predict(self, X: Array) -> Array:
        return self._predict(X, self.alphas)[:, self._column]

    def _losses(self, kernel: Kernel, X: Array, y: Array) -> Array:
        """Return the held-out squared error of every alpha."""
        total = np.zeros(len(self.alphas))
        for train, test in self.folds.split(X):
            guess = follow(kernel, X[train], y[train])(X[test], self.alphas)
            total += np.sum((guess - y[test][:, None]) ** 2, axis=0)
        return total


def follow(kernel: Kernel, X: Array, y: Array) -> Callable[[Array, Array], Array]:
    """Return predictions of all alphas at once, from one eigendecomposition."""
    sizes, V = np.linalg.eigh(kernel(X, X))
    rotated, mean = V.T @ (y - y.mean()), y.mean()

    def predict(T: Array, alphas: Array) -> Array:
        coef = rotated[:, None] / (np.maximum(sizes, 0.0)[:, None] + alphas)
        return mean + kernel(T, X) @ (V @ coef)

    return predict
