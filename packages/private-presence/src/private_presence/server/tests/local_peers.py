"""Lookup servers called directly, as their peers would call them over TLS.

Every server may be put away (no answer), and every call is counted.
"""

from collections import Counter
from pathlib import Path

from private_presence.errors import InputError, PeerError, ReplayError
from private_presence.protocol.epochs import Kind
from private_presence.server.endpoints import match
from private_presence.server.peers import Peers
from private_presence.server.service import Service


class LocalPeers(Peers):
    """Peers that are objects of this process; fill `services` once they exist."""

    def __init__(self, services=()):
        self.services: list[Service] = list(services)
        self.away: set[int] = set()
        self.calls = Counter()

    async def commitment(self, server, kind, epoch):
        return await self.ask(server, "GET", "commitment", kind, epoch)

    async def push_raw(self, server, kind, epoch, signature, raw):
        body = signature + raw.read_bytes()
        await self.ask(server, "POST", "raw", kind, epoch, body)

    async def opening(self, server, kind, epoch, raw_hash):
        return await self.ask(server, "POST", "opening", kind, epoch, raw_hash)

    async def countersign(self, server, kind, epoch, signature, manifest):
        body = signature + manifest
        return await self.ask(server, "POST", "countersign", kind, epoch, body)

    async def manifest_hash(self, server, kind, epoch):
        return await self.ask(server, "GET", "manifest-hash", kind, epoch)

    async def newest(self, server, kind):
        return await self.ask(server, "GET", "newest", kind, None)

    async def publish(self, server, kind, epoch, signed):
        await self.ask(server, "POST", "publish", kind, epoch, signed)

    async def ask(self, server, method, word, kind, epoch, body=b""):
        self.calls[server, word] += 1
        if server in self.away:
            raise PeerError("this server is away")
        name = "lt" if kind is Kind.LT else "st"
        path = f"/v1/peer/{word}/{name}" + ("" if epoch is None else f"/{epoch}")
        return await ask_peer(self.services[server], method, path, body)


async def ask_peer(service, method, path, body=b""):
    """Ask a service; statuses become the errors that `Peers` promises."""
    found = match(method, path)
    assert found is not None
    limit = service.limit(found)
    if limit is None:
        raise PeerError("404")
    assert len(body) <= limit, "413"
    reply = await service.handle(found, body)
    if reply.status == 200:
        return reply.body.read_bytes() if isinstance(reply.body, Path) else reply.body
    refused = {400: InputError, 409: ReplayError}.get(reply.status, PeerError)
    raise refused(str(reply.status))
