"""Costs as ratios, from the fastest of several runs: what the machine can do."""

import time

from private_presence.primitives import curve
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol import client as cl
from private_presence.protocol import client_lookup as lk
from private_presence.protocol import membership
from private_presence.protocol.epochs import Kind, first_st
from private_presence.protocol.lt_record import open_lt
from private_presence.protocol.payload import StPayload
from private_presence.protocol.publish_lt import prepare_lt, settle_lt
from private_presence.protocol.publish_st import prepare_st

from .group import START, Group
from .world import deployment


def fastest(step, runs=25):
    times = []
    for _ in range(runs):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    return min(times)


def lt_open_ratio():
    group = Group("bob")
    bob = group.readers["bob"]
    group.step()
    s = curve.scalar(1 << 250)
    P, Q = curve.G1_GENERATOR * s, curve.G2_GENERATOR * s
    value, config = group.records[START], group.config
    opens = fastest(lambda: open_lt(config, bob.key, bob.public, bob.rk, START, value))
    return opens / fastest(lambda: curve.pairing_product([(P, Q), (P, Q)]))


def test_opening_a_record_costs_at_most_three_and_a_half_double_pairings():
    assert lt_open_ratio() <= 3.5


def presence_of_a_hundred_friends():
    """Seconds of one short epoch: tags, then opening 100 records, without queries."""
    config, rng = deployment(max_friends=100, buckets=150), SeededRandomness("cost")
    reader, values, t = (
        cl.new_client(config, START - 1, rng),
        {},
        first_st(config, START),
    )
    for i in range(100):
        circle, nonce = cl.new_circle(START, rng), rng.draw(32)
        circle = prepare_lt(circle, config, START, rng)
        circle = settle_lt(circle, config, START, circle.pending.value)
        circle, data = membership.invite(circle, config, "reader", nonce, rng)
        reader = cl.accept_invitation(reader, config, f"friend {i}", data, nonce)
        circle = prepare_st(circle, config, t + 2, StPayload(1, b"here"), rng)
        values[circle.st.sent.tag] = circle.st.sent.value

    def epoch():
        lk.wanted(reader, config, Kind.ST, t + 2)
        _, presence = lk.take_st(reader, config, t + 2, values)
        assert all(status.value == "ok" for status, _ in presence.values())

    return fastest(epoch, runs=5)


def test_a_hundred_friends_cost_at_most_a_thousandth_of_a_short_epoch():
    assert presence_of_a_hundred_friends() <= 300 / 1000
