"""Build a fuse table from the raw file of an epoch, and check somebody else's.

Every machine that builds from the same raw file and salt writes the same bytes: the
registrar publishes their hash, each lookup server builds for itself and compares.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from private_presence.errors import LayoutError
from private_presence.pir._peel import fill, peel
from private_presence.pir.batch_code import COPIES, candidate_buckets, hash_tags
from private_presence.pir.fuse import FuseShape, fuse_positions, fuse_shape
from private_presence.pir.manifest import FuseManifest
from private_presence.pir.records import Records
from private_presence.pir.table import Table, TableId, aligned_zeros

MAX_COUNTER = 255
_NARROWER = ((8, np.uint64), (4, np.uint32), (2, np.uint16), (1, np.uint8))


@dataclass(frozen=True, eq=False)
class _Copies:
    """Every copy of every record: where it goes, and by which word it is placed."""

    record: NDArray[np.int64]  # (3n,)
    bucket: NDArray[np.int64]  # (3n,)
    word: NDArray[np.uint64]  # (3n,)


def build_fuse_table(
    records: Records, table: TableId, *, salt: bytes, buckets: int = 150
) -> Table:
    """Lay out the records of one epoch.

    Parameters
    ----------
    records : Records
    table : TableId
    salt : bytes, 32 of them
        Fixed by all servers together after the records.
    buckets : int, 4 to 4096
        1.5 times the tags that a client wants: with 150 buckets and 101 tags fewer
        than one assignment in ten thousand leaves a tag out.

    Returns
    -------
    Table
        With a `FuseManifest`.

    Raises
    ------
    LayoutError
        If a bucket peels with none of 256 hash functions, which for distinct tags
        does not happen by chance.

    Examples
    --------
    >>> records = Records.from_bytes(bytes(16) + b"here", value_size=4)
    >>> table = build_fuse_table(
    ...     records, TableId(bytes(16), 2, 7), salt=bytes(32), buckets=4
    ... )
    >>> table.cells.shape
    (4, 12, 4)
    """
    copies = _copies(records, salt, buckets)
    load = int(np.bincount(copies.bucket, minlength=buckets).max())
    shape = fuse_shape(load)
    counters, placed = _place_all(copies, shape, buckets)
    cells = _filler(salt, buckets, shape.length, records.value_size)
    _write(cells, records.values, copies, placed)
    cells.flags.writeable = False
    sizes = (len(records), records.value_size, buckets)
    hashes = (_sha256(records.to_bytes()), _sha256(cells.data))
    manifest = FuseManifest(table, *sizes, shape, salt, *hashes, counters.tobytes())
    return Table(manifest.to_bytes(), cells)


def _sha256(data: bytes | memoryview) -> bytes:
    return hashlib.sha256(data).digest()


def _copies(records: Records, salt: bytes, buckets: int) -> _Copies:
    words = hash_tags(map(bytes, records.tags), salt)
    chosen = candidate_buckets(words, buckets)
    record = np.repeat(np.arange(len(records)), COPIES)
    return _Copies(record, chosen.ravel(), words[record, 3])


def _place_all(copies: _Copies, shape: FuseShape, buckets: int):
    # All buckets at once, then those that failed with the next counter.
    counters = np.zeros(buckets, np.uint8)
    left, placed = np.arange(copies.record.size), []
    for _ in range(MAX_COUNTER + 1):
        bucket = copies.bucket[left]
        spots = fuse_positions(copies.word[left], counters[bucket], shape)
        cells = spots + (bucket * shape.length)[:, None]
        rounds, stayed = peel(cells, buckets * shape.length)
        failed = np.unique(bucket[stayed])
        placed.append((left, cells, _without(rounds, bucket, failed)))
        if not failed.size:
            return counters, placed
        counters[failed] += 1
        left = left[np.isin(bucket, failed)]
    raise LayoutError(
        f"table: expected every bucket to peel within {MAX_COUNTER + 1} tries; bucket "
        f"{int(failed[0])} does not; two tags share a hash: take another salt"
    )


def _without(rounds, bucket, failed):
    """Drop what was peeled in buckets that failed: they are tried anew as a whole."""
    if not failed.size:
        return rounds
    kept = [(edges, own, ~np.isin(bucket[edges], failed)) for edges, own in rounds]
    return [(edges[keep], own[keep]) for edges, own, keep in kept]


def _filler(salt: bytes, buckets: int, length: int, size: int) -> NDArray[np.uint8]:
    """What cells hold that no record needs: noise that every machine can repeat."""
    cells = aligned_zeros((buckets, length, size))
    for bucket in range(buckets):
        name = salt + b"fill" + bucket.to_bytes(4, "big")
        noise = hashlib.shake_128(name).digest(length * size)
        cells[bucket] = np.frombuffer(noise, np.uint8).reshape(length, size)
    return cells


def _write(cells, values, copies: _Copies, placed) -> None:
    """XOR whole words where the size of a value allows it."""
    word = next(kind for width, kind in _NARROWER if values.shape[1] % width == 0)
    flat = cells.reshape(-1, cells.shape[2]).view(word)
    wide = np.ascontiguousarray(values).view(word)
    for left, spots, rounds in placed:
        fill(flat, spots, rounds, wide, copies.record[left])
