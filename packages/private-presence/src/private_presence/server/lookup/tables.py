"""Tables that are published, and their encoded cells, which come and go."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import final

from private_presence.errors import PresenceError, StorageError
from private_presence.pir.table import TableId
from private_presence.primitives.randomness import Randomness
from private_presence.protocol.ask import backend_of
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.manifest import (
    Manifest,
    encode_manifest,
    manifest_hash,
    verify_manifest,
)
from private_presence.server.lookup import _worker
from private_presence.server.lookup.memory import SharedFolder
from private_presence.server.lookup.shelf import Shelf, TableKey
from private_presence.server.lookup.workers import Workers

__all__ = ["Published", "Tables", "published_table"]

LOG = logging.getLogger(__name__)
NEWEST = 2  # tables of each kind that stay encoded


@dataclass(frozen=True)
class Published:
    """A table that clients may ask.

    Parameters
    ----------
    key : TableKey
    manifest : Manifest
    digest : bytes, 32
        `manifest_hash` of it.
    signed : bytes
        The manifest with all signatures.
    forms : frozenset of (int, int)
        Length and first byte of every form of query that this table can be asked.

    Examples
    --------
    >>> about = (bytes(16), Kind.ST, 7, 0, 128, bytes(32), bytes(32))
    >>> manifest = Manifest(*about, (), (), bytes(32), (), b"layout")
    >>> digest = manifest_hash(encode_manifest(manifest))
    >>> forms = frozenset({(466, 1), (546, 2)})
    >>> Published(TableKey(Kind.ST, 7), manifest, digest, b"", forms).longest
    546
    """

    key: TableKey
    manifest: Manifest
    digest: bytes
    signed: bytes = field(repr=False)
    forms: frozenset[tuple[int, int]]

    @property
    def longest(self) -> int:
        """Bytes of the longest query."""
        return max(size for size, _ in self.forms)


def published_table(
    config: Config, key: TableKey, signed: bytes, rng: Randomness
) -> Published:
    """Read and verify a signed manifest.

    Parameters
    ----------
    config : Config
    key : TableKey
    signed : bytes
    rng : Randomness
        An empty query is drawn to see which forms there are.

    Returns
    -------
    Published

    Raises `VerificationError` or `EncodingError` if it is not whole.

    Examples
    --------
    What nobody signed is not served:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.signed import encode_signed
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> signed = encode_signed(b"encoded", [])
    >>> published_table(config, TableKey(Kind.ST, 7), signed, SystemRandomness())
    Traceback (most recent call last):
    private_presence.errors.VerificationError: signatures of R and of all servers ...
    """
    manifest = verify_manifest(signed, config, *key, None)
    query = backend_of(config).query(manifest.layout, [], rng.draw)
    forms = frozenset((len(body), body[0]) for body in query.bodies)
    digest = manifest_hash(encode_manifest(manifest))
    return Published(key, manifest, digest, signed, forms)


@final
class Tables:
    """Published tables, and a bounded number of encoded ones in shared memory.

    Parameters
    ----------
    config : Config
    shelf : Shelf
    workers : Workers
    rng : Randomness
    memory : SharedFolder
    older : int
        Encoded tables besides the newest of each kind.

    Attributes
    ----------
    live : dict
        What is served.
    told : dict
        Manifests of long tables that were lost: their token keys are good.
    """

    def __init__(
        self,
        config: Config,
        shelf: Shelf,
        workers: Workers,
        rng: Randomness,
        memory: SharedFolder,
        older: int,
    ) -> None:
        self._config, self._shelf, self._workers = config, shelf, workers
        self._rng, self._memory, self._older = rng, memory, older
        self._cells: dict[
            TableKey, asyncio.Task[_worker.Cells]
        ] = {}  # oldest use first
        self.live = dict(filter(None, map(self._load, shelf.published())))
        self.told: dict[TableKey, Manifest] = {}
        for key in shelf.promised():
            self._load_told(key)

    def _load(self, key: TableKey) -> tuple[TableKey, Published] | None:
        signed = self._shelf.path(key, "signed")
        try:
            data = signed.read_bytes()
            return key, published_table(self._config, key, data, self._rng)
        except PresenceError:
            LOG.error("the manifest of %s is damaged: it waits to be pushed", key.word)
            signed.unlink()
            return None

    def _load_told(self, key: TableKey) -> None:
        # What all have signed though nothing of it is served; most often R alone has.
        path = self._shelf.path(key, "asked")
        if key.kind is Kind.LT and key not in self.live and path.exists():
            with contextlib.suppress(PresenceError):
                data = path.read_bytes()
                self.tell(key, verify_manifest(data, self._config, *key, None))

    def tell(self, key: TableKey, manifest: Manifest) -> None:
        """Know a long table's token keys without serving it.

        Parameters
        ----------
        key : TableKey
        manifest : Manifest
            Signed by all.
        """
        self.told[key] = manifest

    def manifest(self, key: TableKey) -> Manifest | None:
        """Return the manifest of a table that is served, or known without that.

        Parameters
        ----------
        key : TableKey

        Returns
        -------
        Manifest or None
        """
        live = self.live.get(key)
        return live.manifest if live else self.told.get(key)

    def serve(self, key: TableKey, signed: bytes) -> None:
        """Answer queries to a table from now on.

        Parameters
        ----------
        key : TableKey
        signed : bytes
            On the shelf already.
        """
        self.live[key] = published_table(self._config, key, signed, self._rng)

    async def cells(self, key: TableKey, manifest: Manifest) -> _worker.Cells:
        """Return a table's cells, laid out now if they are not at hand.

        Parameters
        ----------
        key : TableKey
        manifest : Manifest
            Of the raw file on the shelf; the caller compares the layout with its own.

        Returns
        -------
        Cells
        """
        task = self._cells.pop(key, None)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = asyncio.create_task(self._build(key, manifest))
        self._cells[key] = task  # at the end: used last
        self._make_room()
        built = await asyncio.shield(task)
        return replace(built, manifest_hash=manifest_hash(encode_manifest(manifest)))

    async def _build(self, key: TableKey, manifest: Manifest) -> _worker.Cells:
        raw = self._shelf.path(key, "raw")
        at = TableId(self._config.dep_id, *key)
        what = (at, manifest.salt, manifest.value_size, self._memory.fresh(key.word))
        try:
            return await self._workers.run(_worker.build, raw, manifest.raw_hash, *what)
        except OSError as error:
            what[-1].unlink(missing_ok=True)
            raise StorageError(
                f"expected the raw file of {key.word} and room for its table; the "
                f"system said {error.strerror}: free some memory or see to the disk"
            ) from None

    def _make_room(self) -> None:
        newest = {
            key
            for kind in Kind
            for key in sorted(k for k in self._cells if k.kind is kind)[-NEWEST:]
        }
        others = [key for key in self._cells if key not in newest]
        for key in others[: max(len(others) - self._older, 0)]:
            self.drop(key)

    def size(self, key: TableKey) -> int:
        """Return the bytes of a table's cells; zero while they are not at hand.

        Parameters
        ----------
        key : TableKey

        Returns
        -------
        int
        """
        task = self._cells.get(key)
        ready = task and task.done() and not task.cancelled() and not task.exception()
        return task.result().size if task and ready else 0

    def lost(self, key: TableKey, cells: _worker.Cells) -> None:
        """Note that cells are not where they were: they are laid out again.

        Parameters
        ----------
        key : TableKey
        cells : Cells
            As `cells` returned them; what took their place since then stays.
        """
        task = self._cells.get(key)
        ready = task and task.done() and not task.exception()
        if task and ready and task.result().path == cells.path:
            self.drop(key)

    def drop(self, key: TableKey) -> None:
        """Free a table's memory, once the workers have looked away.

        Parameters
        ----------
        key : TableKey
        """
        task = self._cells.pop(key, None)
        if task is not None:
            task.add_done_callback(_unlink)

    def retire(self, kept: Iterable[TableKey]) -> None:
        """Serve no longer what left the shelf.

        Parameters
        ----------
        kept : iterable of TableKey
            What is still there.
        """
        for key in {*self.live, *self.told, *self._cells} - {*kept}:
            self.live.pop(key, None)
            self.told.pop(key, None)
            self.drop(key)


def _unlink(task: "asyncio.Task[_worker.Cells]") -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().path.unlink(missing_ok=True)
