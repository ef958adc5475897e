"""A service with its sockets, from start to orderly end, in one asyncio process."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

from private_presence.server.metrics import Metrics
from private_presence.server.service import Service
from private_presence.server.web.app import ServiceApp
from private_presence.server.web.limits import Limits
from private_presence.server.web.listener import Listener, start
from private_presence.server.web.reaper import Reaper

__all__ = ["run_service", "stop_on_signals"]


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set an event at SIGTERM or SIGINT.

    Parameters
    ----------
    stop : asyncio.Event
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


async def run_service(
    service: Service,
    listeners: Sequence[Listener],
    stop: asyncio.Event,
    metrics: Metrics,
    limits: Limits | None = None,
    opened: asyncio.Event | None = None,
) -> None:
    """Serve until told to stop, then finish what was begun.

    Parameters
    ----------
    service : Service
    listeners : sequence of Listener
    stop : asyncio.Event
    metrics : Metrics
    limits : Limits, optional
    opened : asyncio.Event, optional
        Set once every listener accepts connections.

    Notes
    -----
    The end has an order: new requests get 503, those in progress up to
    `Limits.drain_seconds`; then sockets close, the scheduler ends, and the service
    releases what it holds.  An exception of the scheduler ends the process the same
    way, and is raised at the end.
    """
    limits = limits or Limits()
    scheduler: asyncio.Task[None] | None = None
    try:
        async with AsyncExitStack() as stack:
            for listener in listeners:
                await stack.enter_async_context(_open(listener, limits, metrics))
            if opened is not None:
                opened.set()
            scheduler = asyncio.create_task(service.run(stop))
            await _either(stop, scheduler)
            await _drain(listeners, limits.drain_seconds)
        stop.set()
        await scheduler
    finally:
        if scheduler is not None and not scheduler.done():
            scheduler.cancel()
            await asyncio.gather(scheduler, return_exceptions=True)
        await service.close()


@asynccontextmanager
async def _open(
    listener: Listener, limits: Limits, metrics: Metrics
) -> AsyncIterator[None]:
    running = await start(listener, limits)
    reaper = Reaper(listener.port, limits, metrics)
    sweeping = asyncio.create_task(reaper.run())
    try:
        yield
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await running.stop(reaper.close_all)


async def _either(stop: asyncio.Event, scheduler: asyncio.Task[None]) -> None:
    # A service without a schedule may return from `run` at once.
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({told, scheduler}, return_when=asyncio.FIRST_COMPLETED)
    failed = scheduler.done() and scheduler.exception() is not None
    if not failed:
        await told
    told.cancel()


async def _drain(listeners: Sequence[Listener], seconds: float) -> None:
    apps = [each.app for each in listeners if isinstance(each.app, ServiceApp)]
    for app in apps:
        app.stop()
    end = monotonic() + seconds
    while any(app.busy for app in apps) and monotonic() < end:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.05)  # the last answers are still on their way to the socket
