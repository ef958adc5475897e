"""People of the demo: each with a folder, a vault and a client that runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from private_presence.client.agent import Agent
from private_presence.client.device import Device, Sight, Wish, new_device
from private_presence.client.home import DiskKeeper, Home
from private_presence.client.https import HttpsTransport
from private_presence.client.pairing import (
    answer_request,
    make_request,
    take_invitation,
)
from private_presence.client.vault import Cost, Vault, vault_of_passphrase
from private_presence.client.wishes import change_member
from private_presence.demo.meter import Meter
from private_presence.demo.stage import Stage
from private_presence.errors import StateError
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import Secret
from private_presence.protocol.circle import Circle
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.protocol.files import Files
from private_presence.server.clock import Clock

__all__ = ["Person", "befriend", "being_online", "make_person"]

PATIENCE = 3.0  # seconds for an exchange, on a machine that plays everybody
# A passphrase of 32 random bytes needs no stretching.
CHEAP = Cost(1, 8)


class _Fleeting(Files):
    """Does not wait for the disk: what is thrown away need not survive a crash."""

    def sync(self, handle: int) -> None:
        return None

    def sync_folder(self, folder: Path) -> None:
        return None

    def wipe(self, handle: int) -> None:
        self.close(handle)


@dataclass(frozen=True)
class Person:
    """Somebody with a device.

    Parameters
    ----------
    name : str
    home : Home
    vault : Vault
    keeper : DiskKeeper
    credential : Secret
        Of the account.
    meter : Meter

    Examples
    --------
    What `make_person` makes wishes to be seen:

    >>> import tempfile
    >>> from private_presence.demo.stage import found
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> rng = SystemRandomness()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stage = found(Path(folder), 1.8e9, rng)
    ...     alice = make_person("alice", Path(folder), stage, 1.8e9, rng)
    ...     device, sights = asyncio.run(alice.look()), asyncio.run(alice.sights())
    >>> device.wish.visible, device.wish.aux, sights
    (True, b'hi from alice', {})
    """

    name: str
    home: Home
    vault: Vault
    keeper: DiskKeeper
    credential: Secret
    meter: Meter = field(default_factory=Meter)

    async def look(self) -> Device:
        """Read the newest device.

        Returns
        -------
        Device
        """
        async with self.keeper.edit() as edit:
            return edit.device

    async def sights(self) -> dict[str, Sight]:
        """What the last lookups showed, by friend.

        Returns
        -------
        dict
        """
        return {sight.name: sight for sight in (await self.look()).sights}

    async def change(self, step: Callable[[Circle, str], Circle], name: str) -> None:
        """Suspend, resume or remove a friend.

        Parameters
        ----------
        step : callable
            Of `membership`.
        name : str
        """
        async with self.keeper.edit() as edit:
            edit.save(change_member(edit.device, step, name))


def make_person(
    name: str, folder: Path, stage: Stage, now: float, rng: Randomness
) -> Person:
    """Set somebody up, as ``presence init`` and ``presence enroll`` do.

    Parameters
    ----------
    name : str
    folder : Path
    stage : Stage
    now : float
    rng : Randomness

    Returns
    -------
    Person
        Whose wish is to be seen.

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.demo.stage import found
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> rng = SystemRandomness()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stage = found(Path(folder), 1.8e9, rng)
    ...     alice = make_person("alice", Path(folder), stage, 1.8e9, rng)
    >>> alice.name, alice.home.folder.name, alice.credential
    ('alice', 'alice', <Secret of 32 bytes>)
    """
    home = Home(folder / name, folder / "mirrors", _Fleeting())
    config = home.pin(stage.file).config
    passphrase = Secret(bytes(rng.draw(32)).hex().encode())
    vault = vault_of_passphrase(passphrase, rng, cost=CHEAP)
    credential = Secret(rng.draw(32))
    device = new_device(config, epoch_at(config, Kind.LT, now), rng, credential)
    home.store(vault).save(
        replace(device, wish=Wish(True, 0, f"hi from {name}".encode()))
    )
    return Person(name, home, vault, home.keeper(vault), credential)


async def befriend(owner: Person, reader: Person, rng: Randomness) -> tuple[str, str]:
    """Let `reader` see `owner`: request, invitation, acceptance.

    Parameters
    ----------
    owner, reader : Person
    rng : Randomness

    Returns
    -------
    request, invitation : str
        As they went from one to the other.

    Raises
    ------
    StateError
        If the owner has excluded somebody since the last change of keys.

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.demo.stage import found
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> rng, names = SystemRandomness(), ("alice", "bob")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     place = (Path(folder), found(Path(folder), 1.8e9, rng), 1.8e9, rng)
    ...     alice, bob = (make_person(name, *place) for name in names)
    ...     request, invitation = asyncio.run(befriend(alice, bob, rng))
    ...     friends = asyncio.run(bob.look()).client.friends
    >>> request[:16], invitation[:19], [friend.name for friend in friends]
    ('PRESENCE-REQUEST', 'PRESENCE-INVITATION', ['alice'])
    """
    request = await make_request(reader.home, reader.vault, rng)
    guest = (owner.home, owner.vault, reader.name, request, rng)
    invitation = await answer_request(*guest)
    if invitation is None:
        raise StateError("a new generation has to come first: invite again after it")
    await take_invitation(reader.home, reader.vault, owner.name, invitation)
    return request, invitation


@asynccontextmanager
async def being_online(
    people: list[Person],
    stage: Stage,
    clock: Clock,
    rng: Randomness,
    news: asyncio.Event,
) -> AsyncIterator[None]:
    """Run everybody's client until the block is left.

    Parameters
    ----------
    people : list of Person
    stage : Stage
    clock : Clock
    rng : Randomness
    news : asyncio.Event
        Set whenever something came of an exchange.

    Yields
    ------
    None
    """
    stop = asyncio.Event()
    agents = [
        Agent(
            stage.deployment,
            person.keeper,
            person.meter.over(HttpsTransport(stage.deployment)),
            clock,
            rng,
            relay=True,
            on_event=lambda _: news.set(),
            patience=PATIENCE,
        )
        for person in people
    ]
    try:
        # A client that fails ends the block at once, with its reason.
        async with asyncio.TaskGroup() as group:
            for agent in agents:
                group.create_task(agent.run(stop))
            try:
                yield
            finally:
                stop.set()
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
