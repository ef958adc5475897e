"""A lookup server: its shelf, its promises, its tables and its workers as one service."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import final

from private_presence.errors import (
    CapacityError,
    EncodingError,
    EpochError,
    InputError,
    LayoutError,
    PeerError,
    PresenceError,
    ReplayError,
    StateError,
    StorageError,
    VerificationError,
)
from private_presence.pir import load_kernel
from private_presence.primitives.blinding import SIGNATURE_SIZE, SigningKey
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import equal
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.epochs import Kind, epoch_at, start_of
from private_presence.protocol.files import Files
from private_presence.protocol.manifest import MAX_MANIFEST_SIZE, MAX_SIGNED_SIZE
from private_presence.protocol.messages import value_size
from private_presence.protocol.quota import days_of_lookup
from private_presence.server.clock import Clock
from private_presence.server.endpoints import Match
from private_presence.server.lookup._worker import Duty
from private_presence.server.lookup.answering import HEAD_SIZE, Answering
from private_presence.server.lookup.desk import Desk
from private_presence.server.lookup.limits import Limits
from private_presence.server.lookup.memory import SharedFolder
from private_presence.server.lookup.promises import Promises
from private_presence.server.lookup.publishing import Publishing
from private_presence.server.lookup.retire import retire
from private_presence.server.lookup.shelf import Shelf, TableKey
from private_presence.server.lookup.spent import SpentFiles
from private_presence.server.lookup.tables import Published, Tables
from private_presence.server.lookup.workers import Workers
from private_presence.server.metrics import Metrics
from private_presence.server.peers import Peers
from private_presence.server.service import Reply, Service

__all__ = ["LookupServer"]

LOG = logging.getLogger(__name__)
NOT_HERE, BUSY = Reply(404), Reply(503)
STATUSES = (  # the first that fits
    (ReplayError, 409),
    (LayoutError, 409),
    (EpochError, 404),
    (StateError, 404),
    (PeerError, 503),
    (StorageError, 503),
    (CapacityError, 413),
    (PresenceError, 400),
)


@final
class LookupServer(Service):
    """Server number `index` of a deployment, without sockets.

    Parameters
    ----------
    deployment : Deployment
    index : int
        From 0, in the order of the configuration.
    key : SigningKey
        Whose public part the configuration names there.
    folder : Path
        This server's alone; all that must survive a stop is in it.
    peers : Peers
    clock : Clock
    rng : Randomness
        Of the promises; workers use the system's.
    metrics : Metrics
    workers : int, >= 1
        Processes that compute; one for each core.
    kernel : str
        "fast" or "numpy".
    file : bytes
        The deployment's file, which ``GET /v1/config`` answers.
    limits : Limits
    files : Files
        What the shelf asks of the file system; tests break it.

    Attributes
    ----------
    ready : bool
        Whether `run` has started the workers and laid out the newest tables.

    Raises
    ------
    InputError
        If the key is not the one that the configuration names, or there is no such
        kernel here.

    Examples
    --------
    The key of server 0 is not that of server 1:

    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.directory import Directory
    >>> from private_presence.server.clock import SystemClock
    >>> from private_presence.server.web.https_peers import HttpsPeers
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(bytes(32), (key.public, bytes(32)), bytes(32))
    >>> place = Deployment(config, Directory(config.dep_id, 1, ()))
    >>> around = (HttpsPeers((), Path("leaf")), SystemClock(), SystemRandomness())
    >>> LookupServer(place, 1, key, Path("tables"), *around, Metrics())
    Traceback (most recent call last):
    private_presence.errors.InputError: expected the key that the configuration ...
    """

    def __init__(
        self,
        deployment: Deployment,
        index: int,
        key: SigningKey,
        folder: Path,
        peers: Peers,
        clock: Clock,
        rng: Randomness,
        metrics: Metrics,
        workers: int = 1,
        kernel: str = "numpy",
        *,
        file: bytes = b"",
        limits: Limits | None = None,
        files: Files | None = None,
    ) -> None:
        config, limits = deployment.config, limits or Limits()
        named = 0 <= index < len(config.servers) and config.servers[index]
        if not (named and equal(named, key.public)):
            raise InputError(
                f"expected the key that the configuration names for server {index}; got "
                "another: correct the number or the key file"
            )
        _check_kernel(kernel)
        self._config, self._clock, self._file = config, clock, file
        self._metrics, self._limits = metrics, limits
        self._shelf = Shelf(folder, files or Files())
        self._memory = SharedFolder(folder)
        self._spent = SpentFiles(folder / "spent")
        self._workers = Workers(Duty(config, index, key, kernel), workers, metrics)
        self._tables = Tables(
            config, self._shelf, self._workers, rng, self._memory, limits.older
        )
        around = (peers, clock, rng, metrics, limits)
        self._desk = Desk(config, index, key, self._shelf, *around)
        self._promises = Promises(self._desk)
        self._publishing = Publishing(self._desk, self._tables)
        inside = (self._tables, self._workers, self._spent)
        self._answering = Answering(config, index, *inside, clock, metrics, limits)
        self._handlers = self._make_handlers()
        self._closing = False
        self.ready = False

    # ---- requests

    def limit(self, match: Match) -> int | None:
        """See `Service.limit`."""
        word = _word(match)
        if word not in self._handlers:
            return None
        if word == "config":
            return 0 if self._file else None
        if word == "newest":
            return 0
        key = _key(match)
        if match.endpoint.path.startswith("/v1/peer/"):
            return self._peer_limit(word, key)
        live = self._tables.live.get(key)
        if live is None or not self._may_download(live):
            return None
        return HEAD_SIZE + live.longest if word == "pir" else 0

    def _peer_limit(self, word: str, key: TableKey) -> int | None:
        known = self._shelf.kept(key) is not None
        if not (known or self._desk.near(key)):
            return self._far(word, key)
        row = 16 + value_size(self._config, key.kind)
        sizes = {
            "raw": SIGNATURE_SIZE + row * self._limits.records,
            "opening": 32,
            "countersign": SIGNATURE_SIZE + MAX_MANIFEST_SIZE,
            "publish": MAX_SIGNED_SIZE,
        }
        return sizes.get(word, 0)

    def _far(self, word: str, key: TableKey) -> int | None:
        # Refused in words (F18): what has no body by its handler, the rest here.
        if word == "commitment":
            return 0
        try:
            self._desk.check_near(key)
        except EpochError as error:
            LOG.warning("/v1/peer/%s: %s", word, error)
        return None

    async def handle(self, match: Match, body: bytes) -> Reply:
        """See `Service.handle`."""
        handler = self._handlers.get(_word(match))
        if handler is None:
            return NOT_HERE
        if self._closing:
            return BUSY
        try:
            return await handler(match, body)
        except PresenceError as error:
            status = next(
                number for kind, number in STATUSES if isinstance(error, kind)
            )
            peer = match.endpoint.path.startswith("/v1/peer/")
            if status in (409, 503) or (peer and isinstance(error, EpochError)):
                LOG.warning("%s: %s", match.endpoint.path, error)
            return Reply(status, str(error).encode() if peer else b"")

    def _make_handlers(self) -> dict[str, Callable[[Match, bytes], Awaitable[Reply]]]:
        posts = {
            "raw": self._promises.take_raw,
            "opening": self._promises.open,
            "countersign": self._publishing.countersign,
            "publish": self._publishing.publish,
        }
        return {
            "config": self._get_config,
            "manifest": self._get_manifest,
            "pir": self._post_pir,
            "download": self._get_raw,
            "commitment": self._get_commitment,
            "manifest-hash": self._get_hash,
            "newest": self._get_newest,
            **{word: _posted(step) for word, step in posts.items()},
        }

    async def _get_config(self, match: Match, body: bytes) -> Reply:
        return Reply(200, self._file, cacheable=True)

    async def _get_manifest(self, match: Match, body: bytes) -> Reply:
        live = self._tables.live.get(_key(match))
        return Reply(200, live.signed, cacheable=True) if live else NOT_HERE

    async def _get_raw(self, match: Match, body: bytes) -> Reply:
        key = _key(match)
        live = self._tables.live.get(key)
        if live is None or not self._may_download(live):
            return NOT_HERE
        return Reply(200, self._shelf.path(key, "raw"), cacheable=True)

    async def _post_pir(self, match: Match, body: bytes) -> Reply:
        live = self._tables.live.get(_key(match))
        if live is None or not self._may_download(live):
            return NOT_HERE
        return await self._answering.answer(live, body)

    async def _get_commitment(self, match: Match, body: bytes) -> Reply:
        return Reply(200, await self._promises.commitment(_key(match)))

    async def _get_hash(self, match: Match, body: bytes) -> Reply:
        return Reply(200, self._publishing.signed_hash(_key(match)))

    async def _get_newest(self, match: Match, body: bytes) -> Reply:
        return Reply(200, self._publishing.newest(Kind(match.kind)))

    def _may_download(self, live: Published) -> bool:
        """Refuse large tables in download mode, by a public number (F31)."""
        small = live.manifest.count <= self._config.download_below
        return self._config.mode != "download" or small

    # ---- time

    async def run(self, stop: asyncio.Event) -> None:
        """See `Service.run`: retire at every epoch, after getting ready."""
        await self._workers.warm_up()
        await self._encode_newest()
        self.ready = True
        stopped = asyncio.create_task(stop.wait())
        while not stop.is_set():
            # Taken before the work: no epoch is missed if that takes long.
            epoch = epoch_at(self._config, Kind.ST, self._clock.now())
            try:
                await self._retire()
            except StorageError as error:  # again at the next epoch
                LOG.error("%s", error)
            start = start_of(self._config, Kind.ST, epoch + 1)
            waits = asyncio.create_task(self._clock.sleep_until(start))
            await asyncio.wait([waits, stopped], return_when="FIRST_COMPLETED")
            waits.cancel()

    async def _retire(self) -> None:
        await retire(self._desk)
        kept = set(self._shelf.promised())
        self._tables.retire(kept)
        self._answering.forget(kept)
        # The newest table was signed in the day before its own at the earliest: a clock
        # that is ahead must not forget what was spent today.
        signed = self._shelf.chain(Kind.LT).newest - 1
        first = min(days_of_lookup(self._config, self._clock.now())[0], signed)
        await asyncio.to_thread(self._spent.forget_before, first - 1)

    async def _encode_newest(self) -> None:
        """Lay out after a restart what clients will ask first."""
        for kind in (Kind.ST, Kind.LT):
            keys = sorted(key for key in self._tables.live if key.kind is kind)
            for key in keys[-2:]:
                try:
                    await self._tables.cells(key, self._tables.live[key].manifest)
                except (VerificationError, EncodingError, OSError):
                    LOG.error(
                        "the raw file of %s is damaged, it is not served: see to the disk",
                        key.word,
                    )

    async def close(self) -> None:
        """See `Service.close`."""
        self._closing = True
        await self._answering.idle()
        await asyncio.to_thread(self._workers.close)
        self._spent.close()
        self._memory.close()
        self._shelf.close()


def _check_kernel(name: str) -> None:
    # In words and now, not by workers that die at their start; without importing numba
    # into this process, which does not need it.
    if name != "numpy" and (name != "fast" or find_spec("numba") is None):
        load_kernel(name)


def _word(match: Match) -> str:
    path = match.endpoint.path
    if path.startswith("/v1/raw/"):
        return "download"
    words = path.split("/")
    return words[3] if words[2] == "peer" else words[2]


def _key(match: Match) -> TableKey:
    assert match.kind is not None
    assert match.number is not None
    return TableKey(match.kind, match.number)


def _posted(
    step: Callable[[TableKey, bytes], Awaitable[bytes]],
) -> Callable[[Match, bytes], Awaitable[Reply]]:
    async def handler(match: Match, body: bytes) -> Reply:
        return Reply(200, await step(_key(match), body))

    return handler
