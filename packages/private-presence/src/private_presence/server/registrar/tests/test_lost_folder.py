"""A lookup server that lost its folder, started empty with the same key."""

import asyncio

import pytest

from private_presence.errors import StateError
from private_presence.protocol.epochs import Kind, start_of
from private_presence.protocol.receipt import Answer, decode_receipt

from .life import ST1, opened, publish_next
from .world import CONFIG, LT0, World, post_of


@pytest.mark.parametrize(("kind", "epoch"), [(Kind.ST, ST1 + 1), (Kind.LT, LT0 + 1)])
def test_a_folder_lost_before_the_freeze_costs_no_record(
    storage, tmp_path, kind, epoch
):
    """Its commitment went with the folder: it would never open the old one."""

    async def story():
        async with World(storage, tmp_path / "servers") as world:
            await publish_next(world)
            await world.go_to(start_of(CONFIG, kind, epoch - 1))
            await world.until(lambda: world.phase(kind, epoch) == "open")
            await world.until(lambda: storage.state(kind, epoch).commitments)
            before = storage.state(kind, epoch).commitments
            reply = await world.register(kind, epoch, post_of(kind, epoch, 1))
            assert decode_receipt(reply.body).answer is Answer.ACCEPTED
            world.servers.lose(1)
            await world.publish(kind, epoch)
            assert opened(world, kind, epoch).count == 1
            assert world.clock.now() < start_of(CONFIG, kind, epoch)
            after = storage.state(kind, epoch).commitments
            assert (after[0] == before[0], after[1] == before[1]) == (True, False)
            assert not world.servers.broken

    asyncio.run(story())


def keys_handed_over(world, server):
    """Whether a server has the long tables that name the token keys in use."""
    return all(world.servers.published(server, Kind.LT, LT0 - i) for i in range(2))


def test_token_keys_are_handed_over_again_after_the_next_short_table(storage, tmp_path):
    async def story():
        async with World(storage, tmp_path / "servers") as world:
            await publish_next(world)
            world.servers.lose(1)
            await world.publish(Kind.ST, ST1 + 1)
            await world.until(lambda: keys_handed_over(world, 1))
            for i in range(2):
                signed = storage.state(Kind.LT, LT0 - i).signed
                assert world.servers.published(1, Kind.LT, LT0 - i) == signed

    asyncio.run(story())


def test_what_servers_have_is_not_handed_over_again(storage, tmp_path):
    async def story():
        async with World(storage, tmp_path / "servers") as world:
            await publish_next(world)
            await world.publish(Kind.ST, ST1 + 1)
            await world.publish(Kind.ST, ST1 + 2)
            told = [call for call in world.servers.calls if call[1] == "publish"]
            assert len(told) == len(set(told))

    asyncio.run(story())


def test_token_keys_are_handed_over_after_a_start(storage, tmp_path):
    async def before():
        async with World(storage, tmp_path / "servers") as world:
            await publish_next(world)
            world.servers.lose(0)
            return world.clock.now()

    async def after(now):
        world = World(storage, tmp_path / "servers", start=now + 20)
        world.servers.lost[0] = 1
        async with world:
            await world.until(lambda: keys_handed_over(world, 0))

    asyncio.run(after(asyncio.run(before())))


def test_a_server_that_does_not_answer_holds_up_no_short_table(storage, tmp_path):
    async def story():
        world = World(storage, tmp_path / "servers")

        async def refused(server, kind, epoch):
            if (kind, epoch) == (Kind.LT, LT0) and world.served(Kind.ST, ST1):
                raise StateError("not now")
            return await answer(server, kind, epoch)

        answer, world.servers.manifest_hash = world.servers.manifest_hash, refused
        async with world:
            await publish_next(world)
            await world.publish(Kind.ST, ST1 + 1)
            name = "presence_peer_failures_total"
            await world.until(lambda: world.metrics.value(name, server="1") > 0)

    asyncio.run(story())
