"""The life of tables: genesis, publication, order of promises, retirement."""

import asyncio
from hashlib import sha256

from private_presence.protocol.epochs import Kind, start_of
from private_presence.protocol.manifest import (
    decode_manifest,
    manifest_hash,
)
from private_presence.protocol.receipt import Answer, decode_receipt
from private_presence.server.registrar.keys import public_keys

from .life import ST1, opened, publish_next, rows
from .world import CONFIG, LT0, ROOT, World, post_of


def test_genesis_publishes_two_empty_long_tables_with_token_keys(storage, tmp_path):
    async def story():
        async with World(storage, tmp_path / "servers") as world:
            await world.until(lambda: world.served(Kind.LT, LT0))
            first = opened(world, Kind.LT, LT0 - 1, bytes(32))
            digest = storage.state(Kind.LT, LT0 - 1).manifest_hash
            second = opened(world, Kind.LT, LT0, digest)
            assert first.count == second.count == 0
            assert second.token_keys == public_keys(ROOT, CONFIG, LT0 + 1)
            assert not world.servers.broken

    asyncio.run(story())


def test_a_short_table_is_published_before_its_epoch_with_all_records(
    storage, tmp_path
):
    async def story():
        async with World(storage, tmp_path / "servers") as world:
            await publish_next(world, posts=5)
            assert world.clock.now() < start_of(CONFIG, Kind.ST, ST1)
            manifest = opened(world, Kind.ST, ST1, bytes(32))
            raw = world.servers.raw(1, Kind.ST, ST1)
            assert manifest.count == 5 == len(rows(raw, Kind.ST))
            assert rows(raw, Kind.ST) == sorted(rows(raw, Kind.ST))
            assert manifest.raw_hash == sha256(raw).digest()
            assert manifest.token_keys == ()
            assert storage.values(Kind.ST, ST1, [raw[:16]]) == {}  # dropped
            reply = await world.ask("GET", f"/v1/manifest/st/{ST1}")
            assert reply.body == world.servers.published(0, Kind.ST, ST1)
            assert reply.cacheable
            late = await world.register(Kind.ST, ST1, post_of(Kind.ST, ST1, "late"))
            assert decode_receipt(late.body).answer is Answer.CLOSED
            assert world.metrics.value("presence_late_total", kind="st") == 0

    asyncio.run(story())


def test_nobody_hears_of_what_is_not_stored(storage, tmp_path):
    """The raw file's hash, the manifest, the signed manifest: on disk, then told."""
    heard = []

    async def story():
        world = World(storage, tmp_path / "servers")
        servers = world.servers
        push, sign, publish = servers.push_raw, servers.countersign, servers.publish

        def stored(kind, epoch):
            heard.append((kind, epoch))
            return storage.state(kind, epoch)

        async def push_raw(server, kind, epoch, signature, raw):
            assert stored(kind, epoch).raw_signature == signature
            digest = sha256(raw.read_bytes()).digest()
            assert stored(kind, epoch).raw_hash == digest
            await push(server, kind, epoch, signature, raw)

        async def countersign(server, kind, epoch, signature, manifest):
            assert stored(kind, epoch).manifest == manifest
            return await sign(server, kind, epoch, signature, manifest)

        async def hand(server, kind, epoch, signed):
            assert stored(kind, epoch).signed == signed
            await publish(server, kind, epoch, signed)

        servers.push_raw, servers.countersign, servers.publish = (
            push_raw,
            countersign,
            hand,
        )
        async with world:
            await publish_next(world)
            assert world.metrics.value("presence_failures_total") == 0

    asyncio.run(story())
    assert {(Kind.LT, LT0), (Kind.ST, ST1)} <= set(heard)


def test_receipts_come_after_the_commit(storage, tmp_path):
    async def story():
        world = World(storage, tmp_path / "servers")
        post = post_of(Kind.ST, ST1, 1)
        reply = await world.register(Kind.ST, ST1, post)
        assert decode_receipt(reply.body).answer is Answer.ACCEPTED
        storage.write_raw(Kind.ST, ST1)  # as it is on disk at this moment
        assert post[37 + 64 : -80] in storage.raw_file(Kind.ST, ST1).read_bytes()
        await world.registrar.close()

    asyncio.run(story())


def test_tables_are_retired(storage, tmp_path):
    async def story():
        async with World(storage, tmp_path / "servers") as world:
            await publish_next(world)
            raw = storage.raw_file(Kind.ST, ST1)
            assert raw.exists()
            for epoch in range(ST1 + 1, ST1 + 5):
                await world.publish(Kind.ST, epoch)
            await world.until(lambda: not raw.exists())
            assert world.phase(Kind.ST, ST1) == ""
            assert (await world.ask("GET", f"/v1/manifest/st/{ST1}")).status == 404

    asyncio.run(story())


def test_the_manifest_on_the_wire_is_the_one_that_was_built(storage, tmp_path):
    async def story():
        async with World(storage, tmp_path / "servers") as world:
            await publish_next(world)
            state = storage.state(Kind.ST, ST1)
            assert manifest_hash(state.manifest) == state.manifest_hash
            assert decode_manifest(state.manifest) == opened(world, Kind.ST, ST1)
            for i in range(2):
                assert world.servers.published(i, Kind.ST, ST1) == state.signed

    asyncio.run(story())
