"""Exchanges with a party, as every part of the client makes them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from private_presence.client.setting import Setting
from private_presence.client.transport import REGISTRAR, Answered, Link
from private_presence.errors import PeerError
from private_presence.protocol.epochs import Kind, check_clock

__all__ = ["ask", "check_time", "linked", "path_of", "together"]

OK = 200

T = TypeVar("T")


@asynccontextmanager
async def linked(
    setting: Setting, party: int, *, account: bool = False
) -> AsyncIterator[Link]:
    """Connect to a party, to the registrar through the relay.

    Parameters
    ----------
    setting : Setting
    party : int
    account : bool
        Whether the account will be named: then never through the relay, where a
        registration would come by the same way (F11).

    Yields
    ------
    Link

    Raises `PeerError` on entry if the party is away.

    Examples
    --------
    The registrar is reached through the relay, unless the account is named to it:

    >>> from contextlib import nullcontext
    >>> from private_presence.client.transport import Transport
    >>> class Net(Transport):
    ...     def connect(self, party, *, via_relay):
    ...         return nullcontext((party, via_relay))  # in earnest a Link
    >>> setting = Setting(
    ...     None, None, Net(), None, None, relay=True, patience=30.0, offsets={}
    ... )
    >>> async def way(party, *, account=False):
    ...     async with linked(setting, party, account=account) as link:
    ...         return link
    >>> asyncio.run(way(REGISTRAR)), asyncio.run(way(REGISTRAR, account=True))
    ((0, True), (0, False))
    >>> asyncio.run(way(1))
    (1, False)
    """
    via_relay = setting.relay and party == REGISTRAR and not account
    connecting = setting.transport.connect(party, via_relay=via_relay)
    async with AsyncExitStack() as stack:
        async with _in_time(setting):
            link = await stack.enter_async_context(connecting)
        yield link


@asynccontextmanager
async def _in_time(setting: Setting) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(setting.patience):
            yield
    except TimeoutError:
        raise PeerError(
            f"expected an answer within {setting.patience:g} s; none came: it is asked "
            "again at its time"
        ) from None


async def ask(
    setting: Setting, link: Link, party: int, line: str, body: bytes, limit: int
) -> bytes:
    """Make one exchange and note the party's clock.

    Parameters
    ----------
    setting : Setting
    link : Link
    party : int
    line : str
        Method and path, as in ``GET /v1/config``.
    body : bytes
    limit : int
        Longest answer accepted, in bytes.

    Returns
    -------
    bytes
        The body of an answer with status 200.

    Raises
    ------
    PeerError
        If there is no such answer in time.

    Examples
    --------
    The party's clock is 60 seconds ahead, up to the fraction that its date leaves out:

    >>> from private_presence.server.clock import ManualClock
    >>> class Party(Link):
    ...     async def exchange(self, method, path, body, limit):
    ...         return Answered(200 if body else 404, body, 8_641_560.0)
    >>> clock = ManualClock(8_641_500.0)
    >>> setting = Setting(
    ...     None, None, None, clock, None, True, patience=30.0, offsets={}
    ... )
    >>> asyncio.run(ask(setting, Party(), REGISTRAR, "POST /v1/echo", b"hello", 100))
    b'hello'
    >>> setting.offsets
    {0: 60.0}
    >>> asyncio.run(ask(setting, Party(), REGISTRAR, "POST /v1/echo", b"", 100))
    Traceback (most recent call last):
    private_presence.errors.PeerError: expected status 200; got 404: ...
    """
    method, path = line.split(" ")
    sent = setting.clock.now()
    async with _in_time(setting):
        answered = await link.exchange(method, path, body, limit)
    _note_clock(setting, party, answered, sent)
    if answered.status != OK:
        raise PeerError(
            f"expected status {OK}; got {answered.status}: it is asked again at its time"
        )
    return answered.body


def _note_clock(setting: Setting, party: int, answered: Answered, sent: float) -> None:
    # A date has whole seconds, and was written between request and answer: of the
    # offsets that fit, the smallest is noted, so that no slow line is a wrong clock.
    if answered.date is not None:
        least = answered.date - setting.clock.now()
        most = answered.date + 1.0 - sent
        setting.offsets[party] = min(max(0.0, least), most)


def check_time(setting: Setting) -> None:
    """Refuse to go on while this clock is wrong by the median of all parties (F18).

    Parameters
    ----------
    setting : Setting

    Raises `ClockError`.

    Examples
    --------
    One party among three may be wrong; if two are ahead, this clock is behind:

    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.server.clock import ManualClock
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> clock, offsets = ManualClock(8_641_500.0), {0: 0.0, 1: 0.5, 2: 3600.0}
    >>> deployment = Deployment(config, None)
    >>> setting = Setting(deployment, None, None, clock, None, True, 30.0, offsets)
    >>> check_time(setting)
    >>> offsets[1] = 3600.0
    >>> check_time(setting)
    Traceback (most recent call last):
    private_presence.errors.ClockError: this clock may differ by 5 s from ...
    """
    now = setting.clock.now()
    theirs = sorted(now + offset for offset in setting.offsets.values())
    if theirs:
        # Of an even number, whatever lies between the middle two is their median: while
        # not everybody was heard, one wrong clock must not move it.
        low, high = theirs[(len(theirs) - 1) // 2], theirs[len(theirs) // 2]
        check_clock(setting.config, now, [min(max(now, low), high)])


def path_of(what: str, kind: Kind, epoch: int) -> str:
    """Write the path of a table's things.

    Parameters
    ----------
    what : str
    kind : Kind
    epoch : int

    Returns
    -------
    str

    Examples
    --------
    >>> path_of("manifest", Kind.LT, 7)
    '/v1/manifest/lt/7'
    """
    return f"/v1/{what}/{kind.name.lower()}/{epoch}"


async def together(exchanges: Iterable[Awaitable[T]]) -> list[T]:
    """Make several exchanges at once; all of them end before one failure is told.

    Otherwise the failure of one party would cut off what is said to another.

    Parameters
    ----------
    exchanges : iterable of awaitable

    Returns
    -------
    list
        In the same order.  Raises the first failure, if there is one.

    Examples
    --------
    The second exchange ends although the first one fails:

    >>> ended = []
    >>> async def exchange(party, *, fails=False):
    ...     if fails:
    ...         raise PeerError("expected an answer; the network is down")
    ...     await asyncio.sleep(0)
    ...     ended.append(party)
    ...     return party
    >>> async def run(*, fails):
    ...     return await together([exchange(0, fails=fails), exchange(1)])
    >>> asyncio.run(run(fails=False))
    [0, 1]
    >>> asyncio.run(run(fails=True))
    Traceback (most recent call last):
    private_presence.errors.PeerError: expected an answer; the network is down
    >>> ended
    [0, 1, 1]
    """
    outcomes = await asyncio.gather(*exchanges, return_exceptions=True)
    results: list[T] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results
