"""The plan: every step inside its bounds, uniform, and repeatable from its seed."""

import hashlib
import inspect
from collections import Counter

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
        assert len(step.repeats) == REPEATS
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
