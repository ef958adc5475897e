"""What the registrar answers: signed, and of one size whatever it says (F3)."""

from dataclasses import dataclass
from enum import IntEnum

from private_presence.errors import EncodingError
from private_presence.primitives.blinding import (
    SIGNATURE_SIZE,
    SigningKey,
    sign,
    verify,
)
from private_presence.primitives.kdf import label_bytes, u32
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import ByteReader, check_length, check_version
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind

__all__ = [
    "RECEIPT_SIZE",
    "Answer",
    "Receipt",
    "decode_receipt",
    "encode_receipt",
    "make_receipt",
    "verify_receipt",
]

RECEIPT_VERSION = 1
RECEIPT_SIZE = 1 + 1 + 1 + 4 + 32 + SIGNATURE_SIZE


class Answer(IntEnum):
    """What R says of a registration; its size tells nothing.

    Examples
    --------
    >>> Answer(3).name
    'CONFLICT'
    """

    ACCEPTED = 1
    WITHDRAWN = 2
    CONFLICT = 3  # a different value is stored: a key would have been used twice
    NO_TOKEN = 4
    CLOSED = 5
    MALFORMED = 6


@dataclass(frozen=True)
class Receipt:
    """R's signed word that it has a body: with the raw table, proof of dropping (F3).

    Examples
    --------
    >>> about = (Kind.LT, 100, bytes(32), bytes(64))
    >>> {len(encode_receipt(Receipt(answer, *about))) for answer in Answer}
    {103}
    """

    answer: Answer
    kind: Kind
    epoch: int
    body_hash: bytes
    signature: bytes


def _receipt_message(config: Config, head: bytes) -> bytes:
    return label_bytes("receipt") + config.dep_id + head


def _receipt_head(answer: int, kind: int, epoch: int, body_hash: bytes) -> bytes:
    return bytes([RECEIPT_VERSION, answer, kind]) + u32(epoch) + body_hash


def make_receipt(
    config: Config,
    key: SigningKey,
    answer: Answer,
    message: tuple[Kind, int, bytes],
    rng: Randomness,
) -> Receipt:
    """Sign a receipt, as R.

    Parameters
    ----------
    config : Config
    key : SigningKey
    answer : Answer
    message : (Kind, int, bytes)
        Kind, epoch, and SHA-256 of the body.
    rng : Randomness

    Returns
    -------
    Receipt

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> message = (Kind.LT, 100, bytes(32))
    >>> make_receipt(config, key, Answer.ACCEPTED, message, SystemRandomness()).epoch
    100
    """
    signed = _receipt_message(config, _receipt_head(answer, *message))
    return Receipt(answer, *message, sign(key, signed, rng))


def encode_receipt(receipt: Receipt) -> bytes:
    """Write a receipt: the same number of bytes whatever it says.

    Parameters
    ----------
    receipt : Receipt

    Returns
    -------
    bytes
        103.

    Examples
    --------
    Version, answer, kind and epoch come first:

    >>> receipt = Receipt(Answer.CONFLICT, Kind.LT, 100, bytes(32), bytes(64))
    >>> encode_receipt(receipt)[:7].hex(" ")
    '01 03 01 00 00 00 64'
    """
    r = receipt
    return _receipt_head(r.answer, r.kind, r.epoch, r.body_hash) + r.signature


def decode_receipt(data: bytes) -> Receipt:
    """Read a receipt.

    Parameters
    ----------
    data : bytes, 103

    Returns
    -------
    Receipt
        Not yet verified.

    Raises
    ------
    EncodingError
        If the answer or the kind is unknown.

    Examples
    --------
    >>> receipt = Receipt(Answer.CONFLICT, Kind.LT, 100, bytes(32), bytes(64))
    >>> decode_receipt(encode_receipt(receipt)) == receipt
    True
    >>> decode_receipt(bytes([1, 9]) + bytes(101))
    Traceback (most recent call last):
    private_presence.errors.EncodingError: a receipt has an unknown answer or kind: ...
    """
    reader = ByteReader(check_length(data, RECEIPT_SIZE, "a receipt"), "a receipt")
    check_version(reader.byte(), RECEIPT_VERSION, "a receipt")
    answer, kind, epoch = reader.byte(), reader.byte(), reader.u32()
    if answer not in list(Answer) or kind not in list(Kind):
        raise EncodingError("a receipt has an unknown answer or kind: refuse it")
    body_hash, signature = reader.take(32), reader.take(SIGNATURE_SIZE)
    return Receipt(Answer(answer), Kind(kind), epoch, body_hash, signature)


def verify_receipt(config: Config, receipt: Receipt) -> None:
    """Check R's signature; raises `VerificationError`.

    Parameters
    ----------
    config : Config
    receipt : Receipt

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> about = (Kind.LT, 100, bytes(32))
    >>> receipt = make_receipt(config, key, Answer.CLOSED, about, SystemRandomness())
    >>> verify_receipt(config, receipt)
    >>> verify_receipt(config, Receipt(Answer.ACCEPTED, *about, receipt.signature))
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a signature does not fit: ...
    """
    r = receipt
    head = _receipt_head(r.answer, r.kind, r.epoch, r.body_hash)
    verify(config.registrar, _receipt_message(config, head), r.signature)
