"""What the steps of a table's life need, and how they ask a lookup server."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from private_presence.errors import EpochError, PeerError, PresenceError
from private_presence.primitives.randomness import Randomness
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, epoch_seconds, window
from private_presence.server.clock import Clock
from private_presence.server.metrics import Metrics
from private_presence.server.peers import Peers
from private_presence.server.registrar.keys import RegistrarKeys
from private_presence.server.registrar.workers import Workers
from private_presence.server.storage import Storage, TableState

__all__ = [
    "Means",
    "ask_all",
    "check_in_time",
    "expiry",
    "in_time",
    "insist",
    "wait_until",
]

log = logging.getLogger("private_presence.registrar")
T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds, for epochs that are long enough
SHORTEST_CALL, LONGEST_CALL = 1.0, 600.0  # seconds before an answer is given up
LOOK = 5.0  # seconds by no clock that can be set, until a waiting step looks again
SHARE = 1 / 16  # of an epoch, for an answer: some may be lost before a window's end


@dataclass(frozen=True)
class Means:
    """Everything outside a step.

    Parameters
    ----------
    config : Config
    keys : RegistrarKeys
    storage : Storage
    peers : Peers
    clock : Clock
    rng : Randomness
    metrics : Metrics
    workers : Workers
    close : callable
        ``await close(kind, epoch)`` returns when no further record can be stored.
    published : callable
        Told each table when it is published.
    frozen_at : dict
        When each table that is not published yet was frozen, for the metrics.
    """

    config: Config
    keys: RegistrarKeys
    storage: Storage
    peers: Peers
    clock: Clock
    rng: Randomness
    metrics: Metrics
    workers: Workers
    close: Callable[[Kind, int], Awaitable[None]]
    published: Callable[[TableState], None]
    frozen_at: dict[tuple[int, int], float] = field(default_factory=dict)


def expiry(config: Config, kind: Kind, epoch: int) -> float:
    """When a table that is late is given up.

    Parameters
    ----------
    config : Config
    kind : Kind
    epoch : int

    Returns
    -------
    float
        Seconds since 1970.  A short table holds up the next one no longer than until
        that is to be frozen.  A long one has a day more, because clients walk back to
        it; after that no server would sign it (F18).

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> expiry(config, Kind.ST, 1), expiry(config, Kind.LT, 1)
    (570.0, 258300.0)
    """
    return window(config, kind, epoch + (1 if kind is Kind.ST else 2))[1]


def in_time(means: Means, kind: Kind, epoch: int) -> bool:
    """Say whether a table is of use now: its window has opened, it is not too late.

    Parameters
    ----------
    means : Means
    kind : Kind
    epoch : int

    Returns
    -------
    bool
        False too if this clock was ahead when the table was begun and is right again.
    """
    opens = window(means.config, kind, epoch)[0]
    return opens <= means.clock.now() < expiry(means.config, kind, epoch)


def check_in_time(means: Means, kind: Kind, epoch: int) -> None:
    """Stop working on a table that is of no use now.

    Parameters
    ----------
    means : Means
    kind : Kind
    epoch : int

    Raises
    ------
    EpochError
        If it is not `in_time`.
    """
    if in_time(means, kind, epoch):
        return
    if means.clock.now() < window(means.config, kind, epoch)[0]:
        raise EpochError(
            f"{kind.name} epoch {epoch} is more than one ahead: this clock was set back"
        )
    raise EpochError(
        f"{kind.name} epoch {epoch} has passed before all servers answered"
    )


async def wait_until(clock: Clock, when: float) -> None:
    """Return once it is `when`, or when the clock was set back: look at it again.

    What is waited for follows from the time at which waiting began.  By a clock that
    was a year ahead then and is right now, it would be waited for a year.

    Parameters
    ----------
    clock : Clock
    when : float
        Seconds since 1970.

    Examples
    --------
    >>> from private_presence.server.clock import ManualClock
    >>> asyncio.run(wait_until(ManualClock(100.0), 99.0))
    """
    began = clock.now()
    while began <= clock.now() < when:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK):
                await clock.sleep_until(when)


async def insist(
    means: Means,
    kind: Kind,
    epoch: int,
    server: int,
    call: Callable[[], Awaitable[T]],
    share: float = SHARE,
) -> T:
    """Ask a server until it answers or the table is given up.

    A refusal is repeated too: the reason may pass, as when a server has not heard from
    another one, and the same question is never answered in two ways.

    Parameters
    ----------
    means : Means
    kind : Kind
    epoch : int
    server : int
    call : callable
        Makes the request anew.
    share : float
        Of the epoch's length: the time after which it is made anew.

    Returns
    -------
    object
        The answer.

    Raises
    ------
    EpochError
        If the table is too late to be of use, or the clock was set back from its time.
    """
    length = epoch_seconds(means.config, kind)
    longest = min(LONGEST_PAUSE, length / 8)
    pause, until = min(FIRST_PAUSE, longest), expiry(means.config, kind, epoch)
    patience = min(LONGEST_CALL, max(SHORTEST_CALL, share * length))
    while True:
        check_in_time(means, kind, epoch)
        try:
            async with asyncio.timeout(patience):
                return await call()
        except (PeerError, TimeoutError):
            means.metrics.peer_failure(server)
        except PresenceError as error:
            # The sentence is this program's own; what the server sent is not in it.
            log.warning("server %d refuses %s %d: %s", server, kind.name, epoch, error)
            means.metrics.peer_failure(server)
        await wait_until(means.clock, min(means.clock.now() + pause, until))
        pause = min(2 * pause, longest)


async def ask_all(
    means: Means,
    kind: Kind,
    epoch: int,
    ask: Callable[[int], Awaitable[T]],
    share: float = SHARE,
) -> list[T]:
    """Ask every lookup server at the same time, each until it answers.

    Parameters
    ----------
    means : Means
    kind : Kind
    epoch : int
    ask : callable
        Takes the number of a server.
    share : float
        As in `insist`.

    Returns
    -------
    list of object
        In the order of the servers.

    Raises `EpochError` if the table is given up.
    """
    servers = range(len(means.config.servers))
    calls = [
        asyncio.ensure_future(insist(means, kind, epoch, i, lambda i=i: ask(i), share))
        for i in servers
    ]
    try:
        return list(await asyncio.gather(*calls))
    finally:
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
