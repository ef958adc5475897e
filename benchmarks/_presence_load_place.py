"""The deployment under load: its keys, its times, its records and its tokens.

Everything follows from fixed seeds, so that the process that puts load on and those
that carry it agree without a word.  `publish_tables` fills a real registrar's storage,
lets the window close, and lets real lookup servers publish: what they leave in their
folders is what they serve when they are started again, each in a process of its own.
"""

import asyncio
import time
from hashlib import sha256, sha512
from typing import NamedTuple

import numpy as np
import psutil

from private_presence.primitives.blinding import record_message, sign, signing_key
from private_presence.primitives.curve import encode_g1, hash_to_g1
from private_presence.primitives.kdf import u32
from private_presence.primitives.randomness import SystemRandomness
from private_presence.primitives.secret import Secret
from private_presence.primitives.tokens import DST, Role, token_key
from private_presence.protocol.config import Config
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.directory import Directory
from private_presence.protocol.epochs import Kind, epoch_at, start_of, window
from private_presence.protocol.messages import encode_registration, registration_of
from private_presence.protocol.quota import day_of_registration
from private_presence.server.clock import ManualClock
from private_presence.server.endpoints import match
from private_presence.server.lookup.server import LookupServer
from private_presence.server.metrics import Metrics
from private_presence.server.registrar import Registrar, RegistrarKeys
from private_presence.server.service import Service
from private_presence.server.storage import open_storage
from private_presence.server.storage.group import Group
from private_presence.server.tests.local_peers import LocalPeers

RNG = SystemRandomness()
CORES = psutil.Process().cpu_affinity()  # that this machine lets us have
KERNEL = "fast"
REGISTRAR, ISSUER, *SERVERS = (
    signing_key(sha512(b"load %d" % i).digest()) for i in range(4)
)
KEYS = RegistrarKeys(REGISTRAR, Secret(sha256(b"issuer root").digest()))
CONFIG = Config(REGISTRAR.public, tuple(s.public for s in SERVERS), ISSUER.public)
DEPLOYMENT = Deployment(CONFIG, Directory(CONFIG.dep_id, 1, ()))
DAY = 20_000
#: Shortly before the windows of a short and of a long table close, one after the other.
GENESIS = window(CONFIG, Kind.LT, DAY + 1)[1] - 100.0
EPOCH = epoch_at(CONFIG, Kind.ST, GENESIS) + 1
TABLES = {Kind.ST: EPOCH, Kind.LT: DAY + 1}
ROLES = {Kind.ST: Role.REGISTER_ST, Kind.LT: Role.REGISTER_LT}
#: The short table's epoch has begun, and the next one's window is open.
DURING = start_of(CONFIG, Kind.ST, EPOCH) + 100.0


def nobody():
    """Return the lookup servers of one that needs none during a measurement."""
    peers = LocalPeers()
    peers.away.update(range(len(SERVERS)))
    return peers


def registrar(storage, peers, clock, metrics):
    parts = (DEPLOYMENT, KEYS, storage, peers, clock, RNG, metrics)
    return Registrar(*parts, file=b"the deployment's file")


def lookup_server(index, folder, peers, clock, metrics, workers=1):
    place = folder / f"server {index}"
    place.mkdir(exist_ok=True)
    parts = (peers, clock, RNG, metrics, workers, KERNEL)
    return LookupServer(DEPLOYMENT, index, SERVERS[index], place, *parts)


# --- What clients hold ------------------------------------------------------------------


def token_of(role, day, n):
    """Return a genuine token: what blinding, issuing and unblinding come to."""
    t = sha256(b"token %d %d %d" % (role, day, n)).digest()
    point = hash_to_g1(bytes([role]) + u32(day) + t, DST)
    secret = token_key(KEYS.issuer_root, CONFIG.dep_id, role, day).secret
    return t + encode_g1(point * secret)


def lookup_token(server, n):
    return token_of(Role.LOOKUP + server, DAY, n)


def post_of(epoch, n):
    """Return a registration of its own, rightly signed, with its token."""
    key = signing_key(sha512(b"user %d" % n).digest())
    ct = RNG.draw(64)
    message = record_message(Kind.ST, CONFIG.dep_id, epoch, ct)
    value = bytes(ct) + sign(key, message, RNG)
    body = encode_registration(registration_of(Kind.ST, epoch, key.public, value))
    day = day_of_registration(CONFIG, Kind.ST, epoch)
    return body + token_of(Role.REGISTER_ST, day, n)


# --- The table --------------------------------------------------------------------------


def records_of(kind, n):
    """Return n records by tag; what their values say is no matter to servers."""
    rng = np.random.default_rng(n)
    size = 16 + (CONFIG.lt_value_size if kind is Kind.LT else CONFIG.st_value_size)
    data = rng.bytes(n * size)
    rows = (data[i : i + size] for i in range(0, n * size, size))
    return {row[:16]: row[16:] for row in rows}


def fill(storage, kind, values):
    """Store records as if they had been registered, in groups."""
    epoch = TABLES[kind]
    about = (kind, epoch, ROLES[kind], day_of_registration(CONFIG, kind, epoch))
    tags = list(values)
    for at in range(0, len(tags), 5000):
        part = {tag: values[tag] for tag in tags[at : at + 5000]}
        storage.commit(Group(*about, {}, part))


def seconds_of_all():
    """Return CPU seconds of this process and of its workers, by process number."""
    me = psutil.Process()
    every = [me, *me.children(recursive=True)]
    return {p.pid: sum(p.cpu_times()[:2]) for p in every}


async def publish_tables(folder, n):
    """Publish both tables, of n records each; return what each took."""
    clock, peers = ManualClock(GENESIS), LocalPeers()
    storage = open_storage(f"sqlite:///{folder / 'registrar'}")
    services: list[Service] = [registrar(storage, peers, clock, Metrics())]
    for index in range(len(SERVERS)):
        services.append(lookup_server(index, folder, peers, clock, Metrics()))
    peers.services = services[1:]
    stop, found = asyncio.Event(), {}
    running = [asyncio.create_task(each.run(stop)) for each in services]
    try:
        await served(services, Kind.LT, DAY)
        for kind in TABLES:
            await asyncio.to_thread(fill, storage, kind, records_of(kind, n))
            found[kind] = await freeze(services, clock, kind)
    finally:
        stop.set()
        await asyncio.gather(*running)
        for each in services:
            await each.close()
        storage.close()
    return found


class Published(NamedTuple):
    """A table with its signed manifest, and the seconds that it took."""

    cpu: float
    wall: float
    signed: bytes


async def freeze(services, clock, kind):
    """Let a window close; wait until all serve the table."""
    cpu, wall = seconds_of_all(), time.perf_counter()
    await clock.advance(window(CONFIG, kind, TABLES[kind])[1] - clock.now())
    signed = await served(services, kind, TABLES[kind])
    wall = time.perf_counter() - wall
    spent = [t - cpu.get(pid, 0.0) for pid, t in seconds_of_all().items()]
    return Published(sum(spent), wall, signed)


async def served(services, kind, epoch):
    """Wait until every server gives the same manifest; return it."""
    found = match("GET", f"/v1/manifest/{kind.name.lower()}/{epoch}")
    for _ in range(30_000):
        ready = all(service.limit(found) is not None for service in services)
        replies = [await s.handle(found, b"") for s in services] if ready else []
        if replies and all(reply.status == 200 for reply in replies):
            assert len({bytes(reply.body) for reply in replies}) == 1
            return bytes(replies[0].body)
        await asyncio.sleep(0.01)
    raise RuntimeError("expected a table within five minutes; it was not published")


def pin(pid, core):
    """Keep a process and its workers on one core, or (None) let them go again."""
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        process.cpu_affinity(CORES if core is None else [CORES[core]])
