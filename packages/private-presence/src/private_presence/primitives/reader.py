"""Parsing by bounded length: nothing is read, copied or allocated beyond the input."""

from private_presence.errors import EncodingError, LengthError, VersionError

__all__ = ["ByteReader", "check_length", "check_version"]


def check_length(data: bytes, length: int, what: str) -> bytes:
    """Return `data` if it has exactly `length` bytes.

    Parameters
    ----------
    data : bytes
        What came.
    length : int
        What the format says.
    what : str
        Its name, for the message.

    Returns
    -------
    bytes
        The same bytes.

    Raises
    ------
    LengthError
        If the length is another.

    Examples
    --------
    >>> check_length(b"abcd", 4, "an epoch")
    b'abcd'
    """
    if len(data) != length:
        raise LengthError(f"{what} has {length} bytes; got {len(data)}: refuse it")
    return data


def check_version(version: int, known: int, what: str) -> None:
    """Refuse a format of another version.

    Parameters
    ----------
    version : int
        What came.
    known : int
        The only version that this program reads.
    what : str
        Name of the format.

    Raises
    ------
    VersionError
        If they differ.

    Examples
    --------
    >>> check_version(1, 1, "a payload")
    """
    if version != known:
        raise VersionError(
            f"{what} of version {known} expected; got {version}: "
            "update whichever side is older"
        )


class ByteReader:
    r"""Takes fields of fixed length from the front of a message.

    Parameters
    ----------
    data : bytes
        The whole message.
    what : str
        Its name, for error messages.

    Examples
    --------
    >>> reader = ByteReader(b"\x01\x00\x00\x00\x65", "an example")
    >>> reader.byte(), reader.u32()
    (1, 101)
    >>> reader.finish()
    """

    def __init__(self, data: bytes, what: str) -> None:
        self._data = bytes(data)
        self._at = 0
        self._what = what

    def take(self, n: int) -> bytes:
        """Take the next `n` bytes.

        Parameters
        ----------
        n : int, >= 0
            How many.

        Returns
        -------
        bytes
            Exactly `n`.

        Raises
        ------
        LengthError
            If fewer are left.
        """
        left = len(self._data) - self._at
        if n > left:
            raise LengthError(
                f"{self._what} needs {n} more bytes at {self._at}; {left} are left: "
                "it was cut short"
            )
        self._at += n
        return self._data[self._at - n : self._at]

    def byte(self) -> int:
        """Take one byte as a number.

        Returns
        -------
        int
            0 to 255.
        """
        return self.take(1)[0]

    def u32(self) -> int:
        """Take four bytes as a number, most significant first.

        Returns
        -------
        int
            0 to 2^32 - 1.
        """
        return int.from_bytes(self.take(4), "big")

    def zeros(self, n: int) -> None:
        """Take `n` bytes that must all be zero.

        Parameters
        ----------
        n : int, >= 0
            How many.

        Raises
        ------
        EncodingError
            If one is not zero: padding would carry a second spelling of a message.
        """
        if any(self.take(n)):
            raise EncodingError(f"{self._what} has padding that is not zero: refuse it")

    def finish(self) -> None:
        """Check that nothing is left.

        Raises
        ------
        LengthError
            If bytes follow the last field.
        """
        left = len(self._data) - self._at
        if left:
            raise LengthError(f"{self._what} ends here; {left} more bytes came")
