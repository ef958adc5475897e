"""What the store asks of a file system, one operation each."""

import os
from pathlib import Path

__all__ = ["Files", "replace_file"]


class Files:
    """The things that the store asks of a file system; tests break each.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "state"
    ...     Files().close(Files().create(path))
    ...     print(oct(path.stat().st_mode & 0o777))
    0o600
    """

    def create(self, path: Path) -> int:
        """Open an empty file that only its owner can read.

        Parameters
        ----------
        path : Path

        Returns
        -------
        int
            A descriptor.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        return os.open(path, flags, 0o600)

    def write(self, handle: int, data: bytes) -> None:
        """Write all bytes.

        Parameters
        ----------
        handle : int
        data : bytes
        """
        while data:
            data = data[os.write(handle, data) :]

    def sync(self, handle: int) -> None:
        """Wait until the bytes are on disk.

        Parameters
        ----------
        handle : int
        """
        os.fsync(handle)

    def close(self, handle: int) -> None:
        """Close a file.

        Parameters
        ----------
        handle : int
        """
        os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        """Put one file in the place of another, in one step.

        Parameters
        ----------
        source, target : Path
        """
        os.replace(source, target)

    def sync_folder(self, folder: Path) -> None:
        """Wait until names are on disk.

        Parameters
        ----------
        folder : Path
        """
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def hold(self, path: Path) -> int | None:
        """Keep hold of the file that a rename is about to replace.

        Parameters
        ----------
        path : Path

        Returns
        -------
        int or None
            A descriptor of the old bytes; None if there are none.
        """
        try:
            return os.open(path, os.O_WRONLY)
        except FileNotFoundError:
            return None

    def wipe(self, handle: int) -> None:
        """Write zeros over a replaced file, and close it.

        Best effort: a file system with copies or journals, and flash, keep old bytes
        all the same.

        Parameters
        ----------
        handle : int
            From `hold`.
        """
        try:
            os.pwrite(handle, bytes(os.fstat(handle).st_size), 0)
            os.fsync(handle)
        finally:
            os.close(handle)


def replace_file(files: Files, path: Path, data: bytes, *, wipe: bool = True) -> None:
    """Write a file whole or not at all, then overwrite what was there before.

    Parameters
    ----------
    files : Files
    path : Path
    data : bytes
        On disk under this name when this returns.
    wipe : bool
        False if the old bytes are no secret.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "state"
    ...     replace_file(Files(), path, b"old")
    ...     replace_file(Files(), path, b"new")
    ...     print(path.read_bytes(), os.listdir(folder))
    b'new' ['state']
    """
    fresh = path.with_name(path.name + ".new")
    handle = files.create(fresh)
    try:
        files.write(handle, data)
        files.sync(handle)
    finally:
        files.close(handle)
    old = files.hold(path) if wipe else None
    files.rename(fresh, path)
    files.sync_folder(path.parent)
    if old is not None:  # only now: until here a crash needs the old bytes
        files.wipe(old)
