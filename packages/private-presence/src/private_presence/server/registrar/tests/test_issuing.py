"""Tokens: enrolled accounts only, one batch a day and role, never two (F12)."""

import asyncio
from hashlib import sha256

import pytest

from private_presence.errors import StorageError
from private_presence.primitives.kdf import u32
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.primitives.tokens import unblind
from private_presence.protocol.epochs import Kind, start_of
from private_presence.protocol.quota import daily_batch, quota, roles
from private_presence.server.registrar.keys import token_key_of

from .world import CONFIG, LT0, ROOT, World

ACCOUNT = b"credential" * 3 + b"ab"


def request(role, day=LT0, seed="batch", account=ACCOUNT):
    batch = daily_batch(CONFIG, role, day, SeededRandomness(seed))
    points = b"".join(token.message for token in batch)
    return batch, account + u32(day) + points


def tell(storage, tmp_path, story):
    async def run():
        world = World(storage, tmp_path / "servers")
        storage.add_account(sha256(ACCOUNT).digest())
        try:
            await story(world)
        finally:
            await world.registrar.close()

    asyncio.run(run())


def finished(batch, reply, role, day=LT0):
    signed = [reply.body[i : i + 48] for i in range(0, len(reply.body), 48)]
    public = token_key_of(ROOT, CONFIG, role, day).public
    pairs = zip(batch, signed, strict=True)
    return [unblind(token, point, role, day, public) for token, point in pairs]


def test_each_role_has_its_batch_and_only_one(storage, tmp_path):
    async def story(world):
        for role in roles(CONFIG):
            batch, body = request(role)
            reply = await world.ask("POST", f"/v1/tokens/{role}", body)
            assert reply.status == 200
            assert len(finished(batch, reply, role)) == quota(CONFIG, role)
            again = await world.ask("POST", f"/v1/tokens/{role}", body)
            assert again == reply  # an answer that was lost on the way
            _, other = request(role, seed="other")
            refused = await world.ask("POST", f"/v1/tokens/{role}", other)
            assert (refused.status, refused.body) == (409, b"")

    tell(storage, tmp_path, story)


def test_days_are_those_whose_keys_are_published(storage, tmp_path):
    async def story(world):
        statuses = {}
        for day in range(LT0 - 1, LT0 + 3):
            _, body = request(1, day)
            statuses[day - LT0] = (await world.ask("POST", "/v1/tokens/1", body)).status
        assert statuses == {-1: 400, 0: 200, 1: 200, 2: 400}
        await world.go_to(start_of(CONFIG, Kind.LT, LT0 + 1) - 3)  # within the skew
        _, body = request(1, LT0 + 2)
        assert (await world.ask("POST", "/v1/tokens/1", body)).status == 200

    tell(storage, tmp_path, story)


def test_strangers_and_malformed_requests_get_nothing(storage, tmp_path):
    async def story(world):
        _, stranger = request(1, account=bytes(32))
        assert (await world.ask("POST", "/v1/tokens/1", stranger)).status == 403
        _, body = request(1)
        for bad in (b"", body[:-1], body + b"x", body + bytes(48)):
            assert (await world.ask("POST", "/v1/tokens/1", bad)).status == 400
        # Off the curve, and of small order: bits of the key would follow.
        # The batch of the day is used up by the attempt.
        for point, status in ((b"\xff" * 48, 400), (b"\xc0" + bytes(47), 409)):
            reply = await world.ask("POST", "/v1/tokens/1", body[:-48] + point)
            assert (reply.status, reply.body) == (status, b"")
        assert await world.ask("POST", "/v1/tokens/99", body) is None

    tell(storage, tmp_path, story)


@pytest.mark.parametrize("name", ["has_account", "issue_once"])
def test_a_failing_storage_issues_nothing(storage, tmp_path, monkeypatch, name):
    def gone(*arguments):
        raise StorageError("gone")

    async def story(world):
        _, body = request(1)
        with monkeypatch.context() as broken:
            broken.setattr(storage, name, gone)
            assert (await world.ask("POST", "/v1/tokens/1", body)).status == 503
        assert (await world.ask("POST", "/v1/tokens/1", body)).status == 200

    tell(storage, tmp_path, story)


def test_two_requests_at_once_get_one_batch(storage, tmp_path):
    async def story(world):
        bodies = [request(1, seed=f"{i}")[1] for i in range(6)]
        asked = [world.ask("POST", "/v1/tokens/1", body) for body in bodies]
        statuses = sorted(reply.status for reply in await asyncio.gather(*asked))
        assert statuses == [200] + [409] * 5

    tell(storage, tmp_path, story)
