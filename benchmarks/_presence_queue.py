"""A pool of servers that answer in batches, as discrete events.

Of two random nodes, an arrival goes to the one with fewer open connections.  A node
gathers those for one table until the first has waited `gather` seconds or there are
`most`, and divides the oldest batch among its workers: by queries, as `server.lookup`
does, or by buckets.  A node may die: what it held is lost, and comes again when its
client's plan says.
"""

import heapq
import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

RETURN, TIMER, DONE, DEATH, ALIVE = range(5)  # at the same time, in this order


@dataclass(frozen=True)
class Work:
    """What one table's queries cost, in core seconds.

    Parameters
    ----------
    fixed : float
        For a batch, however it is divided.
    base, each : float
        For a part of a batch, and for each query in it.
    few : float
        For each query, where a part is so small that reading for each is cheaper.
    """

    name: str
    fixed: float
    base: float
    each: float
    few: float = float("inf")

    def part(self, m):
        return min(self.base + self.each * m, self.few * m)


@dataclass(frozen=True)
class Pool:
    """Equal nodes.

    Parameters
    ----------
    nodes, cores : int
        A node has a worker for each core.
    gather : float
        Seconds that the first of a batch waits for others.
    most : int
        Queries of a batch.
    split : int
        Queries that are left together; 0 divides by buckets among all workers.
    turns : int
        Batches in progress at once.
    """

    nodes: int
    cores: int
    gather: float = 0.05
    most: int = 256
    split: int = 16
    turns: int = 2

    def parts(self, m):
        if not self.split:
            return self.cores
        return min(self.cores, -(-math.ceil(m) // self.split))

    def seconds(self, work, m):
        """Return the core seconds of each part of a batch of m."""
        n = self.parts(m)
        if self.split:
            return n, work.fixed / n + work.part(m / n)
        return n, (work.fixed + work.part(m)) / n


@dataclass(frozen=True)
class Death:
    node: int
    at: float
    back: float


@dataclass
class Outcome:
    """What happened, by arrival: waits are NaN for those that were never answered."""

    waits: np.ndarray  # seconds from the last sending to the answer
    repeated: int
    abandoned: int
    batches: int
    busy: float  # core seconds
    most_open: int  # at one node
    span: tuple[float, float]  # first arrival, last answer

    def utilisation(self, pool):
        begin, end = self.span
        return self.busy / (pool.nodes * pool.cores * (end - begin))


@dataclass
class _Node:
    queues: list  # of each work: deque of (sent, who)
    free: list  # when each worker is
    alive: bool = True
    running: dict = field(default_factory=dict)  # batch: its (sent, who)
    open: int = 0
    life: int = 0  # events of an earlier life are void
    timers: set = field(default_factory=set)


class Simulation:
    """Runs the arrivals of all works through one pool.

    Parameters
    ----------
    pool : Pool
    works : list of Work
    times, kinds : (n,) arrays
        Of arrivals, in order, and the index of each one's work.
    repeats : (n,) array or None
        When each arrival comes again if its node dies; at most once.
    deaths : list of Death
    """

    def __init__(self, pool, works, times, kinds, repeats=None, deaths=()):
        self.pool, self.works, self.repeats = pool, works, repeats
        self.times, self.kinds = times.tolist(), kinds.tolist()
        self.nodes = [
            _Node([deque() for _ in works], [0.0] * pool.cores)
            for _ in range(pool.nodes)
        ]
        self.events: list = [(d.at, DEATH, d.node, 0) for d in deaths]
        self.events += [(d.back, ALIVE, d.node, 0) for d in deaths]
        heapq.heapify(self.events)
        self.waits = np.full(len(self.times), np.nan)
        self.busy, self.batches, self.last = 0.0, 0, 0.0
        self.most_open = 0
        self.repeated = self.abandoned = 0
        self.choices = iter(())
        self.rng = np.random.default_rng(len(self.times))
        self.came_again = set()

    def run(self):
        act = {
            RETURN: self._return,
            TIMER: self._timer,
            DONE: self._done,
            DEATH: self._die,
            ALIVE: self._revive,
        }
        coming, events = 0, self.events
        while coming < len(self.times) or events:
            if not events or (
                coming < len(self.times) and self.times[coming] <= events[0][0]
            ):
                self._arrive(self.times[coming], coming)
                coming += 1
                continue
            now, kind, where, detail = heapq.heappop(events)
            act[kind](now, where, detail)
        span = (self.times[0], self.last)
        counts = self.repeated, self.abandoned, self.batches
        return Outcome(self.waits, *counts, self.busy, self.most_open, span)

    def _arrive(self, now, who):
        node = self._fewest()
        if node is None:
            self._lose(now, who)
            return
        self.nodes[node].open += 1
        self.most_open = max(self.most_open, self.nodes[node].open)
        queue = self.nodes[node].queues[self.kinds[who]]
        queue.append((now, who))
        if len(queue) in (1, self.pool.most):
            self._consider(now, node)

    def _fewest(self):
        # Two choices are nearly as good as the least of all, and no newcomer with none
        # gets everything.  A node that does not accept is passed over.
        alive = [node for node in self._two() if self.nodes[node].alive]
        if not alive:
            alive = [i for i, node in enumerate(self.nodes) if node.alive]
        return min(alive, key=lambda i: self.nodes[i].open) if alive else None

    def _two(self):
        if self.pool.nodes == 1:
            return (0,)
        pair = next(self.choices, None)
        if pair is None:
            many = self.rng.integers(0, self.pool.nodes, (4096, 2))
            self.choices = iter(many.tolist())
            pair = next(self.choices)
        return pair

    def _consider(self, now, where):
        """Start the oldest batch that is ripe, or set an alarm for the next."""
        node = self.nodes[where]
        if not node.alive or len(node.running) >= self.pool.turns:
            return
        gather, most = self.pool.gather, self.pool.most
        waiting = [(q[0][0], k) for k, q in enumerate(node.queues) if q]
        ripe = [
            (oldest, k)
            for oldest, k in waiting
            if oldest + gather <= now or len(node.queues[k]) >= most
        ]
        if ripe:
            self._start(now, where, min(ripe)[1])
        elif waiting:
            when = min(waiting)[0] + gather
            if when not in node.timers:
                node.timers.add(when)
                heapq.heappush(self.events, (when, TIMER, where, node.life))

    def _start(self, now, where, kind):
        node = self.nodes[where]
        queue = node.queues[kind]
        size = min(len(queue), self.pool.most)
        self.batches += 1
        node.running[self.batches] = [queue.popleft() for _ in range(size)]
        parts, seconds = self.pool.seconds(self.works[kind], size)
        self.busy += parts * seconds
        when = now
        for _ in range(parts):  # each to the worker that is free first
            when = max(heapq.heappop(node.free), now) + seconds
            heapq.heappush(node.free, when)
        heapq.heappush(self.events, (when, DONE, where, (node.life, self.batches)))
        self._consider(now, where)

    def _done(self, now, where, which):
        node, (life, batch) = self.nodes[where], which
        if life != node.life:
            return
        done = node.running.pop(batch)
        for sent, who in done:
            self.waits[who] = now - sent
        node.open -= len(done)
        self.last = now
        self._consider(now, where)

    def _timer(self, now, where, life):
        node = self.nodes[where]
        if life == node.life:
            node.timers.discard(now)
            self._consider(now, where)

    def _die(self, now, where, _):
        node = self.nodes[where]
        held = [each for batch in node.running.values() for each in batch]
        for queue in node.queues:
            held += queue
            queue.clear()
        node.alive, node.open = False, 0
        node.running.clear()
        node.life += 1
        node.timers.clear()
        for _, who in held:
            self._lose(now, who)

    def _revive(self, now, where, _):
        self.nodes[where].alive = True
        self.nodes[where].free = [now] * self.pool.cores

    def _lose(self, now, who):
        when = -1.0 if self.repeats is None else float(self.repeats[who])
        if who in self.came_again or when < now:
            self.abandoned += 1
            return
        self.came_again.add(who)
        self.repeated += 1
        heapq.heappush(self.events, (when, RETURN, who, 0))

    def _return(self, now, who, _):
        self._arrive(now, who)


# --- What theory says -------------------------------------------------------------------


def batch_size(rate, pool, work):
    """Return the mean batch of a node that gets `rate` queries a second.

    An idle node gathers for `gather` seconds after the first; a busy one takes what came
    while the batch before was worked on: the least m that does not fall behind.
    """
    m = 1 + rate * pool.gather
    while m < pool.most and rate * core_seconds(pool, work, m) / pool.cores > m:
        m *= 1.02
    return float(min(m, pool.most))


def core_seconds(pool, work, m):
    parts, seconds = pool.seconds(work, m)
    return parts * seconds


def offered(rate, pool, work):
    """Return the utilisation of a node that gets `rate` queries a second."""
    m = batch_size(rate, pool, work)
    return rate * core_seconds(pool, work, m) / m / pool.cores


def waiting_in_line(rate, seconds):
    """Return the mean time to the answer with single service (Pollaczek, Khinchine)."""
    load = rate * seconds
    return seconds + load * seconds / 2 / (1 - load)
