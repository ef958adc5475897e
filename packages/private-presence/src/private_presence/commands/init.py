"""``presence init`` and ``presence enroll``: join a deployment."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from private_presence.client.device import Device, new_device
from private_presence.client.home import Home
from private_presence.commands._people import (
    add_home,
    edit,
    home_from,
    new_vault,
    now,
    say,
    text_from,
    unlock,
)
from private_presence.errors import InputError
from private_presence.primitives.randomness import SystemRandomness
from private_presence.primitives.secret import Secret
from private_presence.protocol.deployment import MAX_DEPLOYMENT_SIZE
from private_presence.protocol.epochs import Kind, epoch_at

__all__ = ["add_parser"]

CODE_SIZE = 32


def add_parser(subparsers) -> None:
    """Add both commands.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    parser = subparsers.add_parser(
        "init",
        help="join a deployment: pin its file and make the keys",
        description="Pin a deployment's file and make the keys of this device.  Run "
        "again with a newer file of the same deployment, it takes the new addresses.",
    )
    add_home(parser)
    parser.add_argument(
        "--deployment",
        required=True,
        metavar="FILE",
        help="the file from an operator; compare the name that is printed with theirs",
    )
    parser.add_argument(
        "--keyring",
        action="store_true",
        help="keep the key of the state in this system's keyring, not by a passphrase",
    )
    parser.set_defaults(run=_init)
    parser = subparsers.add_parser(
        "enroll",
        help="enter the code that an operator gave you",
        description="Enter the code of an account.  Without --code-file it is asked "
        "for, or read from standard input.",
    )
    add_home(parser)
    parser.add_argument("--code-file", metavar="FILE", help="a file with the code")
    parser.add_argument(
        "--code", metavar="CODE", help="the code; others on this machine may see it"
    )
    parser.set_defaults(run=_enroll)


def _init(args: Namespace) -> int:
    home, data = home_from(args), _file(args.deployment)
    known = home.state.exists()
    before = home.deployment().directory.serial if home.deployment_file.exists() else -1
    deployment = home.pin(data)
    serial = deployment.directory.serial
    if known:
        taken = "taken" if serial > before else "not newer; nothing changed"
        say(
            f"Deployment {deployment.config.dep_id.hex()}, directory {serial}: {taken}."
        )
        return 0
    vault = new_vault(args.keyring)
    epoch = epoch_at(deployment.config, Kind.LT, now())
    home.store(vault).save(new_device(deployment.config, epoch, SystemRandomness()))
    say(f"Joined deployment {deployment.config.dep_id.hex()}, directory {serial}.")
    say("Compare that name with the operators', then: presence enroll")
    return 0


def _file(name: str) -> bytes:
    with Path(name).open("rb") as file:
        return file.read(MAX_DEPLOYMENT_SIZE + 1)


def _enroll(args: Namespace) -> int:
    home: Home = home_from(args)
    vault = unlock(home)
    code = _code(args.code or text_from(args.code_file, "the code"))
    edit(home, vault, lambda device: (_with_account(device, code), None))
    say("Enrolled.  Now: presence online, and presence request for each friend.")
    return 0


def _with_account(device: Device, code: Secret) -> Device:
    return replace(device, account=code)


def _code(text: str) -> Secret:
    try:
        code = bytes.fromhex("".join(text.split()))
    except ValueError:
        code = b""
    if len(code) != CODE_SIZE:
        raise InputError(
            f"a code has {2 * CODE_SIZE} characters, 0 to 9 and a to f; got something "
            "else: copy all of it"
        )
    return Secret(code)
