"""J J^T, the operator X -> sum_i A_i X B_i of size d_L n with the Hessian's spectrum.

A_i = S_i S_i^T and B_i = R_i^T R_i; where the residual is zero, the nonzero eigenvalues
of the Hessian are 2 c times those of this operator.  It is positive semidefinite.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.linalg import LinearOperator

from splinear.factorization._chain import Chain

Array = NDArray[np.float64]

#: Off-diagonal rest, relative to the operator, below which matrices commute.
COMMUTES = 1e-12
#: The same for commutators on a vector, in Frobenius norms: generous, as a first look.
QUICK = 1e-9


@dataclass(frozen=True)
class Gram:
    """The factors of each term; None stands for the identity."""

    A: list[Array | None]  # (d_L, d_L)
    B: list[Array | None]  # (n, n)
    shape: tuple[int, int]  # of X

    @property
    def size(self) -> int:
        return self.shape[0] * self.shape[1]

    def __call__(self, X: Array) -> Array:
        total = np.zeros(self.shape)
        for A, B in zip(self.A, self.B, strict=True):
            term = X if A is None else A @ X
            total += term if B is None else term @ B
        return total

    def operator(self) -> LinearOperator:
        """Return the map of vectors, X in row-major order."""

        def product(x: Array) -> Array:
            return self(np.asarray(x).reshape(self.shape)).ravel()

        return LinearOperator(
            (self.size, self.size),
            matvec=product,
            rmatvec=product,
            dtype=np.float64,
        )

    def dense(self) -> Array:
        """Return sum_i A_i (x) B_i, the matrix for X in row-major order."""
        d, n = self.shape
        total = np.zeros((self.size, self.size))
        for A, B in zip(self.A, self.B, strict=True):
            total += np.kron(
                np.eye(d) if A is None else A, np.eye(n) if B is None else B
            )
        return total


def gram(chain: Chain) -> Gram:
    """Return the operator at a point."""
    last = len(chain.W) - 1
    A = [None if i == last else S @ S.T for i, S in enumerate(chain.S)]
    B = [
        None if i == 0 and chain.X is None else R.T @ R
        for i, R in enumerate(chain.R[:-1])
    ]
    return Gram(A, B, chain.Y.shape)


@dataclass(frozen=True)
class Joint:
    """Eigenvalues ``sum_i a_i[p] b_i[q]`` with vectors, and how far from true."""

    values: Array  # (d_L, n)
    left: Array  # (d_L, d_L)
    right: Array  # (n, n)
    error: float

    def top(self) -> tuple[float, Array]:
        """Return the largest value and its unit eigenmatrix."""
        p, q = np.unravel_index(int(np.argmax(self.values)), self.values.shape)
        X = np.outer(self.left[:, p], self.right[:, q])
        return float(self.values[p, q]), X


def joint_spectrum(operator: Gram) -> Joint | None:
    """Return the spectrum where all A_i commute and all B_i do, else None.

    That is so at depth 2, at aligned and at balanced layers.  Each family is then
    diagonal in the eigenvectors of one combination of its members.
    """
    if not (_may_commute(operator.A) and _may_commute(operator.B)):
        return None
    left = _common_vectors(operator.A, operator.shape[0])
    right = _common_vectors(operator.B, operator.shape[1])
    values = left.diagonals.T @ right.diagonals
    # |A (x) B - diagonal| <= |off A| |B| + |A| |off B| for each term, and more for sums.
    error = float(np.sum(left.off * right.size + left.size * right.off))
    scale = float(np.sum(left.size * right.size))
    if not error <= COMMUTES * scale:
        return None
    return Joint(values, left.vectors, right.vectors, error)


def _may_commute(family: list[Array | None]) -> bool:
    """Whether commutators vanish on one vector: spares most families the eigenvectors."""
    members = [M for M in family if M is not None]
    x = np.random.default_rng(0).standard_normal(len(members[0]) if members else 1)
    images = [M @ x for M in members]
    sizes = [np.linalg.norm(M) for M in members]
    for i, j in combinations(range(len(members)), 2):
        gap = members[i] @ images[j] - members[j] @ images[i]
        if np.linalg.norm(gap) > QUICK * sizes[i] * sizes[j]:
            return False
    return True


@dataclass(frozen=True)
class _Common:
    vectors: Array
    diagonals: Array  # (L, d)
    off: Array  # (L,) Frobenius norms of what is not on the diagonal
    size: Array  # (L,) largest eigenvalues, as far as the diagonal shows


def _common_vectors(family: list[Array | None], d: int) -> _Common:
    members = [M for M in family if M is not None and np.any(M)]
    V = _eigenvectors(members, d)
    diagonals, off = np.ones((len(family), d)), np.zeros(len(family))
    for i, M in enumerate(family):
        if M is not None:
            rotated = V.T @ M @ V
            diagonals[i] = np.diagonal(rotated)
            off[i] = np.linalg.norm(rotated - np.diag(diagonals[i]))
    return _Common(V, diagonals, off, np.abs(diagonals).max(axis=1) + off)


def _eigenvectors(members: list[Array], d: int) -> Array:
    if not members:
        return np.eye(d)
    # Irregular coefficients: eigenvalues that differ in a member differ in the sum.
    golden = 0.5 * (np.sqrt(5.0) - 1.0)
    shares = [1.0 + (golden * (i + 1)) % 1.0 for i in range(len(members))]
    mix = np.zeros((d, d))
    for share, M in zip(shares, members, strict=True):
        mix += share * M / np.abs(M).max()
    return eigh(mix)[1]


def fourth_moment(operator: Gram) -> float:
    """Return the trace of the fourth power, in O(L^2 d^3 + L^4 d^2).

    The sum over words ijkl of tr(A_i A_j A_k A_l) tr(B_i B_j B_k B_l).
    """
    sides = zip((operator.A, operator.B), operator.shape, strict=True)
    traces = [_word_traces(family, d) for family, d in sides]
    return float(np.sum(traces[0] * traces[1]))


def _word_traces(family: list[Array | None], d: int) -> Array:
    full = [np.eye(d) if M is None else M for M in family]
    pairs = [M @ N for M in full for N in full]
    rows = np.stack([P.ravel() for P in pairs])
    columns = np.stack([P.T.ravel() for P in pairs])
    return rows @ columns.T
