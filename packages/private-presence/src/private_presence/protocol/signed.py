"""One body with the signatures of R and of every lookup server."""

from collections.abc import Sequence

from private_presence.errors import EncodingError, VerificationError
from private_presence.primitives import cbor
from private_presence.primitives.blinding import verify
from private_presence.primitives.kdf import label_bytes

__all__ = ["encode_signed", "open_signed"]


def encode_signed(body: bytes, signatures: Sequence[bytes]) -> bytes:
    """Join a body and its signatures.

    Parameters
    ----------
    body : bytes
    signatures : sequence of bytes
        Of R, then of every lookup server in order.

    Returns
    -------
    bytes

    Examples
    --------
    A list of two: four bytes, and a list of none.

    >>> encode_signed(b"body", []).hex(" ")
    '82 44 62 6f 64 79 80'
    """
    return cbor.encode([body, list(signatures)])


def open_signed(data: bytes, label: str, keys: Sequence[bytes], max_size: int) -> bytes:
    """Check that everybody signed a body.

    Parameters
    ----------
    data : bytes
    label : str
        What is signed.
    keys : sequence of bytes
        Of R, then of every lookup server in order.
    max_size : int
        Longest input accepted, in bytes.

    Returns
    -------
    bytes
        The body.

    Raises
    ------
    VerificationError
        If a signature is missing or wrong.

    Examples
    --------
    >>> from private_presence.primitives.blinding import sign, signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> signature = sign(key, label_bytes("config") + b"body", SystemRandomness())
    >>> open_signed(encode_signed(b"body", [signature]), "config", [key.public], 100)
    b'body'
    >>> open_signed(encode_signed(b"body", [signature]), "manifest", [key.public], 100)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a signature does not fit: ...
    """
    body, signatures = _parts(data, max_size)
    if len(signatures) != len(keys):
        raise VerificationError(
            f"signatures of R and of all servers expected, {len(keys)} in number; "
            f"got {len(signatures)}: refuse it"
        )
    for key, signature in zip(keys, signatures, strict=True):
        verify(key, label_bytes(label) + body, signature)
    return body


def _parts(data: bytes, max_size: int) -> tuple[bytes, list[bytes]]:
    raw = cbor.decode(data, max_size)
    if isinstance(raw, list) and len(raw) == 2:
        body, signatures = raw
        if isinstance(body, bytes) and isinstance(signatures, list):
            texts = [item for item in signatures if isinstance(item, bytes)]
            if len(texts) == len(signatures):
                return body, texts
    raise EncodingError("expected a pair of a body and a list of signatures")
