"""Agents over a whole deployment in memory."""

import asyncio
import time

import pytest

from private_presence.client import lookup
from private_presence.protocol.epochs import Kind, first_st

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
