"""A lookup server's folder: promises, raw files and manifests, each written whole.

``tables/{kind}-{epoch}.kept|asked|raw|signed``, ``{kind}.chain``, ``evidence/``; what R
asked this server to sign is kept, for a second one would be a proof.  A file is
renamed into place after its bytes are on disk, so that a stop at any instant leaves the
state before a step or after it.  A table is published exactly if its signed manifest
is there.
"""

import fcntl
import os
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, final

from private_presence.errors import StateError, StorageError
from private_presence.protocol.codec import decode_record, encode_record
from private_presence.protocol.epochs import Kind
from private_presence.protocol.files import Files, replace_file
from private_presence.protocol.manifest import MAX_SIGNED_SIZE
from private_presence.server.lookup.chain import Chain
from private_presence.server.lookup.kept import Kept, decode_kept, encode_kept

__all__ = ["Shelf", "TableKey"]

MAX_CHAIN = 16_384 + MAX_SIGNED_SIZE
PARTS = ("signed", "raw", "asked", "kept")  # in the order in which they are removed
# Files of each kind of proof: somebody who signs many lies of one kind must fill neither
# the disk nor the places of the others.
MAX_EVIDENCE = 100


class TableKey(NamedTuple):
    """Which table.

    Examples
    --------
    >>> TableKey(Kind.ST, 7).word
    'st-7'
    """

    kind: Kind
    epoch: int

    @property
    def word(self) -> str:
        """Name of its files."""
        return f"{self.kind.name.lower()}-{self.epoch}"


@final
class Shelf:
    """The folder, and its small records in memory.

    Parameters
    ----------
    folder : Path
        Made if it is not there; one process at a time.
    files : Files

    Raises
    ------
    StateError
        If another process holds it.

    Raises `EncodingError` too, if a promise in it is damaged; methods that write or
    remove raise `StorageError` if the disk does not let them.

    Examples
    --------
    What was promised is known after a stop:

    >>> import tempfile
    >>> from private_presence.primitives.secret import Secret
    >>> key, kept = TableKey(Kind.ST, 7), Kept(Secret(bytes(32)), (b"", b""))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     shelf = Shelf(Path(folder), Files())
    ...     shelf.keep(key, kept)
    ...     shelf.close()
    ...     again = Shelf(Path(folder), Files())
    ...     again.close()
    >>> again.kept(key) == kept, again.kept(TableKey(Kind.ST, 8))
    (True, None)
    """

    def __init__(self, folder: Path, files: Files) -> None:
        self.folder, self.files = folder, files
        self.tables_folder, self._evidence = folder / "tables", folder / "evidence"
        for each in (folder, self.tables_folder, self._evidence):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock: int | None = _lock(folder / "lock")
        try:
            self._remove_leftovers()
            self._kept = self._load_kept()
            self._chains = {kind: self._load_chain(kind) for kind in Kind}
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let another process have the folder; a second call does nothing."""
        handle, self._lock = self._lock, None
        if handle is not None:
            os.close(handle)

    def path(self, key: TableKey, part: str) -> Path:
        """Return where a file of a table is.

        Parameters
        ----------
        key : TableKey
        part : str
            "kept", "asked", "raw" or "signed".

        Returns
        -------
        Path
        """
        return self.tables_folder / f"{key.word}.{part}"

    def kept(self, key: TableKey) -> Kept | None:
        """Return what was promised for a table, if anything.

        Parameters
        ----------
        key : TableKey

        Returns
        -------
        Kept or None
        """
        return self._kept.get(key)

    def keep(self, key: TableKey, kept: Kept) -> None:
        """Make a promise durable; only then may it be told.

        Parameters
        ----------
        key : TableKey
        kept : Kept
        """
        self._write(self.path(key, "kept"), encode_kept(kept))
        self._kept[key] = kept

    def chain(self, kind: Kind) -> Chain:
        """Return the history of a kind.

        Parameters
        ----------
        kind : Kind

        Returns
        -------
        Chain
        """
        return self._chains[kind]

    def keep_chain(self, kind: Kind, chain: Chain) -> None:
        """Make a history durable.

        Parameters
        ----------
        kind : Kind
        chain : Chain
        """
        if chain != self._chains[kind]:
            self._write(self._chain_path(kind), encode_record(chain))
            self._chains[kind] = chain

    def put(self, key: TableKey, part: str, data: bytes) -> None:
        """Write a raw file, or a manifest with R's or all signatures.

        Parameters
        ----------
        key : TableKey
        part : str
        data : bytes
        """
        self._write(self.path(key, part), data)

    def published(self) -> list[TableKey]:
        """Return the tables whose signed manifest is here, oldest first.

        Returns
        -------
        list of TableKey
        """
        return sorted(key for key in self._kept if self.path(key, "signed").exists())

    def promised(self) -> list[TableKey]:
        """Return the tables of which anything is kept.

        Returns
        -------
        list of TableKey
        """
        return sorted(self._kept)

    def remove(self, key: TableKey) -> None:
        """Forget a table whose epoch is over; the promise goes last.

        Parameters
        ----------
        key : TableKey
        """
        for part in PARTS:
            self._unlink(self.path(key, part))
        self._kept.pop(key, None)

    def drop_unpublished(self, key: TableKey) -> None:
        """Remove the raw file of a table that is not served; the promise stays.

        Parameters
        ----------
        key : TableKey
        """
        if not self.path(key, "signed").exists():
            self._unlink(self.path(key, "raw"))

    def testify(self, key: TableKey, what: str, data: bytes) -> None:
        """Keep a proof that somebody said two things.

        Parameters
        ----------
        key : TableKey
        what : str
            One word of the program's own.
        data : bytes
            Both, with their signatures.
        """
        name = f"{key.word}-{what}-{sha256(data).hexdigest()[:16]}"
        path = self._evidence / name
        same = sum(1 for _ in self._evidence.glob(f"*-{what}-*"))
        if not path.exists() and same < MAX_EVIDENCE:
            self._write(path, data)

    def evidence(self) -> list[Path]:
        """Return the proofs kept so far.

        Returns
        -------
        list of Path
        """
        return sorted(self._evidence.iterdir())

    def _write(self, path: Path, data: bytes) -> None:
        try:
            replace_file(self.files, path, data)
        except OSError as error:
            path.with_name(path.name + ".new").unlink(missing_ok=True)
            raise StorageError(
                f"expected room for a file of {len(data)} bytes; the disk said "
                f"{error.strerror or 'no'}: free some space, then it goes on by itself"
            ) from None

    def _unlink(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"expected to remove {path.name}; the disk said "
                f"{error.strerror or 'no'}: see to the disk, then it goes on by itself"
            ) from None

    def _chain_path(self, kind: Kind) -> Path:
        return self.folder / f"{kind.name.lower()}.chain"

    def _load_chain(self, kind: Kind) -> Chain:
        path = self._chain_path(kind)
        if not path.exists():
            return Chain()
        return decode_record(Chain, path.read_bytes(), MAX_CHAIN)

    def _load_kept(self) -> dict[TableKey, Kept]:
        paths = self.tables_folder.glob("*.kept")
        return {_key(path): decode_kept(path.read_bytes()) for path in paths}

    def _remove_leftovers(self) -> None:
        for path in self.folder.rglob("*.new"):
            path.unlink()
        for part in ("raw", "asked", "signed"):
            for path in self.tables_folder.glob(f"*.{part}"):
                if not path.with_suffix(".kept").exists():
                    path.unlink()


def _key(path: Path) -> TableKey:
    kind, epoch = path.stem.split("-")
    return TableKey(Kind[kind.upper()], int(epoch))


def _lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise StateError(
            "expected this folder for one server; another process holds it: stop that "
            "one, or give each server its own folder"
        ) from None
    return handle
