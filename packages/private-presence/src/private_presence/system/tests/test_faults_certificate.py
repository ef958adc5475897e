"""Somebody else at a lookup server's address: told nothing; then the server is back."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from private_presence.client.transport import server_party
from private_presence.primitives.randomness import SystemRandomness
from private_presence.protocol.directory import split_address
from private_presence.protocol.epochs import Kind, start_of
from private_presence.server.web.authority import issue_leaf, make_authority, save_leaf
from private_presence.server.web.tls import server_context

from .living import Town, cluster_of


class Impostor:
    """A TLS server under an authority of its own, which counts what it is told."""

    def __init__(self, folder, address):
        rng, now = SystemRandomness(), time.time()
        self.host, self.port = split_address(address)
        self.leaf = folder / "impostor.pem"
        authority = make_authority("impostor", now, rng)
        save_leaf(self.leaf, issue_leaf(authority, [address], now, rng))
        self.callers, self.heard = 0, b""

    @asynccontextmanager
    async def serving(self):
        context = server_context(self.leaf)
        context.set_alpn_protocols(["h2"])
        context.sni_callback = self._called  # at each greeting, before it is answered
        place = (self.host, self.port)
        server = await asyncio.start_server(self._hear, *place, ssl=context)
        try:
            yield
        finally:
            server.close()
            await server.wait_closed()

    def _called(self, connection, name, context):
        self.callers += 1

    async def _hear(self, reader, writer):
        self.heard += await reader.read(1 << 16)
        writer.close()


@pytest.mark.slow(seconds=50)
def test_a_wrong_certificate_is_told_nothing(tmp_path):
    cluster = cluster_of(tmp_path)
    party = server_party(1)

    async def story():
        async with Town(cluster) as town:
            await town.until_seen(more=10.0)
            address = cluster.deployment.directory.parties[party].address
            impostor = Impostor(tmp_path, address)
            await asyncio.to_thread(cluster.stop, "pir1")
            async with impostor.serving():
                t = town.t()
                end = start_of(town.config, Kind.ST, t + 3)
                await asyncio.sleep(end - time.time())
            assert impostor.heard == b""
            assert impostor.callers > 0
            assert not any(
                s.online and s.t >= t + 2 for d in town.devices for s in d.sights
            )
            await asyncio.to_thread(cluster.restart, "pir1")
            await town.until_seen(since=town.t())
            town.check_honest()

    with cluster:
        asyncio.run(story())
