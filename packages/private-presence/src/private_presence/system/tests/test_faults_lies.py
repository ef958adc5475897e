"""A lookup server that lies, with a town around it: seen, believed by nobody, healed.

In one short epoch everything that people ask of one server is answered wrongly.  In that
epoch nobody is shown from it; in the next one everybody is seen again, without a hand.
"""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest

from private_presence.errors import PeerError
from private_presence.protocol.epochs import Kind
from private_presence.protocol.manifest import manifest_hash
from private_presence.protocol.signed import open_signed
from private_presence.protocol.tests.world import SERVERS
from private_presence.server.endpoints import match
from private_presence.server.service import Reply
from private_presence.server.signed_answer import Asked, seal_answer

from .faults_town import BOTH, CONFIG, NOBODY, T, story

LIAR = 2  # the party, P_1
MAX = 1 << 16
SIGNERS = (CONFIG.registrar, *CONFIG.servers)


def for_people(lie):
    """Answer people by `lie`, and peers honestly."""

    async def fault(found, body, ask):
        if found.endpoint.path.startswith("/v1/peer/"):
            return await ask(found, body)
        return await lie(found, body, ask)

    return fault


def of_epoch(found, t):
    word = found.endpoint.path.split("/")[2]
    return match(found.endpoint.method, f"/v1/{word}/{found.kind.name.lower()}/{t}")


async def old(found, body, ask):
    """The manifest of the epoch before: its signatures are all good."""
    if found.kind is Kind.ST and "manifest" in found.endpoint.path:
        return await ask(of_epoch(found, found.number - 1), b"")
    return await ask(found, body)


async def wrong(found, body, ask):
    """The right manifest, and a well signed answer from the table before."""
    if found.kind is not Kind.ST or "pir" not in found.endpoint.path:
        return await ask(found, body)
    before = of_epoch(found, found.number - 1)
    path = f"/v1/manifest/st/{before.number}"
    signed = (await ask(match("GET", path), b"")).body
    digest = manifest_hash(open_signed(signed, "manifest", SIGNERS, MAX))
    honest = await ask(before, body[:84] + digest + body[116:])
    assert honest.status == 200
    return resigned(found, body, honest.body[64:-64])


async def spoilt(found, body, ask):
    """A well signed answer in which bits are turned over."""
    honest = await ask(found, body)
    if found.kind is not Kind.ST or "pir" not in found.endpoint.path:
        return honest
    answer = honest.body[64:-64]
    return resigned(found, body, answer[:1] + bytes(b ^ 255 for b in answer[1:]))


def resigned(found, body, answer):
    """The liar's signature under whatever she says."""
    asked = Asked(found.kind, found.number, LIAR - 1, body[84:116], body[116:])
    rng = Fixed()
    return Reply(200, seal_answer(CONFIG, asked, answer, SERVERS[LIAR - 1], rng))


class Fixed:
    def draw(self, n):
        return sha256(b"nonce").digest() * (n // 32) + bytes(n % 32)


async def garbage(found, body, ask):
    honest = await ask(found, body)
    data = honest.body
    if isinstance(data, Path):
        data = data.read_bytes()
    return Reply(honest.status, bytes(len(data)))


async def nothing(found, body, ask):
    raise PeerError("away")


class Slow:
    """Answers too late.  The town's clock waits for whoever waits for it."""

    town = None

    async def __call__(self, found, body, ask):
        front = self.town.fronts[LIAR]
        front.busy += 1
        try:
            await asyncio.sleep(60)
        finally:
            front.busy -= 1


LIES = {
    "old": old,
    "wrong": wrong,
    "spoilt": spoilt,
    "garbage": garbage,
    "nothing": nothing,
    "slow": Slow(),
}
ALARMS = {  # of the others, words only
    "old": {"manifest"},
    "garbage": {"manifest"},
    "wrong": {"answer"},
    "spoilt": {"answer"},
}
WORDS = {
    "old": "different manifests",
    "wrong": "complete",  # the other records of the lookup are good
    "spoilt": "complete",
    "garbage": "different manifests",
    "nothing": "away",
    "slow": "within 0.7 s",
}


SLOW = pytest.param("slow", marks=pytest.mark.slow)


@pytest.mark.parametrize("how", ["old", "wrong", "nothing", "spoilt", "garbage", SLOW])
def test_what_a_server_does_wrong_is_over_in_the_next_epoch(tmp_path, how):
    async def steps(town):
        await town.start_of(T + 1)
        if how == "slow":
            LIES[how].town = town
        town.fronts[LIAR].fault = for_people(LIES[how])
        await town.end_of(T + 1)
        assert town.sights() == NOBODY
        for person in town.people.values():
            assert all(
                sight.t < town.t or not sight.online for sight in person.device.sights
            )
            told = next(
                o
                for o in person.device.outcomes
                if (o.what, o.kind) == ("lookup", Kind.ST)
            )
            assert (told.epoch, WORDS[how] in told.word) == (town.t, True), told.word
            assert {a.what for a in person.device.alarms} == ALARMS.get(how, set())
        town.fronts[LIAR].fault = None
        await town.end_of(T + 2)
        assert town.sights() == BOTH

    story(tmp_path, steps, patience=0.7)
