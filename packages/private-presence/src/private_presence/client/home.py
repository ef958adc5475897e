"""A person's folder: what lies where, and the keeper of the device in it.

::

    ~/.presence/deployment    the pinned deployment file; public
    ~/.presence/state         the device, sealed (`vault`)
    ~/.presence/requests      nonces of open requests, sealed
    ~/.presence/lock          held during an edit; `online` while somebody is online
    ~/.local/state/presence/  instance and counter: the mirror, outside of backups

The mirror's name contains this machine's identity, and its folder carries the mark that
backup programs skip: a folder that was copied or put back is noticed (F5).
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import final

from private_presence.client.device import Device
from private_presence.client.keeper import Edit, Keeper, SavedDevice
from private_presence.client.lock import hold, hold_or_refuse
from private_presence.errors import LostStateError, RestoredStateError, StateError
from private_presence.protocol.deployment import (
    MAX_DEPLOYMENT_SIZE,
    Deployment,
    decode_deployment,
    newer,
)
from private_presence.protocol.files import Files, replace_file
from private_presence.protocol.store import Store, Wrap

__all__ = ["DiskKeeper", "Home", "home_of"]

# https://bford.info/cachedir: programs that make backups know this file.
SKIP_NAME = "CACHEDIR.TAG"
SKIP_MARK = b"Signature: 8a477f597d28d172789f06886806bc55\n"
MACHINE_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")


@dataclass(frozen=True)
class Home:
    """Where one person's files are.

    Parameters
    ----------
    folder : Path
        May be backed up.
    mirrors : Path
        Must not be.
    files : Files
        The file system.

    Examples
    --------
    Two folders, and none of them is touched before `make` or `pin`:

    >>> home = Home(Path("/nowhere/alice"), Path("/nowhere/mirrors"))
    >>> home.state.as_posix(), home.mirror.parent.as_posix()
    ('/nowhere/alice/state', '/nowhere/mirrors')
    >>> home.check_unused()
    >>> home.deployment()
    Traceback (most recent call last):
    private_presence.errors.LostStateError: expected a deployment file in ...
    """

    folder: Path
    mirrors: Path
    files: Files = field(default_factory=Files)

    @property
    def state(self) -> Path:
        """The sealed device."""
        return self.folder / "state"

    @property
    def deployment_file(self) -> Path:
        """The pinned deployment."""
        return self.folder / "deployment"

    @property
    def requests(self) -> Path:
        """The sealed nonces of open requests."""
        return self.folder / "requests"

    @property
    def mirror(self) -> Path:
        """Instance and counter of the device, for this machine and folder.

        However the folder's path is spelled: a link to it is the same folder.
        """
        mirror = self._mirror_of(self.folder.resolve())
        # Earlier versions went by the spelling.
        spelled = self._mirror_of(self.folder.absolute())
        return spelled if spelled.exists() and not mirror.exists() else mirror

    def _mirror_of(self, folder: Path) -> Path:
        place = f"{_machine()}\0{folder}".encode()
        return self.mirrors / sha256(place).hexdigest()[:32]

    def make(self) -> None:
        """Make the folders, for their owner only."""
        for folder in (self.folder, self.mirrors):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        skip = self.mirrors / SKIP_NAME
        if not skip.exists():
            skip.write_bytes(SKIP_MARK)

    def pin(self, data: bytes) -> Deployment:
        """Take a deployment file: the first one, or a newer directory of the same.

        Parameters
        ----------
        data : bytes

        Returns
        -------
        Deployment
            The one in force afterwards.

        Raises `ForeignStateError` if another deployment is pinned already; and
        `EncodingError` or `VerificationError` if the file has another form, or is not
        signed by everybody it names.
        """
        offered = decode_deployment(data)
        if self.deployment_file.exists():
            pinned = self.deployment()
            if newer(pinned, offered) is pinned:
                return pinned
        self.make()
        replace_file(self.files, self.deployment_file, data, wipe=False)
        return offered

    def deployment(self) -> Deployment:
        """Read the pinned deployment.

        Returns
        -------
        Deployment

        Raises
        ------
        LostStateError
            If none is pinned.
        """
        try:
            with self.deployment_file.open("rb") as file:
                return decode_deployment(file.read(MAX_DEPLOYMENT_SIZE + 1))
        except FileNotFoundError:
            raise LostStateError(
                f"expected a deployment file in {self.folder}; got none: join one by "
                "presence init --deployment FILE"
            ) from None

    def store(self, wrap: Wrap) -> Store[Device]:
        """Give the store of the device.

        Parameters
        ----------
        wrap : Wrap

        Returns
        -------
        Store
        """
        return Store(self.state, self.mirror, self.files, Device, wrap)

    def keeper(self, wrap: Wrap) -> "DiskKeeper":
        """Give the keeper of the device.

        Parameters
        ----------
        wrap : Wrap

        Returns
        -------
        DiskKeeper

        Raises `LostStateError` if no deployment is pinned.
        """
        return DiskKeeper(self, wrap)

    def editing(self) -> AbstractAsyncContextManager[None]:
        """Wait until nobody else edits here.

        Returns
        -------
        context manager

        Raises `StateError` on entry if somebody edits for half a minute.
        """
        return hold(self.folder / "lock")

    def being_online(self) -> AbstractAsyncContextManager[None]:
        """Be the only one who is online from here.

        Returns
        -------
        context manager

        Raises `StateError` on entry if somebody is.
        """
        return hold_or_refuse(self.folder / "online", "somebody is online")

    def check_unused(self) -> None:
        """Refuse to go on where a device lives already.

        Raises
        ------
        StateError
            If there is a state file.
        """
        if self.state.exists():
            raise StateError(
                f"{self.folder} holds a device already: use it, or choose another "
                "folder by --home"
            )


@final
class DiskKeeper(Keeper):
    """The device on disk: lock, load, step, save, unlock.

    Parameters
    ----------
    home : Home
    wrap : Wrap

    Examples
    --------
    Each edit sees what was saved last, by whichever process:

    >>> import asyncio
    >>> from dataclasses import replace
    >>> from tempfile import TemporaryDirectory
    >>> from private_presence.client.device import Wish, new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.directory import Directory
    >>> from private_presence.protocol.store import Plain
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> class Joined(Home):  # in earnest `pin` takes the deployment's signed file
    ...     def deployment(self):
    ...         return Deployment(config, Directory(config.dep_id, 1, ()))
    >>> async def go_online(keeper):
    ...     async with keeper.edit() as edit:
    ...         return edit.save(replace(edit.device, wish=Wish(True)))
    >>> with TemporaryDirectory() as folder:
    ...     home = Joined(Path(folder, "alice"), Path(folder, "mirrors"))
    ...     home.make()
    ...     _ = home.store(Plain()).save(new_device(config, 100, SystemRandomness()))
    ...     saved = asyncio.run(go_online(home.keeper(Plain())))
    ...     saved.device.wish.visible, saved.device.client.counter
    (True, 2)
    """

    def __init__(self, home: Home, wrap: Wrap) -> None:
        self._home, self._store = home, home.store(wrap)
        self._config = home.deployment().config

    @asynccontextmanager
    async def edit(self) -> AsyncIterator[Edit]:
        """Wait for one's turn, load the newest device, and hold it.

        Yields
        ------
        Edit

        Raises `RestoredStateError` if the state is a copy or an old one, and the errors
        of `Store.load` and `Home.editing`.
        """
        async with self._home.editing():
            yield _DiskEdit(self._store, self._load())

    def _load(self) -> Device:
        # With the lock: after a crash a load also writes the mirror.
        try:
            return self._store.load(self._config).state
        except RestoredStateError:
            raise RestoredStateError(
                "this state is older than what this device has done, or a copy from "
                f"another one: run presence restore {self._home.state} --replace"
            ) from None


@final
class _DiskEdit(Edit):
    def __init__(self, store: Store[Device], device: Device) -> None:
        self._store, self._device = store, device

    @property
    def device(self) -> Device:
        return self._device

    def save(self, device: Device) -> SavedDevice:
        self._device = self._store.save(device).state
        return SavedDevice(self._device)


def home_of(folder: str | None, environment: Mapping[str, str]) -> Home:
    """Find a person's folder.

    Parameters
    ----------
    folder : str or None
        As given on the command line.
    environment : mapping
        ``PRESENCE_HOME``, ``XDG_STATE_HOME`` and ``HOME`` are read.

    Returns
    -------
    Home

    Examples
    --------
    >>> home_of(None, {"HOME": "/home/alice"}).state.as_posix()
    '/home/alice/.presence/state'
    """
    user = Path(environment.get("HOME") or Path.home())
    where = Path(folder or environment.get("PRESENCE_HOME") or user / ".presence")
    states = Path(environment.get("XDG_STATE_HOME") or user / ".local" / "state")
    return Home(where.expanduser(), states / "presence")


def _machine() -> str:
    for name in MACHINE_FILES:
        try:
            return Path(name).read_text(encoding="ascii").strip()
        except OSError:
            continue
    return os.uname().nodename
