"""Fetch the manifests that hold token keys: from the registrar and every server."""

from collections.abc import Sequence

from private_presence.client.device import Device
from private_presence.client.keeper import Keeper
from private_presence.client.links import check_time, linked, together
from private_presence.client.manifests import accuse, agreed, get_manifest, remember
from private_presence.client.setting import Setting
from private_presence.errors import PeerError, PresenceError, VerificationError
from private_presence.protocol.epochs import Kind

__all__ = ["fetch_keys", "newest"]


async def newest(keeper: Keeper) -> Device:
    """Load the device to look at it.

    Parameters
    ----------
    keeper : Keeper

    Returns
    -------
    Device

    Examples
    --------
    >>> import asyncio
    >>> from private_presence.client.device import new_device
    >>> from private_presence.client.keeper import MemoryKeeper
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> keeper = MemoryKeeper(new_device(config, 100, SystemRandomness()))
    >>> asyncio.run(newest(keeper)).looked_lt
    100
    """
    async with keeper.edit() as edit:
        return edit.device


async def fetch_keys(setting: Setting, epoch: int) -> None:
    """Fetch the manifests of an LT epoch and of the one before from all parties.

    Parameters
    ----------
    setting : Setting
    epoch : int

    Raises
    ------
    PeerError
        If somebody is away: that manifest is not taken over from the others.
    VerificationError
        If the copies differ or do not verify; the alarm is saved.

    Raises `ClockError` too, if this clock is known to be wrong.

    Examples
    --------
    Servers that show different manifests are told of, and nothing of theirs is kept:

    >>> import asyncio
    >>> from contextlib import nullcontext
    >>> from private_presence.client.device import new_device
    >>> from private_presence.client.keeper import MemoryKeeper
    >>> from private_presence.client.transport import Answered, Link, Transport
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.server.clock import ManualClock
    >>> class Party(Link):
    ...     def __init__(self, number):
    ...         self.number = number
    ...
    ...     async def exchange(self, method, path, body, limit):
    ...         return Answered(200, b"manifest of party %d" % self.number, None)
    >>> class Net(Transport):
    ...     def connect(self, party, *, via_relay):
    ...         return nullcontext(Party(party))
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> keeper = MemoryKeeper(new_device(config, 100, rng))
    >>> parts = Deployment(config, None), keeper, Net(), ManualClock(8_641_500.0), rng
    >>> asyncio.run(fetch_keys(Setting(*parts, True, 30.0, {}), 100))
    Traceback (most recent call last):
    private_presence.errors.VerificationError: the servers gave different manifests ...
    >>> [alarm.what for alarm in keeper.device.alarms], keeper.device.keys
    (['manifest'], ())
    """
    parties, epochs = range(len(setting.config.servers) + 1), (epoch - 1, epoch)
    replies = await together(_from_party(setting, p, epochs) for p in parties)
    check_time(setting)
    away: PeerError | None = None
    for target, copies in zip(epochs, zip(*replies, strict=True), strict=True):
        away = next((c for c in copies if isinstance(c, PeerError)), away)
        found = [copy for copy in copies if isinstance(copy, bytes)]
        if len(found) == len(copies):
            await _take(setting, target, found)
    if away:
        raise away


async def _from_party(
    setting: Setting, party: int, epochs: Sequence[int]
) -> list[bytes | PeerError]:
    copies: list[bytes | PeerError] = []
    async with linked(setting, party) as link:
        for epoch in epochs:
            try:
                copy = await get_manifest(setting, link, party, Kind.LT, epoch)
            except PeerError as error:
                copy = error
            copies.append(copy)
    return copies


async def _take(setting: Setting, epoch: int, copies: list[bytes]) -> None:
    async with setting.keeper.edit() as edit:
        device = edit.device
        try:
            manifest = agreed(device, setting.config, Kind.LT, epoch, copies)
        except PresenceError as error:
            edit.save(accuse(device, setting, Kind.LT, epoch, copies, str(error)))
            raise VerificationError(str(error)) from None
        edit.save(remember(device, setting.config, manifest))
