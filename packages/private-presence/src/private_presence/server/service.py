"""What a server is, without its sockets: a request that matches a line in, a reply out."""

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

from private_presence.server.endpoints import Match

__all__ = ["Reply", "Service"]


class Reply(NamedTuple):
    """An HTTP status and a body; a body on disk is given by its path.

    Examples
    --------
    >>> Reply(200, b"abc").cacheable
    False
    """

    status: int
    body: bytes | Path = b""
    cacheable: bool = False


class Service(ABC):
    """A registrar or a lookup server: everything but HTTP and TLS.

    Examples
    --------
    The least that a listener can serve:

    >>> class Echo(Service):
    ...     def limit(self, match):
    ...         return 3
    ...
    ...     async def handle(self, match, body):
    ...         return Reply(200, body)
    ...
    ...     async def run(self, stop):
    ...         await stop.wait()
    ...
    ...     async def close(self):
    ...         pass
    >>> from private_presence.server.endpoints import match
    >>> asyncio.run(Echo().handle(match("GET", "/v1/config"), b"abc")).body
    b'abc'
    """

    @abstractmethod
    def limit(self, match: Match) -> int | None:
        """Say how long a request body may be, before any of it is read.

        Parameters
        ----------
        match : Match

        Returns
        -------
        int or None
            Bytes; None if there is no such thing here, which is answered with 404.
        """

    @abstractmethod
    async def handle(self, match: Match, body: bytes) -> Reply:
        """Answer a request.

        Parameters
        ----------
        match : Match
        body : bytes
            At most `limit` of them.

        Returns
        -------
        Reply
        """

    @abstractmethod
    async def run(self, stop: asyncio.Event) -> None:
        """Do what the clock asks for, until told to stop.

        Parameters
        ----------
        stop : asyncio.Event
        """

    @abstractmethod
    async def close(self) -> None:
        """Finish what was accepted, then release files, workers and connections."""
