"""The transport over real TLS sockets on loopback, with and without the relay."""

import asyncio
import gc
import socket
from contextlib import asynccontextmanager
from dataclasses import replace
from time import time

import psutil
import pytest

from private_presence.client.https import HttpsTransport
from private_presence.errors import ConfigError, PeerError
from private_presence.primitives.randomness import SystemRandomness
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.directory import Directory, Party
from private_presence.server.metrics import Metrics
from private_presence.server.relay.limits import RelayLimits
from private_presence.server.relay.relay import Relay, addresses_of
from private_presence.server.web.authority import issue_leaf, make_authority
from private_presence.server.web.limits import Limits
from private_presence.server.web.listener import Listener, start

from .scripted import make_config


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Echo:
    """Remembers what came, and answers as the path says."""

    def __init__(self):
        self.requests, self.date = [], None

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        kept = scope["path"], scope["headers"], body, scope["client"]
        self.requests.append((*kept, scope["http_version"]))
        answer = bytes(5000) if scope["path"] == "/long" else body[::-1]
        headers = [(b"set-cookie", b"mark=1"), (b"alt-svc", b'h3=":1"')]
        if self.date is not None:
            headers.append((b"date", self.date))
        if scope["path"] == "/packed":
            headers.append((b"content-encoding", b"gzip"))
        status = {"type": "http.response.start", "status": 200, "headers": headers}
        await send(status)
        await send({"type": "http.response.body", "body": answer})


@asynccontextmanager
async def place(tmp_path, *, relay=True, made=None):
    """An echo behind TLS as every party, and a relay."""
    rng, echo, stop = SystemRandomness(), Echo(), asyncio.Event()
    authority = make_authority("test", time(), rng)
    address, relayed = f"localhost:{free_port()}", f"localhost:{free_port()}"
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(issue_leaf(authority, [address], made or time(), rng))
    config, _ = make_config()
    parties = (Party(address, "", authority.anchor),) * 3
    middle = Party(relayed, "", authority.anchor) if relay else None
    directory = Directory(config.dep_id, 1, parties, middle)
    running = await start(
        Listener("127.0.0.1", int(address[10:]), echo, leaf), Limits()
    )
    opened = asyncio.Event()
    carrying = Relay(addresses_of(directory), leaf, Metrics(), RelayLimits())
    task = asyncio.create_task(
        carrying.serve("127.0.0.1", int(relayed[10:]), stop, opened)
    )
    await opened.wait()
    try:
        yield Deployment(config, directory), echo
    finally:
        stop.set()
        await task
        await running.stop(lambda: None)


def within(tmp_path, steps, **options):
    async def whole():
        async with place(tmp_path, **options) as (deployment, echo):
            await steps(deployment, echo)

    asyncio.run(whole())


@pytest.mark.parametrize("via_relay", [False, True])
def test_bytes_go_and_come_back(tmp_path, via_relay):
    async def steps(deployment, echo):
        transport = HttpsTransport(deployment)
        for _ in range(2):
            async with transport.connect(0, via_relay=via_relay) as link:
                for body in (b"", b"abc" * 20_000):
                    answered = await link.exchange("POST", "/x", body, 60_000)
                    assert (answered.status, answered.body) == (200, body[::-1])
        assert abs(answered.date - time()) < 2
        clients = [request[3] for request in echo.requests]
        # One connection for a link, another for the next: nothing is pooled.
        assert clients[0] == clients[1] != clients[2] == clients[3]
        assert {request[4] for request in echo.requests} == {"2"}

    within(tmp_path, steps)


def test_no_header_tells_clients_apart(tmp_path):
    async def steps(deployment, echo):
        async with HttpsTransport(deployment).connect(1, via_relay=True) as link:
            await link.exchange("GET", "/x", b"", 10)
            await link.exchange("POST", "/x", b"abc", 10)
        names = [{name for name, _ in request[1]} for request in echo.requests]
        assert names == [{b"host"}, {b"host", b"content-length"}]

    within(tmp_path, steps)


def test_what_is_too_long_or_compressed_is_refused(tmp_path):
    async def steps(deployment, echo):
        for path in ("/long", "/packed"):
            async with HttpsTransport(deployment).connect(0, via_relay=False) as link:
                with pytest.raises(PeerError):
                    await link.exchange("POST", path, b"abc", 4999)

    within(tmp_path, steps)


@pytest.mark.parametrize("via_relay", [False, True])
def test_another_operators_certificate_is_refused(tmp_path, via_relay):
    async def steps(deployment, echo):
        other = make_authority("other", time(), SystemRandomness()).anchor
        party, *rest = deployment.directory.parties
        parties = (replace(party, anchor=other), *rest)
        wrong = replace(deployment.directory, parties=parties)
        transport = HttpsTransport(replace(deployment, directory=wrong))
        async with transport.connect(0, via_relay=via_relay) as link:
            with pytest.raises(PeerError, match="not of its authority") as caught:
                await link.exchange("GET", "/x", b"", 10)
        assert "localhost" not in str(caught.value)
        assert echo.requests == []

    within(tmp_path, steps)


def test_an_authority_that_is_no_certificate_is_an_absence(tmp_path):
    async def steps(deployment, echo):
        party, *rest = deployment.directory.parties
        parties = (replace(party, anchor=b"no certificate"), *rest)
        wrong = replace(deployment.directory, parties=parties)
        transport = HttpsTransport(replace(deployment, directory=wrong))
        with pytest.raises(PeerError, match="to be a certificate"):
            async with transport.connect(0, via_relay=False):
                pass

    within(tmp_path, steps)


@pytest.mark.parametrize(
    "date", [b"never", b"", b"Thu, 26 Nov 2026 04:50:00 +99999999999999999", b"\xff"]
)
def test_a_date_that_is_none_is_left_out(tmp_path, date):
    async def steps(deployment, echo):
        echo.date = date
        async with HttpsTransport(deployment).connect(0, via_relay=False) as link:
            answered = await link.exchange("POST", "/x", b"abc", 10)
        assert (answered.body, answered.date) == (b"cba", None)

    within(tmp_path, steps)


def test_a_certificate_that_has_ended_is_told(tmp_path):
    async def steps(deployment, echo):
        async with HttpsTransport(deployment).connect(0, via_relay=False) as link:
            with pytest.raises(PeerError, match="out of its time") as caught:
                await link.exchange("GET", "/x", b"", 10)
        assert "localhost" not in str(caught.value)

    within(tmp_path, steps, relay=False, made=time() - 400 * 86_400)


def test_a_party_that_is_away_is_an_error_of_its_kind(tmp_path):
    async def steps(deployment, echo):
        party, *rest = deployment.directory.parties
        parties = (replace(party, address=f"localhost:{free_port()}"), *rest)
        wrong = replace(deployment.directory, parties=parties)
        transport = HttpsTransport(replace(deployment, directory=wrong))
        for via_relay in (False, True):  # the relay does not know the address
            async with transport.connect(0, via_relay=via_relay) as link:
                with pytest.raises(PeerError):
                    await link.exchange("GET", "/x", b"", 10)

    within(tmp_path, steps)


def test_without_a_relay_none_is_made_up(tmp_path):
    async def steps(deployment, echo):
        transport = HttpsTransport(deployment)
        with pytest.raises(ConfigError, match="link your"):
            async with transport.connect(0, via_relay=True):
                pass

    within(tmp_path, steps, relay=False)


# The library leaves a socket whose handshake is cut off to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_link_may_be_cut_off_at_any_moment_and_leaves_no_socket(tmp_path):
    async def steps(deployment, echo):
        async def exchange():
            async with HttpsTransport(deployment).connect(0, via_relay=True) as link:
                await link.exchange("POST", "/x", bytes(60_000), 60_000)

        async def sockets():
            gc.collect()
            await asyncio.sleep(0.5)  # both ends of what was closed
            return psutil.Process().num_fds()

        await exchange()
        before = await sockets()
        for wait in (0.0, 0.002, 0.005, 0.01, 0.02):
            task = asyncio.create_task(exchange())
            await asyncio.sleep(wait)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert await sockets() <= before

    within(tmp_path, steps)
