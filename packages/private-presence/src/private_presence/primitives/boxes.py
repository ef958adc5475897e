"""Encryption of record bodies: one key, one message (4.5, 4.6, amended by F5)."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESSIV, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from private_presence.errors import VerificationError
from private_presence.primitives.secret import Secret

__all__ = ["BOX_TAG_SIZE", "open_box", "open_siv", "seal_box", "seal_siv", "wrap"]

BOX_TAG_SIZE = 16
ZERO_NONCE = bytes(12)


def seal_box(key: bytes, payload: bytes, data: bytes) -> bytes:
    """ChaCha20-Poly1305 with a zero nonce, for keys that encrypt one message.

    Parameters
    ----------
    key : bytes, 32
        Derived from a fresh header key: it cannot occur twice.
    payload : bytes
    data : bytes
        Authenticated, not encrypted.

    Returns
    -------
    bytes
        16 longer than `payload`; its tag comes last.

    Examples
    --------
    >>> box = seal_box(bytes(32), b"online", b"epoch 7")
    >>> len(box), open_box(bytes(32), box, b"epoch 7") == b"online"
    (22, True)
    """
    return ChaCha20Poly1305(bytes(key)).encrypt(ZERO_NONCE, bytes(payload), data)


def open_box(key: bytes, box: bytes, data: bytes) -> Secret:
    """Open `seal_box`.

    Parameters
    ----------
    key : bytes, 32
    box : bytes
    data : bytes

    Returns
    -------
    Secret
        The payload.

    Raises
    ------
    VerificationError
        If the box was made under another key or changed.

    Examples
    --------
    >>> box = seal_box(bytes(32), b"online", b"epoch 7")
    >>> open_box(bytes(32), box, b"epoch 7")
    <Secret of 6 bytes>
    >>> open_box(bytes(32), box, b"epoch 8")
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a box does not open: refuse the record
    """
    try:
        return Secret(ChaCha20Poly1305(bytes(key)).decrypt(ZERO_NONCE, box, data))
    except InvalidTag:
        raise VerificationError("a box does not open: refuse the record") from None


def wrap(key: bytes, body: bytes) -> bytes:
    """Exclusive or with a ChaCha20 keystream; its own inverse.

    It makes a header, which two pairings could link to its neighbours, look uniform.
    Integrity comes from the record's signature.

    Parameters
    ----------
    key : bytes, 32
        Different for every body: the tag of the inner box enters its derivation (F5).
    body : bytes

    Returns
    -------
    bytes
        As long as `body`.

    Examples
    --------
    >>> wrap(bytes(32), wrap(bytes(32), b"there and back"))
    b'there and back'
    """
    return Cipher(ChaCha20(bytes(key), bytes(16)), None).encryptor().update(bytes(body))


def seal_siv(key: bytes, payload: bytes, data: bytes) -> bytes:
    """AES-256-SIV (RFC 5297): two payloads under one key show only whether they differ.

    Parameters
    ----------
    key : bytes, 64
    payload : bytes
    data : bytes
        Authenticated, not encrypted.

    Returns
    -------
    bytes
        The synthetic initial value, 16 bytes, then the ciphertext.

    Examples
    --------
    One payload has one box, and another payload another:

    >>> box = seal_siv(bytes(64), b"away", b"epoch 7")
    >>> len(box), box == seal_siv(bytes(64), b"away", b"epoch 7")
    (20, True)
    >>> box[:16] == seal_siv(bytes(64), b"busy", b"epoch 7")[:16]
    False
    """
    return AESSIV(bytes(key)).encrypt(bytes(payload), [data])


def open_siv(key: bytes, box: bytes, data: bytes) -> Secret:
    """Open `seal_siv`.

    Parameters
    ----------
    key : bytes, 64
    box : bytes
    data : bytes

    Returns
    -------
    Secret
        The payload.

    Raises
    ------
    VerificationError
        If the box was made under another key or changed.

    Examples
    --------
    >>> box = seal_siv(bytes(64), b"away", b"epoch 7")
    >>> open_siv(bytes(64), box, b"epoch 7") == b"away"
    True
    >>> open_siv(bytes(64), box, b"epoch 8")
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a box does not open: refuse the record
    """
    try:
        return Secret(AESSIV(bytes(key)).decrypt(box, [data]))
    except InvalidTag:
        raise VerificationError("a box does not open: refuse the record") from None
