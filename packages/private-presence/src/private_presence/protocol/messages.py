"""What goes to the registrar: fixed sizes, one spelling."""

from dataclasses import dataclass

from private_presence.errors import EncodingError
from private_presence.primitives.blinding import (
    KEY_SIZE,
    SIGNATURE_SIZE,
    SigningKey,
    sign,
    verify,
)
from private_presence.primitives.kdf import label_bytes, u32
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import ByteReader, check_length
from private_presence.primitives.tokens import TOKEN_SIZE
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind

__all__ = [
    "WITHDRAW",
    "Registration",
    "Withdrawal",
    "body_size",
    "decode_body",
    "encode_registration",
    "encode_withdrawal",
    "make_withdrawal",
    "registration_of",
    "split_post",
    "value_size",
    "verify_withdrawal",
]

WITHDRAW = 0x80


@dataclass(frozen=True)
class Registration:
    """A record on its way: ``kind | epoch | P_b | signature | ct``.

    Examples
    --------
    >>> Registration(Kind.ST, 7, bytes(32), b"signature", b"sealed ").value
    b'sealed signature'
    """

    kind: Kind
    epoch: int
    public: bytes
    signature: bytes
    ct: bytes

    @property
    def value(self) -> bytes:
        """What the table will hold."""
        return self.ct + self.signature


@dataclass(frozen=True)
class Withdrawal:
    """A record taken back before the freeze (F21), as long as a registration.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> message = Withdrawal(Kind.ST, 7, bytes(32), bytes(64))
    >>> len(encode_withdrawal(config, message)) == body_size(config, Kind.ST)
    True
    """

    kind: Kind
    epoch: int
    public: bytes
    signature: bytes


def body_size(config: Config, kind: Kind) -> int:
    """Bytes of a registration or withdrawal, without its token.

    Parameters
    ----------
    config : Config
    kind : Kind

    Returns
    -------
    int

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> body_size(config, Kind.LT), body_size(config, Kind.ST)
    (613, 165)
    """
    return config.lt_size if kind is Kind.LT else config.st_size


def value_size(config: Config, kind: Kind) -> int:
    """Return the bytes of a value.

    Parameters
    ----------
    config : Config
    kind : Kind

    Returns
    -------
    int

    Examples
    --------
    >>> value_size(Config(bytes(32), (bytes(32),) * 2, bytes(32)), Kind.ST)
    128
    """
    return config.lt_value_size if kind is Kind.LT else config.st_value_size


def split_post(config: Config, post: bytes) -> tuple[bytes, bytes]:
    """Split what arrives into body and token.

    Parameters
    ----------
    config : Config
    post : bytes
        Its first byte decides the only length accepted.

    Returns
    -------
    body, token : bytes

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> body, token = split_post(config, bytes([Kind.ST]) + bytes(244))
    >>> len(body), len(token)
    (165, 80)
    """
    size = body_size(config, _kind(post[:1]))
    check_length(post, size + TOKEN_SIZE, "a registration with its token")
    return post[:size], post[size:]


def _kind(first: bytes) -> Kind:
    code = first[0] & ~WITHDRAW if first else 0
    if code not in (Kind.LT, Kind.ST):
        raise EncodingError("a registration starts with its kind, 1 or 2: refuse it")
    return Kind(code)


def registration_of(
    kind: Kind, epoch: int, public: bytes, value: bytes
) -> Registration:
    """Put a value into a registration.

    Parameters
    ----------
    kind : Kind
    epoch : int
    public : bytes, 32
        The blinded key P_b.
    value : bytes

    Returns
    -------
    Registration

    Examples
    --------
    >>> value = b"c" * 64 + b"s" * 64
    >>> message = registration_of(Kind.ST, 7, bytes(32), value)
    >>> message.ct == b"c" * 64, message.value == value
    (True, True)
    """
    ct, signature = value[:-SIGNATURE_SIZE], value[-SIGNATURE_SIZE:]
    return Registration(kind, epoch, public, signature, ct)


def encode_registration(message: Registration) -> bytes:
    """Write a registration.

    Parameters
    ----------
    message : Registration

    Returns
    -------
    bytes
        613 for LT with two slots, 165 for ST.

    Examples
    --------
    Kind and epoch come first:

    >>> body = encode_registration(
    ...     Registration(Kind.ST, 7, bytes(32), bytes(64), bytes(64))
    ... )
    >>> len(body), body[:5].hex(" ")
    (165, '02 00 00 00 07')
    """
    head = bytes([message.kind]) + u32(message.epoch) + message.public
    return head + message.signature + message.ct


def encode_withdrawal(config: Config, message: Withdrawal) -> bytes:
    """Write a withdrawal, padded to the size of a registration.

    Parameters
    ----------
    config : Config
    message : Withdrawal

    Returns
    -------
    bytes

    Examples
    --------
    Kind, with its highest bit set, and epoch come first:

    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> body = encode_withdrawal(config, Withdrawal(Kind.ST, 7, bytes(32), bytes(64)))
    >>> len(body), body[:5].hex(" ")
    (165, '82 00 00 00 07')
    """
    head = bytes([message.kind | WITHDRAW]) + u32(message.epoch) + message.public
    return (head + message.signature).ljust(body_size(config, message.kind), b"\0")


def decode_body(config: Config, body: bytes) -> Registration | Withdrawal:
    """Read a registration or a withdrawal.

    Parameters
    ----------
    config : Config
    body : bytes

    Returns
    -------
    Registration or Withdrawal
        Well-formed; its signature is not yet checked.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> message = Withdrawal(Kind.ST, 7, bytes(32), bytes(64))
    >>> decode_body(config, encode_withdrawal(config, message)) == message
    True
    """
    kind = _kind(body[:1])
    size = body_size(config, kind)
    reader = ByteReader(check_length(body, size, "a registration"), "a registration")
    withdraws = bool(reader.byte() & WITHDRAW)
    epoch, public = reader.u32(), reader.take(KEY_SIZE)
    signature = reader.take(SIGNATURE_SIZE)
    rest = size - 37 - SIGNATURE_SIZE
    if withdraws:
        reader.zeros(rest)
        return Withdrawal(kind, epoch, public, signature)
    return Registration(kind, epoch, public, signature, reader.take(rest))


def _withdrawal_message(config: Config, kind: Kind, epoch: int) -> bytes:
    return label_bytes("withdraw") + bytes([kind]) + config.dep_id + u32(epoch)


def make_withdrawal(
    config: Config, kind: Kind, epoch: int, blinded: SigningKey, rng: Randomness
) -> Withdrawal:
    """Sign a withdrawal.

    Parameters
    ----------
    config : Config
    kind : Kind
    epoch : int
    blinded : SigningKey
        The blinded key of the record.
    rng : Randomness

    Returns
    -------
    Withdrawal

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> message = make_withdrawal(config, Kind.ST, 7, key, SystemRandomness())
    >>> message.public == key.public, len(message.signature)
    (True, 64)
    """
    signature = sign(blinded, _withdrawal_message(config, kind, epoch), rng)
    return Withdrawal(kind, epoch, blinded.public, signature)


def verify_withdrawal(config: Config, message: Withdrawal) -> None:
    """Check the signature of a withdrawal; raises `VerificationError`.

    Parameters
    ----------
    config : Config
    message : Withdrawal

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> message = make_withdrawal(config, Kind.ST, 7, key, SystemRandomness())
    >>> verify_withdrawal(config, message)
    >>> verify_withdrawal(config, Withdrawal(Kind.ST, 8, key.public, message.signature))
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a signature does not fit: ...
    """
    signed = _withdrawal_message(config, message.kind, message.epoch)
    verify(message.public, signed, message.signature)
