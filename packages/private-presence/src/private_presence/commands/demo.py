"""``presence demo``: a deployment and three people on this machine, for a look."""

import asyncio
import signal
import tempfile
import time
from argparse import ArgumentTypeError, Namespace
from pathlib import Path

from private_presence.commands._people import say
from private_presence.primitives.randomness import SystemRandomness
from private_presence.server.clock import SystemClock

__all__ = ["add_parser"]

SECONDS, LEAST = 90.0, 30.0
TERMINATED = 143  # 128 and SIGTERM, as shells say it


def add_parser(subparsers) -> None:
    """Add the command.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    parser = subparsers.add_parser(
        "demo",
        help="three people and all servers on this machine, for a look",
        description="Start a registrar, two lookup servers and a relay on loopback, "
        "with keys and certificates in a temporary folder, and three people who "
        "befriend each other; show who sees whom while one suspends and removes "
        "friends, and what it costs.  A day lasts 8 seconds.  It ends by itself.",
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=SECONDS,
        metavar="N",
        help=f"end after at most N seconds, from {LEAST:.0f} (default: {SECONDS:.0f})",
    )
    parser.set_defaults(run=_demo)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not LEAST <= seconds <= 3600:
        raise ArgumentTypeError(f"a number from {LEAST:.0f} to 3600 expected")
    return seconds


def _demo(args: Namespace) -> int:
    # Before the first line, so that a missing library is the only one.
    from private_presence.demo import story  # noqa: F401

    begin = time.monotonic()

    def tell(line: str) -> None:
        stamp = "" if line.startswith(" ") else f"{time.monotonic() - begin:5.1f} s"
        say(f"{stamp:7}  {line}".rstrip())

    say("Private presence on one machine: a long epoch of 8 s, a short one of 2 s.")
    say(f"It ends by itself within {args.seconds:.0f} s; Ctrl-C ends it now.")
    with tempfile.TemporaryDirectory(prefix="presence-demo-") as folder:
        try:
            outcome = asyncio.run(_play(Path(folder), args.seconds, tell))
        except asyncio.CancelledError:
            return TERMINATED
    tell(_verdict(outcome))
    # Fewer acts than there are is no fault, and the last line says so; none is one.
    return 0 if outcome.acts and not outcome.wrong else 1


async def _play(folder: Path, seconds: float, tell):
    # An extra has what servers need; and only this command plays all parts.
    from private_presence.demo.story import play

    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:  # SIGINT cancels the task already
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    return await play(folder, seconds, SystemClock(), SystemRandomness(), tell)


def _verdict(outcome) -> str:
    if outcome.wrong:
        return "Somebody saw what the model forbids: this is a fault, please report it."
    if outcome.acts < outcome.of:
        return (
            f"{outcome.acts} of {outcome.of} acts fitted into the time; what was seen "
            "agrees with the model.  More time, or a machine that is less busy, shows the rest."
        )
    return (
        "Seen, and in agreement with the model for all six ordered pairs, three times: "
        "friends see each other; Carol lost sight of Alice and found her again; Bob "
        "lost her for good."
    )
