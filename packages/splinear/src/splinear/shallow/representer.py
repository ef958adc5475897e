"""The representer bound, constructively: fewer neurons of equal outputs on the data."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core import caratheodory
from splinear.core.checks import check_scalar
from splinear.shallow import _polynomial as polynomial
from splinear.shallow._net_checks import inputs
from splinear.shallow.atoms import family
from splinear.shallow.net import ShallowNet

Array = NDArray[np.float64]


def sparsify(net: ShallowNet, X: Any, *, tol: float = 1e-12) -> ShallowNet:
    """Return a network of equal outputs at X with at most `width_bound` neurons.

    The sum of |a_k| does not grow: an optimal network stays one. Away from X outputs
    change. Neurons are removed by Caratheodory's theorem in the space of activations
    modulo the skip connection, which takes up the difference [1]_.

    Parameters
    ----------
    net : ShallowNet
    X : (N, d) array
        The data.
    tol : float, >= 0
        Singular values below tol times the largest count as zero.

    Returns
    -------
    ShallowNet

    Raises
    ------
    ValueError
        If the columns of X do not fit, or the result fails its check of outputs.

    References
    ----------
    .. [1] Parhi and Nowak, Banach space representer theorems for neural networks and
       ridge splines, JMLR 22(43), 2021, Theorem 1; the reduction is derived here.

    Examples
    --------
    On three points of a line one kink is enough.

    >>> net = ShallowNet(np.ones((2, 1)), [0.5, 1.0], [[1.0], [1.0]], [[0.0]], [0.0])
    >>> fewer = sparsify(net, [[0.0], [1.0], [2.0]])
    >>> fewer.n_neurons, fewer([[0.0], [1.0], [2.0]]).ravel().round(9)
    (1, array([0. , 0.5, 2.5]))
    """
    X = inputs(X, net.n_inputs)
    basis, to_skip = _skip_space(X, net.order)
    hidden = net.features(X)
    apart = hidden - basis @ (basis.T @ hidden)
    # Neurons without a kink among the data belong to the skip connection.
    noise = len(X) * np.finfo(np.float64).eps * np.linalg.norm(hidden, axis=0)
    kinked = np.linalg.norm(apart, axis=0) > noise
    coef = np.zeros_like(net.coef)
    if kinked.any():
        some = caratheodory.sparsify(apart[:, kinked].T, net.coef[kinked].T, tol=tol)
        coef[kinked] = some.T
    # What the activations change along the skip connection goes there.
    S = to_skip @ (basis.T @ (hidden @ (net.coef - coef)))
    kept = np.flatnonzero(coef.any(axis=1))
    return ShallowNet(
        net.directions[kept],
        net.offsets[kept],
        coef[kept],
        net.skip + S[1:],
        net.intercept + S[0],
        net.order,
        net.activation,
    )


def width_bound(X: Any, n_outputs: int = 1, order: int = 2) -> int:
    """Return a number of neurons that some optimal network needs at most.

    With r the number of rows beyond the rank of the skip connection, r for one output
    and ``r min(r, D)`` for D outputs that share neurons. It holds for every loss.

    Parameters
    ----------
    X : (N, d) array
        The data; duplicate rows count once.
    n_outputs : int, >= 1
        D.
    order : int, m >= 2
        Order of the neurons; the skip connection is of degree m - 1.

    Examples
    --------
    Four points in the plane, as in XOR: one neuron beside the affine functions.

    >>> width_bound([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    1
    """
    X = np.asarray(X, dtype=np.float64)
    X = np.unique(inputs(X, X.shape[-1]), axis=0)
    r = len(X) - _skip_space(X, order)[0].shape[1]
    return r * min(r, int(check_scalar("n_outputs", n_outputs, low=1)))


def _skip_space(X: Array, order: int) -> tuple[Array, Array]:
    """Return an orthonormal basis (N, r) of the skip connection, and T (1 + P, r).

    The basis is ``[1, monomials] T``.
    """
    degree = family("truncated_power", order).skip_degree
    table = np.column_stack([np.ones(len(X)), polynomial.design(X, degree)])
    lengths = np.linalg.norm(table, axis=0)
    lengths[lengths == 0.0] = 1.0
    left, sizes, right = np.linalg.svd(table / lengths, full_matrices=False)
    kept = sizes > max(table.shape) * np.finfo(np.float64).eps * sizes[0]
    return left[:, kept], (right[kept] / sizes[kept, None]).T / lengths[:, None]
