"""What the commands of people share: the folder, the passphrase, one edit, words."""

import asyncio
import getpass
import io
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

from private_presence.client.device import Device
from private_presence.client.home import Home, home_of
from private_presence.client.keyring import SystemKeyRing
from private_presence.client.vault import (
    HEADER_SIZE,
    Header,
    Vault,
    decode_header,
    vault_of_keyring,
    vault_of_passphrase,
)
from private_presence.errors import InputError, LostStateError
from private_presence.primitives.randomness import SystemRandomness
from private_presence.primitives.secret import Secret

PASSPHRASE_FILE = "PRESENCE_PASSPHRASE_FILE"
MAX_PASSPHRASE = 4096  # bytes
MAX_TEXT = 8192  # characters: requests, invitations and codes are far shorter

T = TypeVar("T")


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")


def now() -> float:
    return time.time()


def add_home(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--home",
        metavar="FOLDER",
        help="where the device is kept (default: $PRESENCE_HOME, or ~/.presence)",
    )


def home_from(args: Namespace) -> Home:
    return home_of(args.home, os.environ)


# --- keys


def passphrase(question: str = "Passphrase: ") -> Secret:
    """From the file that the environment names, or typed; never from the words."""
    name = os.environ.get(PASSPHRASE_FILE)
    if name:
        with Path(name).open("rb") as file:
            return Secret(file.read(MAX_PASSPHRASE).split(b"\n")[0].rstrip(b"\r"))
    if not _has_terminal():
        raise InputError(
            f"there is no terminal to ask for a passphrase: name a file in "
            f"{PASSPHRASE_FILE}"
        )
    try:
        return Secret(getpass.getpass(question).encode())
    except EOFError:
        raise InputError(
            "expected a passphrase; got the end of the input: try again"
        ) from None


def _has_terminal() -> bool:
    # Standard input may be a pipe with an invitation in it; getpass asks this file.
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def new_passphrase() -> Secret:
    first = passphrase("New passphrase: ")
    if not os.environ.get(PASSPHRASE_FILE) and first != passphrase("Again: "):
        raise InputError("the two passphrases differ: try again")
    return first


def new_vault(keyring: bool) -> Vault:
    rng = SystemRandomness()
    if keyring:
        return vault_of_keyring(SystemKeyRing(), rng)
    return vault_of_passphrase(new_passphrase(), rng)


def vault_of(header: Header) -> Vault:
    rng = SystemRandomness()
    if header.needs_passphrase:
        return vault_of_passphrase(passphrase(), rng, header=header)
    return vault_of_keyring(SystemKeyRing(), rng, header=header)


def unlock(home: Home) -> Vault:
    try:
        with home.state.open("rb") as file:
            return vault_of(decode_header(file.read(HEADER_SIZE)))
    except FileNotFoundError:
        raise LostStateError(
            f"expected a device in {home.folder}; got none: set one up by presence init, "
            "or restore a backup"
        ) from None


# --- one look, one edit


def look(args: Namespace) -> tuple[Home, Device]:
    home = home_from(args)
    return home, device_in(home, unlock(home))


def device_in(home: Home, vault: Vault) -> Device:
    async def run() -> Device:
        async with home.keeper(vault).edit() as opened:
            return opened.device

    return asyncio.run(run())


def edit(home: Home, vault: Vault, step: Callable[[Device], tuple[Device, T]]) -> T:
    """Lock, load, step, save, unlock; `step` also gives what the command answers."""

    async def run() -> T:
        async with home.keeper(vault).edit() as opened:
            device, answer = step(opened.device)
            opened.save(device)
            return answer

    return asyncio.run(run())


def text_from(name: str | None, what: str) -> str:
    """Read a text from a file, or from standard input: it is too long to type."""
    if name and name != "-":
        with Path(name).open(encoding="utf-8", errors="replace") as file:
            return file.read(MAX_TEXT)
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Bytes that are no text are refused as a slip is, by the check in the text.
        sys.stdin.reconfigure(errors="replace")
    if sys.stdin.isatty():
        sys.stderr.write(f"Paste {what}, then an empty line:\n")
        lines = iter(sys.stdin.readline, "")  # which Ctrl-D gives
        return "".join(takewhile(str.strip, lines))[:MAX_TEXT]
    return sys.stdin.read(MAX_TEXT)
