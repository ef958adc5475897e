"""The exact supremum of the dual certificate, for data in up to three dimensions.

Price ``eta(u, t) = sum_i p_i relu(u.x_i - t)`` over all unit u and all t. For fixed u
its norm is convex between the projected data, hence largest at a datum, the pivot; on
the directions with one activation pattern it is then linear in u, and a maximum lies
inside a face, on an arc or at a vertex of the pivot's arrangement. All are visited.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from splinear.core.certificate import Kind
from splinear.shallow._exact_pricing_kernels import sweep_pivot_2, sweep_pivot_3

Array = NDArray[np.float64]

#: Largest dimension of the affine hull of the data that is swept.
MAX_DIMENSION = 3
#: Seconds per crossing, measured on one core of a shared machine with N = 2000 (d = 2)
#: and N = 150 (d = 3), one output.
SECONDS_2, SECONDS_3 = 5.0e-7, 1.4e-6


@dataclass(frozen=True, eq=False)
class Price:
    """The largest atom, a proven bound, and the best atoms of the other pivots.

    Attributes
    ----------
    value : float
        ``||eta||`` evaluated directly at the maximiser; attained.
    bound : float, >= value
        ``sup ||eta||`` is at most this, rounding included; use it in certificates.
    kind : {"exact", "bounded"}
        Always "exact" here, for any number of outputs: `bound` exceeds `value` by
        rounding only.
    directions : (M, d) array
        Unit rows; row 0 is the maximiser.
    offsets : (M,) array
        In the units of x.
    values : (M,) array
        Descending.
    """

    value: float
    bound: float
    kind: Kind
    directions: Array
    offsets: Array
    values: Array

    @property
    def direction(self) -> Array:
        """Unit vector u of the maximiser, (d,)."""
        return self.directions[0]

    @property
    def offset(self) -> float:
        """Offset t of the maximiser, the projection of a datum."""
        return float(self.offsets[0])


def price_exact(
    X: Any,
    p: Any,
    *,
    norm: Literal["joint", "independent"] = "joint",
    keep: float = 0.5,
) -> Price:
    """Maximise ``||sum_i p_i relu(u.x_i - t)||`` over unit u and all t.

    In d = 2 each pivot's crossing angles are sorted and swept, O(N^2 log N); in d = 3
    each pair of data gives a great circle that is swept, with the faces at its arcs,
    O(N^3 log N). For several outputs a maximum on a piece is a leading singular vector
    of the linear map there, so that the result is exact for them too.

    Parameters
    ----------
    X : (N, d) array
        The affine hull of the rows must have dimension at most 3; d may be larger.
        Ties, duplicates and collinear rows are allowed.
    p : (N,) or (N, D) array
        Dual rows. Their part along affine functions of x is removed first: without
        that the supremum is infinite.
    norm : {"joint", "independent"}
        Euclidean norm or largest absolute value over the outputs.
    keep : float, 0 to 1
        In d = 3 pivots are pruned below `keep` times the best value, so that further
        local maxima above that are found as well; 1 is fastest.

    Returns
    -------
    Price

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, or the dimension exceeds 3.

    Examples
    --------
    The four corners of a square, alternating (XOR):

    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    >>> price = price_exact(X, [-0.5, -0.5, 0.5, 0.5])
    >>> round(price.value, 12), price.kind
    (0.353553390593, 'exact')
    """
    X, p = _check(X, p)
    points, back, basis = _affine_frame(X)
    p = project(p, basis)
    if norm == "independent":
        prices = [_price(X, points, back, c[:, None], keep) for c in p.T]
        top = max(range(len(prices)), key=lambda c: prices[c].value)
        bound = max(price.bound for price in prices)
        best = prices[top]
        return Price(best.value, bound, *_rows(best))
    return _price(X, points, back, p, keep)


def project(p: Array, basis: Array) -> Array:
    """Remove the part of `p` in the span of orthonormal columns, to rounding.

    Examples
    --------
    >>> project(np.array([[1.0], [3.0]]), np.full((2, 1), 0.5**0.5)).ravel().round(9)
    array([-1.,  1.])
    """
    for _ in range(2):  # the second pass removes what the first one rounded
        p = p - basis @ (basis.T @ p)
    return p


def evaluate(X: Array, p: Array, u: Array, t: float) -> Array:
    """Return ``sum_i p_i relu(u.x_i - t)``, a vector of D entries.

    Examples
    --------
    >>> evaluate(np.eye(2), np.array([[3.0], [5.0]]), np.array([1.0, 0.0]), 0.5)
    array([1.5])
    """
    return np.maximum(X @ u - t, 0.0) @ p


def expected_seconds(n: int, d: int) -> float:
    """Time of `price_exact` for one output, from measured crossings per second.

    Parameters
    ----------
    n, d : int
        Shape of the data; infinite for d > 3.

    Examples
    --------
    >>> expected_seconds(100, 4)
    inf
    """
    if d <= 1:
        return 1e-7 * n
    if d == 2:
        return SECONDS_2 * n**2
    return SECONDS_3 * n**3 / 2 if d == MAX_DIMENSION else math.inf


def feasible(n: int, d: int, seconds: float = 20.0) -> bool:
    """Whether one exact pricing is expected to take at most `seconds`.

    Examples
    --------
    >>> feasible(5000, 2), feasible(300, 3), feasible(3000, 3), feasible(50, 4)
    (True, True, False, False)
    """
    return expected_seconds(n, d) <= seconds


def _check(X: Any, p: Any) -> tuple[Array, Array]:
    X = np.ascontiguousarray(X, dtype=np.float64)
    p = np.asarray(p, dtype=np.float64)
    p = p[:, None] if p.ndim == 1 else p
    if X.ndim != 2 or p.ndim != 2 or X.shape[0] != p.shape[0] or X.size == 0:
        raise ValueError(
            f"X must be (N, d) and p (N,) or (N, D); got {X.shape} and {p.shape}"
        )
    if not (np.isfinite(X).all() and np.isfinite(p).all()):
        raise ValueError("X and p must be finite; drop or fill such rows first")
    return X, p


def _affine_frame(X: Array) -> tuple[Array, Array, Array]:
    """Return the rows in coordinates of their affine hull, the way back, and a basis.

    The basis is orthonormal and spans the affine functions on the data.
    """
    n, d = X.shape
    centre = X.mean(axis=0)
    U, sizes, V = np.linalg.svd(X - centre, full_matrices=False)
    noise = 8 * max(n, d) * np.finfo(np.float64).eps
    largest = max(float(sizes[0]), float(np.abs(centre).max()) * noise)
    rank = int(np.sum(sizes > noise * largest))
    basis, _ = np.linalg.qr(np.column_stack((np.full(n, n**-0.5), U[:, :rank])))
    if rank == d:  # keep the very numbers: ties stay ties
        return X, np.eye(d), basis
    return np.ascontiguousarray((X - centre) @ V[:rank].T), V[:rank], basis


def _rows(price: Price) -> tuple[Kind, Array, Array, Array]:
    return price.kind, price.directions, price.offsets, price.values


def _price(X: Array, points: Array, back: Array, p: Array, keep: float) -> Price:
    swept, local = _sweep(points, np.ascontiguousarray(p), keep)
    order = np.argsort(-swept, kind="stable")
    order = order[swept[order] > 0.0]
    if order.size == 0:
        order = np.zeros(1, dtype=np.intp)
    if back.shape[0] == 0:  # all rows coincide: any direction will do
        directions = np.eye(1, X.shape[1]).repeat(order.size, axis=0)
    else:
        directions = local[order] @ back
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    offsets = np.einsum("kd,kd->k", directions, X[order])
    value = float(np.linalg.norm(evaluate(X, p, directions[0], float(offsets[0]))))
    bound = max(value, float(swept.max())) + _rounding(X, p)
    values = np.concatenate(([value], swept[order[1:]]))
    return Price(value, bound, "exact", directions, offsets, values)


def _rounding(X: Array, p: Array) -> float:
    """Bound the rounding errors of a sweep: sums of N terms, lengths and angles."""
    n = X.shape[0]
    reach = np.linalg.norm(X - X.mean(axis=0), axis=1)
    weight = np.linalg.norm(p, axis=1)
    mass = float(weight @ (reach + reach.max(initial=0.0)))
    return 4.0 * (n + 16) * float(np.finfo(np.float64).eps) * mass


def _sweep(points: Array, p: Array, keep: float) -> tuple[Array, Array]:
    """Return for each pivot a largest norm and its unit direction.

    Raises
    ------
    ValueError
        If the dimension exceeds 3.
    """
    n, d = points.shape
    if d > MAX_DIMENSION:
        raise ValueError(
            f"exact pricing needs data of dimension at most {MAX_DIMENSION}; got {d}: "
            "use the search of `shallow.solve`, whose certificate is heuristic"
        )
    values, directions = np.zeros(n), np.zeros((n, d))
    if d == 1:
        directions[:] = 1.0
        values = _on_a_line(points[:, 0], p)
    elif d == 2:
        angles = np.zeros(n)
        sweep_pivot_2(points, p, values, angles)
        directions = np.column_stack((np.cos(angles), np.sin(angles)))
    elif d == MAX_DIMENSION:
        directions[:, 0] = 1.0
        sweep_pivot_3(points, p, keep * keep, values, directions)
    return values, directions


def _on_a_line(x: Array, p: Array) -> Array:
    """Sum twice from the right: eta at every datum in O(N log N)."""
    order = np.argsort(-x, kind="stable")
    steps = np.concatenate(([0.0], -np.diff(x[order])))
    mass = np.cumsum(p[order], axis=0) - p[order]
    values = np.empty(x.size)
    values[order] = np.linalg.norm(np.cumsum(mass * steps[:, None], axis=0), axis=1)
    return values
