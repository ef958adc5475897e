"""Where long computations go, so that nobody waits for them in the event loop."""

import asyncio
import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar, final

__all__ = ["ProcessWorkers", "ThreadWorkers", "Workers"]

T = TypeVar("T")


class Workers(ABC):
    """Runs functions of a module, with plain arguments, beside the event loop.

    Examples
    --------
    >>> workers: Workers = ThreadWorkers()
    >>> asyncio.run(workers.run(sorted, "cab"))
    ['a', 'b', 'c']
    >>> workers.close()
    """

    @abstractmethod
    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Run a function and give its result.

        Parameters
        ----------
        function : callable
            At the top level of a module.
        *arguments : object
            That can be pickled.

        Returns
        -------
        object
        """

    @abstractmethod
    def close(self) -> None:
        """Let the workers end."""


@final
class ProcessWorkers(Workers):
    """Processes of their own: the pairing library and numpy hold the interpreter.

    Parameters
    ----------
    n : int, >= 1
        Two are enough: one lays out a table while the other issues tokens.
    """

    def __init__(self, n: int = 2) -> None:
        self._n = n
        self._pool = self._fresh()

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Run it in a process."""
        loop = asyncio.get_running_loop()
        pool = self._pool
        try:
            return await loop.run_in_executor(pool, function, *arguments)
        except BrokenProcessPool:
            # A worker was killed.  What they compute may be computed again.
            if pool is self._pool:
                pool.shutdown(wait=False)
                self._pool = self._fresh()
            return await loop.run_in_executor(self._pool, function, *arguments)

    def close(self) -> None:
        """Wait for what runs."""
        self._pool.shutdown(cancel_futures=True)

    def _fresh(self) -> Executor:
        # Spawned: a fork would copy threads' locks and open connections.
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            self._n, mp_context=spawn, initializer=_follow_parent
        )


@final
class ThreadWorkers(Workers):
    """A thread, which starts at once: for small deployments and for tests.

    Examples
    --------
    >>> workers = ThreadWorkers()
    >>> asyncio.run(workers.run(pow, 2, 10))
    1024
    >>> workers.close()
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Run it in the thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, function, *arguments)

    def close(self) -> None:
        """Wait for what runs."""
        self._pool.shutdown()


def _follow_parent() -> None:
    # The parent decides when to stop: Ctrl-C reaches both.  If it is killed, its
    # workers would wait for ever on a pipe that they keep open themselves.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
