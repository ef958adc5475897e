"""``presence online``: the client runs in the foreground."""

import asyncio
import signal
import sys
from argparse import Namespace
from dataclasses import replace

from private_presence.client.agent import Agent
from private_presence.client.device import Device, Wish
from private_presence.client.home import Home
from private_presence.client.https import HttpsTransport
from private_presence.client.keeper import Keeper
from private_presence.client.summary import summary
from private_presence.commands._people import add_home, home_from, say, unlock
from private_presence.commands._screen import Lines, Screen, Table
from private_presence.errors import InputError, StateError
from private_presence.primitives.randomness import SystemRandomness
from private_presence.protocol.config import Config
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.payload import ST_AUX
from private_presence.server.clock import SystemClock

__all__ = ["add_parser"]

REDRAW = 1.0  # seconds
DIRECT = "Without a relay the registrar can link your registrations by network address."


def add_parser(subparsers) -> None:
    """Add the command.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    parser = subparsers.add_parser(
        "online",
        help="be online, and see which friends are",
        description="Be online until Ctrl-C.  What is sent, and when, follows from the "
        "clock alone: neither friends nor what is found changes it.",
    )
    add_home(parser)
    parser.add_argument(
        "--status",
        default="",
        metavar="TEXT",
        help=f"a note that friends see, of at most {ST_AUX} bytes",
    )
    parser.add_argument(
        "--invisible", action="store_true", help="see friends without being seen"
    )
    parser.add_argument(
        "--direct",
        action="store_true",
        help="without the relay: the registrar can then link your registrations by "
        "network address",
    )
    parser.add_argument(
        "--no-view", action="store_true", help="a line for each change, no table"
    )
    parser.add_argument(
        "--for", dest="seconds", type=float, metavar="SECONDS", help="end after these"
    )
    parser.set_defaults(run=_online)


def _online(args: Namespace) -> int:
    wish, home = _wish(args), home_from(args)
    vault, deployment = unlock(home), home.deployment()
    relay = deployment.directory.relay is not None and not args.direct
    if not relay:
        say(DIRECT)
    plain = args.no_view or not sys.stdout.isatty()
    screen = Lines() if plain else Table()
    asyncio.run(
        _session(home, home.keeper(vault), deployment, wish, relay, screen, args)
    )
    return 0


def _wish(args: Namespace) -> Wish:
    try:
        note = args.status.encode()
    except UnicodeEncodeError:  # a shell passes bytes on as they are
        raise InputError(
            "expected a note in UTF-8; got other bytes: write it anew"
        ) from None
    if len(note) > ST_AUX:
        raise InputError(
            f"a note has at most {ST_AUX} bytes; got {len(note)}: shorten it"
        )
    return Wish(not args.invisible, 0, note)


async def _session(
    home: Home,
    keeper: Keeper,
    deployment: Deployment,
    wish: Wish,
    relay: bool,
    screen: Screen,
    args: Namespace,
) -> None:
    clock, stop, news = SystemClock(), asyncio.Event(), asyncio.Event()
    agent = Agent(
        deployment,
        keeper,
        HttpsTransport(deployment),
        clock,
        SystemRandomness(),
        relay=relay,
        on_event=lambda _: news.set(),
    )
    async with home.being_online():
        await _set_wish(keeper, wish)
        _stop_on_signals(stop, args.seconds)
        showing = asyncio.create_task(
            _show(keeper, deployment.config, screen, clock, news)
        )
        showing.add_done_callback(lambda _: stop.set())  # nobody is online unseen
        try:
            await agent.run(stop)
        finally:
            showing.cancel()
            (failed,) = await asyncio.gather(showing, return_exceptions=True)
            await _set_wish(keeper, Wish())
        if isinstance(failed, Exception):  # as when a pipe's reader left
            raise failed


async def _set_wish(keeper: Keeper, wish: Wish) -> None:
    async with keeper.edit() as edit:
        if not edit.device.account:
            raise StateError("this device is not enrolled: run presence enroll first")
        edit.save(replace(edit.device, wish=wish))


def _stop_on_signals(stop: asyncio.Event, seconds: float | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if seconds is not None:
        loop.call_later(seconds, stop.set)


async def _show(
    keeper: Keeper,
    config: Config,
    screen: Screen,
    clock: SystemClock,
    news: asyncio.Event,
) -> None:
    device = await _newest(keeper)
    with screen:
        while True:
            now = clock.now()
            screen.show(summary(device, config, now), now)
            try:
                await asyncio.wait_for(news.wait(), REDRAW)
            except TimeoutError:
                continue  # the countdown only
            news.clear()
            device = await _newest(keeper)


async def _newest(keeper: Keeper) -> Device:
    async with keeper.edit() as edit:
        return edit.device
