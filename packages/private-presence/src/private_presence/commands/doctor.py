"""``presence doctor``: check clock, certificates, servers and files."""

import asyncio
import os
import shutil
from argparse import Namespace
from pathlib import Path

from private_presence.client.https import HttpsTransport
from private_presence.commands._people import add_home, home_from, now, say
from private_presence.commands.doctor_checks import Finding, check_network
from private_presence.errors import InputError, PresenceError
from private_presence.protocol.deployment import (
    MAX_DEPLOYMENT_SIZE,
    Deployment,
    decode_deployment,
)

__all__ = ["add_parser"]

LEAST_FREE = 10_000_000  # bytes; a device takes well under one million


def add_parser(subparsers) -> None:
    """Add the command.

    Parameters
    ----------
    subparsers : object
        Of argparse.
    """
    parser = subparsers.add_parser(
        "doctor",
        help="check clock, certificates, servers and files",
        description="Check what can be checked without a secret, a line for each "
        "question: ok, or fix and what to do.  It sends what every client sends, "
        "without tokens; it does not unlock the device.",
    )
    add_home(parser)
    parser.add_argument(
        "--deployment", metavar="FILE", help="instead of the one of this device"
    )
    parser.add_argument(
        "--settings", metavar="FILE", help="of a server on this machine"
    )
    parser.add_argument(
        "--role", choices=("registrar", "pir", "relay"), help="of those settings"
    )
    parser.set_defaults(run=_doctor)


def _doctor(args: Namespace) -> int:
    if bool(args.settings) != bool(args.role):
        raise InputError("--settings and --role go together; got one of them")
    findings, deployment = _files(args)
    if deployment is not None:
        transport = HttpsTransport(deployment)
        findings += asyncio.run(check_network(deployment, transport, now))
    for finding in findings:
        say(str(finding))
    return 0 if all(finding.good for finding in findings) else 1


def _files(args: Namespace) -> tuple[list[Finding], Deployment | None]:
    if args.settings:
        return _server(args)
    if args.deployment:
        return _deployment(Path(args.deployment))
    home = home_from(args)
    findings, deployment = _deployment(home.deployment_file)
    if deployment is None:
        return findings, None
    free = shutil.disk_usage(home.folder).free
    text = f"{free / 1e9:.1f} GB free"
    if free < LEAST_FREE:
        text += ": make room, nothing is sent that could not be saved before"
    return [*findings, Finding("disk", free >= LEAST_FREE, text)], deployment


def _server(args: Namespace) -> tuple[list[Finding], Deployment | None]:
    # Loaded here: a client's machine may not have the server libraries.
    from private_presence.commands._doctor_server import check_server
    from private_presence.server.settings import read_settings

    try:
        settings = read_settings(args.role, Path(args.settings), os.environ)
    except InputError as error:
        return [Finding("settings", False, str(error))], None
    findings, deployment = _deployment(settings.common.deployment)
    findings = [Finding("settings", True, "are whole"), *findings]
    if deployment is not None:
        findings += check_server(args.role, settings, deployment, now())
    return findings, deployment


def _deployment(path: Path) -> tuple[list[Finding], Deployment | None]:
    what = "deployment file"
    try:
        with path.open("rb") as file:
            deployment = decode_deployment(file.read(MAX_DEPLOYMENT_SIZE + 1))
    except OSError as error:
        text = f"{error.strerror}: presence init --deployment FILE"
        return [Finding(what, False, text)], None
    except PresenceError as error:
        return [Finding(what, False, str(error))], None
    name, serial = deployment.config.dep_id.hex(), deployment.directory.serial
    text = f"{name}, directory {serial}, signed by all"
    return [Finding(what, True, text)], deployment
