"""Requests and invitations as text: one form to paste, to type and to scan.

Capital letters, digits, colon and minus: what a QR code packs into 5.5 bits a character
(its alphanumeric mode), and what survives mail programs.  Base 32 costs seven in a
hundred over base 45, and has no blanks and percent signs in it.
"""

import binascii
from base64 import b32decode, b32encode
from hashlib import sha256

from private_presence.errors import EncodingError, ForeignStateError, LengthError
from private_presence.primitives.reader import ByteReader, check_length
from private_presence.primitives.secret import equal
from private_presence.protocol.invitation import MAX_INVITATION_SIZE

__all__ = [
    "invitation_of_text",
    "request_of_text",
    "text_of_invitation",
    "text_of_request",
]

REQUEST, INVITATION = "PRESENCE-REQUEST-1:", "PRESENCE-INVITATION-1:"
CHECK_SIZE = 4  # bytes against slips of the hand; not against people
REQUEST_SIZE = 16 + 32


def text_of_request(dep_id: bytes, nonce: bytes) -> str:
    """Write a request: for which deployment, and the nonce that an invitation answers.

    Parameters
    ----------
    dep_id : bytes, 16
    nonce : bytes, 32
        Not secret; but whoever exchanges it on its way can answer in a friend's name.

    Returns
    -------
    str
        103 characters.

    Raises `LengthError` if the nonce has another length.

    Examples
    --------
    >>> text_of_request(bytes(16), bytes(32))[:29]
    'PRESENCE-REQUEST-1:AAAAAAAAAA'
    """
    return _write(REQUEST, dep_id + check_length(nonce, 32, "a nonce"))


def request_of_text(text: str, dep_id: bytes) -> bytes:
    """Read a request.

    Parameters
    ----------
    text : str
        Blanks, line ends and small letters do not matter.
    dep_id : bytes, 16
        Of this client's deployment.

    Returns
    -------
    bytes, 32
        The nonce.

    Raises
    ------
    ForeignStateError
        If it is for another deployment.

    Raises `EncodingError` too, if it is another text or has a slip in it.

    Examples
    --------
    >>> text = text_of_request(bytes(16), bytes(range(32)))
    >>> request_of_text(text.lower(), bytes(16)) == bytes(range(32))
    True
    """
    data = check_length(_read(REQUEST, text, REQUEST_SIZE), REQUEST_SIZE, "a request")
    reader = ByteReader(data, "a request")
    if not equal(reader.take(16), dep_id):
        raise ForeignStateError(
            "this request is from another deployment: both must join the same one"
        )
    return reader.take(32)


def text_of_invitation(invitation: bytes) -> str:
    """Write an invitation; it holds keys, so only its recipient may see it.

    Parameters
    ----------
    invitation : bytes, at most 1024

    Returns
    -------
    str
        About 1000 characters.

    Raises
    ------
    LengthError
        If it is empty or longer.

    Examples
    --------
    >>> text = text_of_invitation(b"keys")
    >>> text
    'PRESENCE-INVITATION-1:NNSXS42IUU7QO'
    >>> invitation_of_text(text[:-1])
    Traceback (most recent call last):
    private_presence.errors.EncodingError: this PRESENCE-INVITATION-1 has a slip ...
    """
    if not 0 < len(invitation) <= MAX_INVITATION_SIZE:
        raise LengthError(
            f"expected an invitation of 1 to {MAX_INVITATION_SIZE} bytes; got "
            f"{len(invitation)}: take what `invite` gave"
        )
    return _write(INVITATION, invitation)


def invitation_of_text(text: str) -> bytes:
    """Read an invitation, not yet checked.

    Parameters
    ----------
    text : str

    Returns
    -------
    bytes

    Raises `EncodingError` if it is another text or has a slip in it.

    Examples
    --------
    >>> invitation_of_text(text_of_invitation(b"keys"))
    b'keys'
    """
    return _read(INVITATION, text, MAX_INVITATION_SIZE)


def _write(prefix: str, data: bytes) -> str:
    body = data + sha256(data).digest()[:CHECK_SIZE]
    return prefix + b32encode(body).decode("ascii").rstrip("=")


def _read(prefix: str, text: str, max_size: int) -> bytes:
    # Bounded before anything is built from it; twice for line ends and blanks.
    longest = 2 * (len(prefix) + (max_size + CHECK_SIZE + 4) * 8 // 5)
    plain = "".join(text[:longest].split()).upper()
    what = prefix.rstrip(":")
    if len(text) > longest or not plain.startswith(prefix):
        raise EncodingError(
            f"expected a text that begins with {what}; got another: copy all of it"
        )
    encoded = plain[len(prefix) :]
    try:
        body = b32decode(encoded + "=" * (-len(encoded) % 8))
    except (binascii.Error, ValueError):
        body = b""
    data, check = body[:-CHECK_SIZE], body[-CHECK_SIZE:]
    good = 0 < len(data) <= max_size and equal(sha256(data).digest()[:4], check)
    if not good or _write(prefix, data) != plain:
        raise EncodingError(
            f"this {what} has a slip in it, or was cut: copy all of it again"
        )
    return data
