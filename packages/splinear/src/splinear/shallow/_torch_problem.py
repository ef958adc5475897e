"""The passes over the data that grow with N K, on a torch device.

Data go to the device once, in double precision; losses, searches and small systems
stay with numpy. The same sums in another order: answers agree up to rounding.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from splinear.shallow._problem import Equations, Neurons, Problem

Array = NDArray[np.float64]

#: Entries of a block of activations on the device: 128 MiB.
_BLOCK = 2**24


@final
@dataclass(frozen=True, eq=False)
class TorchProblem(Problem):
    """A problem whose passes run on `device`."""

    device: str = "cpu"

    @cached_property
    def _data(self) -> tuple[Any, Any, Any, Any]:
        """X, w, the basis of the skip connection and Y, on the device."""
        basis = Problem.basis(self, slice(None))
        X, w, B, Y = map(self._send, (self.X, self.w, basis, self.Y))
        return X, w, B, Y

    def _send(self, values: Array) -> Any:
        import torch

        return torch.as_tensor(np.ascontiguousarray(values), device=self.device)

    def at(self, alpha: float) -> "Problem":
        """Return the problem with another alpha, keeping what is on the device."""
        other = super().at(alpha)
        if "_data" in self.__dict__:
            other.__dict__["_data"] = self._data
        return other

    def _parts(self, K: int) -> Iterator[slice]:
        step = max(1024, _BLOCK // max(1, K))
        for start in range(0, self.n, step):
            yield slice(start, min(start + step, self.n))

    def _activations(self, U: Any, t: Any, rows: slice) -> tuple[Any, Any]:
        """Return ``rho(U . x - t)`` and its slopes."""
        import torch

        p, (below, above) = self.atoms.homogeneity, self.atoms.sides
        Z = self._data[0][rows] @ U.T - t
        side = torch.where(Z > 0.0, above, below).to(Z.dtype)
        if p == 1:
            return side * Z, side
        power = side * Z ** (p - 1)
        return power * Z, p * power

    def predict(self, neurons: Neurons) -> Array:
        """f at the data, (N, D)."""
        U, t, A, S = map(self._send, (neurons.U, neurons.t, neurons.A, neurons.S))
        F = np.empty(self.Y.shape)
        for rows in self._parts(len(neurons.t)):
            part = self._activations(U, t, rows)[0] @ A + self._data[2][rows] @ S
            F[rows] = part.cpu().numpy()
        return F

    def correlations(self, neurons: Neurons, R: Array) -> Array:
        """``sum_i w_i phi_i R_i``, (K, D)."""
        U, t = self._send(neurons.U), self._send(neurons.t)
        weighted = self._send(self.w[:, None] * R)
        total = self._send(np.zeros(neurons.A.shape))
        for rows in self._parts(len(t)):
            total += self._activations(U, t, rows)[0].T @ weighted[rows]
        return total.cpu().numpy()

    def normal_equations(self, neurons: Neurons) -> Equations:
        """Gram matrices of activations and targets, as `Problem` has them."""
        U, t = self._send(neurons.U), self._send(neurons.t)
        _, w, B, Y = self._data
        M = self._along_skip_map(U, t)
        c = B.T @ (w[:, None] * Y)
        K, D = neurons.A.shape
        G, C, y2 = self._send(np.zeros((K, K))), self._send(np.zeros((K, D))), 0.0
        for rows in self._parts(K):
            root = w[rows].sqrt()[:, None]
            Phi = root * (self._activations(U, t, rows)[0] - B[rows] @ M)
            R = root * (Y[rows] - B[rows] @ c)
            G += Phi.T @ Phi
            C += Phi.T @ R
            y2 += float((R * R).sum())
        back = [part.cpu().numpy() for part in (G, C, M, c)]
        return Equations(back[0], back[1], y2, back[2], back[3])

    def _along_skip_map(self, U: Any, t: Any) -> Any:
        """``sum_i w_i b_i phi_i``, (r, K), on the device."""
        _, w, B, _ = self._data
        total = self._send(np.zeros((B.shape[1], len(t))))
        for rows in self._parts(len(t)):
            weighted = w[rows, None] * B[rows]
            total += weighted.T @ self._activations(U, t, rows)[0]
        return total

    def raw_value_and_gradient(
        self, W: Array, b: Array, V: Array, S: Array
    ) -> tuple[float, Array, Array, Array, Array]:
        """Mean loss of ``sum_k V_k rho(W_k . x - b_k) + S' b(x)`` and its gradient."""
        X, _, B, _ = self._data
        sent = [self._send(part) for part in (W, b, V, S)]
        total, sums = 0.0, [part.new_zeros(part.shape) for part in sent]
        for rows in self._parts(len(b)):
            Z, slopes = self._activations(sent[0], sent[1], rows)
            F = (Z @ sent[2] + B[rows] @ sent[3]).cpu().numpy()
            total += float(self.w[rows] @ self.loss.value(self.Y[rows], F))
            pull = self.loss.pull(self.Y[rows], F)
            P = self._send(pull * -self.w[rows, None])
            slopes *= P @ sent[2].T
            sums[0] += slopes.T @ X[rows]
            sums[1] -= slopes.sum(0)
            sums[2] += Z.T @ P
            sums[3] += B[rows].T @ P
        gW, gb, gV, gS = (part.cpu().numpy() for part in sums)
        return total, gW, gb, gV, gS


def on_device(problem: Problem, device: Any) -> TorchProblem:
    """Return the problem with its passes on a torch device.

    Parameters
    ----------
    problem : Problem
        On the CPU, by numpy.
    device : str or torch.device
        "cpu", "cuda", "cuda:1", "mps" has no double precision.

    Raises
    ------
    ImportError
        If torch is not installed.
    ValueError
        If there is no such device, or it cannot hold double precision.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"device={device!r} needs PyTorch: pip install 'splinear[torch]', or leave "
            "device=None, which uses numpy"
        ) from error
    try:
        torch.zeros(1, dtype=torch.float64, device=device)
    except (RuntimeError, TypeError, AssertionError) as error:
        raise ValueError(
            f"device must be a torch device with double precision; got {device!r} "
            f"({' '.join(str(error).split())[:200]})"
        ) from error
    known = {field.name: getattr(problem, field.name) for field in fields(problem)}
    return TorchProblem(**known, device=str(device))
