"""An HTTP CONNECT proxy over TLS for the addresses of one deployment.

The relay sees who connects and to which server; the server sees the relay.  Neither
sees both, as long as they do not tell each other: that is why a third party runs it.
Inside, TLS runs from the client to the server.  Nothing about a connection is written
down, and counters do not tell one server from another.
"""

import asyncio
import os
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from pathlib import Path
from typing import final

from private_presence.errors import EncodingError, StateError
from private_presence.protocol.directory import Directory, split_address
from private_presence.server.metrics import Metrics
from private_presence.server.relay.limits import RelayLimits
from private_presence.server.web.tls import server_context

__all__ = ["Relay", "addresses_of"]

PIECE = 64 * 1024
MAX_HEAD = 4096
REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    405: "Method Not Allowed",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


def addresses_of(directory: Directory) -> frozenset[str]:
    """List the addresses that a deployment's relay connects to.

    Parameters
    ----------
    directory : Directory

    Returns
    -------
    frozenset of str
        Client addresses of R and of all lookup servers; no peer address.

    Examples
    --------
    >>> from private_presence.protocol.directory import Party
    >>> names = ("r", "a", "b")
    >>> parties = [Party(f"{n}.example:443", f"{n}.example:444", b"c") for n in names]
    >>> sorted(addresses_of(Directory(bytes(16), 1, tuple(parties))))
    ['a.example:443', 'b.example:443', 'r.example:443']
    """
    return frozenset(party.address for party in directory.parties)


@final
class Relay:
    """Carries connections to a fixed list of addresses.

    Parameters
    ----------
    allowed : frozenset of str
        ``host:port``, compared as text.
    leaf : Path
        Key and certificate of the relay.
    metrics : Metrics
    limits : RelayLimits
    """

    def __init__(
        self,
        allowed: frozenset[str],
        leaf: Path,
        metrics: Metrics,
        limits: RelayLimits,
    ) -> None:
        self._allowed, self._leaf = allowed, leaf
        self._metrics, self._limits = metrics, limits
        self._open: set[asyncio.Task[None]] = set()

    async def serve(
        self,
        host: str,
        port: int,
        stop: asyncio.Event,
        opened: asyncio.Event | None = None,
    ) -> None:
        """Carry connections until told to stop.

        Parameters
        ----------
        host, port : str, int
        stop : asyncio.Event
        opened : asyncio.Event, optional
            Set once connections are accepted.

        Raises
        ------
        StateError
            If the address is taken or no address of this machine.
        """
        async with await self._listen(host, port) as server:
            if opened is not None:
                opened.set()
            await stop.wait()
            server.close()
            await self._finish()

    async def _listen(self, host: str, port: int) -> asyncio.Server:
        context = server_context(self._leaf)
        try:
            return await asyncio.start_server(
                self._accept,
                host,
                port,
                limit=PIECE,
                ssl=context,
                ssl_handshake_timeout=self._limits.head_seconds,
                ssl_shutdown_timeout=1.0,
            )
        except OSError as error:  # its own sentence names the address
            reason = os.strerror(error.errno) if error.errno else type(error).__name__
            raise StateError(
                f"expected port {port} of a local address to be free; got {reason}: end "
                "the other process or correct the settings"
            ) from None

    async def _finish(self) -> None:
        if self._open:
            await asyncio.wait(self._open, timeout=self._limits.head_seconds)
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # asyncio calls this in a task of its own
        self._open.add(task)
        try:
            outcome = await self._connection(reader, writer)
        except (OSError, TimeoutError):
            outcome = "broken"
        finally:
            self._open.discard(task)
            await _close(writer)
        self._metrics.relayed(outcome)

    async def _connection(self, reader: StreamReader, writer: StreamWriter) -> str:
        if len(self._open) > self._limits.connections:
            return await _refuse(writer, 503)
        status, address = await self._target(reader)
        if status != 200:
            return await _refuse(writer, status)
        try:
            async with asyncio.timeout(self._limits.head_seconds):
                there = await asyncio.open_connection(*split_address(address))
        except (OSError, TimeoutError):
            return await _refuse(writer, 502)
        try:
            await _answer(writer, 200)
            return await self._carry((reader, writer), there)
        finally:
            await _close(there[1])

    async def _target(self, reader: StreamReader) -> tuple[int, str]:
        # Status and address; a head that is too long or too slow is malformed.
        try:
            async with asyncio.timeout(self._limits.head_seconds):
                head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            return 400, ""
        return self._judge(head)

    def _judge(self, head: bytes) -> tuple[int, str]:
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(head) > MAX_HEAD or len(words) != 3 or not head.isascii():
            return 400, ""
        method, target, version = (word.decode() for word in words)
        if version != "HTTP/1.1":
            return 400, ""
        if method != "CONNECT":
            return 405, ""
        try:
            split_address(target)
        except EncodingError:
            return 400, ""
        return (200, target) if target in self._allowed else (403, "")

    async def _carry(
        self,
        here: tuple[StreamReader, StreamWriter],
        there: tuple[StreamReader, StreamWriter],
    ) -> str:
        last = _Watch()
        pumps = [
            asyncio.create_task(self._pump(here[0], there[1], last)),
            asyncio.create_task(self._pump(there[0], here[1], last)),
            asyncio.create_task(self._patience(last)),
        ]
        try:
            done, _ = await asyncio.wait(
                pumps,
                timeout=self._limits.life_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            return next((task.result() for task in done), "old")
        finally:
            for task in pumps:
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(
        self, source: StreamReader, target: StreamWriter, last: "_Watch"
    ) -> str:
        left = self._limits.most_bytes
        while data := await source.read(PIECE):
            last.touch()
            left -= len(data)
            if left < 0:
                return "long"
            target.write(data)
            await target.drain()
        return "carried"

    async def _patience(self, last: "_Watch") -> str:
        while (quiet := last.quiet()) < self._limits.idle_seconds:
            await asyncio.sleep(self._limits.idle_seconds - quiet)
        return "idle"


class _Watch:
    """When data last moved."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.touch()

    def touch(self) -> None:
        self._since = self._loop.time()

    def quiet(self) -> float:
        return self._loop.time() - self._since


async def _answer(writer: StreamWriter, status: int) -> None:
    writer.write(f"HTTP/1.1 {status} {REASONS[status]}\r\n\r\n".encode())
    await writer.drain()


async def _refuse(writer: StreamWriter, status: int) -> str:
    await _answer(writer, status)
    return f"refused {status}"


async def _close(writer: StreamWriter) -> None:
    writer.close()
    # A peer that is gone, or does not take part in closing, changes nothing here.
    with suppress(OSError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), 2.0)
