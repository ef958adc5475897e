"""What the store asks of a file system, one operation each."""

import os
from pathlib import Path

__all__ = ["Files"]


class Files:
    """The six things that the store asks of a file system; tests break each."""

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
