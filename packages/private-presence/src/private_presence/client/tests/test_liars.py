"""Servers that lie, are old, short, silent or slow: offline, and nothing accepted."""

import asyncio
from dataclasses import replace
from functools import cache
from hashlib import sha256

import pytest

from private_presence.client.audit import audit_evidence, judge_audit, read_evidence
from private_presence.client.issuing import fetch_tokens
from private_presence.client.keys import fetch_keys
from private_presence.client.lookup import LookupRound
from private_presence.client.proof import judge_dropped
from private_presence.client.register import checked_receipt, register
from private_presence.client.wallet import forget_days
from private_presence.errors import (
    AnswerError,
    ClockError,
    EncodingError,
    PeerError,
    VerificationError,
)
from private_presence.primitives import cbor
from private_presence.protocol.epochs import Kind, first_st
from private_presence.protocol.manifest import decode_manifest, verify_manifest
from private_presence.protocol.publish_lt import own_lt_place
from private_presence.protocol.receipt import (
    Answer,
    encode_receipt,
    make_receipt,
)

from .people import Town
from .scripted import FIRST, changed


@cache
def settled_town():
    """Alice and Bob on the second day, when Bob sees Alice; nobody is running."""

    async def whole():
        town = Town(["alice", "bob"])
        town.befriend("alice", "bob")
        town.start()
        await town.until(FIRST + 1, 590.0)
        await town.end()
        return town

    return asyncio.run(whole())


def round_of(person, t, *, audit=False, kind=Kind.ST):
    return LookupRound(person.agent().setting, kind, t, audit=audit)


def story(steps):
    async def whole():
        town = settled_town().twin()
        await town.until(FIRST + 1, 602.0)
        return await steps(town, first_st(town.room.config, FIRST + 1) + 2)

    settled_town()
    return asyncio.run(whole())


def test_an_honest_lookup_shows_a_friend():
    async def steps(town, t):
        await round_of(town["bob"], t).attempt()
        assert (town["bob"].sees("alice").online, town["bob"].sees("alice").t) == (
            True,
            t,
        )

    story(steps)


ANSWERS = {
    "short": lambda body: body[:-1],
    "empty": lambda body: b"",
    "garbage": lambda body: bytes(len(body)),
    "flipped": lambda body: body[:70] + bytes([body[70] ^ 1]) + body[71:],
}


@pytest.mark.parametrize("how", ANSWERS)
def test_a_wrong_answer_shows_nobody_and_is_not_asked_again(how):
    async def steps(town, t):
        bob = town["bob"]
        before = bob.sees("alice").t
        bob.net.change = lambda party, path, answered: (
            changed(answered, ANSWERS[how](answered.body))
            if party == 2 and "/pir/" in path
            else answered
        )
        asking = round_of(bob, t)
        with pytest.raises(AnswerError):
            await asking.attempt()
        assert bob.sees("alice").t == before < t
        assert [a.what for a in bob.device.alarms] == ["answer"]

    story(steps)


def test_a_signed_wrong_answer_accepts_nothing_and_tells():
    async def steps(town, t):
        bob = town["bob"]
        town.services[2].behave = lambda a: a[:1] + bytes(b ^ 255 for b in a[1:])
        await round_of(bob, t).attempt()
        assert not bob.sees("alice").online
        assert [a.what for a in bob.device.alarms] == ["answer"]

    story(steps)


def test_too_long_an_answer_and_none_are_repeated_with_the_same_bytes():
    async def steps(town, t):
        bob = town["bob"]
        bob.net.down = lambda party, path: party == 2 and "/pir/" in path
        asking = round_of(bob, t)
        for _ in range(2):
            with pytest.raises(PeerError):
                await asking.attempt()
        bob.net.down = lambda party, path: False
        await asking.attempt()
        posts = [(p, b) for p, path, b in bob.net.posts if path == f"/v1/pir/st/{t}"]
        assert [p for p, _ in posts].count(1) == 1  # who answered is left alone
        assert len({b for p, b in posts if p == 2}) == 1
        assert bob.sees("alice").online

    story(steps)


def test_a_slow_server_is_given_up_in_time():
    async def steps(town, t):
        bob = town["bob"]

        async def slow(match, body):
            await asyncio.sleep(60)

        town.services[1].handle = slow
        setting = replace(bob.agent().setting, patience=0.05)
        with pytest.raises(PeerError, match="within"):
            await LookupRound(setting, Kind.ST, t, audit=False).attempt()
        assert bob.sees("alice").t < t

    story(steps)


def other_manifest(town, kind, epoch, **changes):
    """A second manifest of a table, signed by everybody: all servers lie."""
    kept = dict(town.room.last)
    table = town.room.publish(kind, epoch, raw=b"", **changes)
    town.room.last = kept
    return table


def test_a_server_with_another_table_is_found_out_before_the_query():
    async def steps(town, t):
        bob = town["bob"]
        town.room.table(Kind.ST, t)
        forged = other_manifest(town, Kind.ST, t)[1]
        bob.net.change = lambda party, path, answered: (
            changed(answered, forged)
            if party == 2 and "/manifest/st" in path
            else answered
        )
        with pytest.raises(VerificationError, match="different manifests"):
            await round_of(bob, t).attempt()
        assert not [1 for _, path, _ in bob.net.posts if path == f"/v1/pir/st/{t}"]
        assert [a.what for a in bob.device.alarms] == ["manifest"]
        proof = cbor.decode(bob.device.evidence[0].data, 1 << 20)
        for copy in proof:  # anybody can check it
            verify_manifest(copy, town.room.config, Kind.ST, t, None)

    story(steps)


def test_a_second_manifest_of_a_table_is_refused_even_if_all_signed_it():
    async def steps(town, t):
        bob, lt = town["bob"], FIRST + 1
        before = town.room.table(Kind.LT, FIRST)[2]
        forged = other_manifest(town, Kind.LT, lt, previous=before)
        town.room.tables[Kind.LT, lt] = forged
        with pytest.raises(VerificationError, match="was seen before"):
            await fetch_keys(bob.agent().setting, lt)
        assert [a.what for a in bob.device.alarms] == ["manifest"]

    story(steps)


def test_garbage_in_unison_is_told_of():
    async def steps(town, t):
        bob, lt = town["bob"], FIRST + 2
        await town.until(lt, 1.0)
        bob.net.change = lambda party, path, answered: answered._replace(body=b"\x80")
        with pytest.raises(VerificationError):
            await fetch_keys(bob.agent().setting, lt)
        assert {a.what for a in bob.device.alarms} == {"manifest"}
        assert all(keys.day <= lt for keys in bob.device.keys)

    story(steps)


def test_another_history_is_refused():
    async def steps(town, t):
        bob, lt = town["bob"], FIRST + 2
        await town.until(lt, 1.0)
        forged = other_manifest(town, Kind.LT, lt, previous=b"another".ljust(32))
        town.room.tables[Kind.LT, lt] = forged
        with pytest.raises(VerificationError, match="does not follow"):
            await fetch_keys(bob.agent().setting, lt)
        assert [a.what for a in bob.device.alarms] == ["manifest"]
        assert all(keys.day <= lt for keys in bob.device.keys)

    story(steps)


@pytest.mark.parametrize("signed_by", ["registrar", "server"])
def test_a_receipt_about_another_body_or_by_another_key_is_refused(signed_by):
    town = settled_town()
    config, keys = town.room.config, town.room.keys
    parcel = town["alice"].device.outbox[-1]
    other = b"x" if signed_by == "registrar" else parcel.body
    about = (Kind(parcel.kind), parcel.epoch, sha256(other).digest())
    key = keys[0] if signed_by == "registrar" else keys[1]
    receipt = make_receipt(config, key, Answer.ACCEPTED, about, town.room.rng)
    with pytest.raises(VerificationError):
        checked_receipt(config, parcel, encode_receipt(receipt))
    assert checked_receipt(config, parcel, parcel.receipt).answer is Answer.ACCEPTED


def test_a_status_other_than_200_is_no_answer():
    async def steps(town, t):
        bob, lt = town["bob"], FIRST + 2
        bob.net.change = lambda party, path, answered: answered._replace(status=503)
        bob.edit(
            lambda device: replace(device, wallet=forget_days(device.wallet, lt + 1))
        )
        with pytest.raises(PeerError, match="503"):
            await fetch_tokens(bob.agent().setting, 1, lt)
        with pytest.raises(PeerError):
            await round_of(bob, t).attempt()
        assert not bob.device.alarms

    story(steps)


def test_a_day_out_of_order_is_not_taken_over():
    async def steps(town, t):
        bob = town["bob"]
        await town.until(FIRST + 2, 1.0)
        for lt in (FIRST + 2, FIRST + 3):
            await town.until(lt, 1.0)
            setting = bob.agent().setting
            await fetch_keys(setting, lt)
            await fetch_tokens(setting, 16, lt)
            await fetch_tokens(setting, 17, lt)
        await round_of(bob, FIRST + 3, kind=Kind.LT).attempt()
        device = bob.device
        assert (device.client.last_lt, device.looked_lt) == (FIRST + 1, FIRST + 1)
        for lt in (FIRST + 2, FIRST + 3):
            await round_of(bob, lt, kind=Kind.LT).attempt()
        assert bob.device.client.last_lt == FIRST + 3

    story(steps)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
        lambda data: b"",
        lambda data: bytes(300),
    ],
)
def test_a_spoilt_manifest_is_refused_and_not_asked_again(spoil):
    async def steps(town, t):
        bob = town["bob"]
        bob.net.change = lambda party, path, answered: (
            changed(answered, spoil(answered.body))
            if "/manifest/" in path
            else answered
        )
        with pytest.raises(VerificationError):
            await round_of(bob, t).attempt()
        assert bob.sees("alice").t < t

    story(steps)


def test_an_old_manifest_is_refused():
    async def steps(town, t):
        bob, old = town["bob"], town.room.table(Kind.ST, t - 1)[1]
        bob.net.change = lambda party, path, answered: (
            changed(answered, old) if "/manifest/" in path else answered
        )
        with pytest.raises(VerificationError, match="was asked for"):
            await round_of(bob, t).attempt()

    story(steps)


def test_a_date_that_is_no_time_is_left_out():
    async def steps(town, t):
        bob = town["bob"]
        bob.net.change = lambda party, path, answered: answered._replace(date=None)
        await round_of(bob, t).attempt()
        assert bob.sees("alice").t == t

    story(steps)


def test_nothing_is_built_before_somebody_told_the_time():
    """A machine that starts with a wrong clock would use up the keys of hours (F18)."""

    async def steps(town, t):
        alice, bob = town["alice"], town["bob"]
        setting = alice.agent().setting
        before = alice.device.client.circles[0].st.t
        with pytest.raises(PeerError, match="no party has told the time"):
            await register(setting, Kind.ST, t + 1, 0)
        assert alice.device.client.circles[0].st.t == before
        await LookupRound(setting, Kind.ST, t, audit=False).attempt()
        await register(setting, Kind.ST, t + 1, 0)
        assert alice.device.client.circles[0].st.t == t + 2
        assert not bob.device.alarms

    story(steps)


def test_a_wrong_clock_is_refused_in_words():
    async def steps(town, t):
        bob = town["bob"]
        bob.net.change = lambda party, path, answered: answered._replace(
            date=answered.date + 600.0
        )
        with pytest.raises(ClockError, match="set it"):
            await round_of(bob, t).attempt()
        assert bob.sees("alice").t < t

    story(steps)


def test_one_liar_about_the_time_is_outvoted():
    async def steps(town, t):
        bob = town["bob"]
        bob.net.change = lambda party, path, answered: answered._replace(
            date=answered.date + (9e8 if party == 0 else 0.0)
        )
        await fetch_keys(bob.agent().setting, FIRST + 1)

    story(steps)


def test_an_audit_batch_convicts_the_liar_and_only_her():
    async def steps(town, t):
        bob = town["bob"]
        town.services[2].behave = lambda a: a[:-1] + bytes([a[-1] ^ 1])
        await round_of(bob, t, audit=True).attempt()
        (kept,) = bob.device.evidence
        config = town.room.config
        _, signed, _, raw = town.room.table(Kind.ST, t)
        manifest = verify_manifest(signed, config, Kind.ST, t, None)
        words = judge_audit(config, manifest, raw, kept.data)
        assert words == ["right", "wrong"]
        before = verify_manifest(
            town.room.table(Kind.ST, t - 1)[1], config, Kind.ST, t - 1, None
        )
        other = town.room.table(Kind.ST, t - 1)[3]
        with pytest.raises(EncodingError):
            judge_audit(config, before, other, kept.data)
        pairs = read_evidence(kept.data)
        stranger = [replace(asked, server=2) for asked, _ in pairs]
        data = audit_evidence(stranger, [signed for _, signed in pairs])
        with pytest.raises(EncodingError, match="there is not"):
            judge_audit(config, manifest, raw, data)
        assert bob.sees("alice").t < t  # an audit asks for nobody

    story(steps)


def test_an_audit_of_honest_servers_keeps_nothing():
    async def steps(town, t):
        bob = town["bob"]
        await round_of(bob, t, audit=True).attempt()
        assert bob.device.evidence == () == bob.device.alarms

    story(steps)


def test_a_registrar_that_drops_what_it_acknowledged_is_convicted():
    async def whole():
        town = Town(["alice"])
        alice, config = town["alice"], town.room.config
        circle = alice.device.client.circles[0]
        place = own_lt_place(circle, config, FIRST + 1)
        town.room.drop.add(place.tag)
        alice.start()
        await town.until(FIRST + 1, 500.0)
        await alice.end()
        (proof,) = alice.device.evidence
        _, signed, _, raw = town.room.table(Kind.LT, FIRST + 1)
        manifest = verify_manifest(signed, config, Kind.LT, FIRST + 1, None)
        assert judge_dropped(config, manifest, raw, proof.data)
        honest = place.tag + alice_value(proof)
        with pytest.raises(VerificationError):
            judge_dropped(config, manifest, honest, proof.data)
        published = replace(manifest, raw_hash=sha256(honest).digest())
        assert not judge_dropped(config, published, honest, proof.data)

    def alice_value(proof):
        body = cbor.decode(proof.data, 4096)[2]
        return body[101:] + body[37:101]

    asyncio.run(whole())


def test_a_token_key_of_ones_own_is_refused():
    async def whole():
        town = Town(["alice"])
        alice = town["alice"]
        honest = town.room.token_key
        published = {}
        town.room.public_keys = lambda day, keys=town.room.public_keys: (
            published.setdefault(day, keys(day))
        )
        alice.net.change = lambda party, path, answered: (
            changed(answered, answered.body[48:] + answered.body[:48])
            if "/tokens/" in path
            else answered
        )
        alice.start()
        await town.until(FIRST, 900.0)
        await alice.end()
        assert honest is not None
        assert {a.what for a in alice.device.alarms} == {"token key"}
        assert alice.device.wallet.purses == ()
        assert not [1 for _, path, _ in alice.net.posts if "/register/" in path]

    asyncio.run(whole())


@pytest.mark.parametrize(
    "spoil", [lambda d: d[:-1], lambda d: bytes(103), lambda d: b""]
)
def test_a_receipt_that_is_not_the_registrars_word_is_refused(spoil):
    async def whole():
        town = Town(["alice"])
        alice = town["alice"]
        alice.net.change = lambda party, path, answered: (
            changed(answered, spoil(answered.body))
            if "/register/" in path
            else answered
        )
        alice.start()
        await town.until(FIRST, 1190.0)
        await alice.end()
        assert {a.what for a in alice.device.alarms} == {"receipt"}
        assert not any(p.receipt for p in alice.device.outbox)
        sent = [path for _, path, _ in alice.net.posts if "/register/" in path]
        assert len(sent) == len(set(sent))

    asyncio.run(whole())


def test_manifest_layouts_of_another_table_are_refused():
    async def steps(town, t):
        from private_presence.client.manifests import agreed
        from private_presence.protocol.manifest import encode_manifest, sign_manifest
        from private_presence.protocol.signed import encode_signed, open_signed

        room, config = town.room, town.room.config
        signers = (config.registrar, *config.servers)
        signed = room.table(Kind.ST, t)[1]
        true = decode_manifest(open_signed(signed, "manifest", signers, 1 << 16))
        lie = encode_manifest(replace(true, count=true.count + 1))
        forged = encode_signed(
            lie, [sign_manifest(lie, key, room.rng) for key in room.keys]
        )
        device = town["bob"].device
        with pytest.raises(VerificationError, match="layout"):
            agreed(device, config, Kind.ST, t, [forged, forged])

    story(steps)
