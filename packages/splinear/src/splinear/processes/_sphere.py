"""Constants of the sphere, with its surface measure (not normalised)."""

import math


def sphere_area(d: int) -> float:
    """Surface of the unit sphere of R^d; two points for d = 1."""
    return 2.0 * math.pi ** (d / 2) / math.gamma(d / 2)


def ball_volume(d: int) -> float:
    """Volume of the unit ball of R^d; one for d = 0."""
    return math.pi ** (d / 2) / math.gamma(d / 2 + 1)


def absolute_moment(p: float, d: int) -> float:
    """c_p, the integral of ``|u . e|^p`` over the sphere, e a unit vector."""
    ratio = math.lgamma((p + 1) / 2) - math.lgamma((d + p) / 2)
    return 2.0 * math.pi ** ((d - 1) / 2) * math.exp(ratio)


def covariance_constant(d: int) -> float:
    """A_d = c_3 / 12.

    Derived here; (107) of Parhi et al. (2025) prints it too small by 2 (2 pi)^(d - 1).
    """
    return math.pi ** ((d - 1) / 2) / (6.0 * math.gamma((d + 3) / 2))
