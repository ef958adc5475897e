"""Connections that hold places: idle, half-way through TLS, endless, too many."""

import asyncio
import socket
import sys
from contextlib import suppress
from time import monotonic

import pytest

from private_presence.server.metrics import Metrics
from private_presence.server.web import reaper as reaper_module
from private_presence.server.web.limits import Limits
from private_presence.server.web.reaper import Reaper, _Connection
from private_presence.server.web.tls import client_context

from .places import Echo, client, serving

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux says how long a socket was idle"
)


async def open_one(party, protocol):
    options = {}
    if protocol is not None:
        context = client_context(party.authority.anchor)
        context.set_alpn_protocols([protocol])
        options = {"ssl": context, "server_hostname": "127.0.0.1"}
    return await asyncio.open_connection("127.0.0.1", party.port, **options)


async def seconds_until_closed(reader, limit):
    began = monotonic()
    with suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), limit)
    return monotonic() - began


@pytest.mark.parametrize("protocol", [None, "h2", "http/1.1"])
def test_a_connection_that_sends_nothing_is_closed(tmp_path, protocol):
    async def run():
        async with serving(tmp_path, Echo(), idle_seconds=0.6) as party:
            reader, writer = await open_one(party, protocol)
            took = await seconds_until_closed(reader, 5)
            writer.close()
            closed = party.metrics.value("presence_closed_connections_total")
        return took, closed

    took, closed = asyncio.run(run())
    assert 0.5 < took < 3
    assert closed >= 1


def test_a_connection_that_drips_for_ever_is_closed(tmp_path):
    async def run():
        limits = {"idle_seconds": 1.0, "life_seconds": 1.5, "header_seconds": 60}
        async with serving(tmp_path, Echo(), **limits) as party:
            reader, writer = await open_one(party, "http/1.1")
            writer.write(b"GET /v1/config HTTP/1.1\r\n")
            closing = asyncio.create_task(seconds_until_closed(reader, 8))
            while not closing.done():
                writer.write(b"a: b\r\n"[:1])
                await asyncio.sleep(0.1)
            writer.close()
            return await closing

    assert 1.2 < asyncio.run(run()) < 5


def test_many_idle_connections_do_not_keep_others_out(tmp_path):
    async def run():
        async with serving(tmp_path, Echo(), connections=20) as party:
            held = [await open_one(party, None) for _ in range(60)]
            reaper = Reaper(party.port, party.limits, party.metrics)
            closed = 0
            async with client(party) as sender:
                status = (await sender.get("/v1/config")).status_code
                closed += reaper.sweep(monotonic())
                again = (await sender.get("/v1/config")).status_code
            for _, writer in held:
                writer.close()
        return status, closed, again

    status, closed, again = asyncio.run(run())
    assert (status, again) == (200, 200)  # the one that talks is not among the idle
    assert closed >= 40


def test_slow_senders_and_silent_ones_do_not_slow_others_down(tmp_path):
    slow = b"POST /v1/register/st/1 HTTP/1.1\r\nhost: a\r\ncontent-length: 900\r\n\r\na"

    async def run():
        async with serving(tmp_path, Echo(), reading=300) as party:
            held = [await open_one(party, "http/1.1") for _ in range(100)]
            for _, writer in held:
                writer.write(slow)
            held += [await open_one(party, None) for _ in range(200)]
            took = []
            for _ in range(20):
                began = monotonic()
                async with client(party) as sender:
                    reply = await sender.post("/v1/register/st/1", content=b"x")
                took.append(monotonic() - began)
                assert reply.status_code == 200
            for _, writer in held:
                writer.close()
        return sorted(took), party

    took, party = asyncio.run(run())
    assert took[10] < 0.5
    assert party.metrics.value("presence_http_answers_total", status="200") == 20


def test_header_floods_are_refused_over_http2_too(tmp_path):
    async def run():
        async with serving(tmp_path, Echo()) as party:
            async with client(party) as sender:
                fields = {f"x-{i}": "y" * 100 for i in range(200)}
                flood = await sender.get("/v1/config", headers=fields)
            async with client(party) as sender:
                after = await sender.get("/v1/config")
        return flood.status_code, after.status_code, len(party.service.bodies)

    assert asyncio.run(run()) == (431, 200, 1)


def test_a_sweep_takes_time_in_proportion(monkeypatch):
    """A hundred times as many connections do not hold up the loop 10,000 times as long."""

    def seconds(n):
        found = [_Connection(i, i, 9.0) for i in range(n)]
        monkeypatch.setattr(reaper_module, "_connections", lambda port: found)
        monkeypatch.setattr(reaper_module, "_close", lambda connection: None)
        reaper, began = Reaper(1, Limits(idle_seconds=1), Metrics()), monotonic()
        assert reaper.sweep(0.0) == n
        return monotonic() - began

    few, many = (min(seconds(n) for _ in range(3)) for n in (200, 20_000))
    assert many < 20 * 100 * few  # 10,000 if each were compared with each


def test_other_sockets_of_the_process_are_left_alone():
    with socket.socket() as listener, socket.socket() as near:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        near.connect(listener.getsockname())
        far, _ = listener.accept()
        with far:
            reaper = Reaper(1, Limits(idle_seconds=-1), Metrics())
            assert reaper.sweep(0.0) == 0
            near.send(b"x")
            assert far.recv(1) == b"x"
            port = listener.getsockname()[1]
            strict = Reaper(port, Limits(idle_seconds=-1), Metrics())
            assert strict.sweep(0.0) == 1  # the accepted one, not the listener
            assert near.recv(1) == b""
