"""One process at a time, by a lock that dies with its process."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from private_presence.errors import StateError

__all__ = ["hold", "hold_or_refuse"]

POLL = 0.02  # seconds; an edit takes a few of these
PATIENCE = 30.0  # seconds, the longest key derivation and a slow disk included


@asynccontextmanager
async def hold(path: Path) -> AsyncIterator[None]:
    """Wait for a lock, and hold it.

    ``flock`` belongs to the open file: it also excludes other tasks of this process,
    and is gone with the process, however that ends.

    Parameters
    ----------
    path : Path
        An empty file, made when it is not there.

    Yields
    ------
    None

    Raises
    ------
    StateError
        If somebody else holds it for half a minute.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        waited = 0.0
        while not _taken(handle):
            if waited > PATIENCE:
                raise StateError(
                    f"another process holds this folder for {PATIENCE:.0f} s: end it"
                )
            await asyncio.sleep(POLL)
            waited += POLL
        yield
    finally:
        os.close(handle)  # and with it the lock


@asynccontextmanager
async def hold_or_refuse(path: Path, what: str) -> AsyncIterator[None]:
    """Hold a lock that nobody waits for.

    Parameters
    ----------
    path : Path
    what : str
        What somebody else is doing then, for the message.

    Yields
    ------
    None

    Raises
    ------
    StateError
        If somebody else holds it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _taken(handle):
            raise StateError(f"{what} with this folder already: end that first")
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
