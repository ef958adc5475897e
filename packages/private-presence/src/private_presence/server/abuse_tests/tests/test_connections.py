"""Connections that do nothing, in numbers."""

import contextlib
import socket
import threading
import time

import psutil

from private_presence.protocol.receipt import Answer

from .living import LIMITS
from .raw import ENDED, MIB, connected, memory_within

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
IDLE = 200  # more than the 150 that the listener keeps


def still_open(links):
    found = 0
    for link in links:
        link.settimeout(0.0)
        try:
            found += link.recv(1) != b""
        except BlockingIOError:
            found += 1
        except OSError:
            continue
    return found


def wait_until_closed(links, seconds):
    end = time.monotonic() + seconds
    while (left := still_open(links)) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def test_idle_connections_are_closed_and_others_served_meanwhile(services):
    port = services.parties["registrar"].port
    with contextlib.ExitStack() as stack, memory_within(64 * MIB):
        links = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            for _ in range(IDLE)
        ]
        start = time.monotonic()
        assert services.register("beside silent ones") is Answer.ACCEPTED
        assert time.monotonic() - start < 6.0
        assert wait_until_closed(links, LIMITS.idle_seconds + 5.0) == 0


def test_idle_tls_connections_are_closed_and_others_served_meanwhile(services):
    party = services.parties["lookup"]
    with contextlib.ExitStack() as stack:
        for _ in range(LIMITS.connections - 20):
            stack.enter_context(connected(party, "h2"))
        start = time.monotonic()
        assert services.look_up("beside idle ones") > 0
        assert time.monotonic() - start < 6.0
        end = time.monotonic() + LIMITS.idle_seconds + 5.0
        while established(party.port) > 0 and time.monotonic() < end:
            time.sleep(0.2)
        assert established(party.port) == 0


def test_connections_that_keep_moving_do_not_keep_others_out(services):
    party, held, stop = services.parties["registrar"], [], threading.Event()
    ping = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8)

    def keep_moving():
        while not stop.wait(0.3):
            for link in held:
                with contextlib.suppress(*ENDED):
                    link.sendall(ping)

    mover = threading.Thread(target=keep_moving)
    with contextlib.ExitStack() as stack:
        for _ in range(LIMITS.connections):
            link = stack.enter_context(connected(party, "h2"))
            link.sendall(PREFACE)
            held.append(link)
        mover.start()
        stack.callback(mover.join)
        stack.callback(stop.set)
        start = time.monotonic()
        assert services.register("beside busy ones") is Answer.ACCEPTED
        assert time.monotonic() - start < 6.0


def established(port):
    """Connections that the server's side holds."""
    return sum(
        c.laddr.port == port and c.status == psutil.CONN_ESTABLISHED
        for c in psutil.Process().net_connections("tcp")
    )
