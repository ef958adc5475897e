"""Linear regions of realisations: how many are expected, and how many there are."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from splinear.processes._sphere import ball_volume
from splinear.processes.domain import CenteredBall, CenteredBox, Domain, as_domain
from splinear.processes.network import RandomReLUNetwork

Array = NDArray[np.float64]


def expected_regions(rate: float, domain: Domain, dim: int) -> float:
    """Expected number of cells into which the hyperplanes cut a convex domain.

    ``sum_k kappa_k (rate kappa_(d-1))^k V_k``, V_k the intrinsic volumes: a region for
    each k hyperplanes that meet in the domain, by Crofton's formula (Schneider and Weil,
    Stochastic and Integral Geometry, 2008, Thm. 5.1.1).

    Parameters
    ----------
    rate : float, > 0
        Rate of the process; hyperplanes come at twice the rate.
    domain : Domain
        Convex.
    dim : int
        d.

    Examples
    --------
    >>> round(expected_regions(1.0, CenteredBall(1.0), 2), 10)  # (1 + 2 pi)^2
    53.0447882187
    """
    volumes = domain.intrinsic_volumes(dim)
    each = rate * ball_volume(dim - 1)
    return float(sum(ball_volume(k) * each**k * V for k, V in enumerate(volumes)))


def count_linear_regions(network: RandomReLUNetwork, domain: Any = None) -> int:
    """Count the linear regions of a realisation, in one or two dimensions.

    One, plus one for each hyperplane that cuts the domain and one for each pair that
    meets inside: no three lines meet in a point, with probability one. Quadratic in the
    neurons, in constant memory.

    Parameters
    ----------
    network : RandomReLUNetwork
        d = 1 or 2.
    domain : float, CenteredBall or CenteredBox, optional
        Where to count; the domain of the realisation by default.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there are more dimensions, or the domain is not inside the sampled one.

    Examples
    --------
    >>> s = RandomReLUNetwork([[1.0, 0.0], [0.0, 1.0]], [0.5, 0.5], [1.0, -1.0], 1.0)
    >>> count_linear_regions(s)  # the lines meet at (0.5, 0.5)
    4
    """
    dim = network.dim
    if dim > 2:
        raise ValueError(
            f"regions are counted in one or two dimensions; this one has {dim}: see "
            "RandomReLUProcess.expected_linear_regions"
        )
    where = network.domain if domain is None else as_domain(domain, dim)
    where_inside(where, network, dim)
    cuts = network.thresholds < where.support(network.directions)
    U, t = network.directions[cuts], network.thresholds[cuts]
    if dim == 1:
        return 1 + len(t)
    if isinstance(where, CenteredBox):
        return 1 + len(t) + _crossings(U, t, where.half_widths, np.inf)
    radius = where.outer_radius(dim)
    return 1 + len(t) + _crossings(U, t, np.full(2, np.inf), radius)


def where_inside(domain: Domain, network: RandomReLUNetwork, dim: int) -> None:
    """Refuse a domain that sticks out of the one that was sampled.

    Parameters
    ----------
    domain : Domain
        Where to count.
    network : RandomReLUNetwork
        The realisation.
    dim : int
        d.

    Raises
    ------
    ValueError
        If it does, or is neither ball nor box.
    """
    if not isinstance(domain, CenteredBall | CenteredBox):
        raise ValueError(f"domain must be a ball or a box; got {domain}")
    # Corners of a box, and the axes of a ball, are its extreme points here.
    half = getattr(domain, "half_widths", None)
    points = np.eye(dim) * domain.outer_radius(dim) if half is None else half[None]
    if np.any(network.domain.outside(points)):
        raise ValueError(
            f"{domain} sticks out of the sampled {network.domain}: extend first"
        )


@njit(cache=True)
def _crossings(U, t, half, radius):
    """Count pairs of lines that meet where |x_j| <= half_j and |x| <= radius."""
    count = 0
    for i in range(len(t)):
        for k in range(i + 1, len(t)):
            det = U[i, 0] * U[k, 1] - U[i, 1] * U[k, 0]
            if det == 0.0:
                continue
            x = (t[i] * U[k, 1] - t[k] * U[i, 1]) / det
            y = (U[i, 0] * t[k] - U[k, 0] * t[i]) / det
            inside = abs(x) <= half[0] and abs(y) <= half[1]
            if inside and x * x + y * y <= radius * radius:
                count += 1
    return count
