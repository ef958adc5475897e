"""Waiting until everybody sees what the model says, and noting what nobody may see."""

import asyncio
from dataclasses import dataclass, field

from private_presence.demo.people import Person
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.server.clock import Clock

__all__ = ["Model", "Pair", "Watch", "told"]

HOLD = 2  # short epochs in a row
POLL = 0.2  # seconds
FRESH = 1  # short epochs until a sight is old

Pair = tuple[str, str]  # who is seen, and by whom


@dataclass
class Model:
    """Who sees whom, without cryptography: everybody, but for exclusions.

    Parameters
    ----------
    names : tuple of str
    hidden : dict
        Pairs that are excluded, each with the first short epoch in which a sight would
        be wrong: the record of the epoch after a wish may be registered already.

    Examples
    --------
    >>> Model(("a", "b"), {("a", "b"): 7}).expected()
    {('a', 'b'): False, ('b', 'a'): True}
    """

    names: tuple[str, ...]
    hidden: dict[Pair, int] = field(default_factory=dict)

    def expected(self) -> dict[Pair, bool]:
        """Say for every ordered pair whether the second sees the first.

        Returns
        -------
        dict
        """
        pairs = [(a, b) for a in self.names for b in self.names if a != b]
        return {pair: pair not in self.hidden for pair in pairs}


@dataclass
class Watch:
    """Looks at everybody's device.

    Parameters
    ----------
    people : list of Person
    model : Model
    config : Config
    clock : Clock
    news : asyncio.Event
    end : float
        Seconds since 1970, at which waiting ends.

    Examples
    --------
    Alice, who is hidden from Bob since epoch 7, is online in his sight of epoch 8:

    >>> from types import SimpleNamespace
    >>> from private_presence.client.device import Sight
    >>> from private_presence.server.clock import ManualClock
    >>> async def sights():
    ...     return {"alice": Sight("alice", 1, 8, online=True)}
    >>> bob = SimpleNamespace(name="bob", sights=sights)
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> model = Model(("alice", "bob"), {("alice", "bob"): 7})
    >>> about = (config, ManualClock(8 * 300.0), asyncio.Event(), 9 * 300.0)
    >>> watch = Watch([bob], model, *about)
    >>> asyncio.run(watch.seen())
    ({('alice', 'bob'): True}, 8)
    >>> watch.wrong
    [('alice', 'bob')]
    """

    people: list[Person]
    model: Model
    config: Config
    clock: Clock
    news: asyncio.Event
    end: float
    wrong: list[Pair] = field(default_factory=list)

    @property
    def t(self) -> int:
        """The present short epoch."""
        return epoch_at(self.config, Kind.ST, self.clock.now())

    async def seen(self) -> tuple[dict[Pair, bool], int]:
        """Ask everybody's device who is online.

        Returns
        -------
        seen : dict
        t : int
            The latest short epoch that everybody has looked up.
        """
        now, result, epochs = self.t, {}, []
        for reader in self.people:
            for name, sight in (await reader.sights()).items():
                online = sight.online and sight.t >= now - FRESH
                result[name, reader.name] = online
                epochs.append(sight.t)
                self._check(name, reader.name, sight.online, sight.t)
        return result, min(epochs, default=0)

    def _check(self, owner: str, reader: str, online: bool, t: int) -> None:
        first = self.model.hidden.get((owner, reader))
        if online and first is not None and t >= first:
            self.wrong.append((owner, reader))

    async def agreed(self) -> bool:
        """Wait until what is seen is what the model says, twice in a row.

        Returns
        -------
        bool
            False if the time was over before.
        """
        epochs: set[int] = set()
        while self.clock.now() < self.end:
            seen, t = await self.seen()
            if seen != self.model.expected():
                epochs.clear()
            else:
                epochs.add(t)
            if len(epochs) >= HOLD:
                return True
            self.news.clear()
            with_timeout = asyncio.wait_for(self.news.wait(), POLL)
            await asyncio.gather(with_timeout, return_exceptions=True)
        return False


def told(seen: dict[Pair, bool], names: tuple[str, ...]) -> list[str]:
    """Write who sees whom.

    Parameters
    ----------
    seen : dict
    names : tuple of str

    Returns
    -------
    list of str

    Examples
    --------
    >>> told({("a", "b"): True, ("b", "a"): False}, ("a", "b"))
    ['a sees nobody', 'b sees a']
    """
    lines = []
    for reader in names:
        whom = [owner for owner in names if seen.get((owner, reader))]
        lines.append(f"{reader} sees {', '.join(whom) or 'nobody'}")
    return lines
