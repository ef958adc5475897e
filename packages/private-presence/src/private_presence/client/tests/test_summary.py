"""What a screen shows: pure, and one word for everything that did not open."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from private_presence.client.device import Alarm, Sight, Wish, new_device
from private_presence.client.lines import changes, lines
from private_presence.client.requests import accept
from private_presence.client.summary import may_invite, readers, summary
from private_presence.client.view import render
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol import membership
from private_presence.protocol.client import change_circle
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.protocol.tests.world import deployment

NOW = 120_000_100.0
RNG = SeededRandomness("summary")


@pytest.fixture
def config():
    return deployment()


@pytest.fixture
def devices(config):
    """Alice, who can be read by Bob; and Bob."""
    day = epoch_at(config, Kind.LT, NOW)
    alice, bob = (new_device(config, day, RNG, bytes(range(32))) for _ in range(2))
    nonce = bytes(32)
    circle, data = membership.invite(alice.client.circles[0], config, "bob", nonce, RNG)
    alice = replace(alice, client=change_circle(alice.client, 0, lambda _: circle))
    return alice, accept(bob, config, "alice", data, (nonce,))[0]


def seen(bob, t, **changes):
    sight = replace(Sight("alice", 1, t, online=True, aux=b"hello"), **changes)
    return replace(bob, sights=(sight,))


@pytest.mark.parametrize(
    ("late", "online"), [(0, True), (1, True), (2, False), (-1, False)]
)
def test_a_record_is_believed_in_its_epoch_and_the_next(config, devices, late, online):
    t = epoch_at(config, Kind.ST, NOW)
    (friend,) = summary(seen(devices[1], t - late), config, NOW).friends
    assert (friend.online, friend.note) == (online, "hello" if online else "")


def test_whatever_did_not_open_is_offline(config, devices):
    t = epoch_at(config, Kind.ST, NOW)
    shown = summary(seen(devices[1], t, online=False, aux=b"x"), config, NOW)
    assert not shown.friends[0].online
    assert shown.friends[0].note == ""
    assert not summary(devices[1], config, NOW).friends[0].online


def test_a_friends_note_cannot_draw_on_the_screen(config, devices):
    t = epoch_at(config, Kind.ST, NOW)
    shown = summary(seen(devices[1], t, aux=b"[red]\x1b[2Jx"), config, NOW)
    for text in (drawn(shown), "\n".join(lines(shown))):
        assert "[red][2Jx" in text
        assert "\x1b" not in text


def drawn(shown):
    out = io.StringIO()
    Console(file=out, width=100).print(render(shown, NOW))
    return out.getvalue()


def test_the_table_and_the_lines_say_the_same(config, devices):
    t = epoch_at(config, Kind.ST, NOW)
    alarm = Alarm("answer", "a server answered wrongly", 1)
    shown = summary(replace(seen(devices[1], t), alarms=(alarm,)), config, NOW)
    for text in (drawn(shown), "\n".join(lines(shown))):
        for word in ("alice", "online", "hello", "a server answered wrongly"):
            assert word in text
        assert "invisible: this device is not online" in text


def test_why_one_is_invisible(config, devices):
    alice = devices[0]
    assert "not enrolled" in summary(replace(alice, account=b""), config, NOW).why
    restored = replace(alice, client=replace(alice.client, phase="restored"))
    assert "restored" in summary(restored, config, NOW).why
    online = replace(alice, wish=Wish(True))
    assert summary(online, config, NOW).why == "no LT record was published yet"


def test_readers_and_their_exclusions(config, devices):
    alice = devices[0]
    assert [line.name for line in readers(alice, config)] == ["bob"]
    client = change_circle(alice.client, 0, lambda c: membership.suspend(c, "bob"))
    (line,) = readers(replace(alice, client=client), config)
    assert (line.wish, line.exclusion) == ("suspended", "next")
    client = change_circle(client, 0, lambda c: membership.revoke(c, "bob"))
    (line,) = readers(replace(alice, client=client), config)
    assert line.wish == "being removed"
    assert may_invite(alice) == (True,)


def test_changes_are_told_once(config, devices):
    t = epoch_at(config, Kind.ST, NOW)
    first = summary(seen(devices[1], t), config, NOW)
    assert changes(None, first) == lines(first)
    assert changes(first, summary(seen(devices[1], t), config, NOW + 1)) == []
    later = summary(seen(devices[1], t, online=False), config, NOW)
    assert [line.split()[:2] for line in changes(first, later)] == [
        ["alice", "offline"]
    ]
    alarmed = replace(first, alarms=("one",))
    assert changes(first, alarmed) == ["Alarm: one"]


def test_alarms_are_told_when_the_oldest_are_forgotten(config, devices):
    first = summary(devices[1], config, NOW)

    def told(before, after):
        return changes(replace(first, alarms=before), replace(first, alarms=after))

    assert told(("1", "2", "3"), ("2", "3", "4")) == ["Alarm: 4"]
    assert told(("1", "2"), ("3", "4")) == ["Alarm: 3", "Alarm: 4"]
    assert told(("1", "1"), ("1", "1")) == []
    assert told(("1", "2"), ()) == []


def test_names_do_not_show_in_reprs(config, devices):
    t = epoch_at(config, Kind.ST, NOW)
    shown = summary(seen(devices[1], t), config, NOW)
    assert "alice" not in repr(shown)
    assert "bob" not in repr(readers(devices[0], config))
