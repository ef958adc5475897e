"""Bytes of a client's connections, counted between it and the servers.

The client is the package's own, over its own sockets; each party's address in the
directory is that of a forwarder here, which counts what TCP carries, TLS included.
TCP's and IP's own headers are not counted: they follow from the network's packets.
"""

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass

from _presence_load_place import CONFIG, DAY, EPOCH, RNG, lookup_token, post_of
from private_presence.client.https import HttpsTransport
from private_presence.primitives.kdf import u32
from private_presence.protocol.ask import backend_of
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.directory import Directory, Party
from private_presence.protocol.epochs import Kind
from private_presence.protocol.manifest import (
    encode_manifest,
    manifest_hash,
    verify_manifest,
)
from private_presence.protocol.receipt import Answer, decode_receipt
from private_presence.server.signed_answer import Asked, open_answer
from private_presence.server.web.tls import client_context

LIMIT = 1 << 20
MANIFEST, PIR = f"/v1/manifest/st/{EPOCH}", f"/v1/pir/st/{EPOCH}"


@dataclass
class Count:
    """Bytes of all connections through one forwarder."""

    up: int = 0
    down: int = 0

    @property
    def both(self):
        return self.up + self.down


async def forward(reader, writer, count, way):
    while data := await reader.read(1 << 16):
        setattr(count, way, getattr(count, way) + len(data))
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def counted(port):
    """Stand before a port of this machine; yield an own port and the count."""
    count, running = Count(), set()

    async def accept(reader, writer):
        theirs = await asyncio.open_connection("127.0.0.1", port)
        for way, a, b in (("up", reader, theirs[1]), ("down", theirs[0], writer)):
            task = asyncio.create_task(forward(a, b, count, way))
            running.add(task)
            task.add_done_callback(
                lambda done: (running.discard(done), done.exception())
            )

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], count
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def settled(counts):
    """Wait until nothing moves any more; return the bytes of all."""
    last = -1
    while last != (last := sum(each.both for each in counts)):
        await asyncio.sleep(0.1)
    return last


async def measure(ports, anchor, records, first):
    """Return bytes of a handshake, a registration, a lookup, and of what is in it.

    Parameters
    ----------
    ports : list of int
        Of the registrar, then of the lookup servers.
    anchor : bytes
        DER; one for all parties, whose leaves it signs.
    records : dict
        Of the table: what is looked up is compared with them.
    first : int
        Number of the first token that is not spent.
    """
    async with (
        counted(ports[0]) as r,
        counted(ports[1]) as p0,
        counted(ports[2]) as p1,
    ):
        doors, counts = [r[0], p0[0], p1[0]], [r[1], p0[1], p1[1]]
        parties = tuple(Party(f"127.0.0.1:{door}", "", anchor) for door in doors)
        directory = Directory(CONFIG.dep_id, 1, parties)
        net = HttpsTransport(Deployment(CONFIG, directory))
        found = {"handshake": await handshake(doors[1], anchor, counts)}
        found["registration"] = await register(net, counts, first)
        found |= await look_up(net, counts, records, first)
    return found


async def handshake(port, anchor, counts):
    before = await settled(counts)
    context = client_context(anchor)
    context.set_alpn_protocols(["h2"])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    tls = writer.get_extra_info("ssl_object")
    assert tls.version() == "TLSv1.3"
    assert tls.selected_alpn_protocol() == "h2"
    found = await settled(counts) - before
    writer.close()
    await settled(counts)
    return found


async def register(net, counts, n):
    before, post = await settled(counts), post_of(EPOCH + 1, n)
    async with net.connect(0, via_relay=False) as link:
        path = f"/v1/register/st/{EPOCH + 1}"
        reply = await link.exchange("POST", path, post, LIMIT)
    assert decode_receipt(reply.body).answer is Answer.ACCEPTED
    return await settled(counts) - before


async def look_up(net, counts, records, first):
    """Look up as many friends as the table's backend allows; check every value."""
    before = await settled(counts)
    async with (
        net.connect(1, via_relay=False) as a,
        net.connect(2, via_relay=False) as b,
    ):
        links = [a, b]
        copies = [await k.exchange("GET", MANIFEST, b"", LIMIT) for k in links]
        fetched = await settled(counts) - before
        manifest = verify_manifest(copies[0].body, CONFIG, Kind.ST, EPOCH, None)
        sent = await ask(links, manifest, records, first)
    found = {"lookup": await settled(counts) - before, "fetched": fetched}
    return found | {"manifest": len(copies[0].body), **sent}


async def ask(links, manifest, records, first):
    backend, digest = backend_of(CONFIG), manifest_hash(encode_manifest(manifest))
    wanted = list(records)[: CONFIG.max_friends]
    query = backend.query(manifest.layout, wanted, RNG.draw)
    bodies, answers = 0, []
    for server, (link, body) in enumerate(zip(links, query.bodies, strict=True)):
        post = lookup_token(server, first) + u32(DAY) + digest + body
        reply = await link.exchange("POST", PIR, post, LIMIT)
        assert reply.status == 200, reply.status
        asked = Asked(Kind.ST, EPOCH, server, digest, body)
        size = backend.sizes(manifest.layout).answer
        answers.append(open_answer(CONFIG, asked, reply.body, size))
        bodies += len(post) + len(reply.body)
    checks = {tag: lambda value, tag=tag: value == records[tag] for tag in wanted}
    values = backend.decode(query, answers, checks).values
    missing = set(wanted) - set(values) - set(query.deferred)
    assert not missing, f"{len(missing)} records were not found"
    return {"bodies": bodies}


def context_of(anchor):
    """Return what many clients of one server may share here: no session is kept."""
    context = client_context(anchor)
    context.set_alpn_protocols(["h2"])
    assert context.options & ssl.OP_NO_TICKET
    return context
