"""``presence request``, ``invite`` and ``accept``: become friends, in one direction.

The one who wants to see makes a request; the one who wants to be seen answers it with
an invitation; the first accepts that.  Nothing is sent by any of the three (F4).
"""

import asyncio
import sys
from argparse import Namespace
from pathlib import Path

from private_presence.client.letters import request_of_text
from private_presence.client.pairing import (
    answer_request,
    make_request,
    take_invitation,
)
from private_presence.client.qr import terminal_of_text, write_png
from private_presence.commands._people import (
    add_home,
    home_from,
    now,
    say,
    text_from,
    unlock,
)
from private_presence.commands._words import check_circle, check_name, moment
from private_presence.errors import InputError, StateError
from private_presence.primitives.randomness import SystemRandomness
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, epoch_at, start_of

__all__ = ["add_parser"]

CIRCLE = 0  # a person's first circle; the others are for friends kept apart
LATE = (
    "This invitation was made a while ago.  If your friend's keys changed since, she "
    "shows as offline for good: then make a new request, and accept the invitation "
    "that answers it with --replace."
)


def add_parser(subparsers) -> None:
    """Add the three commands.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    parser = subparsers.add_parser(
        "request",
        help="make a request, for a friend to invite you by",
        description="Print a request.  Send it to the friend whom you want to see, by a "
        "channel on which you know each other; the invitation that comes back answers "
        "this request and no other.",
    )
    add_home(parser)
    _add_pictures(parser)
    parser.set_defaults(run=_request)
    parser = subparsers.add_parser(
        "invite",
        help="make an invitation for a friend who sent a request",
        description="Let a friend see when you are online.  The invitation holds keys: "
        "send it by a channel that only this friend can read.",
    )
    add_home(parser)
    parser.add_argument("name", metavar="NAME", help="for your own list")
    parser.add_argument(
        "--nonce",
        metavar="REQUEST",
        help="the friend's request; without it, read from standard input",
    )
    _add_circle(parser)
    _add_pictures(parser)
    parser.set_defaults(run=_invite)
    parser = subparsers.add_parser(
        "accept",
        help="accept a friend's invitation",
        description="Accept an invitation that answers a request of yours.  It is read "
        "from standard input or a file: on the command line others could see it.",
    )
    add_home(parser)
    parser.add_argument("name", metavar="NAME", help="for your own list")
    parser.add_argument("--file", metavar="FILE", help="a file with the invitation")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="in the place of the friend of this name, who invites you again",
    )
    parser.set_defaults(run=_accept)


def _add_pictures(parser) -> None:
    parser.add_argument("--qr", action="store_true", help="also as a QR code, here")
    parser.add_argument("--png", metavar="FILE", help="also as a QR code, in a picture")


def _add_circle(parser) -> None:
    parser.add_argument(
        "--circle",
        type=int,
        default=CIRCLE,
        metavar="N",
        help="which of your circles, from 0 (default: 0)",
    )


def _show(text: str, args: Namespace) -> None:
    say(text)
    if args.qr:
        say()
        say(terminal_of_text(text))
    if args.png:
        write_png(text, Path(args.png))


def _check_picture(args: Namespace) -> None:
    # Before anything is saved: an invitation is made once.
    if args.qr and not _draws_blocks(sys.stdout.encoding or "utf-8"):
        raise InputError(
            "a QR code is drawn with block characters; this terminal's encoding, "
            f"{sys.stdout.encoding}, has none: use --png FILE"
        )
    if args.png and Path(args.png).exists():
        raise InputError(f"{args.png} exists already: choose another name")
    if args.png and not Path(args.png).parent.is_dir():
        raise InputError(f"there is no folder for {args.png}: choose another name")


def _draws_blocks(encoding: str) -> bool:
    try:
        terminal_of_text("PRESENCE").encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _request(args: Namespace) -> int:
    _check_picture(args)
    home = home_from(args)
    _show(asyncio.run(make_request(home, unlock(home), SystemRandomness())), args)
    return 0


def _invite(args: Namespace) -> int:
    _check_picture(args)
    check_name(args.name)
    home = home_from(args)
    config = home.deployment().config
    check_circle(config, args.circle)
    request = args.nonce or text_from(None, "the request")
    request_of_text(request, config.dep_id)  # before a passphrase is asked for
    rng, vault = SystemRandomness(), unlock(home)
    answering = answer_request(home, vault, args.name, request, rng, args.circle)
    invitation = asyncio.run(answering)
    if invitation is None:
        raise StateError(_wait(config))
    _show(invitation, args)
    return 0


def _wait(config: Config) -> str:
    # The record of the next epoch may be built already; then the one after has it.
    epoch = epoch_at(config, Kind.LT, now())
    first, second = (moment(start_of(config, Kind.LT, epoch + i)) for i in (1, 2))
    return (
        "somebody was excluded since the last change of keys, and a new key would open "
        "what was hidden from them: a change is now asked for; stay online and try "
        f"again after {first}, or at the latest after {second}"
    )


def _accept(args: Namespace) -> int:
    check_name(args.name)
    home = home_from(args)
    vault, text = unlock(home), text_from(args.file, "the invitation")
    taking = take_invitation(home, vault, args.name, text, again=args.replace)
    late = asyncio.run(taking)
    say("Accepted.  Presence shows with the next epochs, if the friend is online.")
    if late:
        say(LATE)
    return 0
