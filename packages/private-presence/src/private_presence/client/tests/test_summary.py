"""What a screen shows: pure, and one word for everything that did not open."""

import io
import re
from dataclasses import replace
from hashlib import sha256

import pytest
from rich.console import Console

from private_presence.client.device import Alarm, Parcel, Sight, Wish, new_device
from private_presence.client.lines import changes, lines
from private_presence.client.requests import accept
from private_presence.client.summary import may_invite, readers, summary
from private_presence.client.view import render
from private_presence.primitives.secret import Secret
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol import membership
from private_presence.protocol.circle import SentSt, StChain
from private_presence.protocol.client import change_circle
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.protocol.payload import StPayload
from private_presence.protocol.receipt import Answer, encode_receipt, make_receipt
from private_presence.protocol.tests.world import REGISTRAR, deployment

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


def drawn(shown, width=100):
    out = io.StringIO()
    Console(file=out, width=width).print(render(shown, NOW))
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
    lost = replace(alice, client=replace(alice.client, phase="rekey"))
    assert "run presence rekey" in summary(lost, config, NOW).why
    online = replace(alice, wish=Wish(True))
    assert summary(online, config, NOW).why == "no LT record was published yet"
    early = NOW - 3 * config.lt_ms / 1000  # by the clock that is right
    assert "its clock was ahead" in summary(online, config, early).why


def sent_record(alice, t, *, st=None, answers=()):
    """Alice, who built her record of `t`; and what the registrar said, by epoch."""
    chain = StChain(REGISTRAR, Secret(b"ck"), t + 1, ("bob", "carol"))
    chain = st or replace(chain, sent=SentSt(t, b"body", b"", b"", StPayload(0)))
    client = change_circle(alice.client, 0, lambda c: replace(c, st=chain))
    outbox = tuple(parcel(epoch, answer) for epoch, answer in answers)
    return replace(alice, client=client, outbox=outbox, wish=Wish(True))


def parcel(t, answer):
    receipt = b""
    if answer:
        about = (Kind.ST, t, sha256(b"body").digest())
        receipt = encode_receipt(
            make_receipt(deployment(), REGISTRAR, answer, about, RNG)
        )
    return Parcel(int(Kind.ST), t, 0, b"body", Secret(bytes(80)), receipt=receipt)


@pytest.mark.parametrize(
    ("ahead", "answers", "visible"),
    [
        (0, [], False),
        (0, [(0, None)], False),
        (0, [(0, Answer.CLOSED)], False),
        (0, [(0, Answer.ACCEPTED)], True),
        (1, [(1, None)], False),
        (1, [(1, Answer.ACCEPTED)], True),
        (1, [(0, Answer.ACCEPTED), (1, None)], True),  # the next one is on its way
        (1, [(-1, Answer.ACCEPTED), (0, None), (1, None)], False),
        (-1, [(-1, Answer.ACCEPTED)], False),
    ],
)
def test_only_a_record_that_the_registrar_has_can_be_seen(
    config, devices, ahead, answers, visible
):
    t = epoch_at(config, Kind.ST, NOW)
    answers = [(t + late, answer) for late, answer in answers]
    shown = summary(sent_record(devices[0], t + ahead, answers=answers), config, NOW)
    assert shown.visible == visible
    if ahead >= 0 and not visible:
        assert shown.why == "the registrar has not confirmed the record yet"


def test_who_was_excluded_is_not_counted_among_those_who_can_see(config, devices):
    t, accepted = epoch_at(config, Kind.ST, NOW), Answer.ACCEPTED
    online = sent_record(devices[0], t, answers=[(t, accepted)])
    assert lines(summary(online, config, NOW))[0].endswith("2 friends can see it.")
    chain = replace(online.client.circles[0].st, holders=())
    hidden = sent_record(online, t, st=chain, answers=[(t, accepted)])
    assert lines(summary(hidden, config, NOW))[0].endswith("0 friends can see it.")


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
    visible = replace(first, visible=True, why="", readers=2)
    (line,) = changes(visible, replace(visible, readers=1))
    assert line == "You are online; 1 friend can see it."
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


def test_alarms_of_one_sort_are_one_line_with_their_times(config, devices):
    def day(n):
        return round((NOW + n * 86_400) * 1000)

    alarms = (
        Alarm("clock", "it differs by 60 s", day(0)),
        Alarm("answer", "it is wrong in epoch 1", day(1)),
        Alarm("answer", "it is wrong in epoch 9", day(2)),
        Alarm("clock", "it differs by 70 s", day(3)),
    )
    one, other = summary(replace(devices[1], alarms=alarms), config, NOW).alarms
    assert re.fullmatch(r"it is wrong in epoch 9 \(1973-10-2\d .*; first .*\)", one)
    assert other.startswith("it differs by 70 s (1973-10-")
    (single,) = summary(replace(devices[1], alarms=alarms[:1]), config, NOW).alarms
    assert "first" not in single


def test_names_do_not_show_in_reprs(config, devices):
    t = epoch_at(config, Kind.ST, NOW)
    shown = summary(seen(devices[1], t), config, NOW)
    assert "alice" not in repr(shown)
    assert "bob" not in repr(readers(devices[0], config))
