"""Where encoded tables lie, so that all worker processes read one copy of them."""

import os
import shutil
import stat
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import final

__all__ = ["SharedFolder"]

SHARED = Path("/dev/shm")


@final
class SharedFolder:
    """A private folder in memory, or on disk where the system has none.

    Parameters
    ----------
    shelf : Path
        The server's folder, locked by this process: what an earlier one left in memory
        is removed.
    shared : Path

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     memory = SharedFolder(Path(folder), shared=Path(folder))
    ...     paths = {memory.fresh("st-7"), memory.fresh("st-7")}
    ...     memory.close()
    >>> len(paths), {path.parent for path in paths} == {memory.folder}
    (2, True)
    """

    def __init__(self, shelf: Path, shared: Path = SHARED) -> None:
        name = sha256(os.fsencode(shelf.resolve())).hexdigest()[:24]
        wanted = shared / f"presence-{name}"
        self.folder = wanted if _claim(wanted) else shelf / "cells"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._numbers = count()
        for path in self.folder.iterdir():
            path.unlink()

    def fresh(self, word: str) -> Path:
        """Return a path that was not used before.

        Parameters
        ----------
        word : str

        Returns
        -------
        Path
        """
        return self.folder / f"{word}-{os.getpid()}-{next(self._numbers)}"

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _claim(path: Path) -> bool:
    """Make the folder, or say that its place is not ours: /dev/shm is open to all."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError:
        return False
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return mine and not found.st_mode & 0o077
