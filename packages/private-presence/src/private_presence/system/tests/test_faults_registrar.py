"""A registrar that lies, with real lookup servers and people around it.

It may drop, and it may say two things; the one leaves its signature with who was wronged,
the other is not signed by the servers, or leaves both signatures with one of them.
"""

import asyncio
from dataclasses import replace
from hashlib import sha256

import pytest

from private_presence.client.proof import dropped_proof, judge_dropped
from private_presence.primitives.blinding import tag_of
from private_presence.protocol import lookup_server as ls
from private_presence.protocol.epochs import Kind
from private_presence.protocol.manifest import (
    decode_manifest,
    encode_manifest,
    sign_manifest,
    verify_manifest,
)
from private_presence.protocol.messages import decode_body
from private_presence.server.endpoints import match
from private_presence.server.peers import Peers
from private_presence.server.service import Reply

from .faults_town import BOTH, CONFIG, KEYS, SETTLED, T, settled, story

LT = T // CONFIG.st_per_lt


def dropper(town, kind, epoch):
    """Let the registrar's receipts be signed, and the records go nowhere."""
    commit = town.storage.commit

    def drops(group):
        if (group.kind, group.epoch) == (kind, epoch):
            group = replace(group, values={})
        commit(group)

    town.storage.commit = drops


async def published(town, kind, epoch):
    asked = match("GET", f"/v1/manifest/{kind.name.lower()}/{epoch}")
    signed = (await town.fronts[1].ask(asked, b"")).body
    manifest = verify_manifest(signed, CONFIG, kind, epoch, None)
    folder = town.folder / "server 0" / "tables"
    raw = (folder / f"{kind.name.lower()}-{epoch}.raw").read_bytes()
    assert sha256(raw).digest() == manifest.raw_hash
    return manifest, raw


def test_presence_that_was_acknowledged_and_dropped_is_proved(tmp_path):
    """Any third party judges it from the receipt; others' records are not touched."""

    async def steps(town):
        dropper(town, Kind.ST, T + 2)
        await town.end_of(T + 2)
        manifest, raw = await published(town, Kind.ST, T + 2)
        assert (manifest.count, raw) == (0, b"")
        for person in town.people.values():
            (parcel,) = [
                p for p in person.device.outbox if (p.kind, p.epoch) == (Kind.ST, T + 2)
            ]
            assert judge_dropped(CONFIG, manifest, raw, dropped_proof(parcel))
        # The day's second short epoch, in which everybody looks up after the keys.
        await town.end_of(T + 4)
        assert town.sights() == BOTH
        manifest, raw = await published(town, Kind.ST, T + 4)
        for person in town.people.values():
            (parcel,) = [
                p for p in person.device.outbox if (p.kind, p.epoch) == (Kind.ST, T + 4)
            ]
            assert not judge_dropped(CONFIG, manifest, raw, dropped_proof(parcel))
            message = decode_body(CONFIG, parcel.body)
            tag = tag_of(Kind.ST, CONFIG.dep_id, T + 4, message.public)
            assert tag + message.value in raw  # nothing acknowledged was lost

    story(tmp_path, steps)


def test_keys_that_were_acknowledged_and_dropped_are_proved_and_come_again(tmp_path):
    """The people find it out themselves; two days later they see each other."""

    async def steps(town):
        dropper(town, Kind.LT, LT + 2)
        await town.end_of((LT + 2) * CONFIG.st_per_lt + 1)
        manifest, raw = await published(town, Kind.LT, LT + 2)
        for person in town.people.values():
            assert [a.what for a in person.device.alarms] == ["dropped"]
            (proof,) = person.device.evidence
            assert judge_dropped(CONFIG, manifest, raw, proof.data)
        await town.end_of((LT + 3) * CONFIG.st_per_lt + 1)
        assert town.sights() == BOTH
        assert {p.device.client.phase for p in town.people.values()} == {"active"}

    story(tmp_path, steps)


class TwoTongues(Peers):
    """What the registrar tells P_1 is another thing than what it tells P_0."""

    def __init__(self, honest):
        self.honest, self.lies, self.refused = honest, {}, []

    async def _told(self, word, server, *args):
        if server == 1 and word in self.lies:
            args = self.lies[word](*args)
        try:
            return await getattr(self.honest, word)(server, *args)
        except Exception as error:
            self.refused.append((word, server, type(error).__name__))
            raise

    async def commitment(self, *args):
        return await self._told("commitment", *args)

    async def push_raw(self, *args):
        return await self._told("push_raw", *args)

    async def opening(self, *args):
        return await self._told("opening", *args)

    async def countersign(self, *args):
        return await self._told("countersign", *args)

    async def manifest_hash(self, *args):
        return await self._told("manifest_hash", *args)

    async def newest(self, *args):
        return await self._told("newest", *args)

    async def publish(self, *args):
        return await self._told("publish", *args)


def another_manifest(**changes):
    def lie(kind, epoch, signature, encoded):
        false = encode_manifest(replace(decode_manifest(encoded), **changes))
        return kind, epoch, sign_manifest(false, KEYS.signing, Any()), false

    return lie


class OtherRaw:
    """A second list of records, with the registrar's good signature under it."""

    def __init__(self, folder):
        self.path = folder / "another"

    def __call__(self, kind, epoch, signature, raw):
        self.path.write_bytes(b"")
        about = (kind, epoch, sha256(b"").digest(), KEYS.signing, Any())
        return kind, epoch, ls.sign_raw(CONFIG, *about), self.path


class Any:
    def draw(self, n):
        return bytes(range(n))


def lies_of(folder):
    return {
        "salt": {"countersign": another_manifest(salt=bytes(32))},
        "manifest": {"countersign": another_manifest(count=7)},
        "history": {"countersign": another_manifest(previous=bytes(31) + b"\1")},
        "records": {"push_raw": OtherRaw(folder)},
    }


@pytest.mark.parametrize("name", ["salt", "records", "manifest", "history"])
def test_two_tongues_publish_nothing_and_are_healed(tmp_path, name):
    """The epoch has no table; the next one that is honest has, and all are seen."""
    folder = tmp_path / "town"
    tongues = []

    def prepare(town):
        town.registrars_peers = TwoTongues(town.peers)
        tongues.append(town.registrars_peers)

    async def steps(town):
        (tongue,) = tongues
        await town.start_of(T + 1)
        tongue.lies = lies_of(tmp_path)[name]
        await town.start_of(T + 2)
        assert tongue.refused
        assert not town.served(Kind.ST, T + 2)
        assert not town.sights()["alice"]
        tongue.lies = {}
        await town.end_of(T + 4)
        assert town.sights() == BOTH
        for person in town.people.values():
            assert not person.device.alarms  # no two manifests were ever shown

    story(folder, steps, prepare)


def test_a_token_key_of_ones_own_is_refused_and_the_day_healed(tmp_path):
    """Tokens that only one person could have are not taken; honest ones are, later."""

    async def lie(found, body, ask):
        reply = await ask(found, body)
        if "/tokens/" not in found.endpoint.path or reply.status != 200:
            return reply
        return Reply(200, reply.body[48:] + reply.body[:48])

    async def whole():
        town = settled(tmp_path)
        town.fronts[0].fault = lie
        await town.open()
        try:
            await town.until(SETTLED + 900.0)
            alarms = [{a.what for a in p.device.alarms} for p in town.people.values()]
            assert alarms == [{"token key"}] * 2
            town.fronts[0].fault = None
            await town.end_of((LT + 3) * CONFIG.st_per_lt + 1)
            assert town.sights() == BOTH
        finally:
            await town.close()

    from .faults_town import _settled

    _settled()
    asyncio.run(whole())
