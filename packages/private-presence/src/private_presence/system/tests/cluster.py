"""A deployment of real processes on loopback, for the tests of the whole system."""

import asyncio
import ctypes
import gc
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

from private_presence.client.https import HttpsTransport
from private_presence.demo.stage import HOST, enrol, found
from private_presence.errors import InputError, PeerError, PresenceError
from private_presence.primitives.randomness import Randomness

__all__ = ["Cluster"]

PROGRAM = ("-m", "private_presence.cli", "serve")
PR_SET_PDEATHSIG = 1
START_SECONDS = 60.0  # a start takes two; a busy machine may need twenty
STOP_SECONDS = 15.0
LOG_TAIL = 600  # characters


@final
class Cluster:
    """A registrar, lookup servers and a relay, each a process of ``presence serve``.

    Used as a context manager it starts all of them and leaves none behind.

    Parameters
    ----------
    folder : Path
        Empty; keys, settings, tables and logs go there.
    constants : mapping
        Fields of `Config` other than keys.
    rng : Randomness
    servers : int
        Lookup servers: `pir0`, `pir1` and so on.
    storage : str
        URL of the registrar's; SQLite in `folder` if empty.
    """

    def __init__(
        self,
        folder: Path,
        constants: Mapping[str, Any],
        rng: Randomness,
        servers: int = 2,
        storage: str = "",
    ) -> None:
        self.folder = folder
        options = {"servers": servers, "storage": storage}
        self._stage = found(folder, time.time(), rng, constants, **options)
        self.deployment, self.storage = self._stage.deployment, self._stage.storage
        self._places = {server.name: server for server in self._stage.servers}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Of all servers, in the order in which they start."""
        return tuple(self._places)

    def admin(self, name: str) -> str:
        """Address of a server's metrics and health.

        Parameters
        ----------
        name : str

        Returns
        -------
        str
        """
        return f"http://{HOST}:{self._places[name].admin}"

    def log(self, name: str) -> str:
        """Read what a server said.

        Parameters
        ----------
        name : str

        Returns
        -------
        str
        """
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def enrol(self, credentials: Sequence[bytes]) -> None:
        """Add accounts while the registrar is not running.

        Parameters
        ----------
        credentials : sequence of bytes, 32 each
        """
        enrol(self._stage, credentials)

    # -- processes

    def start(
        self,
        name: str,
        program: Sequence[str] = PROGRAM,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Start a server; `wait` for it afterwards.

        Parameters
        ----------
        name : str
        program : sequence of str
            Arguments of Python before the role: a test may wrap the server.
        environ : mapping, optional
            Variables beside those of this process.

        Raises
        ------
        InputError
            If it runs already.
        """
        if name in self._running:
            raise InputError(f"expected a server that is not running; {name} is")
        place = self._places[name]
        settings = ["--settings", str(place.settings)]
        command = [sys.executable, *program, place.role, *settings]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(  # ended by stop, kill or leaving
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environ or {})},
                start_new_session=True,
                # One system call, and no lock that a thread might hold.
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )

    def kill(self, name: str) -> None:
        """End a server as a failure of power would (signal 9).

        Parameters
        ----------
        name : str
        """
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> int:
        """Ask a server to end, and wait for it.

        Parameters
        ----------
        name : str

        Returns
        -------
        int
            Its status.
        """
        process = self._running.pop(name)
        process.terminate()
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def restart(self, name: str) -> None:
        """Start a server that was killed or stopped, and wait until it serves.

        Parameters
        ----------
        name : str
        """
        self.start(name)
        self.wait(name)

    def ended(self, name: str) -> int | None:
        """Tell the status of a server that ended by itself.

        Parameters
        ----------
        name : str

        Returns
        -------
        int or None
            None while it runs; once told, it may be started again.
        """
        status = self._running[name].poll()
        if status is not None:
            del self._running[name]
        return status

    def pid(self, name: str) -> int:
        """Number of a server's process.

        Parameters
        ----------
        name : str

        Returns
        -------
        int
        """
        return self._running[name].pid

    def wait(self, *names: str) -> None:
        """Wait until servers answer.

        Parameters
        ----------
        *names : str
            All that run if none is given.

        Raises
        ------
        PeerError
            With the end of its log, if one does not within a minute.
        """
        for name in names or tuple(self._running):
            end = time.monotonic() + START_SECONDS
            while not asyncio.run(self._answers(name)):
                over = time.monotonic() > end
                if over or self._running[name].poll() is not None:
                    tail = " ".join(self.log(name)[-LOG_TAIL:].split())
                    raise PeerError(f"expected {name} to serve; it said: {tail}")
                time.sleep(0.1)

    async def _answers(self, name: str) -> bool:
        place = self._places[name]
        if place.role == "relay":
            return await _is_open(place.port)
        party = list(self._places).index(name)
        link = HttpsTransport(self.deployment).connect(party, via_relay=False)
        try:
            async with asyncio.timeout(5.0), link as open_link:
                limit = len(self._stage.file)
                path = "/v1/config"
                answered = await open_link.exchange("GET", path, b"", limit)
        except (PresenceError, TimeoutError):
            return False
        return answered.body == self._stage.file

    def __enter__(self) -> Self:
        """Start all servers and wait for them.

        Returns
        -------
        Cluster
        """
        with ExitStack() as stack:
            stack.enter_context(_sockets_forgiven())
            stack.callback(self._end_all)
            for name in self._places:
                self.start(name)
            self.wait()
            self._leaving = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """End all servers.

        Parameters
        ----------
        kind, error, where : object
            Of an exception; it goes on.
        """
        self._leaving.close()

    def _end_all(self) -> None:
        for process in self._running.values():
            process.terminate()
        for name in list(self._running):
            self.stop(name)


@contextmanager
def _sockets_forgiven() -> Iterator[None]:
    # The HTTP library leaves sockets of cancelled connects to the collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            gc.collect()


async def _is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


def _end_with_parent() -> None:
    # In the child: the kernel ends it with the test, even if that is killed.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
