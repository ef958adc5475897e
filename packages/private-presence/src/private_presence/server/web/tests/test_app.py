"""What the application answers before and after it asks the service, over real TLS."""

import asyncio
import errno
import ssl
from email.utils import parsedate_to_datetime
from time import monotonic, time

import httpx
import pytest

from private_presence.errors import StateError
from private_presence.server.clock import ManualClock
from private_presence.server.logs import JsonLines
from private_presence.server.metrics import Metrics
from private_presence.server.web.app import ServiceApp
from private_presence.server.web.limits import Limits
from private_presence.server.web.listener import Listener, start
from private_presence.server.web.tls import client_context

from .places import BODY, CLIENTS, Echo, client, make_party, serving

REGISTER = "/v1/register/st/{}"


def ask(tmp_path, *requests, service=None, http2=True, **limits):
    """Send requests on one connection; what came back, and the party."""

    async def run():
        async with serving(tmp_path, service or Echo(), **limits) as party:
            options = {"http2": http2, "http1": not http2}
            async with client(party, **options) as sender:
                replies = [await sender.request(*r[:2], **r[2]) for r in requests]
        return replies, party

    return asyncio.run(run())


@pytest.mark.parametrize("http2", [True, False])
def test_a_body_goes_in_and_the_answer_comes_out(tmp_path, http2):
    request = ("POST", REGISTER.format(1), {"content": b"a" * BODY})
    (reply,), party = ask(tmp_path, request, http2=http2)
    assert (reply.status_code, reply.text) == (200, str(BODY))
    assert party.service.bodies == [b"a" * BODY]
    assert party.service.closed
    assert reply.http_version == ("HTTP/2" if http2 else "HTTP/1.1")


def test_every_answer_has_the_same_header_fields_and_nothing_names_the_software(
    tmp_path,
):
    requests = [
        ("GET", "/v1/config", {}),
        ("GET", "/nothing", {}),
        ("POST", REGISTER.format(500), {"content": b"x"}),
        ("GET", "/v1/manifest/lt/9", {}),
    ]
    replies, _ = ask(tmp_path, *requests)
    names = [sorted(reply.headers) for reply in replies]
    assert names == [names[0]] * 4
    assert {reply.headers["server"] for reply in replies} == {"presence"}
    assert replies[3].headers["cache-control"] == "public, max-age=60"
    date = parsedate_to_datetime(replies[0].headers["date"]).timestamp()
    assert abs(date - time()) < 5


def test_an_exception_says_nothing_outside_and_is_counted_and_logged(tmp_path, caplog):
    requests = [("POST", REGISTER.format(n), {"content": b"x"}) for n in (500, 405)]
    replies, party = ask(tmp_path, *requests)
    assert [(r.status_code, r.content) for r in replies] == [(500, b"")] * 2
    assert party.metrics.value("presence_failures_total", where="handle") == 1
    assert party.metrics.value("presence_failures_total", where="limit") == 1
    assert party.metrics.value("presence_http_answers_total", status="500") == 2
    lines = [r for r in caplog.records if r.name == "private_presence.web"]
    where = "of /v1/register/{kind}/{number}: RuntimeError"
    assert [r.getMessage() for r in lines] == [f"handle {where}", f"limit {where}"]
    shown = [JsonLines().format(line) for line in lines]
    assert all('"app.py:' in text and '"places.py:' in text for text in shown)
    assert "secret words" not in "".join(shown)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/config?a=b", 404),
        ("GET", "/v1/%63onfig", 404),
        ("GET", "/v1//config", 404),
        ("GET", "/v1/config/", 404),
        ("GET", "/v1/manifest/lt/404", 404),
        ("GET", "/v1/manifest/lt/07", 404),
        ("GET", "/v1/peer/commitment/lt/1", 404),  # not on this listener
        ("POST", "/v1/peer/commitment/lt/1", 404),
        ("GET", "/metrics", 404),
        ("POST", "/v1/config", 405),
        ("PUT", "/v1/config", 405),
        ("HEAD", "/v1/config", 405),
        ("DELETE", "/nothing", 404),
    ],
)
def test_only_the_tables_methods_and_spellings_exist(tmp_path, method, path, status):
    (reply,), party = ask(tmp_path, (method, path, {}))
    assert reply.status_code == status
    assert party.service.bodies == []


def test_lengths_are_refused_before_the_body_is_read(tmp_path):
    path = REGISTER.format(1)

    async def pieces():
        yield b"abc"

    requests = [
        ("POST", path, {"content": b"a" * (BODY + 1)}),
        ("POST", path, {"content": pieces()}),  # announces nothing
        ("POST", path, {"content": b"a", "headers": {"content-encoding": "gzip"}}),
        ("GET", "/v1/config", {"content": b"a"}),
    ]
    for request, status in zip(requests, (413, 411, 400, 413), strict=True):
        (reply,), party = ask(tmp_path, request)
        assert reply.status_code == status
        assert party.service.bodies == []


def raw(party, data, wait=5.0, protocol="http/1.1"):
    """Send bytes over TLS; what came back until the other side closed, and when."""

    async def run():
        context = client_context(party.authority.anchor)
        context.set_alpn_protocols([protocol])
        began = monotonic()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", party.port, ssl=context, server_hostname="127.0.0.1"
        )
        writer.write(data)
        came = await asyncio.wait_for(reader.read(), wait)
        writer.close()
        return came, monotonic() - began

    return run()


HEAD = b"POST /v1/register/st/1 HTTP/1.1\r\nhost: a\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (HEAD + b"content-length: 99999999999999\r\n\r\n", b"400"),
        (HEAD + b"content-length: 60000000\r\n\r\n", b"413"),
        (HEAD + b"content-length: +5\r\n\r\nabcde", b"400"),
        (HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcde", b"400"),
        (HEAD + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (HEAD + b"\r\n", b"411"),
        (b"GET /v1/../v1/config HTTP/1.1\r\nhost: a\r\n\r\n", b"404"),
        (b"GET /v1/config\\ HTTP/1.1\r\nhost: a\r\n\r\n", b"404"),
        (b"GET /v1/\xc3\xa9 HTTP/1.1\r\nhost: a\r\n\r\n", b"404"),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", b"404"),
        (b"GARBAGE\r\n\r\n", b"400"),
        (HEAD + b"".join(b"a%d: b\r\n" % i for i in range(300)) + b"\r\n", b"431"),
        (HEAD + b"a: " + b"b" * 100_000 + b"\r\n\r\n", b"431"),
    ],
)  # fmt: skip
def test_malformed_heads_are_refused_and_the_service_stays_up(tmp_path, head, status):
    async def run():
        async with serving(tmp_path, Echo()) as party:
            came, _ = await raw(party, head)
            async with client(party) as sender:
                after = await sender.get("/v1/config")
        return came, after, party

    came, after, party = asyncio.run(run())
    assert came.startswith(b"HTTP/1.1 " + status), came[:60]
    assert after.status_code == 200
    assert len(party.service.bodies) == 1


def test_a_slow_body_is_given_up_and_others_are_served_meanwhile(tmp_path):
    async def run():
        async with serving(tmp_path, Echo(), body_seconds=0.5) as party:
            slow = asyncio.create_task(
                raw(party, HEAD + b"content-length: 100\r\n\r\nabc")
            )
            await asyncio.sleep(0.1)
            async with client(party) as sender:
                other = await sender.get("/v1/config")
            return await slow, other

    (came, took), other = asyncio.run(run())
    assert came.startswith(b"HTTP/1.1 408")
    assert 0.4 < took < 3
    assert other.status_code == 200


def test_more_than_the_gate_holds_is_told_to_come_again(tmp_path):
    async def run():
        service = Echo()
        async with (
            serving(tmp_path, service, handling=2) as party,
            client(party) as sender,
            client(party) as other,
        ):
            waiting = [
                asyncio.create_task(sender.post(REGISTER.format(7), content=b"x"))
                for _ in range(2)
            ]
            while len(service.bodies) < 2:
                await asyncio.sleep(0.01)
            refused = await other.post(REGISTER.format(1), content=b"x")
            service.release.set()
            served = [(await task).status_code for task in waiting]
            again = await sender.post(REGISTER.format(1), content=b"x")
        return refused, served, again

    refused, served, again = asyncio.run(run())
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert served == [200, 200]
    assert again.status_code == 200


def test_announced_bytes_are_bounded_in_all(tmp_path):
    request = ("POST", REGISTER.format(1), {"content": b"a" * 101})
    (reply,), _ = ask(tmp_path, request, reading_bytes=100)
    assert reply.status_code == 503


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_a_file_is_streamed_whole(tmp_path, size):
    file = tmp_path / "table"
    file.write_bytes(b"ab" * (size // 2) + b"c" * (size % 2))
    request = ("GET", "/v1/raw/lt/8", {})
    (reply,), _ = ask(tmp_path, request, service=Echo(file))
    assert reply.content == file.read_bytes()
    assert reply.headers["content-length"] == str(size)


def test_a_file_that_was_retired_meanwhile_is_not_there(tmp_path):
    request = ("GET", "/v1/raw/lt/8", {})
    (reply,), party = ask(tmp_path, request, service=Echo(tmp_path / "gone"))
    assert (reply.status_code, reply.content) == (404, b"")
    assert party.metrics.value("presence_http_answers_total", status="404") == 1


def test_a_file_that_cannot_be_opened_now_is_asked_for_again(tmp_path, monkeypatch):
    def full(*rest):
        raise OSError(errno.EMFILE, "Too many open files")

    request = ("GET", "/v1/raw/lt/8", {})
    service = Echo(tmp_path / "table")
    monkeypatch.setattr(type(service.file), "open", full)
    app = ServiceApp(service, CLIENTS, ManualClock(0.0), Metrics(), Limits())
    reply = asyncio.run(ask_app(app, *request[:2]))
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")


async def ask_app(app, method, path, **options):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="https://a.example"
    ) as sender:
        return await sender.request(method, path, **options)


def download(app, may_go_on):
    """Begin a download whose receiver takes the head, and the body when it may."""
    path, sent = "/v1/raw/lt/8", []
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
             "query_string": b"", "headers": [], "http_version": "2"}  # fmt: skip
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        return asked.pop() if asked else await asyncio.Event().wait()

    async def send(message):
        sent.append(message)
        if message["type"] == "http.response.body":
            await may_go_on.wait()

    return asyncio.create_task(app(scope, receive, send)), sent


def test_slow_downloads_are_few_hold_up_nobody_and_are_waited_for(tmp_path):
    file = tmp_path / "table"
    file.write_bytes(b"row" * 100_000)

    async def run():
        service, go_on = Echo(file), asyncio.Event()
        limits = Limits(sending=2, handling=1)
        app = ServiceApp(service, CLIENTS, ManualClock(0.0), Metrics(), limits)
        slow = [download(app, go_on) for _ in range(2)]
        while not all(len(sent) == 2 for _, sent in slow):
            await asyncio.sleep(0)
        third = await ask_app(app, "GET", "/v1/raw/lt/8")
        other = await ask_app(app, "POST", REGISTER.format(1), content=b"x")
        busy = app.busy
        go_on.set()
        await asyncio.gather(*(task for task, _ in slow))
        again = await ask_app(app, "GET", "/v1/raw/lt/8")
        bodies = [b"".join(m.get("body", b"") for m in sent) for _, sent in slow]
        return third, other, busy, bodies, again, app.busy

    third, other, busy, bodies, again, after = asyncio.run(run())
    assert (third.status_code, third.headers["retry-after"]) == (503, "1")
    assert other.status_code == again.status_code == 200
    assert (busy, after) == (2, 0)  # a stop waits for `busy` to become zero
    assert bodies == [file.read_bytes()] * 2


def test_a_download_that_is_too_slow_is_given_up(tmp_path):
    file = tmp_path / "table"
    file.write_bytes(b"row" * 1000)

    async def run():
        limits = Limits(body_seconds=0.05, body_rate=10**9)
        app = ServiceApp(Echo(file), CLIENTS, ManualClock(0.0), Metrics(), limits)
        task, sent = download(app, asyncio.Event())
        await asyncio.wait_for(task, 5)
        return len(sent), app.busy

    assert asyncio.run(run()) == (2, 0)  # head and first piece


def test_requests_in_progress_are_finished_before_the_end(tmp_path):
    async def run():
        service = Echo()
        async with (
            serving(tmp_path, service) as party,
            client(party) as sender,
            client(party) as other,
        ):
            await other.get("/v1/config")  # connected before the end begins
            task = asyncio.create_task(sender.post(REGISTER.format(7), content=b"x"))
            while len(service.bodies) < 2:
                await asyncio.sleep(0.01)
            party.stop.set()
            await asyncio.sleep(0.2)
            late = await other.get("/v1/config")
            service.release.set()
            done = await task
            await party.running
            return late.status_code, done.status_code, service.closed

    assert asyncio.run(run()) == (503, 200, True)


def test_two_processes_cannot_share_a_port(tmp_path):
    async def run():
        async with serving(tmp_path, Echo()) as party:
            second = Listener("127.0.0.1", party.port, None, party.leaf)
            await start(second, Limits())

    with pytest.raises(StateError, match="to be free"):
        asyncio.run(run())


def test_tls_below_1_3_and_other_authorities_are_refused(tmp_path):
    async def run():
        other = make_party(tmp_path, "other", 1)
        async with serving(tmp_path, Echo()) as party:
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.load_verify_locations(cadata=party.authority.anchor)
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            wrong = client_context(other.authority.anchor)
            for context, error in ((old, ssl.SSLError), (wrong, ssl.SSLError)):
                with pytest.raises(error):
                    await asyncio.open_connection("127.0.0.1", party.port, ssl=context)
            # The right authority, but a name that the certificate does not have.
            good = client_context(party.authority.anchor)
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection(
                    "127.0.0.1", party.port, ssl=good, server_hostname="else.example"
                )

    asyncio.run(run())
