"""How bytes reach a party: one new connection at a time, and nothing that links two."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

__all__ = ["REGISTRAR", "Answered", "Link", "Transport", "server_party"]

REGISTRAR = 0  # party 0 of the directory; lookup server i is party i + 1


def server_party(server: int) -> int:
    """Number of a lookup server among the directory's parties.

    Parameters
    ----------
    server : int
        Index in the configuration.

    Returns
    -------
    int

    Examples
    --------
    >>> server_party(0)
    1
    """
    return server + 1


class Answered(NamedTuple):
    """What came back.

    Parameters
    ----------
    status : int
        Of HTTP.
    body : bytes
    date : float or None
        The party's clock, seconds since 1970, if it told.

    Examples
    --------
    >>> answered = Answered(200, b"manifest", 8_641_517.0)
    >>> answered.status, len(answered.body)
    (200, 8)
    """

    status: int
    body: bytes
    date: float | None


class Link(ABC):
    """One connection to one party.

    Examples
    --------
    A party that returns what it is sent, as far as the limit allows:

    >>> import asyncio
    >>> from private_presence.errors import PeerError
    >>> class Echo(Link):
    ...     async def exchange(self, method, path, body, limit):
    ...         if len(body) > limit:
    ...             raise PeerError(f"expected at most {limit} bytes; got more")
    ...         return Answered(200, body, None)
    >>> asyncio.run(Echo().exchange("POST", "/v1/echo", b"hello", 5)).body
    b'hello'
    >>> asyncio.run(Echo().exchange("POST", "/v1/echo", b"hello", 4))
    Traceback (most recent call last):
    private_presence.errors.PeerError: expected at most 4 bytes; got more
    """

    @abstractmethod
    async def exchange(
        self, method: str, path: str, body: bytes, limit: int
    ) -> Answered:
        """Send a request and read its answer.

        Parameters
        ----------
        method, path : str
        body : bytes
        limit : int
            Longest answer accepted, in bytes; more of it is not read.

        Returns
        -------
        Answered

        Raises
        ------
        PeerError
            If the party is away, or answers more than `limit` or not in HTTP.
        """


class Transport(ABC):
    """Makes connections.

    Each is new: no pool, no TLS resumption, no early data, no cookies, no header that
    tells clients apart (F11).

    Examples
    --------
    Each party says its number:

    >>> import asyncio
    >>> from contextlib import asynccontextmanager
    >>> class Named(Link):
    ...     def __init__(self, party):
    ...         self.party = party
    ...
    ...     async def exchange(self, method, path, body, limit):
    ...         return Answered(200, b"party %d" % self.party, None)
    >>> class Names(Transport):
    ...     @asynccontextmanager
    ...     async def connect(self, party, *, via_relay):
    ...         yield Named(party)
    >>> async def ask(party):
    ...     async with Names().connect(party, via_relay=False) as link:
    ...         return (await link.exchange("GET", "/v1/config", b"", 100)).body
    >>> asyncio.run(ask(REGISTRAR)), asyncio.run(ask(server_party(0)))
    (b'party 0', b'party 1')
    """

    @abstractmethod
    def connect(
        self, party: int, *, via_relay: bool
    ) -> AbstractAsyncContextManager[Link]:
        """Connect to a party.

        Parameters
        ----------
        party : int
            0 for the registrar, i + 1 for lookup server i.
        via_relay : bool
            Through the deployment's relay, which sees ciphertext only.

        Returns
        -------
        context manager of Link
            Entering it, or its first exchange, raises `PeerError` if the party is away.
        """
