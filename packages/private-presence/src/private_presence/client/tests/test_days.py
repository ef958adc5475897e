"""Days in a client's life: away, back, withdrawn, excluded, restored, in every mode."""

import asyncio
from dataclasses import replace

import pytest

from private_presence.client.device import Wish
from private_presence.client.register import register
from private_presence.errors import EpochError, StateError
from private_presence.protocol.client import change_circle, mark_restored
from private_presence.protocol.epochs import Kind, start_of
from private_presence.protocol.membership import revoke, suspend
from private_presence.protocol.receipt import Answer

from . import scripted
from .people import Town
from .scripted import FIRST


def change(person, step):
    person.edit(
        lambda d: replace(d, client=change_circle(d.client, 0, step)),
    )


def live(story, names=("alice", "bob"), **changes):
    async def whole():
        town = Town(names, **changes)
        town.befriend("alice", "bob")
        town.start()
        await story(town)
        await town.end()
        return town

    return asyncio.run(whole())


def lookups(person, kind):
    lines = [path for party, path, _ in person.net.posts if party == 1]
    return [int(p.split("/")[-1]) for p in lines if p.startswith(f"/v1/pir/{kind}/")]


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "shamir", "k": 3},
        {"mode": "dpf"},
        {"mode": "download", "k": 2, "download_below": 100},
        {"k": 3, "privacy": 2},
        {"circles": 2, "buckets": 14},
    ],
    ids=str,
)
def test_every_mode_shows_friends(changes):
    async def story(town):
        await town.until(FIRST + 1, 590.0)

    town = live(story, **changes)
    assert town["bob"].sees("alice").online
    assert all(not p.device.alarms for p in town.people.values())


def test_who_was_away_walks_the_days_and_sees_again():
    async def story(town):
        bob = town["bob"]
        await town.until(FIRST + 1, 590.0)
        await bob.end()
        bob.net.posts.clear()
        await town.until(FIRST + 4, 400.0)
        bob.start()
        await town.until(FIRST + 4, 1190.0)
        assert set(lookups(bob, "lt")) == {FIRST + 2, FIRST + 3, FIRST + 4}
        await town.until(FIRST + 5, 590.0)

    town = live(story)
    assert town["bob"].device.client.last_lt == FIRST + 5
    assert town["bob"].sees("alice").online
    assert town["bob"].device.client.phase == "active"


def test_who_was_away_for_longer_than_tables_are_kept_comes_back():
    async def story(town):
        bob = town["bob"]
        await town.until(FIRST + 1, 590.0)
        await bob.end()
        bob.net.posts.clear()
        await town.until(FIRST + 7, 400.0)
        bob.start()
        await town.until(FIRST + 8, 590.0)

    town = live(story)
    bob = town["bob"].device
    assert (bob.looked_lt, bob.client.last_lt) == (FIRST + 8, FIRST + 8)
    assert bob.client.phase == "active"
    # A generation that began meanwhile, in a record that is gone, needs an invitation.
    theirs = town["alice"].device.client.circles[0].generation
    followed = bob.client.friends[0].generation == theirs
    assert town["bob"].sees("alice").online is followed


def test_a_day_without_a_table_is_shown_by_the_chain_and_passed_over():
    async def story(town):
        town.room.skip.add((Kind.LT, FIRST + 2))
        await town.until(FIRST + 2, 1100.0)
        assert town["bob"].device.client.last_lt == FIRST + 1
        await town.until(FIRST + 4, 590.0)

    town = live(story)
    assert town["bob"].device.client.last_lt == FIRST + 4
    assert town["bob"].sees("alice").online


def test_who_does_not_wish_to_be_seen_registers_no_presence():
    async def story(town):
        town["alice"].edit(lambda d: replace(d, wish=Wish(False)))
        await town.until(FIRST + 1, 590.0)

    town = live(story)
    paths = [path for _, path, _ in town["alice"].net.posts]
    assert not any("/register/st" in path for path in paths)
    assert any("/register/lt" in path for path in paths)
    assert not town["bob"].sees("alice").online


@pytest.mark.parametrize("step", [suspend, revoke])
def test_the_excluded_see_nobody_from_the_next_record_on(step):
    async def story(town):
        await town.until(FIRST + 1, 450.0)
        assert town["bob"].sees("alice").online
        change(town["alice"], lambda circle: step(circle, "bob"))
        await town.until(FIRST + 1, 1190.0)
        assert not town["bob"].sees("alice").online  # not even before it is effective
        await town.until(FIRST + 4, 590.0)

    town = live(story)
    assert not town["bob"].sees("alice").online
    generation = town["alice"].device.client.circles[0].generation
    assert generation == (1 if step is revoke else 0)


def test_a_withdrawn_record_is_not_published():
    async def story(town):
        alice = town["alice"]
        agent = alice.agent()
        with pytest.raises((StateError, EpochError)):
            await agent.withdraw()
        await town.until(FIRST, 1090.0)
        assert await agent.withdraw() is Answer.WITHDRAWN
        assert await agent.withdraw() is Answer.WITHDRAWN  # the same bytes again
        await town.until(FIRST + 1, 20.0)
        assert town.room.table(Kind.LT, FIRST + 1)[0] is not None
        assert len(town.room.table(Kind.LT, FIRST + 1)[3]) == 16 + 576  # Bob's
        with pytest.raises((StateError, EpochError)):
            await agent.withdraw()
        await town.until(FIRST + 1, 590.0)

    town = live(story)
    alice = town["alice"].device
    assert alice.evidence == ()  # she did it herself
    assert not town["bob"].sees("alice").online


def test_a_restored_client_registers_nothing_until_it_has_walked():
    async def story(town):
        alice = town["alice"]
        await town.until(FIRST + 1, 590.0)
        await alice.end()
        alice.edit(lambda d: replace(d, client=mark_restored(d.client, FIRST + 1)))
        alice.net.posts.clear()
        alice.start()
        await town.until(FIRST + 2, 300.0)
        assert not [1 for _, path, _ in alice.net.posts if "/register/" in path]
        await town.until(FIRST + 5, 590.0)

    town = live(story)
    assert town["alice"].device.client.phase == "active"
    assert town["bob"].sees("alice").online


@pytest.mark.parametrize("days", [2, 3])
def test_a_disk_that_was_put_back_whole_needs_no_new_keys(days):
    """State and mirror are old together: only records that she did not build tell her."""

    async def story(town):
        alice = town["alice"]
        await town.until(FIRST + 1, 590.0)
        disk = alice.keeper.data
        # Before the next day's tokens were fetched: nobody gets those twice.
        await town.until(FIRST + 1 + days, 165.0)
        await alice.end()
        alice.keeper.data = disk
        alice.start()
        await town.until(FIRST + 6 + days, 590.0)

    town = live(story)
    alice = town["alice"].device
    assert alice.client.phase == "active"
    said = [alarm.sentence for alarm in alice.alarms if alarm.what == "phase"]
    assert [sentence.split(":")[0].split()[-1] for sentence in said] == [
        "restored",
        "active",
    ]
    assert town["bob"].sees("alice").online


def test_who_comes_in_the_evening_only_is_seen_and_can_remove_somebody():
    async def whole():
        town = Town(["alice", "bob", "carol"], st_ms=60_000, lt_close_ms=20_000)
        alice = town["alice"]
        for reader in ("bob", "carol"):
            town.befriend("alice", reader)
        town["bob"].start()
        seen = []
        for day in range(4):
            await town.until(FIRST + day, 1040.0)
            alice.start()
            await town.until(FIRST + day, 1190.0)
            seen.append(town["bob"].sees("alice").online)
            await alice.end()
            if day == 1:
                change(alice, lambda circle: revoke(circle, "carol"))
        await town["bob"].end()
        return seen, alice.device.client.circles[0].generation

    # On the third day the removal is on its way: its record was sent the evening before.
    assert asyncio.run(whole()) == ([False, True, False, True], 1)


@pytest.mark.parametrize("away", [51.0, 500.0])
def test_servers_away_at_the_start_of_a_day_darken_a_part_of_it(away):
    async def whole():
        town = Town(["alice", "bob"], st_ms=60_000)  # a first span is 30 s
        town.befriend("alice", "bob")
        start = start_of(town.room.config, Kind.LT, FIRST + 2)
        for person in town.people.values():
            person.net.down = lambda *_: start <= town.clock.now() < start + away
        town.start()
        seen = []
        for day, second in [(2, 1190.0), (3, 590.0)]:
            await town.until(FIRST + day, second)
            seen.append(town["bob"].sees("alice").online)
            assert town["alice"].device.looked_lt == FIRST + day
        await town.end()
        return seen

    assert asyncio.run(whole()) == [True, True]


@pytest.mark.parametrize("slowest", [0.1, 0.9])
def test_a_walk_is_whole_when_answers_take_their_time(monkeypatch, slowest):
    """A part of the least time between its lookups, in two exchanges."""

    async def whole():
        town = Town(["alice"], retain=16, lt_ms=21_600_000, st_ms=900_000)
        config, alice, least = town.room.config, town["alice"], 450.0 / 61
        for day in range(15):
            town.clock._now = start_of(config, Kind.LT, FIRST + day) + 1.0
            town.room.table(Kind.LT, FIRST + day)
        exchange = scripted._Recorded.exchange

        async def slow(self, method, path, body, limit):
            if "/pir/" in path or "/manifest/" in path:
                wait = slowest * least / 2
                await town.clock.sleep_until(town.clock.now() + wait)
            return await exchange(self, method, path, body, limit)

        monkeypatch.setattr(scripted._Recorded, "exchange", slow)
        await town.until(FIRST + 14, 5000.0)
        alice.start()
        await town.until(FIRST + 14, 5000.0 + 1200.0)
        await alice.end()
        return alice.device

    device = asyncio.run(whole())
    assert (device.looked_lt, device.client.last_lt) == (FIRST + 14, FIRST + 14)


def test_a_mistake_of_the_program_ends_the_agent_loudly():
    async def whole():
        town = Town(["alice"])
        alice = town["alice"]

        def broken(party, path):
            raise ZeroDivisionError

        alice.net.down = broken
        alice.start()
        await town.clock.advance(100.0, 60)
        with pytest.raises(ZeroDivisionError):
            await alice.task

    asyncio.run(whole())


def test_a_machine_that_slept_leaves_out_what_is_late():
    async def whole():
        town = Town(["alice"])
        alice = town["alice"]
        alice.start()
        await town.until(FIRST, 700.0)
        before = len(alice.net.posts)
        town.clock._now += 3 * 1200.0  # the lid was closed
        await town.clock.advance(0.001, 200)
        await town.clock.advance(0.001, 200)
        assert len(alice.net.posts) == before
        await town.clock.advance(1500.0, 60)
        await alice.end()
        return alice

    alice = asyncio.run(whole())
    assert alice.device.client.phase == "active"
    assert alice.device.looked_lt == FIRST + 4


def test_who_comes_back_the_same_day_sends_no_record_again():
    async def story(town):
        alice, path = town["alice"], f"/v1/register/lt/{FIRST + 1}"
        for _ in range(150):
            await town.clock.advance(5.0, 60)
            if any(p.receipt for p in alice.device.outbox if p.kind == Kind.LT):
                break
        await alice.end()
        sent = [p[1] for p in alice.net.posts].count(path)
        setting = alice.agent().setting
        await register(setting, Kind.LT, FIRST + 1, 0)
        assert [p[1] for p in alice.net.posts].count(path) == sent == 1
        alice.start()

    live(story)


def test_after_a_withdrawal_a_record_whose_answer_was_lost_is_not_repeated():
    async def story(town):
        alice = town["alice"]
        alice.net.down = lambda party, path: "/register/lt" in path
        path = f"/v1/register/lt/{FIRST + 1}"
        for _ in range(200):
            await town.clock.advance(5.0, 60)
            if [p for p in alice.net.posts if p[1] == path]:
                break
        alice.net.down = lambda party, path: False
        # R never got it: it says so, and the client keeps to its word all the same.
        assert await alice.agent().withdraw() is Answer.CLOSED
        n = len(alice.net.posts)
        await town.until(FIRST + 1, 1.0)
        assert path not in [p[1] for p in alice.net.posts[n:]]

    live(story)


def test_a_server_that_hides_a_transition_for_a_day_does_not_undo_it():
    async def story(town):
        alice, liar = town["alice"], town.services[2]
        await town.until(FIRST + 1, 450.0)
        change(alice, lambda circle: revoke(circle, "bob"))
        await town.until(FIRST + 2, 1.0)
        assert alice.device.client.circles[0].pending.new_generation
        honest = liar.behave
        liar.behave = lambda a: a[:1] + bytes(b ^ 255 for b in a[1:])
        await town.until(FIRST + 2, 1190.0)
        circle = alice.device.client.circles[0]
        assert circle.pending.epoch == FIRST + 2
        assert circle.generation == 0
        liar.behave = honest
        await town.until(FIRST + 3, 590.0)
        assert alice.device.client.circles[0].generation == 1

    live(story)


def test_a_newcomer_whose_first_requests_fail_is_right_the_same_day():
    async def story(town):
        start = town.clock.now()
        for person in town.people.values():
            person.net.down = lambda party, path: town.clock.now() < start + 160.0
        await town.until(FIRST, 1190.0)

    town = live(story)
    for person in town.people.values():
        roles = {(p.role, p.day) for p in person.device.wallet.purses}
        assert {(1, FIRST), (2, FIRST), (16, FIRST), (17, FIRST)} <= roles
        done = [news for news in person.news if news.what == "lookup"]
        assert any((n.kind, n.word) == (Kind.LT, "complete") for n in done)
