"""Agents over a whole deployment in memory."""

import asyncio

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
