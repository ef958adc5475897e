"""The client's state on disk: whole or not at all, and saved before anything is sent.

A file is written beside the old one, synchronised, and renamed over it.  A second,
tiny file holds instance and counter; keep it out of backups.  If the two disagree the
state is older than what this device has done, or a copy.
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from private_presence.errors import (
    CorruptStateError,
    EncodingError,
    ForeignStateError,
    LostStateError,
    RestoredStateError,
)
from private_presence.primitives.secret import equal
from private_presence.protocol.client import Client
from private_presence.protocol.codec import decode_record, encode_record
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.files import Files

__all__ = [
    "Outgoing",
    "Saved",
    "Store",
    "decode_state",
    "encode_state",
    "outgoing",
]

MAGIC = b"MP3v1-state\x01"
MAX_STATE_SIZE = 16 << 20


@dataclass(frozen=True)
class Outgoing:
    """A body to send; a retry sends the same bytes."""

    kind: Kind
    epoch: int
    body: bytes


@dataclass(frozen=True)
class Saved:
    """A state that is on disk.  Only `Store.save` and `Store.load` make one."""

    client: Client


def encode_state(client: Client) -> bytes:
    """Write a client with a checksum.

    Parameters
    ----------
    client : Client

    Returns
    -------
    bytes
    """
    body = encode_record(client)
    return MAGIC + sha256(body).digest() + body


def decode_state(data: bytes) -> Client:
    """Read a client.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    Client

    Raises
    ------
    CorruptStateError
        If it is not what `encode_state` wrote.
    """
    head = len(MAGIC) + 32
    checksum, body = data[len(MAGIC) : head], data[head:]
    good = data.startswith(MAGIC) and equal(sha256(body).digest(), checksum)
    try:
        if good:
            return decode_record(Client, body, MAX_STATE_SIZE)
    except EncodingError:
        pass
    raise CorruptStateError(
        "expected a whole state file of version 1; got something else: restore a "
        "backup, which walks the retained epochs before it registers"
    )


class Store:
    """One client's files.

    Parameters
    ----------
    path : Path
        The state; it may be backed up.
    mirror : Path
        Instance and counter; it must not be.
    files : Files
        The file system.
    """

    def __init__(self, path: Path, mirror: Path, files: Files | None = None) -> None:
        self._path, self._mirror = path, mirror
        self._files = files or Files()

    def save(self, client: Client) -> Saved:
        """Write a state; when this returns, it survives any crash.

        Parameters
        ----------
        client : Client

        Returns
        -------
        Saved
            With its counter one higher; from it `outgoing` gives what to send.
        """
        # Before the first state there is a mirror, so that a state without one is
        # always a copy.  Later the state comes first: a crash between the two leaves
        # the mirror one behind, whereas a backup leaves it ahead.
        if not _read_or_empty(self._mirror):
            self._put(self._mirror, _mark(client))
        client = replace(client, counter=client.counter + 1)
        self._put(self._path, encode_state(client))
        self._put(self._mirror, _mark(client))
        return Saved(client)

    def load(self, config: Config) -> Saved:
        """Read the state.

        Parameters
        ----------
        config : Config

        Returns
        -------
        Saved

        Raises
        ------
        LostStateError
            If there is no state file.
        CorruptStateError
            If it is not whole.
        ForeignStateError
            If it is of another deployment.
        RestoredStateError
            If the mirror is ahead, missing or another device's: use `load_restored`.
        """
        client = self._read(config)
        mark = _read_or_empty(self._mirror)
        if equal(mark, _mark(client)):
            return Saved(client)
        before = replace(client, counter=max(client.counter - 1, 0))
        if not equal(mark, _mark(before)):
            raise RestoredStateError(
                "this state is older than what this device has done, or is a copy from "
                "another one: load it as restored, and let it walk the retained epochs"
            )
        self._put(self._mirror, _mark(client))
        return Saved(client)

    def load_restored(self, config: Config, instance: bytes) -> Client:
        """Read a backup; pass it to `client.mark_restored`, then save it.

        Parameters
        ----------
        config : Config
        instance : bytes, 16
            A fresh one for this device.

        Returns
        -------
        Client
            Not yet saved, so that nothing can be sent from it.
        """
        return replace(self._read(config), instance=instance)

    def _read(self, config: Config) -> Client:
        data = _read_or_empty(self._path)
        if not data:
            raise LostStateError(
                f"expected a state file at {self._path}; got none: restore a backup, or "
                "set up anew and exchange invitations again"
            )
        client = decode_state(data)
        if not equal(client.dep_id, config.dep_id):
            raise ForeignStateError(
                "this state file belongs to another deployment: use its configuration, "
                "or another folder"
            )
        return client

    def _put(self, path: Path, data: bytes) -> None:
        files, fresh = self._files, path.with_name(path.name + ".new")
        handle = files.create(fresh)
        try:
            files.write(handle, data)
            files.sync(handle)
        finally:
            files.close(handle)
        files.rename(fresh, path)
        files.sync_folder(path.parent)


def _mark(client: Client) -> bytes:
    return client.instance + client.counter.to_bytes(8, "big")


def _read_or_empty(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_STATE_SIZE + 1)
    except FileNotFoundError:
        return b""


def outgoing(saved: Saved) -> list[Outgoing]:
    """What a saved state has to send.

    Parameters
    ----------
    saved : Saved
        The type is the rule: build once, save, then send.

    Returns
    -------
    list of Outgoing
    """
    result = []
    for circle in saved.client.circles:
        if circle.pending:
            result.append(Outgoing(Kind.LT, circle.pending.epoch, circle.pending.body))
        if circle.st and circle.st.sent:
            result.append(Outgoing(Kind.ST, circle.st.sent.t, circle.st.sent.body))
    return result
