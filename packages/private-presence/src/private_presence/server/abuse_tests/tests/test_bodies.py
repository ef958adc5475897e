"""Bodies that are too long, too slow, or not what was announced."""

import socket
import struct
import threading
import time

import pytest

from private_presence.protocol.epochs import Kind
from private_presence.protocol.receipt import Answer
from private_presence.server.registrar.tests.world import post_of

from .living import CONFIG, ST1, answer_of
from .raw import MIB, connected, drip, head, memory_within, read_all, send, statuses

REGISTER = f"/v1/register/st/{ST1 + 1}"
POSTS = [
    ("registrar", REGISTER),
    ("registrar", "/v1/tokens/1"),
    ("lookup", f"/v1/pir/st/{ST1}"),
]
SOON = 3.0  # seconds; milliseconds on a machine that does nothing else


@pytest.mark.parametrize(("name", "path"), POSTS)
@pytest.mark.parametrize("length", [100_000, 10**9, 10**12 - 1])
def test_an_announced_oversize_body_is_refused_before_it_is_sent(
    services, name, path, length
):
    party = services.parties[name]
    found, took = send(party, head("POST", path, f"Content-Length: {length}"))
    assert found == [413]
    assert took < SOON


@pytest.mark.parametrize("length", ["10" * 10, "-1", "+5", "0x10", "5 5", "5,6", "٣"])
def test_a_length_that_is_no_length_is_refused(services, length):
    party = services.parties["registrar"]
    field = f"Content-Length: {length}".encode()
    data = head("POST", REGISTER).replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n\r\n")
    found, took = send(party, data + bytes(10))
    assert found in ([400], [413], [])
    assert took < SOON


def test_two_lengths_that_differ_are_refused(services):
    fields = ("Content-Length: 5", "Content-Length: 245")
    found, _ = send(services.parties["registrar"], head("POST", REGISTER, *fields))
    assert found == [400]


def test_what_follows_the_announced_bytes_is_no_second_request(services):
    body = bytes(245)
    first = head("POST", REGISTER, "Content-Length: 245") + body
    second = head("GET", "/v1/config")
    found, took = send(services.parties["registrar"], first + second)
    assert found == [200]  # a receipt that says: malformed
    assert took < SOON


@pytest.mark.parametrize("coding", ["gzip", "br", "identity", "deflate, gzip"])
def test_coded_bodies_are_refused(services, coding):
    fields = (f"Content-Encoding: {coding}", "Content-Length: 245")
    data = head("POST", REGISTER, *fields) + bytes(245)
    found, _ = send(services.parties["registrar"], data)
    assert found == [400]


def test_a_body_of_chunks_is_refused_without_being_read(services):
    start = head("POST", REGISTER, "Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    with memory_within(64 * MIB):
        found, took = send(services.parties["registrar"], start + 64 * chunk)
    assert found in ([411], [])  # the answer may be lost with a reset
    assert took < 2 * SOON


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 6", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 6"),
        ("Content-Length: 6", "Transfer-Encoding : chunked"),
        ("Content-Length: 6", "Transfer-Encoding: xchunked"),
        ("Content-Length: 6", "Transfer-Encoding: chunked, identity"),
        ("Content-Length: 6", "Transfer-Encoding:\x0bchunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    ],
)
def test_smuggled_requests_are_not_answered(services, fields):
    inside = b"0\r\n\r\n" + head("GET", "/v1/config")
    data = head("POST", REGISTER, *fields) + inside
    found, took = send(services.parties["registrar"], data)
    assert len(found) <= 1
    assert set(found) <= {400, 411, 501}
    assert took < 2 * SOON


def test_slow_bodies_are_cut_off_and_others_served_meanwhile(services):
    party, seconds = services.parties["registrar"], []

    def attack():
        with connected(party) as link:
            link.sendall(head("POST", REGISTER, "Content-Length: 245"))
            seconds.append(drip(link, bytes(245), 0.1, 9.0))

    threads = [threading.Thread(target=attack) for _ in range(40)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    start = time.monotonic()
    assert services.register("beside slow bodies") is Answer.ACCEPTED
    took = time.monotonic() - start
    for thread in threads:
        thread.join()
    assert took < 2 * SOON
    assert len(seconds) == 40
    assert None not in seconds
    assert max(seconds) < 7.0  # body_seconds is 1, and a byte a tenth


def test_slow_bodies_beyond_the_places_make_nobody_wait(services):
    # There are 64 places for bodies; who finds none is told to come again at once.
    party, links = services.parties["registrar"], []
    start = head("POST", REGISTER, "Content-Length: 245")
    try:
        for _ in range(80):
            context = connected(party)
            links.append((context, context.__enter__()))
            links[-1][1].sendall(start)
        time.sleep(0.3)
        began = time.monotonic()
        with services.client("registrar") as honest:
            body = post_of(Kind.ST, ST1 + 1, "too many slow bodies", CONFIG)
            reply = honest.post(REGISTER, content=body)
        took = time.monotonic() - began
        told = [statuses(read_all(link)) for _, link in links]
    finally:
        for context, _ in links:
            context.__exit__(None, None, None)
    assert took < 2 * SOON
    if reply.status_code == 503:
        assert reply.headers["retry-after"] == "1"
    else:
        assert answer_of(reply) is Answer.ACCEPTED
    assert sorted({s for each in told for s in each}) in ([408], [408, 503])
    assert sum(each == [408] for each in told) <= 64


def test_uploads_that_break_off_leave_nothing_behind(services):
    party = services.parties["registrar"]
    for _ in range(100):
        with connected(party) as link:
            link.sendall(head("POST", REGISTER, "Content-Length: 245") + bytes(100))
            linger = struct.pack("ii", 1, 0)  # a reset instead of an orderly end
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    end = time.monotonic() + 5.0
    while party.app.busy and time.monotonic() < end:
        time.sleep(0.05)
    assert party.app.busy == 0


def test_many_oversize_bodies_cost_no_memory(services):
    party = services.parties["lookup"]
    data = head("POST", f"/v1/pir/st/{ST1}", f"Content-Length: {256 * MIB}")
    with memory_within(48 * MIB):
        for _ in range(60):
            found, _ = send(party, data + bytes(65536))
            assert found in ([413], [])
