"""Outages, and registrars restored from a copy that is too old."""

import asyncio

import pytest

from private_presence.protocol.epochs import Kind, lt_of_st, start_of
from private_presence.protocol.receipt import Answer, decode_receipt
from private_presence.server.registrar.history import last_published
from private_presence.server.storage import backup, open_storage, restore

from .life import CLOSES, ST1, opened, publish_next
from .world import CONFIG, LT0, World, post_of


def test_after_a_long_outage_the_chain_goes_on(storage, tmp_path):
    async def before():
        async with World(storage, tmp_path / "servers") as world:
            await publish_next(world)
            return [last_published(storage.states(kind)).manifest_hash for kind in Kind]

    async def after(lt, st):
        later = start_of(CONFIG, Kind.LT, LT0 + 10) + 50
        async with World(storage, tmp_path / "servers", start=later) as world:
            await world.until(lambda: world.served(Kind.LT, LT0 + 10))
            opened(world, Kind.LT, LT0 + 9, lt)
            now = (LT0 + 10) * CONFIG.st_per_lt
            await world.until(lambda: world.served(Kind.ST, now))
            opened(world, Kind.ST, now, st)
            assert not world.servers.broken

    asyncio.run(after(*asyncio.run(before())))


def test_records_of_a_table_that_was_never_begun_go_with_the_next_one(
    storage, tmp_path
):
    """Taken in its window, while the table before was late; then a long outage."""
    begun, never, later = ST1 + 1, ST1 + 2, ST1 + 12

    async def before():
        async with World(storage, tmp_path / "servers") as world:
            await publish_next(world)
            world.servers.away.add((1, Kind.ST, begun))
            await world.go_to(start_of(CONFIG, Kind.ST, begun) + 3)
            post = post_of(Kind.ST, never, 1)
            reply = await world.register(Kind.ST, never, post)
            assert decode_receipt(reply.body).answer is Answer.ACCEPTED
            assert world.phase(Kind.ST, never) == ""

    async def after():
        now = start_of(CONFIG, Kind.ST, later - 1) + 1
        async with World(storage, tmp_path / "servers", start=now) as world:
            day = lt_of_st(CONFIG, later - 1) + 1
            reply = await world.register(Kind.LT, day, post_of(Kind.LT, day, 1))
            assert reply.status == 200
            await world.publish(Kind.ST, later)
            await world.until(lambda: never not in storage.record_tables(Kind.ST))
            assert storage.record_tables(Kind.LT) == [day]

    asyncio.run(before())
    assert never in storage.record_tables(Kind.ST)
    asyncio.run(after())


@pytest.mark.parametrize("away", [CLOSES + 5, start_of(CONFIG, Kind.ST, ST1 + 1) + 10])
def test_a_restored_registrar_signs_no_second_manifest(storage, tmp_path, away):
    """The copy is older than the manifest: its hash is adopted from the servers.

    Restored before the table's epoch has passed, and after.
    """

    async def before():
        async with World(storage, tmp_path / "servers") as world:
            await world.until(lambda: world.served(Kind.LT, LT0))
            await world.until(lambda: world.phase(Kind.ST, ST1) == "open")
            backup(storage, tmp_path / "copy")
            await publish_next(world)
            return storage.state(Kind.ST, ST1).manifest_hash

    digest = asyncio.run(before())
    restored = open_storage(f"sqlite:///{tmp_path / 'restored'}")
    assert (Kind.ST, ST1) in restore(tmp_path / "copy", restored)

    async def after():
        async with World(restored, tmp_path / "servers", start=away) as world:
            await world.until(lambda: world.phase(Kind.ST, ST1) == "published")
            state = restored.state(Kind.ST, ST1)
            assert state.manifest_hash == digest
            assert world.metrics.value("presence_mismatches_total") == 1
            reply = await world.ask("GET", f"/v1/manifest/st/{ST1}")
            assert reply.body == state.signed != b""
            await world.publish(Kind.ST, ST1 + 1)
            opened(world, Kind.ST, ST1 + 1, digest)
            assert not world.servers.broken

    asyncio.run(after())
    restored.close()


def test_a_manifest_that_only_some_servers_signed_is_given_up(storage, tmp_path):
    async def story():
        world = World(storage, tmp_path / "servers")
        world.servers._save({"signed": "11" * 32}, 0, Kind.ST, ST1)
        async with world:
            name = "presence_mismatches_total"
            await world.until(lambda: world.metrics.value(name) == 1)
            reply = await world.register(Kind.ST, ST1, post_of(Kind.ST, ST1, 1))
            assert decode_receipt(reply.body).answer is Answer.CLOSED
            await world.publish(Kind.ST, ST1 + 1)
            assert not world.served(Kind.ST, ST1)

    asyncio.run(story())


def test_a_copy_older_than_all_kept_tables_goes_on_from_the_servers_last(
    storage, tmp_path
):
    """More ST epochs were published since the copy than servers keep tables of."""

    async def before():
        async with World(storage, tmp_path / "servers") as world:
            await world.until(lambda: world.phase(Kind.ST, ST1) == "open")
            backup(storage, tmp_path / "copy")
            for epoch in range(ST1, ST1 + 5):
                await world.publish(Kind.ST, epoch)
            return storage.state(Kind.ST, ST1 + 4).manifest_hash

    digest = asyncio.run(before())
    restored = open_storage(f"sqlite:///{tmp_path / 'restored'}")
    restore(tmp_path / "copy", restored)

    async def after():
        later = start_of(CONFIG, Kind.ST, ST1 + 6) + 1
        async with World(restored, tmp_path / "servers", start=later) as world:
            await world.until(lambda: last_of(restored) > ST1 + 4)
            opened(world, Kind.ST, last_of(restored), digest)
            state = restored.state(Kind.ST, ST1 + 4)
            assert state is None or state.signed
            assert not world.servers.broken

    asyncio.run(after())
    restored.close()


def last_of(storage):
    newest = last_published(storage.states(Kind.ST))
    return newest.epoch if newest else -1


def test_a_server_that_lies_about_its_last_manifest_is_not_believed(storage, tmp_path):
    async def story():
        world = World(storage, tmp_path / "servers")

        async def lies(server, kind):
            return b"\xff\xff\xff\xff" + b"not signed by anybody"

        world.servers.newest = lies
        async with world:
            await world.publish(Kind.ST, ST1)

    asyncio.run(story())
