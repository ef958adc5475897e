"""``presence backup`` and ``presence restore``."""

import asyncio
import os
from argparse import Namespace
from pathlib import Path

from private_presence.client.backup import (
    MAX_BACKUP_SIZE,
    decode_backup,
    encode_backup,
    restore,
)
from private_presence.client.vault import (
    HEADER_SIZE,
    Vault,
    decode_header,
    vault_of_passphrase,
)
from private_presence.commands._people import (
    add_home,
    device_in,
    home_from,
    new_passphrase,
    now,
    say,
    unlock,
    vault_of,
)
from private_presence.commands._words import moment
from private_presence.errors import InputError
from private_presence.primitives.randomness import SystemRandomness
from private_presence.protocol.epochs import Kind, start_of

__all__ = ["add_parser"]


def add_parser(subparsers) -> None:
    """Add both commands.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    parser = subparsers.add_parser(
        "backup",
        help="copy the sealed state to a file",
        description="Write keys, friends and wishes to a file, sealed by the passphrase "
        "(a new one, if the state is sealed by the keyring).  Backups of long ago bring "
        "back who was removed since: keep the newest only.",
    )
    add_home(parser)
    parser.add_argument("file", metavar="FILE", help="to write; must not exist")
    parser.set_defaults(run=_backup)
    parser = subparsers.add_parser(
        "restore",
        help="set this device up from a backup",
        description="Set a device up from a backup, or from a state file that was "
        "copied.  It first walks the retained epochs and registers nothing meanwhile, "
        "and may have no tokens before the day after tomorrow; never run the old device "
        "again.",
    )
    add_home(parser)
    parser.add_argument("file", metavar="FILE", help="that presence backup wrote")
    parser.add_argument(
        "--deployment", metavar="FILE", help="the deployment, if only a state is left"
    )
    parser.add_argument(
        "--replace", action="store_true", help="in the place of the device that is here"
    )
    parser.set_defaults(run=_restore)


def _backup(args: Namespace) -> int:
    home, target = home_from(args), Path(args.file)
    if target.exists():
        raise InputError(f"{target} exists already: choose another name")
    vault = unlock(home)
    device = device_in(home, vault)
    deployment = home.deployment_file.read_bytes()
    data = encode_backup(device, deployment, _portable(vault))
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    say(f"Wrote {len(data)} bytes.  Tokens and records on their way are not in it.")
    return 0


def _portable(vault: Vault) -> Vault:
    """A key in a keyring does not leave its machine."""
    if decode_header(vault.seal(b"")[:HEADER_SIZE]).needs_passphrase:
        return vault
    return vault_of_passphrase(new_passphrase(), SystemRandomness())


def _restore(args: Namespace) -> int:
    home = home_from(args)
    if not args.replace:
        home.check_unused()
    with Path(args.file).open("rb") as file:
        backup = decode_backup(file.read(MAX_BACKUP_SIZE + 1))
    data = backup.deployment
    if args.deployment:
        data = Path(args.deployment).read_bytes()
    vault = vault_of(backup.header)  # with a wrong passphrase nothing is pinned
    if data:
        home.pin(data)
    config = home.deployment().config

    async def run() -> int:
        async with home.being_online(), home.editing():
            return restore(home, vault, backup, now(), SystemRandomness())

    quiet_until = asyncio.run(run())
    say(
        f"Restored.  Stay online: it walks the retained epochs, and registers nothing "
        f"before {moment(start_of(config, Kind.LT, quiet_until - 1))}."
    )
    say(
        "The old device may have fetched the tokens of today and tomorrow, which are "
        "given out once.  Then this one looks nothing up, and all friends show as "
        f"offline, until {moment(start_of(config, Kind.LT, quiet_until))}."
    )
    return 0
