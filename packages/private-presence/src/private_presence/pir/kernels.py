"""The one operation of a lookup server: XOR the cells that a query selects.

Every kernel gives the same bytes.  numpy's is always there; the compiled one needs the
extra ``fast`` and is imported only when it is asked for.  Neither skips a cell that is
not selected in a way that timing would show a secret: a server's share is uniformly
random, whatever is being read.
"""

import sys
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from private_presence.errors import InputError, QueryError
from private_presence.pir.table import aligned_zeros

STRIP = 8  # words: one cache line, the unit of the compiled kernels
GROUP = 32  # rows that a query's 32-bit word selects from
BATCH = 256  # queries of one pass: their accumulators stay in the first-level cache
_FEW = 64  # queries up to which numpy does better one by one (measured)


class Kernel(ABC):
    """Computes the answers of a server, for all queries of a batch at once.

    Examples
    --------
    Three cells of one byte fill a group of 32 and a strip of eight words:

    >>> kernel = load_kernel("numpy")
    >>> cells = np.array([[[1], [2], [4]]], np.uint8)
    >>> words = kernel.prepare(cells)
    >>> words.shape
    (1, 32, 8)
    >>> kernel.select(words, np.array([[[0b110]]], np.uint8), size=1).item()
    6
    """

    name: str

    def prepare(self, cells: NDArray[np.uint8]) -> NDArray[np.uint64]:
        """Return the cells as words, padded with zeros to whole strips and groups.

        Done once per table; costs no copy where the sizes fit (values of 64, 128, 576
        or 2048 bytes, for example, in buckets of a multiple of 32 cells).

        Parameters
        ----------
        cells : (B, L, V) array of uint8

        Returns
        -------
        (B, L', W) array of uint64
            L' a multiple of 32, W of 8.
        """
        buckets, length, size = cells.shape
        wide, long = -(-size // 64) * 64, -(-length // GROUP) * GROUP
        fits = (wide, long) == (size, length) and cells.flags.c_contiguous
        if not (fits and cells.ctypes.data % 64 == 0):
            padded = aligned_zeros((buckets, long, wide))
            padded[:, :length, :size] = cells
            cells = padded
        words = cells.reshape(buckets, long, wide).view(np.uint64)
        words.flags.writeable = False
        return words

    def select(
        self, words: NDArray[np.uint64], bits: NDArray[np.uint8], size: int
    ) -> NDArray[np.uint8]:
        """XOR the selected cells of each bucket, for each query.

        Parameters
        ----------
        words : (B, L', W) array of uint64
            From `prepare`.
        bits : (m, B, b) array of uint8
            One bit per cell, least significant first; bits beyond L are ignored.
        size : int
            Bytes of a value.

        Returns
        -------
        (m, B, size) array of uint8

        Raises
        ------
        QueryError
            If the bits do not have the table's shape.

        Examples
        --------
        >>> kernel = load_kernel("numpy")
        >>> cells = np.array([[[1], [2], [4]]], np.uint8)
        >>> bits = np.array([[[0b101]], [[0b111]]], np.uint8)
        >>> kernel.select(kernel.prepare(cells), bits, size=1).ravel()
        array([5, 7], dtype=uint8)
        """
        buckets, long, wide = words.shape
        if bits.ndim != 3 or bits.shape[1] != buckets or bits.shape[2] > long // 8:
            raise QueryError(
                f"query: expected bits for {buckets} buckets of at most {long} cells; "
                f"got an array of shape {bits.shape}; ask with this table's manifest"
            )
        whole = np.zeros((len(bits), buckets, long // 8), np.uint8)
        whole[:, :, : bits.shape[2]] = bits
        out = aligned_zeros((len(bits), buckets, wide * 8)).view(np.uint64)
        for start in range(0, len(bits), BATCH):
            part = slice(start, start + BATCH)
            self._select(words, whole[part], out[part])
        return out.view(np.uint8)[:, :, :size]

    @abstractmethod
    def _select(
        self,
        words: NDArray[np.uint64],
        bits: NDArray[np.uint8],
        out: NDArray[np.uint64],
    ) -> None:
        """Write the (m, B, W) sums of whole, padded bits into `out`, which is zero."""


class NumpyKernel(Kernel):
    """Always available: single queries by masks, batches by four Russians.

    Examples
    --------
    Of the cells 1, 2, 4, ..., 128 a query's bits select its own number:

    >>> cells = (1 << np.arange(8)).astype(np.uint8).reshape(1, 8, 1)
    >>> bits = np.arange(256, dtype=np.uint8).reshape(256, 1, 1)
    >>> kernel = NumpyKernel()
    >>> np.array_equal(kernel.select(kernel.prepare(cells), bits, size=1), bits)
    True
    """

    name = "numpy"

    def _select(self, words, bits, out):
        select = _one_by_one if len(bits) <= _FEW else _four_russians
        for bucket in range(words.shape[0]):
            select(words[bucket], bits[:, bucket], out[:, bucket])


def _one_by_one(words, bits, out):
    chosen = np.unpackbits(bits, axis=1, bitorder="little").astype(bool)
    for query, rows in enumerate(chosen):
        out[query] = np.bitwise_xor.reduce(words[rows], axis=0)


def _four_russians(words, bits, out):
    """Form all 256 sums of each eight rows once; each query then looks one up."""
    sums = np.zeros((256, words.shape[1]), np.uint64)
    for group, rows in enumerate(words.reshape(-1, 8, words.shape[1])):
        for i, row in enumerate(rows):
            sums[1 << i : 2 << i] = sums[: 1 << i] ^ row
        out ^= sums[bits[:, group]]


def load_kernel(name: str = "numpy") -> Kernel:
    """Return a kernel by name.

    Parameters
    ----------
    name : {"numpy", "fast"}
        "fast" needs numba, which the extra ``fast`` installs.

    Returns
    -------
    Kernel

    Raises
    ------
    InputError
        If there is no such kernel, or numba is not installed.

    Examples
    --------
    >>> load_kernel("numpy").name
    'numpy'
    """
    if name == "numpy":
        return NumpyKernel()
    if name != "fast":
        raise InputError(f"kernel: expected 'numpy' or 'fast'; got {name!r}")
    if sys.byteorder != "little":
        raise InputError("kernel 'fast': expected a little-endian machine; use 'numpy'")
    try:
        from private_presence.pir._fast import FastKernel
    except ImportError as error:
        raise InputError(
            "kernel 'fast': expected numba; it is not installed; "
            "install private-presence[fast] or choose 'numpy'"
        ) from error
    return FastKernel()
