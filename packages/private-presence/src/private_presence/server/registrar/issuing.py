"""Tokens: one batch for an account, role and day (F12)."""

import asyncio
from hashlib import sha256

from private_presence.errors import EncodingError, StorageError
from private_presence.primitives.curve import G1_SIZE, encode_scalar
from private_presence.primitives.secret import Secret
from private_presence.protocol.config import Config
from private_presence.protocol.quota import days_of_lookup, quota, roles
from private_presence.server.endpoints import ACCOUNT_SIZE, DAY_SIZE
from private_presence.server.metrics import Metrics
from private_presence.server.registrar.keys import RegistrarKeys, token_key_of
from private_presence.server.registrar.work import sign_points
from private_presence.server.registrar.workers import Workers
from private_presence.server.service import Reply
from private_presence.server.storage import Storage

__all__ = ["Issuing"]

AT_ONCE = 16  # batches being signed; the next are told to come back


class Issuing:
    """Signs the batches of enrolled accounts.

    Parameters
    ----------
    config : Config
    keys : RegistrarKeys
    storage : Storage
    workers : Workers
    metrics : Metrics

    Examples
    --------
    An account that is not enrolled gets nothing:

    >>> import tempfile
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.server.registrar.workers import ThreadWorkers
    >>> from private_presence.server.storage import open_storage
    >>> keys = RegistrarKeys(signing_key(bytes(range(64))), Secret(bytes(32)))
    >>> config = Config(keys.signing.public, (bytes(32),) * 2, bytes(32))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     storage, workers = open_storage(f"sqlite:///{folder}/data"), ThreadWorkers()
    ...     issuing = Issuing(config, keys, storage, workers, Metrics())
    ...     body = bytes(issuing.size(role=1))
    ...     reply = asyncio.run(issuing.answer(1, body, now=0.0))
    ...     storage.close()
    ...     workers.close()
    >>> len(body), reply.status
    (132, 403)
    """

    def __init__(
        self,
        config: Config,
        keys: RegistrarKeys,
        storage: Storage,
        workers: Workers,
        metrics: Metrics,
    ) -> None:
        self._config, self._keys, self._storage = config, keys, storage
        self._workers, self._metrics = workers, metrics
        self._busy = 0

    def size(self, role: int) -> int | None:
        """Bytes of a request.

        Parameters
        ----------
        role : int

        Returns
        -------
        int or None
            None if there is no such role.
        """
        if role not in roles(self._config):
            return None
        return ACCOUNT_SIZE + DAY_SIZE + G1_SIZE * quota(self._config, role)

    async def answer(self, role: int, body: bytes, now: float) -> Reply:
        """Sign a batch.

        The batch is noted before it is signed.  The same bytes are answered again, in
        case an answer was lost; another batch for the day is not.

        Parameters
        ----------
        role : int
            For which `size` is a number.
        body : bytes
            ``account 32 | day u32 | points``.
        now : float
            The registrar's clock.

        Returns
        -------
        Reply
            200 with as many points; 400 malformed; 403 unknown account; 409 another
            batch was signed; 503 busy.
        """
        status, signed = await self._signed(role, body, now)
        outcome = {200: "issued", 403: "unknown", 409: "again", 503: "busy"}
        self._metrics.token(role, outcome.get(status, "malformed"))
        return Reply(status, signed)

    async def _signed(self, role: int, body: bytes, now: float) -> tuple[int, bytes]:
        if len(body) != self.size(role):
            return 400, b""
        credential, rest = body[:ACCOUNT_SIZE], body[ACCOUNT_SIZE:]
        day, points = int.from_bytes(rest[:DAY_SIZE], "big"), rest[DAY_SIZE:]
        if day not in self._days(now):
            return 400, b""
        if self._busy >= AT_ONCE:
            return 503, b""
        self._busy += 1
        try:
            return await self._sign(role, day, sha256(credential).digest(), points)
        finally:
            self._busy -= 1

    def _days(self, now: float) -> range:
        # Those whose keys are published: of the manifest of now, and of the one before.
        days = days_of_lookup(self._config, now)
        return range(days.start, days.stop + 1)

    async def _sign(
        self, role: int, day: int, account: bytes, points: bytes
    ) -> tuple[int, bytes]:
        about = (day, role, account, sha256(points).digest())
        try:
            if not await asyncio.to_thread(self._storage.has_account, account):
                return 403, b""
            if not await asyncio.to_thread(self._storage.issue_once, *about):
                return 409, b""
        except StorageError:
            self._metrics.failure("storage")
            return 503, b""
        key = token_key_of(self._keys.issuer_root, self._config, role, day)
        try:
            secret = Secret(encode_scalar(key.secret))
            return 200, await self._workers.run(sign_points, secret, points)
        except EncodingError:
            return 400, b""  # the account has used up its batch of the day
