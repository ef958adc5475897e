"""Gaussian process with a cubic of distances and a flat prior on affine functions.

With Q the orthogonal complement of the affine functions at the data, only contrasts
Q'y carry a likelihood; S = Q'(tau |x - x'|^3 + noise)Q is their covariance, positive
definite though the cubic alone is not.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, qr, solve_triangular

from splinear.processes._covariance_kernels import cubic

Array = NDArray[np.float64]


class Frame(NamedTuple):
    """Affine functions of centred, scaled columns: 1, z_1, ..., z_d."""

    center: Array
    scale: Array

    def __call__(self, X: Array) -> Array:
        return np.column_stack([np.ones(len(X)), (X - self.center) / self.scale])


class Contrasts(NamedTuple):
    """The data, split into what affine functions explain and what they cannot."""

    X: Array  # (n, d)
    frame: Frame
    Q1: Array  # (n, p)
    Q2: Array  # (n, n - p)
    R: Array  # (p, p)
    cubes: Array  # (n, n)


def contrasts(X: Array) -> Contrasts:
    """Split the rows; refuse rows that do not determine an affine function."""
    spread = np.ptp(X, axis=0)
    frame = Frame(X.mean(axis=0), np.where(spread > 0.0, spread, 1.0))
    P = frame(X)
    n, p = P.shape
    singular = np.linalg.svd(P, compute_uv=False)
    rank = int(np.sum(singular > 1e-10 * singular[0]))
    if rank < p or n < p + 1:
        constant = np.flatnonzero(spread == 0.0)
        hint = (
            f"column {constant[0]} is constant" if constant.size else "columns depend"
        )
        raise ValueError(
            f"X must have at least {p + 1} rows that span all {p - 1} columns, for the "
            f"affine part has a flat prior; got n_samples = {n} of affine rank {rank}"
            + (f" ({hint}): leave columns out" if n > p else ": give more rows")
        )
    Q, R = qr(P)
    return Contrasts(X, frame, Q[:, :p], Q[:, p:], R[:p], cubic(X, X))


class Posterior(NamedTuple):
    """Everything that predictions need."""

    split: Contrasts
    tau: float
    L: Array  # Cholesky factor of S, (n - p, n - p)
    dual: Array  # (n,) weights of the cubics
    affine: Array  # (p,)
    H: Array  # (p, n): affine coefficients of data, given the covariance
    G: Array  # (p, p)
    log_likelihood: float

    def mean(self, X: Array) -> Array:
        k = self.tau * cubic(X, self.split.X)
        return k @ self.dual + self.split.frame(X) @ self.affine

    def variance(self, X: Array) -> Array:
        k, P, B = self._parts(X)
        total = np.sum(B * B, axis=0) + 2.0 * np.sum((P @ self.H) * k, axis=1)
        return np.maximum(np.sum((P @ self.G) * P, axis=1) - total, 0.0)

    def covariance(self, X: Array) -> Array:
        k, P, B = self._parts(X)
        cross = P @ self.H @ k.T
        C = self.tau * cubic(X, X) - B.T @ B - cross - cross.T + P @ self.G @ P.T
        return 0.5 * (C + C.T)

    def _parts(self, X: Array) -> tuple[Array, Array, Array]:
        k = self.tau * cubic(X, self.split.X)
        B = solve_triangular(self.L, self.split.Q2.T @ k.T, lower=True)
        return k, self.split.frame(X), B


def condition(split: Contrasts, y: Array, tau: float, noise: float) -> Posterior:
    """Return the posterior given the data; universal kriging."""
    Q1, Q2, R = split.Q1, split.Q2, split.R
    K = tau * split.cubes + noise * np.eye(len(y))
    L = factor(Q2.T @ K @ Q2, noise)
    z = solve_triangular(L, Q2.T @ y, lower=True)
    # K B of the text below is K Q2 S^-1 Q2'.
    W = solve_triangular(L, Q2.T, lower=True)
    dual = W.T @ z
    KB = (K @ W.T) @ W
    H = solve_triangular(R, Q1.T - Q1.T @ KB)
    G = solve_triangular(R, Q1.T @ (K - KB @ K) @ Q1)
    G = solve_triangular(R, G.T)
    affine = solve_triangular(R, Q1.T @ (y - K @ dual))
    value = -0.5 * (z @ z + len(z) * np.log(2.0 * np.pi)) - np.sum(np.log(np.diag(L)))
    return Posterior(split, tau, L, dual, affine, H, 0.5 * (G + G.T), float(value))


def factor(S: Array, noise: float) -> Array:
    """Return the Cholesky factor; refuse a matrix that is singular up to rounding."""
    try:
        L = cholesky(S, lower=True)
        pivots = np.diag(L) ** 2
        singular = pivots.min() <= len(S) * np.finfo(np.float64).eps * pivots.max()
    except LinAlgError:
        singular = True
    if singular:
        raise ValueError(
            f"the covariance of the data is singular at noise {noise:g}: rows of X are "
            "equal or nearly so; average them, or give noise > 0 or 'auto'"
        )
    return L
