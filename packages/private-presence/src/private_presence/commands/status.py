"""``presence status``: what the last lookups found, without a network."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from private_presence.client.device import Alarm, Device
from private_presence.client.lines import lines
from private_presence.client.summary import ADVICE, summary
from private_presence.commands._people import (
    add_home,
    device_in,
    edit,
    home_from,
    now,
    say,
    unlock,
)
from private_presence.commands._words import moment

__all__ = ["add_parser"]


def add_parser(subparsers) -> None:
    """Add the command.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    parser = subparsers.add_parser(
        "status",
        help="show what the last lookups found; sends nothing",
        description="Show what the last lookups found.  Nothing is sent: what is asked "
        "of the servers, and when, does not depend on who looks at a screen.",
    )
    add_home(parser)
    parser.add_argument(
        "--evidence",
        metavar="FOLDER",
        help="write what proves an alarm to others into a new folder",
    )
    parser.add_argument(
        "--clear-alarms",
        action="store_true",
        help="show the alarms once more, then forget them; evidence stays",
    )
    parser.set_defaults(run=_status)


def _status(args: Namespace) -> int:
    home = home_from(args)
    vault = unlock(home)
    device = device_in(home, vault)
    if args.evidence:
        return _write_evidence(device, Path(args.evidence))
    deployment = home.deployment()
    say(f"Deployment {deployment.config.dep_id.hex()}, home {home.folder}")
    for line in lines(summary(device, deployment.config, now())):
        say(line)
    phase = device.client.phase
    if phase != "active":
        say(f"This device is in phase {phase}: {ADVICE[phase]}.")
    connected = device.connected_ms / 1000
    say(f"Last lookup: {moment(connected) if connected else 'never'}.")
    if args.clear_alarms:
        edit(home, vault, lambda newest: (_without(newest, device.alarms), None))
    return 0


def _without(device: Device, seen: tuple[Alarm, ...]) -> Device:
    # One that was raised since is not among those that were shown.
    alarms = tuple(alarm for alarm in device.alarms if alarm not in seen)
    return replace(device, alarms=alarms)


def _write_evidence(device: Device, folder: Path) -> int:
    folder.mkdir(mode=0o700)
    for number, item in enumerate(device.evidence):
        (folder / f"{number:02}-{item.what}-{item.when_ms}").write_bytes(item.data)
    say(f"Wrote {len(device.evidence)} files: what servers signed, and of you at most")
    say("one blinded key of one epoch in each.")
    return 0
