"""Servers away, hanging; the storage and the database; clocks."""

import asyncio

import pytest

from private_presence.errors import PeerError
from private_presence.protocol.epochs import Kind, epoch_at, start_of, window
from private_presence.protocol.receipt import Answer, decode_receipt
from private_presence.protocol.tests.world import deployment
from private_presence.server.registrar import means
from private_presence.server.storage import TableState, open_storage
from private_presence.server.storage.tests.conftest import new_database

from .life import CLOSES, ST1, opened, publish_next
from .world import CONFIG, LT0, START, World, post_of


def test_a_server_that_is_away_delays_its_epoch_only(storage, tmp_path):
    async def story():
        async with World(storage, tmp_path / "servers") as world:
            await world.until(lambda: world.served(Kind.LT, LT0))
            await world.until(lambda: world.phase(Kind.ST, ST1) == "open")
            world.servers.away.add((1, Kind.ST, ST1))
            await world.go_to(CLOSES)
            later = CLOSES + 60
            await world.until(lambda: world.clock.now() > later, clock_step=0.25)
            assert not world.served(Kind.ST, ST1)
            world.servers.away.clear()
            await world.until(lambda: world.served(Kind.ST, ST1), clock_step=0.1)
            assert world.metrics.value("presence_late_total", kind="st") == 1
            assert world.metrics.value("presence_peer_failures_total", server="1") > 3
            await world.publish(Kind.ST, ST1 + 1)
            assert world.clock.now() < start_of(CONFIG, Kind.ST, ST1 + 1)
            assert world.metrics.value("presence_late_total", kind="st") == 1

    asyncio.run(story())


def test_a_server_that_never_answers_for_one_table_costs_that_table(storage, tmp_path):
    async def story():
        async with World(storage, tmp_path / "servers") as world:
            await publish_next(world)
            digest = storage.state(Kind.ST, ST1).manifest_hash
            world.servers.away.add((0, Kind.ST, ST1 + 1))
            await world.go_to(window(CONFIG, Kind.ST, ST1 + 1)[0])
            await world.until(lambda: world.phase(Kind.ST, ST1 + 1) == "open")
            await world.go_to(window(CONFIG, Kind.ST, ST1 + 2)[1])
            await world.until(lambda: world.served(Kind.ST, ST1 + 2))
            await world.until(lambda: world.phase(Kind.ST, ST1 + 1) == "")
            assert opened(world, Kind.ST, ST1 + 2, digest)
            assert world.clock.now() < start_of(CONFIG, Kind.ST, ST1 + 2)

    asyncio.run(story())


def test_a_server_that_hangs_is_asked_again(tmp_path):
    """Epochs of a demonstration: two seconds, so that patience is one."""
    short = {"lt_ms": 8000, "st_ms": 2000, "lt_close_ms": 1000, "st_close_ms": 400}
    config = deployment(servers=CONFIG.servers, privacy=1, **short)
    storage = open_storage(f"sqlite:///{tmp_path / 'registrar'}")
    hung = []

    async def story():
        world = World(storage, tmp_path / "servers", START, config)
        answer = world.servers.commitment

        async def hangs_once(server, kind, epoch):
            if (server, kind) == (1, Kind.LT) and not hung:
                hung.append(epoch)
                await asyncio.Event().wait()
            return await answer(server, kind, epoch)

        world.servers.commitment = hangs_once
        async with world:
            current = epoch_at(config, Kind.LT, START)
            await world.until(lambda: world.served(Kind.LT, current), clock_step=0.001)
            assert world.metrics.value("presence_peer_failures_total", server="1") > 0

    asyncio.run(story())
    assert hung
    storage.close()


def test_a_clock_that_is_far_ahead_for_a_while_costs_nothing(storage, tmp_path):
    """F18: what is removed and what is closed follows the servers, not this clock."""

    async def right():
        async with World(storage, tmp_path / "servers") as world:
            await publish_next(world)
            post = post_of(Kind.LT, LT0 + 1, 1)
            reply = await world.register(Kind.LT, LT0 + 1, post)
            assert decode_receipt(reply.body).answer is Answer.ACCEPTED
            return storage.states(Kind.ST), storage.spent(1, LT0, [post[-80:-48]])

    async def wrong():
        ahead = START + 365 * 86_400
        async with World(storage, tmp_path / "servers", start=ahead) as world:
            world.servers.away = {0, 1}  # as they are for epochs far from their clocks
            calls = world.servers.calls
            await world.until(lambda: len(calls) > 60, clock_step=30.0)

    async def right_again():
        now = CLOSES + 40
        async with World(storage, tmp_path / "servers", start=now) as world:
            await world.publish(Kind.ST, ST1 + 1)
            await world.publish(Kind.LT, LT0 + 1)
            assert opened(world, Kind.LT, LT0 + 1).count == 1

    states, spent = asyncio.run(right())
    asyncio.run(wrong())
    kept = {state.epoch: state for state in storage.states(Kind.ST)}
    assert all(kept[state.epoch] == state for state in states)
    assert storage.spent(1, LT0, spent) == spent != {}
    asyncio.run(right_again())


def refuse_far(servers, true_now):
    """Let the servers promise by clocks of their own, which are right (F18)."""
    enter = servers._enter

    def near(server, word, kind, epoch):
        if epoch is not None and abs(epoch_at(CONFIG, kind, true_now()) - epoch) > 1:
            servers.calls.append((server, word, kind, epoch))
            raise PeerError("far from this clock")
        enter(server, word, kind, epoch)

    servers._enter = near


@pytest.mark.parametrize("ahead", [400.0, 86_400.0, 365 * 86_400.0])
def test_a_clock_that_is_ahead_for_a_while_costs_nothing_without_a_restart(
    storage, tmp_path, monkeypatch, ahead
):
    monkeypatch.setattr(means, "LOOK", 0.02)

    async def story():
        world = World(storage, tmp_path / "servers")
        wrong = [0.0]
        refuse_far(world.servers, lambda: world.clock.now() - wrong[0])

        def led_astray():
            far = epoch_at(CONFIG, Kind.ST, world.clock.now() - ahead) + 1
            calls = world.servers.calls
            return any(kind is Kind.ST and (n or 0) > far for _, _, kind, n in calls)

        async with world:
            await publish_next(world)
            await world.go_to(start_of(CONFIG, Kind.ST, ST1) + 5)
            await world.until(lambda: world.phase(Kind.ST, ST1 + 1) == "open")
            for kind, epoch in ((Kind.ST, ST1 + 1), (Kind.LT, LT0 + 1)):
                reply = await world.register(kind, epoch, post_of(kind, epoch, 1))
                assert decode_receipt(reply.body).answer is Answer.ACCEPTED
            wrong[0] = ahead
            world.set_clock(ahead)
            await world.until(led_astray, clock_step=0.05)
            wrong[0] = 0.0
            world.set_clock(-ahead)
            await world.publish(Kind.ST, ST1 + 1)
            assert opened(world, Kind.ST, ST1 + 1).count == 1
            assert world.clock.now() < start_of(CONFIG, Kind.ST, ST1 + 1)
            await world.publish(Kind.ST, ST1 + 2)
            await world.publish(Kind.LT, LT0 + 1)
            assert opened(world, Kind.LT, LT0 + 1).count == 1

    asyncio.run(story())


def test_a_first_start_with_a_clock_that_is_ahead_costs_nothing(storage, tmp_path):
    """It stored that it had begun tables of next year; restarted, it is right."""

    async def wrong():
        ahead = START + 365 * 86_400
        async with World(storage, tmp_path / "servers", start=ahead) as world:
            world.servers.away = {0, 1}
            await world.until(lambda: all(storage.states(kind) for kind in Kind), 1.0)

    async def right_again():
        async with World(storage, tmp_path / "servers") as world:
            await publish_next(world)

    asyncio.run(wrong())
    asyncio.run(right_again())


def test_the_storage_may_fail_for_a_while(storage, tmp_path, monkeypatch):
    from private_presence.errors import StorageError

    async def story():
        async with World(storage, tmp_path / "servers") as world:
            await world.until(lambda: world.served(Kind.LT, LT0))
            await world.until(lambda: world.phase(Kind.ST, ST1) == "open")
            failing = []

            def gone(*arguments):
                failing.append(arguments)
                raise StorageError("gone")

            with monkeypatch.context() as broken:
                for name in ("save", "commit", "write_raw"):
                    broken.setattr(storage, name, gone)
                post = post_of(Kind.ST, ST1, 1)
                assert (await world.register(Kind.ST, ST1, post)).status == 503
                await world.go_to(CLOSES)
                await world.until(lambda: len(failing) > 3, clock_step=0.1)
            await world.until(lambda: world.served(Kind.ST, ST1), clock_step=0.1)
            assert world.metrics.value("presence_failures_total", where="storage") > 2

    asyncio.run(story())


@pytest.mark.parametrize("kind", list(Kind))
def test_a_clock_that_goes_back_opens_no_table_again(storage, tmp_path, kind):
    storage.save(TableState(int(kind), 10**6, "frozen"))

    async def story():
        world = World(storage, tmp_path / "servers")
        reply = await world.register(kind, ST1, post_of(kind, ST1, 1))
        assert decode_receipt(reply.body).answer is Answer.CLOSED
        await world.registrar.close()

    asyncio.run(story())


def test_postgresql_goes_away_and_comes_back(postgres, tmp_path):
    """Refused while it is away, nothing lost that was acknowledged, then on by itself."""
    storage = open_storage(f"{new_database(postgres)}?files={tmp_path / 'files'}")

    async def story():
        async with World(storage, tmp_path / "servers") as world:
            await world.until(lambda: world.served(Kind.LT, LT0))
            kept, lost = post_of(Kind.ST, ST1, 1), post_of(Kind.ST, ST1, 2)
            assert (await world.register(Kind.ST, ST1, kept)).status == 200
            await asyncio.to_thread(postgres.stop)
            assert (await world.register(Kind.ST, ST1, lost)).status == 503
            manifest = await world.ask("GET", f"/v1/manifest/lt/{LT0}")
            assert manifest.status == 200  # the newest needs no database
            await world.go_to(CLOSES)
            name = "presence_failures_total"
            await world.until(lambda: world.metrics.value(name) > 1, clock_step=0.1)
            await asyncio.to_thread(postgres.start)
            await world.until(lambda: world.served(Kind.ST, ST1), clock_step=0.1)
            assert opened(world, Kind.ST, ST1).count == 1
            assert kept[37 + 64 : -80] in world.servers.raw(0, Kind.ST, ST1)

    asyncio.run(story())
    storage.close()
