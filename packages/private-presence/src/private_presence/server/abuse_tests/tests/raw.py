"""Bytes on a TLS connection, as an attacker writes them, and what comes back."""

import contextlib
import os
import socket
import time

import psutil

from private_presence.server.web.tls import client_context

MIB = 1 << 20
ENDED = (ConnectionError, TimeoutError, OSError)


@contextlib.contextmanager
def connected(party, protocol="http/1.1", timeout=8.0):
    context = client_context(party.authority.anchor)
    context.set_alpn_protocols([protocol])
    plain = socket.create_connection(("127.0.0.1", party.port), timeout=timeout)
    try:
        link = context.wrap_socket(plain, server_hostname="127.0.0.1")
    except BaseException:
        plain.close()
        raise
    try:
        yield link
    finally:
        link.close()


def read_all(link, most=1 << 20):
    """Everything until the other side closes, or a time-out ends it."""
    data = b""
    with contextlib.suppress(*ENDED):
        while len(data) < most and (more := link.recv(65536)):
            data += more
    return data


def statuses(data):
    """The statuses of all HTTP/1.1 answers in some bytes."""
    lines = data.split(b"HTTP/1.1 ")[1:]
    return [int(line[:3]) for line in lines]


def send(party, data, timeout=8.0):
    """Write once, read to the end; statuses and the seconds that it took."""
    start = time.monotonic()
    with connected(party, timeout=timeout) as link:
        with contextlib.suppress(*ENDED):
            link.sendall(data)
        found = statuses(read_all(link))
    return found, time.monotonic() - start


def head(method, path, *fields):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def drip(link, data, pause, seconds):
    """Send a byte at a time; the seconds until the server had enough, or None."""
    start = time.monotonic()
    link.settimeout(pause)
    for i in range(len(data)):
        try:
            link.sendall(data[i : i + 1])
            if not link.recv(1):
                return time.monotonic() - start
            return time.monotonic() - start  # an answer came before the end
        except TimeoutError:
            pass  # nothing was said yet
        except OSError:
            return time.monotonic() - start
        if time.monotonic() - start > seconds:
            return None
    return None


@contextlib.contextmanager
def memory_within(limit):
    """Fail if this process, in which the servers run, grows by more bytes."""
    process = psutil.Process(os.getpid())
    before = process.memory_info().rss
    yield
    grown = process.memory_info().rss - before
    assert grown < limit, f"{grown / MIB:.0f} MiB more than before"
