"""The raw file of an epoch: every record once, sorted by tag.

This is what the registrar publishes and what every lookup server builds its table
from; its order says nothing about the order in which records arrived.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from private_presence.errors import EncodingError

MAX_RECORDS = 1 << 24  # bounds what a hostile file can make a server allocate
MAX_VALUE = 1 << 14  # bytes of one value


@dataclass(frozen=True, eq=False)
class Records:
    """The records of one epoch, as two arrays of bytes.

    Parameters
    ----------
    tags : (n, T) array of uint8, 8 <= T <= 16
        Strictly increasing as byte strings.
    values : (n, V) array of uint8
        One value per tag, all of one size.

    Examples
    --------
    >>> records = Records.from_bytes(b"aaaaaaaa1bbbbbbbb2", tag_size=8, value_size=1)
    >>> len(records), records.values.ravel().tolist()
    (2, [49, 50])
    >>> records.to_bytes()
    b'aaaaaaaa1bbbbbbbb2'
    """

    tags: NDArray[np.uint8]
    values: NDArray[np.uint8]

    def __len__(self) -> int:
        """Return the number of records."""
        return self.tags.shape[0]

    @property
    def tag_size(self) -> int:
        """Bytes of a tag."""
        return self.tags.shape[1]

    @property
    def value_size(self) -> int:
        """Bytes of a value."""
        return self.values.shape[1]

    @classmethod
    def from_bytes(cls, raw: bytes, *, tag_size: int = 16, value_size: int):
        """Read a raw file.

        Parameters
        ----------
        raw : bytes
            ``n`` rows of ``tag || value``, tags strictly increasing.
        tag_size, value_size : int
            Bytes of each, from the deployment's configuration.

        Returns
        -------
        Records

        Raises
        ------
        EncodingError
            If the length is no whole number of rows, there are more rows than a
            server may be made to hold, or tags repeat or are out of order: one set
            of records has one encoding.

        Examples
        --------
        >>> Records.from_bytes(b"bbbbbbbb2aaaaaaaa1", tag_size=8, value_size=1)
        Traceback (most recent call last):
            ...
        private_presence.errors.EncodingError: raw file: expected strictly ...
        """
        _check_sizes(tag_size, value_size)
        row = tag_size + value_size
        count, rest = divmod(len(raw), row)
        if rest or count > MAX_RECORDS:
            raise EncodingError(
                f"raw file: expected at most {MAX_RECORDS} rows of {row} bytes; "
                f"got {len(raw)} bytes; ask the registrar for the file again"
            )
        table = np.frombuffer(raw, np.uint8).reshape(count, row)
        records = cls(table[:, :tag_size], table[:, tag_size:])
        if not _strictly_increasing(records.tags):
            raise EncodingError(
                "raw file: expected strictly increasing tags; got a repeated tag or "
                "another order; sort the rows and keep one value per tag"
            )
        return records

    def to_bytes(self) -> bytes:
        """Return the raw file: the inverse of `from_bytes`.

        Returns
        -------
        bytes
        """
        return np.concatenate([self.tags, self.values], axis=1).tobytes()


def _check_sizes(tag_size: int, value_size: int) -> None:
    if not (8 <= tag_size <= 16 and 1 <= value_size <= MAX_VALUE):
        raise EncodingError(
            f"raw file: expected tags of 8 to 16 bytes and values of 1 to {MAX_VALUE}; "
            f"got {tag_size} and {value_size}; look at the configuration"
        )


def _strictly_increasing(tags: NDArray[np.uint8]) -> bool:
    padded = np.zeros((tags.shape[0], 16), np.uint8)
    padded[:, : tags.shape[1]] = tags
    high, low = padded.view(">u8").T
    after, before = slice(1, None), slice(None, -1)
    larger = high[after] > high[before]
    return bool(
        np.all(larger | ((high[after] == high[before]) & (low[after] > low[before])))
    )
