"""A storage from a URL."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from private_presence.errors import InputError
from private_presence.server.storage._places import PostgresPlaces, SqlitePlaces
from private_presence.server.storage._sql import SqlStorage

__all__ = ["open_storage", "parse_storage"]

# The URL itself is never repeated: it may hold a password.
FORM = "sqlite:///folder or postgresql://user@host/database?files=folder"


def open_storage(url: str, *, exclusive: bool = True) -> SqlStorage:
    """Open a registrar's memory, making it if there is none.

    Parameters
    ----------
    url : str
        ``sqlite:///folder`` (four slashes before an absolute path): a file for states,
        accounts and tokens, a file for each table of records, raw files beside them.
        ``postgresql://user@host/database?files=folder``: the same tables in a database,
        and the folder, on this machine, of the raw files.
    exclusive : bool
        Refuse if a registrar is running with the same folder or database.  False for a
        backup and for the operator's commands beside a running registrar.

    Returns
    -------
    Storage

    Raises
    ------
    InputError
        If the URL has another form.

    Raises `StateError` too, if another registrar is running, and `StorageError` if the
    disk or the database does not answer.

    Examples
    --------
    >>> open_storage("mysql://localhost/presence")
    Traceback (most recent call last):
    private_presence.errors.InputError: expected a storage of the form ...
    """
    return SqlStorage(_places(parse_storage(url)), exclusive=exclusive)


def parse_storage(url: str) -> sa.URL:
    """Check the form of a storage's URL; nothing is opened.

    Parameters
    ----------
    url : str
        As for `open_storage`.

    Returns
    -------
    sqlalchemy.URL

    Raises
    ------
    InputError
        If it has another form.

    Examples
    --------
    A password's ``@``, ``:`` and ``/`` are written ``%40``, ``%3A`` and ``%2F``:

    >>> url = "postgresql://user:a%40b%3Ac@host/database?files=folder"
    >>> parse_storage(url).host
    'host'
    >>> parse_storage(url.replace("%40", "@").replace("%3A", ":"))
    Traceback (most recent call last):
    private_presence.errors.InputError: expected a storage of the form ...
    """
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):  # the latter holds a piece of the URL
        parsed = None
    if parsed is None or not _has_form(parsed):
        raise InputError(
            f"expected a storage of the form {FORM}; got another form: in a password, "
            "@ : / ? # and % are written %40 %3A %2F %3F %23 and %25"
        )
    return parsed


def _has_form(url: sa.URL) -> bool:
    if url.drivername == "sqlite":
        return bool(url.database)
    files = url.query.get("files")
    return url.drivername == "postgresql" and isinstance(files, str) and bool(files)


def _places(url: sa.URL) -> SqlitePlaces | PostgresPlaces:
    if url.drivername == "sqlite":
        return SqlitePlaces(Path(str(url.database)))
    rest = url.difference_update_query(["files"])
    return PostgresPlaces(rest, Path(str(url.query["files"])))
