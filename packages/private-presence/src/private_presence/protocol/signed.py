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
