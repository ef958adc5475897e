"""Robust retrieval: right answers although some servers lie, and which ones do.

I. Goldberg, Improving the robustness of private information retrieval, IEEE Symposium
on Security and Privacy 2007: each entry of the query is shared by a random polynomial
of degree t over the field of 256 elements; the answers then lie on polynomials too.
Any t servers see uniform bytes.  Up to k - t - 1 wrong answers are undone, because
records are signed: of the few values that t + 1 answers agree on, at most one verifies.

The first t shares are expanded from seeds; the others follow by interpolation, so that
the polynomial through them is still uniform among those of degree t with the given
value at 0.
"""

from typing import final

import numpy as np

from private_presence.errors import AnswerError, InputError
from private_presence.pir._fuse_backend import (
    FuseBackend,
    answer_rows,
    answer_size,
    idle_buckets,
    join_body,
    query_matrix,
    remembered,
)
from private_presence.pir._fuse_server import FuseServer, read_share
from private_presence.pir._robust import consistent, genuine, liars, readings
from private_presence.pir._shares import SEED_SIZE, expand_seed
from private_presence.pir.backend import Lookup, Query, verified
from private_presence.pir.gf256 import interpolate, scale
from private_presence.pir.manifest import FuseManifest

SEED, EXPLICIT = 2, 3  # forms of a body
MAX_SERVERS = 7  # keeps the subsets to try below 36


@final
class ShamirPir(FuseBackend):
    """The robust backend: `collusion` servers learn nothing, some others may lie.

    Parameters
    ----------
    servers : int, 3 to 7
        Called k.
    collusion : int, 1 to k - 2
        Called t; up to k - t - 1 wrong servers are tolerated, and within that bound
        nobody honest is accused.  Liars who know each other may stay unnamed (they can
        make their errors cancel at the value that is read), but change no value.
    capacity, buckets : int
        As for `XorPir`.

    Raises
    ------
    InputError
        If a parameter is out of range.

    Examples
    --------
    Server 2 lies; the value is right, and the liar is named:

    >>> import os
    >>> from private_presence.pir.kernels import load_kernel
    >>> from private_presence.pir.records import Records
    >>> from private_presence.pir.table import TableId
    >>> pir = ShamirPir(servers=4, collusion=2, capacity=2, buckets=4)
    >>> records = Records.from_bytes(b"tag of 16 bytes." + b"here", value_size=4)
    >>> table = pir.encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> query = pir.query(table.manifest, [b"tag of 16 bytes."], os.urandom)
    >>> servers = [pir.server(table, i, load_kernel()) for i in range(4)]
    >>> answers = [s.answer([b])[0] for s, b in zip(servers, query.bodies)]
    >>> answers[2] = answers[2][:1] + bytes(16)
    >>> checks = {b"tag of 16 bytes.": lambda value: value == b"here"}
    >>> lookup = pir.decode(query, answers, checks)
    >>> lookup.values, lookup.accused
    ({b'tag of 16 bytes.': b'here'}, (2,))
    """

    def __init__(
        self,
        *,
        servers: int = 4,
        collusion: int = 2,
        capacity: int = 101,
        buckets: int = 150,
    ):
        if not (3 <= servers <= MAX_SERVERS and 1 <= collusion <= servers - 2):
            raise InputError(
                f"robust mode: expected 3 to {MAX_SERVERS} servers and collusion of at "
                f"least 1 and at most two fewer; got {servers} and {collusion}"
            )
        super().__init__(
            servers=servers, collusion=collusion, capacity=capacity, buckets=buckets
        )

    def query(self, manifest, wanted, random):
        """See `PirBackend.query`."""
        header = FuseManifest.from_bytes(manifest)
        placed, deferred = self.places(header, wanted)
        matrix = query_matrix(header, placed).ravel()
        bodies = self._shares(matrix, header.table, random)
        return Query(bodies, manifest, remembered(placed), deferred)

    def _shares(self, matrix, table, random):
        seeds = [random(SEED_SIZE) for _ in range(self.collusion)]
        known = [expand_seed(s, table, i, matrix.size) for i, s in enumerate(seeds)]
        nodes = range(self.collusion + 1)  # 0 holds the query, i + 1 server i
        values = np.stack([matrix, *known])
        bodies = [join_body(SEED, seed) for seed in seeds]
        for node in range(self.collusion + 1, self.servers + 1):
            share = interpolate(nodes, values, at=node)
            bodies.append(join_body(EXPLICIT, share.tobytes()))
        return tuple(bodies)

    def payload_sizes(self, manifest):
        """A seed, or a byte for each cell."""
        return SEED_SIZE, manifest.buckets * manifest.length

    def server(self, table, index, kernel):
        """See `PirBackend.server`."""
        return ShamirServer(table, self.check_index(index), kernel)

    def decode(self, query, answers, checks):
        """See `PirBackend.decode`.

        Raises
        ------
        AnswerError
            If fewer than t + 1 answers are well-formed.
        """
        manifest = FuseManifest.from_bytes(query.manifest)
        bodies = self.check_answers(answers, answer_size(manifest))
        given = {i + 1: body for i, body in enumerate(bodies) if body is not None}
        if len(given) <= self.collusion:
            raise AnswerError(
                f"answers: expected {answer_size(manifest)} bytes from at least "
                f"{self.collusion + 1} servers; got {len(given)} of them; wait for the "
                "next lookup"
            )
        values = np.stack([answer_rows(manifest, body) for body in given.values()])
        idle = idle_buckets(manifest, query)
        decoder = _Decoder(list(given), values, self.collusion, idle)
        pairs = enumerate(zip(answers, bodies, strict=True))
        decoder.name(
            i + 1 for i, (sent, body) in pairs if body is None and sent is not None
        )
        return decoder.lookup(query, checks)


class _Decoder:
    """One batch of answers: decoded at once where they agree, bucket-wise elsewhere."""

    def __init__(self, nodes, values, t, idle):
        self.nodes, self.values, self.t = nodes, values, t
        self.fits = consistent(nodes, values, t)
        self.rows = interpolate(nodes[: t + 1], values[: t + 1], at=0)
        self.clean = bool(self.fits.all()) and not self.rows[idle].any()
        self.open = frozenset() if self.clean else self._open_liars(idle)
        self.accused = set(self.open)
        self.unresolved = []
        if self.open:
            self._decode_without(self.open)

    def _open_liars(self, idle):
        """Name servers by the buckets nobody was asked for: their value is zero."""
        together = self.values[:, idle].reshape(len(self.nodes), -1)
        found = readings(self.nodes, together, self.t)
        zero = bytes(together.shape[1])
        return liars(self.nodes, genuine(found, lambda value: value == zero))

    def _decode_without(self, named):
        """Decode the whole batch from the servers that were not named."""
        keep = [i for i, node in enumerate(self.nodes) if node not in named]
        nodes, values = [self.nodes[i] for i in keep], self.values[keep]
        self.fits = consistent(nodes, values, self.t)
        base = slice(0, self.t + 1)
        self.rows = interpolate(nodes[base], values[base], at=0)

    def name(self, nodes):
        """Name servers that sent what is no answer at all."""
        self.open |= frozenset(nodes)
        self.accused |= self.open
        self.clean = self.clean and not self.open

    def lookup(self, query: Query, checks) -> Lookup:
        values = {tag: self._value(tag, bucket, checks) for tag, bucket in query.places}
        named, openly = (
            tuple(sorted(node - 1 for node in nodes))
            for nodes in (self.accused, self.open)
        )
        unresolved = tuple(self.unresolved)
        return Lookup(values, self.clean, unresolved, named, openly)

    def _value(self, tag, bucket, checks):
        first = self.rows[bucket].tobytes()
        good = verified(first, tag, checks)
        if self.fits[bucket]:
            return first if good else None
        found = readings(self.nodes, self.values[:, bucket], self.t)
        same = genuine(
            found,
            lambda value: value == first if good else verified(value, tag, checks),
        )
        self.accused |= liars(self.nodes, same)
        if same:
            return same[0].value
        self.unresolved.append(tag)
        return None


@final
class ShamirServer(FuseServer):
    """A server of `ShamirPir`: the weights are bytes.

    Multiplying by a byte is linear over bits: eight XOR queries, one for each bit of
    the coefficients, and eight multiplications by powers of x at the end.

    Examples
    --------
    Queries of one batch are answered as they would be one by one:

    >>> import os
    >>> from private_presence.pir.kernels import load_kernel
    >>> from private_presence.pir.records import Records
    >>> from private_presence.pir.table import TableId
    >>> pir = ShamirPir(capacity=2, buckets=4)
    >>> records = Records.from_bytes(bytes(16) + b"here", value_size=4)
    >>> table = pir.encode(records, TableId(bytes(16), 2, 7), salt=bytes(32))
    >>> server = ShamirServer(table, 3, load_kernel())
    >>> a, b = (pir.query(table.manifest, [], os.urandom).bodies[3] for _ in range(2))
    >>> server.answer([a, b]) == server.answer([a]) + server.answer([b])
    True
    >>> {len(answer) for answer in server.answer([a, b])}
    {17}
    """

    def share(self, body: bytes):
        """See `FuseServer.share`."""
        return read_share(self, body, SEED, EXPLICIT, self.manifest.length)

    def sums(self, shares):
        """See `FuseServer.sums`."""
        return weighted_sums(self.kernel, self.words, shares, self.manifest.value_size)


def weighted_sums(kernel, words, shares, size):
    """Return the sums of cells times coefficients, for each query and bucket.

    Parameters
    ----------
    kernel : Kernel
    words : (B, L', W) array of uint64
    shares : (m, B, L) array of uint8
    size : int

    Returns
    -------
    (m, B, size) array of uint8

    Examples
    --------
    >>> from private_presence.pir.kernels import load_kernel
    >>> kernel = load_kernel()
    >>> words = kernel.prepare(np.array([[[0x83], [1]]], np.uint8))
    >>> weighted_sums(kernel, words, np.array([[[0x57, 2]]], np.uint8), 1).item() ^ 2
    193
    """
    planes = [
        np.packbits((shares >> p) & 1, axis=-1, bitorder="little") for p in range(8)
    ]
    sums = kernel.select(words, np.concatenate(planes), size)
    sums = sums.reshape(8, len(shares), *sums.shape[1:])
    total = np.zeros(sums.shape[1:], np.uint8)
    for power, plane in enumerate(sums):
        total ^= scale(1 << power, plane)
    return total
