"""``presence rekey``: all keys anew."""

from argparse import Namespace
from dataclasses import replace

from private_presence.client.device import Device
from private_presence.commands._people import (
    add_home,
    device_in,
    edit,
    home_from,
    now,
    say,
    unlock,
)
from private_presence.errors import InputError
from private_presence.primitives.randomness import SystemRandomness
from private_presence.protocol.circle import member_names
from private_presence.protocol.client import rekey
from private_presence.protocol.epochs import Kind, epoch_at

__all__ = ["add_parser"]


def add_parser(subparsers) -> None:
    """Add the command.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    parser = subparsers.add_parser(
        "rekey",
        help="make all keys anew; everybody must be invited again",
        description="Make all keys of this person anew: after a device was stolen, or "
        "when a restored one cannot find its keys.  Nobody can read you afterwards "
        "until invited again; whom you read stays.",
    )
    add_home(parser)
    parser.add_argument(
        "--yes", action="store_true", help="do it; without this only say what would be"
    )
    parser.set_defaults(run=_rekey)


def _rekey(args: Namespace) -> int:
    home = home_from(args)
    config, vault = home.deployment().config, unlock(home)
    names = sorted(
        name
        for circle in device_in(home, vault).client.circles
        for name in member_names(circle)
    )
    if not args.yes:
        raise InputError(
            f"{len(names)} can read you and must be invited again after this: repeat "
            "with --yes to go on"
        )

    def step(device: Device) -> tuple[Device, None]:
        epoch = epoch_at(config, Kind.LT, now())
        client = rekey(device.client, config, epoch, SystemRandomness())
        # A record of the old keys would take the place of the new ones' until tomorrow.
        outbox = tuple(p for p in device.outbox if p.kind != int(Kind.LT))
        return replace(device, client=client, outbox=outbox), None

    edit(home, vault, step)
    say("All keys are new.  Invite again, each for a fresh request of theirs;")
    say("they accept with --replace, under the name that they have for you:")
    for name in names:
        say(f"  {name}")
    say("If presence online is running, start it anew: the new keys go out the sooner.")
    return 0
