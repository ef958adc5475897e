"""Random orthonormal frames, uniform over all of them."""

import numpy as np
from numpy.typing import NDArray


def frame(d: int, k: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a (d, k) matrix with orthonormal columns, k <= d, of the Haar law."""
    Q, R = np.linalg.qr(rng.standard_normal((d, k)))
    # Without the signs the law would be that of LAPACK's convention.
    return Q * np.where(np.diagonal(R) < 0.0, -1.0, 1.0)
