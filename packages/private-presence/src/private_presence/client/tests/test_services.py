"""Agents with the real registrar and lookup servers, called directly."""

import asyncio
from hashlib import sha256
from types import SimpleNamespace

import pytest

from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.directory import Directory
from private_presence.protocol.epochs import Kind, start_of
from private_presence.protocol.tests.world import (
    REGISTRAR,
    SERVERS,
    deployment,
)
from private_presence.server.clock import ManualClock
from private_presence.server.lookup.server import LookupServer
from private_presence.server.metrics import Metrics
from private_presence.server.registrar import Registrar, RegistrarKeys, ThreadWorkers
from private_presence.server.storage import open_storage
from private_presence.server.tests.local_peers import LocalPeers

from .people import Person, befriend
from .scripted import FIRST

CONFIG = deployment(servers=tuple(key.public for key in SERVERS[:2]), privacy=1)
STEP = 4.0  # seconds of the manual clock for each hundredth of a real one


class Real:
    """What `Person` wants of a town, with the servers in earnest."""

    def __init__(self, folder, names):
        self.clock = ManualClock(start_of(CONFIG, Kind.LT, FIRST) + 20.0)
        self.storage = open_storage(f"sqlite:///{folder / 'registrar'}")
        place = Deployment(CONFIG, Directory(CONFIG.dep_id, 1, ()))
        self.room = SimpleNamespace(config=CONFIG, deployment=place)
        peers = LocalPeers()
        keys = RegistrarKeys(REGISTRAR, sha256(b"root").digest())
        rest = (self.storage, peers, self.clock, SeededRandomness("r"), Metrics())
        workers = ThreadWorkers()
        registrar = Registrar(place, keys, *rest, file=b"", workers=workers)
        for i, key in enumerate(SERVERS[:2]):
            own = folder / f"server {i}"
            own.mkdir()
            rng = SeededRandomness(f"server {i}")
            parts = (peers, self.clock, rng, Metrics())
            peers.services.append(LookupServer(place, i, key, own, *parts))
        self.services = [registrar, *peers.services]
        self.people = {name: Person(self, name) for name in names}
        for name in names:
            account = sha256(name.encode()).digest()
            self.storage.add_account(sha256(account).digest())

    async def live(self, until):
        stop = asyncio.Event()
        tasks = [asyncio.create_task(s.run(stop)) for s in self.services]
        await asyncio.sleep(0.5)  # the first tables
        for person in self.people.values():
            person.start()
        while self.clock.now() < until:
            await self.clock.advance(STEP)
            await asyncio.sleep(0.01)
        for person in self.people.values():
            await person.end()
        stop.set()
        await asyncio.gather(*tasks)
        for service in self.services:
            await service.close()
        self.storage.close()


@pytest.mark.slow
def test_friends_see_each_other_through_real_servers(tmp_path):
    town = Real(tmp_path, ["alice", "bob", "carol"])
    befriend(CONFIG, town.people["alice"], town.people["bob"])
    befriend(CONFIG, town.people["bob"], town.people["alice"])
    asyncio.run(town.live(start_of(CONFIG, Kind.LT, FIRST + 2) + 890.0))
    for person in town.people.values():
        assert not person.device.alarms, person.device.alarms
    seen = town.people["bob"].sees("alice")
    assert (seen.online, seen.status, seen.aux) == (True, 3, b"alice")
    assert town.people["alice"].sees("bob").online
    assert town.people["carol"].device.sights == ()
