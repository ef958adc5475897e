"""The canonical form of a network: one neuron per hyperplane that bends it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar
from splinear.shallow import _polynomial as polynomial
from splinear.shallow.domain import range_over
from splinear.shallow.net import ShallowNet

Array = NDArray[np.float64]

#: Differences of unit directions, relative ones of offsets and of sums, that count as
#: rounding.
ROUNDING = 64.0 * float(np.finfo(np.float64).eps)


def canonicalise(
    net: ShallowNet, domain: Any = None, tol: float | None = None
) -> ShallowNet:
    """Write the same function with one neuron per hyperplane, sorted.

    Neurons of equal and of opposite hyperplanes are added up by the parity rule
    ``rho(-z) = s rho(z) + c z^p`` [1]_, Eq. (3), whose polynomials go to the skip
    connection; what cancels leaves. Directions have a positive first entry. Then
    `path_norm` and `variation_norm` agree.

    Parameters
    ----------
    net : ShallowNet
        Any.
    domain : Ball, Box or (M, d) array, optional
        Where the function matters, an array for the hull of its rows: neurons that do
        not bend the function inside become polynomials. The function may then differ
        outside, and the norm is the one over the domain.
    tol : float, >= 0, optional
        Directions closer than `tol` whose offsets differ by less than `tol` times
        their size are one hyperplane; sums below `tol` times their terms are zero.
        64 roundings by default: then the function is unchanged up to rounding.

    Returns
    -------
    ShallowNet

    References
    ----------
    .. [1] Parhi and Nowak, Banach space representer theorems for neural networks and
       ridge splines, JMLR 22(43), 2021.

    Examples
    --------
    Oracle O-6, ``2 relu(x1 - 1) - 3 relu(-2 x1 + 2) + relu(x2)``:

    >>> f = ShallowNet.from_neurons(
    ...     [[1, 0], [-2, 0], [0, 1]], [1, -2, 0], [2.0, -3.0, 1.0]
    ... )
    >>> g = canonicalise(f)
    >>> g.directions, g.coef.ravel(), g.skip.ravel(), g.intercept
    (array([[0., 1.],
            [1., 0.]]), array([ 1., -4.]), array([6., 0.]), array([-6.]))
    >>> f.path_norm(), g.path_norm()
    (9.0, 5.0)
    """
    tol = ROUNDING if tol is None else check_scalar("tol", tol, low=0.0)
    live = np.any(net.coef != 0.0, axis=1)
    net = _with_neurons(net, net.directions[live], net.offsets[live], net.coef[live])
    if domain is not None:
        net = _fold(net, domain)
    return _sort(_merge(_turn(net, _backward(net.directions, tol)), tol))


def _with_neurons(
    net: ShallowNet, directions: Array, offsets: Array, coef: Array, extra: Any = None
) -> ShallowNet:
    skip, intercept = net.skip, net.intercept
    if extra is not None:
        skip, intercept = skip + extra[0], intercept + extra[1]
    parts = (directions, offsets, coef, skip, intercept)
    return ShallowNet(*parts, net.order, net.activation)


def _fold(net: ShallowNet, domain: Any) -> ShallowNet:
    """Replace neurons that are polynomials on the domain by these."""
    low, high = range_over(domain, net.directions)
    below, above = net.atoms.sides
    right, left = low >= net.offsets, high <= net.offsets
    factor = np.where(right, above, np.where(left, below, 0.0))
    extra = polynomial.ridge_power(
        net.directions, net.offsets, factor[:, None] * net.coef, net.atoms.homogeneity
    )
    keep = ~(right | left)
    return _with_neurons(
        net, net.directions[keep], net.offsets[keep], net.coef[keep], extra
    )


def _backward(U: Array, tol: float) -> NDArray[np.bool_]:
    """Whether the first entry of each row that is no rounding is negative."""
    if U.shape[0] == 0 or U.shape[1] == 0:
        return np.zeros(len(U), dtype=bool)
    first = np.argmax(np.abs(U) > tol, axis=1)
    return U[np.arange(len(U)), first] < 0.0


def _turn(net: ShallowNet, turned: NDArray[np.bool_]) -> ShallowNet:
    """Turn neurons around: ``rho(z) = s rho(-z) + c (-z)^p``, the parity rule at -z."""
    sign, c = net.atoms.parity
    p = net.atoms.homogeneity
    extra = polynomial.ridge_power(
        net.directions[turned],
        net.offsets[turned],
        (-1.0) ** p * c * net.coef[turned],
        p,
    )
    flip = np.where(turned, -1.0, 1.0)
    # Adding zero turns -0.0 into 0.0.
    U, t = net.directions * flip[:, None] + 0.0, net.offsets * flip + 0.0
    coef = net.coef * np.where(turned, float(sign), 1.0)[:, None]
    return _with_neurons(net, U, t, coef, extra)


def _merge(net: ShallowNet, tol: float) -> ShallowNet:
    labels, signs = _same_direction(net.directions, tol)
    # Rows whose deciding entry is of the size of rounding may point either way.
    net = _turn(net, signs < 0.0)
    order = np.lexsort((net.offsets, labels))
    labels, t, coef = labels[order], net.offsets[order], net.coef[order]
    if len(t) == 0:
        return net
    size = np.maximum(np.abs(t[1:]), np.abs(t[:-1]))
    new = (np.diff(labels) != 0) | (np.diff(t) > tol * size)
    starts = np.flatnonzero(np.concatenate(([True], new)))
    total = np.add.reduceat(coef, starts, axis=0)
    terms = np.add.reduceat(np.linalg.norm(coef, axis=1), starts)
    kept = np.linalg.norm(total, axis=1) > tol * terms
    rows = order[starts[kept]]
    return _with_neurons(net, net.directions[rows], t[starts[kept]], total[kept])


def _same_direction(U: Array, tol: float) -> tuple[NDArray[np.intp], Array]:
    """Label rows that agree up to sign and `tol`; the sign relative to the first.

    Agreeing rows have products with any fixed vector that agree up to sign: sorted by
    the size of one, a row is compared with the few that are within reach.
    """
    K, d = U.shape
    labels, signs = np.zeros(K, dtype=np.intp), np.ones(K)
    probe = np.random.default_rng(0).normal(size=d)
    keys = np.abs(U @ probe)
    # Products round, too.
    reach = (tol + 4.0 * d * np.finfo(np.float64).eps) * float(np.linalg.norm(probe))
    heads: list[int] = []  # one row for each label, keys ascending
    for row in np.argsort(keys, kind="stable"):
        labels[row] = len(heads)
        for label in range(len(heads) - 1, -1, -1):
            head = heads[label]
            if keys[row] - keys[head] > reach:
                break
            sign = 1.0 if U[row] @ U[head] >= 0.0 else -1.0
            if np.linalg.norm(U[row] - sign * U[head]) <= tol:
                labels[row], signs[row] = label, sign
                break
        if labels[row] == len(heads):
            heads.append(int(row))
    return labels, signs


def _sort(net: ShallowNet) -> ShallowNet:
    columns = [net.offsets, *net.directions.T[::-1]]
    order = np.lexsort(columns)
    return _with_neurons(
        net, net.directions[order], net.offsets[order], net.coef[order]
    )
