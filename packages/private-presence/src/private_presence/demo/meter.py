"""A transport that counts what a client sends and receives, and how long it takes."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import final

from private_presence.client.transport import Answered, Link, Transport

__all__ = ["Exchange", "Meter", "Tally"]


@dataclass(frozen=True)
class Exchange:
    """One request and its answer.

    Parameters
    ----------
    what : str
        Path without numbers, such as ``"pir/st"``.
    via_relay : bool
    up, down : int
        Bytes of the bodies; TLS and HTTP come on top.
    seconds : float
        From the first byte of the connection to the last of the answer; of the second
        exchange of a connection, without making it.

    Examples
    --------
    A meter names it by its path:

    >>> meter = Meter()
    >>> meter.note("POST", "/v1/register/st/7", Exchange("", True, 245, 103, 0.25))
    >>> meter.exchanges
    [Exchange(what='register/st', via_relay=True, up=245, down=103, seconds=0.25)]
    """

    what: str
    via_relay: bool
    up: int
    down: int
    seconds: float


@dataclass(frozen=True)
class Tally:
    """What the exchanges of one sort have in common.

    Parameters
    ----------
    count : int
    up, down : int
        Bytes of the last one.
    seconds : float
        Median.

    Examples
    --------
    >>> meter = Meter()
    >>> for seconds, down in ((0.5, 20), (0.75, 20), (0.25, 40)):
    ...     meter.note("POST", "/v1/pir/st/7", Exchange("", False, 10, down, seconds))
    >>> meter.tally("pir/st")
    Tally(count=3, up=10, down=40, seconds=0.5)
    >>> meter.tally("pir/lt") is None
    True
    """

    count: int
    up: int
    down: int
    seconds: float


@dataclass
class Meter:
    """A transport's diary.

    Examples
    --------
    >>> meter = Meter()
    >>> meter.note("POST", "/v1/pir/st/7", Exchange("", False, 10, 20, 0.5))
    >>> meter.tally("pir/st")
    Tally(count=1, up=10, down=20, seconds=0.5)
    """

    exchanges: list[Exchange] = field(default_factory=list)

    def over(self, transport: Transport) -> Transport:
        """Count what goes over a transport.

        Parameters
        ----------
        transport : Transport

        Returns
        -------
        Transport
        """
        return _Metered(transport, self)

    def note(self, method: str, path: str, exchange: Exchange) -> None:
        """Write an exchange down.

        Parameters
        ----------
        method, path : str
        exchange : Exchange
            Without its name.
        """
        words = [word for word in path.split("/")[2:] if not word.isdigit()]
        e = exchange
        named = Exchange("/".join(words), e.via_relay, e.up, e.down, e.seconds)
        self.exchanges.append(named)

    def tally(self, what: str) -> Tally | None:
        """Sum up the exchanges of a sort.

        Parameters
        ----------
        what : str

        Returns
        -------
        Tally or None
            None if there was none.
        """
        found = [e for e in self.exchanges if e.what == what]
        if not found:
            return None
        last = found[-1]
        seconds = median(e.seconds for e in found)
        return Tally(len(found), last.up, last.down, seconds)


@final
class _Metered(Transport):
    def __init__(self, inner: Transport, meter: Meter) -> None:
        self._inner, self._meter = inner, meter

    @asynccontextmanager
    async def connect(self, party: int, *, via_relay: bool) -> AsyncIterator[Link]:
        async with self._inner.connect(party, via_relay=via_relay) as link:
            yield _MeteredLink(link, self._meter, via_relay)


@final
class _MeteredLink(Link):
    def __init__(self, inner: Link, meter: Meter, via_relay: bool) -> None:
        self._inner, self._meter, self._relay = inner, meter, via_relay

    async def exchange(
        self, method: str, path: str, body: bytes, limit: int
    ) -> Answered:
        begin = time.perf_counter()
        answered = await self._inner.exchange(method, path, body, limit)
        seconds = time.perf_counter() - begin
        sizes = len(body), len(answered.body)
        exchange = Exchange("", self._relay, *sizes, seconds)
        if answered.status == 200:
            self._meter.note(method, path, exchange)
        return answered
