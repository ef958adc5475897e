"""``presence serve``: one server process, from its settings."""

import logging
import os
import sys
from argparse import Namespace
from pathlib import Path

__all__ = ["add_parser"]


def add_parser(subparsers) -> None:
    """Add the command.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    parser = subparsers.add_parser(
        "serve",
        help="run a registrar, a lookup server or a relay",
        description="Run one server until SIGTERM or Ctrl-C; it then finishes what it "
        "began.  Logs are lines of JSON on standard error.",
    )
    parser.add_argument("role", choices=("registrar", "pir", "relay"))
    parser.add_argument(
        "--settings",
        required=True,
        metavar="FILE",
        help="TOML; see the deployment page",
    )
    parser.add_argument(
        "--check", action="store_true", help="check the settings and start nothing"
    )
    parser.set_defaults(run=_serve)


def _serve(args: Namespace) -> int:
    # Loaded here: a client's machine may not have the server libraries.
    from private_presence.commands import _serving
    from private_presence.server.logs import set_up_logs
    from private_presence.server.settings import read_settings

    settings = read_settings(args.role, Path(args.settings), os.environ)
    if args.check:
        return 0
    set_up_logs(settings.common.log_level, sys.stderr)
    _serving.run(settings)
    return _leave()


def _leave() -> int:
    """End the process without taking the interpreter down piece by piece.

    granian's threads outlive its servers for a moment; one that asks for the
    interpreter while it is being taken down aborts the process (1 end of 30, measured).
    Everything is closed and written by now; children ended with the service.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing after this runs
