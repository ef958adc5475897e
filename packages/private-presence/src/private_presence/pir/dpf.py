"""Distributed point functions: two short keys whose expansions differ in one bit.

E. Boyle, N. Gilboa and Y. Ishai, Function secret sharing: improvements and extensions,
ACM CCS 2016, Figure 1, with early termination at leaves of 128 bits.

The expansion is AES under fixed public keys *with feed-forward* (Matyas-Meyer-Oseas):
G_b(s) = AES_b(s) xor s.  AES alone can be inverted by everybody, and then one server
computes the other's seed from the correction word of the first level, and reads the
index.  A third fixed key turns last seeds into leaves, so that the control bits, which
are taken from the seeds, say nothing about leaves.

Everything is done for many keys at once; the number of calls of AES does not depend on
how many keys there are.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from private_presence.errors import EncodingError, LengthError

BLOCK = 16  # bytes of a seed and of a leaf
LEAF_BITS = 8 * BLOCK
MAX_LEVELS = 24
Expand = Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]
_KEYS = [
    hashlib.sha256(b"MP3v1/dpf\x00" + bytes([i])).digest()[:BLOCK] for i in range(3)
]
_LEFT, _RIGHT, _LEAF = range(3)


def levels_for(length: int) -> int:
    """Return the depth of a key over `length` points: ceil(log2) minus 7, at least 0.

    Parameters
    ----------
    length : int, >= 1

    Returns
    -------
    int

    Examples
    --------
    >>> [levels_for(length) for length in (96, 129, 3072, 25600)]
    [0, 1, 5, 8]
    """
    return max(0, (length - 1).bit_length() - 7)


def key_size(length: int) -> int:
    """Return the bytes of a key: seed, a correction per level, last correction.

    Parameters
    ----------
    length : int

    Returns
    -------
    int

    Examples
    --------
    >>> 3 * key_size(25600)  # one bucket at a million records
    486
    """
    levels = levels_for(length)
    return BLOCK + BLOCK * levels + -(-levels // 4) + BLOCK


def expand_block(seeds: NDArray[np.uint8], key: int) -> NDArray[np.uint8]:
    """Return AES_key(s) xor s for each seed: one way, unlike AES alone.

    Parameters
    ----------
    seeds : (..., 16) array of uint8
    key : int
        0 for the left child, 1 for the right one, 2 for a leaf.

    Returns
    -------
    (..., 16) array of uint8

    Examples
    --------
    Seeds are expanded each for itself, and each key is another function:

    >>> seeds = np.arange(32, dtype=np.uint8).reshape(2, 16)
    >>> both = expand_block(seeds, 0)
    >>> np.array_equal(both[1], expand_block(seeds[1], 0))
    True
    >>> np.array_equal(both, expand_block(seeds, 1))
    False
    """
    # ECB is right here: each block is its own call of a fixed permutation.
    cipher = Cipher(algorithms.AES(_KEYS[key]), modes.ECB()).encryptor()
    mixed = np.frombuffer(cipher.update(seeds.tobytes()), np.uint8)
    return mixed.reshape(seeds.shape) ^ seeds


@dataclass(frozen=True, eq=False)
class DpfKeys:
    """The keys of one server for many points.

    Parameters
    ----------
    seeds : (m, 16) array of uint8
        The only part that differs between the two servers.
    words : (m, h, 16) array of uint8
        Corrections of the h levels.
    flags : (m, h, 2) array of uint8
        Their control bits, 0 or 1, left and right.
    last : (m, 16) array of uint8
        Correction of the leaf.

    Examples
    --------
    The keys of both servers differ in their seeds only, which do not show themselves:

    >>> import os
    >>> one, other = make_keys(np.array([5]), np.array([1], np.uint8), 200, os.urandom)
    >>> one, one.to_bytes()[16:] == other.to_bytes()[16:]
    (DpfKeys(1 keys of 1 levels), True)
    >>> again = DpfKeys.from_bytes(one.to_bytes(), count=1, length=200)
    >>> again.to_bytes() == one.to_bytes(), len(one.to_bytes()) == key_size(200)
    (True, True)
    """

    seeds: NDArray[np.uint8]
    words: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    last: NDArray[np.uint8]

    def __repr__(self) -> str:
        """Hide the seeds."""
        return f"DpfKeys({len(self.seeds)} keys of {self.words.shape[1]} levels)"

    def to_bytes(self) -> bytes:
        """Return the keys one after the other, `key_size` bytes each.

        Returns
        -------
        bytes
        """
        m, levels, _ = self.words.shape
        bits = self.flags.reshape(m, 2 * levels)
        packed = np.packbits(bits, axis=1, bitorder="little")
        parts = (self.seeds, self.words.reshape(m, -1), packed, self.last)
        return np.concatenate(parts, axis=1).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, *, count: int, length: int) -> "DpfKeys":
        """Read `count` keys over `length` points.

        Parameters
        ----------
        data : bytes
        count, length : int

        Returns
        -------
        DpfKeys

        Raises
        ------
        LengthError
            If the length is another one.
        EncodingError
            If bits that mean nothing are set: a key has one encoding.
        """
        levels = levels_for(length)
        size, packed = key_size(length), -(-levels // 4)
        if levels > MAX_LEVELS or len(data) != count * size:
            raise LengthError(
                f"point keys: expected {count} of {size} bytes; got {len(data)} bytes"
            )
        rows = np.frombuffer(data, np.uint8).reshape(count, size)
        ends = np.cumsum([BLOCK, BLOCK * levels, packed])
        seeds, words, bits, last = np.split(rows, ends, axis=1)
        flags = np.unpackbits(bits, axis=1, bitorder="little")
        if flags[:, 2 * levels :].any():
            raise EncodingError("point keys: expected unused bits to be 0; got a 1")
        flags = flags[:, : 2 * levels].reshape(count, levels, 2)
        return cls(seeds, words.reshape(count, levels, BLOCK), flags, last)


def make_keys(
    points: NDArray[np.int64],
    bits: NDArray[np.uint8],
    length: int,
    random: Callable[[int], bytes],
    expand: Expand = expand_block,
) -> tuple[DpfKeys, DpfKeys]:
    """Share point functions: `bits[i]` at `points[i]`, zero elsewhere.

    Parameters
    ----------
    points : (m,) array of int64
        Below `length`.
    bits : (m,) array of uint8
        0 gives the zero function, which no server can tell from the others.
    length : int
    random : callable
    expand : callable
        For tests of other expansions; `expand_block` in earnest.

    Returns
    -------
    pair of DpfKeys

    Examples
    --------
    >>> import os
    >>> pair = make_keys(np.array([5]), np.array([1], np.uint8), 200, os.urandom)
    >>> one, other = (
    ...     evaluate_keys(keys, server, 200) for server, keys in enumerate(pair)
    ... )
    >>> np.flatnonzero(np.unpackbits(one ^ other, axis=1, bitorder="little"))
    array([5])
    """
    m, levels = len(points), levels_for(length)
    roots = np.frombuffer(random(2 * m * BLOCK), np.uint8).reshape(2, m, BLOCK)
    seeds, control = roots, np.repeat(np.array([[0], [1]], np.uint8), m, axis=1)
    words = np.zeros((m, levels, BLOCK), np.uint8)
    flags = np.zeros((m, levels, 2), np.uint8)
    for level in range(levels):
        turn = ((points >> (levels + 6 - level)) & 1).astype(np.int64)
        words[:, level], flags[:, level], seeds, control = _descend(
            seeds, control, turn, expand
        )
    last = expand(seeds[0], _LEAF) ^ expand(seeds[1], _LEAF) ^ _leaf(points, bits)
    one, other = (DpfKeys(root, words, flags, last) for root in roots)
    return one, other


def _children(seeds, expand):
    """Return the children (..., 2, 16), their last bit cleared, and those bits."""
    both = np.stack([expand(seeds, _LEFT), expand(seeds, _RIGHT)], axis=-2)
    bits = both[..., 0] & 1
    both[..., 0] &= 0xFE
    return both, bits


def _descend(seeds, control, turn, expand):
    """Make one level's correction; return it with the seeds on the path below."""
    rows = np.arange(len(turn))
    children, bits = _children(seeds, expand)  # (2, m, 2, 16), (2, m, 2)
    # Off the path both servers shall get the same seed and bit.
    word = children[0, rows, 1 - turn] ^ children[1, rows, 1 - turn]
    flag = bits[0] ^ bits[1]
    flag[rows, turn] ^= 1
    seeds = children[:, rows, turn] ^ word * control[..., None]
    control = bits[:, rows, turn] ^ flag[rows, turn] * control
    return word, flag, seeds, control


def _leaf(points, bits):
    """Return the leaf with the wanted bit: least significant bit first, as in queries."""
    place = points % LEAF_BITS
    leaf = np.zeros((len(points), BLOCK), np.uint8)
    leaf[np.arange(len(points)), place // 8] = bits << (place % 8).astype(np.uint8)
    return leaf


def evaluate_keys(
    keys: DpfKeys, server: int, length: int, expand: Expand = expand_block
) -> NDArray[np.uint8]:
    """Expand each key over all points.

    Parameters
    ----------
    keys : DpfKeys
    server : int, 0 or 1
    length : int
    expand : callable

    Returns
    -------
    (m, ceil(length / 8)) array of uint8
        One bit per point, least significant first; surplus bits are noise.

    Examples
    --------
    Keys of the zero function expand to the same at both servers:

    >>> import os
    >>> pair = make_keys(np.array([5]), np.array([0], np.uint8), 200, os.urandom)
    >>> one, other = (evaluate_keys(keys, i, 200) for i, keys in enumerate(pair))
    >>> one.shape, np.array_equal(one, other)
    ((1, 25), True)
    """
    m, levels, _ = keys.words.shape
    seeds = keys.seeds[:, None]  # (m, nodes, 16)
    control = np.full((m, 1), server, np.uint8)
    for level in range(levels):
        children, bits = _children(seeds, expand)
        on = control[:, :, None]
        children ^= keys.words[:, level][:, None, None] * on[..., None]
        bits ^= keys.flags[:, level][:, None] * on
        nodes = min(2 * seeds.shape[1], _needed(length, levels - level - 1))
        seeds = children.reshape(m, -1, BLOCK)[:, :nodes]
        control = bits.reshape(m, -1)[:, :nodes]
    leaves = expand(seeds, _LEAF)
    leaves ^= keys.last[:, None] * control[..., None]
    return leaves.reshape(m, -1)[:, : -(-length // 8)]


def _needed(length: int, below: int) -> int:
    """Nodes that have a point under them, `below` levels above the leaves."""
    return -(-length // (LEAF_BITS << below))
