"""Norms of shallow networks, and what they say about the function."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, lsq_linear
from scipy.special import hyp1f1

from splinear.core.checks import check_scalar, check_vector
from splinear.shallow import _net_checks as checks
from splinear.shallow.domain import Ball, Box, range_over
from splinear.shallow.net import Coupling, ShallowNet

Array = NDArray[np.float64]


class Neurons(NamedTuple):
    """Raw parameters of ``sum_k outer[k] rho(weights[k] . x - biases[k])``."""

    weights: Array
    biases: Array
    outer: Array


def variation_norm(
    net: ShallowNet, coupling: Coupling = "joint", domain: Any = None
) -> float:
    """R-TV seminorm of the function: the least cost of networks that represent it.

    Parameters
    ----------
    net : ShallowNet
        Of one hidden layer and a skip connection.
    coupling : {"joint", "independent"}
        Euclidean norm over outputs, or sum of absolute values.
    domain : Ball, Box or (M, d) array, optional
        Where to measure it; all of space by default.

    Returns
    -------
    float

    Examples
    --------
    ``relu(x) - relu(-x) = x`` costs nothing:

    >>> f = ShallowNet.from_neurons([[1.0], [-1.0]], [0.0, 0.0], [1.0, -1.0])
    >>> variation_norm(f), f.path_norm()
    (0.0, 2.0)
    """
    return net.canonical(domain).path_norm(coupling)


def path_norm(
    weights: Any, outer: Any, order: int = 2, coupling: Coupling = "joint"
) -> float:
    """Path norm ``sum_k |outer[k]| |weights[k]|^(m-1)`` of raw parameters.

    At least the variation norm; equal if and only if no two neurons of one hyperplane
    work against each other.

    Parameters
    ----------
    weights : (K, d) array
        First layer.
    outer : (K, D) array
        Second layer.
    order : int, m >= 2
        Order of the activation.
    coupling : {"joint", "independent"}
        Norm of the rows of `outer`.

    Examples
    --------
    >>> path_norm([[3.0, 4.0]], [[2.0]])
    10.0
    """
    w, v = _raw(weights, outer)
    lengths = np.linalg.norm(w, axis=1) ** (order - 1)
    return float(checks.norms(v, coupling) @ lengths)


def weight_decay(
    weights: Any, outer: Any, order: int = 2, coupling: Coupling = "joint"
) -> float:
    """Weight decay ``sum_k (|outer[k]|^2 + |weights[k]|^(2m-2)) / 2``.

    At least the path norm, with equality if the neurons are balanced [1]_, Eq. (4).
    Biases and skip connection are not in it.

    Parameters
    ----------
    weights, outer, order, coupling
        As of `path_norm`.

    References
    ----------
    .. [1] Parhi and Nowak, JMLR 22(43), 2021.

    Examples
    --------
    >>> weight_decay([[3.0, 4.0]], [[2.0]])
    14.5
    """
    w, v = _raw(weights, outer)
    lengths = np.linalg.norm(w, axis=1) ** (2 * order - 2)
    return 0.5 * float(np.sum(checks.norms(v, coupling) ** 2) + np.sum(lengths))


def imbalance(weights: Any, outer: Any, order: int = 2) -> float:
    """``max_k | |outer[k]| - |weights[k]|^(m-1) |``: 0 where weight decay is stationary.

    Parameters
    ----------
    weights, outer, order
        As of `path_norm`.

    Examples
    --------
    >>> imbalance([[3.0, 4.0]], [[2.0]])
    3.0
    """
    w, v = _raw(weights, outer)
    lengths = np.linalg.norm(w, axis=1) ** (order - 1)
    return float(np.max(np.abs(np.linalg.norm(v, axis=1) - lengths), initial=0.0))


def balance(
    weights: Any,
    biases: Any,
    outer: Any,
    order: int = 2,
    coupling: Coupling = "joint",
) -> Neurons:
    """Rescale each neuron to ``|outer| = |weights|^(m-1)``: the least weight decay.

    The function stays; `weight_decay` of the result equals `path_norm`, if no neuron
    has one factor zero only (no rescaling balances such a one: it is left as it is).

    Parameters
    ----------
    weights : (K, d) array
        First layer.
    biases : (K,) array
        Thresholds.
    outer : (K, D) array
        Second layer.
    order, coupling
        As of `path_norm`.

    Returns
    -------
    Neurons

    Examples
    --------
    >>> balance([[8.0]], [4.0], [[2.0]])
    Neurons(weights=array([[4.]]), biases=array([2.]), outer=array([[4.]]))
    """
    w, b, v = checks.neurons(weights, biases, outer)
    lengths, sizes = np.linalg.norm(w, axis=1), checks.norms(v, coupling)
    live = (lengths > 0.0) & (sizes > 0.0)
    factor = np.ones(len(b))
    factor[live] = sizes[live] ** (0.5 / (order - 1)) / np.sqrt(lengths[live])
    return Neurons(
        w * factor[:, None], b * factor, v / (factor ** (order - 1))[:, None]
    )


def balanced_neurons(net: ShallowNet, coupling: Coupling = "joint") -> Neurons:
    """Raw parameters of a network with the least weight decay.

    Parameters
    ----------
    net : ShallowNet
        Any.
    coupling : {"joint", "independent"}
        Norm over outputs.

    Returns
    -------
    Neurons
    """
    return balance(net.directions, net.offsets, net.coef, net.order, coupling)


def no_skip_cost(net: ShallowNet) -> float:
    """Least cost of the function on all of space without a linear skip connection.

    The output bias stays free. What scikit-learn's and torch's networks minimise in
    the limit; on finitely many points the linear part can be cheaper.
    With kinks ``a_k`` and ``l = c + sum_k a_k u_k / 2``,
    ``sum |a_k| + 2 min { |l - sum_k o_k u_k| : |o_k| <= |a_k| / 2 }`` [1]_.

    Parameters
    ----------
    net : ShallowNet
        Of order 2 with one output.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the order is not 2 or there are several outputs.

    References
    ----------
    .. [1] Savarese, Evron, Soudry and Srebro, How do infinite width bounded norm
       networks look in function space?, COLT 2019, for d = 1.

    Examples
    --------
    The identity needs two neurons:

    >>> no_skip_cost(ShallowNet(np.empty((0, 2)), [], [], [1.0, 0.0], 0.0))
    2.0
    """
    if net.order != 2 or net.n_outputs != 1:
        raise ValueError(
            "net must be of order 2 with one output; got order "
            f"{net.order} and {net.n_outputs} outputs"
        )
    net = net.canonical()
    relu = net.activation == "relu"
    a = net.coef[:, 0] * net.atoms.unit_cost
    linear = net.skip[:, 0] + (net.directions.T @ a / 2.0 if relu else 0.0)
    if len(a) == 0:
        return 2.0 * float(np.linalg.norm(linear))
    half = np.abs(a) / 2.0
    fit = lsq_linear(net.directions.T, linear, (-half, half), method="bvls", tol=1e-14)
    return float(2.0 * half.sum() + 2.0 * np.linalg.norm(fit.fun))


def slope_bounds(net: ShallowNet) -> Array:
    """Bound ``|d f_o / d x_j|`` over all of space, (d, D).

    ``|c_j + sum_k of those terms a_k u_kj that have one sign|``, the larger of both:
    never above ``|f(e_j) - f(0)| + sum_k |a_k| |u_kj|``.

    Parameters
    ----------
    net : ShallowNet
        Of order 2.

    Raises
    ------
    ValueError
        If the order is not 2: other slopes are not bounded.

    Examples
    --------
    >>> slope_bounds(ShallowNet([[1.0]], [0.0], [3.0], [-1.0], 0.0))
    array([[2.]])
    """
    if net.order != 2:
        raise ValueError(
            f"net must be of order 2; got {net.order}: slopes are unbounded"
        )
    terms = net.coef[:, None, :] * net.directions[:, :, None]  # (K, d, D)
    below, above = net.atoms.sides
    first, second = below * terms, above * terms
    high = net.skip + np.maximum(first, second).sum(axis=0)
    low = net.skip + np.minimum(first, second).sum(axis=0)
    return np.maximum(np.abs(high), np.abs(low))


def lipschitz_bound(net: ShallowNet) -> float:
    """L with ``max_o |f_o(x) - f_o(x')| <= L |x - x'|_1``; the largest slope bound.

    At most `full_norm` of any output, as the theory has it.

    Parameters
    ----------
    net : ShallowNet
        Of order 2.

    Returns
    -------
    float
    """
    return float(np.max(slope_bounds(net), initial=0.0))


def full_norm(net: ShallowNet, coupling: Coupling = "independent") -> float:
    """``R-TV + |f(0)| + sum_j |f(e_j) - f(0)|``: a norm, affine functions included.

    Parameters
    ----------
    net : ShallowNet
        Of order 2.
    coupling : {"joint", "independent"}
        Norm over outputs; the sum over outputs is that of [1]_.

    Returns
    -------
    float

    References
    ----------
    .. [1] Parhi and Nowak, What kinds of functions do deep neural networks learn?,
       SIMODS 4(2), 2022, Eq. (10) of the specification.

    Examples
    --------
    Oracle O-12, ``2 relu(x1 + x2 - 1) + x1``:

    >>> f = ShallowNet.from_neurons([[1.0, 1.0]], [1.0], [2.0], [1.0, 0.0])
    >>> round(full_norm(f), 10)
    3.8284271247
    """
    values = net(np.vstack([np.zeros(net.n_inputs), np.eye(net.n_inputs)]))
    changes = np.vstack([values[:1], values[1:] - values[0]])
    return net.variation_norm(coupling) + float(np.sum(checks.norms(changes, coupling)))


def hessian_variation(
    net: ShallowNet, domain: Ball | Box, coupling: Coupling = "joint"
) -> float:
    """Total variation of the gradient over a domain, in the Frobenius norm.

    ``sum_k |a_k| vol({u_k . x = t_k} in domain)``: another measure of the same kinks,
    for d = 1 the seminorm itself.

    Parameters
    ----------
    net : ShallowNet
        Of order 2.
    domain : Ball or Box
        A box in at most two dimensions.
    coupling : {"joint", "independent"}
        Norm over outputs.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the order is not 2.

    Examples
    --------
    >>> f = ShallowNet([[1.0, 0.0]], [0.5], [3.0], [0.0, 0.0], 0.0)
    >>> hessian_variation(f, Box([0.0, 0.0], [1.0, 2.0]))
    6.0
    """
    if net.order != 2:
        raise ValueError(f"net must be of order 2; got {net.order}")
    net = net.canonical()
    range_over(domain, net.directions)  # the numbers of columns must agree
    sizes = domain.section(net.directions, net.offsets)
    return net.atoms.unit_cost * float(checks.norms(net.coef, coupling) @ sizes)


def radon_tv_gaussian(d: int, scale: float = 1.0) -> float:
    """R-TV seminorm of ``exp(-|x|^2 / (2 scale^2))`` in d variables.

    By the exact antiderivative of its filtered Radon transform [1]_: no quadrature.

    Parameters
    ----------
    d : int, 1 <= d <= 100
        Number of inputs; above that factors overflow.
    scale : float, > 0
        The seminorm is inversely proportional to it.

    Returns
    -------
    float

    References
    ----------
    .. [1] Kumar, Parhi and Belkin, A gap between the Gaussian RKHS and neural networks,
       COLT 2025.

    Examples
    --------
    >>> [round(radon_tv_gaussian(d), 6) for d in (1, 2, 3)]
    [2.426123, 4.768562, 7.020064]
    """
    d = int(check_scalar("d", d, low=1.0, high=100.0))
    scale = check_scalar("scale", scale, low=0.0, strict=True)
    ends = [0.0, *_zeros(d), math.inf]
    primitive = np.array([_antiderivative(d, z) for z in ends])
    mass = 2.0 * float(np.sum(np.abs(np.diff(primitive))))
    # |S^(d-1)| / (2 (2 pi)^((d-1)/2)) and the factor of psi, in logarithms.
    sphere = math.log(2.0) + 0.5 * d * math.log(math.pi) - math.lgamma(d / 2)
    slice_ = math.log(2.0) + 0.5 * (d - 1) * math.log(2.0 * math.pi)
    factor = 0.5 * (d + 1) * math.log(2.0) + math.lgamma(0.5 * d + 1.0)
    return mass * math.exp(sphere - slice_ + factor) / math.sqrt(math.pi) / scale


def _profile(d: int, z: float) -> float:  # psi up to its factor, by Kummer's transform
    return math.exp(-z * z / 2) * float(hyp1f1(-(d + 1) / 2, 0.5, z * z / 2))


def _antiderivative(d: int, z: float) -> float:
    if math.isinf(z):
        return 0.0
    return z * math.exp(-z * z / 2) * float(hyp1f1((1 - d) / 2, 1.5, z * z / 2))


def _zeros(d: int) -> list[float]:
    """Positive zeros of psi: all lie below those of He_(d+2), within 2 sqrt(d + 2)."""
    grid = np.linspace(0.0, 2.0 * math.sqrt(d + 2.0), 64 * (d + 2))
    values = np.array([_profile(d, z) for z in grid])
    where = np.flatnonzero(values[:-1] * values[1:] < 0.0)
    return [
        float(brentq(lambda z: _profile(d, z), grid[i], grid[i + 1], xtol=1e-15))
        for i in where
    ]


def _raw(weights: Any, outer: Any) -> tuple[Array, Array]:
    rows = np.shape(weights)[0] if np.ndim(weights) else 0
    w, _, v = checks.neurons(weights, np.zeros(rows), outer)
    return check_vector("weights", w.ravel()).reshape(w.shape), v
