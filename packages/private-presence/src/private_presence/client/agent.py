"""A client that runs: it does what its plan says, when the plan says it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import final

from private_presence.client.issuing import fetch_tokens
from private_presence.client.keeper import Keeper
from private_presence.client.keys import fetch_keys, newest
from private_presence.client.lookup import LookupRound
from private_presence.client.plan import (
    REPEATS,
    Action,
    Step,
    patience,
    plan_lt,
    plan_st,
)
from private_presence.client.register import register
from private_presence.client.setting import Setting, Told, with_alarm, with_outcome
from private_presence.client.transport import Transport
from private_presence.client.withdraw import withdraw
from private_presence.errors import (
    ClockError,
    PeerError,
    PresenceError,
    QuotaError,
)
from private_presence.primitives.randomness import Randomness
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.epochs import Kind, epoch_at, start_of
from private_presence.protocol.receipt import Answer
from private_presence.server.clock import Clock

__all__ = ["Agent"]

# Seconds by the event loop, whose time nobody sets: so often one looks whether the
# clock was set back.
LOOK = 60.0


@final
class Agent:
    """One device's client.

    Parameters
    ----------
    deployment : Deployment
        Pinned.
    keeper : Keeper
        Others may edit the device while the agent runs; it reads the newest one for
        each step.
    transport : Transport
    clock : Clock
    rng : Randomness
        The system generator.
    relay : bool
        Whether to speak to the registrar through the deployment's relay.
    on_event : callable, optional
        Called with each new `Outcome` and `Alarm` after it was saved, for a view.
    patience : float, optional
        Seconds that one exchange may take; `plan.patience` of the deployment if not
        given.
    pause : float, optional
        Seconds of `Setting.pause`; a three-hundredth of a short epoch, at most one, if
        not given.  A hundred friends after a week's absence take 0.6 s.

    Examples
    --------
    All parties are away: the keys of the day are asked for three times, then given up.

    >>> from private_presence.client.device import new_device
    >>> from private_presence.client.keeper import MemoryKeeper
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.directory import Directory
    >>> from private_presence.server.clock import ManualClock
    >>> class Away(Transport):
    ...     def connect(self, party, *, via_relay):
    ...         raise PeerError("expected an answer; the network is down")
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> deployment = Deployment(config, Directory(config.dep_id, 1, ()))
    >>> keeper = MemoryKeeper(new_device(config, 100, rng))
    >>> clock, news = ManualClock(start_of(config, Kind.LT, 100)), []
    >>> agent = Agent(
    ...     deployment, keeper, Away(), clock, rng, relay=True, on_event=news.append
    ... )
    >>> async def four_minutes():
    ...     stop = asyncio.Event()
    ...     running = asyncio.create_task(agent.run(stop))
    ...     await clock.advance(240.0)
    ...     stop.set()
    ...     await running
    >>> asyncio.run(four_minutes())
    >>> words = [told.word for told in news if told.what == "keys"]
    >>> len(words), words[0]
    (3, 'expected an answer; the network is down')
    """

    def __init__(
        self,
        deployment: Deployment,
        keeper: Keeper,
        transport: Transport,
        clock: Clock,
        rng: Randomness,
        *,
        relay: bool,
        on_event: Told | None = None,
        patience: float | None = None,
        pause: float | None = None,
    ) -> None:
        wait = _patience(deployment) if patience is None else patience
        parts = (deployment, keeper, transport, clock, rng, relay, wait)
        pause = _pause(deployment) if pause is None else pause
        self._setting = Setting(*parts, offsets={}, pause=pause)
        self._seed = bytes(rng.draw(32))
        self._on_event = on_event
        self._told: set[object] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._crash: asyncio.Future[None] | None = None
        self._lt: int | None = None
        self._missed: set[Action] = set()  # of this LT epoch's plan, asleep

    @property
    def setting(self) -> Setting:
        """What its exchanges work with."""
        return self._setting

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the plan until told to stop.

        Parameters
        ----------
        stop : asyncio.Event
        """
        config, clock = self._setting.config, self._setting.clock
        await self._forget_news()
        self._crash = asyncio.get_running_loop().create_future()
        begin, self._lt, self._missed = clock.now(), None, set()
        try:
            while not stop.is_set():
                t = epoch_at(config, Kind.ST, begin)
                end = start_of(config, Kind.ST, t + 1)
                await self._plan(t, begin)
                if await self._wait(begin, end, stop):
                    break
                begin = await self._resume(begin, end)
        finally:
            await self._cancel()
            if self._crash and not self._crash.done():
                self._crash.cancel()

    async def withdraw(self, circle: int = 0) -> Answer:
        """Take the long-term record back that is on its way (F21).

        Parameters
        ----------
        circle : int

        Returns
        -------
        Answer

        Raises `EpochError`, `StateError`, `QuotaError`, `VerificationError` or
        `PeerError` as the function `withdraw.withdraw` does.
        """
        return await withdraw(self._setting, circle)

    # -- the plan

    async def _resume(self, begin: float, end: float) -> float:
        # A machine that slept comes back late; one that is a little late does not.
        now = self._setting.clock.now()
        if self._set_back(begin):
            # Everything waits for times of the old clock, and none of what it was
            # compared with holds for the new one.
            await self._cancel()
            self._setting.offsets.clear()
            self._lt = None
            return now
        return end if now < end + self._setting.patience else now

    def _set_back(self, begin: float) -> bool:
        return self._setting.clock.now() < begin - self._setting.patience

    async def _plan(self, t: int, begin: float) -> None:
        config = self._setting.config
        lt = epoch_at(config, Kind.LT, begin)
        device = await newest(self._setting.keeper)
        fresh, missed = self._lt != lt, self._missed
        self._lt, self._missed = lt, set()
        if fresh or missed:
            # Of a plan that was partly slept through only that part is drawn again: a
            # lookup that was made takes no second token, however often one sleeps.
            for step in plan_lt(config, lt, begin, device.looked_lt, self._seed):
                if fresh or step.action in missed:
                    self._start(step, lt)
        for step in plan_st(config, t, begin, self._seed):
            self._start(step, None)

    def _start(self, step: Step, lt: int | None) -> None:
        task = asyncio.create_task(self._follow(step, lt))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error and self._crash and not self._crash.done():
            self._crash.set_exception(error)

    async def _wait(self, begin: float, when: float, stop: asyncio.Event) -> bool:
        # Whichever comes first: the time, the end, a mistake of this program, or a
        # clock that was set to before the time at which the waiting began.
        crash = self._crash or asyncio.get_running_loop().create_future()
        timer = asyncio.create_task(self._setting.clock.sleep_until(when))
        stopper = asyncio.create_task(stop.wait())
        one, done = asyncio.FIRST_COMPLETED, False
        try:
            while not done and not self._set_back(begin):
                coming = asyncio.wait(
                    {timer, stopper, crash}, timeout=LOOK, return_when=one
                )
                done = bool((await coming)[0])
        finally:
            timer.cancel()
            stopper.cancel()
        if crash.done():
            crash.result()
        return stop.is_set()

    async def _cancel(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- one step

    async def _follow(self, step: Step, lt: int | None) -> None:
        attempt, clock = self._attempt_of(step), self._setting.clock
        free = step.when
        for i, when in enumerate((step.when, *step.repeats)):
            await clock.sleep_until(when)
            begin = clock.now()
            if begin > max(when, free) + self._setting.patience:
                # This machine slept: what is late is left out.  Later ones are far off.
                if i < REPEATS:
                    continue
                if lt is not None and lt == self._lt:
                    self._missed.add(step.action)
                return
            failure = await _failure(attempt)
            # Whoever waited for an answer until now did not sleep, up to a limit.
            free = min(clock.now(), begin + self._longest())
            await self._note(step, failure)
            # Without a token nothing was asked; of a day's lookups the last repeats are
            # after its tokens' second try.
            lacking = lt is not None and isinstance(failure, QuotaError)
            if not (lacking or isinstance(failure, PeerError)):
                return

    def _longest(self) -> float:
        # Connecting to one server after another, their manifests, and their answers.
        return (len(self._setting.config.servers) + 2) * self._setting.patience

    def _attempt_of(self, step: Step) -> Callable[[], Awaitable[None]]:
        setting, kind, epoch = self._setting, step.kind, step.epoch
        if step.action is Action.KEYS:
            return lambda: fetch_keys(setting, epoch)
        if step.action is Action.TOKENS:
            return lambda: fetch_tokens(setting, step.index, epoch)
        if step.action is Action.REGISTER:
            return lambda: register(setting, kind, epoch, step.index)
        return LookupRound(setting, kind, epoch, audit=step.audit).attempt

    async def _note(self, step: Step, failure: PresenceError | None) -> None:
        setting = self._setting
        async with setting.keeper.edit() as edit:
            device = edit.device
            if failure is not None:
                about = (_word(step), step.kind, step.epoch, str(failure))
                device = with_outcome(device, setting, *about)
                if isinstance(failure, ClockError):
                    device = with_alarm(device, setting, "clock", str(failure))
                device = edit.save(device).device
        fresh = [n for n in (*device.outcomes, *device.alarms) if n not in self._told]
        self._told = {*device.outcomes, *device.alarms}
        if self._on_event:
            for news in fresh:
                self._on_event(news)

    async def _forget_news(self) -> None:
        device = await newest(self._setting.keeper)
        self._told = {*device.outcomes, *device.alarms}


def _word(step: Step) -> str:
    # As a success is noted under.
    tokens = step.action is Action.TOKENS
    return f"tokens {step.index}" if tokens else step.action.value


def _patience(deployment: Deployment) -> float:
    return patience(deployment.config)


def _pause(deployment: Deployment) -> float:
    return min(deployment.config.st_ms / 300_000, 1.0)


async def _failure(attempt: Callable[[], Awaitable[None]]) -> PresenceError | None:
    try:
        await attempt()
    except PresenceError as error:
        return error
    return None
