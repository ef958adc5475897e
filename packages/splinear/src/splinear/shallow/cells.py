"""Proofs of optimality for shallow ReLU networks, from the exact supremum of eta.

What a heuristic search cannot give: with the exact price of the residual the gap (7) of
the squared loss is a bound on the distance from the global optimum.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.certificate import Certificate, certify, relative_gap
from splinear.core.iterate import iterate
from splinear.core.progress import Progress
from splinear.core.result import Result
from splinear.shallow._cells_master import Cell, cells_at, solve_master
from splinear.shallow.exact_pricing import Price, price_exact
from splinear.shallow.net import ShallowNet

Array = NDArray[np.float64]


def certify_exact(
    net: ShallowNet, X: Any, y: Any, w: Any, alpha: float
) -> tuple[float, Certificate, Price]:
    """Return the objective at `net`, its proven gap, and the price of the residual.

    The objective is ``sum_i w_i |y_i - f(x_i)|^2 / (2 sum w) + alpha sum_k |a_k|``. The
    skip connection of `net` is replaced by the best one first, so that the residual is
    orthogonal to affine functions; the objective is that of the replaced network.
    With ``p_i = w_i r_i``, ``lam = alpha sum w`` and ``s = min(1, lam / sup |eta|)``::

        gap sum w = (1-s)^2/2 sum w |r|^2 + sum_k (lam |a_k| - s <eta(u_k, t_k), a_k>)

    in which no term is negative.

    Parameters
    ----------
    net : ShallowNet
        ReLU network of order 2.
    X : (N, d) array
        Of affine dimension at most 3.
    y : (N,) or (N, D) array
        Targets.
    w : (N,) array, or None
        Positive; None means ones.
    alpha : float, > 0
        Penalty, in the units of the objective.

    Returns
    -------
    objective : float
    certificate : Certificate
        Of kind "exact".
    price : Price
        Its atoms with values above ``alpha sum w`` would improve the network.

    Raises
    ------
    ValueError
        If `net` is no ReLU network of order 2, or X has more than 3 dimensions.

    Examples
    --------
    XOR: one neuron across the diagonal is optimal, with ``P = 2 sqrt2 lam - 4 lam^2``.

    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    >>> y, half = np.array([0.0, 0.0, 1.0, 1.0]), 0.5**0.5
    >>> size = 2 * 2**0.5 - 0.8
    >>> net = ShallowNet(
    ...     np.array([[half, half]]),
    ...     np.array([half]),
    ...     np.array([[-size]]),
    ...     np.zeros((2, 1)),
    ...     np.zeros(1),
    ... )
    >>> objective, certificate, _ = certify_exact(net, X, y, None, alpha=0.1 / 4)
    >>> round(4 * objective, 10), bool(certificate.relative_gap < 1e-9)
    (0.2428427125, True)
    """
    if net.order != 2 or net.activation != "relu":
        raise ValueError(
            "certify_exact needs a ReLU network of order 2; got "
            f"{net.activation!r} of order {net.order}: use a heuristic certificate"
        )
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    y = y[:, None] if y.ndim == 1 else y
    w = np.ones(len(y)) if w is None else np.asarray(w, dtype=np.float64)
    total, sizes = float(w.sum()), np.linalg.norm(net.coef, axis=1)
    hidden = np.maximum(X @ net.directions.T - net.offsets, 0.0)
    r = _without_affine(X, y - hidden @ net.coef, w)
    lam, loss = alpha * total, _half_square(r, w)
    price = price_exact(X, w[:, None] * r)
    s = min(1.0, lam / price.bound) if price.bound > 0.0 else 1.0
    eta = hidden.T @ (w[:, None] * r)
    slack = lam * sizes - s * np.sum(eta * net.coef, axis=1)
    gap = ((1.0 - s) ** 2 * loss + float(np.sum(np.maximum(slack, 0.0)))) / total
    objective = loss / total + alpha * float(sizes.sum())
    null = _half_square(_without_affine(X, y, w), w) / total
    scale = 1.0 / relative_gap(1.0, null, y.ravel(), np.repeat(w, y.shape[1]))
    return objective, certify("exact", objective, gap, scale), price


def _half_square(r: Array, w: Array) -> float:
    return 0.5 * float(w @ np.sum(r * r, axis=1))


def _without_affine(X: Array, y: Array, w: Array) -> Array:
    """Return the residual of the weighted affine fit, projected twice."""
    root = np.sqrt(w)[:, None]
    centred = X - np.average(X, axis=0, weights=w)
    left, sizes, _ = np.linalg.svd(root * centred, full_matrices=False)
    left = left[:, sizes > 1e-13 * max(float(sizes[0]), 1e-300)]
    basis, _ = np.linalg.qr(np.column_stack((root, left)))
    z = root * y
    for _ in range(2):
        z = z - basis @ (basis.T @ z)
    return z / root


def solve_cells(
    X: Any,
    y: Any,
    w: Any,
    alpha: float,
    *,
    tol: float = 1e-8,
    max_iter: int = 50,
    progress: Progress | None = None,
) -> Result[ShallowNet]:
    """Minimise the squared loss plus ``alpha sum |a_k|`` to a proven gap.

    Column generation over activation cells: the exact price of the residual names the
    cells to add, a convex problem over one vector per cell is solved by an interior
    point (`_cells_master`), and cells that end empty are dropped.

    Parameters
    ----------
    X : (N, d) array
        d at most 3; `feasible` says which N take seconds.
    y : (N,) array
        One output: for several the problem within a cell is another one.
    w : (N,) array, or None
        Positive; None means ones.
    alpha : float, > 0
        Penalty, in the units of the objective.
    tol : float
        Relative gap to reach.
    max_iter : int
        Rounds of pricing.
    progress : Progress, optional
        Is told the gap.

    Returns
    -------
    Result of ShallowNet
        With a certificate of kind "exact".

    Examples
    --------
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    >>> result = solve_cells(X, [0.0, 0.0, 1.0, 1.0], None, alpha=0.1 / 4)
    >>> round(4 * result.objective, 8), result.certificate.kind
    (0.24284271, 'exact')
    """
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64).ravel()
    w = np.ones(len(y)) if w is None else np.asarray(w, dtype=np.float64)
    method = _CellGeneration(X, y, w, alpha, tol)
    return iterate(method, tol=tol, max_iter=max_iter, progress=progress)


class _CellGeneration:
    """The method behind `solve_cells`, in the form that `iterate` runs."""

    def __init__(self, X: Array, y: Array, w: Array, alpha: float, tol: float) -> None:
        self._X, self._y, self._w, self._alpha = X, y, w, alpha
        self._lam = alpha * float(w.sum())
        root = np.sqrt(w)
        self._target = root * _without_affine(X, y[:, None], w).ravel()
        self._gap = 0.1 * tol * max(0.5 * float(self._target @ self._target), 1e-300)

    def init(self) -> "_State":
        return self._state([], np.zeros((0, self._X.shape[1])))

    def certify(self, state: "_State") -> tuple[float, Certificate]:
        return state.objective, state.certificate

    def step(self, state: "_State") -> "_State | None":
        cells = {cell.key: cell for cell in state.cells}
        old = len(cells)
        price = state.price
        p = self._w * (self._y - state.net(self._X).ravel())
        for k in np.flatnonzero(price.values > self._lam)[:12]:
            u, t = price.directions[k], float(price.offsets[k])
            sign = 1.0 if np.maximum(self._X @ u - t, 0.0) @ p > 0.0 else -1.0
            cells.update((c.key, c) for c in cells_at(self._X, u, t, sign))
        if len(cells) == old:
            return None
        chosen = list(cells.values())
        U = solve_master(
            self._design(chosen), self._target, chosen, self._lam, self._gap
        )
        size = np.linalg.norm(U, axis=1)
        keep = np.flatnonzero(size > 1e-10 * size.sum())
        return self._state([chosen[k] for k in keep], U[keep])

    def finish(self, state: "_State") -> ShallowNet:
        return state.net

    def stats(self, state: "_State") -> dict[str, Any]:
        return {"n_neurons": state.net.offsets.size, "cells": len(state.cells)}

    def _design(self, cells: list[Cell]) -> Array:
        columns = [
            c.sign * c.pattern[:, None] * (self._X - self._X[c.pivot]) for c in cells
        ]
        fitted = _without_affine(self._X, np.hstack(columns), self._w)
        return np.sqrt(self._w)[:, None] * fitted

    def _state(self, cells: list[Cell], U: Array) -> "_State":
        pivots = self._X[[c.pivot for c in cells]].reshape(U.shape)
        signs = np.array([c.sign for c in cells])
        U, B, signs = _merged(self._X, U, np.sum(U * pivots, axis=1), signs)
        size = np.linalg.norm(U, axis=1)
        u, t, a = U / size[:, None], B / size, (size * signs)[:, None]
        d = self._X.shape[1]
        hidden = np.maximum(self._X @ u.T - t, 0.0)
        rest = self._y - (hidden @ a).ravel()
        centre = np.average(self._X, axis=0, weights=self._w)
        root = np.sqrt(self._w)
        mean = float(np.average(rest, weights=self._w))
        left = root[:, None] * (self._X - centre)
        skip = np.linalg.lstsq(left, root * (rest - mean), rcond=None)[0]
        net = ShallowNet(u, t, a, skip.reshape(d, 1), np.array([mean - centre @ skip]))
        proof = certify_exact(net, self._X, self._y, self._w, self._alpha)
        return _State(cells, net, *proof)


@dataclass(frozen=True, eq=False)
class _State:
    """Cells in use with their network, and what is proven about it."""

    cells: list[Cell]
    net: ShallowNet
    objective: float
    certificate: Certificate
    price: Price


def _merged(X: Array, U: Array, B: Array, signs: Array) -> tuple[Array, Array, Array]:
    """Sum neurons of one sign and one closed cell: equal on the data, no longer norm.

    The largest neurons come first and take up what fits.
    """
    order = np.argsort(-np.linalg.norm(U, axis=1), kind="stable")
    reach = np.abs(X - X.mean(axis=0)).max(initial=0.0)
    slack = 1e-10 * reach * float(np.linalg.norm(U, axis=1).sum())
    kept: list[tuple[Array, Array, Array]] = []
    for k in order:
        new = np.maximum(X @ U[k] - B[k], 0.0)
        for i, (V, C, sign) in enumerate(kept):
            z = X @ V - C
            joined = np.maximum(z + (X @ U[k] - B[k]), 0.0)
            apart = np.abs(joined - np.maximum(z, 0.0) - new)
            if sign == signs[k] and apart.max() <= slack:
                kept[i] = (V + U[k], C + B[k], sign)
                break
        else:
            kept.append((U[k], B[k], signs[k]))
    V = np.array([k[0] for k in kept]).reshape(-1, X.shape[1])
    return V, np.array([k[1] for k in kept]), np.array([k[2] for k in kept])
