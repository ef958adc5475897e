"""Certificates, free ports and a small service, for tests over real sockets."""

import asyncio
import socket
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx

from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.server.clock import SystemClock
from private_presence.server.endpoints import Caller
from private_presence.server.metrics import Metrics
from private_presence.server.service import Reply, Service
from private_presence.server.web.app import ServiceApp
from private_presence.server.web.authority import (
    issue_leaf,
    make_authority,
    save_leaf,
)
from private_presence.server.web.limits import Limits
from private_presence.server.web.listener import Listener
from private_presence.server.web.run import run_service
from private_presence.server.web.tls import client_context

CLIENTS = frozenset({Caller.CLIENT, Caller.ACCOUNT})
PEERS = frozenset({Caller.PEER})
BODY = 57_600  # the longest body that `Echo` accepts


class Echo(Service):
    """Answers with the length of what came; a few epochs misbehave on purpose."""

    def __init__(self, file=None):
        self.file, self.bodies, self.closed = file, [], False
        self.release = asyncio.Event()

    def limit(self, match):
        if match.number == 404:
            return None
        if match.number == 405:
            raise RuntimeError("secret words")
        return 0 if match.endpoint.method == "GET" else BODY

    async def handle(self, match, body):
        self.bodies.append(body)
        if match.number == 500:
            raise RuntimeError("secret words")
        if match.number == 7:
            await self.release.wait()
        if match.number == 8:
            return Reply(200, self.file)
        if match.endpoint.path.startswith("/v1/peer"):
            return self.peer(match, body)
        return Reply(200, b"%d" % len(body), cacheable=match.number == 9)

    def peer(self, match, body):
        word = match.endpoint.path.split("/")[3]
        size = {"commitment": 96, "opening": 128, "countersign": 64}.get(word, 0)
        if word == "manifest-hash":
            size = 32 if match.number == 1 else 0
        return Reply(409 if match.number == 409 else 200, bytes(size))

    async def run(self, stop):
        await stop.wait()

    async def close(self):
        self.closed = True


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_party(folder, name, port):
    """An authority and a leaf for 127.0.0.1 and localhost."""
    rng = SeededRandomness(name)
    now = SystemClock().now()
    authority = make_authority(name, now, rng)
    path = folder / f"{name}.pem"
    addresses = [f"127.0.0.1:{port}", f"localhost:{port}"]
    save_leaf(path, issue_leaf(authority, addresses, now, rng))
    return SimpleNamespace(authority=authority, leaf=path, port=port)


@asynccontextmanager
async def serving(folder, service, callers=CLIENTS, anchors=(), **limits):
    """A service behind TLS on a free port."""
    party = make_party(folder, "server", free_port())
    party.metrics, party.service = Metrics(), service
    party.limits = Limits(**limits)
    app = ServiceApp(service, callers, SystemClock(), party.metrics, party.limits)
    listener = Listener("127.0.0.1", party.port, app, party.leaf, anchors)
    party.stop, opened = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(
        run_service(
            service, [listener], party.stop, party.metrics, party.limits, opened
        )
    )
    party.running = running
    waiting = asyncio.create_task(opened.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        waiting.cancel()
        running.result()
    try:
        yield party
    finally:
        party.stop.set()
        await running


def client(party, **options):
    options = {"http2": True, "http1": False, "timeout": 10.0} | options
    return httpx.AsyncClient(
        base_url=f"https://127.0.0.1:{party.port}",
        verify=client_context(party.authority.anchor),
        trust_env=False,
        **options,
    )
