"""Known answers for univariate fits, with where they come from."""

from fractions import Fraction as Q

import numpy as np

#: Five points whose exact solutions were found by rational arithmetic on the
#: optimality conditions: lam, values at the points, variation, objective (sums).
FIVE_X = np.array([0.0, 1.0, 3.0, 4.0, 6.0])
FIVE_Y = np.array([0.0, 2.0, 1.0, 3.0, 0.0])
FIVE_TOP = Q(140, 57)
FIVE = [
    (
        Q(1, 10),
        (Q(1, 10), Q(9, 5), Q(13, 10), Q(11, 4), Q(1, 20)),
        Q(129, 20),
        Q(299, 400),
    ),
    (
        Q(1, 2),
        (Q(1, 2), Q(17, 14), Q(13, 7), Q(61, 28), Q(1, 4)),
        Q(47, 28),
        Q(225, 112),
    ),
    (
        Q(1),
        (Q(31, 40), Q(43, 40), Q(67, 40), Q(79, 40), Q(1, 2)),
        Q(83, 80),
        Q(423, 160),
    ),
    (Q(2), None, Q(13, 40), Q(133, 40)),
]

#: Large problems (sums): sites, lam_max, objective, variation and number of kinks at
#: lam = 1e-3 lam_max.
LARGE = [
    (10**4, 99.49008353, 1230.836982068, 26.30734762, 20),
    (10**5, 962.7878891, 12576.591480345, 18.50509056, 23),
    (10**6, 9654.83612, 124966.765665183, 18.36451708, 29),
]


def large(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the noisy function of the large problems, sorted x."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.random(n))
    y = np.sin(6 * x) + 2 * np.abs(x - 0.37) - 5 * np.maximum(x - 0.7, 0)
    return x, y + 0.5 * rng.standard_normal(n)
