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
    """A server of `DpfPir`: the weights are bits, the sum of three keys a bucket."""

    def share(self, body: bytes):
        """See `FuseServer.share`."""
        m = self.manifest
        count = COPIES * m.buckets
        _, payload = split_body(body, {KEYS: count * key_size(m.length)})
        keys = DpfKeys.from_bytes(payload, count=count, length=m.length)
        bits = evaluate_keys(keys, self.index, m.length)
        return np.bitwise_xor.reduce(bits.reshape(m.buckets, COPIES, -1), axis=1)
