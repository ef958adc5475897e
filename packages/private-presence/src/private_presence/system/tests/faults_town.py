"""A town whose registrar, servers and people are real, and whose faults are arranged.

Everybody runs in one event loop on one manual clock, and is called directly.  The clock
stands still while anything is under way, however slow the machine and its disk are.  At
each party's address stands a `Front`: behind it the party, nothing, or a fault before it.
Towns are copies of one in which Alice and Bob have seen each other already.
"""

import asyncio
import shutil
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

from private_presence.client.memory_transport import MemoryTransport
from private_presence.client.tests.people import Person, befriend
from private_presence.client.tests.scripted import FIRST, Recorder
from private_presence.client.transport import Transport
from private_presence.errors import PeerError
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.directory import Directory
from private_presence.protocol.epochs import Kind, epoch_at, start_of, window
from private_presence.protocol.tests.world import REGISTRAR, SERVERS, deployment
from private_presence.server.clock import Clock, ManualClock
from private_presence.server.endpoints import match
from private_presence.server.lookup.server import LookupServer
from private_presence.server.metrics import Metrics
from private_presence.server.registrar import Registrar, RegistrarKeys, ThreadWorkers
from private_presence.server.service import Service
from private_presence.server.storage import open_storage
from private_presence.server.tests.local_peers import LocalPeers

CONFIG = deployment(servers=tuple(key.public for key in SERVERS[:2]), privacy=1)
START = start_of(CONFIG, Kind.LT, FIRST) + 20.0
SETTLED = start_of(CONFIG, Kind.LT, FIRST + 1) + 590.0  # the town's copies begin here
T = (FIRST + 1) * CONFIG.st_per_lt + 1  # the short epoch of that moment
ST = CONFIG.st_ms / 1000
KEYS = RegistrarKeys(REGISTRAR, sha256(b"issuer root").digest())
STEP = 4.0  # seconds of the clock at once
TURNS = 20  # of the event loop in which nobody does anything: all wait for the clock
WAIT = 60.0  # real seconds at most for what one moment of the clock brings
NAMES = ("alice", "bob")
LATER = " 5"  # with these seeds nobody makes an audit in the next twenty epochs


class Shifted(Clock):
    """Somebody's clock, which differs from the town's."""

    def __init__(self, clock, offset=0.0):
        self.clock, self.offset = clock, offset

    def now(self):
        return self.clock.now() + self.offset

    async def sleep_until(self, when):
        await self.clock.sleep_until(when - self.offset)


class Jobs:
    """Counts what an event loop's threads and processes work on."""

    def __init__(self, loop):
        self.running, self._start = 0, loop.run_in_executor
        loop.run_in_executor = self._counted

    def _counted(self, *job):
        future = self._start(*job)
        self.running += 1
        future.add_done_callback(self._done)
        return future

    def _done(self, _):
        self.running -= 1


class Front(Service):
    """What is at a party's address: `fault(match, body, ask)` answers in its place."""

    def __init__(self):
        self.service, self.fault, self.busy = None, None, 0

    def limit(self, match):
        if self.service is None:
            raise PeerError("away")
        return self.service.limit(match)

    async def handle(self, match, body):
        if self.fault:
            return await self.fault(match, body, self.ask)
        return await self.ask(match, body)

    async def ask(self, match, body):
        if self.service is None:
            raise PeerError("away")
        self.busy += 1
        try:
            return await self.service.handle(match, body)
        finally:
            self.busy -= 1

    async def run(self, stop):
        await stop.wait()

    async def close(self):
        pass


class Lines(Transport):
    """To each party with the dates of that party's own clock."""

    def __init__(self, fronts, clocks):
        self._each = [MemoryTransport(fronts, clock) for clock in clocks]

    def connect(self, party, *, via_relay):
        return self._each[party].connect(party, via_relay=via_relay)


class Someone(Person):
    """A person with a clock of her own; `Person.agent` asks her as if she were a town."""

    def __init__(self, town, name, suffix=""):
        super().__init__(town, name)
        self.rng = SeededRandomness(name + suffix)
        self.clock, self.room = Shifted(town.clock), town.room
        lines = Lines(town.fronts, town.clocks)
        self.net = Recorder(lines, town.clock)

    def agent(self, **options):
        real, self.town = self.town, self
        try:
            return super().agent(**options)
        finally:
            self.town = real


class Town:
    """Three parties and some people; nobody runs before `begin`."""

    def __init__(self, folder, names=NAMES, start=START, config=CONFIG, suffix=""):
        self.folder, self.config, self.suffix = Path(folder), config, suffix
        self.clock = ManualClock(start)
        self.clocks = [Shifted(self.clock) for _ in range(3)]
        self.fronts = [Front() for _ in range(3)]
        self.services = self.fronts  # as `Person` calls them
        self.peers = self.registrars_peers = LocalPeers(self.fronts[1:])
        place = Deployment(config, Directory(config.dep_id, 1, ()))
        self.room = SimpleNamespace(config=config, deployment=place)
        self.people = {name: Someone(self, name, suffix) for name in names}
        self.url = f"sqlite:///{self.folder / 'registrar'}"
        self.storage, self.running, self.starts = None, {}, 0
        self.late = set()  # tables that an honest registrar would have published
        self.step, self.limits, self.jobs = STEP, None, None

    def __getitem__(self, name):
        return self.people[name]

    # -- parties

    async def begin(self, *parties):
        self.jobs = self.jobs or Jobs(asyncio.get_running_loop())
        for party in parties:
            self.starts += 1
            rng = SeededRandomness(f"{party} {self.starts} {self.suffix}")
            service = self._service(party, rng)
            self.fronts[party].service, stop = service, asyncio.Event()
            self.running[party] = stop, asyncio.create_task(service.run(stop))

    def _service(self, party, rng):
        place, clock = self.room.deployment, self.clocks[party]
        if party:
            own = self.folder / f"server {party - 1}"
            own.mkdir(exist_ok=True)
            key, around = SERVERS[party - 1], (self.peers, clock, rng, Metrics())
            return LookupServer(place, party - 1, key, own, *around, limits=self.limits)
        self.storage = open_storage(self.url)
        rest = (self.storage, self.registrars_peers, clock, rng, Metrics())
        return Registrar(place, KEYS, *rest, file=b"", workers=ThreadWorkers())

    async def end(self, *parties):
        for party in parties:
            stop, task = self.running.pop(party)
            stop.set()
            await task
            service, self.fronts[party].service = self.fronts[party].service, None
            await service.close()
            if not party and self.storage:
                self.storage.close()

    async def open(self, **options):
        """Begin with everybody; the first tables are there when it returns."""
        await self.begin(1, 2, 0)
        lt = epoch_at(self.config, Kind.LT, self.clock.now())
        await self.wait_for(lambda: self.served(Kind.LT, lt))
        for person in self.people.values():
            person.start(**options)

    async def close(self):
        tasks = [person.task for person in self.people.values() if person.task]
        for person in self.people.values():
            if person.task:
                person.stop.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await self.end(*list(self.running))
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure

    def enrol(self):
        storage = open_storage(self.url)
        for person in self.people.values():
            storage.add_account(sha256(bytes(person.device.account)).digest())
        storage.close()

    # -- time

    @property
    def t(self):
        return epoch_at(self.config, Kind.ST, self.clock.now())

    async def until(self, when):
        """Let time pass as fast as everybody gets ready with what it brings."""
        while (left := when - self.clock.now()) > 0:
            await self.clock.advance(min(left, self.step))
            await self._settle()
            parties = [task for _, task in self.running.values()]
            for task in (*parties, *(p.task for p in self.people.values())):
                if task and task.done():
                    task.result()

    async def end_of(self, t):
        """Let time pass until a second before a short epoch ends."""
        await self.until(start_of(self.config, Kind.ST, t + 1) - 1.0)

    async def start_of(self, t):
        """Let time pass until a second after a short epoch began."""
        await self.until(start_of(self.config, Kind.ST, t) + 1.0)

    async def _settle(self):
        end, quiet = asyncio.get_running_loop().time() + WAIT, 0
        while quiet < TURNS:
            busy = self.jobs.running or any(front.busy for front in self.fronts)
            quiet = 0 if busy else quiet + 1
            await asyncio.sleep(0.001 if busy else 0)
            assert asyncio.get_running_loop().time() < end, "somebody never gets ready"
        self.late |= self._due()

    def _due(self):
        due = set()
        for kind in Kind:
            epoch = epoch_at(self.config, kind, self.clock.now()) + 1
            closed = window(self.config, kind, epoch)[1] + 2 * self.step
            if self.clock.now() > closed and not self.served(kind, epoch):
                due.add((kind, epoch))
        return due

    def served(self, kind, epoch):
        asked = match("GET", f"/v1/manifest/{kind.name.lower()}/{epoch}")
        there = [front for front in self.fronts[1:] if front.service]
        return all(front.service.limit(asked) is not None for front in there)

    async def wait_for(self, condition, seconds=20.0):
        end = asyncio.get_running_loop().time() + seconds
        while not condition():
            assert asyncio.get_running_loop().time() < end, "it did not happen"
            await asyncio.sleep(0.005)

    def sights(self):
        """For both directions: seen online in the present short epoch?"""
        pairs = (("alice", "bob"), ("bob", "alice"))
        found = {a: self[b].sees(a) for a, b in pairs}
        return {a: bool(s and s.online and s.t == self.t) for a, s in found.items()}


BOTH, NOBODY = {"alice": True, "bob": True}, {"alice": False, "bob": False}


@cache
def _settled():
    folder = tempfile.TemporaryDirectory(prefix="settled-town-")

    async def whole():
        town = Town(folder.name)
        town.enrol()
        befriend(CONFIG, town["alice"], town["bob"])
        befriend(CONFIG, town["bob"], town["alice"])
        await town.open()
        await town.until(SETTLED)
        assert town.sights() == BOTH
        await town.close()
        return {name: person.keeper.data for name, person in town.people.items()}

    return folder, asyncio.run(whole())


def settled(folder, start=SETTLED, suffix=LATER):
    """Copy the town in which Alice and Bob see each other; nobody runs yet."""
    source, data = _settled()
    shutil.copytree(source.name, folder, dirs_exist_ok=True)
    town = Town(folder, start=start, suffix=suffix)
    for name, person in town.people.items():
        person.keeper.data = data[name]
    return town


def story(folder, steps, prepare=None, **options):
    """Run `steps(town)` in a copy of the settled town with everybody online."""
    _settled()

    async def whole():
        town = settled(folder)
        if prepare:
            prepare(town)
        await town.open(**options)
        try:
            await steps(town)
        finally:
            await town.close()
        return town

    return asyncio.run(whole())
