"""Requests of many lives are drawn from one distribution, whoever the friends are (F4).

Each life is a client's, from within one long epoch to the end of the next, with the
system's randomness.  What is recorded of `LIVES` lives of a case is compared with as
many of somebody without friends: the times of each sort of request (Kolmogorov and
Smirnov), how many there are in a life, which server got the long share of a query, and
audits (differences of means).  Sets of sizes, targets and ways must be equal.

A statistic fails where chance would fail it 5 times in 1e7; there are fewer than 200 of
them in this file, so that all of it raises a false alarm less than once in 1e4 runs.
A client that asks once more when a record is missing is found by the same comparison.
"""

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from math import copysign, inf, log, sqrt

import pytest

from private_presence.client.lookup import LookupRound
from private_presence.client.tests.people import Person, Town, befriend
from private_presence.client.tests.scripted import FIRST
from private_presence.client.tests.test_traffic import form
from private_presence.errors import PeerError
from private_presence.pir import XorPir
from private_presence.primitives.randomness import SystemRandomness, below
from private_presence.protocol.ask import backend_of

LIVES = 14
FALSE_ALARM = 5e-7  # of one statistic
FARTHEST = sqrt(log(2 / FALSE_ALARM) / 2)  # Kolmogorov: P(K > x) < 2 exp(-2 x^2)
Z = 5.03  # P(|z| > 5.03) = 4.9e-7
SMALL = {"max_friends": 6, "buckets": 7}


@dataclass
class Lives:
    """What was recorded of many lives; lists are aligned, one item for each life."""

    times: dict = field(default_factory=dict)  # by sort: seconds in its sort of epoch
    counts: list = field(default_factory=list)
    shapes: set = field(default_factory=set)
    told: Counter = field(default_factory=Counter)  # to show that a case is one

    def add(self, town):
        alice, counted = town["alice"], Counter()
        lt, st = town.room.config.lt_ms, town.room.config.st_ms
        for when, line, party, via, size in alice.net.log:
            what = sort_of(line)
            size = form(town, line, size) if "/pir/" in line else size
            if "/pir/" in line:
                counted[f"long shares to {party}"] += size
            self.shapes.add((what, party, via, size))
            counted[f"{what} to {party}"] += 1
            if party < 2:  # server 1 is asked at the same moment as server 0
                epoch = (st if " st" in what else lt) / 1000
                self.times.setdefault(what, []).append(when % epoch)
        counted["audits"] = sum(news.what == "audit" for news in alice.news)
        self.counts.append(counted)
        device = alice.device
        self.told["online"] += any(sight.online for sight in device.sights)
        self.told["alarms"] += any(alarm.what == "answer" for alarm in device.alarms)
        self.told["friends"] += len(device.client.friends)

    def sample(self, name):
        return [counted[name] for counted in self.counts]


def sort_of(line):
    method, _, path = line.partition(" ")
    parts = path.split("/")[2:]
    named = parts[:2] if parts[:1] != ["tokens"] else parts[:1]
    return " ".join([method, *named])


# -- comparing


def kolmogorov(one, other):
    """The largest distance of two samples' distributions, times the root of their size."""
    steps = [(x, 1 / len(one)) for x in one] + [(x, -1 / len(other)) for x in other]
    height, far, last = 0.0, 0.0, None
    for x, step in sorted(steps):
        far = far if x == last else max(far, abs(height))
        height, last = height + step, x
    return far * sqrt(len(one) * len(other) / (len(one) + len(other)))


def difference(one, other):
    """The z of the difference of two means; infinite if only that differs."""
    means = [sum(sample) / len(sample) for sample in (one, other)]
    pairs = zip((one, other), means, strict=True)
    spread = sum(sum((x - m) ** 2 for x in s) / len(s) ** 2 for s, m in pairs)
    gap = means[0] - means[1]
    return gap / sqrt(spread) if spread else gap and copysign(inf, gap)


def statistics(lives, others):
    """Every statistic, as a part of what chance allows it."""
    found = {}
    for what in sorted(lives.times.keys() | others.times.keys()):
        samples = (one.times.get(what, [-1.0]) for one in (lives, others))
        found[f"times of {what}"] = kolmogorov(*samples) / FARTHEST
    names = {name for one in (lives, others) for c in one.counts for name in c}
    for name in sorted(names):
        found[name] = abs(difference(lives.sample(name), others.sample(name))) / Z
    return found


# -- living


def townsfolk(n, **changes):
    town = Town(["alice"], **{**SMALL, **changes})
    for i in range(n):
        name = f"friend {i}"
        town.people[name] = Person(town, name)
        befriend(town.room.config, town[name], town["alice"])
    return town


def live(town, started=(), meanwhile=lambda town: None):
    town["alice"].rng = SystemRandomness()

    async def days():
        for name in ("alice", *started):
            town[name].start()
        await town.until(FIRST + 1, 650.0)
        meanwhile(town)
        await town.until(FIRST + 2, -1.0)
        for name in ("alice", *started):
            await town[name].end()

    asyncio.run(days())


def record(
    n=0, lives=LIVES, started=(), meanwhile=lambda town: None, damage=False, **changes
):
    """Live often from the same beginning, with other randomness each time."""
    seed, found = townsfolk(n, **changes), Lives()
    seed.room.token_key = cache(seed.room.token_key)
    seed.people = {name: seed[name] for name in ("alice", *started)}
    for _ in range(lives):
        town = seed.twin()
        town.room.issued = set()  # each life has accounts of its own
        if damage:
            town.services[1].behave = damaged
        live(town, started, meanwhile)
        found.add(town)
    return found


def damaged(answer):
    return answer[:1] + bytes(255 - b for b in answer[1:])


def invited(town):
    town.people["dora"] = Person(town, "dora")
    befriend(town.room.config, town["dora"], town["alice"])


@pytest.fixture(scope="module")
def nobody():
    return record()


@pytest.fixture
def deferring(monkeypatch):
    """Put off each tag of a query with odds of one half; how many, by query."""
    put_off, places, rng = [], XorPir.places, SystemRandomness()

    def fewer(self, manifest, wanted):
        placed, deferred = places(self, manifest, wanted)
        late = [tag for tag in placed if below(rng, 2)]
        put_off.append(len(late) + len(deferred))
        kept = {tag: where for tag, where in placed.items() if tag not in late}
        return kept, (*deferred, *late)

    monkeypatch.setattr(XorPir, "places", fewer)
    return put_off


def check(case, lives, others, capsys):
    found = statistics(lives, others)
    assert len(found) < 40  # with four cases, below 200 in all
    worst = max(found, key=found.__getitem__)
    n = len(lives.times["POST pir st"])
    with capsys.disabled():
        sys.stdout.write(
            f"\n{case}: {len(lives.counts)} + {len(others.counts)} lives, {n} short "
            f"lookups, {len(found)} statistics, at most {found[worst]:.2f} of what is "
            f"allowed ({worst})\n"
        )
    assert found[worst] < 1, worst
    assert lives.shapes == others.shapes


# -- the cases


@pytest.mark.slow
def test_a_friend_who_is_seen(nobody, capsys):
    lives = record(1, started=["friend 0"])
    assert lives.told["online"] == LIVES
    check("one friend, online", lives, nobody, capsys)


@pytest.mark.slow
def test_missing_records_and_tags_that_are_put_off(nobody, deferring, capsys):
    lives = record(6)
    assert lives.told["friends"] == 6 * LIVES
    # Friends' tags in each life's second long epoch; one's own then or in short ones.
    assert sum(n >= 2 for n in deferring) >= LIVES // 2
    assert sum(n >= 1 for n in deferring) >= LIVES
    check("six friends, missing, put off", lives, nobody, capsys)


@pytest.mark.slow
def test_alarms_and_an_invitation(nobody, capsys):
    lives = record(1, meanwhile=invited, damage=True)
    assert lives.told["alarms"] == LIVES
    assert lives.told["friends"] == 2 * LIVES
    check("one friend and a new one, alarms", lives, nobody, capsys)


@pytest.mark.slow
def test_a_hundred_friends(capsys):
    """The deployment's own sizes: F = 100, B = 150."""
    large = {"max_friends": 100, "buckets": 150, "lives": LIVES // 2}
    check("a hundred friends", record(100, **large), record(0, **large), capsys)


# -- the comparison itself


def leaky(monkeypatch):
    """A client that asks again, at the plan's next time, when a record is missing."""
    finish = LookupRound._finish

    async def finish_or_ask_again(self, questions):
        backend = backend_of(self._setting.config)
        answers = [self._answers[i] for i in range(backend.servers)]
        found = backend.decode(questions.query, answers, questions.checks)
        await finish(self, questions)
        if None in found.values.values():
            self._questions, self._answers = None, {}
            raise PeerError("a record is missing")

    monkeypatch.setattr(LookupRound, "_finish", finish_or_ask_again)


@pytest.mark.slow
def test_a_client_that_asks_again_is_found(nobody, monkeypatch, capsys):
    leaky(monkeypatch)
    lives = record(2)
    found = statistics(lives, nobody)
    caught = {name: round(part, 1) for name, part in found.items() if part > 1}
    with capsys.disabled():
        sys.stdout.write(f"\na client that asks again: {caught}\n")
    # Friends without keys for it are not asked for in short epochs.
    assert {"POST pir lt to 1", "POST pir lt to 2"} <= caught.keys()


def test_times_that_are_drawn_from_half_the_span_are_found():
    rng = SystemRandomness()
    one = [int.from_bytes(rng.draw(2), "big") for _ in range(7 * LIVES)]
    other = [int.from_bytes(rng.draw(2), "big") // 2 for _ in range(7 * LIVES)]
    assert kolmogorov(one, one) == 0
    assert kolmogorov(one, other) > FARTHEST


def test_a_count_that_always_differs_is_found():
    assert difference([3] * LIVES, [4] * LIVES) == -inf
    assert difference([3] * LIVES, [3] * LIVES) == 0
    assert abs(difference([3, 4] * LIVES, [5, 6] * LIVES)) > Z
