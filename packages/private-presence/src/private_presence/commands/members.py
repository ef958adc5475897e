"""``presence suspend``, ``resume`` and ``revoke``: wishes for the next records."""

from argparse import Namespace
from collections.abc import Callable

from private_presence.client.device import Device
from private_presence.client.summary import readers
from private_presence.client.wishes import change_member
from private_presence.commands._people import (
    add_home,
    edit,
    home_from,
    now,
    say,
    unlock,
)
from private_presence.commands._words import PROGRESS, moment
from private_presence.protocol import membership
from private_presence.protocol.circle import Circle
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, epoch_at, start_of

__all__ = ["add_parser"]

Step = Callable[[Circle, str], Circle]

WORDS: dict[str, tuple[Step, str, str]] = {
    "suspend": (
        membership.suspend,
        "be offline for one friend, for a time",
        "From the next long-term record on, a friend reads nothing, and is not told.  "
        "Until then you are invisible to everybody.",
    ),
    "resume": (
        membership.resume,
        "end a suspension",
        "From the next long-term record on, a suspended friend reads again.  If a "
        "change of keys came between, she must be invited anew.",
    ),
    "revoke": (
        membership.revoke,
        "remove a friend for good",
        "From the next change of keys on, a friend reads nothing, for ever.  Until then "
        "you are invisible to everybody.",
    ),
}


def add_parser(subparsers) -> None:
    """Add the three commands.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    for word, (step, purpose, text) in WORDS.items():
        parser = subparsers.add_parser(word, help=purpose, description=text)
        add_home(parser)
        parser.add_argument("name", metavar="NAME", help="as in presence friends")
        parser.set_defaults(run=_change, step=step)


def _change(args: Namespace) -> int:
    home = home_from(args)
    config = home.deployment().config

    def step(device: Device) -> tuple[Device, Device]:
        device = change_member(device, args.step, args.name)
        return device, device

    device = edit(home, unlock(home), step)
    line = next((r for r in readers(device, config) if r.name == args.name), None)
    progress = PROGRESS[line.exclusion] if line else ""
    if progress and progress != "effective":
        say(f"Noted; it {progress}.")
    else:
        say("Noted; it goes into the next record.")
    say(_latency(config))
    return 0


def _latency(config: Config) -> str:
    # The record of the coming epoch may be sent already, and cannot change (F21).
    epoch = epoch_at(config, Kind.LT, now())
    first, second = (moment(start_of(config, Kind.LT, epoch + i)) for i in (1, 2))
    return (
        f"Effective after {first} if that record is not yet sent, else after {second}; "
        "presence withdraw takes a sent one back."
    )
