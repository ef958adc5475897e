"""F9, F10, F12, F18, F20, F21, F23: what registrar, lookup servers and issuer cannot do.

Attack numbers are those of section 10.2.
"""

import hashlib
from dataclasses import replace
from hashlib import sha256

import pytest

from private_presence.errors import (
    ConflictError,
    EncodingError,
    EpochError,
    LengthError,
    ReplayError,
    SpentError,
    StateError,
    VerificationError,
)
from private_presence.primitives import tokens
from private_presence.primitives.curve import encode_g2
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.primitives.tokens import Role
from private_presence.protocol import lookup_server as ls
from private_presence.protocol import manifest as mf
from private_presence.protocol import messages as ms
from private_presence.protocol import receipt as rc
from private_presence.protocol.config import (
    decode_signed_config,
    encode_config,
    sign_config,
)
from private_presence.protocol.epochs import Kind, start_of, window
from private_presence.protocol.publish_lt import settle_lt
from private_presence.protocol.quota import (
    daily_batch,
    quota,
)
from private_presence.protocol.registrar import Intake
from private_presence.protocol.signed import encode_signed
from private_presence.protocol.withdraw_lt import withdraw_lt

from .group import START, Group
from .in_memory_registrar import SpentSet, answer_post
from .world import REGISTRAR, SERVERS, TOKEN, deployment

DAY = 20_000


@pytest.fixture
def rng():
    return SeededRandomness("servers")


@pytest.fixture
def config():
    return deployment()


@pytest.fixture
def posted():
    """A group, its record's body, and the intake for it with its opening time."""
    group = Group("bob")
    body = group.build().body
    intake = Intake(group.config, Kind.LT, START, lambda token, body_hash: None)
    return group, body, intake, window(group.config, Kind.LT, START)[0]


# ---- registrar


def test_a_record_is_accepted_once_and_a_resend_is_acknowledged(posted):
    _, body, intake, now = posted
    assert intake.accept(body + TOKEN, now) is rc.Answer.ACCEPTED
    assert intake.accept(body + TOKEN, now) is rc.Answer.ACCEPTED
    assert len(intake.values) == 1


def test_f12_a_resend_needs_no_second_token(posted):
    group, body, _, now = posted
    spent = []

    def spend(token, body_hash):
        if spent:
            raise SpentError("spent")
        spent.append(token)

    intake = Intake(group.config, Kind.LT, START, spend)
    for _ in range(3):
        intake.accept(body + TOKEN, now)
    assert len(spent) == 1


def test_f34_a_rebuilt_record_is_another_value_and_is_refused(posted):
    group, body, intake, now = posted
    intake.accept(body + TOKEN, now)
    group.circle = replace(group.circle, pending=None)
    with pytest.raises(ConflictError, match="resend the stored bytes"):
        intake.accept(group.build().body + TOKEN, now)


def test_attack3_windows_epochs_and_kinds_are_enforced(posted):
    group, body, intake, now = posted
    opens, closes = window(group.config, Kind.LT, START)
    for bad in (opens - 1, closes, closes + 10**6):
        with pytest.raises(EpochError, match="register for epoch"):
            intake.accept(body + TOKEN, bad)
    other = Intake(group.config, Kind.LT, START + 1, lambda token, body_hash: None)
    with pytest.raises(EpochError):
        other.accept(body + TOKEN, now)
    intake.freeze(closes)
    with pytest.raises(StateError, match="while open"):
        intake.accept(body + TOKEN, now)
    with pytest.raises(EpochError, match="still open"):
        other.freeze(window(group.config, Kind.LT, START + 1)[0])


def test_attack3_another_deployment_refuses_the_body(posted):
    _, body, _, now = posted
    other = Intake(deployment(retain=7), Kind.LT, START, lambda token, body_hash: None)
    with pytest.raises(VerificationError):
        other.accept(body + TOKEN, now)


@pytest.mark.parametrize("length", [0, 1, 612, 613, 692, 694, 10_000])
def test_attack14_other_lengths_are_refused(posted, length):
    _, body, intake, now = posted
    post = (body + TOKEN).ljust(length, b"\0")[:length]
    with pytest.raises(EncodingError):
        intake.accept(post, now)


def test_attack1_every_flipped_bit_of_a_registration_is_refused(posted):
    _, body, intake, now = posted
    for i in range(0, 8 * len(body), 37):
        bent = bytearray(body)
        bent[i // 8] ^= 1 << i % 8
        with pytest.raises((EncodingError, VerificationError, EpochError)):
            intake.accept(bytes(bent) + TOKEN, now)
    assert not intake.values


def test_f23_attack2_small_order_and_malleated_registrations_are_refused(posted):
    group, body, intake, now = posted
    message = ms.decode_body(group.config, body)
    identity = b"\1" + bytes(31)
    forged = replace(message, public=identity, signature=identity + bytes(32))
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(message.signature[32:], "little") + order
    bent = message.signature[:32] + s.to_bytes(32, "little")
    for bad in (forged, replace(message, signature=bent)):
        with pytest.raises(VerificationError):
            intake.accept(ms.encode_registration(bad) + TOKEN, now)


def test_f20_the_registrar_keeps_no_blinded_key(posted):
    group, body, intake, now = posted
    intake.accept(body + TOKEN, now)
    public = ms.decode_body(group.config, body).public
    kept = b"".join(k + v for k, v in intake.values.items()) + repr(intake).encode()
    assert public not in kept
    assert not any(public in bytes(str(v), "utf-8") for v in vars(intake).values())


def test_the_raw_file_is_sorted_and_repeatable(config):
    groups = [Group("bob", seed=f"user {i}") for i in range(8)]
    intake = Intake(config, Kind.LT, START, lambda token, body_hash: None)
    opens, closes = window(config, Kind.LT, START)
    for group in groups:
        intake.accept(group.build().body + TOKEN, opens)
    raw = intake.freeze(closes)
    rows = [raw[i : i + 592] for i in range(0, len(raw), 592)]
    assert len(rows) == 8
    assert rows == sorted(rows)
    assert intake.freeze(closes) == raw


def test_f21_a_withdrawn_record_is_not_published_and_not_replaced(posted, rng):
    group, body, intake, now = posted
    intake.accept(body + TOKEN, now)
    config = group.config
    text = withdraw_lt(group.circle, config, rng)
    assert len(text) == len(body)  # R's network sees no difference in size
    bent = bytearray(text)
    bent[60] ^= 1
    with pytest.raises(VerificationError):
        intake.accept(bytes(bent) + TOKEN, now)
    assert intake.accept(text + TOKEN, now) is rc.Answer.WITHDRAWN
    with pytest.raises(ConflictError):
        intake.accept(body + TOKEN, now)
    assert intake.freeze(window(config, Kind.LT, START)[1]) == b""
    # The owner learns by looking up that nothing was published, and goes on.
    after = settle_lt(group.circle, config, START, None)
    assert after.pending is None
    with pytest.raises(StateError, match="nothing to withdraw"):
        withdraw_lt(after, config, rng)


def test_f03_receipts_prove_what_was_dropped_and_have_one_size(posted, rng):
    group, body, intake, now = posted
    answers = [
        answer_post(intake, body + TOKEN, now, REGISTRAR, rng),
        answer_post(intake, body[:-1] + b"x" + TOKEN, now, REGISTRAR, rng),
        answer_post(intake, b"", now, REGISTRAR, rng),
        answer_post(intake, body + TOKEN, now + 10**7, REGISTRAR, rng),
    ]
    assert {len(answer) for answer in answers} == {rc.RECEIPT_SIZE}
    receipts = [rc.decode_receipt(answer) for answer in answers]
    names = [receipt.answer.name for receipt in receipts]
    assert names == ["ACCEPTED", "MALFORMED", "MALFORMED", "CLOSED"]
    assert receipts[0].body_hash == sha256(body).digest()
    for receipt in receipts:
        rc.verify_receipt(group.config, receipt)
    with pytest.raises(VerificationError):
        rc.verify_receipt(group.config, replace(receipts[0], epoch=START + 1))


# ---- salt, manifest, configuration


def buckets(tag, salt, n):
    """Three distinct buckets, as the layout chooses them."""
    digest = hashlib.blake2b(tag, key=salt, person=b"MP3v1-keyhash").digest()
    chosen = []
    for i in range(0, 64, 8):
        bucket = int.from_bytes(digest[i : i + 8], "little") % n
        if bucket not in chosen:
            chosen.append(bucket)
    return tuple(sorted(chosen[:3]))


def grind(alice, salt, n, wanted, rng):
    """Persona tags that share all three buckets with Alice's."""
    found = []
    while len(found) < wanted:
        tag = rng.draw(16)
        if buckets(tag, salt, n) == buckets(alice, salt, n):
            found.append(tag)
    return found


def test_f09_attack13_a_registrar_that_knows_the_salt_makes_an_oracle_for_friendships(
    config, rng
):
    """Three personas in Alice's buckets leave no room for her: known salt works,
    mixed salt does not.  Eight buckets have 56 triples; n = 30 trials."""
    alice, hits, trials = rng.draw(16), 0, 30
    for _ in range(trials):
        guess = rng.draw(32)
        personas = grind(alice, guess, 8, 3, rng)
        assert len({buckets(tag, guess, 8) for tag in [alice, *personas]}) == 1
        # The amended salt mixes parts that R sees after the records are frozen.
        raw_hash = sha256(alice + b"".join(personas)).digest()
        parts = tuple(bytes(rng.draw(32)) for _ in SERVERS)
        salt = mf.mix_salt(config.dep_id, Kind.LT, START, raw_hash, parts)
        hits += len({buckets(tag, salt, 8) for tag in [alice, *personas]}) == 1
    # By chance all three meet Alice with probability 56^-3.
    assert hits == 0


class Ceremony:
    """Publication of one table, with every server's part."""

    def __init__(self, config, rng, epoch=START, raw=b"raw", previous=bytes(32)):
        self.config, self.rng, self.epoch, self.previous = config, rng, epoch, previous
        self.raw_hash = sha256(raw).digest()
        self.states = [ls.promise(Kind.LT, epoch, rng) for _ in SERVERS]
        self.commitments = tuple(state.commitment for state in self.states)
        self.now = start_of(config, Kind.LT, epoch) - 50

    def open(self):
        pairs = [
            ls.open_part(state, self.config, self.raw_hash, key, self.rng)
            for state, key in zip(self.states, SERVERS, strict=True)
        ]
        self.states = [state for state, _ in pairs]
        for i, (_, opening) in enumerate(pairs):
            ls.verify_opening(opening, self.config, Kind.LT, self.epoch, i)
        return tuple(opening.part for _, opening in pairs)

    def manifest(self, **changes):
        parts = self.open()
        dep_id = self.config.dep_id
        salt = mf.mix_salt(dep_id, Kind.LT, self.epoch, self.raw_hash, parts)
        key = encode_g2(tokens.token_key(bytes(32), dep_id, 1, DAY).public)
        fields = (
            dep_id,
            1,
            self.epoch,
            3,
            576,
            self.raw_hash,
            self.previous,
            self.commitments,
            parts,
            salt,
            (key,),
            b"layout",
        )
        return replace(mf.Manifest(*fields), **changes)

    def sign(self, encoded, now=None):
        signatures = [mf.sign_manifest(encoded, REGISTRAR, self.rng)]
        for i, key in enumerate(SERVERS):
            self.states[i], signature = ls.countersign(
                self.states[i],
                self.config,
                encoded,
                self.previous,
                now or self.now,
                key,
                self.rng,
            )
            signatures.append(signature)
        return encode_signed(encoded, signatures)


def test_a_published_manifest_verifies(config, rng):
    ceremony = Ceremony(config, rng)
    manifest = ceremony.manifest()
    encoded = mf.encode_manifest(manifest)
    signed = ceremony.sign(encoded)
    assert mf.verify_manifest(signed, config, Kind.LT, START, bytes(32)) == manifest
    with pytest.raises(EpochError):
        mf.verify_manifest(signed, config, Kind.LT, START + 1, None)
    with pytest.raises(VerificationError, match="another history"):
        mf.verify_manifest(signed, config, Kind.LT, START, b"\1" * 32)
    later = Ceremony(config, rng, START + 1, previous=mf.manifest_hash(encoded))
    signed = later.sign(mf.encode_manifest(later.manifest()))
    mf.verify_manifest(signed, config, Kind.LT, START + 1, mf.manifest_hash(encoded))


@pytest.mark.parametrize(
    "changes",
    [
        {"salt": b"\1" * 32},
        {"openings": (b"\1" * 32,) * 3},
        {"openings": (b"\1" * 32,) * 2, "commitments": (b"\1" * 32,) * 2},
        {"raw_hash": b"\1" * 32},
        {"dep_id": b"\1" * 16},
    ],
    ids=["salt", "openings", "fewer servers", "raw file", "deployment"],
)
def test_f09_f10_servers_sign_no_manifest_that_breaks_a_promise(config, rng, changes):
    ceremony = Ceremony(config, rng)
    encoded = mf.encode_manifest(ceremony.manifest(**changes))
    with pytest.raises(VerificationError):
        ceremony.sign(encoded)


def test_f09_a_part_is_opened_for_one_raw_file_only(config, rng):
    state = ls.promise(Kind.LT, START, rng)
    state, _ = ls.open_part(state, config, bytes(32), SERVERS[0], rng)
    state, again = ls.open_part(state, config, bytes(32), SERVERS[0], rng)
    with pytest.raises(ReplayError):
        ls.open_part(state, config, b"\1" * 32, SERVERS[0], rng)
    with pytest.raises(VerificationError):
        ls.verify_opening(again, config, Kind.LT, START, 1)


def test_f10_attack6_two_manifests_for_one_table_are_not_both_signed(config, rng):
    ceremony = Ceremony(config, rng)
    manifest = ceremony.manifest()
    ceremony.sign(mf.encode_manifest(manifest))
    ceremony.sign(mf.encode_manifest(manifest))  # the same again is fine
    with pytest.raises(ReplayError):
        ceremony.sign(mf.encode_manifest(replace(manifest, layout=b"other")))


def test_f18_servers_sign_only_near_their_own_clock(config, rng):
    ceremony = Ceremony(config, rng)
    encoded = mf.encode_manifest(ceremony.manifest())
    year = 365 * 86_400
    for now in (ceremony.now - 50_000, ceremony.now + year):
        with pytest.raises(EpochError, match="server's clock"):
            ceremony.sign(encoded, now)


def test_a_manifest_is_not_signed_before_the_part_is_opened(config, rng):
    ceremony = Ceremony(config, rng)
    encoded = mf.encode_manifest(ceremony.manifest())
    ceremony.states = [replace(state, raw_hash=b"") for state in ceremony.states]
    with pytest.raises(StateError):
        ceremony.sign(encoded)


def test_f10_every_server_signs_the_configuration(config, rng):
    keys = [REGISTRAR, *SERVERS]
    signatures = [sign_config(config, key, rng) for key in keys]
    data = encode_signed(encode_config(config), signatures)
    assert decode_signed_config(data) == config
    # R alone, with its own list of servers:
    for bad in (signatures[:1], signatures[:-1], [signatures[0]] * 4):
        with pytest.raises(VerificationError):
            decode_signed_config(encode_signed(encode_config(config), bad))


@pytest.mark.parametrize(
    "changes", [{"max_friends": 10}, {"slots": 3}, {"mode": "download"}, {"circles": 2}]
)
def test_f10_a_changed_configuration_has_another_name(config, changes):
    assert deployment(**changes).dep_id != config.dep_id


# ---- tokens


def test_f12_f17_quota_and_spent_sets(rng):
    config = deployment(circles=2)
    role = Role.REGISTER_LT
    key = tokens.token_key(bytes(32), config.dep_id, role, DAY)
    assert [quota(config, r) for r in (1, 2)] == [4, 10]
    batch = daily_batch(config, role, DAY, rng)
    assert len(batch) == 4
    ready = [
        tokens.unblind(token, tokens.issue(key, token.message), role, DAY, key.public)
        for token in batch
    ]
    spent, body, other = SpentSet(role, DAY, key.public), bytes(32), bytes([1] * 32)
    for token in ready:
        spent.spend(token, body)
        spent.spend(token, body)  # a resend, or a crash before the value was stored
    # Over all epochs and both kinds: the set belongs to the key, not to the epoch.
    for token in ready:
        with pytest.raises(SpentError):
            spent.spend(token, other)
    with pytest.raises(VerificationError):
        SpentSet(Role.REGISTER_ST, DAY, key.public).spend(ready[0], body)


def test_a_token_reaches_the_intake(posted, rng):
    group, body, _, now = posted
    key = tokens.token_key(bytes(32), group.config.dep_id, 1, DAY)
    spent = SpentSet(1, DAY, key.public)
    intake = Intake(group.config, Kind.LT, START, spent.spend)
    with pytest.raises((VerificationError, EncodingError)):
        intake.accept(body + TOKEN, now)
    assert not intake.values
    blinded = tokens.blind(1, DAY, tokens.bind(rng.draw(32), body), rng)
    token = tokens.unblind(
        blinded, tokens.issue(key, blinded.message), 1, DAY, key.public
    )
    assert intake.accept(body + token, now) is rc.Answer.ACCEPTED


def test_wrong_lengths_name_what_was_expected():
    with pytest.raises(LengthError, match="has 80 bytes; got 79"):
        tokens.check_token(bytes(79), 1, DAY, tokens.G2_GENERATOR)


# ---- what servers promise each other, signed


def test_commitments_and_raw_files_are_signed_by_the_one_who_made_them(config, rng):
    state, other = ls.promise(Kind.ST, 7, rng), ls.promise(Kind.ST, 7, rng)
    data = ls.sign_commitment(state, config, SERVERS[0], rng)
    assert len(data) == 96
    assert ls.verify_commitment(data, config, Kind.ST, 7, 0) == state.commitment
    signature = ls.sign_raw(config, Kind.ST, 7, bytes(32), REGISTRAR, rng)
    ls.verify_raw(config, Kind.ST, 7, bytes(32), signature)
    wrong = [
        (data, Kind.ST, 7, 1),
        (data, Kind.ST, 8, 0),
        (data, Kind.LT, 7, 0),
        (other.commitment + data[32:], Kind.ST, 7, 0),
    ]
    for body, *about in wrong:
        with pytest.raises(VerificationError):
            ls.verify_commitment(body, config, *about)
    for about in ((Kind.ST, 8, bytes(32)), (Kind.ST, 7, bytes([1] * 32))):
        with pytest.raises(VerificationError):
            ls.verify_raw(config, *about, signature)
    with pytest.raises(VerificationError):
        ls.verify_raw(deployment(retain=7), Kind.ST, 7, bytes(32), signature)


def test_an_opening_is_written_and_read_in_128_bytes(config, rng):
    state = ls.promise(Kind.LT, 7, rng)
    _, opening = ls.open_part(state, config, bytes(32), SERVERS[1], rng)
    data = ls.encode_opening(opening)
    assert len(data) == 128
    assert ls.decode_opening(data) == opening
    with pytest.raises(LengthError):
        ls.decode_opening(data[:-1])
