"""``presence withdraw``: the one request that a person triggers (F21)."""

import asyncio
from argparse import Namespace

from private_presence.client.home import Home
from private_presence.client.https import HttpsTransport
from private_presence.client.setting import Setting
from private_presence.client.vault import Vault
from private_presence.client.withdraw import withdraw
from private_presence.commands._people import add_home, home_from, say, unlock
from private_presence.commands._words import check_circle
from private_presence.errors import PeerError, StateError
from private_presence.primitives.randomness import SystemRandomness
from private_presence.protocol.receipt import Answer
from private_presence.server.clock import SystemClock

__all__ = ["add_parser"]

PATIENCE = 30.0  # seconds for the exchange
TRIES = 3  # of the same bytes


def add_parser(subparsers) -> None:
    """Add the command.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    parser = subparsers.add_parser(
        "withdraw",
        help="take back a record that still says too much",
        description="Take back the long-term record that is on its way, before its "
        "window closes: for an exclusion that cannot wait another epoch.  You are "
        "invisible until the next record, and the registrar learns that somebody "
        "withdrew, now.",
    )
    add_home(parser)
    parser.add_argument(
        "--circle", type=int, default=0, metavar="N", help="of your circles, from 0"
    )
    parser.add_argument(
        "--direct", action="store_true", help="without the relay, see presence online"
    )
    parser.set_defaults(run=_withdraw)


def _withdraw(args: Namespace) -> int:
    home = home_from(args)
    answer = asyncio.run(_ask(home, unlock(home), args))
    if answer is not Answer.WITHDRAWN:
        raise StateError(
            f"expected the registrar to withdraw the record; it answered "
            f"{answer.name.lower()}: the exclusion goes into the record after"
        )
    say("Withdrawn.  You are invisible until the next record is published.")
    return 0


async def _ask(home: Home, vault: Vault, args: Namespace) -> Answer:
    deployment = home.deployment()
    check_circle(deployment.config, args.circle)
    relay = deployment.directory.relay is not None and not args.direct
    setting = Setting(
        deployment,
        home.keeper(vault),
        HttpsTransport(deployment),
        SystemClock(),
        SystemRandomness(),
        relay,
        PATIENCE,
        {},
    )
    for _ in range(TRIES - 1):
        try:
            return await withdraw(setting, args.circle)
        except PeerError:
            continue
    return await withdraw(setting, args.circle)
