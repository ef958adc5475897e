"""The one-point characteristic function, as one integral over an angle."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad_vec
from scipy.special import betainc

from splinear.processes._sphere import sphere_area
from splinear.processes.laws import WeightLaw

Array = NDArray[np.float64]

#: Relative error at which the quadrature stops.
_TOL = 1e-11


def log_characteristic(
    rate: float, law: WeightLaw, dim: int, xi: Array, r: Array
) -> NDArray[Any]:
    """Return ``log E exp(i xi s(x))`` for |x| = r; xi and r of one shape.

    ``rate int_S int_0^|u.x| (phi_V(xi k) - 1) dk du``; the inner order exchanged, the
    share of the sphere with |u . e| > sin(a) is a smooth function of a.
    """
    scaled = (xi * r).ravel()

    def integrand(angle: float) -> Array:
        share = _share_above(np.cos(angle) ** 2, dim) * np.cos(angle)
        phi = law.characteristic_function(scaled * np.sin(angle)) - 1.0
        return share * np.stack([np.real(phi), np.imag(phi)])

    total, error = quad_vec(
        integrand, 0.0, np.pi / 2, epsabs=1e-14, epsrel=_TOL, norm="max", limit=20_000
    )[:2]
    if not error <= 1e-8 * (1.0 + np.max(np.abs(total), initial=0.0)):
        raise ValueError(
            f"the quadrature reached an error of {error:.1e} only: |xi| |x| is too "
            f"large ({np.max(np.abs(scaled)):.3g})"
        )
    factor = rate * sphere_area(dim) * r.ravel()
    real, imaginary = factor * total
    result = real + 1j * imaginary if np.any(imaginary) else real
    return result.reshape(xi.shape)


def _share_above(cos_squared: float, dim: int) -> float:
    # betainc wants positive parameters; on the line |u . e| is always one.
    return 1.0 if dim == 1 else float(betainc((dim - 1) / 2, 0.5, cos_squared))
