"""The Hessian at a global minimiser with weight decay, block by block, for c = 1.

In the frame of the singular vectors the Hessian splits over pairs of indices p, q.  The
derivation is ours and stands in the theory page; tests hold each line against automatic
differentiation.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Part = tuple[Array, Counts]


@dataclass(frozen=True)
class Minimiser:
    """What the spectrum depends on; c = 1."""

    s: Array  # (k,) positive singular values of the minimiser, decreasing
    sigma: Array  # (min(d_0, d_L),) singular values of the target
    widths: tuple[int, ...]  # d_0, ..., d_L
    lam: float

    @property
    def L(self) -> int:
        return len(self.widths) - 1

    @property
    def k(self) -> int:
        return len(self.s)

    @property
    def n_parameters(self) -> int:
        return sum(a * b for a, b in pairwise(self.widths))

    @cached_property
    def squares(self) -> Array:
        """Return t^2 for the gain t = s^(1/L) of each layer."""
        return self.s ** (2.0 / self.L)

    @property
    def both_ends(self) -> int:
        return min(self.widths[0], self.widths[-1])

    @property
    def one_end(self) -> int:
        """Number of indices that only the larger of d_0 and d_L has; none is kept."""
        return abs(self.widths[0] - self.widths[-1])


def eigenvalues(at: Minimiser) -> Part:
    """Return values and multiplicities of the whole Hessian."""
    if at.L == 1:
        return np.array([2.0 + 2.0 * at.lam]), np.array([at.n_parameters])
    parts = [_singles(at), _pairs(at), _shared(at), _edges(at), _dropped(at)]
    values, counts = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(counts)


def diagonal(at: Minimiser) -> Array:
    """Return 2 L s_p^(2 - 2/L) - 2 (L - 2) lam, the value of p = q."""
    L = at.L
    return 2.0 * L * at.squares ** (L - 1) - 2.0 * (L - 2) * at.lam


def pair_terms(at: Minimiser, p: Counts, q: Counts) -> tuple[Array, Array]:
    """Return Q = sum_i t_p^(2(L-i)) t_q^(2(i-1)) and lam tau for p < q <= k.

    tau = sum_j kappa^(L-2-2j) with kappa = t_q / t_p, summed by Horner's rule.
    """
    L, a, b = at.L, at.squares[p], at.squares[q]
    ratio = b / a  # kappa^2 <= 1
    Q, tau = np.zeros_like(a), np.zeros_like(a)
    for i in range(L):
        Q = Q * ratio + 1.0
        if i < L - 1:
            tau = tau * ratio + 1.0
    Q *= a ** (L - 1)
    tau *= ratio ** (-0.5 * (L - 2))
    return Q, at.lam * tau


def _singles(at: Minimiser) -> Part:
    return diagonal(at), np.ones(at.k, dtype=np.int64)


def _pairs(at: Minimiser) -> Part:
    p, q = np.triu_indices(at.k, 1)
    Q, coupling = pair_terms(at, p, q)
    middle = 2.0 * Q + 2.0 * at.lam
    values = np.concatenate([middle + 2.0 * coupling, middle - 2.0 * coupling])
    return values, np.ones(len(values), dtype=np.int64)


def _shared(at: Minimiser) -> Part:
    """Return 4 lam and 0: singles, pairs, and edges at hidden layers (rotations)."""
    k, L = at.k, at.L
    n_pairs = k * (k - 1) // 2
    hidden = k * sum(d - k for d in at.widths[1:-1])
    fours = (L - 1) * (k + n_pairs) + hidden
    zeros = (L - 1) * n_pairs + hidden
    return np.array([4.0 * at.lam, 0.0]), np.array([fours, zeros])


def edge_terms(at: Minimiser) -> tuple[Array, Array]:
    """Return b_p = 2 s_p^(2 - 2/L) + 2 lam and the factor 2 s_p^(1 - 2/L) of sigma_q."""
    base = 2.0 * at.squares ** (at.L - 1) + 2.0 * at.lam
    # From powers of t^2, so that depth 2 has 1 whatever s is.
    return base, 2.0 * at.squares ** (0.5 * (at.L - 2))


def _edges(at: Minimiser) -> Part:
    """Return the pairs p <= k < q of the two ends."""
    base, factor = edge_terms(at)
    shifts = np.outer(factor, at.sigma[at.k : at.both_ends])
    both = np.concatenate([(base[:, None] + shifts), (base[:, None] - shifts)], axis=1)
    counts = np.ones(both.size, dtype=np.int64)
    once = np.full(at.k, at.one_end, dtype=np.int64)
    return np.concatenate([both.ravel(), base]), np.concatenate([counts, once])


def _dropped(at: Minimiser) -> Part:
    """Return the pairs p, q > k."""
    left = [d - at.k for d in at.widths]
    if at.L > 2:
        count = sum(a * b for a, b in pairwise(left))
        return np.array([2.0 * at.lam]), np.array([count])
    rest = at.sigma[at.k : at.both_ends]
    values = 2.0 * at.lam + 2.0 * np.concatenate([rest, -rest, [0.0]])
    counts = np.full(len(values), left[1], dtype=np.int64)
    counts[-1] *= at.one_end
    return values, counts


def largest(at: Minimiser) -> float:
    """Return the largest eigenvalue in O(k L): each block's largest candidate."""
    if at.L == 1:
        return 2.0 + 2.0 * at.lam
    values, counts = _dropped(at)
    found = list(values[counts > 0])
    if at.k:
        found += [diagonal(at)[0], 4.0 * at.lam, _largest_edge(at)]
        others = np.arange(1, at.k)
        Q, coupling = pair_terms(at, np.zeros_like(others), others)
        found += list(2.0 * Q + 2.0 * at.lam + 2.0 * coupling)
    return float(max(found))


def _largest_edge(at: Minimiser) -> float:
    """Return the largest value of the first kept index with a dropped one of the ends."""
    base, factor = edge_terms(at)
    if at.k < at.both_ends:
        return float(base[0] + factor[0] * at.sigma[at.k])
    return float(base[0]) if at.one_end > 0 else 0.0


def trace(at: Minimiser) -> float:
    """Return 2 [(d_0 + d_L) T_(L-1) + sum_i T_(L-i) T_(i-1)] + 2 lam P."""
    L, P = at.L, at.n_parameters
    if L == 1:
        return (2.0 + 2.0 * at.lam) * P
    T = [float(np.sum(at.squares**m)) for m in range(L)]
    ends = (at.widths[0] + at.widths[-1]) * T[L - 1]
    inner = sum(T[L - i] * T[i - 1] for i in range(2, L))
    return 2.0 * (ends + inner) + 2.0 * at.lam * P
