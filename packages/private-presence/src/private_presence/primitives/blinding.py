"""Ed25519 keys that look unrelated from epoch to epoch (4.3, amended by F8 and F23).

The design of version 3 onion services: a factor that friends can compute turns a
long-term key into a key of one epoch.  Verification is the ordinary equation, through
libsodium only, which refuses keys of small order (another library accepts a signature
by such a key on every message).
"""

from dataclasses import dataclass, field

from nacl import bindings
from nacl.exceptions import BadSignatureError
from nacl.exceptions import RuntimeError as SodiumError

from private_presence.errors import PointError, VerificationError
from private_presence.primitives.kdf import digest, digest_wide, kdf, label_bytes, u32
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import check_length
from private_presence.primitives.secret import Secret

__all__ = [
    "KEY_SIZE",
    "SIGNATURE_SIZE",
    "TAG_SIZE",
    "SigningKey",
    "blind_factor",
    "blind_public",
    "blind_secret",
    "blind_signing",
    "check_public",
    "is_valid_public",
    "record_message",
    "sign",
    "signing_key",
    "tag_of",
    "verify",
]

KEY_SIZE, SIGNATURE_SIZE, TAG_SIZE = 32, 64, 16


@dataclass(frozen=True)
class SigningKey:
    """A scalar modulo the group order, not clamped, and its point.

    Examples
    --------
    The secret does not show itself:

    >>> key = signing_key(bytes(range(64)))
    >>> repr(key).startswith("SigningKey(public="), key.secret
    (True, <Secret of 32 bytes>)
    """

    secret: Secret = field(repr=False)  # little-endian, as libsodium has it
    public: bytes


def signing_key(wide: bytes) -> SigningKey:
    """Make a key pair from 64 uniform bytes.

    Parameters
    ----------
    wide : bytes, 64
        Reduced modulo the order l; the distance from uniform is below 2^-256.

    Returns
    -------
    SigningKey

    Raises
    ------
    LengthError
        If there are more or fewer bytes.

    Examples
    --------
    Of the scalar one the point is the curve's base point:

    >>> signing_key(bytes([1]) + bytes(63)).public.hex(" ", 4)
    '58666666 66666666 66666666 66666666 66666666 66666666 66666666 66666666'
    """
    check_length(wide, 64, "input for a signing key")
    secret = bindings.crypto_core_ed25519_scalar_reduce(bytes(wide))
    public = bindings.crypto_scalarmult_ed25519_base_noclamp(secret)
    return SigningKey(Secret(secret), public)


def is_valid_public(public: bytes) -> bool:
    r"""Say whether bytes are a canonical point of prime order.

    Parameters
    ----------
    public : bytes

    Returns
    -------
    bool
        False also for another length.

    Examples
    --------
    The point of order one, and one that is not on the curve:

    >>> is_valid_public(b"\x01" + bytes(31)), is_valid_public(b"\x02" + bytes(31))
    (False, False)
    """
    return len(public) == KEY_SIZE and bool(
        bindings.crypto_core_ed25519_is_valid_point(bytes(public))
    )


def check_public(public: bytes) -> bytes:
    """Return a public key if it is a canonical point of prime order.

    Parameters
    ----------
    public : bytes, 32

    Returns
    -------
    bytes
        The same.

    Raises
    ------
    PointError
        If it is not; such keys make one signature valid for several keys or messages.

    Examples
    --------
    A key passes, the point of order one does not:

    >>> public = signing_key(bytes(range(64))).public
    >>> check_public(public) == public
    True
    >>> check_public(bytes([1]) + bytes(31))
    Traceback (most recent call last):
    private_presence.errors.PointError: not an Ed25519 point of prime order in ...
    """
    if not is_valid_public(public):
        raise PointError("not an Ed25519 point of prime order in canonical form")
    return public


def blind_factor(
    kind: int, dep_id: bytes, public: bytes, epoch: int, b: bytes
) -> Secret:
    """The factor h of one kind, epoch and key (F8).

    ``SHA-512("MP3v1/blind" 00 || kind || dep_id || P || u32 e || b)`` modulo l.

    Parameters
    ----------
    kind : int
        1 for LT, 2 for ST.
    dep_id : bytes, 16
    public : bytes, 32
        The key P that is blinded.
    epoch : int
    b : bytes, 32
        From the ratchet, by `blind_secret`: places of the past stay hidden from a
        thief, and from someone who knows P but not the ratchet.

    Returns
    -------
    Secret
        32 bytes, little-endian.

    Examples
    --------
    LT and ST, and each epoch, have factors of their own:

    >>> key, b = signing_key(bytes(range(64))), bytes(32)
    >>> named = [(1, 7), (2, 7), (1, 8)]
    >>> len({blind_factor(k, bytes(16), key.public, e, b) for k, e in named})
    3
    >>> blind_factor(1, bytes(16), key.public, 7, b)
    <Secret of 32 bytes>
    """
    fields = bytes([kind]), dep_id, public, u32(epoch), b
    wide = digest_wide("blind", *fields)
    return Secret(bindings.crypto_core_ed25519_scalar_reduce(bytes(wide)))


def blind_secret(chain: bytes, kind: int, dep_id: bytes, epoch: int) -> Secret:
    """What the ratchet contributes to a blinding factor (F8).

    Parameters
    ----------
    chain : bytes, 32
        rk of the epoch for LT, ck of the epoch for ST.
    kind : int
    dep_id : bytes, 16
    epoch : int

    Returns
    -------
    Secret
        32 bytes.

    Examples
    --------
    Each kind and epoch has its own:

    >>> len({blind_secret(bytes(32), k, bytes(16), e) for k in (1, 2) for e in (7, 8)})
    4
    """
    return kdf("blind", chain, dep_id + bytes([kind]) + u32(epoch))


def blind_public(public: bytes, factor: bytes) -> bytes:
    """The blinded point ``h P``.

    Parameters
    ----------
    public : bytes, 32
    factor : bytes, 32

    Returns
    -------
    bytes
        32.

    Raises
    ------
    PointError
        If P is not a valid point (libsodium refuses it).

    Examples
    --------
    A friend finds the key of an epoch without its secret:

    >>> key = signing_key(bytes(range(64)))
    >>> factor = blind_factor(2, bytes(16), key.public, 7, bytes(32))
    >>> blind_public(key.public, factor) == blind_signing(key, factor).public
    True
    >>> blind_public(key.public, factor) == key.public
    False
    """
    try:
        return bindings.crypto_scalarmult_ed25519_noclamp(bytes(factor), bytes(public))
    except SodiumError:
        raise PointError("a key to be blinded is no point of prime order") from None


def blind_signing(key: SigningKey, factor: bytes) -> SigningKey:
    """The blinded key pair ``(h a, h P)``.

    Parameters
    ----------
    key : SigningKey
    factor : bytes, 32

    Returns
    -------
    SigningKey

    Examples
    --------
    What the blinded key signs, the blinded point verifies:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> factor = blind_factor(2, bytes(16), key.public, 7, bytes(32))
    >>> signature = sign(blind_signing(key, factor), b"online", SystemRandomness())
    >>> verify(blind_public(key.public, factor), b"online", signature)
    >>> verify(key.public, b"online", signature)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a signature does not fit: ...
    """
    secret = bindings.crypto_core_ed25519_scalar_mul(bytes(factor), bytes(key.secret))
    return SigningKey(Secret(secret), blind_public(key.public, factor))


def tag_of(kind: int, dep_id: bytes, epoch: int, blinded: bytes) -> bytes:
    """The place of a record in the table.

    Parameters
    ----------
    kind : int
    dep_id : bytes, 16
    epoch : int
    blinded : bytes, 32
        The blinded public key.

    Returns
    -------
    bytes
        16 of them.

    Examples
    --------
    In the next epoch the same key has another place:

    >>> tag = tag_of(2, bytes(16), 7, bytes(32))
    >>> len(tag), tag == tag_of(2, bytes(16), 8, bytes(32))
    (16, False)
    """
    return digest("tag", bytes([kind]), dep_id, u32(epoch), blinded)[:TAG_SIZE]


def sign(key: SigningKey, message: bytes, rng: Randomness) -> bytes:
    """Sign with a scalar key; any Ed25519 verifier accepts the result.

    The nonce is hashed from the key, fresh randomness and the message: it stays
    unpredictable if the generator fails, and never repeats if it works.

    Parameters
    ----------
    key : SigningKey
        Blinded or not.
    message : bytes
    rng : Randomness
        32 bytes are drawn.

    Returns
    -------
    bytes
        64 of them.

    Examples
    --------
    PyNaCl's own verification returns the message that it accepts:

    >>> from nacl.signing import VerifyKey
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> signature = sign(key, b"online", SystemRandomness())
    >>> len(signature), VerifyKey(key.public).verify(b"online", signature)
    (64, b'online')
    """
    mul, add = (
        bindings.crypto_core_ed25519_scalar_mul,
        bindings.crypto_core_ed25519_scalar_add,
    )
    reduce = bindings.crypto_core_ed25519_scalar_reduce
    nonce = reduce(bytes(digest_wide("nonce", key.secret, rng.draw(32), message)))
    point = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
    challenge = reduce(_sha512(point + key.public + message))
    return point + add(nonce, mul(challenge, bytes(key.secret)))


def _sha512(data: bytes) -> bytes:
    return bindings.crypto_hash_sha512(data)


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Check a signature, and that its key is a point of prime order (F23).

    Parameters
    ----------
    public : bytes, 32
    message : bytes
    signature : bytes, 64

    Raises
    ------
    VerificationError
        If anything about them is wrong.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> signature = sign(key, b"online", SystemRandomness())
    >>> verify(key.public, b"online", signature)
    >>> verify(key.public, b"away", signature)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a signature does not fit: ...
    """
    if len(signature) != SIGNATURE_SIZE or not is_valid_public(public):
        raise VerificationError("a signature or its key is malformed: refuse it")
    try:
        bindings.crypto_sign_open(bytes(signature) + bytes(message), bytes(public))
    except BadSignatureError:
        raise VerificationError(
            "a signature does not fit: refuse the message"
        ) from None


def record_message(kind: int, dep_id: bytes, epoch: int, ct: bytes) -> bytes:
    r"""What the signature of a record covers.

    Parameters
    ----------
    kind : int
    dep_id : bytes, 16
    epoch : int
    ct : bytes

    Returns
    -------
    bytes
        ``"MP3v1/rec" 00 || kind || dep_id || u32 e || ct``.

    Examples
    --------
    >>> message = record_message(2, b"sixteen bytes id", 7, b"sealed")
    >>> message[:10], message[10], message[11:]
    (b'MP3v1/rec\x00', 2, b'sixteen bytes id\x00\x00\x00\x07sealed')
    """
    return label_bytes("rec") + bytes([kind]) + dep_id + u32(epoch) + ct
