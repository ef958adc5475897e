"""Registrar and real lookup servers, called directly: no fake stands between them."""

import asyncio

from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.directory import Directory
from private_presence.protocol.epochs import Kind, start_of, window
from private_presence.protocol.manifest import verify_manifest
from private_presence.protocol.receipt import Answer, decode_receipt
from private_presence.protocol.tests.world import SERVERS
from private_presence.server.clock import ManualClock
from private_presence.server.endpoints import match
from private_presence.server.lookup.server import LookupServer
from private_presence.server.metrics import Metrics
from private_presence.server.registrar import Registrar, ThreadWorkers
from private_presence.server.storage import open_storage
from private_presence.server.tests.local_peers import LocalPeers

from .world import CONFIG, LT0, RKEYS, ST0, START, path_of, post_of

ST1 = ST0 + 1


class Everybody:
    """One registrar and two lookup servers in one event loop."""

    def __init__(self, folder):
        self.folder, self.clock = folder, ManualClock(START)
        self.peers = LocalPeers()
        self.storage = open_storage(f"sqlite:///{folder / 'registrar'}")
        deployment = Deployment(CONFIG, Directory(CONFIG.dep_id, 1, ()))
        rng = SeededRandomness("everybody")
        self.registrar = Registrar(
            deployment,
            RKEYS,
            self.storage,
            self.peers,
            self.clock,
            rng,
            Metrics(),
            file=b"file",
            workers=ThreadWorkers(),
        )
        self.deployment = deployment
        self.peers.services += [self.server(i, f"server {i}") for i in range(2)]

    def server(self, i, name):
        """A lookup server with an empty folder."""
        place = self.folder / name
        place.mkdir()
        around = (self.peers, self.clock, SeededRandomness(name), Metrics())
        return LookupServer(self.deployment, i, SERVERS[i], place, *around)

    async def lose(self, i):
        """Let a server come back without its folder, with the same key."""
        await self.peers.services[i].close()
        fresh = self.server(i, f"server {i} anew")
        self.peers.services[i] = self.all[1 + i] = fresh
        self.tasks.append(asyncio.create_task(fresh.run(self.stop)))
        return fresh

    async def __aenter__(self):
        self.stop = asyncio.Event()
        self.all = [self.registrar, *self.peers.services]
        self.tasks = [asyncio.create_task(s.run(self.stop)) for s in self.all]
        return self

    async def __aexit__(self, *error):
        self.stop.set()
        await asyncio.gather(*self.tasks)
        for service in self.all:
            await service.close()
        self.storage.close()

    async def get(self, service, path):
        found = match("GET", path)
        if service.limit(found) is None:
            return b""
        return (await service.handle(found, b"")).body

    async def manifests(self, kind, epoch, step=0.0):
        """Wait until all servers serve a table, then return what each serves."""
        path = f"/v1/manifest/{kind.name.lower()}/{epoch}"
        for _ in range(3000):
            found = [await self.get(service, path) for service in self.all]
            if all(found):
                return found
            await asyncio.sleep(0.01)
            if step:
                await self.clock.advance(step)
        raise AssertionError("it was not published")


def test_registrar_and_servers_publish_what_was_registered(tmp_path):
    async def story():
        async with Everybody(tmp_path) as everybody:
            genesis = await everybody.manifests(Kind.LT, LT0)
            assert len(set(genesis)) == 1
            for i in range(5):
                found = match("POST", path_of(Kind.ST, ST1))
                reply = await everybody.registrar.handle(
                    found, post_of(Kind.ST, ST1, i)
                )
                assert decode_receipt(reply.body).answer is Answer.ACCEPTED
            closes = window(CONFIG, Kind.ST, ST1)[1]
            await everybody.clock.advance(closes - everybody.clock.now())
            served = await everybody.manifests(Kind.ST, ST1)
            assert len(set(served)) == 1
            manifest = verify_manifest(served[0], CONFIG, Kind.ST, ST1, bytes(32))
            assert manifest.count == 5
            assert everybody.clock.now() < start_of(CONFIG, Kind.ST, ST1)
            # One server is away for the freeze of the next table, then comes back.
            everybody.peers.away.add(1)
            closes = window(CONFIG, Kind.ST, ST1 + 1)[1]
            await everybody.clock.advance(closes + 5 - everybody.clock.now())
            await asyncio.sleep(0.2)
            everybody.peers.away.clear()
            later = await everybody.manifests(Kind.ST, ST1 + 1, step=0.2)
            assert len(set(later)) == 1

    asyncio.run(story())


def test_a_server_that_lost_its_folder_serves_again_before_the_next_day(tmp_path):
    """Nothing acknowledged is lost, and it knows the day's token keys by then."""
    lt1 = LT0 + 1

    async def story():
        async with Everybody(tmp_path) as everybody:
            await everybody.manifests(Kind.LT, LT0)
            await everybody.manifests(Kind.ST, ST1, step=2.0)
            assert everybody.storage.state(Kind.LT, lt1).commitments
            found = match("POST", path_of(Kind.LT, lt1))
            reply = await everybody.registrar.handle(found, post_of(Kind.LT, lt1, 0))
            assert decode_receipt(reply.body).answer is Answer.ACCEPTED
            fresh = await everybody.lose(0)
            await everybody.manifests(Kind.ST, ST1 + 1, step=2.0)
            about = [(Kind.LT, LT0 - 1), (Kind.LT, LT0)]
            for _ in range(300):
                if all([await everybody.peers.manifest_hash(0, *key) for key in about]):
                    break
                await asyncio.sleep(0.01)
            assert all(fresh._answering._key(day) for day in (LT0, lt1))
            signed = await everybody.manifests(Kind.LT, lt1, step=2.0)
            assert verify_manifest(signed[0], CONFIG, Kind.LT, lt1, None).count == 1
            assert everybody.clock.now() < start_of(CONFIG, Kind.LT, lt1)

    asyncio.run(story())
