"""F1, F2, F3, F7, F16: exclusion works, stays, and cannot be turned against the user.

Where the unamended design can be run, the test runs it too and shows that it fails.
"""

from collections import Counter

import pytest

from private_presence.errors import InputError, StateError, VerificationError
from private_presence.primitives import curve, manager_key, member_key
from private_presence.primitives.curve import encode_g1, encode_scalar
from private_presence.primitives.manager_key import MemberKey
from private_presence.primitives.ratchet import step_rk
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol import membership
from private_presence.protocol.circle import unwanted
from private_presence.protocol.codec import encode_record
from private_presence.protocol.epochs import first_st
from private_presence.protocol.exclusion import plan_exclusion
from private_presence.protocol.lt_record import open_lt
from private_presence.protocol.payload import StPayload
from private_presence.protocol.publish_lt import commit
from private_presence.protocol.publish_st import prepare_st
from private_presence.protocol.st_record import open_st, seal_st

from .group import START, Group


def test_f01_no_form_of_G_leaves_the_manager():
    """T-NOG: neither the invitation nor a reader's state contains G, or kG."""
    group = Group("bob")
    data, _ = group.invite("carol")
    states = [encode_record(reader) for reader in group.readers.values()]
    key = group.circle.key
    for forbidden in (key.G, -key.G, key.G * key.gamma * key.gamma):
        for text in [data, *states]:
            assert encode_g1(forbidden) not in text
            assert bytes(encode_scalar(key.gamma)) not in text
    # W is in the invitation, for the check, and gone afterwards.
    assert encode_g1(key.W) in data
    assert all(encode_g1(key.W) not in state for state in states)
    assert all(curve.encode_g2(key.H) not in state for state in states)


def test_f01_an_invitation_whose_key_does_not_fit_is_refused():
    group, other = Group("bob"), Group("bob", seed="other")
    with pytest.raises(VerificationError):
        member_key.check_key(
            group.readers["bob"].key,
            other.circle.key.W,
            other.circle.key.H,
            manager_key.verification_hash(other.circle.key),
        )


@pytest.mark.parametrize("refreshed", [False, True])
def test_f02a_a_readmitted_friend_does_not_open_her_own_removal(refreshed):
    """T-READMIT: without the refresh, the new key opens the transition record."""
    rng = SeededRandomness("readmit")
    manager = manager_key.setup(rng)
    carol, virtual = (curve.random_scalar(rng) for _ in range(2))
    header, K = manager_key.encapsulate(manager, [carol, virtual], rng)
    s = curve.random_scalar(rng) if refreshed else curve.scalar(1)
    manager = manager_key.absorb(manager, [carol, virtual], s)
    again = manager_key.join(manager, curve.random_scalar(rng))
    attack = curve.pairing_product([(header.C1, again.B), (again.A, header.C2)])
    assert (attack.to_bytes() == K) is not refreshed


def test_f02a_b_removed_and_readmitted_reads_nothing_in_between():
    """T-COAL: Carol, back with a new x, and Gus, invited later, pool all they have."""
    group = Group("bob", "carol")
    group.step()
    group.revoke("carol")
    assert group.step() == {"bob": "ok", "carol": "excluded"}
    old_carol = group.readers["carol"]
    for _ in range(2):
        assert group.step()["bob"] == "ok"
    group.invite("carol", as_name="carol again")
    group.invite("gus")
    group.step()
    for name in ("carol again", "gus"):
        for epoch in range(START + 1, START + 4):
            new = group.readers[name]
            header = unwrapped_header(group, old_carol, epoch)
            if header is None:  # Carol's Lambda or rk no longer fits
                continue
            K, _ = member_key.decapsulate(new.key, header)
            assert not opens_with(group, old_carol, epoch, K)
            # Her new base has the slots of the transition in it: no aggregation.
            pairs = [(header.C1, new.key.B), (new.key.A, header.C2)]
            K = curve.pairing_product(pairs).to_bytes()
            assert not opens_with(group, old_carol, epoch, K)


def unwrapped_header(group, reader, epoch):
    """The header as somebody with this reader's Lambda and rk sees it."""
    from private_presence.errors import PresenceError
    from private_presence.primitives.header import decode_header
    from private_presence.protocol.lt_record import unwrap_lt

    rk = step_rk(reader.rk, reader.epoch, epoch)
    ct = group.records[epoch][:-64]
    head, _ = unwrap_lt(group.config, reader.public, rk, epoch, ct)
    try:
        return decode_header(head, group.config.slots)
    except PresenceError:
        return None


def opens_with(group, reader, epoch, K):
    from private_presence.errors import VerificationError as Wrong
    from private_presence.protocol.epochs import Kind
    from private_presence.protocol.lt_record import open_lt_inner, unwrap_lt
    from private_presence.protocol.records import place

    config, rk = group.config, step_rk(reader.rk, reader.epoch, epoch)
    where = place(config.dep_id, Kind.LT, reader.public, rk, epoch)
    head, inner = unwrap_lt(
        config, reader.public, rk, epoch, group.records[epoch][:-64]
    )
    try:
        open_lt_inner(config, K, rk, epoch, where, head, inner)
    except Wrong:
        return False
    return True


def test_attack9_removed_friends_pool_everything_and_find_nothing():
    """Two removed in one record: keys, Lambdas, ratchets and all tables together."""
    group = Group("bob", "carol", "dave")
    group.step()
    pool = list(group.readers.values())
    group.revoke("carol")
    group.revoke("dave")
    statuses = group.step()
    assert statuses == {"bob": "ok", "carol": "excluded", "dave": "excluded"}
    pool += [group.readers["carol"], group.readers["dave"]]
    last = group.epoch + 3
    while group.epoch < last:
        assert group.step() == {"bob": "ok", "carol": "absent", "dave": "absent"}
    keys = [reader.key for reader in pool]
    keys.append(MemberKey(keys[1].x + keys[2].x, keys[1].A + keys[2].A, keys[1].B))
    for epoch in range(last - 3, last):
        for reader in pool:
            rk = step_rk(reader.rk, reader.epoch, epoch)
            for key in keys:
                status, _ = open_lt(
                    group.config, key, reader.public, rk, epoch, group.records[epoch]
                )
                assert status.value == "absent"


def test_the_attack_helpers_do_open_what_is_open():
    """Control for the tests above: an authorised key passes the same path."""
    group = Group("bob")
    reader = group.readers["bob"]
    group.step()
    header = unwrapped_header(group, reader, START)
    K, _ = member_key.decapsulate(reader.key, header)
    assert opens_with(group, reader, START, K)


def test_f02c_no_key_is_issued_into_a_generation_that_excluded_somebody():
    group = Group("bob", "carol")
    group.step()
    group.suspend("bob")
    assert membership.can_invite(group.circle)
    group.build()
    assert not membership.can_invite(group.circle)  # on its way counts
    group.step()
    with pytest.raises(StateError, match="ask for a new generation"):
        group.invite("gus")
    # What the rule prevents: a late key of this generation opens that record.
    reader = group.readers["carol"]
    bob = next(m.x for m in group.circle.members if m.name == "bob")
    header, K = manager_key.encapsulate(group.circle.key, [bob], group.rng)
    late = manager_key.join(group.circle.key, curve.random_scalar(group.rng))
    assert member_key.decapsulate(late, header)[0] == K
    assert reader.generation == 0
    group.apply(membership.ask_new_generation)
    assert group.step() == {"bob": "excluded", "carol": "ok"}
    group.invite("gus")
    assert group.step()["gus"] == "ok"


def test_f02c_a_dropped_exclusion_counts_as_carried():
    """R can keep what it dropped and show it to a friend."""
    group = Group("bob", "carol")
    group.suspend("bob")
    group.step(published=False)
    assert not membership.can_invite(group.circle)


def test_f02d_an_absorbed_x_is_recorded_for_ever():
    group = Group("bob", "carol")
    carol = bytes(encode_scalar(group.circle.members[1].x))
    group.step()
    group.revoke("carol")
    slots = [bytes(encode_scalar(use.x)) for use in group.build().slots]
    group.step()
    assert carol in slots
    assert set(slots) <= set(group.circle.used)


def test_f03_a_dropped_transition_changes_nothing():
    group = Group("bob", "carol")
    group.step()
    group.show(first_st(group.config, START) + 1)
    group.revoke("carol")
    assert group.step(published=False) == {"bob": "absent", "carol": "absent"}
    assert group.circle.generation == 0
    assert group.circle.revoking == ("carol",)  # shown as not effective
    with pytest.raises(StateError, match="not yet effective"):
        group.show(first_st(group.config, group.epoch) - 2)
    assert group.step() == {"bob": "ok", "carol": "excluded"}
    assert group.step() == {"bob": "ok", "carol": "absent"}


def test_f03_committing_at_build_time_loses_every_friend():
    """The unamended manager: it moves on although nobody saw the record."""
    group = Group("bob", "carol")
    group.step()
    group.revoke("carol")
    pending = group.build()
    group.circle = commit(group.circle, group.config, pending)
    assert [group.step()["bob"] for _ in range(3)] == ["absent"] * 3


def test_f03_a_transition_that_cannot_be_looked_up_asks_for_rekeying():
    group = Group("bob")
    group.step()
    group.revoke("bob")
    group.build()
    from private_presence.protocol.publish_lt import settle_lt

    with pytest.raises(StateError, match="rekey now"):
        settle_lt(group.circle, group.config, group.epoch + 1, None)


def test_f07_more_exclusions_than_slots_publish_no_presence():
    group = Group("ann", "bob", "carol", "dave")
    group.step()
    t = first_st(group.config, START)
    assert group.show(t + 1)["bob"] == "ok"
    group.suspend("ann")
    group.suspend("bob")
    group.revoke("carol")
    statuses = group.step()
    # The removal and one suspension found slots; the other opens the transition.
    assert statuses["carol"] == "excluded"
    assert Counter(statuses.values()) == {"excluded": 2, "ok": 2}
    left = next(n for n in ("ann", "bob") if statuses[n] == "ok")
    # The unamended client published now, under keys that she has:
    chain = group.circle.st
    value, _ = seal_st(
        group.config, chain.signing, chain.ck, chain.t, StPayload(1), group.rng
    )
    st = group.readers[left].st
    status, _ = open_st(group.config, st.public, st.ck, st.t, value)
    assert status.value == "ok"
    with pytest.raises(StateError, match="not yet effective"):
        prepare_st(group.circle, group.config, chain.t, StPayload(1), group.rng)
    # She takes a slot of the next transition; then presence is shown again.
    assert group.step()[left] == "excluded"
    assert group.circle.generation == 2
    shown = group.show(group.circle.st.t + 1)
    assert shown["dave"] == "ok"
    assert set(shown.values()) == {"ok", "absent"}
    assert not unwanted(group.circle)


def test_f07_removals_queue_in_the_order_of_the_user():
    names = ["a", "b", "c", "d", "e"]
    group = Group(*names)
    group.step()
    for name in ["d", "b", "e", "a"]:
        group.revoke(name)
    shown = membership.shown_exclusions(group.circle, group.config)
    assert shown == {"d": "next", "b": "next", "e": "queued", "a": "queued"}
    assert group.build().out == ("d", "b")
    shown = membership.shown_exclusions(group.circle, group.config)
    assert shown == {
        "d": "on its way",
        "b": "on its way",
        "e": "queued",
        "a": "queued",
    }
    assert group.circle.pending.left == ("e", "a")
    group.step()
    assert group.build().out == ("e", "a")
    group.step()
    assert [m.name for m in group.circle.members] == ["c"]
    assert group.step()["c"] == "ok"


def test_suspension_ends_without_a_message():
    group = Group("bob", "carol")
    group.step()
    group.suspend("bob")
    assert [group.step()["bob"] for _ in range(2)] == ["excluded"] * 2
    shown = membership.shown_exclusions(group.circle, group.config)
    assert shown == {"bob": "effective"}
    group.apply(membership.resume, "bob")
    assert group.step() == {"bob": "ok", "carol": "ok"}


def test_a_friend_removed_while_suspended_must_be_invited_again():
    group = Group("ann", "bob", "carol")
    group.suspend("ann")
    group.revoke("bob")
    group.step()
    with pytest.raises(InputError, match="invite her again"):
        group.apply(membership.resume, "ann")
    group.invite("ann", as_name="ann again")
    assert group.step()["ann again"] == "ok"


def test_f16_virtual_members_stay_in_their_slots():
    """Replaced once in 16 epochs; n = 4000 draws, z = 4."""
    group = Group("bob")
    group.step()
    slots, rng = group.circle.slots, SeededRandomness("virtual")
    n, changed = 2000, 0
    for _ in range(n):
        plan = plan_exclusion(group.circle, 2, rng)
        changed += sum(a.x != b.x for a, b in zip(slots, plan.slots, strict=True))
    p, draws = 1 / 16, 2 * n
    assert abs(changed - draws * p) < 4 * (draws * p * (1 - p)) ** 0.5


def test_f16_generations_start_without_a_reason_but_never_during_a_suspension():
    """Once in 30 epochs; n = 3000, z = 4."""
    group, rng, n = Group("bob"), SeededRandomness("idle"), 3000
    group.step()
    idle = sum(plan_exclusion(group.circle, 2, rng).new_generation for _ in range(n))
    assert abs(idle - n / 30) < 4 * (n / 30 * 29 / 30) ** 0.5
    group.suspend("bob")
    assert not any(
        plan_exclusion(group.circle, 2, rng).new_generation for _ in range(300)
    )


def test_f16_a_suspended_friend_keeps_her_slot():
    group = Group("bob", "carol")
    group.suspend("bob")
    places = set()
    for _ in range(6):
        group.step()
        places.add([use.name for use in group.circle.slots].index("bob"))
    assert len(places) == 1
