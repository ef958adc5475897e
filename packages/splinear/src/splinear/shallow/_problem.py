"""The problem in the units of the solvers, and its passes over the data.

    min  sum_i w_i loss(y_i, f(x_i)) + alpha sum_k |a_k|,   sum w = 1,
    f(x) = sum_k a_k rho(u_k . x - t_k) + s' b(x)

``b`` is a basis of the skip connection that is orthonormal on the data, so that all
unknowns of a descent have comparable curvature. Every pass goes over blocks of rows
whose activations stay in the cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinear.shallow import _pass_kernels as kernels
from splinear.shallow import _polynomial as polynomial
from splinear.shallow.atoms import AtomFamily
from splinear.shallow.net import ShallowNet

Array = NDArray[np.float64]

#: Entries of a block of activations: 512 KiB.
_BLOCK = 2**16
#: Numbers of a basis of the skip connection that are kept from pass to pass.
KEPT = 2**20


@dataclass(frozen=True)
class Neurons:
    """Unit directions (K, d), offsets (K,), coefficients (K, D), skip in b, (r, D)."""

    U: Array
    t: Array
    A: Array
    S: Array

    def take(self, rows: Any) -> "Neurons":
        """Return some of the neurons, with the skip connection."""
        return Neurons(self.U[rows], self.t[rows], self.A[rows], self.S)

    @property
    def sizes(self) -> Array:
        """Norms |a_k|, (K,)."""
        return np.sqrt(np.einsum("kd,kd->k", self.A, self.A))


class Equations(NamedTuple):
    """What the corrective step of squared loss needs, orthogonal to the skip."""

    G: Array  # (K, K) Gram matrix of the activations
    C: Array  # (K, D) their products with the targets
    y2: float  # squares of the targets
    M: Array  # (r, K) activations along b
    c: Array  # (r, D) targets along b


@dataclass(frozen=True, eq=False)
class Problem:
    """Data of a fit; rows of weight zero are gone, weights sum to one."""

    X: Array  # (N, d), contiguous
    Y: Array  # (N, D)
    w: Array  # (N,)
    loss: Any
    alpha: float
    atoms: AtomFamily
    truth: Any = None  # the loss that `loss` smooths, if it does

    @property
    def n(self) -> int:
        """N."""
        return self.X.shape[0]

    @property
    def n_outputs(self) -> int:
        """D."""
        return self.Y.shape[1]

    def at(self, alpha: float) -> "Problem":
        """Return the problem with another alpha, keeping what was computed."""
        other = replace(self, alpha=alpha)
        for name in ("skip_map", "_whole_basis", "reach", "null", "scale"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    def sharper(self) -> "Problem | None":
        """Return the problem with a quarter of the smoothing; None where that ends."""
        if self.truth is None or self.loss.width < 1e-6:
            return None
        other = self.at(self.alpha)
        object.__setattr__(other, "loss", self.truth.smoothed(0.25 * self.loss.width))
        other.__dict__.pop("null", None)
        return other

    @cached_property
    def skip_map(self) -> Array:
        """T (q, r): columns of ``[1, monomials] T`` are orthonormal under w."""
        R = np.zeros((0, 0))
        for rows in blocks(self.n, 64):
            B = np.sqrt(self.w[rows])[:, None] * self.monomials(rows)
            stack = np.vstack([R, B]) if R.size else B
            R = np.asarray(np.linalg.qr(stack, mode="r"))
        _, sizes, right = np.linalg.svd(R)
        keep = sizes > max(R.shape) * 4e-15 * sizes[0]
        return right[: sizes.size][keep].T / sizes[keep]

    def monomials(self, rows: slice) -> Array:
        """Columns 1 and the monomials of the skip connection, (n, q)."""
        table = polynomial.design(self.X[rows], self.atoms.skip_degree)
        return np.column_stack([np.ones(len(table)), table])

    @cached_property
    def _whole_basis(self) -> Array | None:
        """All rows of b where that is small: every pass needs them."""
        if self.n * self.skip_map.shape[1] > KEPT:
            return None
        return self.monomials(slice(None)) @ self.skip_map

    def basis(self, rows: slice) -> Array:
        """Columns b of the skip connection, (n, r)."""
        if self._whole_basis is not None:
            return self._whole_basis[rows]
        T = self.skip_map
        if self.atoms.skip_degree == 1:
            return self.X[rows] @ T[1:] + T[0]
        return self.monomials(rows) @ T

    @property
    def _affine(self) -> bool:
        """Whether b is best applied as a map of X: affine, and not kept."""
        return self._whole_basis is None and self.atoms.skip_degree == 1

    def skip(self, rows: slice, S: Array) -> Array:
        """``S' b`` at some rows, (n, D), without b where that is not kept."""
        if not self._affine:
            return self.basis(rows) @ S
        T = self.skip_map
        return self.X[rows] @ (T[1:] @ S) + T[0] @ S

    def along_skip(self, rows: slice, P: Array) -> Array:
        """``sum_i b_i P_i`` over some rows, (r, D)."""
        if not self._affine:
            return self.basis(rows).T @ P
        T = self.skip_map
        return T[1:].T @ (self.X[rows].T @ P) + np.outer(T[0], P.sum(axis=0))

    @cached_property
    def reach(self) -> float:
        """Largest distance of a row from the mean."""
        centre = self.X.mean(axis=0)
        return max(
            float(np.sqrt(np.max(np.sum((self.X[r] - centre) ** 2, axis=1))))
            for r in blocks(self.n, self.X.shape[1])
        )

    def blocks(self, K: int) -> Iterator[slice]:
        """Row slices whose activations of K neurons fit into the cache."""
        return blocks(self.n, K + self.skip_map.shape[1])

    def features(self, neurons: Neurons, rows: slice = slice(None)) -> Array:
        """Activations, (n, K)."""
        return self.atoms.evaluate(self.X[rows] @ neurons.U.T, neurons.t)

    def predict(self, neurons: Neurons) -> Array:
        """f at the data, (N, D)."""
        F = np.empty(self.Y.shape)
        for rows in self.blocks(len(neurons.t)):
            F[rows] = self.features(neurons, rows) @ neurons.A
            F[rows] += self.skip(rows, neurons.S)
        return F

    def mean_loss(self, F: Array) -> float:
        """``sum_i w_i loss(y_i, F_i)``."""
        return float(self.w @ self.loss.value(self.Y, F))

    def objective(self, neurons: Neurons, F: Array | None = None) -> float:
        """Mean loss and penalty."""
        F = self.predict(neurons) if F is None else F
        penalty = self.alpha * self.atoms.unit_cost * float(neurons.sizes.sum())
        return self.mean_loss(F) + penalty

    def true_objective(self, neurons: Neurons, F: Array) -> float:
        """Mean loss, without smoothing, and penalty."""
        value = self.objective(neurons, F)
        if self.truth is None:
            return value
        return value + float(self.w @ self.truth.value(self.Y, F)) - self.mean_loss(F)

    def residual(self, F: Array) -> Array:
        """Dual rows: pulls orthogonal to the skip connection, inside the domain."""
        R = self.loss.pull(self.Y, F)
        return self.loss.feasible(self.Y, R - self.expand(self.moments(R)))

    def moments(self, R: Array) -> Array:
        """``sum_i w_i b_i R_i``, (r, D)."""
        total = np.zeros((self.skip_map.shape[1], R.shape[1]))
        for rows in blocks(self.n, total.shape[0]):
            total += self.along_skip(rows, self.w[rows, None] * R[rows])
        return total

    def expand(self, S: Array) -> Array:
        """The skip connection at the data, (N, D)."""
        F = np.empty((self.n, S.shape[1]))
        for rows in blocks(self.n, S.shape[0]):
            F[rows] = self.skip(rows, S)
        return F

    def correlations(self, neurons: Neurons, R: Array) -> Array:
        """``sum_i w_i phi_i R_i``, (K, D): eta at the neurons."""
        total = np.zeros(neurons.A.shape)
        for rows in self.blocks(len(neurons.t)):
            total += self.features(neurons, rows).T @ (self.w[rows, None] * R[rows])
        return total

    def normal_equations(self, neurons: Neurons) -> Equations:
        """Gram matrices of activations and targets less what lies along b."""
        K, D = neurons.A.shape
        M, c = self._along_basis(neurons)
        G, C, y2 = np.zeros((K, K)), np.zeros((K, D)), 0.0
        for rows in self.blocks(K):
            B = self.basis(rows)
            root = np.sqrt(self.w[rows])[:, None]
            Phi = root * (self.features(neurons, rows) - B @ M)
            R = root * (self.Y[rows] - B @ c)
            G += Phi.T @ Phi
            C += Phi.T @ R
            y2 += float(np.vdot(R, R))
        return Equations(G, C, y2, M, c)

    def _along_basis(self, neurons: Neurons) -> tuple[Array, Array]:
        r = self.skip_map.shape[1]
        M, c = np.zeros((r, len(neurons.t))), np.zeros((r, self.n_outputs))
        for rows in self.blocks(len(neurons.t)):
            B = self.w[rows, None] * self.basis(rows)
            M += B.T @ self.features(neurons, rows)
            c += B.T @ self.Y[rows]
        return M, c

    def to_net(self, neurons: Neurons) -> ShallowNet:
        """The network in the units of X."""
        coefficients = self.skip_map @ neurons.S
        return ShallowNet(
            neurons.U,
            neurons.t,
            neurons.A,
            coefficients[1:],
            coefficients[0],
            self.atoms.order,
            self.atoms.name,
        )

    def raw_value_and_gradient(
        self, W: Array, b: Array, V: Array, S: Array
    ) -> tuple[float, Array, Array, Array, Array]:
        """Mean loss of ``sum_k V_k rho(W_k . x - b_k) + S' b(x)`` and its gradient."""
        p = self.atoms.homogeneity
        total, gW, gb = 0.0, np.zeros(W.shape), np.zeros(b.shape)
        gV, gS = np.zeros(V.shape), np.zeros(S.shape)
        for rows in self.blocks(len(b)):
            X = self.X[rows]
            Z = X @ W.T
            slopes = kernels.activate(Z, b, p, *self.atoms.sides)
            F = Z @ V + self.skip(rows, S)
            total += float(self.w[rows] @ self.loss.value(self.Y[rows], F))
            P = self.loss.pull(self.Y[rows], F) * -self.w[rows, None]
            gV += Z.T @ P
            gS += self.along_skip(rows, P)
            gb -= kernels.pull_back(slopes, P, V)
            gW += slopes.T @ X
        return total, gW, gb, gV, gS


def blocks(n: int, width: int) -> Iterator[slice]:
    """Yield slices of rows, `width` numbers each, of about `_BLOCK` numbers."""
    step = max(64, _BLOCK // max(1, width))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def replace_rows(problem: Problem, rows: NDArray[np.intp]) -> Problem:
    """Return the problem on some of the rows, weights summing to one again."""
    w = problem.w[rows]
    return replace(problem, X=problem.X[rows], Y=problem.Y[rows], w=w / w.sum())
