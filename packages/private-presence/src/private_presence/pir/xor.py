"""XOR retrieval from k servers, private against any k - 1 of them: the default.

B. Chor, E. Kushilevitz, O. Goldreich and M. Sudan, Private information retrieval,
Journal of the ACM 45, 1998: the servers' shares of the query matrix are uniform and
sum to it.  All shares but one are expanded from seeds of 32 bytes, so that privacy
rests on SHAKE-128; which server gets the long one is drawn anew each time.
"""

from typing import final

import numpy as np

from private_presence.errors import AnswerError, InputError
from private_presence.pir._fuse_backend import (
    FuseBackend,
    answer_rows,
    answer_size,
    checked_values,
    idle_buckets,
    join_body,
    query_matrix,
    remembered,
)
from private_presence.pir._fuse_server import FuseServer, read_share
from private_presence.pir._shares import SEED_SIZE, draw_below, expand_seed
from private_presence.pir.backend import Lookup, Query
from private_presence.pir.manifest import FuseManifest

SEED, EXPLICIT = 0, 1  # forms of a body
MAX_SERVERS = 16


@final
class XorPir(FuseBackend):
    r"""The default backend: one honest server among `servers` keeps a query private.

    Parameters
    ----------
    servers : int, 2 to 16
    capacity : int
        Tags that a client may want at once: its friends and itself.
    buckets : int
        1.5 times the capacity.

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
    >>> pir = XorPir(servers=2, capacity=2, buckets=4)
    >>> records = Records.from_bytes(bytes(16) + b"here", value_size=4)
    >>> table = pir.encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> query = pir.query(table.manifest, [bytes(16)], os.urandom)
    >>> servers = [pir.server(table, i, load_kernel()) for i in range(2)]
    >>> answers = [s.answer([b])[0] for s, b in zip(servers, query.bodies)]
    >>> pir.decode(query, answers, {bytes(16): lambda value: value == b"here"}).values
    {b'\x00...': b'here'}
    """

    def __init__(self, *, servers: int = 2, capacity: int = 101, buckets: int = 150):
        if not 2 <= servers <= MAX_SERVERS:
            raise InputError(f"servers: expected 2 to {MAX_SERVERS}; got {servers}")
        super().__init__(
            servers=servers, collusion=servers - 1, capacity=capacity, buckets=buckets
        )

    def query(self, manifest, wanted, random):
        """See `PirBackend.query`."""
        header = FuseManifest.from_bytes(manifest)
        placed, deferred = self.places(header, wanted)
        bits = np.packbits(query_matrix(header, placed), axis=1, bitorder="little")
        bodies = self._shares(bits.ravel(), header.table, random)
        return Query(bodies, manifest, remembered(placed), deferred)

    def _shares(self, bits, table, random):
        long = draw_below(self.servers, random)
        seeds = {i: random(SEED_SIZE) for i in range(self.servers) if i != long}
        explicit = bits.copy()
        for server, seed in seeds.items():
            explicit ^= expand_seed(seed, table, server, bits.size)
        bodies = {i: join_body(SEED, seed) for i, seed in seeds.items()}
        bodies[long] = join_body(EXPLICIT, explicit.tobytes())
        return tuple(bodies[i] for i in range(self.servers))

    def payload_sizes(self, manifest):
        """A seed, or a bit for each cell."""
        return SEED_SIZE, manifest.buckets * manifest.row_bytes

    def server(self, table, index, kernel):
        """See `PirBackend.server`."""
        return XorServer(table, self.check_index(index), kernel)

    def decode(self, query, answers, checks):
        """See `PirBackend.decode`.

        Raises
        ------
        AnswerError
            If an answer is missing or malformed: the batch is lost, and is asked
            again with new seeds only at the next scheduled lookup.
        """
        return decode_sum(self, query, answers, checks)


def decode_sum(backend, query: Query, answers, checks) -> Lookup:
    """Add up the answers of all servers; shared by all backends with 0-1 shares.

    Parameters
    ----------
    backend : PirBackend
    query : Query
    answers : sequence of bytes or None
    checks : mapping from bytes to callable

    Returns
    -------
    Lookup

    Raises
    ------
    AnswerError
        If an answer is missing or malformed.
    QueryError
        If there is no check for a tag that was asked.

    Examples
    --------
    After a query for nobody the sum must be zero:

    >>> import os
    >>> from private_presence.pir.records import Records
    >>> from private_presence.pir.table import TableId
    >>> pir = XorPir(servers=2, capacity=2, buckets=4)
    >>> records = Records.from_bytes(bytes(16) + b"here", value_size=4)
    >>> table = pir.encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> query = pir.query(table.manifest, [], os.urandom)
    >>> one, other = (bytes([1]) + bytes(15) + last for last in (b"1", b"2"))
    >>> decode_sum(pir, query, [one, one], {}).consistent
    True
    >>> decode_sum(pir, query, [one, other], {}).consistent
    False
    """
    manifest = FuseManifest.from_bytes(query.manifest)
    bodies = backend.check_answers(answers, answer_size(manifest))
    total = np.zeros((manifest.buckets, manifest.value_size), np.uint8)
    for server, body in enumerate(bodies):
        if body is None:
            raise AnswerError(
                f"answers: expected {answer_size(manifest)} bytes from each server; "
                f"server {server} sent none or others; wait for the next lookup"
            )
        total ^= answer_rows(manifest, body)
    idle = idle_buckets(manifest, query)
    values = checked_values(total, query, checks)
    return Lookup(values, consistent=not total[idle].any())


@final
class XorServer(FuseServer):
    """A server of `XorPir`: the weights are bits, eight to a byte.

    Examples
    --------
    To a query for nobody both servers give the same answer, so that their sum is zero:

    >>> import os
    >>> from private_presence.pir.kernels import load_kernel
    >>> from private_presence.pir.records import Records
    >>> from private_presence.pir.table import TableId
    >>> pir = XorPir(capacity=2, buckets=4)
    >>> records = Records.from_bytes(bytes(16) + b"here", value_size=4)
    >>> table = pir.encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> one, other = pir.query(table.manifest, [], os.urandom).bodies
    >>> server, second = (XorServer(table, i, load_kernel()) for i in range(2))
    >>> one == other, server.answer([one]) == second.answer([other])
    (False, True)
    """

    def share(self, body: bytes):
        """See `FuseServer.share`."""
        return read_share(self, body, SEED, EXPLICIT, self.manifest.row_bytes)
