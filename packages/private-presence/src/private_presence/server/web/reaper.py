"""Closing connections that do nothing, or too long, or are too many.

granian times out the head of an HTTP/1.1 request, but neither a TCP connection that
sends nothing, nor a TLS handshake that stops half-way, nor an idle HTTP/2 connection,
and it has no limit on their number.  The sockets are this process's own, so the kernel
says of each how long ago data last came (``TCP_INFO``), and shutting a duplicate of the
descriptor down ends the connection in the ordinary way.  No byte passes through Python.
Linux only; elsewhere an edge proxy must do it, which the deployment page says.
"""

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import final

from private_presence.server.metrics import Metrics
from private_presence.server.web.limits import Limits

__all__ = ["Reaper"]

NOT_CONNECTED = (7, 10)  # TCP states: closed, listening
INFO = struct.Struct("8B24I")  # the part of tcp_info that every Linux has
LAST_RECEIVED, LAST_ACKNOWLEDGED = (
    8 + 11,
    8 + 12,
)  # milliseconds ago, both from the peer


@dataclass(frozen=True)
class _Connection:
    inode: int  # what stays the same while descriptors are reused
    descriptor: int
    idle: float  # seconds


@final
class Reaper:
    """Watches the connections of one listener.

    Parameters
    ----------
    port : int
        Of the listener, on any of this process's addresses.
    limits : Limits
    metrics : Metrics

    Examples
    --------
    Nobody is connected to port 1:

    >>> metrics = Metrics()
    >>> reaper = Reaper(1, Limits(), metrics)
    >>> reaper.sweep(0.0) if reaper.works else 0
    0
    >>> metrics.value("presence_closed_connections_total")
    0.0
    """

    PERIOD = 2.0  # seconds; ten microseconds per connection each time

    def __init__(self, port: int, limits: Limits, metrics: Metrics) -> None:
        self._port, self._limits, self._metrics = port, limits, metrics
        self._since: dict[int, float] = {}

    @property
    def works(self) -> bool:
        """Whether this system can tell."""
        return sys.platform == "linux"

    async def run(self) -> None:
        """Sweep until cancelled."""
        while self.works:
            self.sweep(monotonic())
            await asyncio.sleep(min(self.PERIOD, self._limits.idle_seconds / 2))

    def sweep(self, now: float) -> int:
        """Close what is over a limit.

        Parameters
        ----------
        now : float
            Monotonic seconds.

        Returns
        -------
        int
            How many connections were closed.
        """
        found = list(_connections(self._port))
        self._since = {c.inode: self._since.get(c.inode, now) for c in found}
        over = [c for c in found if self._is_over(c, now)]
        gone = {c.inode for c in over}
        kept = sorted((c for c in found if c.inode not in gone), key=lambda c: c.idle)
        over += kept[self._limits.connections :]
        for connection in over:
            _close(connection)
        self._metrics.reaped(len(over))
        return len(over)

    def close_all(self) -> None:
        """Close every connection: a server that ends waits for no idle client."""
        for connection in _connections(self._port) if self.works else ():
            _close(connection)

    def _is_over(self, connection: _Connection, now: float) -> bool:
        age = now - self._since[connection.inode]
        idle = connection.idle > self._limits.idle_seconds
        return idle or age > self._limits.life_seconds


def _connections(port: int) -> Iterator[_Connection]:
    for name in os.listdir("/proc/self/fd"):
        if (duplicate := _duplicate(int(name))) is None:
            continue
        with duplicate:
            if (idle := _idle(duplicate, port)) is not None:
                inode = os.fstat(duplicate.fileno()).st_ino
                yield _Connection(inode, int(name), idle)


def _duplicate(descriptor: int) -> socket.socket | None:
    """A second handle, so that nobody can close and reuse the number meanwhile."""
    try:
        second = os.dup(descriptor)
    except OSError:
        return None
    try:
        return socket.socket(fileno=second)
    except OSError:
        os.close(second)
        return None


def _idle(sock: socket.socket, port: int) -> float | None:
    """Seconds since the peer was heard of; None for every other kind of socket."""
    try:
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        if sock.type != socket.SOCK_STREAM or sock.getsockname()[1] != port:
            return None
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO.size)
    except OSError:
        return None
    fields = INFO.unpack(info)
    if fields[0] in NOT_CONNECTED:
        return None
    return min(fields[LAST_RECEIVED], fields[LAST_ACKNOWLEDGED]) / 1000


def _close(connection: _Connection) -> None:
    duplicate = _duplicate(connection.descriptor)
    if duplicate is None:
        return
    with duplicate:
        if os.fstat(duplicate.fileno()).st_ino == connection.inode:
            try:
                duplicate.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it ended by itself
