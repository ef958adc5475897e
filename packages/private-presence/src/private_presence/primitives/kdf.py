"""Hashes and key derivation, each under a name of its own.

Every input is a label, then fields of fixed length: no two uses can produce the same
bytes, and nothing made for one deployment, kind or epoch is valid in another.
"""

import hashlib

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from private_presence.errors import InputError
from private_presence.primitives.secret import Secret

__all__ = ["PREFIX", "digest", "digest_wide", "kdf", "label_bytes", "u32"]

PREFIX = b"MP3v1/"


def u32(number: int) -> bytes:
    """Encode an epoch or a counter as four bytes, most significant first.

    Parameters
    ----------
    number : int, 0 to 2^32 - 1

    Returns
    -------
    bytes
        Four of them.

    Raises
    ------
    InputError
        If the number does not fit: silently wrapping round would let one epoch pass
        for another.

    Examples
    --------
    >>> u32(101).hex()
    '00000065'
    """
    if not 0 <= number < 1 << 32:
        raise InputError(f"expected a number from 0 to 2^32 - 1; got {number}")
    return number.to_bytes(4, "big")


def label_bytes(label: str) -> bytes:
    r"""Write a domain label with its terminating zero byte.

    Parameters
    ----------
    label : str
        ASCII without a zero byte.

    Returns
    -------
    bytes
        ``"MP3v1/" || label || 00``.

    Examples
    --------
    >>> label_bytes("tag")
    b'MP3v1/tag\x00'
    """
    return PREFIX + label.encode("ascii") + b"\0"


def digest(label: str, *parts: bytes) -> bytes:
    r"""SHA-256 of a label and the given fields.

    Parameters
    ----------
    label : str
        What the hash is for.
    *parts : bytes
        Fields of fixed length, joined as they are.

    Returns
    -------
    bytes
        32 of them.

    Examples
    --------
    >>> import hashlib
    >>> digest("tag", b"a", b"b") == hashlib.sha256(b"MP3v1/tag\0ab").digest()
    True
    """
    return hashlib.sha256(label_bytes(label) + b"".join(parts)).digest()


def digest_wide(label: str, *parts: bytes) -> Secret:
    """SHA-512 of a label and the given fields: input for a scalar modulo the order.

    Parameters
    ----------
    label : str
        What the hash is for.
    *parts : bytes
        Fields of fixed length, joined as they are.

    Returns
    -------
    Secret
        64 bytes.  Reduced modulo a 252-bit order they are uniform to within 2^-256.

    Examples
    --------
    >>> digest_wide("blind", b"")
    <Secret of 64 bytes>
    """
    return Secret(hashlib.sha512(label_bytes(label) + b"".join(parts)).digest())


def kdf(label: str, ikm: bytes, info: bytes, length: int = 32) -> Secret:
    """Derive a key by HKDF-SHA-256 (RFC 5869) with the label as salt.

    Parameters
    ----------
    label : str
        What the key is for; the salt is ``"MP3v1/" || label``.
    ikm : bytes
        Input key material: secrets of fixed length, joined.
    info : bytes
        Public context of fixed length.
    length : int, 1 to 8160
        Bytes wanted.

    Returns
    -------
    Secret
        `length` bytes.

    Examples
    --------
    One step of the ratchet from a key of zeros:

    >>> kdf("rk", bytes(32), u32(101)) == kdf("rk", bytes(32), u32(101))
    True
    >>> kdf("rk", bytes(32), u32(101)) == kdf("rk-new", bytes(32), u32(101))
    False
    """
    salt = PREFIX + label.encode("ascii")
    return Secret(HKDF(SHA256(), length, salt, info).derive(ikm))
