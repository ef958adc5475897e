"""Three people online over a cluster of real processes, while things go wrong."""

import asyncio
import time
from dataclasses import replace
from hashlib import sha256

from private_presence.client.agent import Agent
from private_presence.client.device import Wish, new_device
from private_presence.client.https import HttpsTransport
from private_presence.client.keeper import MemoryKeeper
from private_presence.demo.profile import constants
from private_presence.primitives.randomness import SystemRandomness
from private_presence.protocol.client import accept_invitation, change_circle
from private_presence.protocol.epochs import Kind, epoch_at, start_of
from private_presence.protocol.membership import invite
from private_presence.server.clock import SystemClock

from .cluster import Cluster

PEOPLE = 3
PATIENCE = 3.0  # seconds for an exchange, on a machine that plays everybody
NAMES = [f"person {i}" for i in range(PEOPLE)]


def credential(name):
    return sha256(f"account of {name}".encode()).digest()


def cluster_of(folder, **options):
    changes = {**constants(busy=True), "max_friends": 10, "buckets": 16}
    cluster = Cluster(folder, changes, SystemRandomness(), **options)
    cluster.enrol([credential(name) for name in NAMES])
    return cluster


class Person:
    """A device in memory, and its agent."""

    def __init__(self, town, name):
        self.town, self.name, self.rng = town, name, SystemRandomness()
        now = epoch_at(town.config, Kind.LT, time.time())
        device = new_device(town.config, now, self.rng, credential(name))
        wish = Wish(True, 0, name.encode())
        self.keeper = MemoryKeeper(replace(device, wish=wish))
        self.stop, self.task = None, None

    @property
    def device(self):
        return self.keeper.device

    def start(self):
        town, self.stop = self.town, asyncio.Event()
        parts = (town.cluster.deployment, self.keeper, town.net, SystemClock())
        agent = Agent(*parts, self.rng, relay=True, patience=PATIENCE)
        self.task = asyncio.create_task(agent.run(self.stop))

    async def end(self):
        self.stop.set()
        await self.task

    async def edit(self, change):
        async with self.keeper.edit() as edit:
            client = change(edit.device.client)
            edit.save(replace(edit.device, client=client))


async def befriend(config, owner, reader):
    """`reader` may see `owner` from now on."""
    nonce, circle = reader.rng.draw(32), owner.device.client.circles[0]
    circle, data = invite(circle, config, reader.name, nonce, owner.rng)
    await owner.edit(lambda c: change_circle(c, 0, lambda _: circle))
    await reader.edit(lambda c: accept_invitation(c, config, owner.name, data, nonce))


class Town:
    """Everybody is everybody's friend; `async with` runs their agents."""

    def __init__(self, cluster, transport=None):
        self.cluster, self.config = cluster, cluster.deployment.config
        self.net = transport or HttpsTransport(cluster.deployment)
        self.people = {name: Person(self, name) for name in NAMES}

    async def __aenter__(self):
        for owner in self.people.values():
            for reader in self.people.values():
                if owner is not reader:
                    await befriend(self.config, owner, reader)
        for person in self.people.values():
            person.start()
        return self

    async def __aexit__(self, *error):
        for person in self.people.values():
            await person.end()

    @property
    def devices(self):
        return [person.device for person in self.people.values()]

    def all_seen(self, since=0):
        """Whether everybody sees everybody in an ST epoch after `since`."""
        return all(
            len(device.sights) == PEOPLE - 1
            and all(s.online and s.t > since for s in device.sights)
            for device in self.devices
        )

    def t(self):
        return epoch_at(self.config, Kind.ST, time.time())

    async def until(self, condition, seconds, what):
        end = time.time() + seconds
        while not condition():
            assert time.time() < end, (what, self.words())
            await asyncio.sleep(0.1)

    async def until_seen(self, since=0, epochs=2, more=0.0):
        """Right again within `epochs` long-term epochs, without a hand."""
        now = epoch_at(self.config, Kind.LT, time.time())
        end = start_of(self.config, Kind.LT, now + 1 + epochs) - time.time() + more
        await self.until(lambda: self.all_seen(since), end, "everybody seen")

    def words(self):
        return [
            (sorted({(a.what, a.sentence) for a in d.alarms}), d.outcomes, d.sights)
            for d in self.devices
        ]

    def check_honest(self):
        """Nothing acknowledged was lost, and nobody accuses anybody."""
        for device in self.devices:
            assert device.evidence == ()
            assert not {a.what for a in device.alarms} - {"clock"}, self.words()
