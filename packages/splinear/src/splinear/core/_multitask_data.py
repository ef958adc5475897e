"""From data to the Gram form and back: weights, centring, free units, groups, scales."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from splinear.core._multitask_gram import diagonal_blocks
from splinear.core.checks import check_vector

Array = NDArray[np.float64]
_EPS = float(np.finfo(np.float64).eps)
#: Squared lengths outside this range have lost digits or are about to overflow.
_SAFE = (1e-100, 1e100)


@dataclass(frozen=True)
class Gram:
    """A prepared problem: rows permuted by unit, centred, weighted, free units removed.

    G = Phi Phi' and C = Phi Psi' of the prepared arrays (1 / W is in them), with
    diagonal blocks on units of several rows.
    """

    G: Array  # (m, m)
    C: Array  # (m, D)
    y2: float
    energy: float  # of Psi before anything was removed: the floor of the scale
    first: NDArray[np.int64]  # (K + 1,)
    omega: Array  # (K,) > 0
    Phi: Array  # (m, N), prepared
    Psi: Array  # (D, N), prepared
    target_scale: float
    _rows: NDArray[np.int64] = field(repr=False)  # original row of each prepared one
    _scales: Array = field(repr=False)  # (units,): original = prepared * scale
    _rotation: Array | None = field(repr=False)
    _free: NDArray[np.int64] = field(repr=False)
    _free_solve: tuple[Array, Array] | None = field(repr=False)
    _means: tuple[Array, Array] = field(repr=False)
    _root: Array = field(repr=False)  # (N,) square roots of w / W
    _total: int = field(repr=False)  # rows of the original Phi

    def levels(self, lam: float) -> Array:
        """Return lam omega_k in prepared units."""
        return lam * (self.omega / self._scales) / self.target_scale

    def thresholds(self, R: Array) -> Array:
        """Return the lam at which each unit's correlation R_k is critical."""
        return self.norms(R) / self.levels(1.0)

    def norms(self, V: Array) -> Array:
        """Return the Frobenius norm of each unit's rows of V."""
        if V.shape[0] == 0:
            return np.zeros(0)
        squares = np.add.reduceat(np.einsum("id,id->i", V, V), self.first[:-1])
        return np.sqrt(squares)

    def residual_terms(self, V: Array) -> tuple[Array, float]:
        """Return Phi r' and |r|^2 for the residual r of V on the data."""
        used = np.flatnonzero(V.any(axis=1))
        residual = self.Psi - V[used].T @ self.Phi[used]
        return np.ascontiguousarray((residual @ self.Phi.T).T), _square(residual)

    def inward(self, coef: Any) -> Array:
        """Turn coefficients (D, rows) of the user into prepared V (m, D)."""
        if coef is None:
            return np.zeros(self.C.shape)
        coef = np.asarray(coef, dtype=np.float64)
        if coef.shape != (self.C.shape[1], self._total):
            raise ValueError(
                f"start must have shape {(self.C.shape[1], self._total)}; got "
                f"{coef.shape}"
            )
        scale = np.repeat(self._scales, np.diff(self.first)) / self.target_scale
        V = coef.T[self._rows] * scale[:, None]
        return V if self._rotation is None else self._rotation.T @ V

    def outward(self, V: Array) -> Array:
        """Turn prepared V (m, D) into coefficients (D, rows), free units included."""
        V = V if self._rotation is None else self._rotation @ V
        scale = np.repeat(self._scales, np.diff(self.first)) / self.target_scale
        coef = np.zeros((self._total, V.shape[1]))
        coef[self._rows] = V / scale[:, None]
        if self._free_solve is not None:
            T, S = self._free_solve
            coef[self._free] = S - T @ coef[self._rows]
        return coef.T

    def intercept(self, coef: Array) -> Array:
        """Return b = mean(Psi) - V mean(Phi)."""
        return self._means[1] - coef @ self._means[0]

    def penalty(self, coef: Array) -> float:
        """Return sum_k omega_k |v_k| of the user's coefficients."""
        V = np.ascontiguousarray(coef.T[self._rows])
        return float(self.omega @ self.norms(V))

    def least_squares_error(self) -> float:
        """Return |residual of least squares| / |Psi| on the prepared data."""
        if self.y2 == 0.0:
            return 0.0
        fit = np.linalg.lstsq(self.Phi.T, self.Psi.T, rcond=1e-13)[0]
        return float(np.sqrt(_square(self.Psi - fit.T @ self.Phi) / self.y2))

    def interpolation_error(self, V: Array) -> float:
        """Return |Psi - V' Phi| / |Psi| on the prepared data."""
        if self.y2 == 0.0:
            return 0.0
        return float(np.sqrt(_square(self.Psi - V.T @ self.Phi) / self.y2))

    def dual(self, residual: Array) -> Array:
        """Turn a residual in prepared samples into a dual point (D, N) of the data."""
        return residual * self._root


def _square(x: Array) -> float:
    return float(np.vdot(x, x))


def gram_of(
    Phi: Any,
    Psi: Any,
    weights: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    fit_intercept: bool = True,
) -> Gram:
    """Prepare data once for many `multitask_lasso` calls; arguments as there."""
    Phi, Psi = _check_data(Phi, Psi)
    total, N = Phi.shape
    rows, first, omega = _units(total, weights, groups)
    root = _root_weights(sample_weight, N)
    _refuse_bad(Phi, Psi)
    target_scale = _power_of_two(np.max(np.abs(Psi), initial=0.0))
    rows_scale = np.ones(omega.size)
    prepared = _centred(Phi, root, fit_intercept)
    lengths = np.einsum("in,in->i", prepared[0], prepared[0])
    if not np.all((lengths > _SAFE[0]) & (lengths < _SAFE[1])):
        top = np.max(np.abs(Phi), axis=1, initial=0.0)[rows]
        rows_scale = _power_of_two(np.maximum.reduceat(top, first[:-1]))
        spread = np.empty(total)
        spread[rows] = np.repeat(rows_scale, np.diff(first))
        prepared = _centred(Phi / spread[:, None], root, fit_intercept)
        prepared = prepared[0], prepared[1] * spread
    features, mean = prepared
    targets, target_mean = _centred(Psi / target_scale, root, fit_intercept)
    energy = _square((Psi / target_scale) * root)
    free, solve = np.zeros(0, dtype=np.int64), None
    if groups is not None:
        features = features[rows]
    if not omega.all():
        spread = np.repeat(rows_scale, np.diff(first))
        kept = np.repeat(omega > 0.0, np.diff(first))
        free, features, targets, solve = _project(
            features, targets, kept, rows, spread, target_scale
        )
        rows, sizes = rows[kept], np.diff(first)[omega > 0.0]
        first = np.concatenate([[0], np.cumsum(sizes)])
        rows_scale, omega = rows_scale[omega > 0.0], omega[omega > 0.0]
    G = features @ features.T
    rotation = diagonal_blocks(G, first)
    if rotation is not None:
        features = rotation.T @ features
        G = features @ features.T
        _clean(G, first)
    return Gram(
        G=G,
        C=np.ascontiguousarray((targets @ features.T).T),
        y2=_square(targets),
        energy=energy,
        first=first,
        omega=omega,
        Phi=features,
        Psi=targets,
        target_scale=target_scale,
        _rows=rows,
        _scales=rows_scale,
        _rotation=rotation,
        _free=free,
        _free_solve=solve,
        _means=(mean, target_mean * target_scale),
        _root=root,
        _total=total,
    )


def _clean(G: Array, first: NDArray[np.int64]) -> None:
    # What rounding left beside the diagonal of a unit's block.
    for low, high in pairwise(first):
        G[low:high, low:high] = np.diag(np.diag(G)[low:high])


def _check_data(Phi: Any, Psi: Any) -> tuple[Array, Array]:
    Phi = np.asarray(Phi, dtype=np.float64)
    Psi = np.asarray(Psi, dtype=np.float64)
    Psi = Psi[None, :] if Psi.ndim == 1 else Psi
    if Phi.ndim != 2 or Psi.ndim != 2 or Phi.shape[1] != Psi.shape[1]:
        raise ValueError(
            "Phi must be (K, N) and Psi (D, N), one column a sample; got shapes "
            f"{Phi.shape} and {Psi.shape}"
        )
    if 0 in Phi.shape or 0 in Psi.shape:
        raise ValueError(f"no data: Phi is {Phi.shape} and Psi {Psi.shape}")
    return Phi, Psi


def _refuse_bad(Phi: Array, Psi: Array) -> None:
    for name, array in (("Phi", Phi), ("Psi", Psi)):
        with np.errstate(all="ignore"):
            total = float(array.sum())
        if not np.isfinite(total) and not np.isfinite(array).all():
            row, column = np.argwhere(~np.isfinite(array))[0]
            raise ValueError(
                f"{name} must be finite; got {array[row, column]} in row {row}, "
                f"column {column}: drop or fill such samples first"
            )


def _units(
    total: int, weights: Any, groups: Any
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    rows, first = np.arange(total), np.arange(total + 1)
    if groups is not None:
        labels = np.asarray(groups)
        if labels.shape != (total,) or labels.dtype.kind not in "iu":
            raise ValueError(
                f"groups must hold one integer per row of Phi ({total}); got shape "
                f"{labels.shape} of {labels.dtype}"
            )
        sizes = np.bincount(labels) if labels.min() >= 0 else np.zeros(1)
        if not sizes.all():
            raise ValueError("groups must number the units 0, 1, ... without holes")
        rows = np.argsort(labels, kind="stable")
        first = np.concatenate([[0], np.cumsum(sizes)])
    K = first.size - 1
    omega = np.ones(K) if weights is None else check_vector("weights", weights, K)
    if np.any(omega < 0.0):
        raise ValueError(f"weights must be non-negative; got {omega.min()}")
    return rows, first, omega


def _root_weights(sample_weight: Any, N: int) -> Array:
    if sample_weight is None:
        return np.full(N, 1.0 / np.sqrt(N))
    w = check_vector("sample_weight", sample_weight, N)
    if np.any(w < 0.0) or not w.any():
        raise ValueError("sample_weight must be non-negative with a positive sum")
    w = w / w.max()
    return np.sqrt(w / w.sum())


def _centred(X: Array, root: Array, fit_intercept: bool) -> tuple[Array, Array]:
    # Rows centred, then weighted by `root`; a constant row becomes exactly zero.
    with np.errstate(over="ignore", invalid="ignore"):
        if not fit_intercept:
            return X * root, np.zeros(X.shape[0])
        mean = X @ (root * root)
        centred = X - mean[:, None]
        centred *= root
        lengths = np.einsum("in,in->i", centred, centred)
        noise = (4.0 * _EPS * mean) ** 2
        low = np.flatnonzero(lengths <= noise * X.shape[1])
    for row in low:
        if np.ptp(X[row][root > 0.0]) == 0.0:
            centred[row], mean[row] = 0.0, X[row][root > 0.0][0]
    return centred, mean


def _power_of_two(size: Any) -> Any:
    # Scaling by it is exact; 1 for zero.
    size = np.asarray(size, dtype=np.float64)
    exponent = np.frexp(np.where(size > 0.0, size, 0.5))[1]
    scale = np.ldexp(1.0, np.clip(exponent, -1000, 1000))
    return float(scale) if scale.ndim == 0 else scale


def _project(
    features: Array,
    targets: Array,
    kept: NDArray[np.bool_],
    rows: NDArray[np.int64],
    spread: Array,
    target_scale: float,
) -> tuple[NDArray[np.int64], Array, Array, tuple[Array, Array]]:
    # Remove the span of the free rows by QR, twice (Gram-Schmidt needs it once more);
    # return how their coefficients follow from the others, in the user's units.
    free = features[~kept]
    lengths = np.sqrt(np.einsum("in,in->i", free, free))
    lengths[lengths == 0.0] = 1.0
    Q, upper, pivots = qr((free / lengths[:, None]).T, mode="economic", pivoting=True)
    size = np.abs(np.diag(upper))
    rank = int(np.count_nonzero(size > 1e-13 * max(size[0], 1e-300) * len(size)))
    Q, upper = Q[:, :rank], upper[:rank, :rank]
    used = pivots[:rank]
    penalised = features[kept]
    left, right = penalised @ Q, targets @ Q
    before = np.einsum("in,in->i", penalised, penalised)
    penalised = penalised - left @ Q.T
    penalised -= (penalised @ Q) @ Q.T
    after = np.einsum("in,in->i", penalised, penalised)
    penalised[after <= (8.0 * _EPS) ** 2 * before * features.shape[1]] = 0.0
    targets = targets - right @ Q.T
    targets -= (targets @ Q) @ Q.T
    solved = np.linalg.solve(upper, np.hstack([left.T, right.T]))
    unscale = (lengths * spread[~kept])[used][:, None]
    T = solved[:, : left.shape[0]] * spread[kept] / unscale
    S = solved[:, left.shape[0] :] * target_scale / unscale
    return rows[~kept][used], penalised, targets, (T, S)
