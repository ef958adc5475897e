"""Many clients in one process: what each sends is what a client sends, made in advance.

A client of the package spends more CPU time on a lookup than a server does, in Python's
HTTP/2.  So that one core can put a full load on another, the frames of a connection are
prepared here from HPACK and RFC 9113 by hand, and answers are taken apart no further
than a measurement needs: status, length and end of each.  TLS is the real one, anew for
each connection: one certificate, no ticket, no resumption.
"""

import asyncio
import time
from typing import NamedTuple

from hpack import Encoder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
FRAME = 16_384  # the longest that a receiver must take unasked
OK = b"\x88"  # ":status: 200" in HPACK's static table
WINDOW_UPDATE, WINDOW = 8, 1 << 20  # bytes of answers that may come unasked
OPTIONS = bytes.fromhex("000200000000") + b"\x00\x04" + WINDOW.to_bytes(4, "big")


class Script(NamedTuple):
    """What one client sends: a request, its answer awaited, then perhaps another."""

    steps: tuple[bytes, ...]


def frame(kind, flags, stream, payload=b""):
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def script(address, requests):
    """Prepare a connection's requests, pairs of a line ``METHOD PATH`` and a body."""
    encoder, steps = Encoder(), []
    for number, (line, body) in enumerate(requests):
        method, path = line.split()
        fields = [
            (":method", method),
            (":authority", address),
            (":scheme", "https"),
            (":path", path),
        ]
        if method == "POST":
            fields.append(("content-length", str(len(body))))
        stream = 2 * number + 1
        ends = END_HEADERS | (0 if body else END_STREAM)
        start = b"" if steps else opening()
        head = frame(HEADERS, ends, stream, encoder.encode(fields))
        steps.append(start + head + data_frames(stream, body))
    return Script(tuple(steps))


def opening():
    """Return what a connection begins with: no push, and room for any answer."""
    more = frame(WINDOW_UPDATE, 0, 0, WINDOW.to_bytes(4, "big"))
    return PREFACE + frame(SETTINGS, 0, 0, OPTIONS) + more


def data_frames(stream, body):
    parts = [body[i : i + FRAME] for i in range(0, len(body), FRAME)]
    flags = [0] * (len(parts) - 1) + [END_STREAM]
    pairs = zip(parts, flags, strict=True) if parts else ()
    return b"".join(frame(DATA, flag, stream, part) for part, flag in pairs)


async def connect(port, context):
    return await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="127.0.0.1", limit=1 << 17
    )


async def answer(reader, writer, stream):
    """Read one answer; return its body."""
    body, status = bytearray(), b""
    while True:
        head = await reader.readexactly(9)
        payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags, of = head[3], head[4], int.from_bytes(head[5:], "big")
        if kind in (SETTINGS, PING) and not flags & ACK:
            writer.write(frame(kind, ACK, 0, payload if kind == PING else b""))
        if kind in (RESET, GOAWAY):
            raise RuntimeError("expected an answer; the server broke off")
        if of == stream and kind == HEADERS:
            status = payload[:1]
        if of == stream and kind == DATA:
            body += payload
        if of == stream and kind in (HEADERS, DATA) and flags & END_STREAM:
            break
    if status != OK:
        raise RuntimeError(f"expected status 200; got {payload[:8].hex()} in HPACK")
    return bytes(body)


async def play(port, context, told, gate=None):
    """Be one client; return seconds from its first byte to its last, and the answers.

    With a `gate`, an event, the last request waits for it; the time is from there.
    """
    start = time.perf_counter()
    reader, writer = await connect(port, context)
    bodies = []
    for number, step in enumerate(told.steps):
        if gate is not None and step is told.steps[-1]:
            await gate.wait()
            start = time.perf_counter()
        writer.write(step)
        bodies.append(await answer(reader, writer, 2 * number + 1))
    seconds = time.perf_counter() - start
    writer.close()
    return seconds, bodies


async def steady(port, context, scripts, rate, rng):
    """Start clients at random times, `rate` a second, whatever became of the others.

    Returns results, and wall seconds.
    """
    clients, start = [], time.perf_counter()
    due = start
    for told in scripts:
        due += rng.exponential(1.0 / rate)
        await asyncio.sleep(max(due - time.perf_counter(), 0.0))
        clients.append(asyncio.create_task(play(port, context, told)))
    results = await asyncio.gather(*clients)
    return results, time.perf_counter() - start


async def burst(port, context, scripts, group):
    """Let groups of clients ask at the same moment, one group after another.

    Returns results, and wall seconds from the first question to the last answer.
    """
    results, wall = [], 0.0
    for at in range(0, len(scripts), group):
        gate = asyncio.Event()
        part = scripts[at : at + group]
        clients = [asyncio.create_task(play(port, context, s, gate)) for s in part]
        await asyncio.sleep(0.004 * len(part) + 0.5)  # all have connected
        start = time.perf_counter()
        gate.set()
        results += await asyncio.gather(*clients)
        wall += time.perf_counter() - start
    return results, wall
