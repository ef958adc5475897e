"""The layout of DP5, to compare with: sqrt(size) buckets, one question per friend.

N. Borisov, G. Danezis and I. Goldberg, DP5: a private presence service, PoPETs 2015(2).
Records keep their tags and lie in r = ceil(sqrt(n * size)) buckets of one size; the
hash of the buckets is the best of ten; each friend costs a query of r bytes (Goldberg's
scheme over the field of 256 elements) and an answer of a whole bucket.

Notes
-----
For benchmarks.  Two deviations, neither of which changes a byte count: the ten hash
keys come from the salt instead of the registrar's generator, and the answers to one
client's queries travel in one body.
"""

import hashlib
import math
import struct
from typing import final

import numpy as np

from private_presence.errors import AnswerError, EncodingError, InputError, LengthError
from private_presence.pir._fuse_backend import join_body, split_body
from private_presence.pir._robust import consistent
from private_presence.pir.backend import (
    FORMAT,
    Lookup,
    PirBackend,
    PirServer,
    Query,
    Sizes,
    verified,
)
from private_presence.pir.gf256 import interpolate
from private_presence.pir.records import MAX_RECORDS, MAX_VALUE
from private_presence.pir.shamir import weighted_sums
from private_presence.pir.table import DEPLOYMENT_SIZE, Table, aligned_zeros

TRIES = 10
MAX_TABLE = 1 << 34
BUCKETS = 6  # form of a body
_PRF_SIZE = 8
# deployment, kind, epoch, buckets, records of a bucket, tag size, value size, hash key
_HEAD = struct.Struct(f">{DEPLOYMENT_SIZE}sBIIIBH{_PRF_SIZE}s")


def bucket_count(records: int, row: int) -> int:
    """Return r, which makes a question about as long as an answer.

    Parameters
    ----------
    records : int
    row : int
        Bytes of a tag and a value.

    Returns
    -------
    int

    Examples
    --------
    >>> bucket_count(1_000_000, 90)  # the long-term table of 10,000 users
    9487
    """
    return max(1, math.isqrt(records * row - 1) + 1) if records else 1


@final
class Dp5Pir(PirBackend):
    """DP5's way of asking, for benchmarks.

    Parameters
    ----------
    servers : int, 2 to 255
    collusion : int, 1 to servers - 1
    capacity : int, >= 1
        Questions that every client asks, and tags it may want.
    tag_size : int
        10 for DP5's own records, 16 for ours in its layout.

    Raises
    ------
    InputError
        If a parameter is out of range.

    Examples
    --------
    >>> import os
    >>> from private_presence.pir.kernels import load_kernel
    >>> from private_presence.pir.records import Records
    >>> from private_presence.pir.table import TableId
    >>> pir = Dp5Pir(servers=3, collusion=2, capacity=2)
    >>> records = Records.from_bytes(b"ten bytes.here", tag_size=10, value_size=4)
    >>> table = pir.encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> query = pir.query(table.manifest, [b"ten bytes."], os.urandom)
    >>> servers = [pir.server(table, i, load_kernel()) for i in range(3)]
    >>> answers = [s.answer([b])[0] for s, b in zip(servers, query.bodies)]
    >>> checks = {b"ten bytes.": lambda value: value == b"here"}
    >>> pir.decode(query, answers, checks).values
    {b'ten bytes.': b'here'}
    """

    def __init__(
        self,
        *,
        servers: int = 3,
        collusion: int = 2,
        capacity: int = 100,
        tag_size: int = 10,
    ):
        if not 1 <= collusion < servers <= 255:
            raise InputError(
                f"dp5: expected 2 to 255 servers and collusion of fewer, at least 1; got "
                f"{servers} and {collusion}"
            )
        if capacity < 1:
            raise InputError(f"dp5: expected a capacity of at least 1; got {capacity}")
        self.servers, self.collusion = servers, collusion
        self.capacity, self.tag_size = capacity, tag_size

    def encode(self, records, table, salt):
        """See `PirBackend.encode`: (1, r, bucket bytes), padded with zeros in front."""
        row = records.tag_size + records.value_size
        r = bucket_count(len(records), row)
        keys = [
            hashlib.sha256(salt + bytes([i])).digest()[:_PRF_SIZE] for i in range(TRIES)
        ]
        tags = [bytes(tag) for tag in records.tags]
        tried = [_buckets(tags, key, r) for key in keys]
        loads = [int(np.bincount(bucket, minlength=r).max()) for bucket in tried]
        best = int(np.argmin(loads))
        rows = np.concatenate([records.tags, records.values], axis=1)
        cells = _packed(rows, tried[best], r, max(1, loads[best]))
        at = (table.deployment, table.kind, table.epoch)
        sizes = (r, max(1, loads[best]), records.tag_size, records.value_size)
        return Table(_HEAD.pack(*at, *sizes, keys[best]), cells)

    def value_size(self, manifest):
        """See `PirBackend.value_size`."""
        return _fields(manifest)[3]

    def sizes(self, manifest):
        """See `PirBackend.sizes`."""
        r, load, tag_size, value_size, _ = _fields(manifest)
        answer = 1 + self.capacity * load * (tag_size + value_size)
        return Sizes(frozenset([1 + self.capacity * r]), answer)

    def server(self, table, index, kernel):
        """See `PirBackend.server`."""
        self.check_index(index)
        return Dp5Server(table, self.capacity, kernel)

    def query(self, manifest, wanted, random):
        """See `PirBackend.query`: always `capacity` questions, real ones first."""
        r, _, tag_size, _, key = _fields(manifest)
        wanted = self.check_wanted(wanted, tag_size)
        bucket = _buckets(list(wanted), key, r)
        asked = list(dict.fromkeys(bucket.tolist()))
        matrix = np.zeros((self.capacity, r), np.uint8)
        matrix[np.arange(len(asked)), asked] = 1
        noise = random(self.collusion * matrix.size)
        known = np.frombuffer(noise, np.uint8).reshape(self.collusion, *matrix.shape)
        values, nodes = np.concatenate([matrix[None], known]), range(self.collusion + 1)
        shares = [interpolate(nodes, values, at=i + 1) for i in range(self.servers)]
        bodies = tuple(join_body(BUCKETS, share.tobytes()) for share in shares)
        places = tuple((t, asked.index(b)) for t, b in zip(wanted, bucket, strict=True))
        return Query(bodies, manifest, places, ())

    def decode(self, query, answers, checks):
        """See `PirBackend.decode`.

        Raises
        ------
        AnswerError
            If a server's answer is missing or malformed.
        """
        _, load, tag_size, value_size, _ = _fields(query.manifest)
        row = tag_size + value_size
        bodies = self.check_answers(answers, 1 + self.capacity * load * row)
        if None in bodies:
            raise AnswerError("answers: expected one from every server; one is missing")
        values = np.stack([np.frombuffer(b or b"", np.uint8) for b in bodies])
        values = values.reshape(self.servers, self.capacity, -1)
        nodes = list(range(1, self.servers + 1))
        fits = bool(consistent(nodes, values, self.collusion).all())
        base = slice(0, self.collusion + 1)
        rows = interpolate(nodes[base], values[base], at=0)
        rows = rows.reshape(self.capacity, load, row)
        found = {t: _find(rows[place], t, checks) for t, place in query.places}
        return Lookup(found, consistent=fits)


def _find(bucket, tag, checks):
    """Return the genuine value beside the tag in a (load, row) bucket."""
    mine = (bucket[:, : len(tag)] == np.frombuffer(tag, np.uint8)).all(axis=1)
    values = [bytes(row[len(tag) :]) for row in bucket[mine]]
    return next((value for value in values if verified(value, tag, checks)), None)


def _buckets(tags, key, r):
    firsts = b"".join(hashlib.sha256(key + tag).digest()[:8] for tag in tags)
    return (np.frombuffer(firsts, "<u8") % np.uint64(r)).astype(np.int64)


def _packed(rows, bucket, r, load):
    counts = np.bincount(bucket, minlength=r)
    order = np.argsort(bucket, kind="stable")
    starts = np.cumsum(counts) - counts
    within = np.arange(len(rows)) - np.repeat(starts, counts)
    cells = aligned_zeros((r, load, rows.shape[1]))
    place = load - counts[bucket[order]] + within
    cells[bucket[order], place] = rows[order]
    cells.flags.writeable = False
    return cells.reshape(1, r, -1)


def _fields(manifest: bytes):
    # Buckets, records of a bucket, tag size, value size and the hash key.
    if len(manifest) != _HEAD.size:
        raise LengthError(
            f"manifest: expected {_HEAD.size} bytes; got {len(manifest)}; fetch it again"
        )
    _, _, _, r, load, tag_size, value_size, key = _HEAD.unpack(manifest)
    sizes = 8 <= tag_size <= 16 and 1 <= value_size <= MAX_VALUE
    fits = 1 <= r <= MAX_RECORDS and 1 <= load <= MAX_RECORDS and sizes
    if not (fits and r * load * (tag_size + value_size) <= MAX_TABLE):
        raise EncodingError(
            f"manifest: expected a table of at most {MAX_TABLE} bytes; got {r} buckets "
            f"of {load} records of {tag_size} + {value_size} bytes; fetch it again"
        )
    return r, load, tag_size, value_size, key


@final
class Dp5Server(PirServer):
    """A server of `Dp5Pir`.

    Parameters
    ----------
    table : Table
    questions : int
        In each body.
    kernel : Kernel

    Examples
    --------
    Queries of one batch are answered as they would be one by one, with a bucket of 14
    bytes for each question:

    >>> import os
    >>> from private_presence.pir.kernels import load_kernel
    >>> from private_presence.pir.records import Records
    >>> from private_presence.pir.table import TableId
    >>> records = Records.from_bytes(b"ten bytes.here", tag_size=10, value_size=4)
    >>> pir = Dp5Pir(capacity=2)
    >>> table = pir.encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> server = Dp5Server(table, questions=2, kernel=load_kernel())
    >>> a, b = (pir.query(table.manifest, [], os.urandom).bodies[0] for _ in range(2))
    >>> server.answer([a, b]) == server.answer([a]) + server.answer([b])
    True
    >>> {len(answer) for answer in server.answer([a, b])}
    {29}
    """

    def __init__(self, table, questions, kernel):
        self.r, load, tag_size, value_size, _ = _fields(table.manifest)
        self.size, self.questions = load * (tag_size + value_size), questions
        self.kernel, self.words = kernel, kernel.prepare(table.cells)

    def answer(self, bodies):
        """See `PirServer.answer`."""
        sizes = {BUCKETS: self.questions * self.r}
        payloads = b"".join(split_body(body, sizes)[1] for body in bodies)
        shares = np.frombuffer(payloads, np.uint8).reshape(-1, 1, self.r)
        if not len(shares):
            return []
        values = weighted_sums(self.kernel, self.words, shares, self.size)
        rows = values.reshape(len(bodies), -1)
        return [bytes([FORMAT]) + row.tobytes() for row in rows]
