"""F5, F8, F28, F32, F34 and the attacks on one record: keys once, no way back, no link.

Attack numbers are those of section 10.2.
"""

from dataclasses import replace

import pytest

from private_presence.errors import ConflictError, EncodingError, EpochError
from private_presence.primitives import curve
from private_presence.primitives.boxes import wrap
from private_presence.primitives.header import decode_header
from private_presence.primitives.kdf import kdf, u32
from private_presence.primitives.ratchet import step_rk
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.codec import encode_record
from private_presence.protocol.epochs import Kind, first_st
from private_presence.protocol.friend import read_lt
from private_presence.protocol.lt_record import open_lt, unwrap_lt
from private_presence.protocol.payload import StPayload
from private_presence.protocol.publish_lt import prepare_lt
from private_presence.protocol.publish_st import prepare_st
from private_presence.protocol.records import place
from private_presence.protocol.st_record import open_st

from .group import START, Group


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def two_bodies(group):
    """What two devices with one state would send for the same epoch."""
    before, epoch = group.circle, group.epoch
    for seed in ("one", "two"):
        circle = prepare_lt(before, group.config, epoch, SeededRandomness(seed))
        yield circle.pending.value[:-64]


def test_f05_two_lt_bodies_of_one_epoch_do_not_share_a_keystream():
    group = Group("bob", "carol")
    group.suspend("bob")
    group.step()  # from now on Bob has a slot
    rk, public, epoch = group.circle.rk, group.circle.signing.public, group.epoch
    one, two = two_bodies(group)
    plain = [
        b"".join(unwrap_lt(group.config, public, rk, epoch, c)) for c in (one, two)
    ]
    bob = plain[0].find(bytes(group.circle.members[0].x.to_be_bytes()))
    assert bob in (144, 272)
    # Unamended: the key depends on the epoch alone, and a real member's slot cancels.
    key = kdf("outer", rk + public, group.config.dep_id + u32(epoch))
    old = xor(*(wrap(key, text) for text in plain))
    assert old[bob : bob + 128] == bytes(128)
    new = xor(one, two)
    assert all(new[i : i + 16] != bytes(16) for i in range(0, 512, 16))


def test_f05_two_st_bodies_of_one_epoch_show_only_that_they_differ():
    group = Group("bob")
    group.step()
    t, before = first_st(group.config, START) + 1, group.circle
    values = [
        prepare_st(before, group.config, t, StPayload(1, aux), group.rng).st.sent.value
        for aux in (b"hello", b"")
    ]
    difference = xor(values[0][16:64], values[1][16:64])
    assert difference[3:8] != b"hello"
    assert bytes(8) not in difference


def test_f05_f34_a_second_different_body_is_refused_and_a_retry_is_the_same():
    group = Group("bob")
    first = group.build(aux=b"one").body
    assert group.build(aux=b"one").body == first
    with pytest.raises(ConflictError, match="send it as stored"):
        group.build(aux=b"two")
    group.step(aux=b"one")
    t = first_st(group.config, START) + 1
    group.show(t, b"one")
    body = group.circle.st.sent.body
    again = prepare_st(group.circle, group.config, t, StPayload(1, b"one"), group.rng)
    assert again.st.sent.body == body
    with pytest.raises(ConflictError, match="wait for the next epoch"):
        prepare_st(group.circle, group.config, t, StPayload(2, b"one"), group.rng)


def test_keys_of_past_and_far_epochs_are_gone():
    group = Group("bob")
    group.step()
    t = first_st(group.config, START) + 2
    group.show(t)
    for bad in (t - 1, t + 10_000):
        with pytest.raises(EpochError):
            prepare_st(group.circle, group.config, bad, StPayload(1), group.rng)
    for bad in (START, START + 2):
        with pytest.raises(EpochError, match="look the earlier ones up"):
            prepare_lt(group.circle, group.config, bad, group.rng)


def test_f08_attack10_a_stolen_reader_finds_no_older_record():
    """Unamended tags depended on Lambda alone: every older record was located."""
    group = Group("bob")
    tags, t = {}, None
    for _ in range(6):
        epoch = group.build().epoch
        tags[epoch] = group.circle.pending.tag
        group.step()
    t = first_st(group.config, group.epoch - 1)
    for at in (t, t + 1, t + 2):
        group.show(at)
    stolen = group.readers["bob"]
    secrets = [stolen.rk, stolen.st.ck]
    for epoch, tag in tags.items():
        for chain in secrets:
            found = place(group.config.dep_id, Kind.LT, stolen.public, chain, epoch)
            assert found.tag != tag
        for rk in secrets:
            status, _ = open_lt(
                group.config, stolen.key, stolen.public, rk, epoch, group.records[epoch]
            )
            assert status.value == "absent"
    for at in (t, t + 1, t + 2):
        for ck in secrets:
            status, _ = open_st(
                group.config, stolen.st.public, ck, at, group.st_records[at]
            )
            assert status.value == "absent"
    # Control: the same code finds the next record, which the thief does get.
    epoch = group.build().epoch
    found = place(group.config.dep_id, Kind.LT, stolen.public, stolen.rk, epoch)
    assert found.tag == group.circle.pending.tag


def test_f08_an_invitation_does_not_open_presence_of_the_same_day():
    """F28 too: the LT record not yet settled is the first that a new friend reads."""
    group = Group("bob")
    group.step()
    t = first_st(group.config, START)
    group.show(t), group.show(t + 1)
    group.invite("carol")
    carol = group.readers["carol"]
    assert (carol.epoch, carol.st.t) == (START + 1, t + 2)
    status, _ = open_st(
        group.config, carol.st.public, carol.st.ck, t + 1, group.st_records[t + 1]
    )
    assert status.value == "absent"
    assert group.show(t + 2) == {"bob": "ok", "carol": "ok"}
    assert group.step()["carol"] == "ok"


def test_the_manager_keeps_no_passed_key():
    group = Group("bob")
    old_rk = bytes(group.circle.rk)
    group.step()
    old_ck = bytes(group.circle.st.ck)
    group.show(first_st(group.config, START) + 1)
    state = encode_record(group.circle)
    assert old_rk not in state
    assert old_ck not in state


def test_attack8_raw_headers_are_linked_by_two_pairings():
    """Regression of the attack: e(C1, C2') = e(C1', C2) for one manager only."""
    headers = {}
    for seed in ("alice", "bert"):
        group = Group("bob", seed=seed)
        for _ in range(2):
            public, rk, epoch = (
                group.circle.signing.public,
                group.circle.rk,
                group.epoch,
            )
            ct = group.build().value[:-64]
            head, _ = unwrap_lt(group.config, public, rk, epoch, ct)
            headers.setdefault(seed, []).append(decode_header(head, 2))
            group.step()

    def linked(a, b):
        # Slots repeat, so C2 differs by k alone.
        left = curve.pairing_product([(a.C1, b.C2)])
        return left == curve.pairing_product([(b.C1, a.C2)])

    alice, bert = headers["alice"], headers["bert"]
    assert [s.x for s in alice[0].slots] == [s.x for s in alice[1].slots]
    assert linked(*alice)
    assert not linked(alice[0], bert[0])


def test_f32_attack8_wrapped_records_hold_no_points_to_link():
    """Removed with a wrong key the header parses no more often than chance."""
    group = Group("bob")
    group.step()
    ct, rng, parsed = group.records[START][:-64], SeededRandomness("wrong"), 0
    for _ in range(200):
        head, _ = unwrap_lt(
            group.config, group.circle.signing.public, rng.draw(32), START, ct
        )
        try:
            decode_header(head, 2)
        except EncodingError:
            continue
        parsed += 1
    # One point parses with probability below 2^-2, four points and two scalars
    # with less than 2^-10; subgroups of G2 make it below 2^-500.
    assert parsed == 0
    with pytest.raises(EncodingError):
        decode_header(ct[16:416], 2)


def test_attack8_bytes_of_records_are_uniform():
    """Chi-square over 256 values; n = 64 records of 512 bytes, z = 5."""
    group, counts = Group("bob"), [0] * 256
    for _ in range(64):
        group.step()
    for value in group.records.values():
        for byte in value[:512]:
            counts[byte] += 1
    n = sum(counts)
    chi = sum((c - n / 256) ** 2 / (n / 256) for c in counts)
    assert abs(chi - 255) < 5 * (2 * 255) ** 0.5


def test_attack3_records_do_not_move_between_epochs_kinds_or_deployments():
    group, other = Group("bob"), Group("bob", retain=29)
    reader = group.readers["bob"]
    group.step()
    value = group.records[START]
    for epoch in (START + 1, START + 2):
        assert read_lt(reader, group.config, epoch, value)[0].value == "absent"
    assert group.config.dep_id != other.config.dep_id
    assert read_lt(reader, other.config, START, value)[0].value == "absent"
    t = first_st(group.config, START) + 1
    group.show(t)
    st = group.st_records[t]
    assert read_lt(reader, group.config, START, st)[0].value == "absent"
    keys = group.readers["bob"].st
    assert open_st(group.config, keys.public, keys.ck, t + 1, st)[0].value == "absent"


def test_attack3_an_old_record_republished_is_absent():
    """A manager from a backup repeats a sequence number (F6)."""
    group = Group("bob")
    backup = group.circle
    group.step()
    circle = replace(
        backup,
        epoch=START + 1,
        rk=step_rk(backup.rk, START, START + 1),
    )
    circle = prepare_lt(circle, group.config, START + 1, group.rng)
    assert group.read("bob", START + 1, circle.pending.value) == "absent"


def test_attack3_reading_twice_changes_nothing():
    group = Group("bob")
    group.step()
    before = group.readers["bob"]
    assert group.read("bob", START) == "absent"
    assert group.readers["bob"] == before
