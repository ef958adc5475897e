"""Layers, data, and the partial products of which all derivatives are made.

Letters as in the theory page: f = c |W_L ... W_1 X - Y|^2 + lam sum |W_i|^2.  Lists run
over layers, so that S[i] and R[i] belong to the layer W[i], the (i+1)-th.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

Array = NDArray[np.float64]
Top = tuple[float, Array, Array]


@dataclass(frozen=True)
class Chain:
    """The problem at a point; X is None for the identity."""

    W: tuple[Array, ...]
    X: Array | None  # (d_0, n)
    Y: Array  # (d_L, n)
    c: float
    lam: float

    @cached_property
    def R(self) -> list[Array]:
        """Return prefixes: R[i] = W[i-1] ... W[0] X, (d_i, n), and R[L] the product."""
        products = [np.eye(self.W[0].shape[1]) if self.X is None else self.X]
        products.append(self.W[0] if self.X is None else self.W[0] @ self.X)
        with np.errstate(over="ignore", invalid="ignore"):
            for W in self.W[1:]:
                products.append(W @ products[-1])
        return products

    def require_finite(self) -> Array:
        """Return the product of the layers with X, or refuse one that overflows."""
        if not np.isfinite(self.R[-1]).all():
            raise ValueError(
                "weights must have a finite product; it overflows: rescale the layers"
            )
        return self.R[-1]

    @cached_property
    def S(self) -> list[Array]:
        """Return suffixes: S[i] = W[L-1] ... W[i+1], (d_L, d_(i+1)); the last is I."""
        products = [np.eye(self.W[-1].shape[0])]
        if len(self.W) > 1:
            products.append(self.W[-1])
        for W in self.W[-2:0:-1]:
            products.append(products[-1] @ W)
        return products[::-1]

    @cached_property
    def E(self) -> Array:
        """Return the residual W_L ... W_1 X - Y."""
        return self.R[-1] - self.Y

    @cached_property
    def ends(self) -> tuple["Top", "Top"]:
        """Return the top singular pairs of the first and of the last layer."""
        first = top_pair(self.W[0])
        return first, first if len(self.W) == 1 else top_pair(self.W[-1])

    @cached_property
    def W_norms(self) -> list[float]:
        inner = [spectral_norm(W) for W in self.W[1:-1]]
        first, last = (pair[0] for pair in self.ends)
        return [first, *inner, last][: len(self.W)]

    @cached_property
    def S_norms(self) -> list[float]:
        """Return |S[i]|; the last is 1, the last but one the norm of the last layer."""
        inner = [spectral_norm(S) for S in self.S[:-2]]
        return [*inner, *self.W_norms[-1:][: len(self.W) - 1], 1.0]

    @cached_property
    def R_norms(self) -> list[float]:
        """Return |R[i]| for each layer."""
        if self.X is not None:
            return [spectral_norm(R) for R in self.R[:-1]]
        inner = [spectral_norm(R) for R in self.R[2:-1]]
        return [1.0, *self.W_norms[:1][: len(self.W) - 1], *inner]

    @property
    def n_parameters(self) -> int:
        return sum(W.size for W in self.W)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [W.shape for W in self.W]

    def split(self, flat: Array) -> list[Array]:
        """Return the layers of a vector, each in row-major order, first layer first."""
        ends = np.cumsum([W.size for W in self.W])[:-1]
        parts = np.split(np.asarray(flat).ravel(), ends)
        return [part.reshape(W.shape) for part, W in zip(parts, self.W, strict=True)]

    def between(self, i: int, j: int) -> float:
        """Bound the norm of W[j-1] ... W[i+1], for i < j, by the product of norms."""
        return prod(self.W_norms[i + 1 : j])


def join(parts: list[Array]) -> Array:
    """Return the vector of which `Chain.split` is the inverse."""
    return np.concatenate([part.ravel() for part in parts])


def spectral_norm(A: Array) -> float:
    """Return the largest singular value, from the smaller Gram matrix.

    The square of the largest singular value is the largest eigenvalue of the Gram
    matrix, which has full relative accuracy; it costs a fraction of an SVD.
    """
    return top_pair(A)[0]


def top_pair(A: Array) -> Top:
    """Return the largest singular value with its left and right vector."""
    scale = float(np.abs(A).max())
    if scale == 0.0:
        return 0.0, unit(A.shape[0]), unit(A.shape[1])
    B = A / scale  # so that squares neither overflow nor vanish
    tall = B.shape[0] >= B.shape[1]
    G = B.T @ B if tall else B @ B.T
    value, vectors = top_eigen(G)
    inner = vectors
    outer = B @ inner if tall else B.T @ inner
    sigma = float(np.linalg.norm(outer))
    outer /= sigma
    left, right = (outer, inner) if tall else (inner, outer)
    return scale * float(np.sqrt(value)), left, right


def top_eigen(G: Array) -> tuple[float, Array]:
    """Return the largest eigenvalue of a symmetric matrix and its vector."""
    last = len(G) - 1
    values, vectors = eigh(G, subset_by_index=[last, last])
    return max(float(values[0]), 0.0), vectors[:, 0]


def unit(size: int) -> Array:
    vector = np.zeros(size)
    vector[0] = 1.0
    return vector
