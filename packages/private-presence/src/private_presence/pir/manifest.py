"""The manifest of a fuse table: all that a client needs, in a canonical encoding."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from private_presence.errors import (
    EncodingError,
    LayoutError,
    LengthError,
    VersionError,
)
from private_presence.pir.batch_code import MAX_BUCKETS, MIN_BUCKETS, SALT_SIZE
from private_presence.pir.fuse import FuseShape
from private_presence.pir.records import MAX_RECORDS, MAX_VALUE
from private_presence.pir.table import DEPLOYMENT_SIZE, TableId

VERSION = 1
LAYOUT_FUSE = 1
MAX_CELLS = 1 << 26  # in all buckets together; bounds a query to 8 MiB
# version, layout, deployment, kind, epoch, records, value size, buckets, segment bits,
# starts, salt, SHA-256 of the raw file, SHA-256 of the cells; then a counter a bucket.
_HEAD = struct.Struct(f">BB{DEPLOYMENT_SIZE}sBIIHHBI{SALT_SIZE}s32s32s")


@dataclass(frozen=True)
class FuseManifest:
    """The parameters of one fuse table.

    Parameters
    ----------
    table : TableId
    records, value_size, buckets : int
    shape : FuseShape
        Of every bucket.
    salt : bytes, 32 of them
    raw_hash, cells_hash : bytes, 32 each
        SHA-256 of the raw file and of the encoded cells.
    counters : bytes, one per bucket
        The smallest number of new tries with which each bucket peels.

    Raises
    ------
    LayoutError
        If a field is out of range: no table has such a manifest.

    Examples
    --------
    >>> at, shape = TableId(bytes(16), 2, 7), FuseShape(segment_bits=2, starts=1)
    >>> hashes = (bytes(32),) * 3
    >>> manifest = FuseManifest(at, 1, 128, 4, shape, *hashes, counters=bytes(4))
    >>> manifest.length, len(manifest.to_bytes())
    (12, 136)
    >>> FuseManifest.from_bytes(manifest.to_bytes()) == manifest
    True
    >>> FuseManifest(at, 1, 128, 4, shape, *hashes, counters=bytes(3))
    Traceback (most recent call last):
    private_presence.errors.LayoutError: manifest: expected at most ...
    """

    table: TableId
    records: int
    value_size: int
    buckets: int
    shape: FuseShape
    salt: bytes
    raw_hash: bytes
    cells_hash: bytes
    counters: bytes

    def __post_init__(self) -> None:
        # Before anything is allocated for it.
        numbers = (
            0 <= self.records <= MAX_RECORDS
            and 1 <= self.value_size <= MAX_VALUE
            and MIN_BUCKETS <= self.buckets <= MAX_BUCKETS
            and self.buckets * self.shape.length <= MAX_CELLS
        )
        hashes = len(self.salt) == len(self.raw_hash) == len(self.cells_hash) == 32
        if not (numbers and hashes and len(self.counters) == self.buckets):
            raise LayoutError(
                f"manifest: expected at most {MAX_RECORDS} records of 1 to {MAX_VALUE} "
                f"bytes, {MIN_BUCKETS} to {MAX_BUCKETS} buckets with a counter each, at "
                f"most {MAX_CELLS} cells and hashes of 32 bytes; got {self.records} "
                f"records of {self.value_size}, {self.buckets} buckets with "
                f"{len(self.counters)} counters, {self.shape}"
            )

    @property
    def length(self) -> int:
        """Cells of a bucket."""
        return self.shape.length

    @property
    def row_bytes(self) -> int:
        """Bytes of one bucket's bits in a query."""
        return -(-self.length // 8)

    @property
    def counter_array(self) -> NDArray[np.uint8]:
        """The counters as an array."""
        return np.frombuffer(self.counters, np.uint8)

    def to_bytes(self) -> bytes:
        """Return the canonical encoding, 132 bytes and one per bucket.

        Returns
        -------
        bytes
        """
        at, shape = self.table, self.shape
        sizes = (self.records, self.value_size, self.buckets)
        hashes = (self.salt, self.raw_hash, self.cells_hash)
        head = (VERSION, LAYOUT_FUSE, at.deployment, at.kind, at.epoch, *sizes)
        return (
            _HEAD.pack(*head, shape.segment_bits, shape.starts, *hashes) + self.counters
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "FuseManifest":
        """Read a manifest; accepts exactly what `to_bytes` writes.

        Parameters
        ----------
        data : bytes

        Returns
        -------
        FuseManifest

        Raises
        ------
        LengthError
            If there are too few or too many bytes.
        VersionError
            If the format or the layout is another one.
        EncodingError
            If a field is out of range.
        """
        if not _HEAD.size <= len(data) <= _HEAD.size + MAX_BUCKETS:
            raise LengthError(
                f"manifest: expected {_HEAD.size} bytes and one per bucket; got "
                f"{len(data)}; fetch it again"
            )
        version, layout, *fields = _HEAD.unpack_from(data)
        if (version, layout) != (VERSION, LAYOUT_FUSE):
            raise VersionError(
                f"manifest: expected version {VERSION}, layout {LAYOUT_FUSE}; got "
                f"{version}, {layout}; use a program of the deployment's version"
            )
        return _checked(fields, data[_HEAD.size :])


def _checked(fields: list, counters: bytes) -> FuseManifest:
    *at, records, size, buckets, bits, starts, salt, raw_hash, cells_hash = fields
    if len(counters) != buckets:
        raise LengthError(
            f"manifest: expected {buckets} counters; got {len(counters)}; fetch it again"
        )
    try:
        sizes = TableId(*at), records, size, buckets, FuseShape(bits, starts)
        return FuseManifest(*sizes, salt, raw_hash, cells_hash, counters)
    except LayoutError as error:
        raise EncodingError(str(error)) from error
