"""What time it is and how to wait for it, as an argument of everything that asks."""

import asyncio
import heapq
import itertools
import time
from abc import ABC, abstractmethod
from typing import final

__all__ = ["Clock", "ManualClock", "SystemClock"]


class Clock(ABC):
    """Seconds since 1970, and sleeping until one of them.

    Examples
    --------
    What is past is not waited for, whatever clock it is:

    >>> clock: Clock = ManualClock(100.0)
    >>> asyncio.run(clock.sleep_until(99.0))
    >>> clock.now()
    100.0
    """

    @abstractmethod
    def now(self) -> float:
        """Return the present time.

        Returns
        -------
        float
            Seconds since 1970, UTC.
        """

    @abstractmethod
    async def sleep_until(self, when: float) -> None:
        """Return once it is `when`; at once if that is past.

        Parameters
        ----------
        when : float
            Seconds since 1970.
        """


@final
class SystemClock(Clock):
    """The machine's clock.

    Parameters
    ----------
    offset : float
        Seconds added to it: a machine whose clock is wrong, for tests and `doctor`.

    Examples
    --------
    >>> 59 < SystemClock(60.0).now() - SystemClock().now() < 61
    True
    """

    LONGEST = 60.0  # seconds; a clock that was set in between is noticed after these

    def __init__(self, offset: float = 0.0) -> None:
        self._offset = offset

    def now(self) -> float:
        """See `Clock.now`."""
        return time.time() + self._offset

    async def sleep_until(self, when: float) -> None:
        """See `Clock.sleep_until`."""
        while (left := when - self.now()) > 0:
            await asyncio.sleep(min(left, self.LONGEST))


@final
class ManualClock(Clock):
    """A clock that stands still until it is advanced.

    Parameters
    ----------
    start : float
        Seconds since 1970.

    Examples
    --------
    >>> clock = ManualClock(100.0)
    >>> async def waits():
    ...     sleeper = asyncio.create_task(clock.sleep_until(130.0))
    ...     await clock.advance(29.0)
    ...     early = sleeper.done()
    ...     await clock.advance(1.0)
    ...     return early, sleeper.done(), clock.now()
    >>> asyncio.run(waits())
    (False, True, 130.0)
    """

    def __init__(self, start: float) -> None:
        self._now = start
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        """See `Clock.now`; the same until `advance`."""
        return self._now

    async def sleep_until(self, when: float) -> None:
        """See `Clock.sleep_until`."""
        if when <= self._now:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, next(self._order), woken))
        await woken

    async def advance(self, seconds: float, settle: int = 20) -> None:
        """Let time pass, waking each sleeper at its own time, in order.

        Parameters
        ----------
        seconds : float
        settle : int
            Turns of the event loop given to those that woke, before time goes on.
        """
        end = self._now + seconds
        await _turns(settle)
        while self._sleepers and self._sleepers[0][0] <= end:
            when, _, woken = heapq.heappop(self._sleepers)
            self._now = max(self._now, when)
            if not woken.done():
                woken.set_result(None)
            await _turns(settle)
        self._now = end
        await _turns(settle)


async def _turns(n: int) -> None:
    for _ in range(n):
        await asyncio.sleep(0)
