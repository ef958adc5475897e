"""A client's disk is full at any write: what counts as saved is there afterwards."""

import asyncio
import errno
from contextlib import suppress
from dataclasses import replace

import pytest

from private_presence.client.device import Wish, new_device
from private_presence.client.home import Home
from private_presence.commands.tests.people import deployment_file
from private_presence.errors import StateError
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.files import Files
from private_presence.protocol.store import Plain
from private_presence.protocol.tests.world import deployment


class FullDisk(Files):
    """Has room for so many writes, and then for half of one."""

    def __init__(self, room):
        self.room = room

    def write(self, handle, data):
        self.room -= 1
        if self.room < 0:
            super().write(handle, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(handle, data)


@pytest.mark.parametrize("room", range(4))
def test_a_clients_full_disk_leaves_the_old_state_or_the_new_one(tmp_path, room):
    config = deployment()
    home = Home(tmp_path / "home", tmp_path / "mirrors")
    home.pin(deployment_file(config))
    home.store(Plain()).save(new_device(config, 100, SeededRandomness("home")))

    async def note(where, word):
        async with where.keeper(Plain()).edit() as edit:
            wish = Wish(True, 0, word)
            return edit.save(replace(edit.device, wish=wish)).device

    async def load():
        async with home.keeper(Plain()).edit() as edit:
            return edit.device

    before, saved = asyncio.run(load()), None
    with suppress(OSError, StateError):
        saved = asyncio.run(note(replace(home, files=FullDisk(room)), b"new"))
    after = asyncio.run(load())
    # Nothing counts as saved, and so nothing is sent, that is not there afterwards.
    assert (
        after == saved if saved else after.wish in (before.wish, Wish(True, 0, b"new"))
    )
    assert saved is None or room >= 2  # the state and its mirror
    assert asyncio.run(note(home, b"later")).wish.aux == b"later"
