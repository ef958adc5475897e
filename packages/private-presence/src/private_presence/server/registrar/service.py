"""The registrar as a service: everything but HTTP and TLS."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import final

from private_presence.errors import CapacityError, ConfigError, StorageError
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import equal
from private_presence.primitives.tokens import TOKEN_SIZE
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.epochs import Kind
from private_presence.protocol.messages import body_size
from private_presence.server.clock import Clock
from private_presence.server.endpoints import Match
from private_presence.server.metrics import Metrics
from private_presence.server.peers import Peers
from private_presence.server.registrar.admission import Admission, Post
from private_presence.server.registrar.issuing import Issuing
from private_presence.server.registrar.keys import RegistrarKeys
from private_presence.server.registrar.line import Line
from private_presence.server.registrar.means import Means
from private_presence.server.registrar.queue import GroupQueue
from private_presence.server.registrar.workers import ProcessWorkers, Workers
from private_presence.server.service import Reply, Service
from private_presence.server.storage import Storage, TableState

__all__ = ["Registrar"]


@final
class Registrar(Service):
    """Takes records, issues tokens, and publishes tables with the lookup servers.

    Parameters
    ----------
    deployment : Deployment
    keys : RegistrarKeys
    storage : Storage
        Closed by whoever opened it, after `close`.
    peers : Peers
    clock : Clock
    rng : Randomness
    metrics : Metrics
    file : bytes
        What ``GET /v1/config`` answers: the signed file of `deployment`.
    workers : Workers or None
        None for two processes of its own.

    Raises
    ------
    ConfigError
        If the signing key is not the deployment's registrar's.

    Raises `InputError` too, if the mode does not fit the number of servers.

    Examples
    --------
    Anybody may ask it for the deployment's file:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.primitives.secret import Secret
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.directory import Directory
    >>> from private_presence.server.clock import SystemClock
    >>> from private_presence.server.endpoints import match
    >>> from private_presence.server.registrar.workers import ThreadWorkers
    >>> from private_presence.server.storage import open_storage
    >>> from private_presence.server.web.https_peers import HttpsPeers
    >>> keys = RegistrarKeys(signing_key(bytes(range(64))), Secret(bytes(32)))
    >>> config = Config(keys.signing.public, (bytes(32),) * 2, bytes(32))
    >>> place = Deployment(config, Directory(config.dep_id, 1, ()))
    >>> around = (SystemClock(), SystemRandomness(), Metrics())
    >>> async def ask(registrar):
    ...     reply = await registrar.handle(match("GET", "/v1/config"), b"")
    ...     await registrar.close()
    ...     return reply
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     means = (
    ...         open_storage(f"sqlite:///{folder}/data"),
    ...         HttpsPeers((), Path("leaf")),
    ...     )
    ...     options = {"file": b"the file", "workers": ThreadWorkers()}
    ...     reply = asyncio.run(ask(Registrar(place, keys, *means, *around, **options)))
    ...     means[0].close()
    >>> reply.status, reply.body
    (200, b'the file')
    """

    def __init__(
        self,
        deployment: Deployment,
        keys: RegistrarKeys,
        storage: Storage,
        peers: Peers,
        clock: Clock,
        rng: Randomness,
        metrics: Metrics,
        *,
        file: bytes,
        workers: Workers | None = None,
    ) -> None:
        config = deployment.config
        if not equal(keys.signing.public, config.registrar):
            raise ConfigError(
                "expected the signing key of the deployment's registrar; got another: "
                "look for the right key file"
            )
        self._config, self._file, self._storage = config, file, storage
        self._clock, self._metrics = clock, metrics
        self._workers = workers or ProcessWorkers()
        self._thread = ThreadPoolExecutor(1)
        self._newest: dict[tuple[Kind, int], Reply] = {}
        self._admission = Admission(config, keys, storage, rng, metrics)
        self._queue = GroupQueue(self._settle, self._thread)
        self._issuing = Issuing(config, keys, storage, self._workers, metrics)
        self._means = Means(
            config,
            keys,
            storage,
            peers,
            clock,
            rng,
            metrics,
            self._workers,
            self._close_table,
            self._published,
        )
        self._remember_closed()

    def limit(self, match: Match) -> int | None:
        """Say how long a request body may be.

        Parameters
        ----------
        match : Match

        Returns
        -------
        int or None
        """
        path, number = match.endpoint.path, match.number or 0
        if path.startswith("/v1/register/"):
            return body_size(self._config, match.kind or Kind.LT) + TOKEN_SIZE
        if path.startswith("/v1/tokens/"):
            return self._issuing.size(number)
        if path == "/v1/config" or path.startswith("/v1/manifest/"):
            return 0
        return None

    async def handle(self, match: Match, body: bytes) -> Reply:
        """Answer a request.

        Parameters
        ----------
        match : Match
        body : bytes

        Returns
        -------
        Reply
            A refused registration is 200 with its receipt: both look the same.
        """
        path, kind, number = match.endpoint.path, match.kind, match.number or 0
        if path == "/v1/config":
            return Reply(200, self._file, cacheable=True)
        if path.startswith("/v1/manifest/") and kind is not None:
            return await self._manifest(kind, number)
        if path.startswith("/v1/register/") and kind is not None:
            return await self._register(Post(kind, number, body))
        if path.startswith("/v1/tokens/") and self._issuing.size(number):
            return await self._issuing.answer(number, body, self._clock.now())
        return Reply(404)

    async def run(self, stop: asyncio.Event) -> None:
        """Publish tables, of both kinds at once, until told to stop.

        Parameters
        ----------
        stop : asyncio.Event
        """
        lines = [asyncio.create_task(Line(self._means, kind).run()) for kind in Kind]
        try:
            await stop.wait()
        finally:
            # A step that is cut off is taken again after the next start.
            for line in lines:
                line.cancel()
            await asyncio.gather(*lines, return_exceptions=True)

    async def close(self) -> None:
        """Answer what waits, then release threads and workers."""
        await self._queue.close()
        await asyncio.to_thread(self._thread.shutdown)
        await asyncio.to_thread(self._workers.close)

    def _settle(self, posts):
        return self._admission.settle(posts, self._clock.now())

    async def _register(self, post: Post) -> Reply:
        try:
            receipt = await self._queue.put(post)
        except CapacityError:
            return Reply(503)
        return Reply(503) if receipt is None else Reply(200, receipt)

    async def _manifest(self, kind: Kind, epoch: int) -> Reply:
        if (kind, epoch) in self._newest:  # the one that everybody asks for
            return self._newest[kind, epoch]
        try:
            state = await asyncio.to_thread(self._storage.state, kind, epoch)
        except StorageError:
            return Reply(503)
        if state is None or not state.signed:
            return Reply(404)
        return Reply(200, state.signed, cacheable=True)

    def _published(self, state: TableState) -> None:
        kind = Kind(state.kind)
        older = [key for key in self._newest if key[0] is kind]
        for key in older:
            del self._newest[key]
        self._newest[kind, state.epoch] = Reply(200, state.signed, cacheable=True)

    async def _close_table(self, kind: Kind, epoch: int) -> None:
        self._admission.close(kind, epoch)
        await self._queue.drain()

    def _remember_closed(self) -> None:
        # A clock that was set back opens no table again.
        for kind in Kind:
            for state in self._storage.states(kind):
                if state.phase != "open":
                    self._admission.close(kind, state.epoch)
