"""Heads of requests that are too long, too many, too slow, or of another protocol."""

import socket
import threading
import time

import pytest

from private_presence.protocol.receipt import Answer

from .raw import ENDED, MIB, connected, drip, head, memory_within, read_all, send

SOON = 3.0  # seconds; milliseconds on a machine that does nothing else


@pytest.mark.parametrize("name", ["registrar", "lookup"])
@pytest.mark.parametrize(
    "fields",
    [
        ["X-A: " + "a" * 100_000],
        [f"X-{i}: {'a' * 90}" for i in range(1000)],
        [f"X-{i}:" for i in range(5000)],
        ["Cookie: " + "a=b; " * 20_000],
    ],
    ids=["long", "many", "empty", "cookies"],
)
def test_a_flood_of_header_fields_is_refused(services, name, fields):
    data = head("GET", "/v1/config", *fields)
    with memory_within(32 * MIB):
        found, took = send(services.parties[name], data)
    assert found in ([431], [400], [])
    assert took < 2 * SOON


def test_fields_that_say_who_somebody_is_are_not_looked_at(services):
    fields = ("Cookie: a=b", "User-Agent: x", "X-Forwarded-For: 1.2.3.4", "Range: a")
    found, _ = send(services.parties["registrar"], head("GET", "/v1/config", *fields))
    assert found == [200]


def test_slow_heads_are_cut_off_and_others_served_meanwhile(services):
    party, seconds = services.parties["registrar"], []
    data = head("GET", "/v1/config", "X-A: " + "a" * 2000)

    def attack():
        with connected(party) as link:
            seconds.append(drip(link, data, 0.1, 9.0))

    threads = [threading.Thread(target=attack) for _ in range(40)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    start = time.monotonic()
    assert services.register("beside slow heads") is Answer.ACCEPTED
    took = time.monotonic() - start
    for thread in threads:
        thread.join()
    assert took < 2 * SOON
    assert len(seconds) == 40
    assert None not in seconds
    assert max(seconds) < 7.0  # header_seconds is 1


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 4096,
        b"\xff" * 4096,
        b"GET /v1/config\r\n\r\n",
        b"GET /v1/config HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET  /v1/config HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/config HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET /v1/config HTTP/1.1\nHost: a\nX: \x00\n\n",
        b"GET /v1/con\x00fig HTTP/1.1\r\nHost: a\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"\r\n" * 5000,
    ],
)
def test_what_is_not_http_gets_no_answer_of_the_service(services, data):
    found, took = send(services.parties["registrar"], data, timeout=4.0)
    assert set(found) <= {400, 431}
    assert took < 4.5


def test_plain_text_on_the_tls_port_is_not_answered(services):
    party = services.parties["registrar"]
    with socket.create_connection(("127.0.0.1", party.port), timeout=5.0) as link:
        link.sendall(head("GET", "/v1/config"))
        data = read_all(link)
    assert b"HTTP" not in data


def test_older_tls_is_refused(services):
    import ssl

    party = services.parties["registrar"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=party.authority.anchor)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", party.port), timeout=5.0) as plain,
        pytest.raises(ENDED),
    ):
        context.wrap_socket(plain, server_hostname="127.0.0.1")
