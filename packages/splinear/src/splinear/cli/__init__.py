"""The command line: ``splinear fit | predict | process | sharpness | attention | demo``.

Refusals are one sentence on standard error and exit status 2.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence

from splinear import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after ``splinear``; those of the process by default.

    Returns
    -------
    int
        Exit status: 0, 2 for a refusal, 130 when interrupted.
    """
    args = _parser().parse_args(argv)
    if args.run is None:
        _parser().print_help()
        return 0
    try:
        with warnings.catch_warnings():
            # Warnings are sentences for the user, not for a debugger.
            warnings.simplefilter("default")
            warnings.showwarning = _show_warning
            status = args.run(args)
            sys.stdout.flush()  # so that a closed pipe shows here, not at exit
            return status
    except BrokenPipeError:
        # The reader (`head`, a pager) has seen enough; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"splinear {args.command}: {_sentence(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"splinear {args.command}: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    # Here, not above: each command imports what it needs when it runs.
    from splinear.cli import attention, demo, fit, predict, process, sharpness

    parser = argparse.ArgumentParser(
        prog="splinear",
        description="Fit the sparsest spline that explains the data, with a proof.",
    )
    parser.add_argument(
        "--version", action="version", version=f"splinear {__version__}"
    )
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(dest="command", metavar="command")
    for module in (fit, predict, demo, process, sharpness, attention):
        module.add(commands)
    return parser


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def _show_warning(message: Warning | str, *_: object) -> None:
    print(f"warning: {message}", file=sys.stderr)
