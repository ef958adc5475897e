"""Who keeps the device: exclusive, newest first, and saved before anything is sent.

::

    async with keeper.edit() as edit:  # nobody else, in any process, edits now
        saved = edit.save(change(edit.device))
    send(saved)  # outside: the network may take its time

What is sent is read from a `SavedDevice`: as it was saved, or as a keeper loaded it.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import final

from private_presence.client.device import Device, decode_device, encode_device

__all__ = ["Edit", "Keeper", "MemoryKeeper", "SavedDevice"]


@dataclass(frozen=True)
class SavedDevice:
    """A device that would survive a crash now (F34).

    Examples
    --------
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> keeper = MemoryKeeper(new_device(config, 100, SystemRandomness()))
    >>> async def save():
    ...     async with keeper.edit() as edit:
    ...         return edit.save(edit.device)
    >>> saved = asyncio.run(save())
    >>> saved.device == keeper.device, saved.device.client.counter
    (True, 1)
    """

    device: Device


class Edit(ABC):
    """One exclusive edit.

    Examples
    --------
    What was saved is what the edit holds from then on:

    >>> from private_presence.client.device import Wish, new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> keeper = MemoryKeeper(new_device(config, 100, SystemRandomness()))
    >>> async def go_online():
    ...     async with keeper.edit() as edit:
    ...         edit.save(replace(edit.device, wish=Wish(True, 3)))
    ...         return edit.device.wish, edit.device.client.counter
    >>> asyncio.run(go_online())
    (Wish(visible=True, status=3), 1)
    """

    @property
    @abstractmethod
    def device(self) -> Device:
        """The newest device: as loaded, or as saved last."""

    @abstractmethod
    def save(self, device: Device) -> SavedDevice:
        """Write a device; when this returns, it survives any crash.

        Parameters
        ----------
        device : Device

        Returns
        -------
        SavedDevice
            With its client's counter one higher (F5).
        """


class Keeper(ABC):
    """Where a device lives.

    Examples
    --------
    One at a time: the second edit waits for the first one and finds what it saved.

    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> keeper = MemoryKeeper(new_device(config, 100, SystemRandomness()))
    >>> async def save():
    ...     async with keeper.edit() as edit:
    ...         found = edit.device.client.counter
    ...         await asyncio.sleep(0)
    ...         return found, edit.save(edit.device).device.client.counter
    >>> async def both():
    ...     return await asyncio.gather(save(), save())
    >>> asyncio.run(both())
    [(0, 1), (1, 2)]
    """

    @abstractmethod
    def edit(self) -> AbstractAsyncContextManager[Edit]:
        """Wait for one's turn, load the newest device, and hold it.

        Returns
        -------
        context manager of Edit
            Leaving it without `save` changes nothing.
        """


@final
class MemoryKeeper(Keeper):
    """A device in memory, through the same bytes as on a disk.

    Parameters
    ----------
    device : Device

    Examples
    --------
    An edit that is left without `save` changes nothing:

    >>> from private_presence.client.device import Wish, new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> keeper = MemoryKeeper(new_device(config, 100, SystemRandomness()))
    >>> async def edited(*, save):
    ...     async with keeper.edit() as edit:
    ...         device = replace(edit.device, wish=Wish(True))
    ...         if save:
    ...             edit.save(device)
    ...     return keeper.device.wish.visible
    >>> asyncio.run(edited(save=False)), asyncio.run(edited(save=True))
    (False, True)
    """

    def __init__(self, device: Device) -> None:
        self.data = encode_device(device)
        self._read = self.data, decode_device(self.data)
        self._lock = asyncio.Lock()

    @property
    def device(self) -> Device:
        """The newest device."""
        if self._read[0] is not self.data:
            self._read = self.data, decode_device(self.data)
        return self._read[1]

    @asynccontextmanager
    async def edit(self) -> AsyncIterator[Edit]:
        """See `Keeper.edit`.

        Yields
        ------
        Edit
        """
        async with self._lock:
            yield _MemoryEdit(self)


@final
class _MemoryEdit(Edit):
    def __init__(self, keeper: MemoryKeeper) -> None:
        self._keeper = keeper
        self._device = keeper.device

    @property
    def device(self) -> Device:
        return self._device

    def save(self, device: Device) -> SavedDevice:
        client = replace(device.client, counter=device.client.counter + 1)
        self._device = replace(device, client=client)
        self._keeper.data = encode_device(self._device)
        self._device = self._keeper.device
        return SavedDevice(self._device)
