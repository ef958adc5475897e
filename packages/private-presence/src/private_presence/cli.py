"""The ``presence`` command.

Every command answers in one sentence that it is not yet built, and exits with
status 2: nothing here pretends to work.
"""

import argparse
import sys
from collections.abc import Sequence

from private_presence import __version__

NOT_BUILT = 2  # the exit status of a command that does not exist yet

# Command -> what it will do once it is built.
COMMANDS = {
    "demo": "run friends and servers on this machine and show who sees whom",
    "init": "create an identity and its state file",
    "invite": "make an invitation for one friend",
    "accept": "check and accept an invitation",
    "publish": "announce presence for the current epoch",
    "lookup": "ask which friends are present",
    "suspend": "hide from one friend for a time",
    "resume": "end a suspension",
    "revoke": "remove a friend for good",
    "serve": "run a registrar or a lookup server",
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
        Exit status: 2 for every command, since none is built yet.

    Examples
    --------
    >>> main(["demo"])
    2
    """
    command = _parser().parse_args(argv).command
    sys.stderr.write(
        f"presence {command}: not yet built; it will {COMMANDS[command]}.\n"
    )
    return NOT_BUILT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="presence",
        description="Private presence.  The service is not yet built: "
        "every command says so and exits with status 2.",
    )
    parser.add_argument(
        "--version", action="version", version=f"presence {__version__}"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, purpose in COMMANDS.items():
        commands.add_parser(name, help=f"(not yet built) {purpose}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
