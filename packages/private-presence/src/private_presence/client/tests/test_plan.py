"""The plan: every step inside its bounds, uniform, and repeatable from its seed."""

import hashlib
import inspect
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from private_presence.client import plan
from private_presence.client.plan import (
    REPEATS,
    Action,
    first_span,
    patience,
    plan_lt,
    plan_st,
)
from private_presence.client.stream import SeedStream
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, start_of, window
from private_presence.protocol.quota import quota, roles

PROFILES = {
    "full": {},
    "demo": {"lt_ms": 8000, "st_ms": 2000, "lt_close_ms": 1000, "st_close_ms": 200},
    "circles": {"circles": 3, "buckets": 160},
}
CONFIGS = [
    Config(bytes(32), (bytes(32),) * 2, bytes(32), **p) for p in PROFILES.values()
]


def seed_of(n):
    return hashlib.sha256(b"plan %d" % n).digest()


configs = st.sampled_from(CONFIGS)
seeds = st.integers(0, 10**6).map(seed_of)


@given(configs, seeds, st.floats(0, 0.999), st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_an_lt_plan_keeps_its_bounds(config, seed, part, gap):
    epoch = 1000
    start, length = start_of(config, Kind.LT, epoch), config.lt_ms / 1000
    begin = start + part * length
    steps = plan_lt(config, epoch, begin, epoch - gap, seed)
    assert steps == plan_lt(config, epoch, begin, epoch - gap, seed)
    assert steps == sorted(steps, key=lambda step: step.when)
    for step in steps:
        assert begin <= step.when
        lookup = step.action is Action.LOOKUP
        assert len(step.repeats) == REPEATS or (lookup and len(step.repeats) > REPEATS)
        assert step.repeats[-1] < start + length or not step.repeats[REPEATS:]
        assert list(step.repeats) == sorted(step.repeats)
        assert step.when <= step.repeats[0] + 1e-3
        if step.action is Action.REGISTER:
            opens, closes = window(config, Kind.LT, step.epoch)
            assert opens <= step.when < step.repeats[-1] + 1e-3 < closes
    real = [s.epoch for s in steps if s.action is Action.LOOKUP and not s.audit]
    n = max(min(gap, config.retain), 2)
    assert real == list(range(epoch - n + 1, epoch + 1))


@given(configs, seeds, st.floats(0, 0.999))
@settings(max_examples=150, deadline=None)
def test_an_st_plan_keeps_its_bounds(config, seed, part):
    t = 4000 * config.st_per_lt + 3
    begin = start_of(config, Kind.ST, t) + part * config.st_ms / 1000
    end = start_of(config, Kind.ST, t + 1)
    steps = plan_st(config, t, begin, seed)
    for step in steps:
        assert begin <= step.when < end
        assert max(step.repeats) < end
        if step.action is Action.REGISTER:
            assert step.epoch == t + 1
            assert step.when < window(config, Kind.ST, t + 1)[1]
        else:
            assert (step.action, step.epoch) == (Action.LOOKUP, t)


@pytest.mark.parametrize("hour", [0.1, 6, 12, 18, 20.5, 21, 22, 23])
def test_who_comes_late_registers_soon_at_whatever_hour(hour):
    config, epoch = CONFIGS[0], 500
    begin = start_of(config, Kind.LT, epoch) + 3600 * hour
    closes = window(config, Kind.LT, epoch + 1)[1]
    places = []
    for i in range(100):
        steps = plan_lt(config, epoch, begin, epoch - 1, seed_of(i))
        (sent,) = [s for s in steps if s.action is Action.REGISTER]
        asked = [s.when for s in steps if s.action is Action.LOOKUP]
        assert max(asked) < sent.when < begin + 5400.0
        assert sent.repeats[-1] <= closes - patience(config)
        places.append(sent.when - begin)
    assert max(places) - min(places) > 600.0  # spread, as far as there is time


@given(configs, seeds, st.sampled_from([0, 0.3]), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_the_lookups_of_a_walk_go_out_one_after_another(config, seed, part, gap):
    epoch, day = 1000, config.lt_ms / 1000
    begin = start_of(config, Kind.LT, epoch) + part * day
    steps = plan_lt(config, epoch, begin, epoch - gap, seed)
    walk = [step for step in steps if step.action is Action.LOOKUP]
    assert [step.epoch for step in walk] == sorted(step.epoch for step in walk)
    rounds = list(zip(*[(step.when, *step.repeats) for step in walk], strict=True))
    for i, times in enumerate(rounds):
        apart = [b - a for a, b in pairwise(times)]
        least = first_span(config) / (80 if i == 0 else 400)
        assert min(apart) > least
    for before, after in pairwise(rounds):
        assert before[-1] <= after[0] + 1e-3


def test_lookups_that_failed_are_tried_again_over_the_day():
    config, epoch = CONFIGS[0], 500
    start = start_of(config, Kind.LT, epoch)
    steps = plan_lt(config, epoch, start, epoch - 1, seed_of(1))
    for step in steps:
        if step.action is Action.LOOKUP:
            hours = [round((when - start) / 3600, 1) for when in step.repeats]
            assert len(hours) == 8
            assert hours[2] < 0.9
            assert hours[-2] > 10


def test_no_function_of_the_plan_can_see_a_friend_or_a_result():
    allowed = {"config", "epoch", "t", "begin", "last_lt", "seed"}
    for function in (plan_lt, plan_st):
        assert set(inspect.signature(function).parameters) <= allowed
    imported = {
        line for line in inspect.getsource(plan).splitlines() if "import" in line
    }
    assert not [line for line in imported if "device" in line or "keeper" in line]


def test_times_are_uniform_and_audits_one_in_thirty_two():
    config, n = CONFIGS[0], 4000
    t = 288 * 400 + 7
    opens, closes = window(config, Kind.ST, t + 1)
    end = closes - (closes - opens) / 8
    places, audits = Counter(), 0
    for i in range(n):
        steps = plan_st(config, t, opens, seed_of(i))
        (sent,) = [s for s in steps if s.action is Action.REGISTER]
        (asked,) = [s for s in steps if s.action is Action.LOOKUP]
        places[int(10 * (sent.when - opens) / (end - opens))] += 1
        audits += asked.audit
    # Chi-square with 9 degrees of freedom: 27.9 is exceeded once in 1000.
    chi = sum((places[i] - n / 10) ** 2 / (n / 10) for i in range(10))
    assert chi < 27.9
    # Four standard deviations of a binomial count.
    assert abs(audits - n / 32) < 4 * (n / 32 * 31 / 32) ** 0.5


def test_a_day_needs_no_more_tokens_than_the_quota_gives():
    for config in CONFIGS:
        epoch = 500
        spent = Counter()
        steps = plan_lt(
            config, epoch, start_of(config, Kind.LT, epoch), 499, seed_of(1)
        )
        first = epoch * config.st_per_lt
        for t in range(first, first + config.st_per_lt):
            steps += plan_st(config, t, start_of(config, Kind.ST, t), seed_of(1))
        for step in steps:
            if step.action is Action.LOOKUP:
                spent[16] += 1
            elif step.action is Action.REGISTER:
                spent[int(step.kind)] += 1
        assert all(0 < n <= quota(config, role) for role, n in spent.items())
        assert set(spent) <= set(roles(config))


def test_what_the_profiles_come_to():
    assert [first_span(c) for c in CONFIGS[:2]] == [900.0, 1.0]
    assert [patience(c) for c in CONFIGS[:2]] == [30.0, 0.5]


def test_streams_differ_by_seed_and_purpose():
    streams = [SeedStream(seed_of(i), p) for i in range(2) for p in (b"a", b"b")]
    drawn = {stream.draw(5000) for stream in streams}
    assert len(drawn) == 4
    assert all(len(d) == 5000 for d in drawn)
    whole = SeedStream(seed_of(0), b"a").draw(5000)
    parts = SeedStream(seed_of(0), b"a")
    assert b"".join(parts.draw(n) for n in (1, 1023, 1024, 2952)) == whole
