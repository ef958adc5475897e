"""How much a server takes on at once, and for how long: every limit in one place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import final

__all__ = ["Gate", "Limits"]

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one listener accepts.  All times are in seconds.

    Parameters
    ----------
    reading : int
        Bodies read at the same time.  Reading is cheap, so this is large: slow senders
        hold these places and no others.
    reading_bytes : int
        Announced bytes of all bodies being read or handled: a bound on memory.
    handling : int
        Requests that are being computed at the same time.
    sending : int
        Files that are being sent at the same time.  They need no token: slow receivers
        hold these places, with a descriptor each, and no others.
    body_seconds : float
        For a whole body of ordinary size that comes, or a file that is sent, ...
    body_rate : int
        ... and one second more for each so many bytes (a raw file is long).
    header_seconds : float
        For the head of an HTTP/1.1 request.
    header_bytes : int
        All header fields of a request.
    streams : int
        Requests at once in one HTTP/2 connection; a client sends two in a row.
    connections : int
        Open at once; when there are more, those idle for longest are closed.
    idle_seconds : float
        A connection that moved no data for so long is closed; longer than any answer
        takes.
    life_seconds : float
        A connection is closed after so long, whatever it does: an exchange has one of
        its own, so no honest one is older.
    drain_seconds : float
        For requests in progress when the server is told to stop.

    Examples
    --------
    >>> Limits().body_time(57_600) < Limits().body_time(60_000_000)
    True
    """

    reading: int = 2048
    reading_bytes: int = 512 * MIB
    handling: int = 512
    sending: int = 256
    body_seconds: float = 10.0
    body_rate: int = 64 * 1024
    header_seconds: float = 5.0
    header_bytes: int = 8 * 1024
    streams: int = 8
    connections: int = 4096
    idle_seconds: float = 30.0
    life_seconds: float = 600.0
    drain_seconds: float = 10.0

    def body_time(self, length: int) -> float:
        """Say how long a body of a given length may take.

        Parameters
        ----------
        length : int
            Bytes.

        Returns
        -------
        float
            Seconds.
        """
        return self.body_seconds + length / self.body_rate

    def with_room(self, amount: int) -> "Limits":
        """Give limits under which so many bytes may be announced at the same time.

        Parameters
        ----------
        amount : int

        Returns
        -------
        Limits

        Examples
        --------
        >>> limits = Limits(reading_bytes=100)
        >>> [limits.with_room(n).reading_bytes for n in (50, 200)]
        [100, 200]
        """
        return replace(self, reading_bytes=max(self.reading_bytes, amount))


@final
class Gate:
    """So many at a time, and so much of something in all.

    Parameters
    ----------
    count : int
    total : int
        Of the amounts that are inside.

    Examples
    --------
    >>> gate = Gate(count=2, total=100)
    >>> with gate.enter(60) as first, gate.enter(60) as second:
    ...     first, second
    (True, False)
    >>> gate.inside
    0
    """

    def __init__(self, count: int, total: int) -> None:
        self._count, self._total = count, total
        self.inside, self._amount = 0, 0

    @property
    def full(self) -> bool:
        """Whether nobody more can enter."""
        return self.inside >= self._count

    @contextmanager
    def enter(self, amount: int = 0) -> Iterator[bool]:
        """Enter if there is room.

        Parameters
        ----------
        amount : int

        Yields
        ------
        bool
            Whether there was; if not, nothing is held.
        """
        if self.full or self._amount + amount > self._total:
            yield False
            return
        self.inside += 1
        self._amount += amount
        try:
            yield True
        finally:
            self.inside -= 1
            self._amount -= amount
