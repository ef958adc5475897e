"""Joint descent: directions, offsets, coefficients and skip connection slide at once.

With one output a neuron is ``sign relu(w.x - b)``, its amplitude the length of w, so
that the penalty is exact and smooth away from zero. With several, half of
``|v|^2 + |w|^(2m-2)`` takes the place of ``|v| |w|^(m-1)``: equal where balanced [1]_.

References
----------
.. [1] Parhi and Nowak, JMLR 22(43), 2021, Thm. 8.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from splinear.shallow._problem import Neurons, Problem

Array = NDArray[np.float64]


def descend(problem: Problem, neurons: Neurons, max_iter: int) -> Neurons:
    """Run L-BFGS from `neurons`; the result is never worse."""
    if len(neurons.t) == 0 or max_iter == 0:
        return neurons
    way = _Signed(problem, neurons) if problem.n_outputs == 1 else _Balanced(problem)
    start = way.pack(neurons)
    found = minimize(
        way.value_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_iter, "maxcor": 20, "ftol": 1e-13, "gtol": 1e-12},
    )
    return way.unpack(found.x) if np.isfinite(found.fun) else neurons


class _Way:
    """Parameters of a descent as one vector: W, b, then V, then S."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.p = problem.atoms.homogeneity
        self.cost = problem.alpha * problem.atoms.unit_cost

    def split(self, x: Array, D: int) -> tuple[Array, Array, Array, Array]:
        d, r = self.problem.X.shape[1], self.problem.skip_map.shape[1]
        skip = r * self.problem.n_outputs
        K = (x.size - skip) // (d + 1 + D)
        W, b = x[: K * d].reshape(K, d), x[K * d : K * (d + 1)]
        V = x[K * (d + 1) : x.size - skip].reshape(K, D)
        return W, b, V, x[x.size - skip :].reshape(r, -1)


class _Signed(_Way):
    def __init__(self, problem: Problem, neurons: Neurons) -> None:
        super().__init__(problem)
        self.V = np.where(neurons.A < 0.0, -1.0, 1.0)

    def pack(self, neurons: Neurons) -> Array:
        scale = np.abs(neurons.A.ravel()) ** (1.0 / self.p)
        W, b = neurons.U * scale[:, None], neurons.t * scale
        return np.concatenate([W.ravel(), b, neurons.S.ravel()])

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        W, b, _, S = self.split(x, 0)
        value, gW, gb, _, gS = self.problem.raw_value_and_gradient(W, b, self.V, S)
        sizes = np.sqrt(np.einsum("kd,kd->k", W, W))
        value += self.cost * float(np.sum(sizes**self.p))
        # |w|^p has the gradient p |w|^(p-2) w
        safe = np.maximum(sizes, 1e-300)
        gW += (self.cost * self.p * safe ** (self.p - 2))[:, None] * W
        return value, np.concatenate([gW.ravel(), gb, gS.ravel()])

    def unpack(self, x: Array) -> Neurons:
        W, b, _, S = self.split(x, 0)
        sizes = np.sqrt(np.einsum("kd,kd->k", W, W))
        live = sizes > 1e-12 * max(float(sizes.max(initial=0.0)), 1e-300)
        U, t = W[live] / sizes[live, None], b[live] / sizes[live]
        return Neurons(U, t, self.V[live] * sizes[live, None] ** self.p, S.copy())


class _Balanced(_Way):
    def pack(self, neurons: Neurons) -> Array:
        # |v| = |w|^p is where the two penalties agree
        scale = neurons.sizes ** (0.5 / self.p)
        W, b = neurons.U * scale[:, None], neurons.t * scale
        V = neurons.A / np.maximum(np.sqrt(neurons.sizes), 1e-300)[:, None]
        return np.concatenate([W.ravel(), b, V.ravel(), neurons.S.ravel()])

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        W, b, V, S = self.split(x, self.problem.n_outputs)
        value, gW, gb, gV, gS = self.problem.raw_value_and_gradient(W, b, V, S)
        squares = np.einsum("kd,kd->k", W, W)
        value += 0.5 * self.cost * float(np.sum(squares**self.p) + np.vdot(V, V))
        gW += (self.cost * self.p * squares ** (self.p - 1))[:, None] * W
        gV += self.cost * V
        return value, np.concatenate([gW.ravel(), gb, gV.ravel(), gS.ravel()])

    def unpack(self, x: Array) -> Neurons:
        W, b, V, S = self.split(x, self.problem.n_outputs)
        sizes = np.sqrt(np.einsum("kd,kd->k", W, W))
        A = V * (sizes**self.p)[:, None]
        norms = np.sqrt(np.einsum("kd,kd->k", A, A))
        live = norms > 1e-12 * max(float(norms.max(initial=0.0)), 1e-300)
        U, t = W[live] / sizes[live, None], b[live] / sizes[live]
        return Neurons(U, t, A[live], S.copy())
