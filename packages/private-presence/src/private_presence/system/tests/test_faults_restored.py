"""A backup restored on a second device: quiet at first; without its keys told to rekey."""

import asyncio
from dataclasses import replace

import pytest

from private_presence.client import vault
from private_presence.client.device import encode_device
from private_presence.client.home import Home
from private_presence.client.tests.people import Town, befriend
from private_presence.client.tests.scripted import FIRST
from private_presence.client.vault import Cost, vault_of_passphrase
from private_presence.commands.tests.people import Person
from private_presence.primitives.secret import Secret
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.config import encode_config, sign_config
from private_presence.protocol.deployment import encode_deployment
from private_presence.protocol.directory import (
    Directory,
    Party,
    encode_directory,
    sign_directory,
)
from private_presence.protocol.signed import encode_signed

aside = asyncio.to_thread  # a command has an event loop of its own
PASSPHRASE = b"correct horse battery"
AWAY = 6  # days; tables of four are kept


def deployment_file(config, signers):
    rng = SeededRandomness("file")
    parties = tuple(
        Party(f"127.0.0.1:{9000 + i}", f"127.0.0.1:{9100 + i}" if i else "", b"DER")
        for i in range(len(signers))
    )
    constants = encode_config(config)
    places = encode_directory(Directory(config.dep_id, 1, parties))
    return encode_deployment(
        encode_signed(constants, [sign_config(config, key, rng) for key in signers]),
        encode_signed(places, [sign_directory(places, key, rng) for key in signers]),
    )


class Drawer:
    """A folder of `presence`, whose clock is the town's."""

    def __init__(self, folder, town, monkeypatch, capsys):
        folder.mkdir()
        (folder / "passphrase").write_bytes(PASSPHRASE)
        monkeypatch.setenv("PRESENCE_PASSPHRASE_FILE", str(folder / "passphrase"))
        monkeypatch.setattr(vault.Cost.__init__, "__defaults__", (1, 8))
        for name in ("backup", "status", "rekey"):
            monkeypatch.setattr(f"private_presence.commands.{name}.now", town.clock.now)
        self.run, self.room = Person(folder, monkeypatch, capsys), town.room
        self.home = Home(folder / "home", folder / "states" / "presence")
        self.rng = SeededRandomness(folder.name)

    def vault(self):
        return vault_of_passphrase(Secret(PASSPHRASE), self.rng, cost=Cost(1, 8))

    def put(self, device):
        """A first state."""
        self.home.pin(deployment_file(self.room.config, self.room.keys))
        self.home.store(self.vault()).save(device)

    def opened(self):
        from private_presence.commands._people import unlock

        return self.home.store(unlock(self.home))

    def device(self):
        return self.opened().load(self.room.config).state

    def take(self, lived):
        """What the device became in memory; the folder counts its own saves."""
        store = self.opened()
        kept = store.load(self.room.config).state.client
        client = replace(lived.client, counter=kept.counter, instance=kept.instance)
        store.save(replace(lived, client=client))


@pytest.mark.parametrize("away", [AWAY, 2])
def test_a_restored_manager_is_quiet_and_told_to_rekey(
    tmp_path, monkeypatch, capsys, away
):
    """Her keys are found where tables are kept; later she registers nothing, and is
    told what to do; when she has done it, she is seen again in two days."""
    town = Town(["alice", "bob"])
    town.befriend("alice", "bob")
    alice, bob = town["alice"], town["bob"]

    def sent():
        return [path for _, path, _ in alice.net.posts if "/register/" in path]

    async def whole():
        old = Drawer(tmp_path / "old", town, monkeypatch, capsys)
        new = Drawer(tmp_path / "new", town, monkeypatch, capsys)
        town.start()
        await town.until(FIRST + 1, 590.0)
        assert bob.sees("alice").online
        old.put(alice.device)
        await aside(old.run, "backup", tmp_path / "copy")
        await town.until(FIRST + 1 + away, 590.0)
        await alice.end()
        said = await aside(new.run, "restore", tmp_path / "copy")
        assert "registers nothing before" in said
        alice.keeper.data = encode_device(new.device())
        alice.net.posts.clear()
        alice.start()
        # The first device has spent, or fetched, the tokens of two days: only on the
        # third one can this device look its keys up.
        await town.until(FIRST + 3 + away, 1.0)
        assert sent() == []
        assert not bob.sees("alice").online
        await town.until(FIRST + 3 + away, 590.0)
        await alice.end()
        new.take(alice.device)
        if away == AWAY:
            assert sent() == []
            await aside(told_to_rekey, new)
            alice.keeper.data = encode_device(new.device())
            befriend(town.room.config, alice, bob)  # as she was told
        else:
            assert new.device().client.phase == "active"
            assert "rekey" not in await aside(new.run, "status")
        alice.start()
        await town.until(FIRST + 5 + away, 590.0)
        await town.end()

    asyncio.run(whole())
    assert sent()
    assert bob.sees("alice").online
    assert not {a.what for a in alice.device.alarms} - {"phase"}


def told_to_rekey(drawer):
    assert drawer.device().client.phase == "rekey"
    assert [a.what for a in drawer.device().alarms] == ["phase"]
    assert "run presence rekey, and invite everybody again" in drawer.run("status")
    assert "\n  bob\n" in drawer.run("rekey", "--yes")
    assert drawer.device().client.phase == "active"
