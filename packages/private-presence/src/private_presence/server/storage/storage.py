"""What a registrar asks of its memory."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path

from private_presence.protocol.epochs import Kind
from private_presence.server.storage.group import Group
from private_presence.server.storage.table_state import TableState

__all__ = ["Storage"]


def _nowhere(point: str) -> None:
    """Tests stop the process here; nobody else does anything."""


class Storage(ABC):
    """A registrar's memory.  What a method has stored is on disk when it returns.

    No address, no account beside a token or record, and no time is ever stored, and no
    table has a running number.  Records and tokens are committed in groups, each sorted
    by tag; the raw file is sorted by tag.  What a copy of the *live* disk still shows
    is in which of the groups since the last checkpoint (SQLite: the write-ahead log;
    PostgreSQL: the log, transaction numbers and the heap's order) a record came, and
    which tokens came with it; pages that split hint at the same.  The log is emptied
    and the records are removed as soon as the raw file exists.

    Every method may raise `StorageError` if the disk is full or the database is away:
    nothing of that call was acknowledged, and the same call works again when it is
    back.  Methods may be called from several threads.

    Examples
    --------
    Both databases are opened by `open_storage`:

    >>> import tempfile
    >>> from private_presence.server.storage import open_storage
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     storage: Storage = open_storage(f"sqlite:///{folder}/data")
    ...     storage.add_account(bytes(32))
    ...     print(storage.has_account(bytes(32)), storage.has_account(b"b" * 32))
    ...     storage.close()
    True False
    """

    at: Callable[[str], None] = staticmethod(_nowhere)

    # ---- tables

    @abstractmethod
    def state(self, kind: Kind, epoch: int) -> TableState | None:
        """Load what was promised about a table.

        Parameters
        ----------
        kind : Kind
        epoch : int

        Returns
        -------
        TableState or None
            None if nothing was.
        """

    @abstractmethod
    def states(self, kind: Kind) -> list[TableState]:
        """Load all tables of a kind.

        Parameters
        ----------
        kind : Kind

        Returns
        -------
        list of TableState
            By epoch.
        """

    @abstractmethod
    def save(self, state: TableState) -> None:
        """Replace the state of a table.

        Parameters
        ----------
        state : TableState
        """

    @abstractmethod
    def remove(self, kind: Kind, epoch: int) -> None:
        """Forget a table: its state, its records and its raw file.

        Parameters
        ----------
        kind : Kind
        epoch : int
        """

    # ---- records

    @abstractmethod
    def values(
        self, kind: Kind, epoch: int, tags: Iterable[bytes]
    ) -> dict[bytes, bytes]:
        """Look up records of an open table.

        Parameters
        ----------
        kind : Kind
        epoch : int
        tags : iterable of bytes, 16 each

        Returns
        -------
        dict from bytes to bytes
            Those that are there.
        """

    @abstractmethod
    def commit(self, group: Group) -> None:
        """Store tokens, then records, each as one transaction.

        A crash between the two leaves tokens that still pay for the bodies they came
        with: an honest resend heals it.

        Parameters
        ----------
        group : Group
        """

    @abstractmethod
    def write_raw(self, kind: Kind, epoch: int) -> tuple[bytes, int]:
        """Write the raw file from the records; the same bytes if repeated.

        Parameters
        ----------
        kind : Kind
        epoch : int

        Returns
        -------
        raw_hash, count : bytes, int
            SHA-256 of ``(tag | value)*`` sorted by tag, and how many.
        """

    @abstractmethod
    def raw_file(self, kind: Kind, epoch: int) -> Path:
        """Say where the raw file is.

        Parameters
        ----------
        kind : Kind
        epoch : int

        Returns
        -------
        Path
        """

    @abstractmethod
    def drop_records(self, kind: Kind, epoch: int) -> None:
        """Remove the records of a table whose raw file is written.

        Parameters
        ----------
        kind : Kind
        epoch : int
        """

    @abstractmethod
    def record_tables(self, kind: Kind) -> list[int]:
        """List the tables that there are records of, those without a state too.

        Parameters
        ----------
        kind : Kind

        Returns
        -------
        list of int
            Their epochs, in order.
        """

    # ---- tokens and accounts

    @abstractmethod
    def spent(self, role: int, day: int, tokens: Iterable[bytes]) -> dict[bytes, bytes]:
        """Look up redeemed tokens of a key.

        Parameters
        ----------
        role, day : int
        tokens : iterable of bytes, 32 each

        Returns
        -------
        dict from bytes to bytes
            To the hash of the body that they paid for; those that are there.
        """

    @abstractmethod
    def issue_once(
        self, day: int, role: int, account: bytes, request_hash: bytes
    ) -> bool:
        """Note that an account has its batch, before it is signed.

        Parameters
        ----------
        day, role : int
        account : bytes, 32
            SHA-256 of the credential.
        request_hash : bytes, 32
            Of the blinded points.  The same ones may be signed again, after an answer
            was lost: blind signatures are deterministic, so nothing is gained by it.

        Returns
        -------
        bool
            False if another batch was noted before.
        """

    @abstractmethod
    def forget_days(self, before: int) -> None:
        """Remove what belongs to keys that have expired.

        Parameters
        ----------
        before : int
            The first day that is kept.
        """

    @abstractmethod
    def add_account(self, account: bytes) -> None:
        """Enrol an account; nothing happens if it is known.

        Parameters
        ----------
        account : bytes, 32
            SHA-256 of the credential.
        """

    @abstractmethod
    def remove_account(self, account: bytes) -> bool:
        """Remove an account.

        Parameters
        ----------
        account : bytes, 32

        Returns
        -------
        bool
            Whether it was there.
        """

    @abstractmethod
    def has_account(self, account: bytes) -> bool:
        """Say whether an account is enrolled.

        Parameters
        ----------
        account : bytes, 32
            SHA-256 of the credential: what the time of a search shows is about the
            hash of 32 random bytes, not about them.

        Returns
        -------
        bool
        """

    @abstractmethod
    def count_accounts(self) -> int:
        """Count the enrolled accounts.

        Returns
        -------
        int
        """

    @abstractmethod
    def close(self) -> None:
        """Release files and connections."""
