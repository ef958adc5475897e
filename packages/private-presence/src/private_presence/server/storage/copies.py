"""A copy of a registrar's memory, made while it runs, and the way back.

A registrar that was restored must not contradict what it did after the backup.  It asks
the lookup servers which manifests they have signed before it builds any table (see
`registrar.history`), so it never signs a second one.  What it acknowledged after the
backup for tables that were open is lost: the receipts that clients hold prove it, and
their clients register again in the next epoch.
"""

import shutil
from pathlib import Path

import sqlalchemy as sa

from private_presence.errors import StateError
from private_presence.protocol.epochs import Kind
from private_presence.server.storage import _schema
from private_presence.server.storage._engines import translated
from private_presence.server.storage._places import SqlitePlaces, records_name
from private_presence.server.storage._sql import SqlStorage

__all__ = ["backup", "restore"]

CHUNK = 4096  # rows


def backup(storage: SqlStorage, target: Path) -> None:
    """Copy a storage of either database into a folder, which is a SQLite storage.

    Records first, then tokens: every record of the copy has its token there, or the
    token could be spent twice after a restore.

    Parameters
    ----------
    storage : SqlStorage
        A registrar may be using it.
    target : Path
        Empty or not there.  It holds who has an account: keep it as safe as the
        original.

    Raises `StateError` if something is in the folder.

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.server.storage import open_storage
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     storage = open_storage(f"sqlite:///{folder}/data")
    ...     storage.add_account(bytes(32))
    ...     backup(storage, Path(folder, "copy"))
    ...     storage.close()
    ...     copy = open_storage(f"sqlite:///{folder}/copy")
    ...     print(copy.has_account(bytes(32)))
    ...     copy.close()
    True
    """
    _check_empty(target)
    copy = SqlStorage(SqlitePlaces(target))
    try:
        _copy(storage, copy)
    finally:
        copy.close()


def restore(source: Path, storage: SqlStorage) -> list[tuple[Kind, int]]:
    """Copy a backup into an empty storage.

    Parameters
    ----------
    source : Path
        A folder that `backup` made.
    storage : SqlStorage
        Where nothing was stored yet.

    Returns
    -------
    list of (Kind, int)
        Tables that were open: what was acknowledged for them after the backup is lost,
        which the operator should announce.

    Raises
    ------
    StateError
        If there is no backup, or the storage is in use.

    Examples
    --------
    >>> import tempfile
    >>> from private_presence.server.storage import TableState, open_storage
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     old = open_storage(f"sqlite:///{folder}/old")
    ...     old.save(TableState(int(Kind.ST), 7))
    ...     backup(old, Path(folder, "copy"))
    ...     old.close()
    ...     fresh = open_storage(f"sqlite:///{folder}/fresh")
    ...     lost = restore(Path(folder, "copy"), fresh)
    ...     fresh.close()
    >>> [(kind.name, epoch) for kind, epoch in lost]
    [('ST', 7)]
    """
    if not (source / "registrar.db").is_file():
        raise StateError(f"expected a backup in {source}; there is no registrar.db")
    if storage.states(Kind.LT) or storage.states(Kind.ST) or storage.count_accounts():
        raise StateError(
            "expected an empty storage; got one in use: move it away before restoring"
        )
    original = SqlStorage(SqlitePlaces(source), exclusive=False)
    try:
        _copy(original, storage)
    finally:
        original.close()
    every = [*storage.states(Kind.LT), *storage.states(Kind.ST)]
    return [(Kind(s.kind), s.epoch) for s in every if s.phase == "open"]


def _check_empty(target: Path) -> None:
    if target.exists() and any(target.iterdir()):
        raise StateError(f"expected an empty folder for the backup; got {target}")


def _copy(source: SqlStorage, target: SqlStorage) -> None:
    with translated():
        for kind, epoch in source.places.known():
            target.values(kind, epoch, [])  # makes the table
            table = _schema.records_table(records_name(kind, epoch))
            there = target.places.records(kind, epoch)
            _copy_table(source.places.records(kind, epoch), there, table)
        _copy_main(source.places.main, target.places.main)
    for kind in Kind:
        for state in target.states(kind):
            raw = source.raw_file(kind, state.epoch)
            if state.raw_hash and raw.exists():
                with translated():
                    shutil.copyfile(raw, target.raw_file(kind, state.epoch))


def _copy_main(source: sa.Engine, target: sa.Engine) -> None:
    # One snapshot of all tables: a state is never newer than its tokens.
    if source.dialect.name == "postgresql":  # SQLite's transactions are snapshots
        source = source.execution_options(isolation_level="REPEATABLE READ")
    with source.connect() as old, target.begin() as new:
        for table in _schema.MAIN.sorted_tables:
            _copy_rows(old, new, table)


def _copy_table(source: sa.Engine, target: sa.Engine, table: sa.Table) -> None:
    with source.connect() as old, target.begin() as new:
        if sa.inspect(old).has_table(table.name):
            _copy_rows(old, new, table)


def _copy_rows(old: sa.Connection, new: sa.Connection, table: sa.Table) -> None:
    # In the order of the key: a copy shows no other.
    asked = sa.select(table).order_by(*table.primary_key.columns)
    for rows in old.execute(asked).mappings().partitions(CHUNK):
        new.execute(sa.insert(table), [dict(row) for row in rows])
