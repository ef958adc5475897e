"""What the workers compute: a table's layout, and a batch of blind signatures."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from private_presence.pir.batch_code import candidate_buckets, hash_tags
from private_presence.pir.manifest import FuseManifest
from private_presence.pir.records import Records
from private_presence.pir.table import TableId
from private_presence.primitives.curve import decode_scalar
from private_presence.primitives.secret import Secret
from private_presence.primitives.tokens import G2_GENERATOR, TokenKey, issue
from private_presence.protocol.ask import backend_of
from private_presence.protocol.config import decode_config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.messages import value_size

__all__ = ["Layout", "lay_out", "sign_points"]


class Layout(NamedTuple):
    """What a layout amounts to.

    Parameters
    ----------
    manifest : bytes
        `Table.manifest`.
    seconds : float
    retries : int
        Bucket counters above zero.
    largest_bucket : int
        Records in it; zero in download mode, which has none.

    Examples
    --------
    Two records without buckets:

    >>> import tempfile
    >>> from private_presence.protocol.config import Config, encode_config
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32), mode="download")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     raw = Path(folder, "raw")
    ...     _ = raw.write_bytes(b"a" * 144 + b"b" * 144)
    ...     layout = lay_out(encode_config(config), Kind.ST, 7, raw, bytes(32))
    >>> layout.retries, layout.largest_bucket
    (0, 0)
    """

    manifest: bytes
    seconds: float
    retries: int
    largest_bucket: int


def lay_out(
    encoded_config: bytes, kind: Kind, epoch: int, raw: Path, salt: bytes
) -> Layout:
    """Lay out a raw file, for its manifest only: the servers build the cells.

    Parameters
    ----------
    encoded_config : bytes
        From `encode_config`.
    kind : Kind
    epoch : int
    raw : Path
    salt : bytes, 32

    Returns
    -------
    Layout

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.protocol.config import Config, encode_config
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     raw = Path(folder, "raw")
    ...     _ = raw.write_bytes(b"t" * 16 + bytes(128))
    ...     layout = lay_out(encode_config(config), Kind.ST, 7, raw, bytes(32))
    >>> layout.largest_bucket
    1
    """
    start = time.perf_counter()
    config = decode_config(encoded_config)
    size = value_size(config, kind)
    records = Records.from_bytes(raw.read_bytes(), value_size=size)
    table = backend_of(config).encode(
        records, TableId(config.dep_id, kind, epoch), salt
    )
    seconds = time.perf_counter() - start
    if config.mode == "download":
        return Layout(table.manifest, seconds, 0, 0)
    counters = FuseManifest.from_bytes(table.manifest).counter_array
    retries = int(np.count_nonzero(counters))
    return Layout(
        table.manifest, seconds, retries, _largest(records, salt, config.buckets)
    )


def _largest(records: Records, salt: bytes, buckets: int) -> int:
    words = hash_tags(map(bytes, records.tags), salt)
    chosen = candidate_buckets(words, buckets)
    return int(np.bincount(chosen.ravel(), minlength=buckets).max())


def sign_points(secret: Secret, points: bytes) -> bytes:
    """Sign blinded points.

    Parameters
    ----------
    secret : Secret, 32 bytes
        The token key's scalar, by `encode_scalar`.
    points : bytes
        48 each.

    Returns
    -------
    bytes
        As many.

    Examples
    --------
    By the scalar one, which changes nothing:

    >>> from private_presence.primitives.curve import (
    ...     G1_GENERATOR,
    ...     encode_g1,
    ...     encode_scalar,
    ... )
    >>> from private_presence.primitives.scalars import scalar
    >>> points = bytes(encode_g1(G1_GENERATOR)) * 2
    >>> sign_points(Secret(encode_scalar(scalar(1))), points) == points
    True
    """
    scalar = decode_scalar(secret)
    key = TokenKey(scalar, G2_GENERATOR)  # its public half is not needed to sign
    starts = range(0, len(points), 48)
    return b"".join(issue(key, points[i : i + 48]) for i in starts)
