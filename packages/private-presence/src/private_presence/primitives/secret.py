"""Bytes that do not show themselves, and the one comparison for them."""

import hmac

__all__ = ["Secret", "equal"]


def equal(left: bytes, right: bytes) -> bool:
    """Compare two byte strings in a time that depends on their length only.

    Every comparison of a secret, a hash or an authentication value in this package
    comes through here.

    Parameters
    ----------
    left, right : bytes
        Of any length; different lengths are unequal.

    Returns
    -------
    bool
        Whether they are the same bytes.

    Examples
    --------
    >>> equal(b"one", b"one"), equal(b"one", b"two"), equal(b"one", b"ones")
    (True, False, False)
    """
    return hmac.compare_digest(left, right)


class Secret(bytes):
    """Bytes whose ``repr`` says only how many there are.

    A traceback, a log line or a debugger's list of variables then carries no key.
    Slicing and joining give plain bytes: wrap again what stays secret.

    Examples
    --------
    >>> key = Secret(b"do not show this")
    >>> key
    <Secret of 16 bytes>
    >>> f"{key}", str(key), key == b"do not show this"
    ('<Secret of 16 bytes>', '<Secret of 16 bytes>', True)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<Secret of {len(self)} bytes>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, bytes) and equal(bytes(self), bytes(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = bytes.__hash__
