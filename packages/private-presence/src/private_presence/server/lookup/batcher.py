"""Collects what comes within a few milliseconds, because one pass answers many."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar, final

__all__ = ["Batcher"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Waiting(NamedTuple, Generic[Item, Result]):
    item: Item
    result: "asyncio.Future[Result]"
    since: float


@final
class Batcher(Generic[Item, Result]):
    """Hands over batches, in the order of arrival.

    Parameters
    ----------
    process : callable
        Takes a list of items, returns as many results.
    size : int
        Of a batch, at most.
    delay : float
        Seconds that the first item waits for others; while both turns are taken, a
        batch grows on.
    waited : callable
        Told the seconds that each item waited.
    turns : int
        Batches processed at once: one computes while the next checks its tokens.

    Examples
    --------
    >>> async def double(items):
    ...     return [2 * item for item in items]
    >>> async def ask():
    ...     batcher = Batcher(double, size=2, delay=0.01)
    ...     return await asyncio.gather(*map(batcher.ask, range(5)))
    >>> asyncio.run(ask())
    [0, 2, 4, 6, 8]
    """

    def __init__(
        self,
        process: Callable[[list[Item]], Awaitable[list[Result]]],
        size: int,
        delay: float,
        waited: Callable[[float], None] = lambda seconds: None,
        turns: int = 2,
    ) -> None:
        self._process, self._size, self._delay = process, size, delay
        self._waited, self._turns = waited, asyncio.Semaphore(turns)
        self._queue: list[_Waiting[Item, Result]] = []
        self._full = asyncio.Event()
        self._collector: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, item: Item) -> Result:
        """Wait for the result of one item.

        Parameters
        ----------
        item : object

        Returns
        -------
        object
            What `process` gave for it; what it raised is raised for all its items.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.append(_Waiting(item, future, loop.time()))
        if len(self._queue) >= self._size:
            self._full.set()
        if self._collector is None or self._collector.done():
            self._collector = asyncio.create_task(self._collect())
        return await future

    async def _collect(self) -> None:
        now = asyncio.get_running_loop().time
        while self._queue:
            left = self._queue[0].since + self._delay - now()
            if left > 0 and not self._full.is_set():
                await _until(self._full, left)
            await self._turns.acquire()
            batch, self._queue = self._queue[: self._size], self._queue[self._size :]
            if len(self._queue) < self._size:
                self._full.clear()
            for each in batch:
                self._waited(now() - each.since)
            task = asyncio.create_task(self._run(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, batch: list[_Waiting[Item, Result]]) -> None:
        try:
            results = await self._process([each.item for each in batch])
        except Exception as error:  # belongs to those who asked, not to the batcher
            for each in batch:
                if not each.result.done():
                    each.result.set_exception(error)
        else:
            for each, result in zip(batch, results, strict=True):
                if not each.result.done():
                    each.result.set_result(result)
        finally:
            self._turns.release()


async def _until(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
