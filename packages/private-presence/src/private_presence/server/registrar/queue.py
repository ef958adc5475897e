"""Many waiting for one: posts gather while the group before them is on its way."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar, final

from private_presence.errors import CapacityError

__all__ = ["GroupQueue"]

A = TypeVar("A")
B = TypeVar("B")


@final
class GroupQueue(Generic[A, B]):
    """Hands groups to a function in a thread, and each answer to who asked.

    Parameters
    ----------
    settle : callable
        A list of items to as many answers.
    thread : Executor
        Of one thread.
    wait : float
        Seconds for which an item waits for others, at most, when none is on its way.
    most : int
        Items of a group.
    limit : int
        Items that may wait; the next is turned away.

    Examples
    --------
    Three who come at once are answered by one call:

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> async def ask(thread):
    ...     queue = GroupQueue(lambda items: [len(items)] * len(items), thread)
    ...     return await asyncio.gather(*map(queue.put, "abc"))
    >>> with ThreadPoolExecutor(1) as thread:
    ...     asyncio.run(ask(thread))
    [3, 3, 3]
    """

    def __init__(
        self,
        settle: Callable[[Sequence[A]], list[B]],
        thread: Executor,
        *,
        wait: float = 0.005,
        most: int = 256,
        limit: int = 4096,
    ) -> None:
        self._settle, self._thread = settle, thread
        self._wait, self._most, self._limit = wait, most, limit
        self._waiting: list[tuple[A, asyncio.Future[B]]] = []
        self._task: asyncio.Task[None] | None = None

    async def put(self, item: A) -> B:
        """Add an item and wait for its answer.

        Parameters
        ----------
        item : object

        Returns
        -------
        object

        Raises
        ------
        CapacityError
            If too many are waiting.
        """
        if len(self._waiting) >= self._limit:
            raise CapacityError(
                f"{self._limit} requests are waiting: try again in a second"
            )
        answer: asyncio.Future[B] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await answer

    async def drain(self) -> None:
        """Wait until the group on its way, if there is one, has been settled."""
        await asyncio.get_running_loop().run_in_executor(self._thread, _nothing)

    async def close(self) -> None:
        """Wait until everything that waits has been answered."""
        if self._task is not None:
            await self._task

    async def _work(self) -> None:
        await asyncio.sleep(self._wait)
        while self._waiting:
            group = self._waiting[: self._most]
            del self._waiting[: self._most]
            await self._answer(group)

    async def _answer(self, group: list[tuple[A, asyncio.Future[B]]]) -> None:
        loop = asyncio.get_running_loop()
        items = [item for item, _ in group]
        try:
            answers = await loop.run_in_executor(self._thread, self._settle, items)
            answered = list(zip(group, answers, strict=True))
        except Exception as error:  # nobody may wait for ever
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in answered:
            if not future.done():  # whoever asked may have gone
                future.set_result(answer)


def _nothing() -> None:
    """Ends when what was before it has ended."""
