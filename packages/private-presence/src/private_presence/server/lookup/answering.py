"""Queries of clients: checked in form, paid by a token, answered in batches, signed."""

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import TypeVar, final

from private_presence.errors import LayoutError, PeerError, StateError, StorageError
from private_presence.primitives.secret import equal
from private_presence.primitives.tokens import TOKEN_SIZE, Role
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.quota import days_of_lookup, roles
from private_presence.server.clock import Clock
from private_presence.server.lookup import _worker
from private_presence.server.lookup.batcher import Batcher
from private_presence.server.lookup.limits import Limits, batch_delay
from private_presence.server.lookup.shelf import TableKey
from private_presence.server.lookup.spent import SpentFiles
from private_presence.server.lookup.tables import Published, Tables
from private_presence.server.lookup.workers import Workers
from private_presence.server.metrics import Metrics
from private_presence.server.service import Reply

__all__ = ["HEAD_SIZE", "Answering", "Ask", "split_ask"]

LOG = logging.getLogger(__name__)
TRIES = 3
DAY, HASH = TOKEN_SIZE, TOKEN_SIZE + 4  # where the fields of a body start
HEAD_SIZE = HASH + 32
MALFORMED, SPENT, BUSY = Reply(400), Reply(409), Reply(503)
T = TypeVar("T")


@dataclass(frozen=True)
class Ask:
    """One request: who pays, for which table, and the query.

    Parameters
    ----------
    token : bytes, 80
    day : int
        Of the token.
    digest : bytes, 32
        Hash of the manifest that the query was made for.
    query : bytes
    query_hash : bytes, 32
        SHA-256 of digest and query: what the token pays for (F13).

    Examples
    --------
    >>> ask = split_ask(bytes(HEAD_SIZE) + b"query")
    >>> len(ask.token), ask.query, len(ask.pair[0])
    (80, b'query', 32)
    >>> ask.query_hash == sha256(bytes(32) + b"query").digest()
    True
    """

    token: bytes = field(repr=False)
    day: int
    digest: bytes
    query: bytes = field(repr=False)
    query_hash: bytes

    @property
    def pair(self) -> tuple[bytes, bytes]:
        """The token's t and what it pays for."""
        return self.token[:32], self.query_hash


def split_ask(body: bytes) -> Ask | None:
    """Take a request apart.

    Parameters
    ----------
    body : bytes

    Returns
    -------
    Ask or None
        None if it is too short.

    Examples
    --------
    >>> split_ask(bytes(115)) is None, split_ask(bytes(83) + b"a" + bytes(33)).day
    (True, 97)
    """
    if len(body) < HEAD_SIZE:
        return None
    day = int.from_bytes(body[DAY:HASH], "big")
    query_hash = sha256(memoryview(body)[HASH:]).digest()
    return Ask(body[:DAY], day, body[HASH:HEAD_SIZE], body[HEAD_SIZE:], query_hash)


@final
class Answering:
    """Everything between a request's body and the signed answer.

    Parameters
    ----------
    config : Config
    index : int
        This server's number.
    tables : Tables
    workers : Workers
    spent : SpentFiles
    clock : Clock
    metrics : Metrics
    limits : Limits
    """

    def __init__(
        self,
        config: Config,
        index: int,
        tables: Tables,
        workers: Workers,
        spent: SpentFiles,
        clock: Clock,
        metrics: Metrics,
        limits: Limits,
    ) -> None:
        self._config, self._tables, self._workers = config, tables, workers
        self._spent, self._clock = spent, clock
        self._metrics, self._limits = metrics, limits
        self._role = Role.LOOKUP + index
        self._batchers: dict[TableKey, Batcher[Ask, Reply]] = {}
        self._asked: dict[bytes, asyncio.Task[Reply]] = {}
        self._answered: OrderedDict[bytes, bytes] = OrderedDict()
        self._held = 0  # bytes of these answers
        self._resent: Counter[tuple[int, bytes]] = Counter()  # by day and t

    async def answer(self, live: Published, body: bytes) -> Reply:
        """Answer one request; the same bytes get the same answer while it is at hand.

        Parameters
        ----------
        live : Published
        body : bytes

        Returns
        -------
        Reply
        """
        ask = split_ask(body)
        if ask is None or (refused := self._refusal(live, ask)) is not None:
            return MALFORMED if ask is None else refused
        name = ask.token + ask.query_hash
        if name in self._answered:
            self._answered.move_to_end(name)
            return Reply(200, self._answered[name])
        if name not in self._asked:
            if len(self._asked) >= self._limits.queue:
                return BUSY
            task = asyncio.create_task(self._batcher(live).ask(ask))
            self._asked[name] = task
            task.add_done_callback(partial(self._settle, name))
        try:
            return await asyncio.shield(self._asked[name])
        except (LayoutError, PeerError, StateError, StorageError) as error:
            if live.key not in self._tables.live:  # retired meanwhile
                return Reply(404)
            # The query is in order; this server is not.
            LOG.error("no answer from %s: %s", live.key.word, error)
            self._metrics.failure("answer")
            return BUSY

    def _refusal(self, live: Published, ask: Ask) -> Reply | None:
        form = (len(ask.query), ask.query[0]) if ask.query else (0, 0)
        if not equal(ask.digest, live.digest) or form not in live.forms:
            return MALFORMED
        if ask.day not in days_of_lookup(self._config, self._clock.now()):
            self._metrics.token(self._role, "another day")
            return MALFORMED
        if self._key(ask.day) is None:
            self._metrics.token(self._role, "no key")
            return BUSY  # the manifest that names it has not arrived yet
        return None

    def _key(self, day: int) -> bytes | None:
        """Return the public key of a day, from the manifest of the day before."""
        manifest = self._tables.manifest(TableKey(Kind.LT, day - 1))
        place = roles(self._config).index(self._role)
        return manifest.token_keys[place] if manifest else None

    def _settle(self, name: bytes, task: "asyncio.Task[Reply]") -> None:
        del self._asked[name]
        if task.cancelled() or task.exception() or task.result().status != 200:
            return
        data = bytes(task.result().body)
        self._answered[name] = data
        self._held += len(data)
        while self._held > self._limits.remembered:
            _, old = self._answered.popitem(last=False)
            self._held -= len(old)

    def _batcher(self, live: Published) -> Batcher[Ask, Reply]:
        if live.key not in self._batchers:
            self._batchers[live.key] = Batcher(
                partial(self._process, live),
                self._limits.batch,
                batch_delay(self._limits, self._config.st_ms),
                self._metrics.queue_wait,
            )
        return self._batchers[live.key]

    async def _process(self, live: Published, asks: list[Ask]) -> list[Reply]:
        """Spend the tokens of a batch, then answer what was paid for."""
        replies = await self._redeem(asks)
        paid = [i for i, reply in enumerate(replies) if reply is None]
        begin = time.perf_counter()
        sealed = await self._compute(live, [asks[i] for i in paid])
        for i, data in zip(paid, sealed, strict=True):
            replies[i] = MALFORMED if data is None else Reply(200, data)
        self._count(live, len(paid), time.perf_counter() - begin)
        return [reply or BUSY for reply in replies]

    async def _redeem(self, asks: list[Ask]) -> list[Reply | None]:
        """Return why each was refused; None for those that are paid, durably."""
        replies: list[Reply | None] = [None] * len(asks)
        for day in {ask.day for ask in asks}:
            places = [i for i, ask in enumerate(asks) if ask.day == day]
            outcomes = await self._redeem_day(day, [asks[i] for i in places])
            for i, outcome in zip(places, outcomes, strict=True):
                replies[i] = outcome
        return replies

    async def _redeem_day(self, day: int, asks: list[Ask]) -> list[Reply | None]:
        spent = self._spent.day(day)
        known = await asyncio.to_thread(spent.paid, [ask.pair for ask in asks])
        fresh = [ask for ask, resent in zip(asks, known, strict=True) if not resent]
        good = iter(await self._genuine(day, fresh))
        genuine = [resent or next(good) for resent in known]
        pairs = [ask.pair for ask, ok in zip(asks, genuine, strict=True) if ok]
        first = iter(await asyncio.to_thread(spent.spend, pairs))
        outcomes = [self._outcome(ok, ok and next(first)) for ok in genuine]
        for i, resent in enumerate(known):
            if resent and not self._may_resend(asks[i]):
                outcomes[i] = BUSY
        return outcomes

    def _may_resend(self, ask: Ask) -> bool:
        self._resent[ask.day, ask.token[:32]] += 1
        return self._resent[ask.day, ask.token[:32]] <= self._limits.resends

    def _outcome(self, genuine: bool, first: bool) -> Reply | None:
        word = "forged" if not genuine else "redeemed" if first else "spent"
        self._metrics.token(self._role, word)
        return {"forged": MALFORMED, "spent": SPENT, "redeemed": None}[word]

    async def _genuine(self, day: int, asks: list[Ask]) -> list[bool]:
        key = self._key(day)
        if key is None:
            return [False] * len(asks)
        items = [(ask.token, int(self._role), day, key) for ask in asks]
        jobs = [self._workers.run(_worker.check, part) for part in self._parts(items)]
        return [ok for part in await asyncio.gather(*jobs) for ok in part]

    async def _compute(self, live: Published, asks: list[Ask]) -> list[bytes | None]:
        # Each query once, however many sent it: a download is always the same.
        single = list({ask.query_hash: ask for ask in asks}.values())
        for _ in range(TRIES if single else 0):
            cells = await self._tables.cells(live.key, live.manifest)
            jobs = [self._answer(cells, part) for part in self._parts(single)]
            try:
                parts = await asyncio.gather(*jobs)
            except FileNotFoundError:
                self._tables.lost(live.key, cells)  # before a worker looked
                continue
            sealed = [data for part in parts for data in part]
            found = dict(zip((ask.query_hash for ask in single), sealed, strict=True))
            return [found[ask.query_hash] for ask in asks]
        if asks:
            raise StorageError("too many tables are asked at once: come again")
        return []

    async def _answer(
        self, cells: _worker.Cells, asks: Sequence[Ask]
    ) -> list[bytes | None]:
        queries = [ask.query for ask in asks]
        hashes = [ask.query_hash for ask in asks]
        return await self._workers.run(_worker.answer, cells, queries, hashes)

    def _parts(self, items: Sequence[T]) -> list[Sequence[T]]:
        """Divide a batch among workers, unless each would get only a few."""
        most = -(-len(items) // self._limits.split)
        parts = min(self._workers.count, most) or 1
        size = -(-len(items) // parts) or 1
        return [items[at : at + size] for at in range(0, len(items), size)]

    def _count(self, live: Published, queries: int, seconds: float) -> None:
        if queries:
            scanned = queries * self._tables.size(live.key)
            self._metrics.pir(queries, queries, seconds, scanned)

    def forget(self, keys: set[TableKey]) -> None:
        """Drop what belongs to tables that were retired.

        Parameters
        ----------
        keys : set of TableKey
            Those that stay.
        """
        self._batchers = {k: each for k, each in self._batchers.items() if k in keys}
        first = days_of_lookup(self._config, self._clock.now())[0]
        for place in [place for place in self._resent if place[0] < first]:
            del self._resent[place]

    async def idle(self) -> None:
        """Wait until every request is answered."""
        while self._asked:
            await asyncio.wait(list(self._asked.values()))
