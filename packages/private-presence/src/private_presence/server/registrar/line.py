"""The scheduler: one line of tables for each kind, one after the other."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import final

from private_presence.errors import EpochError, StorageError
from private_presence.protocol.epochs import Kind, epoch_seconds, start_of, window
from private_presence.server.registrar import steps
from private_presence.server.registrar.history import (
    adopt,
    first_epoch,
    last_published,
    outdated,
    recall,
)
from private_presence.server.registrar.means import (
    Means,
    check_in_time,
    in_time,
    log,
    wait_until,
)
from private_presence.server.registrar.resend import resend, resend_missing
from private_presence.server.registrar.work import Layout
from private_presence.server.storage import TableState

__all__ = ["Line"]


@final
class Line:
    """Takes the tables of one kind through their lives.

    What it keeps in memory may be lost: after a restart it takes a table up again that
    it had given up, with the bytes it had promised.

    Parameters
    ----------
    means : Means
    kind : Kind
    """

    def __init__(self, means: Means, kind: Kind) -> None:
        self._means, self._kind = means, kind
        self._began = means.clock.now()
        self._floor = -1  # the last table that was given up
        self._gave_up = 0.0  # when that was, by this clock
        self._sure = False  # that no newer table than ours is published

    async def run(self) -> None:
        """Go on for ever; a failure is noted and the step is tried again."""
        await self._persist(self.resume)
        while True:
            await self._persist(self.advance)

    async def _persist(self, step: Callable[[], Awaitable[None]]) -> None:
        means, name = self._means, self._kind.name
        pause = min(1.0, epoch_seconds(means.config, self._kind) / 8)
        while True:
            try:
                return await step()
            except StorageError as error:
                log.error("%s line: %s", name, error)
                means.metrics.failure("storage")
            except Exception as error:  # the line goes on, whatever it was
                log.exception("%s line: %s", name, type(error).__name__)
                means.metrics.failure("line")
            await wait_until(means.clock, means.clock.now() + pause)

    async def resume(self) -> None:
        """After a start, hand over the last tables again: some server may lack them."""
        await resend(self._means, self._kind)

    async def advance(self) -> None:
        """Take the next table from where it stands to its publication.

        Raises
        ------
        EpochError
            If a step of a table that is not yet too late failed.
        """
        means, kind = self._means, self._kind
        if not self._sure:
            known = await asyncio.to_thread(means.storage.states, kind)
            await recall(means, kind, known)
        states = await asyncio.to_thread(means.storage.states, kind)
        now = means.clock.now()
        self._began = min(self._began, now)
        if now < self._gave_up:  # by a clock that was ahead: it may be in time
            self._floor = -1
        epoch = first_epoch(means.config, kind, now, states, self._floor)
        opens = window(means.config, kind, epoch)[0]
        await wait_until(means.clock, opens)
        try:
            published = await self._carry(epoch, states)
        except EpochError as error:
            if in_time(means, kind, epoch):
                raise  # it is not time that made this step fail
            log.error("%s", error)
            if means.clock.now() < opens:
                return  # the clock was set back: another table is next
            means.metrics.late(kind)
            published = False
        await (self._tidy(epoch) if published else self._give_up(epoch))
        if kind is Kind.ST:  # the line that is often here
            await resend_missing(means)

    async def _carry(self, epoch: int, states: list[TableState]) -> bool:
        # Returns whether there is a published table in the end.
        means, kind = self._means, self._kind
        check_in_time(means, kind, epoch)
        state = next((s for s in states if s.epoch == epoch), None)
        if state is None:
            state = await steps.save(means, TableState(int(kind), epoch), "open")
        state = await adopt(means, state)
        if state is None or state.phase == "published":
            return state is not None
        if not state.commitments:
            state = await steps.collect_commitments(means, state)
        await self._wait_for_close(epoch)
        state = await steps.collect_commitments(means, state)
        state = await steps.freeze(means, state)
        state = await steps.collect_openings(means, state)
        newest = last_published(states)
        previous = newest.manifest_hash if newest else bytes(32)
        state, layout = await steps.build(means, state, previous)
        state = await steps.countersign(means, state)
        self._published(state, layout)
        await steps.hand_over(means, state)
        return True

    async def _wait_for_close(self, epoch: int) -> None:
        means, kind = self._means, self._kind
        closes = window(means.config, kind, epoch)[1]
        while means.clock.now() < closes:
            check_in_time(means, kind, epoch)
            await wait_until(means.clock, closes)
        check_in_time(means, kind, epoch)

    def _published(self, state: TableState, layout: Layout | None) -> None:
        means, kind, epoch = self._means, self._kind, state.epoch
        self._sure = True
        means.published(state)
        now = means.clock.now()
        frozen_at = means.frozen_at.pop((kind, epoch), now)
        if layout is not None:
            numbers = (layout.seconds, layout.retries, layout.largest_bucket)
            means.metrics.published(kind, epoch, now - frozen_at, *numbers)
        # What was due before this process ran is no sign of anything being slow.
        if now > start_of(means.config, kind, epoch) > self._began:
            means.metrics.late(kind)

    async def _give_up(self, epoch: int) -> None:
        # Nothing is removed: a clock that is wrong must not cost records.
        self._floor, self._gave_up = epoch, self._means.clock.now()
        self._means.frozen_at.pop((self._kind, epoch), None)
        self._means.metrics.state(self._kind, epoch, "RETIRED")

    async def _tidy(self, epoch: int) -> None:
        means, kind = self._means, self._kind
        states = await asyncio.to_thread(means.storage.states, kind)
        for state in outdated(means.config, kind, epoch, states):
            await asyncio.to_thread(means.storage.remove, kind, state.epoch)
            means.metrics.state(kind, state.epoch, "RETIRED")
        for old in await asyncio.to_thread(means.storage.record_tables, kind):
            if old < epoch:  # taken for a table that was never begun
                await asyncio.to_thread(means.storage.drop_records, kind, old)
        if kind is Kind.LT:
            # Published at the latest in the epoch after it, most often in the one
            # before, which is the oldest day whose tokens are still good.
            await asyncio.to_thread(means.storage.forget_days, epoch - 1)
