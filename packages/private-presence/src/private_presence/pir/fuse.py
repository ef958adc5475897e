"""Binary fuse tables: a record is the XOR of three cells.

T. M. Graf and D. Lemire, Binary fuse filters: fast and smaller than xor filters,
ACM Journal of Experimental Algorithmics 27, 2022, here with whole records in the
cells.  In linear retrieval the XOR costs nothing: a query vector with three ones
already asks for it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from private_presence.errors import LayoutError

MAX_SEGMENT_BITS = 14  # positions use disjoint bits of a 64-bit hash up to here
MAX_LENGTH = 1 << 21
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class FuseShape:
    """The shape of one bucket; all buckets of a table share it.

    Parameters
    ----------
    segment_bits : int
        From 2 to 14; a segment has ``2 ** segment_bits`` cells.
    starts : int, >= 1
        Number of segments in which the first of the three cells may lie.

    Raises
    ------
    LayoutError
        If a parameter is out of range.

    Examples
    --------
    >>> FuseShape(segment_bits=6, starts=4).length
    384
    """

    segment_bits: int
    starts: int

    def __post_init__(self) -> None:
        # No table of allowed size has another shape.
        bits = 2 <= self.segment_bits <= MAX_SEGMENT_BITS
        if not (bits and self.starts >= 1 and self.length <= MAX_LENGTH):
            raise LayoutError(
                f"fuse shape: expected 2 to {MAX_SEGMENT_BITS} bits, at least one start "
                f"and at most {MAX_LENGTH} cells; got {self}; rebuild the table"
            )

    @property
    def segment(self) -> int:
        """Cells of a segment."""
        return 1 << self.segment_bits

    @property
    def length(self) -> int:
        """Cells of a bucket, called L in cost formulas."""
        return (self.starts + 2) * self.segment


def fuse_shape(load: int) -> FuseShape:
    """Return the shape for buckets of at most `load` records.

    The sizes of Graf and Lemire for arity 3, which peel with high probability.

    Parameters
    ----------
    load : int, >= 0
        Records in the fullest bucket.

    Returns
    -------
    FuseShape

    Raises
    ------
    LayoutError
        If the buckets would be larger than a table may have.

    Examples
    --------
    >>> [fuse_shape(load).length for load in (35, 247, 2148, 4209, 20467)]
    [96, 384, 3072, 5632, 25600]
    """
    n = max(load, 2)  # the formula divides by ln n
    bits = max(2, math.floor(math.log(n) / math.log(3.33) + 2.25))
    factor = max(1.125, 0.875 + 0.25 * math.log(1e6) / math.log(n))
    starts = max(1, math.ceil(round(n * factor) / (1 << bits)) - 2)
    return FuseShape(bits, starts)


def fuse_positions(
    words: NDArray[np.uint64], counters: NDArray[np.uint8], shape: FuseShape
) -> NDArray[np.int64]:
    """Return the three cells of each record, one in each of three segments in a row.

    Parameters
    ----------
    words : (n,) array of uint64
        Word 3 of `hash_tags`.
    counters : (n,) array of uint8
        How often the record's bucket was tried anew.
    shape : FuseShape

    Returns
    -------
    (n, 3) array of int64
        Increasing along each row.

    Examples
    --------
    >>> shape = FuseShape(segment_bits=2, starts=1)
    >>> cells = fuse_positions(
    ...     np.arange(99, dtype=np.uint64), np.zeros(99, np.uint8), shape
    ... )
    >>> (cells // 4 == [0, 1, 2]).all()
    np.True_
    """
    h = _mix(words + counters.astype(np.uint64) * _GOLDEN)
    range_ = np.uint64(shape.starts * shape.segment)
    mask, size = np.uint64(shape.segment - 1), np.uint64(shape.segment)
    first = ((h >> np.uint64(32)) * range_) >> np.uint64(32)
    second = (first + size) ^ ((h >> np.uint64(18)) & mask)
    third = (first + size + size) ^ (h & mask)
    return np.stack([first, second, third], axis=1).astype(np.int64)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix each word: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    z = z + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _MIX1
    z = (z ^ (z >> np.uint64(27))) * _MIX2
    return z ^ (z >> np.uint64(31))
