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
    """

    status: int
    body: bytes
    date: float | None


class Link(ABC):
    """One connection to one party."""

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
            Entering it raises `PeerError` if the party is away.
        """
