"""A registrar with lookup servers that keep their promises on disk, and its clients."""

import asyncio
import json
from hashlib import sha256
from pathlib import Path

from private_presence.errors import (
    PeerError,
    ReplayError,
    StateError,
    VerificationError,
)
from private_presence.pir.table import TableId
from private_presence.primitives.blinding import record_message, sign, signing_key
from private_presence.primitives.curve import encode_g1, hash_to_g1
from private_presence.primitives.kdf import u32
from private_presence.primitives.secret import Secret
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.primitives.tokens import DST, Role, token_key
from private_presence.protocol import lookup_server as ls
from private_presence.protocol.ask import backend_of
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.directory import Directory
from private_presence.protocol.epochs import Kind, start_of, window
from private_presence.protocol.manifest import (
    decode_manifest,
    manifest_hash,
    verify_manifest,
)
from private_presence.protocol.messages import Registration, encode_registration
from private_presence.protocol.quota import day_of_registration
from private_presence.protocol.tests.world import REGISTRAR, SERVERS, deployment
from private_presence.server.clock import ManualClock
from private_presence.server.endpoints import match
from private_presence.server.metrics import Metrics
from private_presence.server.peers import Peers
from private_presence.server.registrar import Registrar, RegistrarKeys, ThreadWorkers

ROOT = Secret(sha256(b"issuer root").digest())
RKEYS = RegistrarKeys(REGISTRAR, ROOT)
LT0 = 101
CONFIG = deployment(servers=tuple(key.public for key in SERVERS[:2]), privacy=1)
START = start_of(CONFIG, Kind.LT, LT0) + 20.0
ST0 = LT0 * CONFIG.st_per_lt


class FakeServers(Peers):
    """Lookup servers as the contract has them: promises on disk before an answer."""

    def __init__(self, folder, config=CONFIG, clock=None):
        self.folder, self.config, self.clock = Path(folder), config, clock
        self.folder.mkdir(exist_ok=True)
        self.away, self.broken, self.calls = set(), [], []
        self.lost = [0] * len(config.servers)  # how often each lost its folder

    def _enter(self, server, word, kind, epoch):
        self.calls.append((server, word, kind, epoch))
        if server in self.away or (server, kind, epoch) in self.away:
            raise PeerError("away")

    def _path(self, *name):
        return self.folder / "_".join(str(int(part)) for part in name)

    def load(self, *name):
        path = self._path(*name)
        return json.loads(path.read_text()) if path.exists() else {}

    def _save(self, kept, *name):
        path = self._path(*name)
        path.with_suffix(".new").write_text(json.dumps(kept))
        path.with_suffix(".new").replace(path)

    def _promise(self, server, kind, epoch):
        name = f"part {server} {kind:d} {epoch}" + " anew" * self.lost[server]
        rng = SeededRandomness(name)
        fresh, kept = ls.promise(kind, epoch, rng), self.load(server, kind, epoch)
        hashes = (bytes.fromhex(kept.get(n, "")) for n in ("opened", "signed"))
        return ls.Promise(kind, epoch, fresh.part, *hashes), kept

    async def commitment(self, server, kind, epoch):
        self._enter(server, "commitment", kind, epoch)
        promise, _ = self._promise(server, kind, epoch)
        rng = SeededRandomness("nonce")
        return ls.sign_commitment(promise, self.config, SERVERS[server], rng)

    async def push_raw(self, server, kind, epoch, signature, raw):
        self._enter(server, "raw", kind, epoch)
        data = raw.read_bytes()
        digest = sha256(data).digest()
        ls.verify_raw(self.config, kind, epoch, digest, signature)
        _, kept = self._promise(server, kind, epoch)
        self._once(kept, "raw", data.hex(), "another raw file")
        self._save(kept, server, kind, epoch)

    async def opening(self, server, kind, epoch, raw_hash):
        self._enter(server, "opening", kind, epoch)
        promise, kept = self._promise(server, kind, epoch)
        data = bytes.fromhex(kept["raw"])
        assert sha256(data).digest() == raw_hash
        self._once(kept, "opened", raw_hash.hex(), "another opening")
        self._save(kept, server, kind, epoch)
        about = (self.config, raw_hash, SERVERS[server], SeededRandomness("nonce"))
        return ls.encode_opening(ls.open_part(promise, *about)[1])

    async def countersign(self, server, kind, epoch, signature, manifest):
        self._enter(server, "countersign", kind, epoch)
        ls.verify_asked(self.config, manifest, signature)
        promise, kept = self._promise(server, kind, epoch)
        previous = decode_manifest(manifest).previous
        # One that remembers nothing believes the first manifest that it sees.
        first = previous if self.lost[server] else bytes(32)
        last = bytes.fromhex(self.load(server, kind).get("last", first.hex()))
        if previous != last:
            raise VerificationError("another history")
        self._rebuild(kind, epoch, manifest, bytes.fromhex(kept["raw"]))
        self._once(kept, "signed", manifest_hash(manifest).hex(), "another manifest")
        self._save(kept, server, kind, epoch)
        rng = SeededRandomness("nonce")
        about = (self.config, manifest, previous, self.clock.now())
        return ls.countersign(promise, *about, SERVERS[server], rng)[1]

    def _rebuild(self, kind, epoch, encoded, raw):
        manifest = decode_manifest(encoded)
        table = TableId(self.config.dep_id, kind, epoch)
        backend = backend_of(self.config)
        backend.rebuild(raw, table, manifest.salt, manifest.layout)

    async def manifest_hash(self, server, kind, epoch):
        self._enter(server, "manifest-hash", kind, epoch)
        return self._promise(server, kind, epoch)[0].manifest_hash

    async def newest(self, server, kind):
        self._enter(server, "newest", kind, None)
        last = self.load(server, kind)
        if "epoch" not in last:
            return b""
        epoch = last["epoch"]
        return epoch.to_bytes(4, "big") + self.published(server, kind, epoch)

    async def publish(self, server, kind, epoch, signed):
        self._enter(server, "publish", kind, epoch)
        manifest = verify_manifest(signed, self.config, kind, epoch, None)
        _, kept = self._promise(server, kind, epoch)
        if kind is Kind.ST and "signed" not in kept:
            raise StateError("not remembered")
        kept["published"] = signed.hex()
        self._save(kept, server, kind, epoch)
        if "signed" not in kept:  # it takes the token keys of a long table only
            return
        last = self.load(server, kind)
        if last.get("epoch", -1) < epoch:
            digest = kept["signed"]
            assert manifest.raw_hash == sha256(bytes.fromhex(kept["raw"])).digest()
            self._save({"epoch": epoch, "last": digest}, server, kind)

    def lose(self, server):
        """Let a server be started again with an empty folder and its old key."""
        self.lost[server] += 1
        for path in self.folder.glob(f"{server}_*"):
            path.unlink()

    def _once(self, kept, name, value, sentence):
        if kept.setdefault(name, value) != value:
            self.broken.append(sentence)
            raise ReplayError(sentence)

    def published(self, server, kind, epoch):
        return bytes.fromhex(self.load(server, kind, epoch).get("published", ""))

    def raw(self, server, kind, epoch):
        return bytes.fromhex(self.load(server, kind, epoch)["raw"])


def body_of(kind, epoch, seed, config=CONFIG):
    """A registration of somebody's own, in form and rightly signed."""
    rng = SeededRandomness(f"{seed} {kind:d} {epoch}")
    key = signing_key(rng.draw(64))
    size = config.lt_value_size if kind is Kind.LT else config.st_value_size
    ct = rng.draw(size - 64)
    signed = record_message(kind, config.dep_id, epoch, ct)
    message = Registration(kind, epoch, key.public, sign(key, signed, rng), ct)
    return encode_registration(message)


def token_of(kind, epoch, seed, config=CONFIG):
    """A genuine token, as blinding and unblinding give it."""
    role = Role.REGISTER_LT if kind is Kind.LT else Role.REGISTER_ST
    day = day_of_registration(config, kind, epoch)
    t = SeededRandomness(f"token {seed} {kind:d} {epoch}").draw(32)
    point = hash_to_g1(bytes([role]) + u32(day) + t, DST)
    return t + encode_g1(point * token_key(ROOT, config.dep_id, role, day).secret)


def post_of(kind, epoch, seed, config=CONFIG):
    return body_of(kind, epoch, seed, config) + token_of(kind, epoch, seed, config)


def path_of(kind, epoch):
    return f"/v1/register/{kind.name.lower()}/{epoch}"


class World:
    """One registrar in one event loop."""

    def __init__(self, storage, folder, start=START, config=CONFIG, rng=None):
        self.storage, self.config = storage, config
        self.clock = ManualClock(start)
        self.servers = FakeServers(folder, config, self.clock)
        self.metrics = Metrics()
        self.registrar = Registrar(
            Deployment(config, Directory(config.dep_id, 1, ())),
            RKEYS,
            storage,
            self.servers,
            self.clock,
            rng or SeededRandomness("registrar"),
            self.metrics,
            file=b"the deployment's file",
            workers=ThreadWorkers(),
        )
        self.stop = asyncio.Event()

    async def __aenter__(self):
        self.task = asyncio.create_task(self.registrar.run(self.stop))
        return self

    async def __aexit__(self, *error):
        self.stop.set()
        await self.task
        await self.registrar.close()

    async def ask(self, method, path, body=b""):
        found = match(method, path)
        limit = self.registrar.limit(found)
        return None if limit is None else await self.registrar.handle(found, body)

    async def register(self, kind, epoch, post):
        return await self.ask("POST", path_of(kind, epoch), post)

    async def until(self, condition, clock_step=0.0, seconds=20.0):
        """Give threads real time, and sleepers the clock's, until something holds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not condition():
            assert loop.time() < end, "it did not happen"
            await asyncio.sleep(0.004)
            if clock_step:
                await self.clock.advance(clock_step)

    def phase(self, kind, epoch):
        state = self.storage.state(kind, epoch)
        return state.phase if state else ""

    def served(self, kind, epoch):
        numbers = range(len(self.config.servers))
        return all(self.servers.published(i, kind, epoch) for i in numbers)

    async def go_to(self, when):
        await self.clock.advance(max(when - self.clock.now(), 0.0))

    def set_clock(self, by):
        """Set the registrar's clock, as its operator does; nobody is woken."""
        self.clock._now += by

    async def publish(self, kind, epoch):
        """Let a table's window open and close, then wait while the clock stands still."""
        opens, closes = window(self.config, kind, epoch)
        await self.go_to(opens)
        await self.until(lambda: self.phase(kind, epoch) != "")
        await self.go_to(closes)
        await self.until(lambda: self.served(kind, epoch))
