"""What a client sends is the same whoever its friends are and whatever is found (F4).

The fast form: with one seed for the plan, the sequence of times, parties, paths and
sizes must be equal.  Which server gets the long share of a query is drawn from the
system generator, and how long that is follows from the public table; both are taken
out of the comparison.
"""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.ask import backend_of
from private_presence.protocol.client import change_circle
from private_presence.protocol.epochs import Kind
from private_presence.protocol.membership import revoke
from private_presence.protocol.publish_lt import own_lt_place

from .people import Person, Town, befriend
from .scripted import FIRST

FRIENDS = [f"friend {i}" for i in range(6)]
DAYS = 3
HEAD = 80 + 4 + 32  # of a lookup's request: token, day, manifest hash


def town_of(friends, **changes):
    town = Town(["alice"], buckets=7, **changes)
    for name in friends:
        town.people[name] = Person(town, name)
        befriend(town.room.config, town[name], town["alice"])
        befriend(town.room.config, town["alice"], town[name])
    return town


def run(town, *, started=(), meanwhile=lambda town: None):
    """Alice's traffic over three long epochs."""
    alice = town["alice"]
    alice.rng = SeededRandomness("alice's agent")

    async def days():
        alice.start()
        for name in started:
            town[name].start()
        await town.until(FIRST + 1, 650.0)
        meanwhile(town)
        await town.until(FIRST + DAYS, 10.0)
        for name in ("alice", *started):
            await town[name].end()

    asyncio.run(days())
    return town


def seen(town):
    """Alice's log; of each lookup, how many queries had which of the table's sizes."""
    log = town["alice"].net.log
    fixed = [entry for entry in log if "/pir/" not in entry[1]]
    queries = Counter()
    for when, line, _, via, size in log:
        if "/pir/" in line:
            queries[when, line, via, form(town, line, size)] += 1
    return fixed, queries


def form(town, line, size):
    """Which of the sizes that the public table allows; without any other it fails."""
    kind, epoch = line.split("/")[3:]
    table = town.room.tables[Kind[kind.upper()], int(epoch)][0]
    sizes = backend_of(town.room.config).sizes(table.manifest).queries
    return sorted(sizes).index(size - HEAD)


@pytest.fixture(scope="module")
def lonely():
    return seen(run(town_of([])))


def test_the_plan_of_somebody_without_friends_is_not_empty(lonely):
    fixed, queries = lonely
    lines = Counter(entry[1].split("/")[2] for entry in fixed if entry[1] != "connect")
    assert lines["register"] >= DAYS
    assert lines["tokens"] >= 4 * DAYS
    assert sum(queries.values()) >= 2 * 2 * DAYS


def test_the_relay_carries_what_names_no_account(lonely):
    fixed, queries = lonely
    ways = {
        (line.split("/")[2], via)
        for _, line, party, via, _ in fixed
        if line != "connect" and party == 0
    }
    assert ways == {("register", True), ("manifest", True), ("tokens", False)}
    assert not any(via for _, _, via, _ in queries)


def test_one_friend_and_six_look_like_none(lonely):
    full = town_of(FRIENDS)
    assert seen(run(full, started=FRIENDS[:2])) == lonely
    assert any(sight.online for sight in full["alice"].device.sights)
    assert seen(run(town_of(FRIENDS[:1]))) == lonely


def test_friends_whose_records_are_missing_change_nothing(lonely):
    assert seen(run(town_of(FRIENDS))) == lonely


def test_alarms_change_nothing(lonely):
    town = town_of(FRIENDS[:1])
    flip = town.services[1]
    flip.behave = lambda answer: answer[:1] + bytes(255 - b for b in answer[1:])
    assert seen(run(town, started=FRIENDS[:1])) == lonely
    assert {a.what for a in town["alice"].device.alarms} >= {"answer"}


def test_damage_in_one_bucket_changes_nothing_whether_noticed_or_not(lonely):
    for bucket in (0, 3, 5):
        town = town_of(FRIENDS[:3])

        def behave(answer, bucket=bucket):
            rows = bytearray(answer)
            rows[1 + bucket * (len(answer) // 7) + 3] ^= 1
            return bytes(rows)

        town.services[2].behave = behave
        assert seen(run(town)) == lonely


def test_an_invitation_and_a_removal_change_nothing(lonely):
    town = town_of(FRIENDS[:1])
    town.people["dora"] = Person(town, "dora")

    def meanwhile(town):
        befriend(town.room.config, town["dora"], town["alice"])

    assert seen(run(town, meanwhile=meanwhile)) == lonely


def test_an_exclusion_on_its_way_changes_nothing(lonely):
    town = town_of(FRIENDS[:2])

    def meanwhile(town):
        town["alice"].edit(
            lambda d: replace(
                d,
                client=change_circle(d.client, 0, lambda c: revoke(c, FRIENDS[0])),
            )
        )

    assert seen(run(town, meanwhile=meanwhile)) == lonely
    assert town["alice"].device.client.circles[0].pending.new_generation


def test_a_dropped_record_changes_nothing(lonely):
    town = town_of([])

    def meanwhile(town):
        circle = town["alice"].device.client.circles[0]
        town.room.drop.add(own_lt_place(circle, town.room.config, FIRST + 2).tag)

    assert seen(run(town, meanwhile=meanwhile)) == lonely
    assert [e.what for e in town["alice"].device.evidence] == ["dropped"]


@pytest.mark.slow
def test_a_hundred_friends_look_like_none():
    """The deployment's own sizes: F = 100, B = 150."""

    def crowd(n):
        town = Town(["alice"], max_friends=100, buckets=150)
        for i in range(n):
            name = f"friend {i}"
            town.people[name] = Person(town, name)
            befriend(town.room.config, town[name], town["alice"])
        return seen(run(town, started=[f"friend {i}" for i in range(min(n, 3))]))

    nobody = crowd(0)
    assert crowd(1) == nobody
    assert crowd(100) == nobody
