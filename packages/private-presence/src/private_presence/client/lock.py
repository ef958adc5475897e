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

    Examples
    --------
    Two tasks take turns; neither is inside while the other is:

    >>> from tempfile import TemporaryDirectory
    >>> order = []
    >>> async def work(path, name):
    ...     async with hold(path):
    ...         order.append(f"{name} in")
    ...         await asyncio.sleep(0)
    ...         order.append(f"{name} out")
    >>> async def both(path):
    ...     await asyncio.gather(work(path, "a"), work(path, "b"))
    >>> with TemporaryDirectory() as folder:
    ...     asyncio.run(both(Path(folder, "lock")))
    >>> order
    ['a in', 'a out', 'b in', 'b out']
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

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> async def twice(path):
    ...     async with hold_or_refuse(path, "somebody is online"):
    ...         async with hold_or_refuse(path, "somebody is online"):
    ...             pass
    >>> with TemporaryDirectory() as folder:
    ...     asyncio.run(twice(Path(folder, "online")))
    Traceback (most recent call last):
    private_presence.errors.StateError: somebody is online with this folder already: ...
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
