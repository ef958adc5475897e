"""Splines as networks with one hidden layer and a skip connection, and back."""

import math
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_scalar, check_vector
from splinear.univariate._pieces import shift
from splinear.univariate._spline_checks import check_domain, check_order
from splinear.univariate.spline import Spline

Vector = NDArray[np.float64]

#: Relative distance of knots, and relative size of sums, that count as rounding.
ROUNDING = 4.0 * float(np.finfo(np.float64).eps)


@final
@dataclass(frozen=True, eq=False)
class Network:
    """``f(x) = sum_k outer[k] rho_m(weights[k] u - biases[k]) + q(u)``, u = x - origin.

    ``rho_m(t) = max(t, 0)^(m-1) / (m-1)!`` is the step for m = 1, the ReLU for m = 2.
    The first layer sees ``x - origin``, so that sites near 1e9 keep their digits.

    Parameters
    ----------
    order : int, m >= 1
        Order of the activation.
    weights, biases, outer : (K,) arrays
        First layer, its thresholds, second layer.
    skip : (m,) array
        ``q(u) = sum_j skip[j] u^j``, the skip connection; no norm sees it.
    origin : float
        Subtracted from x.

    Raises
    ------
    TypeError
        If an argument holds no real numbers.
    ValueError
        If lengths differ or an entry is not finite.

    Examples
    --------
    The absolute value from two neurons:

    >>> f = Network(2, [1.0, -1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0])
    >>> f([-2.0, 3.0]), f.path_norm, f.variation
    (array([2., 3.]), 2.0, 2.0)
    """

    order: int
    weights: Vector
    biases: Vector
    outer: Vector
    skip: Vector
    origin: float = 0.0

    def __post_init__(self) -> None:
        order = check_order(self.order)
        size = np.size(self.weights)
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "origin", check_scalar("origin", self.origin))
        for name, wanted in (
            ("weights", size),
            ("biases", size),
            ("outer", size),
            ("skip", order),
        ):
            value = np.asarray(getattr(self, name), dtype=None if size else np.float64)
            vector = check_vector(name, value, size=wanted).copy()
            vector.flags.writeable = False
            object.__setattr__(self, name, vector)

    def __call__(self, x: Any) -> NDArray[np.float64]:
        """Evaluate neuron by neuron: O(N K) time, O(N) memory, the plain definition.

        For many points convert with `to_spline`, which costs O(K + N log K).

        Parameters
        ----------
        x : array-like of finite real numbers
            Of any shape.
        """
        points = np.asarray(x, dtype=np.float64)
        u = check_vector("x", points.ravel()) - self.origin
        total = np.asarray(np.polynomial.polynomial.polyval(u, self.skip), np.float64)
        for w, b, v in zip(self.weights, self.biases, self.outer, strict=True):
            total += v * activation(self.order, w * u - b)
        return total.reshape(points.shape)[()]

    @property
    def path_norm(self) -> float:
        """Path norm ``sum |v| |w|^(m-1)``, at least the variation of the function.

        Equal to it if and only if no two neurons of one knot work against each other
        (coefficients compared after the parity rule, see `canonicalise`).
        """
        return float(np.sum(self._paths))

    @property
    def weight_decay(self) -> float:
        """Weight decay ``sum (v^2 + |w|^(2m-2)) / 2``, at least the path norm (AM-GM).

        For order 1 the term of w is the constant 1: steps do not see scale.
        """
        squares = self.outer**2 + np.abs(self.weights) ** (2 * self.order - 2)
        return 0.5 * float(np.sum(squares))

    @property
    def variation(self) -> float:
        """Total variation of the (m-1)-th derivative of the function."""
        return canonicalise(self).path_norm

    @property
    def _paths(self) -> Vector:
        return np.abs(self.outer) * np.abs(self.weights) ** (self.order - 1)

    def balanced(self) -> "Network":
        """Rescale each neuron to ``|v| = |w|^(m-1)``: the least weight decay.

        The function stays; afterwards `weight_decay` equals `path_norm`. Neurons with
        v = 0 or w = 0 are constants, which the skip connection carries for nothing.

        Returns
        -------
        Network

        Raises
        ------
        ValueError
            If the order is 1: no rescaling changes a step.
        """
        if self.order == 1:
            raise ValueError(
                "order must be at least 2 to balance weights; got 1: a step does not "
                "see the scale of its weight, use path_norm"
            )
        live = _fold_dead(self)
        power = live.order - 1
        ratio = np.abs(live.outer) / np.abs(live.weights) ** power
        c = ratio ** (0.5 / power)
        return replace(
            live,
            weights=live.weights * c,
            biases=live.biases * c,
            outer=live.outer / c**power,
        )


def activation(order: int, t: Vector) -> Vector:
    """Return ``max(t, 0)^(m-1) / (m-1)!``; for m = 1 the step, 1 at t = 0.

    Parameters
    ----------
    order : int, m >= 1
        Order of the activation.
    t : array
        Where to evaluate.

    Examples
    --------
    >>> activation(3, np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    if order == 1:
        return (t >= 0.0).astype(np.float64)
    return np.maximum(t, 0.0) ** (order - 1) / math.factorial(order - 1)


def canonicalise(
    network: Network,
    domain: tuple[float, float] | None = None,
    tol: float = ROUNDING,
) -> Network:
    """Write the same function with unit weights and one neuron per knot, sorted.

    Neurons with w < 0 are turned around by the parity rule
    ``rho_m(-z) = (-1)^m rho_m(z) + (-1)^(m-1) z^(m-1) / (m-1)!``, whose polynomial
    goes to the skip connection; neurons of one knot are added up; what cancels and
    what is constant leaves. Then path norm and variation agree.

    Parameters
    ----------
    network : Network
        Any.
    domain : (float, float), optional
        Where the function matters: knots at or beyond its ends become polynomials.
        The variation is then the one over the open interval.
    tol : float, >= 0
        Knots closer than `tol` times their size relative to the origin are one knot;
        sums smaller than `tol` times their terms are zero.

    Returns
    -------
    Network

    Notes
    -----
    For order 1 a step that is turned around takes its other value at the knot itself.

    Examples
    --------
    ``2 relu(x - 1) - 3 relu(-2 x + 2)`` has one kink, of -4:

    >>> f = Network(2, [1.0, -2.0], [1.0, -2.0], [2.0, -3.0], [0.0, 0.0])
    >>> g = canonicalise(f)
    >>> g.biases, g.outer, g.skip
    (array([1.]), array([-4.]), array([-6.,  6.]))
    """
    live = _fold_dead(network)
    power = live.order - 1
    knots = live.biases / live.weights
    amplitudes = live.outer * np.abs(live.weights) ** power
    turned = live.weights < 0.0
    # rho_m(-z): the parity rule, one polynomial a z^(m-1) (-1)^(m-1) / (m-1)! each.
    skip = live.skip + _powers(
        power, knots[turned], amplitudes[turned] * (-1.0) ** power
    )
    amplitudes[turned] *= -((-1.0) ** power)
    if domain is not None:
        low, high = check_domain(domain)
        before = knots <= low - live.origin
        skip = skip + _powers(power, knots[before], amplitudes[before])
        inside = ~before & (knots < high - live.origin)
        knots, amplitudes = knots[inside], amplitudes[inside]
    knots, amplitudes = _merge(knots, amplitudes, tol)
    return Network(
        live.order, np.ones(knots.size), knots, amplitudes, skip, live.origin
    )


def _powers(power: int, knots: Vector, amplitudes: Vector) -> Vector:
    """Coefficients in u of ``sum a (u - knot)^power / power!``."""
    table = np.zeros((power + 1, knots.size))
    table[-1] = amplitudes / math.factorial(power)
    return np.sum(shift(table, -knots), axis=1)


def _fold_dead(network: Network) -> Network:
    live = (network.weights != 0.0) & (network.outer != 0.0)
    constants = network.outer * activation(network.order, -network.biases)
    skip = network.skip.copy()
    skip[0] += float(np.sum(constants[~live]))
    return replace(
        network,
        weights=network.weights[live],
        biases=network.biases[live],
        outer=network.outer[live],
        skip=skip,
    )


def _merge(knots: Vector, amplitudes: Vector, tol: float) -> tuple[Vector, Vector]:
    if knots.size == 0:
        return knots, amplitudes
    order = np.argsort(knots, kind="stable")
    knots, amplitudes = knots[order], amplitudes[order]
    size = np.maximum(np.abs(knots[1:]), np.abs(knots[:-1]))
    first = np.concatenate(([True], np.diff(knots) > tol * size))
    starts = np.flatnonzero(first)
    total = np.add.reduceat(amplitudes, starts)
    keep = np.abs(total) > tol * np.add.reduceat(np.abs(amplitudes), starts)
    return knots[starts][keep], total[keep]


def to_network(spline: Spline) -> Network:
    """Write a spline as a network: one neuron per jump, the first piece as skip.

    Parameters
    ----------
    spline : Spline
        Of any order.

    Returns
    -------
    Network
        Balanced (unit weights for order 1), so that path norm, weight decay and the
        variation of the spline agree. It is the spline's polynomial extrapolation.

    Examples
    --------
    >>> f = to_network(Spline.from_values([0.0, 1.0, 2.0], [0.0, 4.0, 0.0]))
    >>> f.weights, f.outer, f.path_norm, f.weight_decay
    (array([2.82842712]), array([-2.82842712]), 8.0, 8.0)
    """
    ones = np.ones(spline.knots.size)
    network = Network(
        spline.order,
        ones,
        spline.knots - spline.origin,
        spline.jumps,
        spline.coefficients[:, 0],
        spline.origin,
    )
    return network if spline.order == 1 else network.balanced()


def to_spline(network: Network, domain: tuple[float, float]) -> Spline:
    """Write a network as a spline; knots outside `domain` are kept.

    Parameters
    ----------
    network : Network
        Of any order.
    domain : (float, float)
        Where the function is not extrapolated.

    Returns
    -------
    Spline
        Its variation is that of the function on the line; for the variation on the
        domain alone canonicalise with ``domain=`` first.

    Examples
    --------
    >>> f = Network(2, [-2.0], [-2.0], [1.0], [0.0, 0.0])
    >>> g = to_spline(f, (0.0, 2.0))
    >>> g.knots, g.jumps, float(g(0.0))
    (array([1.]), array([2.]), 2.0)
    """
    reduced = canonicalise(network)
    # Adding a large origin can make neighbours equal: they share a knot from then on.
    knots, where = np.unique(reduced.biases + reduced.origin, return_inverse=True)
    jumps = np.bincount(where, weights=reduced.outer, minlength=knots.size)
    return Spline.from_jumps(
        reduced.order, knots, jumps, reduced.skip, reduced.origin, domain
    )
