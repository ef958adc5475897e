"""Processes that compute, one job at a time each; a dead one is replaced."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar, final

from private_presence.errors import PeerError
from private_presence.server.lookup import _worker
from private_presence.server.metrics import Metrics

__all__ = ["Workers"]

T = TypeVar("T")
TRIES = 4  # a job that kills every worker it is given to is given up


@final
class Workers:
    """A fixed number of worker processes.

    Each is an executor of its own, so that the death of one disturbs no other.

    Parameters
    ----------
    duty : Duty
        Told to every worker at its start: configuration, number, key, kernel.
    count : int, >= 1
    metrics : Metrics
    """

    def __init__(self, duty: _worker.Duty, count: int, metrics: Metrics) -> None:
        self._duty, self._metrics = duty, metrics
        self._pools = [self._fresh() for _ in range(count)]
        self._load = [0] * count

    @property
    def count(self) -> int:
        """Processes that work side by side."""
        return len(self._pools)

    async def warm_up(self) -> list[int]:
        """Start all of them; compiled kernels are loaded when this returns.

        Returns
        -------
        list of int
            Their process numbers.
        """
        places = range(self.count)
        return list(await asyncio.gather(*(self._at(i, _worker.ready) for i in places)))

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Run a job where least is waiting; again, if its worker dies.

        Parameters
        ----------
        function : callable
            Of the module `_worker`.
        *arguments : object
            That can be pickled.

        Returns
        -------
        object

        Raises
        ------
        PeerError
            If no worker survives it.
        """
        for _ in range(TRIES):
            place = min(range(self.count), key=self._load.__getitem__)
            pool = self._pools[place]
            try:
                return await self._at(place, function, *arguments)
            except BrokenProcessPool:
                self._metrics.failure("worker")
                if self._pools[place] is pool:  # others may have replaced it already
                    self._pools[place] = self._fresh()
                    pool.shutdown(wait=False)
        raise PeerError("this server's workers die of a job: look at its log")

    async def _at(
        self, place: int, function: Callable[..., T], *arguments: object
    ) -> T:
        self._load[place] += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pools[place], function, *arguments)
        finally:
            self._load[place] -= 1

    def close(self) -> None:
        """Let every worker finish its job and end."""
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)

    def _fresh(self) -> ProcessPoolExecutor:
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            1, mp_context=spawn, initializer=_worker.start, initargs=(self._duty,)
        )
