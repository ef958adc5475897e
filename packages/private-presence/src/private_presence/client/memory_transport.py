"""A transport without a network: calls the services of the same process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import final

from private_presence.client.transport import Answered, Link, Transport
from private_presence.errors import PeerError
from private_presence.server.clock import Clock
from private_presence.server.endpoints import match
from private_presence.server.service import Reply, Service

__all__ = ["MemoryTransport"]


@final
class MemoryTransport(Transport):
    """For tests and simulations.

    Parameters
    ----------
    services : sequence of Service
        The registrar, then the lookup servers.
    clock : Clock
        The servers', for the date of answers.

    Examples
    --------
    A registrar that says hello to every request it knows the path of:

    >>> import asyncio
    >>> from private_presence.server.clock import ManualClock
    >>> class Hello(Service):
    ...     def limit(self, match):
    ...         return 0
    ...
    ...     async def handle(self, match, body):
    ...         return Reply(200, b"hello")
    ...
    ...     async def run(self, stop):
    ...         await stop.wait()
    ...
    ...     async def close(self):
    ...         pass
    >>> transport = MemoryTransport([Hello()], ManualClock(8_641_500.0))
    >>> async def get(path):
    ...     async with transport.connect(0, via_relay=False) as link:
    ...         return await link.exchange("GET", path, b"", 100)
    >>> asyncio.run(get("/v1/config"))
    Answered(status=200, body=b'hello', date=8641500.0)
    >>> asyncio.run(get("/v1/friends")).status
    404
    """

    def __init__(self, services: Sequence[Service], clock: Clock) -> None:
        self._services, self._clock = services, clock

    @asynccontextmanager
    async def connect(self, party: int, *, via_relay: bool) -> AsyncIterator[Link]:
        """See `Transport.connect`.

        Parameters
        ----------
        party : int
        via_relay : bool

        Yields
        ------
        Link
        """
        yield _MemoryLink(self._services[party], self._clock)


@final
class _MemoryLink(Link):
    def __init__(self, service: Service, clock: Clock) -> None:
        self._service, self._clock = service, clock

    async def exchange(
        self, method: str, path: str, body: bytes, limit: int
    ) -> Answered:
        reply = await self._reply(method, path, body)
        data = reply.body
        data = data.read_bytes() if isinstance(data, Path) else data
        if len(data) > limit:
            raise PeerError(
                f"expected an answer of at most {limit} bytes; got {len(data)}"
            )
        return Answered(reply.status, data, self._clock.now())

    async def _reply(self, method: str, path: str, body: bytes) -> Reply:
        found = match(method, path)
        longest = found and self._service.limit(found)
        if found is None or longest is None:
            return Reply(404)
        if len(body) > longest:
            return Reply(413)
        return await self._service.handle(found, body)
