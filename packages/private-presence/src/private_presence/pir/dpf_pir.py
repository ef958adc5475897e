"""Two-server retrieval with point-function keys: short queries for large tables.

The servers and their work are those of XOR retrieval; only the shares are written more
shortly, three keys a bucket instead of a bit a cell.  Privacy rests on AES.
"""

from typing import final

import numpy as np

from private_presence.pir._fuse_backend import (
    FuseBackend,
    join_body,
    remembered,
    split_body,
)
from private_presence.pir._fuse_server import FuseServer
from private_presence.pir.backend import Query
from private_presence.pir.batch_code import COPIES
from private_presence.pir.dpf import DpfKeys, evaluate_keys, key_size, make_keys
from private_presence.pir.manifest import FuseManifest
from private_presence.pir.xor import decode_sum

KEYS = 5  # form of a body


@final
class DpfPir(FuseBackend):
    """Two servers that do not collude; queries of a few hundred bytes a bucket.

    Parameters
    ----------
    capacity, buckets : int
        As for `XorPir`.

    Raises
    ------
    InputError
        If the capacity is not from 1 to the number of buckets.

    Examples
    --------
    >>> import os
    >>> from private_presence.pir.kernels import load_kernel
    >>> from private_presence.pir.records import Records
    >>> from private_presence.pir.table import TableId
    >>> pir = DpfPir(capacity=2, buckets=4)
    >>> records = Records.from_bytes(b"tag of 16 bytes." + b"here", value_size=4)
    >>> table = pir.encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> query = pir.query(table.manifest, [b"tag of 16 bytes."], os.urandom)
    >>> servers = [pir.server(table, i, load_kernel()) for i in range(2)]
    >>> answers = [s.answer([b])[0] for s, b in zip(servers, query.bodies)]
    >>> checks = {b"tag of 16 bytes.": lambda value: value == b"here"}
    >>> pir.decode(query, answers, checks).values
    {b'tag of 16 bytes.': b'here'}
    """

    def __init__(self, *, capacity: int = 101, buckets: int = 150):
        super().__init__(servers=2, collusion=1, capacity=capacity, buckets=buckets)

    def query(self, manifest, wanted, random):
        """See `PirBackend.query`; every bucket sends three keys, asked or not."""
        header = FuseManifest.from_bytes(manifest)
        placed, deferred = self.places(header, wanted)
        points = np.zeros((header.buckets, COPIES), np.int64)
        bits = np.zeros((header.buckets, COPIES), np.uint8)
        for bucket, cells in placed.values():
            points[bucket], bits[bucket] = cells, 1
        pair = make_keys(points.ravel(), bits.ravel(), header.length, random)
        bodies = tuple(join_body(KEYS, keys.to_bytes()) for keys in pair)
        return Query(bodies, manifest, remembered(placed), deferred)

    def payload_sizes(self, manifest):
        """Three keys for each bucket."""
        return (COPIES * manifest.buckets * key_size(manifest.length),)

    def server(self, table, index, kernel):
        """See `PirBackend.server`."""
        return DpfServer(table, self.check_index(index), kernel)

    def decode(self, query, answers, checks):
        """See `PirBackend.decode`; as for `XorPir`."""
        return decode_sum(self, query, answers, checks)


@final
class DpfServer(FuseServer):
    """A server of `DpfPir`: the weights are bits, the sum of three keys a bucket.

    Examples
    --------
    To a query for nobody both servers give the same answer, so that their sum is zero:

    >>> import os
    >>> from private_presence.pir.kernels import load_kernel
    >>> from private_presence.pir.records import Records
    >>> from private_presence.pir.table import TableId
    >>> pir = DpfPir(capacity=2, buckets=4)
    >>> records = Records.from_bytes(bytes(16) + b"here", value_size=4)
    >>> table = pir.encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> one, other = pir.query(table.manifest, [], os.urandom).bodies
    >>> server, second = (DpfServer(table, i, load_kernel()) for i in range(2))
    >>> one == other, server.answer([one]) == second.answer([other])
    (False, True)
    """

    def share(self, body: bytes):
        """See `FuseServer.share`."""
        m = self.manifest
        count = COPIES * m.buckets
        _, payload = split_body(body, {KEYS: count * key_size(m.length)})
        keys = DpfKeys.from_bytes(payload, count=count, length=m.length)
        bits = evaluate_keys(keys, self.index, m.length)
        return np.bitwise_xor.reduce(bits.reshape(m.buckets, COPIES, -1), axis=1)
