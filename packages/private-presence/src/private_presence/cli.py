"""The ``presence`` command.

What a command answers goes to standard output; a refusal is one sentence on standard
error, and exit status 1 (2 for a command line that makes no sense).
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from private_presence import __version__
from private_presence.errors import PresenceError

__all__ = ["COMMANDS", "main"]

FAILED = 1
INTERRUPTED = 130  # 128 and SIGINT, as shells say it


# Library -> the extra that brings it.
EXTRAS = {
    "granian": "server",
    "starlette": "server",
    "sqlalchemy": "server",
    "prometheus_client": "server",
    "psycopg": "postgresql",
    "keyring": "keyring",
    "numba": "fast",
}


class Command(NamedTuple):
    """Where a command lives, and its line in the list of commands."""

    module: str  # under `commands`; its `add_parser(subparsers)` sets `run`
    purpose: str


# In the order in which somebody needs them.
COMMANDS = {
    "demo": Command("demo", "three people and all servers on this machine, for a look"),
    "init": Command("init", "join a deployment: pin its file and make the keys"),
    "enroll": Command("init", "enter the code that an operator gave you"),
    "request": Command("pairing", "make a request, for a friend to invite you by"),
    "invite": Command("pairing", "make an invitation for a friend who sent a request"),
    "accept": Command("pairing", "accept a friend's invitation"),
    "online": Command("online", "be online, and see which friends are"),
    "status": Command("status", "show what the last lookups found; sends nothing"),
    "friends": Command("friends", "list whom you read, and who can read you"),
    "suspend": Command("members", "be offline for one friend, for a time"),
    "resume": Command("members", "end a suspension"),
    "revoke": Command("members", "remove a friend for good"),
    "withdraw": Command("withdraw", "take back a record that still says too much"),
    "rekey": Command("rekey", "make all keys anew; everybody must be invited again"),
    "backup": Command("backup", "copy the sealed state to a file"),
    "restore": Command("backup", "set this device up from a backup"),
    "doctor": Command("doctor", "check clock, certificates, servers and files"),
    "serve": Command("serve", "run a registrar, a lookup server or a relay"),
    "operator": Command("operator", "make keys, found a deployment, add accounts"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Answer a command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``presence``; taken from the process when absent.

    Returns
    -------
    int
        Exit status: 0, 1 for a refusal, 130 when interrupted.  A wrong command line
        leaves by ``SystemExit`` with status 2.

    Examples
    --------
    >>> main(["backup", "--home", "/nowhere", "copy"])
    1
    """
    words = sys.argv[1:] if argv is None else list(argv)
    named = next((word for word in words if not word.startswith("-")), "")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name or note may have letters that this terminal cannot show.
        sys.stdout.reconfigure(errors="replace")
    try:
        args = _parser(named).parse_args(words)
        status = args.run(args)
        sys.stdout.flush()  # so that a closed pipe shows here, not at exit
        return status
    except BrokenPipeError:
        # The reader (`head`, a pager) has seen enough; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (PresenceError, OSError) as error:
        return _refuse(named, error)
    except ModuleNotFoundError as error:
        return _refuse(named, _missing(error))
    except KeyboardInterrupt:
        _refuse(named, "interrupted")
        return INTERRUPTED


def _missing(error: ModuleNotFoundError) -> str:
    extra = EXTRAS.get((error.name or "").partition(".")[0])
    if extra is None:
        raise error  # a part of this package or of what it always needs: not words
    return (
        f"expected the library {error.name}; it is not installed: "
        f"pip install 'private-presence[{extra}]'"
    )


def _refuse(command: str, reason: object) -> int:
    sentence = " ".join(str(reason).split())
    sys.stderr.write(f"presence {command}: {sentence}\n")
    return FAILED


def _parser(named: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="presence",
        description="Friends learn that you are online, and nobody else does.",
        epilog="Ask for the options of a command by: presence COMMAND --help",
    )
    parser.add_argument(
        "--version", action="version", version=f"presence {__version__}"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # Only the module of the command at hand is loaded: a client needs no web server.
    if named in COMMANDS:
        module = f"private_presence.commands.{COMMANDS[named].module}"
        import_module(module).add_parser(commands)
        return parser
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.purpose)
    return parser


if __name__ == "__main__":
    sys.exit(main())
