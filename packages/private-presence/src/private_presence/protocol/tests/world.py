"""A small deployment in memory: keys, tables, and a lookup behind one function.

`Lookup` is the interface that query backends are plugged into: made for one table from
its raw file, asked with tags and the check of each, it answers with values; for tags
that are not there it gives noise, or nothing.
"""

import hashlib
from functools import partial
from typing import Protocol

from private_presence.pir import ShamirPir, XorPir, load_kernel
from private_presence.pir.records import Records
from private_presence.pir.table import TableId
from private_presence.primitives.blinding import signing_key
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, start_of
from private_presence.protocol.registrar import Intake

TOKEN = bytes(80)
KEYS = [signing_key(SeededRandomness(f"key {i}").draw(64)) for i in range(5)]
REGISTRAR, ISSUER, *SERVERS = KEYS


def deployment(**changes):
    options = {
        "max_friends": 20,
        "buckets": 32,
        "privacy": 2,
        "lt_ms": 1_200_000,
        "st_ms": 300_000,
        "lt_close_ms": 100_000,
    }
    servers = changes.pop("servers", tuple(key.public for key in SERVERS))
    return Config(REGISTRAR.public, servers, ISSUER.public, **{**options, **changes})


class Lookup(Protocol):
    """What a query backend offers to the protocol's tests."""

    def __call__(self, wanted: dict) -> dict: ...


class MemoryLookup:
    """A dictionary; absent tags give noise, as a linear layout does."""

    def __init__(self, config, kind, epoch, raw):
        self._value_size = value_size(config, kind)
        size = 16 + self._value_size
        rows = [raw[i : i + size] for i in range(0, len(raw), size)]
        self._rows = {row[:16]: row[16:] for row in rows}

    def __call__(self, wanted):
        return {tag: self._rows.get(tag) or self._noise(tag) for tag in wanted}

    def _noise(self, tag):
        return hashlib.shake_128(b"noise" + tag).digest(self._value_size)


class PirLookup:
    """Private queries to all servers of a backend, as a client would make them."""

    def __init__(self, backend, config, kind, epoch, raw):
        records = Records.from_bytes(
            raw, tag_size=16, value_size=value_size(config, kind)
        )
        salt = hashlib.sha256(raw).digest()
        self._backend = backend
        self._table = backend.encode(records, TableId(config.dep_id, kind, epoch), salt)
        self._servers = [
            backend.server(self._table, i, load_kernel("numpy"))
            for i in range(backend.servers)
        ]
        self._rng = SeededRandomness(f"query {kind} {epoch}")

    def __call__(self, wanted):
        query = self._backend.query(self._table.manifest, list(wanted), self._rng.draw)
        pairs = zip(self._servers, query.bodies, strict=True)
        answers = [server.answer([body])[0] for server, body in pairs]
        found = self._backend.decode(query, answers, wanted)
        assert found.consistent
        assert not query.deferred  # three buckets for each tag: it does not happen
        return found.values


CAPACITY = {"capacity": 21, "buckets": 63}
LOOKUPS = {
    "memory": MemoryLookup,
    "xor, three servers": partial(PirLookup, XorPir(servers=3, **CAPACITY)),
    "shamir, two of four": partial(
        PirLookup, ShamirPir(servers=4, collusion=2, **CAPACITY)
    ),
}


def value_size(config, kind):
    return config.lt_value_size if kind is Kind.LT else config.st_value_size


class Service:
    """Registrar and servers of one deployment, without the network."""

    def __init__(self, config, make_lookup=MemoryLookup):
        self.config, self._make = config, make_lookup
        self.intakes, self.lookups, self.raw = {}, {}, {}

    def intake(self, kind, epoch):
        fresh = Intake(self.config, kind, epoch, lambda token, body_hash: None)
        return self.intakes.setdefault((kind, epoch), fresh)

    def register(self, kind, epoch, body):
        now = start_of(self.config, kind, epoch - 1)
        return self.intake(kind, epoch).accept(body + TOKEN, now)

    def publish(self, kind, epoch):
        now = start_of(self.config, kind, epoch)
        raw = self.intake(kind, epoch).freeze(now)
        self.raw[kind, epoch] = raw
        self.lookups[kind, epoch] = self._make(self.config, kind, epoch, raw)

    def look_up(self, kind, epoch, wanted):
        if (kind, epoch) not in self.lookups:
            self.publish(kind, epoch)
        return self.lookups[kind, epoch](wanted)
