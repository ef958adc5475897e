"""Server processes that end with the demo, however it ends."""

import asyncio
import ctypes
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from private_presence.demo.stage import HOST, Server
from private_presence.errors import PeerError

__all__ = ["serving"]

PROGRAM = ("-m", "private_presence.cli", "serve")
PR_SET_PDEATHSIG = 1
START_SECONDS = 40.0  # a start takes two; a busy machine may need twenty
STOP_SECONDS = 5.0  # for an orderly end, then they are killed
LOG_TAIL = 300  # characters


@asynccontextmanager
async def serving(
    servers: tuple[Server, ...], folder: Path, patience: float = START_SECONDS
) -> AsyncIterator[None]:
    """Run servers, each as ``presence serve``, until the block is left.

    Parameters
    ----------
    servers : tuple of Server
    folder : Path
        For their logs.
    patience : float
        Seconds until all of them are to accept connections.

    Yields
    ------
    None
        Once they do.

    Raises
    ------
    PeerError
        If one does not, or ends.
    """
    running: list[asyncio.subprocess.Process] = []
    try:
        for server in servers:
            running.append(await _start(server, folder))
        pairs = zip(servers, running, strict=True)
        await asyncio.gather(*(_until_open(s, p, folder, patience) for s, p in pairs))
        yield
    finally:
        await asyncio.gather(*(_stop(process) for process in running))


async def _start(server: Server, folder: Path) -> asyncio.subprocess.Process:
    words = [*PROGRAM, server.role]
    with _log(server, folder).open("wb") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            "--settings",
            str(server.settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # A group of its own: Ctrl-C is for the demo, which then ends its servers.
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )


def _end_with_parent() -> None:
    # In the child, before it becomes a server: the kernel ends it with the demo, even
    # if that is killed.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _log(server: Server, folder: Path) -> Path:
    return folder / f"{server.name}.log"


async def _until_open(
    server: Server,
    process: asyncio.subprocess.Process,
    folder: Path,
    patience: float,
) -> None:
    end = asyncio.get_running_loop().time() + patience
    while asyncio.get_running_loop().time() < end:
        if process.returncode is not None:
            tail = _log(server, folder).read_text(errors="replace")[-LOG_TAIL:]
            raise PeerError(
                f"expected the {server.name} to serve; it ended with status "
                f"{process.returncode} and said: {' '.join(tail.split())}"
            )
        try:
            _, writer = await asyncio.open_connection(HOST, server.port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return
    raise PeerError(
        f"expected the {server.name} to open its port within {patience:.0f} s; it did "
        "not: try again on a machine that is less busy"
    )


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
