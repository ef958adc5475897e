"""The least sharpness of all layers with a given product, and layers that have it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinear.core.random import generator
from splinear.factorization import _layer_checks as checks
from splinear.factorization._frames import frame
from splinear.factorization.spectrum import HessianSpectrum

Array = NDArray[np.float64]


def flattest_sharpness(target: Any, depth: int, loss_scale: float = 1.0) -> float:
    """Least sharpness of all W with ``W_L ... W_1 = M``: ``2 c L |M|^(2 - 2/L)``.

    Derived in the theory page: X = u v^T of the top singular pair bounds J J^T from
    below by a sum of L squares, whose product the target fixes; the balanced layers of
    `balanced_factorization` attain it. Needs hidden widths of at least the rank of M.

    Parameters
    ----------
    target : (d_L, d_0) array
        M.
    depth : int, L >= 1
        Number of layers.
    loss_scale : float, c > 0
        The loss is ``c |W_L ... W_1 - M|_F^2``.

    Returns
    -------
    float

    Examples
    --------
    >>> flattest_sharpness([[1.0, 0.0], [0.0, 0.36]], depth=3)
    6.0
    """
    L = checks.depth(depth)
    norm = float(np.linalg.norm(checks.matrix("target", target), 2))
    return 2.0 * checks.loss_scale(loss_scale) * L * norm ** (2.0 - 2.0 / L)


def balanced_factorization(
    target: Any,
    depth: int | None = None,
    widths: Sequence[int] | None = None,
    random_state: Any = None,
) -> list[Array]:
    """Layers with product M, each with singular values ``s^(1/L)``: a flattest minimum.

    ``W_i = Q_i diag(s^(1/L)) Q_(i-1)^T`` with the singular vectors of M at the ends and
    random orthonormal frames in between; ``W_(i+1)^T W_(i+1) = W_i W_i^T``.

    Parameters
    ----------
    target : (d_L, d_0) array
        M.
    depth : int, L >= 1, optional
        Number of layers; may be left out with `widths`.
    widths : sequence of int, optional
        d_0, ..., d_L; hidden widths are min(d_0, d_L) by default.
    random_state : None, int or Generator
        Source of the frames.

    Returns
    -------
    list of arrays
        First layer first.

    Raises
    ------
    ValueError
        If a hidden width is below the rank of M, or neither depth nor widths is given.

    Examples
    --------
    >>> layers = balanced_factorization([[9.0]], depth=2, random_state=0)
    >>> [abs(float(W[0, 0])) for W in layers]
    [3.0, 3.0]
    """
    M = checks.matrix("target", target)
    if depth is None and widths is None:
        raise ValueError("depth or widths must be given; got neither")
    L = checks.depth(len(widths) - 1 if depth is None and widths else depth)
    sizes = checks.widths(widths, L, M.shape)
    U, s, Vt = np.linalg.svd(M, full_matrices=False)
    rank = numerical_rank(s, M.shape)
    if min(sizes) < rank:
        raise ValueError(
            f"widths must be at least {rank}, the rank of target; got {sizes}: no layers "
            "of these widths have this product"
        )
    return place_factors(U[:, :rank], s[:rank], Vt[:rank], sizes, random_state)


def place_factors(
    U: Array, s: Array, Vt: Array, sizes: list[int], random_state: Any
) -> list[Array]:
    """Return layers of given widths with product ``U diag(s) Vt``, balanced."""
    rng, L = generator(random_state), len(sizes) - 1
    inner = [frame(size, len(s), rng) for size in sizes[1:-1]]
    frames = [Vt.T, *inner, U]
    gains = s ** (1.0 / L)
    return [(frames[i + 1] * gains) @ frames[i].T for i in range(L)]


def balanced_spectrum(
    target: Any,
    depth: int,
    widths: Sequence[int] | None = None,
    loss_scale: float = 1.0,
) -> HessianSpectrum:
    """Hessian spectrum at balanced layers with product M, from one SVD of M.

    ``2 c sum_i s_p^(2(L-i)/L) s_q^(2(i-1)/L)`` for p <= d_L, q <= d_0, singular values
    beyond the last being zero (and 0^0 = 1); all others are zero.

    Parameters
    ----------
    target : (d_L, d_0) array
        M.
    depth : int, L >= 1
        Number of layers.
    widths : sequence of int, optional
        As of `balanced_factorization`; they decide how many zeros there are.
    loss_scale : float, c > 0
        As of `flattest_sharpness`.

    Returns
    -------
    HessianSpectrum

    Examples
    --------
    >>> spectrum = balanced_spectrum([[3.0, 0.0], [4.0, 5.0]], depth=3)
    >>> spectrum.values[:3].round(4)
    array([75.9089, 43.3154, 43.3154])
    """
    M, L = checks.matrix("target", target), checks.depth(depth)
    sizes = checks.widths(widths, L, M.shape)
    s = np.linalg.svd(M, compute_uv=False)
    # Without the cut a zero that was rounded to 1e-17 would be 1e-7 for L = 5.
    squares = s[: numerical_rank(s, M.shape)] ** (2.0 / L)
    left, right = (np.pad(squares, (0, size - len(squares))) for size in M.shape)
    powers = range(L)
    values = sum(np.outer(left ** (L - 1 - i), right**i) for i in powers)
    n = sum(a * b for a, b in pairwise(sizes))
    scaled = 2.0 * checks.loss_scale(loss_scale) * np.asarray(values)
    return fit_spectrum(scaled.ravel(), n)


def numerical_rank(s: NDArray[Any], shape: tuple[int, int]) -> int:
    """Return the number of singular values above rounding, as `matrix_rank` counts."""
    return int(np.sum(s > s[0] * max(shape) * np.finfo(np.float64).eps))


def fit_spectrum(values: Array, n_parameters: int) -> HessianSpectrum:
    """Return the spectrum of J^T J from that of J J^T: the same but for zeros."""
    kept = np.sort(values)[::-1][:n_parameters]
    values = np.append(kept, 0.0)
    counts = np.append(np.ones(len(kept), dtype=np.int64), n_parameters - len(kept))
    return HessianSpectrum.collect(values, counts)
