"""The commands of two people against real servers, each command a process of its own."""

import asyncio
import os
import sys
import time
from dataclasses import dataclass, field

import pytest

from private_presence.client.https import HttpsTransport
from private_presence.demo.processes import serving
from private_presence.demo.stage import enrol, found
from private_presence.errors import PeerError
from private_presence.primitives.randomness import SystemRandomness
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.protocol.manifest import MAX_MANIFEST_SIZE

SECONDS = "28"  # two long epochs, a start and a lookup
RNG = SystemRandomness()


@dataclass
class Shell:
    """Runs ``presence`` for one person."""

    name: str
    folder: object
    code: str = field(default_factory=lambda: bytes(RNG.draw(32)).hex())

    async def __call__(self, *words, typed="", status=0):
        folder = self.folder / self.name
        environment = {
            **os.environ,
            "PRESENCE_HOME": str(folder),
            "XDG_STATE_HOME": str(self.folder / f"{self.name} states"),
            "PRESENCE_PASSPHRASE_FILE": str(self.folder / "passphrase"),
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "private_presence.cli", *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
        )
        said = (await process.communicate(typed.encode()))[0].decode()
        assert process.returncode == status, (words[0], said)
        assert self.code not in said
        return said


async def until_published(stage):
    epoch = epoch_at(stage.deployment.config, Kind.LT, time.time())
    for _ in range(100):
        try:
            async with HttpsTransport(stage.deployment).connect(
                0, via_relay=False
            ) as link:
                path = f"/v1/manifest/lt/{epoch}"
                got = await link.exchange("GET", path, b"", MAX_MANIFEST_SIZE)
            if got.status == 200:
                return
        except PeerError:
            pass
        await asyncio.sleep(0.2)
    raise AssertionError("nothing was published")


async def befriended(folder):
    alice, bob = Shell("alice", folder), Shell("bob", folder)
    for person in (alice, bob):
        await person("init", "--deployment", str(folder / "deployment"))
        await person("enroll", typed=person.code)
    invitation = await alice("invite", "bob", typed=await bob("request"))
    await bob("accept", "alice", typed=invitation)
    return alice, bob


async def play(folder):
    stage = found(folder, time.time(), RNG)
    (folder / "passphrase").write_text("correct horse battery\n")
    alice, bob = await befriended(folder)
    enrol(stage, [bytes.fromhex(person.code) for person in (alice, bob)])
    async with serving(stage.servers, folder):
        await until_published(stage)
        online = ("online", "--no-view", "--for", SECONDS, "--status", "at lunch")
        runs = [asyncio.create_task(person(*online)) for person in (alice, bob)]
        await asyncio.sleep(2)
        # Commands interleave with whoever is online; a second one online is refused.
        assert "bob" in await alice("friends")
        assert "somebody is online" in await bob("online", status=1)
        said = await asyncio.gather(*runs)
        return *said, await bob("status"), await alice("suspend", "bob")


@pytest.mark.slow
def test_one_person_sees_another_by_commands_alone(tmp_path):
    alice, bob, status, suspended = asyncio.run(play(tmp_path))
    assert "You are online; 1 friend can see it." in alice
    assert "You read nobody yet." in alice
    assert "alice  online   looked up" in bob
    assert "at lunch" in bob
    for said in (alice, bob):
        assert "Alarm" not in said
        assert "by network address" not in said  # there is a relay
    assert "alice  o" in status
    assert "Last lookup: 20" in status
    assert "Effective after" in suspended
