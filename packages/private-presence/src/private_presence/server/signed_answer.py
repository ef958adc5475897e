"""Answers of lookup servers, signed: what an audit batch shows to a third party (F14)."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from private_presence.errors import AnswerError
from private_presence.primitives.blinding import (
    SIGNATURE_SIZE,
    SigningKey,
    sign,
    verify,
)
from private_presence.primitives.kdf import label_bytes, u32
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import ByteReader, check_length
from private_presence.primitives.secret import equal
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind

__all__ = ["Asked", "open_answer", "seal_answer"]

HASH_SIZE = 32


@dataclass(frozen=True)
class Asked:
    """What one server was asked.

    Parameters
    ----------
    kind : Kind
    epoch : int
    server : int
        Index in the configuration.
    manifest_hash : bytes, 32
        Of the table that the query was made for.
    query : bytes
        The PIR body; the token is not part of what is signed, so that showing an
        audit batch shows no token.

    Examples
    --------
    Another query, or the same one to another table, is another request:

    >>> asked = [
    ...     Asked(Kind.ST, 7, 0, table * 32, query)
    ...     for table, query in ((b"a", b"q"), (b"a", b"r"), (b"b", b"q"))
    ... ]
    >>> len({each.hash for each in asked})
    3
    """

    kind: Kind
    epoch: int
    server: int
    manifest_hash: bytes
    query: bytes

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of manifest hash and query."""
        check_length(self.manifest_hash, HASH_SIZE, "a manifest's hash")
        return sha256(self.manifest_hash + self.query).digest()


def _message(config: Config, asked: Asked, answer: bytes) -> bytes:
    place = bytes([asked.kind]) + u32(asked.epoch) + bytes([asked.server])
    hashes = asked.manifest_hash + asked.hash + sha256(answer).digest()
    return label_bytes("answer") + config.dep_id + place + hashes


def seal_answer(
    config: Config, asked: Asked, answer: bytes, key: SigningKey, rng: Randomness
) -> bytes:
    """Sign an answer, as a lookup server.

    Parameters
    ----------
    config : Config
    asked : Asked
    answer : bytes
        From the PIR backend.
    key : SigningKey
        This server's.
    rng : Randomness

    Returns
    -------
    bytes
        ``manifest hash | request hash | answer | signature``: 128 more than `answer`.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> asked = Asked(Kind.ST, 7, 0, bytes(32), b"query")
    >>> data = seal_answer(config, asked, b"answer", key, SystemRandomness())
    >>> len(data), data[64:70]
    (134, b'answer')
    """
    signature = sign(key, _message(config, asked, answer), rng)
    return asked.manifest_hash + asked.hash + answer + signature


def open_answer(config: Config, asked: Asked, data: bytes, size: int) -> bytes:
    """Check an answer, as the client that asked.

    Parameters
    ----------
    config : Config
    asked : Asked
    data : bytes
    size : int
        Bytes of the backend's answer, from the manifest.

    Returns
    -------
    bytes
        The backend's answer; that it is computed rightly is not shown by this.

    Raises
    ------
    AnswerError
        If it answers for another table or another query.

    Raises `LengthError` and `VerificationError` too, for a wrong size or signature.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> asked = Asked(Kind.ST, 7, 0, bytes(32), b"query")
    >>> data = seal_answer(config, asked, b"answer", key, SystemRandomness())
    >>> open_answer(config, asked, data, 6)
    b'answer'
    >>> open_answer(config, Asked(Kind.ST, 7, 0, bytes(32), b"other"), data, 6)
    Traceback (most recent call last):
    private_presence.errors.AnswerError: an answer belongs to another query: drop it
    """
    check_length(data, 2 * HASH_SIZE + size + SIGNATURE_SIZE, "a signed answer")
    reader = ByteReader(data, "a signed answer")
    if not equal(reader.take(HASH_SIZE), asked.manifest_hash):
        raise AnswerError("an answer names another table than was asked: drop it")
    if not equal(reader.take(HASH_SIZE), asked.hash):
        raise AnswerError("an answer belongs to another query: drop it")
    answer, signature = reader.take(size), reader.take(SIGNATURE_SIZE)
    verify(config.servers[asked.server], _message(config, asked, answer), signature)
    return answer
