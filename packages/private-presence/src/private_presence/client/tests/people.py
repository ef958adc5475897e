"""People with agents over a scripted deployment, on one manual clock."""

import asyncio
import copy
import hashlib
from dataclasses import replace

from private_presence.client.agent import Agent
from private_presence.client.device import (
    Wish,
    decode_device,
    encode_device,
    new_device,
)
from private_presence.client.keeper import MemoryKeeper
from private_presence.client.memory_transport import MemoryTransport
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.client import accept_invitation, change_circle
from private_presence.protocol.epochs import Kind, start_of
from private_presence.protocol.membership import invite
from private_presence.server.clock import ManualClock

from .scripted import FIRST, Backroom, Recorder, services_of

TURNS = 60  # of the event loop for each sleeper that wakes


class Person:
    def __init__(self, town, name):
        self.town, self.name = town, name
        config = town.room.config
        self.rng = SeededRandomness(name)
        account = hashlib.sha256(name.encode()).digest()
        device = new_device(config, FIRST, self.rng, account)
        self.keeper = MemoryKeeper(replace(device, wish=Wish(True, 3, name.encode())))
        inner = MemoryTransport(town.services, town.clock)
        self.net = Recorder(inner, town.clock)
        self.stop, self.task, self.news = None, None, []

    @property
    def device(self):
        return decode_device(self.keeper.data)

    def edit(self, change):
        self.keeper.data = encode_device(change(self.device))

    def agent(self, **options):
        town, clock = self.town, self.town.clock
        parts = (town.room.deployment, self.keeper, self.net, clock, self.rng)
        # The clock stands still while a question is made: nothing is to be hidden.
        options = {"relay": True, "on_event": self.news.append, "pause": 0.0, **options}
        return Agent(*parts, **options)

    def start(self, **options):
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(self.agent(**options).run(self.stop))

    async def end(self):
        self.stop.set()
        await self.task

    def sees(self, name):
        return next((s for s in self.device.sights if s.name == name), None)


class Town:
    def __init__(self, names, start=None, **changes):
        self.clock = ManualClock(start or 0.0)
        self.room = Backroom(self.clock, **changes)
        if start is None:
            self.clock = ManualClock(start_of(self.room.config, Kind.LT, FIRST) + 400.0)
            self.room.clock = self.clock
        self.services = services_of(self.room)
        self.people = {name: Person(self, name) for name in names}

    def __getitem__(self, name):
        return self.people[name]

    def twin(self):
        """A copy of a town in which nobody is running."""
        town = copy.copy(self)
        town.clock = ManualClock(self.clock.now())
        town.room = self.room.twin(town.clock)
        town.services = services_of(town.room)
        town.people = {name: Person(town, name) for name in self.people}
        for name, person in self.people.items():
            town[name].keeper.data = person.keeper.data
        return town

    def befriend(self, owner, reader):
        befriend(self.room.config, self[owner], self[reader])

    def start(self, **options):
        for person in self.people.values():
            person.start(**options)

    async def until(self, lt, offset=0.0):
        when = start_of(self.room.config, Kind.LT, lt) + offset
        await self.clock.advance(when - self.clock.now(), TURNS)
        for person in self.people.values():
            if person.task and person.task.done() and not person.stop.is_set():
                person.task.result()

    async def end(self):
        for person in self.people.values():
            await person.end()


def befriend(config, owner, reader):
    """`reader` may see `owner` from now on."""
    nonce = owner.rng.draw(32)
    circle, data = invite(
        owner.device.client.circles[0], config, reader.name, nonce, owner.rng
    )
    owner.edit(
        lambda d: replace(d, client=change_circle(d.client, 0, lambda _: circle))
    )
    reader.edit(
        lambda d: replace(
            d, client=accept_invitation(d.client, config, owner.name, data, nonce)
        )
    )
