"""Agents over a whole deployment in memory."""

import asyncio
import time

import pytest

from private_presence.client import agent as agent_module
from private_presence.client import lookup, plan
from private_presence.client.agent import Agent
from private_presence.client.plan import Action, Step
from private_presence.errors import PeerError
from private_presence.protocol.epochs import Kind, first_st, start_of
from private_presence.server.clock import Clock

from .people import Town
from .scripted import FIRST


async def two_days(town, days=2, offset=900.0):
    town.start()
    await town.until(FIRST + days, offset)
    await town.end()


def test_friends_see_each_other_and_strangers_nothing():
    town = Town(["alice", "bob", "carol"])
    town.befriend("alice", "bob")
    town.befriend("bob", "alice")
    asyncio.run(two_days(town))
    seen = town["bob"].sees("alice")
    assert (seen.online, seen.status, seen.aux) == (True, 3, b"alice")
    assert town["alice"].sees("bob").online
    assert town["carol"].device.sights == ()
    assert all(not p.device.alarms for p in town.people.values())


@pytest.mark.parametrize("audit", [False, True])
def test_a_question_goes_out_a_fixed_time_after_the_manifests(monkeypatch, audit):
    """How long it took to make would tell the number of friends (F4, F14)."""
    town, heard, asked = Town(["alice", "bob"]), [], []
    town.befriend("alice", "bob")
    bob = town["bob"]

    def note(party, path):
        if "/pir/st/" in path:
            asked.append(time.monotonic())
        return False

    def heard_now(party, path, answered):
        if "/manifest/st/" in path:
            heard.append(time.monotonic())
        return answered

    def slow(*args):
        time.sleep(0.9)
        return wanted(*args)

    async def steps():
        town.start()
        await town.until(FIRST + 1, 602.0)
        await town.end()
        monkeypatch.setattr(lookup, "wanted", slow)
        bob.net.down, bob.net.change = note, heard_now
        setting = bob.agent(pause=1.0).setting
        t = first_st(setting.config, FIRST + 1) + 2
        await lookup.LookupRound(setting, Kind.ST, t, audit=audit).attempt()

    wanted = lookup.wanted
    asyncio.run(steps())
    assert len(heard) == len(asked) == 2
    # Of each server: not before, and not after the work besides.
    assert 1.0 <= asked[0] - heard[-1] < 1.9


# -- machines that sleep, clocks that are set


def lookups_of(person, lt, since=0):
    lines = [path for party, path, _ in person.net.posts[since:] if party == 1]
    return lines.count(f"/v1/pir/lt/{lt}")


def test_a_machine_that_slept_over_the_start_of_a_day_looks_up_that_day(monkeypatch):
    """Also only once: what was looked up takes no second token when it sleeps again."""

    async def naps():
        town = Town(["alice"], st_ms=60_000)
        alice, made = town["alice"], []
        monkeypatch.setattr(plan, "is_audit", lambda rng: False)
        alice.start()
        await town.until(FIRST + 1, 2.0)
        town.clock._now += 100.0
        # A first span is 30 s: with the next short epoch, and before the next repeat.
        await town.until(FIRST + 1, 151.0)
        made.append(lookups_of(alice, FIRST + 1))
        for _ in range(4):
            town.clock._now += 100.0
            await town.clock.advance(100.0, 60)
            made.append(lookups_of(alice, FIRST + 1))
        await town.until(FIRST + 1, 1190.0)
        await alice.end()
        return alice, made

    alice, made = asyncio.run(naps())
    assert alice.device.looked_lt == FIRST + 1
    assert made == 5 * [1]
    assert alice.device.client.circles[0].pending.epoch == FIRST + 2


def test_a_registration_that_was_slept_through_is_drawn_again():
    async def nap():
        town = Town(["alice"], st_ms=60_000)
        alice = town["alice"]
        alice.start()
        await town.until(FIRST + 1, 50.0)
        before = len(alice.net.posts)
        town.clock._now += 920.0  # beyond the last time that a whole day's plan draws
        await town.until(FIRST + 1, 1190.0)
        await alice.end()
        return [path for _, path, _ in alice.net.posts[before:]]

    assert f"/v1/register/lt/{FIRST + 2}" in asyncio.run(nap())


class SetClock(Clock):
    """Ahead of another; looks again each minute, as the system's does."""

    def __init__(self, inner, ahead):
        self._inner, self.ahead = inner, ahead

    def now(self):
        return self._inner.now() + self.ahead

    async def sleep_until(self, when):
        while (left := when - self.now()) > 0:
            await self._inner.sleep_until(self._inner.now() + min(left, 60.0))


@pytest.mark.parametrize("ahead", [400.0, 3 * 1200.0, 1e9])
def test_a_clock_that_is_set_back_is_followed(monkeypatch, ahead):
    monkeypatch.setattr(agent_module, "LOOK", 0.0)

    async def days():
        town = Town(["alice", "bob"])
        town.befriend("alice", "bob")
        alice, clock = town["alice"], SetClock(town.clock, ahead)
        parts = (town.room.deployment, alice.keeper, alice.net, clock, alice.rng)
        stop = asyncio.Event()
        running = asyncio.create_task(Agent(*parts, relay=True, pause=0.0).run(stop))
        town["bob"].start()
        await town.clock.advance(20.0, 60)
        clock.ahead = 0.0
        await town.until(FIRST + 2, 900.0)
        assert not running.done()
        stop.set()
        await running
        await town["bob"].end()
        return alice.device, town["bob"].sees("alice")

    alice, seen = asyncio.run(days())
    assert alice.looked_lt == FIRST + 2
    assert seen.online


@pytest.mark.parametrize("asleep", [0.0, 8 * 3600.0])
def test_a_repeat_is_made_after_an_attempt_that_hung_and_not_after_sleep(asleep):
    town, begun = Town(["alice"]), []
    agent = town["alice"].agent()
    start = start_of(town.room.config, Kind.ST, first_st(town.room.config, FIRST + 1))

    async def hang():
        begun.append(town.clock.now() - start)
        town.clock._now += asleep
        await town.clock.sleep_until(town.clock.now() + 60.0)
        raise PeerError("expected an answer; none came")

    async def follow():
        await town.until(FIRST + 1, 0.0)
        agent._attempt_of = lambda step: hang
        repeats = (start + 6.0, start + 9.0)
        step = Step(start + 5.0, Action.REGISTER, Kind.ST, 1, repeats=repeats)
        following = asyncio.create_task(agent._follow(step, None))
        await town.clock.advance(9 * 3600.0, 60)
        await following

    asyncio.run(follow())
    assert begun == ([5.0] if asleep else [5.0, 65.0, 125.0])
