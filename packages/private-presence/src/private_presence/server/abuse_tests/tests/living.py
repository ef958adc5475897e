"""A registrar and a lookup server on real TLS sockets, in a thread of their own.

Attackers and honest clients are ordinary blocking code in the test's thread.  The clock
stands still, in the middle of a short epoch, so that nothing closes meanwhile.
"""

import asyncio
import contextlib
import importlib.util
import threading
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import httpx

from private_presence.primitives.curve import encode_g1, hash_to_g1
from private_presence.primitives.kdf import u32
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.primitives.tokens import DST, Role, token_key
from private_presence.protocol.ask import backend_of
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.directory import Directory
from private_presence.protocol.epochs import Kind, start_of, window
from private_presence.protocol.manifest import manifest_hash, verify_manifest
from private_presence.protocol.receipt import decode_receipt
from private_presence.protocol.signed import open_signed
from private_presence.protocol.tests.world import ISSUER, REGISTRAR, SERVERS
from private_presence.server.clock import ManualClock, SystemClock
from private_presence.server.endpoints import match
from private_presence.server.lookup.server import LookupServer
from private_presence.server.metrics import Metrics
from private_presence.server.registrar import Registrar, ThreadWorkers
from private_presence.server.registrar.tests.world import RKEYS, ROOT, post_of
from private_presence.server.signed_answer import Asked, open_answer
from private_presence.server.storage import open_storage
from private_presence.server.tests.local_peers import LocalPeers
from private_presence.server.web.app import ServiceApp
from private_presence.server.web.limits import Limits
from private_presence.server.web.listener import Listener
from private_presence.server.web.run import run_service
from private_presence.server.web.tests.places import CLIENTS, free_port, make_party
from private_presence.server.web.tls import client_context

DOCS = Path(__file__).parents[5] / "docs"
LT0 = 101
ACCOUNT = sha256(b"an account").digest()
#: Small, so that what takes ten seconds in earnest takes one here.
LIMITS = Limits(
    reading=64,
    handling=32,
    body_seconds=1.0,
    header_seconds=1.0,
    connections=150,
    idle_seconds=2.0,
    life_seconds=20.0,
    drain_seconds=1.0,
)


def openapi():
    path = DOCS / "make_openapi.py"
    spec = importlib.util.spec_from_file_location("make_openapi", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def constants():
    """The deployment that openapi.json describes, with keys that sign."""
    servers = tuple(key.public for key in SERVERS[:2])
    made = openapi().example()
    keys = {"registrar": REGISTRAR.public, "issuer": ISSUER.public}
    return replace(made, servers=servers, **keys)


CONFIG = constants()
ST1 = LT0 * CONFIG.st_per_lt + 1  # looked up; registrations are for the next


class Living:
    """The deployment's services, started and stopped by a thread."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = ManualClock(start_of(CONFIG, Kind.LT, LT0) + 0.2)
        self.ready, self.failed = threading.Event(), None
        self.thread = threading.Thread(target=self._main, daemon=True)

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(60)
        if self.failed:
            raise self.failed
        return self

    def __exit__(self, *error):
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(30)
        assert not self.thread.is_alive()

    def _main(self):
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # told to the thread that waits
            self.failed = error
        finally:
            self.ready.set()

    async def _serve(self):
        self.loop, self.stop = asyncio.get_running_loop(), asyncio.Event()
        self._build()
        parties = [self._party("registrar", self.registrar)]
        parties.append(self._party("lookup", self.servers[0]))
        self.parties = dict(zip(("registrar", "lookup"), parties, strict=True))
        running = [self._run(p.service, [p.listener], p.metrics) for p in parties]
        running.append(self._run(self.servers[1], [], Metrics()))
        tasks = [asyncio.create_task(each) for each in running]
        tasks.append(asyncio.create_task(self._publish()))
        await tasks.pop()
        self.ready.set()
        await asyncio.gather(*tasks)
        self.storage.close()

    def _run(self, service, listeners, metrics):
        return run_service(service, listeners, self.stop, metrics, LIMITS)

    def _build(self):
        deployment = Deployment(CONFIG, Directory(CONFIG.dep_id, 1, ()))
        peers = LocalPeers()
        self.storage = open_storage(f"sqlite:///{self.folder / 'r'}")
        self.storage.add_account(sha256(ACCOUNT).digest())
        about = (self.clock, SeededRandomness("registrar"), Metrics())
        self.registrar = Registrar(
            deployment,
            RKEYS,
            self.storage,
            peers,
            *about,
            file=b"file",
            workers=ThreadWorkers(),
        )
        for i, key in enumerate(SERVERS[:2]):
            place = self.folder / f"p{i}"
            place.mkdir()
            about = (peers, self.clock, SeededRandomness(f"p{i}"), Metrics())
            peers.services.append(
                LookupServer(deployment, i, key, place, *about, file=b"file")
            )
        self.servers = peers.services

    def _party(self, name, service):
        party = make_party(self.folder, name, free_port())
        party.service, party.metrics = service, Metrics()
        about = (CLIENTS, SystemClock(), party.metrics, LIMITS)
        party.app = ServiceApp(service, *about)
        party.listener = Listener("127.0.0.1", party.port, party.app, party.leaf)
        return party

    async def _publish(self):
        """Genesis, then one short table with three records."""
        await self._until(Kind.LT, LT0)
        for i in range(openapi().RECORDS):
            found = match("POST", f"/v1/register/st/{ST1}")
            post = post_of(Kind.ST, ST1, f"first {i}", CONFIG)
            assert (await self.registrar.handle(found, post)).status == 200
        await self.clock.advance(window(CONFIG, Kind.ST, ST1)[1] - self.clock.now())
        await self._until(Kind.ST, ST1)
        middle = start_of(CONFIG, Kind.ST, ST1) + 0.5
        await self.clock.advance(middle - self.clock.now())

    async def _until(self, kind, epoch):
        found = match("GET", f"/v1/manifest/{kind.name.lower()}/{epoch}")
        for _ in range(4000):
            served = [s.limit(found) is not None for s in self.servers]
            if all(served) and (await self.servers[0].handle(found, b"")).status == 200:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("no table was published")

    # ---- honest clients

    def client(self, name, **options):
        party = self.parties[name]
        options = {"http2": True, "http1": False, "timeout": 10.0} | options
        return httpx.Client(
            base_url=f"https://127.0.0.1:{party.port}",
            verify=client_context(party.authority.anchor),
            trust_env=False,
            **options,
        )

    def register(self, seed):
        """One registration, as a client makes it; its receipt's answer."""
        post = post_of(Kind.ST, ST1 + 1, seed, CONFIG)
        with self.client("registrar") as link:
            return answer_of(link.post(f"/v1/register/st/{ST1 + 1}", content=post))

    def manifest(self):
        """The encoded manifest of the short table, all of its signatures checked."""
        with self.client("lookup") as link:
            signed = link.get(f"/v1/manifest/st/{ST1}").content
        made = verify_manifest(signed, CONFIG, Kind.ST, ST1, None)
        keys = [CONFIG.registrar, *CONFIG.servers]
        return made, open_signed(signed, "manifest", keys, 1 << 15)

    def ask(self, seed, token=None):
        """A body for a lookup, and what is needed to open its answer."""
        made, encoded = self.manifest()
        rng, backend = SeededRandomness(f"ask {seed}"), backend_of(CONFIG)
        query = backend.query(made.layout, [bytes(16)], rng.draw).bodies[0]
        digest = manifest_hash(encoded)
        body = (token or lookup_token(seed)) + u32(LT0) + digest + query
        asked = Asked(Kind.ST, ST1, 0, digest, query)
        size = backend.sizes(made.layout).answer
        return SimpleNamespace(body=body, asked=asked, size=size)

    def look_up(self, seed):
        """One lookup at the first server, its signature checked; bytes of the answer."""
        ask = self.ask(seed)
        with self.client("lookup") as link:
            reply = link.post(f"/v1/pir/st/{ST1}", content=ask.body)
        assert reply.status_code == 200
        return len(open_answer(CONFIG, ask.asked, reply.content, ask.size))


def lookup_token(seed, role=Role.LOOKUP, day=LT0):
    t = SeededRandomness(f"lookup token {seed}").draw(32)
    point = hash_to_g1(bytes([role]) + u32(day) + t, DST)
    return t + encode_g1(point * token_key(ROOT, CONFIG.dep_id, role, day).secret)


def answer_of(reply):
    assert reply.status_code == 200
    return decode_receipt(reply.content).answer


@contextlib.contextmanager
def living(folder):
    with Living(folder) as services:
        yield services
