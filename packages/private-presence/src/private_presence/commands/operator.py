"""``presence operator``: what those who run the servers do."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import get_type_hints

from private_presence.commands._people import now, say
from private_presence.errors import InputError
from private_presence.primitives.randomness import SystemRandomness
from private_presence.primitives.secret import equal
from private_presence.protocol.config import Config

__all__ = ["add_parser"]

FILE = "FILE"


def add_parser(subparsers) -> None:
    """Add the command and its steps.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    parser = subparsers.add_parser(
        "operator",
        help="make keys, found a deployment, add accounts",
        description="The steps of the operators: keys, propose, show, sign, combine "
        "found a deployment; the others keep it running.  The deployment page tells "
        "who does what, and what each must refuse.",
    )
    steps = parser.add_subparsers(dest="step", required=True, metavar="step")
    for add in (_add_founding, _add_running, _add_accounts):
        add(steps)


def _step(
    steps, name: str, text: str, run: Callable[[Namespace], int]
) -> ArgumentParser:
    parser = steps.add_parser(name, help=text, description=text[0].upper() + text[1:])
    parser.set_defaults(run=run)
    return parser


def _add_founding(steps) -> None:
    keys = _step(steps, "keys", "make an operator's keys and introduction", _keys)
    keys.add_argument("--role", required=True, choices=("registrar", "pir", "relay"))
    keys.add_argument("--folder", required=True, help="to make; keep it secret")
    keys.add_argument("--address", required=True, metavar="HOST:PORT")
    keys.add_argument("--peer", default="", metavar="HOST:PORT", help="pir only")
    anew = _step(steps, "introduce", "a new authority for keys that stay", _introduce)
    anew.add_argument("--folder", required=True, help="a copy, without introduction")
    anew.add_argument("--address", required=True, metavar="HOST:PORT")
    anew.add_argument("--peer", default="", metavar="HOST:PORT", help="pir only")
    propose = _step(steps, "propose", "write what all operators are to sign", _propose)
    propose.add_argument(
        "introductions", nargs="+", metavar="INTRODUCTION", help="in the servers' order"
    )
    propose.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    propose.add_argument(
        "--renew", metavar=FILE, help="a deployment file whose addresses change"
    )
    propose.add_argument("--out", required=True, metavar=FILE)
    show = _step(steps, "show", "say what a proposal or deployment contains", _show)
    show.add_argument("file", metavar=FILE)
    sign = _step(steps, "sign", "sign a proposal that all agreed on by voice", _sign)
    sign.add_argument("--folder", required=True)
    sign.add_argument("--proposal", required=True, metavar=FILE)
    sign.add_argument("--name", required=True, help="of the proposal, as was agreed")
    sign.add_argument("--out", required=True, metavar=FILE)
    combine = _step(steps, "combine", "join the signatures of all", _combine)
    combine.add_argument("--proposal", required=True, metavar=FILE)
    combine.add_argument("signatures", nargs="+", metavar="SIGNATURE")
    combine.add_argument("--out", required=True, metavar=FILE)


def _add_running(steps) -> None:
    rotate = _step(steps, "rotate-tls", "renew the TLS certificate", _rotate)
    rotate.add_argument("--folder", required=True)
    backup = _step(steps, "backup", "copy a registrar's memory while it runs", _backup)
    backup.add_argument("--settings", required=True, metavar=FILE)
    backup.add_argument("target", help="a new folder; it holds who has an account")
    restore = _step(steps, "restore", "set a registrar up from a backup", _restore)
    restore.add_argument("--settings", required=True, metavar=FILE)
    restore.add_argument("source", help="a folder that backup wrote")


def _add_accounts(steps) -> None:
    parser = _step(steps, "account", "add, remove or count accounts", _account)
    parser.add_argument("action", choices=("add", "remove", "list-count"))
    parser.add_argument("--settings", required=True, metavar=FILE)
    parser.add_argument("--code-file", metavar=FILE, help="remove: the account's code")


def _keys(args: Namespace) -> int:
    from private_presence.commands.operator_keys import make_operator

    folder, rng = Path(args.folder), SystemRandomness()
    make_operator(folder, args.role, args.address, args.peer, now(), rng)
    say(f"Send {folder / 'introduction.presence'} to the other operators.")
    say("Copy the folder to a safe place; authority.pem is needed for rotate-tls only.")
    return 0


def _introduce(args: Namespace) -> int:
    from private_presence.commands.operator_keys import introduce

    folder = Path(args.folder)
    introduce(folder, args.address, args.peer, now(), SystemRandomness())
    say(f"Send {folder / 'introduction.presence'} to the other operators.")
    return 0


def _propose(args: Namespace) -> int:
    from private_presence.commands import operator_files as files
    from private_presence.commands.operator_ceremony import propose, renew
    from private_presence.protocol.deployment import decode_deployment

    all_of = [files.decode_introduction(_read(name)) for name in args.introductions]
    if args.renew:
        if args.set:
            raise InputError("constants cannot change: they make a new deployment")
        proposal = renew(decode_deployment(_read(args.renew)), all_of)
    else:
        proposal = propose(all_of, constants(args.set))
    _write(args.out, files.encode_proposal(proposal))
    say(f"Name of this proposal: {proposal.name.hex()}")
    return 0


def constants(pairs: list[str]) -> dict[str, int | str]:
    """Read ``name=value`` pairs.

    Parameters
    ----------
    pairs : list of str

    Returns
    -------
    dict
        Numbers as numbers.

    Raises
    ------
    InputError
        If a pair has another form.

    Examples
    --------
    >>> constants(["mode=dpf", "retain=10"])
    {'mode': 'dpf', 'retain': 10}
    """
    kinds, found = get_type_hints(Config), {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError("a constant has the form name=value; got another")
        if kinds.get(name) is int:
            if not (value.isascii() and value.isdigit()):
                raise InputError(f"{name} is a whole number; got something else")
            found[name] = int(value)
        else:
            found[name] = value
    return found


def _show(args: Namespace) -> int:
    from private_presence.commands._operator_text import describe

    say(describe(_read(args.file)))
    return 0


def _sign(args: Namespace) -> int:
    from private_presence.commands import operator_files as files
    from private_presence.commands.operator_ceremony import endorse

    proposal = files.decode_proposal(_read(args.proposal))
    if not equal(proposal.name.hex().encode(), args.name.strip().lower().encode()):
        raise InputError(
            "the proposal has another name than was agreed: compare it with the other "
            "operators (presence operator show)"
        )
    endorsement = endorse(Path(args.folder), proposal, SystemRandomness())
    _write(args.out, files.encode_endorsement(endorsement))
    say(f"Signed.  Send {args.out} to whoever combines.")
    return 0


def _combine(args: Namespace) -> int:
    from private_presence.commands import operator_files as files
    from private_presence.commands.operator_ceremony import combine

    proposal = files.decode_proposal(_read(args.proposal))
    signatures = [files.decode_endorsement(_read(name)) for name in args.signatures]
    _write(args.out, combine(proposal, signatures))
    say(f"Deployment {proposal.config.dep_id.hex()}: give {args.out} to all.")
    return 0


def _rotate(args: Namespace) -> int:
    from private_presence.commands.operator_keys import rotate_leaf

    rotate_leaf(Path(args.folder), now(), SystemRandomness())
    say("Renewed.  Restart the server, which takes it at its start.")
    return 0


def _storage(args: Namespace, *, exclusive: bool):
    import os

    from private_presence.server.settings import RegistrarSettings, read_settings
    from private_presence.server.storage import open_storage

    settings = read_settings("registrar", Path(args.settings), os.environ)
    assert isinstance(settings, RegistrarSettings)  # by the role that was asked for
    return open_storage(settings.storage, exclusive=exclusive)


def _backup(args: Namespace) -> int:
    from private_presence.server.storage import backup

    storage = _storage(args, exclusive=False)
    try:
        backup(storage, Path(args.target))
    finally:
        storage.close()
    say("Copied.  The folder of keys and the deployment file are to be copied too.")
    return 0


def _restore(args: Namespace) -> int:
    from private_presence.server.storage import restore

    storage = _storage(args, exclusive=True)
    try:
        was_open = restore(Path(args.source), storage)
    finally:
        storage.close()
    say("Restored.  It asks the lookup servers what was signed before it builds.")
    for kind, epoch in was_open:
        say(
            f"{kind.name} epoch {epoch}: what came after the backup is lost; announce it."
        )
    return 0


def _account(args: Namespace) -> int:
    from private_presence.commands._people import text_from

    storage = _storage(args, exclusive=False)
    try:
        if args.action == "add":
            code = SystemRandomness().draw(32)
            storage.add_account(sha256(code).digest())
            say(bytes(code).hex())  # the one place where it is shown
        elif args.action == "remove":
            try:
                code = bytes.fromhex(text_from(args.code_file, "the code").strip())
            except ValueError:
                raise InputError(
                    "a code has 64 characters, 0 to 9 and a to f"
                ) from None
            known = storage.remove_account(sha256(code).digest())
            say("Removed." if known else "There is no such account.")
        else:
            say(str(storage.count_accounts()))
    finally:
        storage.close()
    return 0


def _read(name: str) -> bytes:
    with Path(name).open("rb") as file:
        return file.read(1 << 20)


def _write(name: str, data: bytes) -> None:
    with Path(name).open("xb") as file:
        file.write(data)
