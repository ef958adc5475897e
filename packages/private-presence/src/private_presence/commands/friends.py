"""``presence friends``: whom one reads, and who can read."""

from argparse import Namespace
from dataclasses import replace

from private_presence.client.device import Device
from private_presence.client.summary import ReaderLine, may_invite, readers
from private_presence.commands._people import (
    add_home,
    edit,
    home_from,
    look,
    say,
    unlock,
)
from private_presence.commands._words import PROGRESS
from private_presence.errors import InputError
from private_presence.protocol.client import drop_friend
from private_presence.protocol.config import Config

__all__ = ["add_parser"]


def add_parser(subparsers) -> None:
    """Add the command.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    parser = subparsers.add_parser(
        "friends",
        help="list whom you read, and who can read you",
        description="List whom you read, who can read you, and how far exclusions are.",
    )
    add_home(parser)
    parser.add_argument(
        "--forget", metavar="NAME", help="stop reading a friend; nobody is told"
    )
    parser.set_defaults(run=_friends)


def _friends(args: Namespace) -> int:
    if args.forget:
        return _forget(args)
    home, device = look(args)
    config = home.deployment().config
    say(f"You read {len(device.client.friends)} of at most {config.max_friends}:")
    for name in sorted(friend.name for friend in device.client.friends):
        say(f"  {name}")
    lines = readers(device, config)
    say(f"{len(lines)} can read you:")
    for line in lines:
        say(_reader(line, config))
    for index, may in enumerate(may_invite(device)):
        if not may:
            say(f"Circle {index} takes new readers after its next change of keys only.")
    return 0


def _reader(line: ReaderLine, config: Config) -> str:
    circle = f"  circle {line.circle}" if config.circles > 1 else ""
    wish = f"  {line.wish}: {PROGRESS[line.exclusion]}" if line.wish else ""
    return f"  {line.name}{circle}{wish}"


def _forget(args: Namespace) -> int:
    def step(device: Device) -> tuple[Device, bool]:
        known = args.forget in {friend.name for friend in device.client.friends}
        sights = tuple(s for s in device.sights if s.name != args.forget)
        client = drop_friend(device.client, args.forget)
        return replace(device, client=client, sights=sights), known

    home = home_from(args)
    if not edit(home, unlock(home), step):
        raise InputError("you read nobody of this name: see presence friends")
    say("Forgotten.")
    return 0
