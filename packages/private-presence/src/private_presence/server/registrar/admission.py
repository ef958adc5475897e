"""Groups of posts in, receipts out; in between, one commit.

A group's token checks share their pairings and its posts share their waits for the
disk.  Everything here runs in one thread, one group after another.
"""

import logging
from collections import ChainMap
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import NamedTuple, TypeVar

from private_presence.errors import PresenceError, StorageError, VerificationError
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.tokens import (
    NONCE_SIZE,
    TOKEN_SIZE,
    Redeemed,
    Role,
    check_tokens,
)
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.messages import Registration
from private_presence.protocol.quota import day_of_registration, mark_spent
from private_presence.protocol.receipt import Answer, encode_receipt, make_receipt
from private_presence.protocol.registrar import Examined, Intake, refusal
from private_presence.server.metrics import Metrics
from private_presence.server.registrar.keys import RegistrarKeys, token_key_of
from private_presence.server.storage import Group, Storage

__all__ = ["Admission", "Post"]

log = logging.getLogger("private_presence.registrar")
T = TypeVar("T")


class Post(NamedTuple):
    """What came to one table's address.

    Examples
    --------
    Those for one table are settled together:

    >>> about = [(Kind.ST, 7), (Kind.LT, 7), (Kind.ST, 7)]
    >>> posts = [Post(*table, bytes(245)) for table in about]
    >>> sorted({(post.kind.name, post.epoch) for post in posts})
    [('LT', 7), ('ST', 7)]
    """

    kind: Kind
    epoch: int
    data: bytes


class Admission:
    """Decides about posts, stores what is accepted, and signs what it says.

    Parameters
    ----------
    config : Config
    keys : RegistrarKeys
    storage : Storage
    rng : Randomness
    metrics : Metrics

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.primitives.secret import Secret
    >>> from private_presence.protocol.receipt import decode_receipt
    >>> from private_presence.server.storage import open_storage
    >>> keys = RegistrarKeys(signing_key(bytes(range(64))), Secret(bytes(32)))
    >>> config = Config(keys.signing.public, (bytes(32),) * 2, bytes(32))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     storage = open_storage(f"sqlite:///{folder}/data")
    ...     admission = Admission(config, keys, storage, SystemRandomness(), Metrics())
    ...     (said,) = admission.settle([Post(Kind.ST, 7, b"not in form")], 2000.0)
    ...     storage.close()
    >>> decode_receipt(said).answer.name
    'MALFORMED'
    """

    def __init__(
        self,
        config: Config,
        keys: RegistrarKeys,
        storage: Storage,
        rng: Randomness,
        metrics: Metrics,
    ) -> None:
        self._config, self._keys, self._storage = config, keys, storage
        self._rng, self._metrics = rng, metrics
        self._closed = dict.fromkeys(Kind, -1)

    def close(self, kind: Kind, epoch: int) -> None:
        """Take no more records for a table, or for one before it.

        Parameters
        ----------
        kind : Kind
        epoch : int
        """
        self._closed[kind] = max(self._closed[kind], epoch)

    def settle(self, posts: Sequence[Post], now: float) -> list[bytes | None]:
        """Answer a group of posts.

        Parameters
        ----------
        posts : sequence of Post
        now : float
            The registrar's clock.

        Returns
        -------
        list of bytes or None
            A receipt, 103 bytes, for each; None where the storage failed, so that
            nothing may be said.
        """
        receipts: list[bytes | None] = [None] * len(posts)
        for kind, epoch in sorted({(post.kind, post.epoch) for post in posts}):
            places = [i for i, post in enumerate(posts) if post[:2] == (kind, epoch)]
            table = [posts[i].data for i in places]
            answers = self._isolate(kind, epoch, table, now)
            for i, answer in zip(places, answers, strict=True):
                if answer is not None:
                    receipts[i] = self._receipt(posts[i], answer)
        return receipts

    def _isolate(
        self, kind: Kind, epoch: int, table: list[bytes], now: float
    ) -> list[Answer | None]:
        # A post that meets a mistake in this program costs nobody else an answer.
        try:
            return [*self._settle_table(kind, epoch, table, now)]
        except StorageError:
            self._metrics.failure("storage")
            return [None] * len(table)
        except Exception as error:
            log.exception("a group of posts: %s", type(error).__name__)
            self._metrics.failure("admission")
        if len(table) == 1:
            return [None]
        half = len(table) // 2
        parts = (table[:half], table[half:])
        return [a for part in parts for a in self._isolate(kind, epoch, part, now)]

    def _settle_table(
        self, kind: Kind, epoch: int, table: list[bytes], now: float
    ) -> list[Answer]:
        phase = "open" if epoch > self._closed[kind] else "frozen"
        intake = Intake(self._config, kind, epoch, _no_token_yet, phase)
        looked = [_attempt(intake.examine, data, now) for data in table]
        good = [item for item in looked if isinstance(item, Examined)]
        if not good:  # nobody makes a table by asking about it
            return [item for item in looked if isinstance(item, Answer)]
        values, spent = self._overlay(intake, good)
        answers = [
            _attempt(intake.settle, item) if isinstance(item, Examined) else item
            for item in looked
        ]
        if values or spent:
            about = (kind, epoch, *self._key_of(intake))
            self._storage.commit(Group(*about, spent, values))
        return answers

    def _overlay(
        self, intake: Intake, good: list[Examined]
    ) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        # Puts what is known under the intake, and returns the two dictionaries in
        # which what this group changes will be: values, and tokens.
        tags = {item.tag for item in good}
        known = self._storage.values(intake.kind, intake.epoch, tags)
        genuine = self._genuine(intake, [item for item in good if _pays(item, known)])
        seen = self._storage.spent(
            *self._key_of(intake), {token[:NONCE_SIZE] for token in genuine}
        )
        values: dict[bytes, bytes] = {}
        now_spent: dict[bytes, bytes] = {}
        spent = ChainMap(now_spent, seen)

        def spend(token: bytes, body_hash: bytes) -> None:
            if token not in genuine:
                raise VerificationError("a token does not fit its day and role")
            mark_spent(spent, token[:NONCE_SIZE], body_hash)

        intake.values, intake.spend = ChainMap(values, known), spend
        return values, now_spent

    def _genuine(self, intake: Intake, fresh: list[Examined]) -> set[bytes]:
        # The good ones among the tokens, by one product of pairings.
        role, day = self._key_of(intake)
        public = token_key_of(self._keys.issuer_root, self._config, role, day).public
        batch = [Redeemed(item.token, role, day, public) for item in fresh]
        good = check_tokens(batch, self._rng)
        return {item.token for item, fits in zip(fresh, good, strict=True) if fits}

    def _key_of(self, intake: Intake) -> tuple[int, int]:
        role = Role.REGISTER_LT if intake.kind is Kind.LT else Role.REGISTER_ST
        day = day_of_registration(self._config, intake.kind, intake.epoch)
        return int(role), day

    def _receipt(self, post: Post, answer: Answer) -> bytes:
        self._metrics.registration(post.kind, answer)
        body_hash = sha256(post.data[:-TOKEN_SIZE]).digest()
        about = (post.kind, post.epoch, body_hash)
        signing = self._keys.signing
        return encode_receipt(
            make_receipt(self._config, signing, answer, about, self._rng)
        )


def _pays(item: Examined, known: dict[bytes, bytes]) -> bool:
    # A resend of stored bytes is recognised before its token is looked at (F12), and
    # a withdrawal needs none.
    return isinstance(item.message, Registration) and item.tag not in known


def _attempt(step: Callable[..., T], *arguments: object) -> T | Answer:
    try:
        return step(*arguments)
    except StorageError:
        raise
    except PresenceError as error:
        return refusal(error)


def _no_token_yet(token: bytes, body_hash: bytes) -> None:
    raise VerificationError("tokens are looked at once their posts are in form")
