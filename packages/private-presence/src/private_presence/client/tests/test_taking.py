"""What lookups leave on the screen."""

from dataclasses import replace

import pytest

from private_presence.client.device import Sight, new_device
from private_presence.client.requests import accept
from private_presence.client.setting import Setting, with_alarm
from private_presence.client.taking import take_found, with_wrong_answer
from private_presence.pir import Lookup
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.circle import new_circle
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.epochs import Kind
from private_presence.protocol.membership import invite
from private_presence.protocol.tests.world import deployment
from private_presence.server.clock import ManualClock

T = 28_805
SEEN = Sight("alice", 100, T, online=True, status=3, aux=b"at lunch")
RNG = SeededRandomness("taking")


@pytest.fixture
def looked_up():
    """What Bob, who saw Alice in epoch T, sees of her after another lookup."""
    config = deployment()
    _, data = invite(new_circle(101, RNG), config, "bob", bytes(32), RNG)
    bob, _ = accept(new_device(config, 100, RNG), config, "alice", data, (bytes(32),))
    bob = replace(bob, sights=(SEEN,))
    parts = None, None, ManualClock(8_641_517.25), RNG, True, 30.0, {}
    setting = Setting(Deployment(config, None), *parts)

    def look(t):
        found = Lookup({}, consistent=True)
        (sight,) = take_found(bob, setting, Kind.ST, t, found).sights
        return sight

    return look


def test_a_lookup_that_is_repeated_after_a_restart_turns_nobody_offline(looked_up):
    """The chain key of an epoch is gone once it was used: its record opens once."""
    assert looked_up(T) == SEEN


def test_a_later_lookup_without_a_record_turns_a_friend_offline(looked_up):
    offline = replace(SEEN, t=T + 1, online=False, status=0, aux=b"")
    assert looked_up(T + 1) == offline


def test_many_wrong_answers_push_no_other_alarm_out():
    device, clock = new_device(deployment(), 100, RNG), ManualClock(8_641_517.25)
    setting = Setting(None, None, None, clock, None, True, 30.0, {})
    device = with_alarm(device, setting, "manifest", "somebody sees another table")
    for t in range(T, T + 64):
        device = with_wrong_answer(device, setting, Kind.ST, t)
    manifest, first, last = device.alarms
    assert manifest.what == "manifest"
    assert f"epoch {T} " in first.sentence
    assert f"epoch {T + 63} " in last.sentence


def test_an_earlier_lookup_changes_nothing(looked_up):
    assert looked_up(T - 1) == SEEN
