"""The relay carries TLS inside TLS to the deployment's addresses and nowhere else."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest

from private_presence.errors import StateError
from private_presence.protocol.directory import Directory, Party
from private_presence.server.metrics import Metrics
from private_presence.server.relay.limits import RelayLimits
from private_presence.server.relay.relay import Relay, addresses_of
from private_presence.server.web.tests.places import (
    BODY,
    Echo,
    free_port,
    make_party,
    serving,
)
from private_presence.server.web.tls import client_context


@asynccontextmanager
async def relaying(folder, allowed, **limits):
    party = make_party(folder, "relay", free_port())
    party.metrics = Metrics()
    relay = Relay(frozenset(allowed), party.leaf, party.metrics, RelayLimits(**limits))
    stop, opened = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(relay.serve("127.0.0.1", party.port, stop, opened))
    await opened.wait()
    try:
        yield party
    finally:
        stop.set()
        await task


def through(relay, server):
    proxy = httpx.Proxy(
        f"https://127.0.0.1:{relay.port}",
        ssl_context=client_context(relay.authority.anchor),
    )
    return httpx.AsyncClient(
        base_url=f"https://127.0.0.1:{server.port}",
        verify=client_context(server.authority.anchor),
        proxy=proxy,
        http2=True,
        http1=False,
        trust_env=False,
    )


async def ask_raw(relay, head, wait=5.0):
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", relay.port, ssl=client_context(relay.authority.anchor)
    )
    writer.write(head)
    came = await asyncio.wait_for(reader.read(), wait)
    writer.close()
    return came


def test_a_request_goes_through_and_its_tls_ends_at_the_server(tmp_path):
    async def run():
        async with serving(tmp_path, Echo()) as server:
            allowed = [f"127.0.0.1:{server.port}"]
            async with relaying(tmp_path, allowed) as relay:
                async with through(relay, server) as sender:
                    reply = await sender.post("/v1/register/st/1", content=b"a" * BODY)
                # The server's name is checked inside: another anchor does not do.
                server.authority = relay.authority
                with pytest.raises(httpx.ConnectError):
                    async with through(relay, server) as sender:
                        await sender.get("/v1/config")
                await asyncio.sleep(0.1)
                carried = relay.metrics.value("presence_relayed_total")
        return reply, carried

    reply, carried = asyncio.run(run())
    assert (reply.status_code, reply.text) == (200, str(BODY))
    assert reply.http_version == "HTTP/2"
    assert carried == 2


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"CONNECT 127.0.0.1:2 HTTP/1.1\r\n\r\n", b"403"),
        (b"CONNECT localhost:1 HTTP/1.1\r\n\r\n", b"403"),  # another spelling
        (b"CONNECT 127.0.0.1:01 HTTP/1.1\r\n\r\n", b"403"),
        (b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n", b"502"),  # allowed; nobody there
        (b"GET http://127.0.0.1:1/ HTTP/1.1\r\n\r\n", b"405"),
        (b"CONNECT 127.0.0.1 HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT  127.0.0.1:1 HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT 127.0.0.1:1 HTTP/1.0\r\n\r\n", b"400"),
        (b"CONNECT 127.0.0.1:1 HTTP/1.1\r\na: " + b"b" * 5000 + b"\r\n\r\n", b"400"),
        (b"\xff\r\n\r\n", b"400"),
        (b"a" * 200_000, b"400"),
        (b"CONNECT 127.0.0.1:1", b"400"),  # and then nothing: too slow
    ],
)
def test_everything_else_is_refused(tmp_path, head, status):
    async def run():
        async with relaying(tmp_path, ["127.0.0.1:1"], head_seconds=0.4) as relay:
            return await ask_raw(relay, head)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 " + status)


@asynccontextmanager
async def listening(handler):
    port = free_port()
    async with await asyncio.start_server(handler, "127.0.0.1", port):
        yield port


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        ({"most_bytes": 1000}, "long"),
        ({"idle_seconds": 0.3}, "idle"),
        ({"life_seconds": 0.3}, "old"),
    ],
)
def test_a_connection_ends_at_its_limits(tmp_path, limits, outcome):
    async def silent(reader, writer):
        await reader.read(2000)
        await reader.read()
        writer.close()

    async def run():
        async with listening(silent) as port:
            allowed = [f"127.0.0.1:{port}"]
            async with relaying(tmp_path, allowed, **limits) as relay:
                head = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode()
                size = 2000 if "most_bytes" in limits else 10
                came = await ask_raw(relay, head + bytes(size))
                await asyncio.sleep(0.1)
                return came, relay.metrics.value(
                    "presence_relayed_total", outcome=outcome
                )

    came, counted = asyncio.run(run())
    assert came == b"HTTP/1.1 200 OK\r\n\r\n"
    assert counted == 1


def test_a_port_that_is_taken_is_said(tmp_path):
    async def run():
        async with relaying(tmp_path, []) as first:
            second = Relay(frozenset(), first.leaf, Metrics(), RelayLimits())
            await second.serve("127.0.0.1", first.port, asyncio.Event())

    with pytest.raises(StateError, match=r"of a local address to be free; got Address"):
        asyncio.run(run())


def test_more_connections_than_the_limit_are_refused(tmp_path):
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async def run():
        async with listening(silent) as port:
            allowed = [f"127.0.0.1:{port}"]
            async with relaying(tmp_path, allowed, connections=1) as relay:
                head = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode()
                context = client_context(relay.authority.anchor)
                _, held = await asyncio.open_connection(
                    "127.0.0.1", relay.port, ssl=context
                )
                held.write(head)
                await asyncio.sleep(0.1)
                came = await ask_raw(relay, head)
                held.close()
                return came

    assert asyncio.run(run()).startswith(b"HTTP/1.1 503")


def test_peer_addresses_are_not_on_the_list():
    parties = (
        Party("r.example:1", "", b"DER"),
        Party("p.example:2", "p.example:3", b"DER"),
    )
    directory = Directory(bytes(16), 1, parties)
    assert addresses_of(directory) == {"r.example:1", "p.example:2"}
