"""A whole deployment in memory, honest unless told otherwise, behind `Service`.

Tables are published when they are first asked for after their start.  It shares the
protocol library with the servers, and none of their code.
"""

import copy
from dataclasses import replace
from hashlib import sha256

from private_presence.client.transport import Answered, Link, Transport
from private_presence.errors import PeerError, PresenceError
from private_presence.pir import load_kernel
from private_presence.pir.records import Records
from private_presence.pir.table import TableId
from private_presence.primitives.blinding import signing_key
from private_presence.primitives.curve import encode_g2
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.primitives.tokens import Role, issue, token_key
from private_presence.protocol.ask import backend_of
from private_presence.protocol.config import Config
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.directory import Directory, Party
from private_presence.protocol.epochs import Kind, epoch_at, start_of
from private_presence.protocol.lookup_server import open_part, promise
from private_presence.protocol.manifest import (
    Manifest,
    encode_manifest,
    manifest_hash,
    mix_salt,
    sign_manifest,
)
from private_presence.protocol.quota import (
    day_of_registration,
    days_of_lookup,
    roles,
)
from private_presence.protocol.registrar import Intake
from private_presence.protocol.signed import encode_signed
from private_presence.protocol.tests.in_memory_registrar import SpentSet, answer_post
from private_presence.server.service import Reply, Service
from private_presence.server.signed_answer import Asked, seal_answer

FIRST = 100  # the LT epoch in which the tests live


def make_config(k=2, **changes):
    keys = [signing_key(SeededRandomness(f"client {i}").draw(64)) for i in range(k + 2)]
    options = {
        "max_friends": 6,
        "buckets": 12,
        "lt_ms": 1_200_000,
        "st_ms": 300_000,
        "lt_close_ms": 100_000,
        "retain": 4,
        "skew_ms": 5_000,
    }
    registrar, issuer, *servers = keys
    public = tuple(key.public for key in servers)
    config = Config(registrar.public, public, issuer.public, **{**options, **changes})
    return config, (registrar, *servers)


class Backroom:
    """What registrar and servers know together."""

    def __init__(self, clock, **changes):
        self.config, self.keys = make_config(**changes)
        self.clock = clock
        self.rng = SeededRandomness("backroom")
        self.intakes, self.spent, self.tables, self.last = {}, {}, {}, {}
        self.issued, self.delivered = set(), {}
        self.drop, self.silent = set(), set()
        self.issuer_root = bytes(32)
        self.skip = set()

    def twin(self, clock):
        """A copy that does not share what is spent or published from now on."""
        room = copy.copy(self)
        room.clock, room.rng = clock, SeededRandomness("twin")
        room.spent = {
            key: replace(kept, spent=dict(kept.spent))
            for key, kept in self.spent.items()
        }
        for name in ("intakes", "tables", "last", "delivered", "drop", "skip"):
            setattr(room, name, copy.copy(getattr(self, name)))
        return room

    @property
    def deployment(self):
        parties = tuple(Party("localhost:1", "", b"x") for _ in self.keys)
        return Deployment(self.config, Directory(self.config.dep_id, 1, parties))

    def token_key(self, role, day):
        return token_key(self.issuer_root, self.config.dep_id, role, day)

    def spend_of(self, role, day):
        key = (int(role), day)
        if key not in self.spent:
            self.spent[key] = SpentSet(int(role), day, self.token_key(*key).public)
        return self.spent[key].spend

    def intake(self, kind, epoch):
        role = Role.REGISTER_LT if kind is Kind.LT else Role.REGISTER_ST
        day = day_of_registration(self.config, kind, epoch)
        fresh = Intake(self.config, kind, epoch, self.spend_of(role, day))
        return self.intakes.setdefault((kind, epoch), fresh)

    # -- publishing

    def table(self, kind, epoch):
        started = self.clock.now() >= start_of(self.config, kind, epoch)
        if (kind, epoch) not in self.tables:
            if not started or (kind, epoch) in self.skip:
                return None
            if epoch < epoch_at(self.config, kind, self.clock.now()) - 1:
                return None
            if kind is Kind.LT:
                self.table(kind, epoch - 1)
            self.tables[kind, epoch] = self.publish(kind, epoch)
        return self.tables[kind, epoch]

    def publish(self, kind, epoch, raw=None, previous=None):
        config = self.config
        if raw is None:
            raw = self.kept(kind, self.intake(kind, epoch).freeze(self.clock.now()))
        raw_hash = sha256(raw).digest()
        promises = [promise(kind, epoch, self.rng) for _ in config.servers]
        opened = [
            open_part(p, config, raw_hash, key, self.rng)[1]
            for p, key in zip(promises, self.keys[1:], strict=True)
        ]
        parts = tuple(o.part for o in opened)
        salt = mix_salt(config.dep_id, kind, epoch, raw_hash, parts)
        size = config.lt_value_size if kind is Kind.LT else config.st_value_size
        records = Records.from_bytes(raw, value_size=size)
        table = backend_of(config).encode(
            records, TableId(config.dep_id, kind, epoch), salt
        )
        before = previous or self.last.get(kind, bytes(32))
        keys = self.public_keys(epoch + 1) if kind is Kind.LT else ()
        facts = (int(kind), epoch, len(records), size, raw_hash, before)
        commitments = tuple(p.commitment for p in promises)
        rest = (commitments, parts, salt, keys, table.manifest)
        encoded = encode_manifest(Manifest(config.dep_id, *facts, *rest))
        self.last[kind] = manifest_hash(encoded)
        signatures = [sign_manifest(encoded, key, self.rng) for key in self.keys]
        return table, encode_signed(encoded, signatures), manifest_hash(encoded), raw

    def public_keys(self, day):
        return tuple(
            encode_g2(self.token_key(role, day).public) for role in roles(self.config)
        )

    def kept(self, kind, raw):
        size = 16 + self.config.lt_value_size
        rows = [raw[i : i + size] for i in range(0, len(raw), size)]
        if kind is not Kind.LT:
            return raw
        return b"".join(row for row in rows if row[:16] not in self.drop)


class Registrar(Service):
    def __init__(self, room):
        self.room = room

    def limit(self, match):
        return 1 << 20

    async def run(self, stop):
        await stop.wait()

    async def close(self):
        pass

    async def handle(self, match, body):
        name = match.endpoint.path.split("/")[2]
        if name == "manifest":
            return manifest_of(self.room, match)
        if name == "register":
            intake = self.room.intake(match.kind, match.number)
            now, key = self.room.clock.now(), self.room.keys[0]
            return Reply(200, answer_post(intake, body, now, key, self.room.rng))
        if name == "tokens":
            return self.tokens(match.number, body)
        return Reply(404)

    def tokens(self, role, body):
        room, day = self.room, int.from_bytes(body[32:36], "big")
        points = [body[i : i + 48] for i in range(36, len(body), 48)]
        if body in room.delivered:
            return Reply(200, room.delivered[body])
        if (body[:32], role, day) in room.issued:
            return Reply(409)
        try:
            signed = [issue(room.token_key(role, day), point) for point in points]
        except PresenceError:
            return Reply(400)
        room.issued.add((body[:32], role, day))
        room.delivered[body] = b"".join(signed)
        return Reply(200, room.delivered[body])


def manifest_of(room, match):
    table = room.table(match.kind, match.number)
    return Reply(200, table[1]) if table else Reply(404)


class Server(Service):
    def __init__(self, room, index):
        self.room, self.index = room, index
        self.behave = lambda answer: answer  # to be replaced by liars

    def limit(self, match):
        return 1 << 24

    async def run(self, stop):
        await stop.wait()

    async def close(self):
        pass

    async def handle(self, match, body):
        name = match.endpoint.path.split("/")[2]
        if name == "manifest":
            return manifest_of(self.room, match)
        table = self.room.table(match.kind, match.number)
        if name == "raw" and table:
            return Reply(200, table[3])
        if name != "pir" or table is None:
            return Reply(404)
        return self.pir(match, body, table)

    def pir(self, match, body, table):
        room, config = self.room, self.room.config
        token, day = body[:80], int.from_bytes(body[80:84], "big")
        if day not in days_of_lookup(config, room.clock.now()):
            return Reply(400)
        try:
            spend = room.spend_of(Role.LOOKUP + self.index, day)
            spend(token, sha256(body[80:]).digest())
            server = backend_of(config).server(table[0], self.index, KERNEL)
            answer = self.behave(server.answer([body[116:]])[0])
        except PresenceError:
            return Reply(400)
        asked = Asked(match.kind, match.number, self.index, body[84:116], body[116:])
        key = room.keys[1 + self.index]
        return Reply(200, seal_answer(config, asked, answer, key, room.rng))


KERNEL = load_kernel("numpy")


def services_of(room):
    servers = [Server(room, i) for i in range(len(room.config.servers))]
    return [Registrar(room), *servers]


class Recorder(Transport):
    """Writes down when, to whom and how much; may break or change what passes."""

    def __init__(self, inner, clock):
        self._inner, self._clock = inner, clock
        self.log, self.posts = [], []
        self.down = lambda party, path: False
        self.change = lambda party, path, answered: answered

    def connect(self, party, *, via_relay):
        return _Recorded(
            self, self._inner.connect(party, via_relay=via_relay), party, via_relay
        )


class _Recorded(Link):
    def __init__(self, recorder, inner, party, via_relay):
        self._recorder, self._inner = recorder, inner
        self._party, self._via = party, via_relay

    async def __aenter__(self):
        self._link = await self._inner.__aenter__()
        self._recorder.log.append(
            (self._recorder._clock.now(), "connect", self._party, self._via, 0)
        )
        return self

    async def __aexit__(self, *error):
        return await self._inner.__aexit__(*error)

    async def exchange(self, method, path, body, limit):
        recorder, party = self._recorder, self._party
        line = f"{method} {path}"
        recorder.log.append((recorder._clock.now(), line, party, self._via, len(body)))
        recorder.posts.append((party, path, body))
        if recorder.down(party, path):
            raise PeerError("away")
        answered = await self._link.exchange(method, path, body, limit)
        return recorder.change(party, path, answered)


def changed(answered, body):
    return Answered(answered.status, body, answered.date)


def with_wish(device, wish):
    return replace(device, wish=wish)
