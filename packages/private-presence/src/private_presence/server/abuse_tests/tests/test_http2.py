"""HTTP/2 frames in an order or a number that no client needs."""

import contextlib
import time

import h2.config
import h2.connection
import h2.events
import hpack
import pytest

from private_presence.protocol.receipt import Answer

from .living import ST1
from .raw import ENDED, MIB, connected, memory_within

PATH = f"/v1/register/st/{ST1 + 1}"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, CONTINUATION, HEADERS = 4, 6, 9, 1


def frame(kind, flags=0, stream=0, payload=b""):
    size = len(payload).to_bytes(3, "big")
    return size + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def fields(method="POST", path=PATH, **more):
    basic = {":method": method, ":scheme": "https", ":authority": "a", ":path": path}
    extra = {name.replace("_", "-"): value for name, value in more.items()}
    return list({**basic, **extra}.items())


def opened(link):
    config = h2.config.H2Configuration(
        client_side=True, validate_outbound_headers=False
    )
    state = h2.connection.H2Connection(config)
    state.initiate_connection()
    link.sendall(state.data_to_send())
    return state


def events(link, state, seconds):
    """What comes until an answer, a reset, the end, or the time is over."""
    found, link_end = [], time.monotonic() + seconds
    link.settimeout(0.2)
    while time.monotonic() < link_end:
        try:
            data = link.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return [*found, "closed"]
        if not data:
            return [*found, "closed"]
        found += state.receive_data(data)
        with contextlib.suppress(*ENDED):
            link.sendall(state.data_to_send())
        last = (h2.events.ResponseReceived, h2.events.StreamReset)
        last += (h2.events.ConnectionTerminated,)
        if any(isinstance(event, last) for event in found):
            return found
    return found


def status_of(found):
    answers = [e for e in found if isinstance(e, h2.events.ResponseReceived)]
    return int(dict(answers[0].headers)[b":status"]) if answers else None


def one(party, headers, body=b"", seconds=4.0):
    with connected(party, "h2") as link:
        state = opened(link)
        state.send_headers(1, headers, end_stream=dict(headers)[":method"] == "GET")
        if body:
            state.send_data(1, body)
        link.sendall(state.data_to_send())
        return events(link, state, seconds)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        (fields(content_length=str(10**9)), {413}),
        (fields(content_length="245", content_encoding="gzip"), {400}),
        (fields(), {411}),
        (fields("DELETE"), {405}),
        (fields("GET", "/v1/config?a"), {404}),
        (fields("GET", "/v1/%63onfig"), {404}),
        (fields("GET", "//v1/config"), {404}),
        (fields("GET", "v1/config"), {400, 404, None}),
        # Fields of HTTP/1.1 mean nothing here: they are dropped below the application.
        (fields("GET", "/v1/config", transfer_encoding="chunked"), {200}),
        (fields("GET", "/v1/config", connection="close"), {200}),
    ],
)
def test_requests_are_refused_from_their_head(services, headers, wanted):
    assert status_of(one(services.parties["registrar"], headers)) in wanted


def test_more_data_than_announced_ends_the_request(services):
    found = one(services.parties["registrar"], fields(content_length="245"), bytes(300))
    assert status_of(found) in {None, 400, 413}


def test_a_rapid_reset_of_streams_delays_nobody(services):
    party = services.parties["registrar"]
    start = time.monotonic()
    with connected(party, "h2") as link, memory_within(48 * MIB):
        state = opened(link)
        for i in range(500):
            state.send_headers(2 * i + 1, fields(content_length="245"))
            state.reset_stream(2 * i + 1)
            with contextlib.suppress(*ENDED):
                link.sendall(state.data_to_send())
        assert services.register("beside rapid resets") is Answer.ACCEPTED
    assert time.monotonic() - start < 6.0
    assert wait_for(lambda: party.app.busy == 0)


def wait_for(condition, seconds=3.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_an_endless_head_is_cut_off(services):
    # HEADERS without END_HEADERS, then CONTINUATION after CONTINUATION.
    party = services.parties["registrar"]
    encoder = hpack.Encoder()
    block = encoder.encode(fields(content_length="245"))
    junk = hpack.Encoder().encode([(f"x-{i}", "a" * 400) for i in range(30)])
    with connected(party, "h2") as link, memory_within(48 * MIB):
        link.sendall(PREFACE + frame(SETTINGS) + frame(HEADERS, 0, 1, block))
        ended = False
        for _ in range(400):
            try:
                link.sendall(frame(CONTINUATION, 0, 1, junk))
            except OSError:
                ended = True
                break
        link.settimeout(3.0)
        if not ended:
            with contextlib.suppress(ConnectionError):
                while data := link.recv(65536):
                    ended = ended or bytes([7]) in data  # GOAWAY
            ended = True
        assert ended


@pytest.mark.parametrize(
    "junk",
    [
        frame(PING, 0, 0, bytes(8)),
        frame(SETTINGS, 0, 0, b"\x00\x04\x00\x00\xff\xff"),
        frame(HEADERS, 4, 0, b""),
        b"\xff" * 64,
    ],
    ids=["pings", "settings", "stream zero", "noise"],
)
def test_floods_of_frames_delay_nobody(services, junk):
    with connected(services.parties["lookup"], "h2") as link, memory_within(48 * MIB):
        with contextlib.suppress(*ENDED):
            link.sendall(PREFACE + frame(SETTINGS))
            link.settimeout(2.0)
            for _ in range(100):
                link.sendall(junk * 20)
        start = time.monotonic()
        assert services.look_up(f"beside {junk[:12].hex()}") > 0
        assert time.monotonic() - start < 6.0
