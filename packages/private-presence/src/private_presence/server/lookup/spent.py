"""Lookup tokens that were redeemed: one small database for each day (F12, F13).

A day of 100 000 users has tens of millions of tokens: they stay on disk, with a cache of
a few megabytes, and a batch is one transaction.
"""

import sqlite3
import threading
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import final

from private_presence.errors import StorageError
from private_presence.primitives.secret import equal

__all__ = ["SpentFile", "SpentFiles"]

TABLE = "CREATE TABLE IF NOT EXISTS spent(t BLOB PRIMARY KEY, h BLOB) WITHOUT ROWID"
PUT = "INSERT OR IGNORE INTO spent VALUES(?, ?)"
GET = "SELECT h FROM spent WHERE t = ?"


@final
class SpentFile:
    """The tokens of one day.

    Parameters
    ----------
    path : Path or str
        ":memory:" for a set that is lost.

    Examples
    --------
    >>> spent = SpentFile(":memory:")
    >>> spent.spend([(b"t", b"one query"), (b"t", b"another"), (b"u", b"another")])
    [True, False, True]
    >>> spent.paid([(b"t", b"one query"), (b"t", b"another")])
    [True, False]
    """

    def __init__(self, path: Path | str) -> None:
        self._base = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False
        )
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")
        self._base.execute(TABLE)
        self._turn = threading.Lock()  # a connection has one transaction

    def paid(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[bool]:
        """Say which tokens were redeemed for exactly this query: resends.

        Parameters
        ----------
        pairs : sequence of (bytes, bytes)
            A token's t, 32 bytes, with the hash of the query.

        Returns
        -------
        list of bool

        Raises
        ------
        StorageError
            If the file cannot be read.
        """
        with self._turn:
            try:
                return [self._fits(*pair) for pair in pairs]
            except sqlite3.Error as error:
                raise StorageError(
                    f"used tokens could not be read ({error}): see to the disk"
                ) from None

    def spend(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[bool]:
        """Redeem tokens that were checked; on disk when this returns.

        Parameters
        ----------
        pairs : sequence of (bytes, bytes)
            A token's t with the hash of the query that it pays for.

        Returns
        -------
        list of bool
            False for a token that paid for another query before.

        Raises
        ------
        StorageError
            If the disk is full: nothing was redeemed.
        """
        with self._turn:
            try:
                self._base.execute("BEGIN IMMEDIATE")
                # By t, and of one t the first: not in the order of their arrival.
                self._base.executemany(PUT, sorted(pairs, key=itemgetter(0)))
                good = [self._fits(*pair) for pair in pairs]
                self._base.execute("COMMIT")
            except sqlite3.Error as error:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise StorageError(
                    f"tokens could not be marked as used ({error}): free some space, "
                    "then it goes on by itself"
                ) from None
            return good

    def _fits(self, t: bytes, query_hash: bytes) -> bool:
        row = self._base.execute(GET, (t,)).fetchone()
        return row is not None and equal(row[0], query_hash)

    def close(self) -> None:
        """Close the database."""
        self._base.close()


@final
class SpentFiles:
    """The days that are still accepted, each with its file.

    Parameters
    ----------
    folder : Path

    Examples
    --------
    A token of another day is another token:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = SpentFiles(Path(folder))
    ...     print(files.day(7).spend([(b"t", b"one query")]))
    ...     print(files.day(7).spend([(b"t", b"another")]))
    ...     print(files.day(8).spend([(b"t", b"another")]))
    ...     files.close()
    [True]
    [False]
    [True]
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._open: dict[int, SpentFile] = {}

    def day(self, day: int) -> SpentFile:
        """Return the tokens of a day.

        Parameters
        ----------
        day : int

        Returns
        -------
        SpentFile

        Raises
        ------
        StorageError
            If its file cannot be made.
        """
        if day not in self._open:
            try:
                self._open[day] = SpentFile(self._folder / f"{day}.sqlite")
            except sqlite3.Error as error:
                raise StorageError(
                    f"expected a file of spent tokens; {error}"
                ) from None
        return self._open[day]

    def forget_before(self, day: int) -> None:
        """Remove the files of days whose key expired.

        Parameters
        ----------
        day : int
            The first one to stay.

        Raises
        ------
        StorageError
            If a file could not be removed.
        """
        try:
            for path in self._folder.glob("*.sqlite"):
                if int(path.stem) < day:
                    self._forget(path)
        except OSError as error:
            raise StorageError(
                "expected to remove spent tokens of past days; the disk said "
                f"{error.strerror or 'no'}: see to the disk, then it goes on by itself"
            ) from None

    def _forget(self, path: Path) -> None:
        if (base := self._open.pop(int(path.stem), None)) is not None:
            base.close()
        # The database goes last: while it is there, what belongs to it is looked for.
        for each in sorted(self._folder.glob(f"{path.name}*"), reverse=True):
            each.unlink(missing_ok=True)

    def close(self) -> None:
        """Close all files."""
        for base in self._open.values():
            base.close()
        self._open.clear()
