"""Fewer units at equal output: Caratheodory's theorem, constructively and stably."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector

Array = NDArray[np.float64]
_EPS = float(np.finfo(np.float64).eps)
#: Output change, relative to sum |v_k| |phi_k|, that the last check lets pass.
_ALLOWED = 1e-10


def sparsify(Phi: Any, V: Any, *, weights: Any = None, tol: float = 1e-12) -> Array:
    """Return coefficients of equal output on at most rank(Phi) rank(V Phi) units.

    The norm sum_k omega_k |v_k| does not grow.

    Parameters
    ----------
    Phi : (K, N) array
        One row a unit, one column a sample.
    V : (D, K) array
        Coefficients; units with a zero column stay unused.
    weights : (K,) array, >= 0, optional
        omega, ones by default.
    tol : float, >= 0
        Singular values below tol times the largest count as zero in the two ranks.

    Returns
    -------
    (D, K) array

    Raises
    ------
    ValueError
        If shapes disagree, or the result fails the final check of output and norm.

    Notes
    -----
    V is first projected onto the range of the outputs, which changes no output and
    lowers norms. Unit k then contributes a_k (v_k / |v_k|) phi_k' with a_k = |v_k|: a
    point of a space of r_Phi r_out dimensions. While more units than that are left,
    some combination of them vanishes; moving along it, the way that does not raise the
    norm, empties a unit. The null space is found once for a batch and kept
    orthonormal by a reflection per removed unit; at the end a is fitted again.

    Examples
    --------
    Three copies of a unit become one, of the same total.

    >>> float(sparsify(np.ones((3, 4)), [[1.0, 2.0, 3.0]]).sum())
    6.0
    """
    Phi, V = np.asarray(Phi, dtype=np.float64), np.asarray(V, dtype=np.float64)
    if Phi.ndim != 2 or V.ndim != 2 or V.shape[1] != Phi.shape[0]:
        raise ValueError(
            f"Phi must be (K, N) and V (D, K); got shapes {Phi.shape} and {V.shape}"
        )
    K = Phi.shape[0]
    omega = np.ones(K) if weights is None else check_vector("weights", weights, K)
    tol = check_scalar("tol", tol, low=0.0)
    used = np.flatnonzero(V.any(axis=0))
    if used.size == 0:
        return np.zeros_like(V)
    outputs = V[:, used] @ Phi[used]
    basis = _row_space(Phi[used], tol)
    left = _row_space(outputs.T, tol)
    coef = left.T @ V[:, used]  # (r_out, K)
    amounts = np.linalg.norm(coef, axis=0)
    alive = amounts > 0.0
    used, coef, amounts = used[alive], coef[:, alive], amounts[alive]
    units = coef / amounts
    features = Phi[used] @ basis  # (K, r_Phi)
    sizes = np.linalg.norm(features, axis=1)
    sizes[sizes == 0.0] = 1.0
    # Columns of unit length, so that no unit drowns in the rounding of another.
    A = np.einsum("rk,ks->rsk", units, features / sizes[:, None])
    A = A.reshape(-1, used.size)
    reduced = reduce_cone(A, amounts * sizes, omega[used] / sizes) / sizes
    out = np.zeros_like(V)
    out[:, used] = left @ (units * reduced)
    _verify(Phi, V, out, omega)
    return out


def width_bound(Phi: Any, Psi: Any, tol: float = 1e-12) -> int:
    """Return r_Phi r_Psi: that many units suffice to represent Psi over Phi.

    Parameters
    ----------
    Phi, Psi : (K, N) and (D, N) arrays
        Features and targets.
    tol : float, >= 0
        r is the least rank of an approximation within tol times the Frobenius norm.

    Examples
    --------
    >>> width_bound(np.eye(3), np.ones((2, 3)))
    3
    """
    tol = check_scalar("tol", tol, low=0.0)
    return _rank(Phi, tol) * _rank(Psi, tol)


def _rank(X: Any, tol: float) -> int:
    X = np.atleast_2d(np.asarray(X, dtype=np.float64))
    squares = np.linalg.svd(X, compute_uv=False) ** 2
    tails = np.concatenate([np.cumsum(squares[::-1])[::-1], [0.0]])
    floor = max(tol, max(X.shape) * _EPS) ** 2
    return int(np.argmax(tails <= floor * tails[0]))


def _row_space(X: Array, tol: float) -> Array:
    # Orthonormal basis (N, r) of the span of the rows of X.
    _, sizes, right = np.linalg.svd(X, full_matrices=False)
    floor = max(tol, max(X.shape) * _EPS) * (sizes[0] if sizes.size else 0.0)
    return right[sizes > floor].T


def reduce_cone(A: Array, a: Array, cost: Array) -> Array:
    """Return b >= 0 with A b = A a, cost b <= cost a and at most rank(A) nonzeros.

    Parameters
    ----------
    A : (m, K) array
        Generators of the cone, as columns of similar length.
    a, cost : (K,) arrays, >= 0
        Amounts and prices.

    Examples
    --------
    >>> reduce_cone(np.array([[1.0, 1.0]]), np.ones(2), np.array([1.0, 2.0]))
    array([2., 0.])
    """
    a, target = a.copy(), A @ a
    batch = 2 * min(A.shape) + 8
    while True:
        support = np.flatnonzero(a > 0.0)
        removed = False
        # A batch larger than the rank always holds dependent columns.
        for low in range(0, support.size, batch):
            part = support[low : low + batch]
            removed |= _eliminate(A[:, part], a, part, cost)
        if not removed:
            break
    return _refit(A, a, target, cost)


def _eliminate(A: Array, a: Array, part: NDArray[np.int64], cost: Array) -> bool:
    # Empty units of `part`, in place, until its columns are independent.
    Z = _null_space(A)
    amounts, price = a[part].copy(), cost[part]
    removed = False
    while Z.shape[1]:
        z = _direction(Z, price)
        falling = np.flatnonzero(z < 0.0)
        ratios = amounts[falling] / -z[falling]
        index = falling[np.argmin(ratios)]
        amounts = np.maximum(amounts + ratios.min() * z, 0.0)
        amounts[index] = 0.0
        Z = _forget(Z, index)
        removed = True
    a[part] = amounts
    return removed


def _null_space(A: Array) -> Array:
    _, sizes, right = np.linalg.svd(A)
    floor = max(A.shape) * _EPS * (sizes[0] if sizes.size else 0.0)
    return right[int(np.count_nonzero(sizes > floor)) :].T


def _direction(Z: Array, price: Array) -> Array:
    # A null vector with a negative entry along which the cost does not rise.
    slope = Z.T @ price
    if np.linalg.norm(slope) > 1e-12 * np.linalg.norm(price):
        z = -Z @ slope
        if (z < 0.0).any():
            return z
    z = Z[:, np.argmax(np.max(np.abs(Z), axis=0))]
    z = -z if z @ price > 0.0 else z
    return z if (z < 0.0).any() else -z


def _forget(Z: Array, index: np.intp) -> Array:
    """Return an orthonormal basis of the vectors of span(Z) that vanish at `index`.

    A Householder reflection of the columns gathers row `index` in the first of them.
    """
    w = Z[index].copy()
    w[0] += np.copysign(np.linalg.norm(w), w[0])
    square = float(w @ w)
    if square > 0.0:
        Z = Z - np.outer(Z @ w, w * (2.0 / square))
    Z = Z[:, 1:].copy()
    Z[index] = 0.0
    return Z


def _refit(A: Array, a: Array, target: Array, cost: Array) -> Array:
    # The columns left are independent: solve for the amounts afresh, if that helps.
    support = np.flatnonzero(a > 0.0)
    if support.size == 0:
        return a
    b = np.zeros_like(a)
    rest = target - A[:, support] @ a[support]
    b[support] = a[support] + np.linalg.lstsq(A[:, support], rest, rcond=None)[0]
    better = np.linalg.norm(target - A @ b) < np.linalg.norm(rest)
    if better and b.min() >= 0.0 and cost @ b <= cost @ a * (1.0 + 1e-12):
        return b
    return a


def _verify(Phi: Array, V: Array, out: Array, omega: Array) -> None:
    lengths = np.linalg.norm(Phi, axis=1)
    change = float(np.linalg.norm((out - V) @ Phi))
    size = float(np.linalg.norm(V, axis=0) @ lengths)
    before = float(np.linalg.norm(V, axis=0) @ omega)
    after = float(np.linalg.norm(out, axis=0) @ omega)
    if not (change <= _ALLOWED * size and after <= before * (1.0 + _ALLOWED)):
        raise ValueError(
            f"sparsify changed the output by {change:.1e} of {size:.1e} and the norm "
            f"from {before} to {after}: the features are too nearly dependent; lower tol"
        )
