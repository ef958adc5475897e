"""Settings of a server process: a TOML file, then ``PRESENCE_`` variables over it.

Everything is checked before anything starts, and all that is wrong is said at once.
Values are never repeated in a message: a storage's URL may hold a password.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from private_presence.errors import EncodingError, InputError
from private_presence.protocol.directory import split_address
from private_presence.server.lookup.limits import Limits as LookupLimits
from private_presence.server.relay.limits import RelayLimits
from private_presence.server.web.limits import Limits

__all__ = [
    "Common",
    "PirSettings",
    "Place",
    "RegistrarSettings",
    "RelaySettings",
    "read_settings",
]

L = TypeVar("L", Limits, RelayLimits)
ROLES = ("registrar", "pir", "relay")
LEVELS = ("debug", "info", "warning", "error")
KERNELS = ("auto", "fast", "numpy")
LOOPBACK = ("127.0.0.1", "::1")
SQLITE = "sqlite:///"
MAX_WORKERS = 256
MAX_RECORDS = 10_000_000


class Place(NamedTuple):
    """Where to listen: a numeric address and a port.

    Examples
    --------
    >>> Place(*split_address("[::]:8443"))
    Place(host='::', port=8443)
    """

    host: str
    port: int


@dataclass(frozen=True)
class Common:
    """What every server process has.

    Parameters
    ----------
    deployment : Path
        The deployment file that all operators signed.
    keys : Path
        Folder that ``presence operator keys`` made.
    listen : Place
        For clients.
    admin : Place
        Health, metrics and the operator page: loopback only, plain HTTP.
    log_level : str

    Examples
    --------
    What may be left out has a default:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "settings.toml")
    ...     _ = file.write_text('listen = "[::]:443"')
    ...     environ = {"PRESENCE_DEPLOYMENT": ".", "PRESENCE_KEYS": "."}
    ...     common = read_settings("relay", file, environ).common
    >>> common.listen.port, common.admin.host, common.log_level
    (443, '127.0.0.1', 'info')
    """

    deployment: Path
    keys: Path
    listen: Place
    admin: Place
    log_level: str


@dataclass(frozen=True)
class RegistrarSettings:
    """Of ``presence serve registrar``.

    Parameters
    ----------
    common : Common
    storage : str
        URL; hidden, since it may hold a password.
    limits : Limits

    Examples
    --------
    >>> places = (Place("::", 443), Place("127.0.0.1", 9443))
    >>> common = Common(Path("deployment.presence"), Path("keys"), *places, "info")
    >>> storage = "postgresql://user:hunter2@host/database?files=folder"
    >>> "hunter2" in repr(RegistrarSettings(common, storage, Limits()))
    False
    """

    common: Common
    storage: str = field(repr=False)
    limits: Limits


@dataclass(frozen=True)
class PirSettings:
    """Of ``presence serve pir``.

    Parameters
    ----------
    common : Common
    peer_listen : Place
        For the other servers, by mutual TLS.
    folder : Path
        Tables and promises.
    workers : int
        Processes that answer queries.
    kernel : str
        One of `KERNELS`.
    records : int
        Of the longest table that is taken.  At the default, an LT table is 600 MB, and
        a few times as much in memory while it comes.
    limits : Limits

    Examples
    --------
    >>> import tempfile
    >>> names = ("DEPLOYMENT", "KEYS", "LISTEN", "PEER_LISTEN", "FOLDER")
    >>> values = (".", ".", "0.0.0.0:8443", "0.0.0.0:8444", "tables")
    >>> environ = {f"PRESENCE_{n}": v for n, v in zip(names, values, strict=True)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "settings.toml")
    ...     _ = file.write_text("workers = 4")
    ...     settings = read_settings("pir", file, environ)
    >>> settings.workers, settings.kernel, settings.peer_listen.port
    (4, 'auto', 8444)
    """

    common: Common
    peer_listen: Place
    folder: Path
    workers: int
    kernel: str
    records: int
    limits: Limits


@dataclass(frozen=True)
class RelaySettings:
    """Of ``presence serve relay``.

    Parameters
    ----------
    common : Common
    limits : RelayLimits

    Examples
    --------
    >>> import tempfile
    >>> environ = {f"PRESENCE_{name}": "." for name in ("DEPLOYMENT", "KEYS")}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "settings.toml")
    ...     _ = file.write_text("limits = {connections = 7}")
    ...     settings = read_settings(
    ...         "relay", file, {**environ, "PRESENCE_LISTEN": "[::]:443"}
    ...     )
    >>> settings.limits.connections, settings.limits.idle_seconds
    (7, 30.0)
    """

    common: Common
    limits: RelayLimits


def read_settings(
    role: str, path: Path, environ: Mapping[str, str]
) -> RegistrarSettings | PirSettings | RelaySettings:
    """Read and check the settings of one process.

    Parameters
    ----------
    role : str
        registrar, pir or relay.
    path : Path
        TOML.  Paths in it are relative to its folder.
    environ : mapping
        ``PRESENCE_LISTEN`` replaces ``listen``, and so on for every name of the top
        level.

    Returns
    -------
    RegistrarSettings, PirSettings or RelaySettings

    Raises
    ------
    InputError
        With everything that is wrong.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "settings.toml")
    ...     _ = file.write_text('deployment = "."')
    ...     environ = {"PRESENCE_KEYS": ".", "PRESENCE_LISTEN": "[::]:443"}
    ...     listen = read_settings("relay", file, environ).common.listen
    ...     read_settings("relay", file, {})
    Traceback (most recent call last):
    private_presence.errors.InputError: settings are wrong in 2 places: ...
    >>> listen
    Place(host='::', port=443)
    """
    if role not in ROLES:
        raise InputError(f"a server is one of {', '.join(ROLES)}; got another word")
    reader = _Reader(_load(path), environ, path.parent)
    settings = _READERS[role](reader)
    reader.finish()
    return settings


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise InputError(
            f"expected a settings file at {path}; got: {error.strerror}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"settings file {path.name} is not TOML: {error}") from None


def _registrar(reader: "_Reader") -> RegistrarSettings:
    common = reader.common()
    return RegistrarSettings(common, reader.storage(), reader.limits(Limits()))


def _pir(reader: "_Reader") -> PirSettings:
    return PirSettings(
        reader.common(),
        reader.place("peer_listen"),
        reader.path("folder"),
        reader.whole("workers", 1, MAX_WORKERS, 1),
        reader.choice("kernel", KERNELS, "auto"),
        reader.whole("records", 1, MAX_RECORDS, LookupLimits().records),
        reader.limits(Limits()),
    )


def _relay(reader: "_Reader") -> RelaySettings:
    return RelaySettings(reader.common(), reader.limits(RelayLimits()))


_READERS = {"registrar": _registrar, "pir": _pir, "relay": _relay}


class _Reader:
    """Takes values out by name, and notes what is wrong with each."""

    def __init__(
        self, values: dict[str, Any], environ: Mapping[str, str], folder: Path
    ) -> None:
        self._values, self._environ, self._folder = values, environ, folder
        self._problems: list[str] = []
        self._known: set[str] = set()

    def finish(self) -> None:
        for name in self._values.keys() - self._known:
            self._problems.append(f"{name} is not a setting of this server")
        if self._problems:
            raise InputError(
                f"settings are wrong in {len(self._problems)} places: "
                + "; ".join(sorted(self._problems))
            )

    def common(self) -> Common:
        common = Common(
            self.path("deployment", must_exist=True),
            self.path("keys", must_exist=True),
            self.place("listen"),
            self.place("admin", Place("127.0.0.1", 0)),
            self.choice("log_level", LEVELS, "info"),
        )
        if common.admin.host not in LOOPBACK:
            self._problems.append("admin must be on 127.0.0.1 or [::1]")
        return common

    def _take(self, name: str) -> Any:
        self._known.add(name)
        return self._environ.get(f"PRESENCE_{name.upper()}", self._values.get(name))

    def _text(self, name: str) -> str:
        value = self._take(name)
        if isinstance(value, str) and value:
            return value
        self._problems.append(f"{name} is missing" if value is None else _text_of(name))
        return ""

    def path(self, name: str, *, must_exist: bool = False) -> Path:
        text = self._text(name)
        try:
            path = self._folder / Path(text).expanduser()
        except RuntimeError:  # ~somebody, who is not on this machine
            self._problems.append(f"{name} starts in a home folder that is not here")
            return self._folder
        if text and must_exist and not path.exists():
            self._problems.append(f"{name} names nothing that exists")
        return path

    def place(self, name: str, default: Place | None = None) -> Place:
        if default is not None and self._take(name) is None:
            return default
        if not (text := self._text(name)):
            return Place("", 0)
        try:
            host, port = split_address(text)
        except EncodingError:
            self._problems.append(f"{name} has the form 0.0.0.0:443 or [::]:443")
            return Place("", 0)
        if not re.fullmatch(r"[0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*", host):
            self._problems.append(f"{name} has a numeric address, not a name")
        return Place(host, port)

    def storage(self) -> str:
        # Loaded here: the other servers need no database's library.
        from private_presence.server.storage.open import parse_storage

        text = self._text("storage")
        try:
            if text:
                parse_storage(text)
        except InputError as error:
            self._problems.append(f"storage: {error}")
        prefix, found, folder = text.partition(SQLITE)
        if found and not prefix:
            # Absolute, or a command in another folder would open another database.
            return f"{SQLITE}{(self._folder / folder).absolute()}"
        return text

    def choice(self, name: str, words: tuple[str, ...], default: str) -> str:
        value = self._take(name)
        if value is not None and value not in words:
            self._problems.append(f"{name} is one of {', '.join(words)}")
        return default if value is None else value

    def whole(self, name: str, low: int, high: int, default: int) -> int:
        value = self._take(name)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if value is None:
            return default
        if type(value) is not int or not low <= value <= high:
            self._problems.append(f"{name} is a whole number from {low} to {high}")
            return default
        return value

    def limits(self, limits: L) -> L:
        """A table of the file; each number is positive and of the default's type."""
        self._known.add("limits")
        table = self._values.get("limits", {})
        if not isinstance(table, dict):
            self._problems.append("limits is a table")
            return limits
        names = {f.name for f in fields(limits)}
        self._problems += [
            f"limits.{name} is not a limit of this server"
            for name in table.keys() - names
        ]
        changes = {
            n: v for n, v in table.items() if n in names and self._good(n, v, limits)
        }
        return replace(limits, **changes)

    def _good(self, name: str, value: object, limits: Limits | RelayLimits) -> bool:
        whole = type(getattr(limits, name)) is int
        kinds = (int,) if whole else (int, float)
        if type(value) in kinds and 0 < value < 1e12:  # type: ignore[operator]  # a number by the first half
            return True
        word = "a whole number" if whole else "a number"
        self._problems.append(f"limits.{name} is {word} above zero")
        return False


def _text_of(name: str) -> str:
    return f"{name} is text between quotes, not empty"
