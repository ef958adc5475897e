"""The folder: exclusive edits across processes, mirrors, pins, crashes."""

import asyncio
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from hashlib import sha256

import pytest

from private_presence.client.device import Wish, new_device
from private_presence.client.home import Home, _machine, home_of
from private_presence.client.lock import hold
from private_presence.commands.tests.people import deployment_file
from private_presence.errors import (
    ForeignStateError,
    LostStateError,
    RestoredStateError,
    StateError,
)
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.files import Files
from private_presence.protocol.store import Plain
from private_presence.protocol.tests.world import deployment


@pytest.fixture
def config():
    return deployment()


@pytest.fixture
def home(tmp_path, config):
    home = Home(tmp_path / "home", tmp_path / "mirrors")
    home.pin(deployment_file(config))
    home.store(Plain()).save(new_device(config, 100, SeededRandomness("home")))
    return home


def noted(home, note):
    async def run():
        async with home.keeper(Plain()).edit() as edit:
            device = replace(edit.device, wish=Wish(True, 0, note))
            return edit.save(device).device

    return asyncio.run(run())


def loaded(home):
    async def run():
        async with home.keeper(Plain()).edit() as edit:
            return edit.device

    return asyncio.run(run())


def test_what_one_keeper_saves_another_loads(home):
    saved = noted(home, b"one")
    assert loaded(home) == saved
    assert saved.client.counter == 2


def test_an_edit_that_is_left_without_a_save_changes_nothing(home):
    before = home.state.read_bytes()
    loaded(home)
    assert home.state.read_bytes() == before


def test_edits_of_one_process_wait_for_each_other(home):
    keeper, order = home.keeper(Plain()), []

    async def edit(name):
        async with keeper.edit() as opened:
            order.append(name)
            await asyncio.sleep(0.03)
            order.append(name)
            note = opened.device.wish.aux + name
            opened.save(replace(opened.device, wish=Wish(True, 0, note)))

    async def both():
        await asyncio.gather(edit(b"a"), edit(b"b"))

    asyncio.run(both())
    assert order in ([b"a", b"a", b"b", b"b"], [b"b", b"b", b"a", b"a"])
    assert sorted(loaded(home).wish.aux) == [ord("a"), ord("b")]


ADD = """
    import asyncio, sys
    from dataclasses import replace
    from pathlib import Path
    from private_presence.client.device import Wish
    from private_presence.client.home import Home
    from private_presence.protocol.store import Plain
    home = Home(Path(sys.argv[1]), Path(sys.argv[2]))
    async def add():
        keeper = home.keeper(Plain())
        for _ in range(10):
            async with keeper.edit() as edit:
                note = edit.device.wish.aux + sys.argv[3].encode()
                edit.save(replace(edit.device, wish=Wish(True, 0, note)))
    asyncio.run(add())
"""


def run_adders(home, names):
    words = [sys.executable, "-c", textwrap.dedent(ADD)]
    words += [str(home.folder), str(home.mirrors)]
    return [subprocess.Popen([*words, name]) for name in names]


def test_two_processes_lose_none_of_each_others_edits(home):
    adders = run_adders(home, "ab")
    assert [process.wait() for process in adders] == [0, 0]
    note = loaded(home).wish.aux
    assert (note.count(b"a"), note.count(b"b")) == (10, 10)


def test_a_process_that_is_killed_leaves_no_lock(home):
    code = textwrap.dedent(
        """
        import asyncio, os, sys
        from pathlib import Path
        from private_presence.client.lock import hold
        async def die():
            async with hold(Path(sys.argv[1])):
                os._exit(9)
        asyncio.run(die())
        """
    )
    run = [sys.executable, "-c", code, str(home.folder / "lock")]
    assert subprocess.run(run, check=False).returncode == 9
    noted(home, b"after")


def test_a_lock_is_not_waited_for_without_end(home, monkeypatch):
    monkeypatch.setattr("private_presence.client.lock.PATIENCE", 0.05)

    async def twice():
        async with hold(home.folder / "lock"), hold(home.folder / "lock"):
            pass

    with pytest.raises(StateError, match="another process holds"):
        asyncio.run(twice())


def test_only_one_is_online(home):
    async def twice():
        async with home.being_online(), home.being_online():
            pass

    with pytest.raises(StateError, match="somebody is online"):
        asyncio.run(twice())


def test_a_copied_folder_has_no_mirror_here(home, tmp_path):
    copy = Home(tmp_path / "copy", home.mirrors)
    copy.make()
    for name in ("state", "deployment"):
        (copy.folder / name).write_bytes((home.folder / name).read_bytes())
    with pytest.raises(RestoredStateError, match="presence restore"):
        loaded(copy)


def test_another_spelling_of_the_folder_is_the_same_device(home, tmp_path):
    saved = noted(home, b"one")
    (tmp_path / "link").symlink_to(home.folder)
    for folder in (tmp_path / "link", home.folder / ".." / home.folder.name):
        assert loaded(Home(folder, home.mirrors)) == saved
    noted(Home(tmp_path / "link", home.mirrors), b"two")
    assert loaded(home).wish.aux == b"two"


def test_a_mirror_under_the_spelling_of_an_earlier_version_is_found(home, tmp_path):
    saved, link = noted(home, b"one"), Home(tmp_path / "link", home.mirrors)
    place = f"{_machine()}\0{link.folder}".encode()
    home.mirror.rename(home.mirrors / sha256(place).hexdigest()[:32])
    link.folder.symlink_to(home.folder)
    assert loaded(link) == saved
    with pytest.raises(RestoredStateError):
        loaded(home)


def test_a_folder_and_its_mirror_moved_to_another_machine_are_noticed(
    home, monkeypatch
):
    monkeypatch.setattr("private_presence.client.home._machine", lambda: "another")
    with pytest.raises(RestoredStateError):
        loaded(home)


def test_an_old_state_put_back_is_noticed(home):
    old = home.state.read_bytes()
    noted(home, b"newer")
    noted(home, b"newest")
    home.state.write_bytes(old)
    with pytest.raises(RestoredStateError):
        loaded(home)


def test_a_pinned_deployment_stays(home, config):
    assert home.pin(deployment_file(config, serial=3)).directory.serial == 3
    assert home.pin(deployment_file(config, serial=2)).directory.serial == 3
    with pytest.raises(ForeignStateError):
        home.pin(deployment_file(deployment(retain=7)))
    assert home.deployment().config == config


def test_without_a_deployment_it_says_how_to_join(tmp_path):
    with pytest.raises(LostStateError, match="presence init"):
        Home(tmp_path / "none", tmp_path).deployment()


class Killed(BaseException):
    pass


class KilledFiles(Files):
    def __init__(self, alive):
        self.alive = alive

    def __getattribute__(self, name):
        if not name.startswith("_") and name != "alive":
            if self.alive == 0:
                raise Killed
            self.alive -= 1
        return super().__getattribute__(name)


@pytest.mark.parametrize("alive", range(20))
def test_killed_at_every_write_an_edit_happened_or_did_not(home, alive):
    old = loaded(home)
    mortal = replace(home, files=KilledFiles(alive))
    saved = None
    try:
        saved = noted(mortal, b"new")
    except Killed:
        assert alive < 16  # create to wipe, for state and mirror
    again = loaded(home)
    assert again.wish in (old.wish, Wish(True, 0, b"new"))
    if saved:
        assert again == saved
    assert noted(home, b"later").wish.aux == b"later"


def test_the_environment_says_where_things_are():
    home = home_of(None, {"PRESENCE_HOME": "/a", "XDG_STATE_HOME": "/b"})
    assert (str(home.folder), str(home.mirrors)) == ("/a", "/b/presence")
    assert str(home_of("/c", {"PRESENCE_HOME": "/a", "HOME": "/h"}).folder) == "/c"
    assert (
        os.fspath(home_of(None, {"HOME": "/h"}).mirrors) == "/h/.local/state/presence"
    )
