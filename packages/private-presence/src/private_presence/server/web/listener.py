"""Sockets of a server process: for clients, for peers, for the operator."""

import asyncio
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server

from private_presence.errors import StateError
from private_presence.server.web.limits import Limits
from private_presence.server.web.tls import pem_of

__all__ = ["Listener", "Running", "start"]

# Hyper reads at least this much of a head before it looks at it.
LEAST_BUFFER = 8192
WINDOW = 256 * 1024  # bytes of an unread HTTP/2 body in memory, per connection
LAST_SECONDS = 5.0  # for connections to end once the server has stopped


@dataclass(frozen=True)
class Listener:
    """One socket and what is behind it.

    Parameters
    ----------
    host, port : str, int
    app : callable
        ASGI.
    leaf : Path or None
        TLS key and certificate; None is plain HTTP, for loopback only.
    anchors : tuple of bytes
        DER; if there are any, a client needs a certificate under one of them.

    Raises
    ------
    StateError
        If a socket without TLS would be open to other machines.

    Examples
    --------
    >>> Listener("127.0.0.1", 9443, print).anchors
    ()
    >>> Listener("0.0.0.0", 9443, print)
    Traceback (most recent call last):
    private_presence.errors.StateError: a listener without TLS belongs on 127.0.0.1 ...
    """

    host: str
    port: int
    app: Callable[..., Any]
    leaf: Path | None = None
    anchors: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.leaf is None and self.host not in ("127.0.0.1", "::1", "localhost"):
            raise StateError(
                "a listener without TLS belongs on 127.0.0.1 or ::1; got another "
                "address: correct the admin address"
            )


@dataclass(frozen=True)
class Running:
    """A listener that accepts connections."""

    listener: Listener
    server: Server
    task: asyncio.Task[None]

    async def stop(self, close_all: Callable[[], None]) -> None:
        """Close the socket, then all connections.

        Parameters
        ----------
        close_all : callable
            For connections whose clients do not close them when told (HTTP/2 GOAWAY).
        """
        self.server.stop()
        for _ in range(int(LAST_SECONDS / 0.25)):
            done, _ = await asyncio.wait({self.task}, timeout=0.25)
            if done:
                return
            close_all()
        self.task.cancel()


async def start(listener: Listener, limits: Limits) -> Running:
    """Open a listener.

    Parameters
    ----------
    listener : Listener
    limits : Limits

    Returns
    -------
    Running
        Accepting connections.

    Raises
    ------
    StateError
        If the address is taken or no address of this machine.
    """
    _check_free(listener)
    with tempfile.TemporaryDirectory(prefix="presence-") as folder:
        server = _server(listener, limits, Path(folder))
        task = asyncio.create_task(server.serve())
        try:
            await _until_open(listener, task)
        except BaseException:
            task.cancel()
            raise
    return Running(listener, server, task)


def _check_free(listener: Listener) -> None:
    # granian shares ports between processes; two servers on one would both be wrong.
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
        except OSError as error:
            raise StateError(
                f"expected port {listener.port} of a local address to be free; got "
                f"{error.strerror}: end the other process or correct the settings"
            ) from None


async def _until_open(listener: Listener, task: asyncio.Task[None]) -> None:
    for _ in range(200):
        if task.done():
            break
        try:
            _, writer = await asyncio.open_connection(listener.host, listener.port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return
    raise StateError(
        f"expected the listener on port {listener.port} to open; it did not: see that "
        "the certificate file is whole (presence operator rotate-tls)"
    )


def _server(listener: Listener, limits: Limits, folder: Path) -> Server:
    ca = None
    if listener.anchors:
        ca = folder / "anchors.pem"  # read once, by the constructor
        ca.write_bytes(pem_of(listener.anchors))
    return Server(
        listener.app,
        address=listener.host,
        port=listener.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.auto,
        websockets=False,
        log_enabled=False,  # it would name addresses
        backlog=1024,
        # Requests are refused by the application (503) and connections closed by the
        # reaper; this is where granian would stop to accept, without a word.
        backpressure=2 * limits.connections,
        http1_settings=_http1(limits),
        http2_settings=_http2(limits),
        ssl_cert=listener.leaf,
        ssl_key=listener.leaf,
        ssl_ca=ca,
        ssl_client_verify=bool(listener.anchors),
    )


def _http1(limits: Limits) -> HTTP1Settings:
    return HTTP1Settings(
        header_read_timeout=int(1000 * limits.header_seconds),
        keep_alive=False,  # an exchange has a connection of its own
        max_buffer_size=max(LEAST_BUFFER, limits.header_bytes),
    )


def _http2(limits: Limits) -> HTTP2Settings:
    return HTTP2Settings(
        max_headers_size=limits.header_bytes,
        max_concurrent_streams=limits.streams,
        initial_stream_window_size=WINDOW,
        initial_connection_window_size=WINDOW,
        # No pings: an answered one would make an idle connection look busy.
        keep_alive_interval=None,
    )
