"""F4, F6, F17, F18, F19, F22 and bad input: the client's whole state machine."""

from dataclasses import replace

import pytest

from private_presence.errors import (
    CapacityError,
    ClockError,
    ConfigError,
    EpochError,
    ForeignStateError,
    InputError,
    LengthError,
    StateError,
    VerificationError,
)
from private_presence.primitives import blinding as bl
from private_presence.primitives.manager_key import encapsulate
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol import client as cl
from private_presence.protocol import client_lookup as lk
from private_presence.protocol import client_publish as cp
from private_presence.protocol import lt_record, membership, payload, records, schedule
from private_presence.protocol.epochs import Kind, check_clock, start_of
from private_presence.protocol.friend import read_lt
from private_presence.protocol.invitation import check_invitation, decode_invitation
from private_presence.protocol.machine import CLIENT, INTAKE
from private_presence.protocol.publish_lt import settle_lt
from private_presence.protocol.restore import roll_forward
from private_presence.protocol.schedule import lt_lookups

from .group import START, Group
from .world import deployment

NOW = START - 1


@pytest.fixture
def rng():
    return SeededRandomness("client")


def befriend(owner, reader, config, rng, name="friend", reader_name="reader"):
    nonce = rng.draw(32)
    circle, data = membership.invite(owner.circles[0], config, reader_name, nonce, rng)
    owner = cl.change_circle(owner, 0, lambda _: circle)
    return owner, cl.accept_invitation(reader, config, name, data, nonce)


def publish(client, config, epoch, rng, circle=0):
    now = start_of(config, Kind.LT, epoch - 1)
    client = cp.publish_lt(client, config, circle, epoch, now, rng)
    pending = client.circles[circle].pending
    return client, {pending.tag: pending.value}


# ---- traffic


@pytest.mark.parametrize("gap", [0, 1, 2, 7, 30, 31, 400])
def test_f04_the_walk_depends_on_the_clients_own_absence_alone(gap):
    config = deployment(retain=30)
    walked = lt_lookups(config, 1000, 1000 - gap)
    assert walked == list(range(1001 - max(min(gap, 30), 2), 1001))


def test_f04_a_clock_that_went_back_is_an_error():
    with pytest.raises(InputError, match="set the clock"):
        lt_lookups(deployment(), 99, 100)


def test_f04_no_schedule_takes_a_friend_or_a_result():
    """Attacks 5 and 11: what is sent cannot depend on what is not an argument."""
    import inspect

    allowed = {"config", "now_epoch", "last_complete", "kind", "epoch", "rng"}
    for name in schedule.__all__:
        function = getattr(schedule, name)
        if callable(function):
            assert set(inspect.signature(function).parameters) <= allowed


def test_f04_attack11_clients_with_and_without_friends_look_up_alike(rng):
    """Zero, one and twenty friends, found or not: the same epochs and bounds."""
    config = deployment()
    lonely = cl.new_client(config, NOW, rng)
    popular = cl.new_client(config, NOW, rng)
    friends = []
    for i in range(config.max_friends):
        friend = cl.new_client(config, NOW, rng)
        friend, popular = befriend(friend, popular, config, rng, f"f{i}")
        friends.append(friend)
    for client, found in ((lonely, False), (popular, True)):
        plan = []
        for now in (START, START + 1, START + 5):
            for epoch in lt_lookups(config, now, client.last_lt):
                tags = lk.wanted(client, config, Kind.LT, epoch)
                assert len(tags) <= config.max_friends + config.circles
                plan.append(epoch)
                client, _ = lk.take_lt(client, config, epoch, {}, now)
        # A function of the clock alone, whoever the friends are.
        assert plan == [100, 101, 101, 102, 103, 104, 105, 106], found


def test_f33_the_layout_has_room_for_ones_own_tag():
    with pytest.raises(ConfigError, match="bucket for each friend and circle"):
        deployment(max_friends=32, buckets=32)


def test_f14_audits_come_once_in_32_lookups(rng):
    """n = 6400, z = 4; independent of everything because nothing is an argument."""
    n = 6400
    hits = sum(schedule.is_audit(rng) for _ in range(n))
    assert abs(hits - n / 32) < 4 * (n / 32 * 31 / 32) ** 0.5


def test_f17_every_client_registers_the_same_number_of_circles(rng):
    config = deployment(circles=3)
    client = cl.new_client(config, NOW, rng)
    assert len(client.circles) == 3
    now = start_of(config, Kind.LT, START - 1)
    sizes = set()
    for i in range(3):  # with or without members
        client = cp.publish_lt(client, config, i, START, now, rng)
        sizes.add(len(client.circles[i].pending.body))
    assert sizes == {config.lt_size}
    from private_presence.protocol.circle import new_circle

    dropped = cl.change_circle(client, 1, lambda _: new_circle(START + 1, rng))
    assert len(dropped.circles) == 3
    assert dropped.circles[1].signing.public != client.circles[1].signing.public
    with pytest.raises(InputError, match="circles 0 to 2"):
        cl.change_circle(client, 3, lambda c: c)


# ---- restored states


def test_f06_a_restored_manager_rolls_forward_before_it_registers(rng):
    config = deployment()
    alice, bob = (cl.new_client(config, NOW, rng) for _ in range(2))
    alice, bob = befriend(alice, bob, config, rng, "alice", "bob")
    alice, carol = befriend(
        alice, cl.new_client(config, NOW, rng), config, rng, "alice", "carol"
    )
    backup, tables = alice, {}
    alice = cl.change_circle(alice, 0, lambda c: membership.revoke(c, "carol"))
    for epoch in (START, START + 1):
        alice, tables[epoch] = publish(alice, config, epoch, rng)
        alice, _ = lk.take_lt(alice, config, epoch, tables[epoch], epoch)
        bob, statuses = lk.take_lt(bob, config, epoch, tables[epoch], epoch)
        assert statuses == {"alice": records.Status.OK}
    now = START + 1
    restored = cl.mark_restored(backup, now)
    with pytest.raises(StateError, match="walk the retained epochs"):
        publish(restored, config, now + 1, rng)
    for epoch in lt_lookups(config, now, restored.last_lt):
        restored, _ = lk.take_lt(restored, config, epoch, tables.get(epoch, {}), now)
    assert restored.phase == "active"
    mine, hers = restored.circles[0], alice.circles[0]
    assert (mine.key, mine.signing, mine.rk) == (hers.key, hers.signing, hers.rk)
    assert [m.name for m in mine.members] == ["bob"]
    assert mine.st.signing == hers.st.signing
    # A record for now + 1 may be on its way from before: it stays quiet for that one.
    with pytest.raises(StateError):
        publish(restored, config, now + 1, rng)
    restored, _ = lk.take_lt(restored, config, now + 1, {}, now + 1)
    restored, table = publish(restored, config, now + 2, rng)
    bob, _ = lk.take_lt(bob, config, now + 1, {}, now + 1)
    assert lk.take_lt(bob, config, now + 2, table, now + 2)[1] == {
        "alice": records.Status.OK
    }
    for epoch in (START, START + 1):
        carol, _ = lk.take_lt(carol, config, epoch, tables[epoch], epoch)
    assert lk.take_lt(carol, config, now + 2, table, now + 2)[1]["alice"] is not (
        records.Status.OK
    )


def test_f06_publishing_from_a_backup_shows_the_user_to_the_removed_friend():
    """The unamended client: the wrong people see her, the right ones do not."""
    group = Group("bob", "carol")
    group.step()
    backup = group.circle
    group.revoke("carol")
    group.step()
    for epoch in (START + 1, START + 2):
        backup = settle_lt(replace(backup, pending=None), group.config, epoch, None)
    group.circle = backup
    assert group.step() == {"bob": "absent", "carol": "ok"}


def test_f06_a_gap_asks_for_rekeying_and_rekeying_heals(rng):
    config = deployment()
    client = cl.mark_restored(cl.new_client(config, NOW, rng), START + 9)
    with pytest.raises(StateError, match="rekey now"):
        roll_forward(client.circles[0], config, START + 5, None)
    # The epoch's own tag cannot be established: the client refuses to go on.
    client, _ = lk.take_lt(client, config, START + 5, {}, START + 9)
    assert client.phase == "rekey"
    with pytest.raises(StateError):
        publish(client, config, START + 9, rng)
    client = cl.rekey(client, config, START + 9, rng)
    client, _ = publish(client, config, START + 10, rng)
    assert client.phase == "active"


def test_f05_a_second_device_is_noticed(rng):
    config = deployment()
    one = cl.new_client(config, NOW, rng)
    two = one
    one, table = publish(one, config, START, SeededRandomness("one"))
    two, _ = publish(two, config, START, SeededRandomness("two"))
    two, _ = lk.take_lt(two, config, START, table, START)
    assert two.phase == "restored"
    one, _ = lk.take_lt(one, config, START, table, START)
    assert one.phase == "active"


@pytest.mark.parametrize("days", [1, 2, 4])
def test_f06_a_disk_that_was_put_back_whole_rolls_forward(rng, days):
    """State and mirror agree: only the first table of one's own tells (F5)."""
    config = deployment(circles=2)
    alice = cl.new_client(config, NOW, rng)
    alice, _ = befriend(alice, cl.new_client(config, NOW, rng), config, rng)
    old, tables = alice, {}
    for epoch in range(START, START + days):
        for circle in range(config.circles):
            alice, table = publish(alice, config, epoch, rng, circle)
            tables.setdefault(epoch, {}).update(table)
        alice, _ = lk.take_lt(alice, config, epoch, tables[epoch], epoch)
    today, phases = START + days - 1, []
    for epoch in lt_lookups(config, today, old.last_lt):
        old, _ = lk.take_lt(old, config, epoch, tables.get(epoch, {}), today)
        phases.append(old.phase)
    assert "restored" in phases
    assert "rekey" not in phases
    assert old.quiet_until == today + 2  # a record for tomorrow may be on its way
    with pytest.raises(StateError, match="walk the retained epochs"):
        publish(old, config, today + 1, rng)
    for epoch in lt_lookups(config, today + 1, old.last_lt):
        old, _ = lk.take_lt(old, config, epoch, tables.get(epoch, {}), today + 1)
    assert old.phase == "active"
    for mine, hers in zip(old.circles, alice.circles, strict=True):
        assert (mine.key, mine.signing) == (hers.key, hers.signing)
        assert mine.members == hers.members
    publish(old, config, today + 2, rng)


def test_machines_are_complete_tables():
    for table in (CLIENT, INTAKE):
        states = {state for state, _ in table}
        assert set(table.values()) - states <= {"retired"}


# ---- clocks


def test_f18_a_clock_a_year_ahead_moves_no_ratchet(rng):
    config = deployment()
    group = Group("bob")
    far = START + 365
    moved = settle_lt(group.circle, config, far, None)
    assert moved.epoch == START + config.retain + 1  # at most RETAIN + 1 steps
    assert lk.wanted(cl.new_client(config, NOW, rng), config, Kind.LT, far) == {}
    year = 365 * 86_400
    with pytest.raises(ClockError, match="set it"):
        check_clock(config, 1e9 + year, [1e9, 1e9 + 1, 1e9 + 2])
    check_clock(config, 1e9, [1e9 + year, 1e9, 1e9 + 1])  # one liar


def test_publishing_outside_a_window_is_refused(rng):
    config = deployment()
    client = cl.new_client(config, NOW, rng)
    late = start_of(config, Kind.LT, START) - config.lt_close_ms / 1000
    with pytest.raises(EpochError, match="register for epoch"):
        cp.publish_lt(client, config, 0, START, late, rng)
    with pytest.raises(EpochError):
        cp.publish_st(client, config, 0, 4 * START, payload.StPayload(1), 0.0, rng)


# ---- what others send


def crafted(group, plain):
    """A record with a payload that the manager's own library would not write."""
    circle, config, epoch = group.circle, group.config, group.epoch
    header, K = encapsulate(
        circle.key, [use.x for use in group.build().slots], group.rng
    )
    original = lt_record.encode_lt_payload
    lt_record.encode_lt_payload = lambda payload, slots: plain
    try:
        value, _ = lt_record.seal_lt(
            config, circle.signing, circle.rk, epoch, header, K, None, group.rng
        )
    finally:
        lt_record.encode_lt_payload = original
    return value


def good_payload(group):
    key = bl.signing_key(group.rng.draw(64)).public
    return payload.encode_lt_payload(payload.LtPayload(False, 7, key, b"aux"), 2)


def bent(plain, at, value):
    return plain[:at] + value + plain[at + len(value) :]


BAD = {
    "version": (0, b"\2"),
    "unknown flag": (1, b"\2"),
    "mask without a new generation": (2, b"\3"),
    "half a mask": (1, b"\1\1"),
    "reserved byte": (3, b"\1"),
    "small-order key": (8, b"\1" + bytes(31)),
    "key off the curve": (8, b"\2" + bytes(31)),
    "key of zeros": (8, bytes(32)),
    "length out of range": (40, b"\xff\xff"),
    "padding": (95, b"\1"),
}


@pytest.mark.parametrize("name", BAD)
def test_f19_a_malformed_payload_changes_nothing_and_raises_nothing(name):
    group = Group("bob")
    plain = good_payload(group)
    assert group.read("bob", START, crafted(group, plain)) == "ok"  # the control
    group = Group("bob")
    before = group.readers["bob"]
    value = crafted(group, bent(good_payload(group), *BAD[name]))
    assert group.read("bob", START, value) == "malformed"
    assert group.readers["bob"] == before


def test_f19_the_current_key_as_next_key_is_malformed():
    group = Group("bob")
    plain = bent(good_payload(group), 8, group.circle.signing.public)
    assert group.read("bob", START, crafted(group, plain)) == "malformed"


def test_f19_one_friends_record_does_not_disturb_anothers(rng):
    """The unamended reader raised on a small-order key and lost the whole batch."""
    config = deployment()
    group = Group("reader")
    good = cl.new_client(config, NOW, rng)
    reader = cl.new_client(config, NOW, rng)
    reader = replace(reader, friends=(replace(group.readers["reader"], name="bad"),))
    good, reader = befriend(good, reader, config, rng, "good")
    good, table = publish(good, config, START, rng)
    value = crafted(group, bent(good_payload(group), *BAD["small-order key"]))
    values = {group.circle.pending.tag: value, **table}
    _, statuses = lk.take_lt(reader, config, START, values, START)
    assert {n: s.value for n, s in statuses.items()} == {
        "bad": "malformed",
        "good": "ok",
    }


def test_attack4_7_changed_and_forged_values_are_absent():
    """Friend, R and servers together lack the signing key."""
    group = Group("bob")
    bob = group.readers["bob"]
    group.step()
    value = group.records[START]
    for i in range(0, 8 * len(value), 61):
        changed = bytearray(value)
        changed[i // 8] ^= 1 << i % 8
        status, after = read_lt(bob, group.config, START, bytes(changed))
        assert (status.value, after) == ("absent", bob)
    for noise in (b"", bytes(576), group.rng.draw(576), value[:-1], value + b"\0"):
        assert read_lt(bob, group.config, START, noise)[0].value == "absent"
    # Everything a friend has, under a key of her own:
    forged, _ = lt_record.seal_lt(
        group.config,
        bl.signing_key(group.rng.draw(64)),
        bob.rk,
        START,
        *forged_parts(group),
        group.rng,
    )
    assert read_lt(bob, group.config, START, forged)[0].value == "absent"


def test_attack4_a_registrar_that_swaps_records_shows_nobody_the_wrong_friend(rng):
    config = deployment()
    reader, tables = cl.new_client(config, NOW, rng), {}
    for name in ("alice", "bert"):
        owner = cl.new_client(config, NOW, rng)
        owner, reader = befriend(owner, reader, config, rng, name)
        _, table = publish(owner, config, START, rng)
        tables |= table
    swapped = dict(zip(tables, reversed(tables.values()), strict=True))
    _, honest = lk.take_lt(reader, config, START, tables, START)
    after, statuses = lk.take_lt(reader, config, START, swapped, START)
    assert {status.value for status in honest.values()} == {"ok"}
    assert {status.value for status in statuses.values()} == {"absent"}
    assert after.friends == reader.friends


def forged_parts(group):
    from private_presence.primitives import curve

    xs = [curve.random_scalar(group.rng) for _ in range(2)]
    header, K = encapsulate(group.circle.key, xs, group.rng)
    key = bl.signing_key(group.rng.draw(64)).public
    return header, K, payload.LtPayload(False, 9, key)


def test_attack1_malformed_headers_give_a_status(rng):
    """Identity and off-subgroup points, a zero x, one's own x, equal slots."""
    from private_presence.primitives.tests.test_curve import (
        off_subgroup_g1,
        off_subgroup_g2,
    )

    infinity1, infinity2 = b"\xc0" + bytes(47), b"\xc0" + bytes(95)
    bad = {
        0: [infinity1, off_subgroup_g1(), bytes(48), b"\xff" * 48],
        48: [infinity2, off_subgroup_g2(), b"\xff" * 96],
        144: [bytes(32), b"\xff" * 32],
        176: [infinity2, off_subgroup_g2()],
    }
    cases = [(at, text) for at, texts in bad.items() for text in texts]
    for at, text in cases:
        assert header_status(at, text) == "malformed", (at, text[:4])
    assert header_status(144, None, copy_from=272) == "malformed"
    assert header_status(144, None, own_x=True) == "excluded"


def header_status(at, text, copy_from=None, own_x=False):
    group = Group("bob")
    encode = lt_record.encode_header

    def changed(header):
        head = encode(header)
        new = text
        if copy_from:
            new = head[copy_from : copy_from + 32]
        if own_x:
            new = bytes(group.readers["bob"].key.x.to_be_bytes())
        return bent(head, at, new)

    lt_record.encode_header = changed
    try:
        group.build()
    finally:
        lt_record.encode_header = encode
    return group.read("bob", START, group.circle.pending.value)


# ---- invitations and capacity


def test_f22_an_invitation_is_for_one_recipient(rng):
    group = Group()
    data, nonce = group.invite("bob")
    check_invitation(data, group.config, nonce)
    with pytest.raises(VerificationError):
        check_invitation(data, group.config, rng.draw(32))


def test_f22_mallory_cannot_pass_on_alices_keys_as_her_own(rng):
    from private_presence.protocol.invitation import sign_invitation

    alice, mallory = Group(seed="alice"), Group(seed="mallory")
    data, _ = alice.invite("mallory")
    nonce = rng.draw(32)  # Bob's
    stolen = decode_invitation(data)
    forged = sign_invitation(stolen, mallory.circle.signing, nonce, rng)
    with pytest.raises(VerificationError):
        check_invitation(forged, alice.config, nonce)


def test_f10_an_invitation_names_its_deployment():
    group = Group()
    data, nonce = group.invite("bob")
    with pytest.raises(ForeignStateError, match="another deployment"):
        check_invitation(data, deployment(retain=7), nonce)


def test_more_friends_or_members_than_allowed_are_refused(rng):
    config = deployment(max_friends=2)
    reader, owner = (cl.new_client(config, NOW, rng) for _ in range(2))
    owners = [cl.new_client(config, NOW, rng) for _ in range(3)]
    for i in (0, 1):
        _, reader = befriend(owners[i], reader, config, rng, f"f{i}")
    with pytest.raises(CapacityError, match="at most 2 friends"):
        befriend(owners[2], reader, config, rng, "f2")
    for i in (0, 1):
        circle, _ = membership.invite(
            owner.circles[0], config, f"r{i}", rng.draw(32), rng
        )
        owner = cl.change_circle(owner, 0, lambda _, c=circle: c)
    with pytest.raises(CapacityError, match="at most 2 members"):
        membership.invite(owner.circles[0], config, "r2", rng.draw(32), rng)


def test_bad_arguments_are_named():
    group = Group("bob")
    with pytest.raises(InputError, match="already a member"):
        group.invite("bob")
    with pytest.raises(InputError, match="nobody of this name"):
        group.suspend("eve")
    with pytest.raises(LengthError, match="nonce has 32 bytes"):
        membership.invite(group.circle, group.config, "x", b"short", group.rng)
    with pytest.raises(CapacityError, match="at most 54 bytes"):
        group.build(aux=bytes(55))
    with pytest.raises(CapacityError, match="at most 45 bytes"):
        payload.encode_st_payload(payload.StPayload(1, bytes(46)))
    with pytest.raises(InputError, match="0 to 255"):
        payload.encode_st_payload(payload.StPayload(256))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"privacy": 3}, "t is from 1"),
        ({"mode": "magic"}, "mode is one of"),
        ({"mode": "dpf"}, "two servers"),
        ({"mode": "shamir", "privacy": 2}, "t at most k - 2"),
        ({"slots": 9}, "1 to 8 slots"),
        ({"circles": 0}, "1 to 4 circles"),
        ({"st_ms": 0}, "a millisecond at least"),
        ({"st_ms": 7000}, "divides"),
        ({"lt_close_ms": 1_200_000}, "closes after"),
        ({"retain": 0}, "one retained table"),
        ({"max_friends": 0}, "at least one friend"),
        ({"lt_ms": 1 << 33}, "numbers are from 0"),
    ],
)
def test_contradicting_constants_are_named(changes, words):
    with pytest.raises(ConfigError, match=words):
        deployment(**changes)
