"""A storage from a URL."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from private_presence.errors import InputError
from private_presence.server.storage._places import PostgresPlaces, SqlitePlaces
from private_presence.server.storage._sql import SqlStorage

__all__ = ["open_storage"]


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
    places = _places(url)
    if places is None:  # the URL is not repeated: it may hold a password
        raise InputError(
            "expected a storage of the form sqlite:///folder or "
            "postgresql://user@host/database?files=folder; got another form"
        )
    return SqlStorage(places, exclusive=exclusive)


def _places(url: str) -> SqlitePlaces | PostgresPlaces | None:
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        return None
    files = parsed.query.get("files")
    if parsed.drivername == "sqlite" and parsed.database:
        return SqlitePlaces(Path(parsed.database))
    if parsed.drivername == "postgresql" and isinstance(files, str):
        return PostgresPlaces(parsed.difference_update_query(["files"]), Path(files))
    return None
