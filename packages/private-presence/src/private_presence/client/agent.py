"""A client that runs: it does what its plan says, when the plan says it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import final

from private_presence.client.issuing import fetch_tokens
from private_presence.client.keeper import Keeper
from private_presence.client.keys import fetch_keys, newest
from private_presence.client.lookup import LookupRound
from private_presence.client.plan import Action, Step, patience, plan_lt, plan_st
from private_presence.client.register import register
from private_presence.client.setting import Setting, Told, with_alarm, with_outcome
from private_presence.client.transport import Transport
from private_presence.client.withdraw import withdraw
from private_presence.errors import ClockError, PeerError, PresenceError
from private_presence.primitives.randomness import Randomness
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.epochs import Kind, epoch_at, start_of
from private_presence.protocol.receipt import Answer
from private_presence.server.clock import Clock

__all__ = ["Agent"]


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
        begin, self._lt = clock.now(), None
        try:
            while not stop.is_set():
                t = epoch_at(config, Kind.ST, begin)
                end = start_of(config, Kind.ST, t + 1)
                await self._plan(t, begin)
                if await self._wait(end, stop):
                    break
                begin = self._resume(end)
        finally:
            await self._cancel()

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

    def _resume(self, end: float) -> float:
        # A machine that slept comes back late; one that is a little late does not.
        now = self._setting.clock.now()
        return end if now < end + self._setting.patience else now

    async def _plan(self, t: int, begin: float) -> None:
        config = self._setting.config
        lt = epoch_at(config, Kind.LT, begin)
        device = await newest(self._setting.keeper)
        if self._lt != lt:
            self._lt = lt
            for step in plan_lt(config, lt, begin, device.looked_lt, self._seed):
                self._start(step)
        for step in plan_st(config, t, begin, self._seed):
            self._start(step)

    def _start(self, step: Step) -> None:
        task = asyncio.create_task(self._follow(step))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error and self._crash and not self._crash.done():
            self._crash.set_exception(error)

    async def _wait(self, when: float, stop: asyncio.Event) -> bool:
        # Whichever comes first: the time, the end, or a mistake of this program.
        crash = self._crash or asyncio.get_running_loop().create_future()
        timer = asyncio.create_task(self._setting.clock.sleep_until(when))
        stopper = asyncio.create_task(stop.wait())
        first = asyncio.FIRST_COMPLETED
        try:
            await asyncio.wait({timer, stopper, crash}, return_when=first)
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
        if self._crash and not self._crash.done():
            self._crash.cancel()

    # -- one step

    async def _follow(self, step: Step) -> None:
        attempt = self._attempt_of(step)
        for when in (step.when, *step.repeats):
            await self._setting.clock.sleep_until(when)
            if self._setting.clock.now() > when + self._setting.patience:
                continue  # this machine slept: what is late is left out
            failure = await _failure(attempt)
            await self._note(step, failure)
            if not isinstance(failure, PeerError):
                break

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
