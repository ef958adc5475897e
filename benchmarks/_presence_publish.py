"""When tables appear: the chain of steps from the freeze on, and servers that are away.

A lookup server's front process is away now and then; R tries again after half a second,
later after five.  A table is late if it appears after its epoch's start, and missed by
somebody if it appears after the first lookup.
"""

from dataclasses import dataclass

import numpy as np

from _presence_plan import costs, st_window
from private_presence.protocol.epochs import Kind

RTT = 0.1  # seconds of an exchange between servers, handshake included
LINE = 1e9 / 8  # bytes a second between R and its servers, all together
OUTAGE = 20.0  # seconds of a restart
OUTAGES_A_DAY = 1.0  # of each server
BACKOFF = (0.5, 5.0)


@dataclass(frozen=True)
class Step:
    name: str
    seconds: float
    needs_servers: bool


def chain(plan, kind, rates):
    """Return the steps between the freeze and a signed manifest everywhere."""
    constants, n = plan.config, plan.users
    lt = kind is Kind.LT
    size = constants.lt_value_size if lt else constants.st_value_size
    raw, servers = n * (16 + size), len(constants.servers)
    build = n * rates.build[size]
    hashing = costs(plan, kind).table * rates.hash
    return [
        Step("commitments", RTT, True),
        Step("freeze", n * rates.freeze + raw * rates.hash, False),
        Step("push", RTT + servers * raw / LINE + raw * rates.hash, True),
        Step("openings", RTT, True),
        Step("build at R", build + hashing, False),
        Step("build at P", RTT + build + hashing, True),
        Step("publish", RTT, True),
    ]


def outages(servers, days, rng):
    """Return, for each server, the sorted times at which it goes away."""
    count = rng.poisson(OUTAGES_A_DAY * days, servers)
    return [np.sort(rng.uniform(0, 86_400 * days, n)) for n in count]


def ends(now, steps, away):
    """Return when a chain that starts at a time is done."""
    for step in steps:
        if step.needs_servers:
            now = max(_reached(now, step.seconds, begins) for begins in away)
        else:
            now += step.seconds
    return now


def _reached(now, seconds, begins):
    # Tries until one is not cut short by an outage.
    wait = BACKOFF[0]
    while (back := _away(now, now + seconds, begins)) is not None:
        while now < back:
            now += wait
            wait = min(2 * wait, BACKOFF[1])
    return now + seconds


def _away(begin, end, begins):
    # When the server is back, if it is away at some time between begin and end.
    i = np.searchsorted(begins, end) - 1
    back = begins[i] + OUTAGE if i >= 0 else begin
    return back if back > begin else None


def publish_row(plan, kind, rates, days=30, seed=0):
    """Simulate the tables of some days; return how many are late, and by how much."""
    rng, constants = np.random.default_rng(seed), plan.config
    away = outages(len(constants.servers), days, rng)
    lt = kind is Kind.LT
    length = (constants.lt_ms if lt else constants.st_ms) / 1000
    close = (constants.lt_close_ms if lt else constants.st_close_ms) / 1000
    steps = chain(plan, kind, rates)
    starts = np.arange(1, int(days * 86_400 / length) + 1) * length
    late = np.array([ends(s - close, steps, away) - s for s in starts])
    first = st_window(plan)[0] if not lt else plan.span_s / 8
    return {
        "N": plan.users,
        "epoch": kind.name,
        "chain_s": sum(step.seconds for step in steps),
        "build_s": plan.users * rates.build[576 if lt else 128],
        "close_s": close,
        "tables": len(late),
        "late": int(np.sum(late > 0)),
        "missed": int(np.sum(late > first)),
        "latest_s": float(late.max()),
    }
