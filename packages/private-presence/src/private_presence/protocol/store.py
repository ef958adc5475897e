"""The client's state on disk: whole or not at all, and saved before anything is sent.

A file is written beside the old one, synchronised, and renamed over it; the old bytes
are then overwritten, since they hold keys that this state has deleted.  A second, tiny
file holds instance and counter; keep it out of backups.  If the two disagree the state
is older than what this device has done, or a copy.

A state is a `Client`, or a frozen dataclass that has one under ``client``.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, TypeVar, final

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
from private_presence.protocol.files import Files, replace_file

__all__ = [
    "Outgoing",
    "Plain",
    "Saved",
    "Store",
    "Wrap",
    "decode_state",
    "encode_state",
    "outgoing",
]

MAGIC = b"MP3v1-state\x01"
MAX_STATE_SIZE = 16 << 20

S = TypeVar("S")


@dataclass(frozen=True)
class Outgoing:
    """A body to send; a retry sends the same bytes.

    Examples
    --------
    Kind and epoch say when it may go:

    >>> from private_presence.protocol.epochs import window
    >>> message = Outgoing(Kind.ST, 7, bytes(165))
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> window(config, message.kind, message.epoch)
    (1800.0, 2070.0)
    """

    kind: Kind
    epoch: int
    body: bytes


@dataclass(frozen=True)
class Saved(Generic[S]):
    """A state that is on disk.  Only `Store.save` and `Store.load` make one.

    Examples
    --------
    Every save counts:

    >>> from tempfile import TemporaryDirectory
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.client import new_client
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> client = new_client(config, 100, SystemRandomness())
    >>> with TemporaryDirectory() as folder:
    ...     saved = Store(Path(folder) / "state", Path(folder) / "mirror").save(client)
    >>> client.counter, saved.client.counter
    (0, 1)
    """

    state: S

    @property
    def client(self) -> Client:
        """The client in it."""
        return _client(self.state)


class Wrap(ABC):
    """What lies around a state on disk: a seal, or nothing.

    Examples
    --------
    A mark instead of a seal:

    >>> class Marked(Wrap):
    ...     def seal(self, data):
    ...         return b"mine " + data
    ...
    ...     def unseal(self, data):
    ...         if not data.startswith(b"mine "):
    ...             raise CorruptStateError("not marked")
    ...         return data[5:]
    >>> Marked().seal(b"state"), Marked().unseal(b"mine state")
    (b'mine state', b'state')
    """

    @abstractmethod
    def seal(self, data: bytes) -> bytes:
        """Close over a state.

        Parameters
        ----------
        data : bytes

        Returns
        -------
        bytes
        """

    @abstractmethod
    def unseal(self, data: bytes) -> bytes:
        """Open what `seal` gave.

        Parameters
        ----------
        data : bytes

        Returns
        -------
        bytes

        Raises `CorruptStateError` if it is nothing that this seal closed.
        """


@final
class Plain(Wrap):
    """No seal: for tests, and for states whose folder is sealed otherwise.

    Examples
    --------
    >>> Plain().unseal(Plain().seal(b"state"))
    b'state'
    """

    def seal(self, data: bytes) -> bytes:
        """Return `data` as it is."""
        return data

    def unseal(self, data: bytes) -> bytes:
        """Return `data` as it is."""
        return data


def encode_state(state: Any) -> bytes:
    r"""Write a state with a checksum.

    Parameters
    ----------
    state : Client, or a dataclass around one

    Returns
    -------
    bytes

    Raises `InputError` if it holds a value of a type that no state has.

    Examples
    --------
    A name and a version come first, then the checksum:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.client import new_client
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> client = new_client(config, 100, SystemRandomness())
    >>> encode_state(client)[:12]
    b'MP3v1-state\x01'
    """
    body = encode_record(state)
    return MAGIC + sha256(body).digest() + body


def decode_state(data: bytes, cls: type[S] = Client) -> S:
    """Read a state.

    Parameters
    ----------
    data : bytes
    cls : type
        Of the state.

    Returns
    -------
    cls

    Raises
    ------
    CorruptStateError
        If it is not what `encode_state` wrote.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.client import new_client
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> data = encode_state(new_client(config, 100, SystemRandomness()))
    >>> decode_state(data).dep_id == config.dep_id
    True
    >>> decode_state(data[:-1])
    Traceback (most recent call last):
    private_presence.errors.CorruptStateError: expected a whole state file of ...
    """
    head = len(MAGIC) + 32
    checksum, body = data[len(MAGIC) : head], data[head:]
    good = data.startswith(MAGIC) and equal(sha256(body).digest(), checksum)
    try:
        if good:
            return decode_record(cls, body, MAX_STATE_SIZE)
    except EncodingError:
        pass
    raise CorruptStateError(
        "expected a whole state file of version 1; got something else: restore a "
        "backup, which walks the retained epochs before it registers"
    )


class Store(Generic[S]):
    """One client's files.

    Parameters
    ----------
    path : Path
        The state; it may be backed up.
    mirror : Path
        Instance and counter; it must not be.
    files : Files
        The file system.
    cls : type
        Of the state: `Client`, or a frozen dataclass with a field ``client``.
    wrap : Wrap
        What lies around the state on disk.

    Examples
    --------
    A state comes back as it was saved; one without its mirror is a copy:

    >>> from tempfile import TemporaryDirectory
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.client import new_client
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> client = new_client(config, 100, SystemRandomness())
    >>> with TemporaryDirectory() as folder:
    ...     path, mirror = Path(folder) / "state", Path(folder) / "mirror"
    ...     saved = Store(path, mirror).save(client)
    ...     loaded = Store(path, mirror).load(config)
    ...     Store(path, Path(folder) / "no mirror").load(config)
    Traceback (most recent call last):
    private_presence.errors.RestoredStateError: this state is older than what ...
    >>> loaded == saved
    True
    """

    def __init__(
        self,
        path: Path,
        mirror: Path,
        files: Files | None = None,
        cls: type[S] = Client,
        wrap: Wrap | None = None,
    ) -> None:
        self._path, self._mirror = path, mirror
        self._files, self._wrap = files or Files(), wrap or Plain()
        self._cls = cls
        self._last: tuple[bytes, S] | None = None  # hash of a file, and what it holds

    def save(self, state: S) -> Saved[S]:
        """Write a state; when this returns, it survives any crash.

        Parameters
        ----------
        state : Client, or a dataclass around one

        Returns
        -------
        Saved
            With its counter one higher; from it `outgoing` gives what to send.
        """
        # Before the first state there is a mirror, so that a state without one is
        # always a copy.  Later the state comes first: a crash between the two leaves
        # the mirror one behind, whereas a backup leaves it ahead.
        client = _client(state)
        if not _read_or_empty(self._mirror):
            self._put_mark(client)
        client = replace(client, counter=client.counter + 1)
        state = _with_client(state, client)
        sealed = self._wrap.seal(encode_state(state))
        replace_file(self._files, self._path, sealed)
        self._put_mark(client)
        self._last = (sha256(sealed).digest(), state)
        return Saved(state)

    def load(self, config: Config) -> Saved[S]:
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
        state = self._read(config)
        client, mark = _client(state), _read_or_empty(self._mirror)
        if equal(mark, _mark(client)):
            return Saved(state)
        before = replace(client, counter=max(client.counter - 1, 0))
        if not equal(mark, _mark(before)):
            raise RestoredStateError(
                "this state is older than what this device has done, or is a copy from "
                "another one: load it as restored, and let it walk the retained epochs"
            )
        self._put_mark(client)
        return Saved(state)

    def load_restored(self, config: Config, instance: bytes) -> S:
        """Read a backup; pass it to `client.mark_restored`, then save it.

        Parameters
        ----------
        config : Config
        instance : bytes, 16
            A fresh one for this device.

        Returns
        -------
        Client, or a dataclass around one
            Not yet saved, so that nothing can be sent from it.

        Raises `LostStateError`, `CorruptStateError` and `ForeignStateError` as `load`
        does.
        """
        state = self._read(config)
        return _with_client(state, replace(_client(state), instance=instance))

    def _read(self, config: Config) -> S:
        data = _read_or_empty(self._path)
        if not data:
            raise LostStateError(
                f"expected a state file at {self._path}; got none: restore a backup, or "
                "set up anew and exchange invitations again"
            )
        state = self._decoded(data)
        if not equal(_client(state).dep_id, config.dep_id):
            raise ForeignStateError(
                "this state file belongs to another deployment: use its configuration, "
                "or another folder"
            )
        return state

    def _decoded(self, data: bytes) -> S:
        # Points are checked when they are decoded; once for each file is enough.
        name = sha256(data).digest()
        if self._last is None or self._last[0] != name:
            state = decode_state(self._wrap.unseal(data), self._cls)
            self._last = (name, state)
        return self._last[1]

    def _put_mark(self, client: Client) -> None:
        replace_file(self._files, self._mirror, _mark(client), wipe=False)


def _client(state: Any) -> Client:
    return state if isinstance(state, Client) else state.client


def _with_client(state: Any, client: Client) -> Any:
    return client if isinstance(state, Client) else replace(state, client=client)


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

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.client import new_client
    >>> from private_presence.protocol.client_publish import publish_lt
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> client = new_client(config, 100, rng)
    >>> client = publish_lt(client, config, 0, 101, 100 * 86_400.0, rng)
    >>> with TemporaryDirectory() as folder:
    ...     saved = Store(Path(folder) / "state", Path(folder) / "mirror").save(client)
    >>> [(it.kind.name, it.epoch, len(it.body)) for it in outgoing(saved)]
    [('LT', 101, 613)]
    """
    result = []
    for circle in saved.client.circles:
        if circle.pending:
            result.append(Outgoing(Kind.LT, circle.pending.epoch, circle.pending.body))
        if circle.st and circle.st.sent:
            result.append(Outgoing(Kind.ST, circle.st.sent.t, circle.st.sent.body))
    return result
