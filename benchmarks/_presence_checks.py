"""Is the simulation right?  Beside a formula, and beside a real server's real work."""

import time

import numpy as np

import _presence_plan as plans
from _presence_plan import Plan
from _presence_queue import Pool, Simulation, Work, waiting_in_line
from _presence_rates import RNG, some_tokens
from private_presence.pir import Records, TableId, XorPir, load_kernel
from private_presence.primitives.blinding import sign, signing_key
from private_presence.primitives.tokens import Redeemed, check_tokens
from private_presence.protocol.epochs import Kind

PEER = 0.25  # how far the real run may be off: rates vary from minute to minute


def line_row():
    """One server, one at a time: the mean wait is known."""
    rng, rate, seconds = np.random.default_rng(0), 70.0, 0.01
    times = np.cumsum(rng.exponential(1 / rate, 200_000))
    kinds = np.zeros(len(times), np.int64)
    pool = Pool(1, 1, gather=0.0, most=1, turns=1)
    found = Simulation(pool, [Work("one", 0, 0, seconds)], times, kinds).run()
    expected = waiting_in_line(rate, seconds)
    return {"check": "one queue, mean wait"} | ratio(found.waits.mean(), expected, 0.05)


def ratio(simulated, known, limit):
    return {
        "simulated": float(simulated),
        "known": float(known),
        "ratio": float(simulated / known),
        "within": limit,
    }


def measured_rows(rates, users=20_000, queries=500, load=0.6):
    """The simulation beside a real server in real batches, timed in CPU seconds."""
    plan = Plan(users, Pool(1, 1), Pool(1, 1), Pool(1, 1))
    work = Batches(users)
    cost = plans.costs(plan, Kind.ST).table
    base, each, one = (cost * rate for rate in rates.scan[128])
    per = plans.expansion(plan, Kind.ST, rates) + rates.seal + rates.token[1]
    model = Work("real", rates.token[0], base, each + per, one + per)
    pool = Pool(1, 1, gather=0.05, split=256, turns=1)
    rng = np.random.default_rng(1)
    rate = load / plans.each_of(model, 32)
    times = np.cumsum(rng.exponential(1 / rate, queries))
    kinds = np.zeros(queries, np.int64)
    known = Simulation(pool, [model], times, kinds).run()
    busy, waits = work.replay(times, pool)
    yield {"check": "real batches, busy"} | ratio(known.busy, busy, PEER)
    mean = ratio(known.waits.mean(), waits.mean(), PEER)
    yield {"check": "real batches, mean wait"} | mean


class Batches:
    """Tokens checked, queries answered, answers signed: what a lookup worker does."""

    def __init__(self, users, kinds=16):
        rng = np.random.default_rng(users)
        tags = np.sort(np.frombuffer(rng.bytes(16 * users), "S16")).view(np.uint8)
        values = np.frombuffer(rng.bytes(128 * users), np.uint8).reshape(users, 128)
        records = Records(tags.reshape(users, 16), values)
        pir = XorPir(servers=2, capacity=101, buckets=plans.BUCKETS)
        where = TableId(bytes(16), int(Kind.ST), 7)
        made = pir.encode(records, where, bytes(32))
        self.server = pir.server(made, 0, load_kernel("fast"))
        wanted = [bytes(tag) for tag in records.tags[:100]]
        queries = [pir.query(made.manifest, wanted, rng.bytes) for _ in range(kinds)]
        self.bodies = [query.bodies[0] for query in queries]
        tokens, key, role = some_tokens(kinds)
        self.tokens = [Redeemed(token, role, 3, key.public) for token in tokens]
        self.key = signing_key(RNG.draw(64))
        self.work(8)  # compiled

    def work(self, m):
        """Return the CPU seconds of a batch of m."""
        start = time.process_time()
        some = [i % len(self.bodies) for i in range(m)]
        assert all(check_tokens([self.tokens[i] for i in some], RNG))
        for answer in self.server.answer([self.bodies[i] for i in some]):
            sign(self.key, answer, RNG)
        return time.process_time() - start

    def replay(self, times, pool):
        """Let the work itself say how long each batch of these arrivals takes."""
        now, done, busy, waits = 0.0, 0, 0.0, []
        while done < len(times):
            now = max(now, times[done] + pool.gather)
            size = int(np.searchsorted(times, now, side="right")) - done
            seconds = self.work(min(size, pool.most))
            now, busy = now + seconds, busy + seconds
            batch = times[done : done + min(size, pool.most)]
            waits.append(now - batch)
            done += len(batch)
        return busy, np.concatenate(waits)


def off(row):
    return abs(row["ratio"] - 1) > row["within"]
