"""The convex problem over one vector per activation cell, by an interior point.

A cell is a pivot x_j, a sign s and a pattern A of the other points: on the cone of U
with that pattern ``s relu(U.(x - x_j))`` is linear in U on the data, so that

    min 1/2 |y - sum_k Phi_k U_k|^2 + lam sum |U_k|,   U_k in cone k

is convex. The norm's barrier ``-mu log(tau^2 - |U|^2)`` is minimised over tau in closed
form: ``tau = (mu + sqrt(mu^2 + lam^2 |U|^2)) / lam``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Width of the neighbourhood in which the cells at a direction are told apart.
NEAR = 1e-7


@dataclass(frozen=True, eq=False)
class Cell:
    """Pivot, sign, pattern, a direction inside, and the cone's rows (unit length)."""

    pivot: int
    sign: float
    pattern: NDArray[np.bool_]
    inside: Array
    rows: Array

    @property
    def key(self) -> tuple[int, float, bytes]:
        """What makes two cells the same."""
        return self.pivot, self.sign, self.pattern.tobytes()


def cells_at(X: Array, u: Array, t: float, sign: float) -> list[Cell]:
    """Return the cells whose closure holds the direction u, for all its pivots."""
    scale = np.abs(X - X.mean(axis=0)).max()
    pivots = np.flatnonzero(np.abs(X @ u - t) <= 1e-10 * scale)
    found: dict[tuple[int, float, bytes], Cell] = {}
    for j in pivots:
        z = X - X[j]
        for v in _around(u):
            side = z @ v
            length = np.linalg.norm(z, axis=1)
            other = length > 0.0
            rows = np.where(side > 0, 1.0, -1.0)[other, None] * z[other]
            rows = _tightest(rows / length[other, None], v)
            if rows.size == 0 or np.min(rows @ v) > 1e-12:
                cell = Cell(int(j), sign, side > 0, v, rows)
                found[cell.key] = cell
    return list(found.values())


def _around(u: Array) -> Array:
    d = u.size
    if d == 1:
        return u[None]
    if d == 2:
        shifts = np.array([[-u[1], u[0]], [u[1], -u[0]]])
    else:
        shifts = np.random.default_rng(0).normal(size=(16 * d, d))
    near = u + NEAR * shifts
    return near / np.linalg.norm(near, axis=1, keepdims=True)


def _tightest(rows: Array, v: Array) -> Array:
    """Keep the two rows that bound a plane cone; all rows in other dimensions."""
    if v.size == 1:
        return rows[:1]
    if v.size != 2 or len(rows) < 3:
        return rows
    tilt = (rows @ np.array([-v[1], v[0]])) / (rows @ v)
    return rows[[int(np.argmin(tilt)), int(np.argmax(tilt))]]


def solve_master(
    Phi: Array, y: Array, cells: list[Cell], lam: float, gap: float
) -> Array:
    """Follow the central path until its gap is below `gap`; return U, (K, d)."""
    K = len(cells)
    owner = np.repeat(np.arange(K), [len(c.rows) for c in cells])
    rows = np.vstack([c.rows for c in cells])
    gram, moment = Phi.T @ Phi, Phi.T @ y
    size = 1e-3 * np.sqrt(y @ y) / (np.sqrt(np.trace(gram)) + 1e-300)
    U = size * np.array([c.inside for c in cells])
    barrier = len(rows) + 2.0 * K
    mu, last = 0.1 * float(y @ y) / barrier, gap / barrier
    while True:
        for _ in range(25):
            U, decrement = _newton(U, gram, moment, rows, owner, lam, mu)
            if decrement < 1e-3:
                break
        if mu <= last:
            return U
        mu = max(0.2 * mu, last)


def _value(U, gram, moment, rows, owner, lam, mu):
    slack = np.einsum("id,id->i", rows, U[owner])
    if slack.size and slack.min() <= 0.0:
        return np.inf
    r2 = np.sum(U * U, axis=1)
    tau = (mu + np.sqrt(mu * mu + lam * lam * r2)) / lam
    flat = U.ravel()
    fit = 0.5 * flat @ (gram @ flat) - moment @ flat
    norm = lam * tau.sum() - mu * np.sum(np.log(tau))
    return fit + norm - mu * np.sum(np.log(slack))


def _newton(U, gram, moment, rows, owner, lam, mu):
    """One damped Newton step; return U and the squared decrement over mu."""
    K, d = U.shape
    slack = np.einsum("id,id->i", rows, U[owner])
    root = np.sqrt(mu * mu + lam * lam * np.sum(U * U, axis=1))
    tau = (mu + root) / lam
    gradient = lam * U / tau[:, None]
    np.add.at(gradient, owner, -mu * rows / slack[:, None])
    flat = gram @ U.ravel() - moment + gradient.ravel()
    blocks = (lam / tau)[:, None, None] * np.eye(d)
    blocks -= (lam**2 / (tau**2 * root))[:, None, None] * np.einsum("ki,kj->kij", U, U)
    scaled = rows / slack[:, None]
    np.add.at(blocks, owner, mu * np.einsum("ri,rj->rij", scaled, scaled))
    hessian = gram.copy()
    for k in range(K):
        hessian[k * d : (k + 1) * d, k * d : (k + 1) * d] += blocks[k]
    root_scale = 1.0 / np.sqrt(np.diag(hessian))
    scaled_hessian = hessian * root_scale * root_scale[:, None]
    # A touch of ridge: cells of the same features leave the matrix singular.
    scaled_hessian[np.diag_indices(K * d)] += 1e-13
    move = -root_scale * np.linalg.solve(scaled_hessian, root_scale * flat)
    step = move.reshape(K, d)
    drop = np.einsum("id,id->i", rows, step[owner])
    falling = drop < 0.0
    longest = np.min(-slack[falling] / drop[falling], initial=np.inf)
    t, slope = min(1.0, 0.95 * longest), float(flat @ move)
    data = (gram, moment, rows, owner, lam, mu)
    before = _value(U, *data)
    for _ in range(30):
        if _value(U + t * step, *data) <= before + 0.1 * t * slope + 1e-14 * abs(
            before
        ):
            return U + t * step, -slope / mu
        t *= 0.5
    return U, 0.0
