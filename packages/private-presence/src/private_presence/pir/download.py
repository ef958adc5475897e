"""Download of the whole table: perfect privacy, and no second server needed.

Which mode a deployment uses is part of its configuration and may depend on public
numbers only: a switch that looked at a user's friends would tell about them.
"""

import hashlib
import struct
from typing import final

import numpy as np

from private_presence.errors import (
    AnswerError,
    EncodingError,
    InputError,
    LengthError,
    VersionError,
)
from private_presence.pir._fuse_backend import TAG_SIZE, join_body, split_body
from private_presence.pir.backend import (
    FORMAT,
    Lookup,
    PirBackend,
    PirServer,
    Query,
    Sizes,
    verified,
)
from private_presence.pir.records import MAX_RECORDS, MAX_VALUE, Records
from private_presence.pir.table import DEPLOYMENT_SIZE, Table

VERSION, LAYOUT_RAW = 1, 3
WHOLE = 4  # form of a body
# version, layout, deployment, kind, epoch, records, value size, SHA-256 of the file
_HEAD = struct.Struct(f">BB{DEPLOYMENT_SIZE}sBIIH32s")


@final
class DownloadPir(PirBackend):
    r"""The trivial backend: one server, everything is fetched.

    Parameters
    ----------
    capacity : int, >= 1
        As for `XorPir`; does not change what is sent.

    Raises
    ------
    InputError
        If it is below one.

    Examples
    --------
    >>> from private_presence.pir.kernels import load_kernel
    >>> from private_presence.pir.table import TableId
    >>> pir = DownloadPir(capacity=1)
    >>> records = Records.from_bytes(bytes(16) + b"here", value_size=4)
    >>> table = pir.encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> query = pir.query(table.manifest, [bytes(16)], random=bytes)
    >>> answers = pir.server(table, 0, load_kernel()).answer(query.bodies)
    >>> pir.decode(query, answers, {bytes(16): lambda value: True}).values
    {b'\x00...': b'here'}
    """

    def __init__(self, *, capacity: int = 101):
        if capacity < 1:
            raise InputError(f"expected a capacity of at least 1; got {capacity}")
        self.servers, self.collusion, self.capacity = 1, 1, capacity

    def encode(self, records, table, salt):
        """See `PirBackend.encode`; the salt is not needed."""
        raw = records.to_bytes()
        fields = (table.deployment, table.kind, table.epoch, len(records))
        digest = hashlib.sha256(raw).digest()
        head = _HEAD.pack(VERSION, LAYOUT_RAW, *fields, records.value_size, digest)
        return Table(head, np.frombuffer(raw, np.uint8).reshape(1, 1, -1))

    def value_size(self, manifest):
        """See `PirBackend.value_size`."""
        return _fields(manifest)[1]

    def sizes(self, manifest):
        """See `PirBackend.sizes`."""
        count, size, _ = _fields(manifest)
        return Sizes(frozenset([1]), 1 + count * (TAG_SIZE + size))

    def server(self, table, index, kernel):
        """See `PirBackend.server`."""
        self.check_index(index)
        return DownloadServer(table)

    def query(self, manifest, wanted, random):
        """See `PirBackend.query`."""
        _fields(manifest)
        tags = self.check_wanted(wanted, TAG_SIZE)
        body = join_body(WHOLE, b"")
        return Query((body,), manifest, tuple((tag, 0) for tag in tags), ())

    def decode(self, query, answers, checks):
        """See `PirBackend.decode`.

        Raises
        ------
        AnswerError
            If the file is missing or is not the one that the manifest names.
        """
        count, size, digest = _fields(query.manifest)
        (raw,) = self.check_answers(answers, 1 + count * (TAG_SIZE + size))
        if raw is None or hashlib.sha256(raw).digest() != digest:
            raise AnswerError(
                "answer: expected the file whose hash is in the manifest; got another; "
                "wait for the next lookup"
            )
        records = Records.from_bytes(raw, value_size=size)
        found = dict(
            zip(map(bytes, records.tags), map(bytes, records.values), strict=True)
        )
        values = {tag: _genuine(found.get(tag), tag, checks) for tag, _ in query.places}
        return Lookup(values, consistent=True)


def _genuine(value, tag, checks):
    return value if value is not None and verified(value, tag, checks) else None


def _fields(manifest: bytes):
    # The number of records, their size and the hash of the file.
    if len(manifest) != _HEAD.size:
        raise LengthError(
            f"manifest: expected {_HEAD.size} bytes; got {len(manifest)}; fetch it again"
        )
    version, layout, _, kind, _, count, size, digest = _HEAD.unpack(manifest)
    if (version, layout) != (VERSION, LAYOUT_RAW):
        raise VersionError(
            f"manifest: expected version {VERSION}, layout {LAYOUT_RAW}; got {version}, "
            f"{layout}; use a program of the deployment's version"
        )
    if not (count <= MAX_RECORDS and 1 <= size <= MAX_VALUE and kind in (1, 2)):
        raise EncodingError(
            f"manifest: expected at most {MAX_RECORDS} records of 1 to {MAX_VALUE} bytes "
            f"and kind 1 or 2; got {count} of {size}, kind {kind}"
        )
    return count, size, digest


@final
class DownloadServer(PirServer):
    """The server of `DownloadPir`.

    Parameters
    ----------
    table : Table

    Examples
    --------
    The answer is the raw file, after one byte of version:

    >>> from private_presence.pir.table import TableId
    >>> records = Records.from_bytes(bytes(16) + b"here", value_size=4)
    >>> table = DownloadPir().encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> query = DownloadPir().query(table.manifest, [], random=bytes)
    >>> (answer,) = DownloadServer(table).answer(query.bodies)
    >>> answer[0], answer[1:] == records.to_bytes()
    (1, True)
    """

    def __init__(self, table):
        self.whole = bytes([FORMAT]) + table.cells.tobytes()

    def answer(self, bodies):
        """See `PirServer.answer`."""
        for body in bodies:
            split_body(body, {WHOLE: 0})
        return [self.whole for _ in bodies]
