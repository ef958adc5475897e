# Where things are: engines, names of record tables, raw files.

import fcntl
import re
import threading
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from private_presence.protocol.epochs import Kind
from private_presence.server.storage import _schema
from private_presence.server.storage._engines import postgres_engine, sqlite_engine

LOCK = sa.text("SELECT pg_try_advisory_lock(hashtext('presence registrar'))")
NAME = re.compile(r"records_(lt|st)_([0-9]+)")


def records_name(kind, epoch):
    return f"records_{Kind(kind).name.lower()}_{epoch}"


def named(name):
    # (kind, epoch) of a record table's name, or None.
    found = NAME.fullmatch(name)
    return found and (Kind[found[1].upper()], int(found[2]))


class Places:
    # `main` holds states, accounts and tokens; `records` says where records are.

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def raw_file(self, kind, epoch):
        return self.folder / f"raw_{Kind(kind).name.lower()}_{epoch}"

    def locks(self) -> list[Any]:
        # What to hold while this is the only registrar; nothing if another one runs.
        handle = (self.folder / "lock").open("w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return []
        return [handle]


class SqlitePlaces(Places):
    # A file for each table of records: removing it removes every page.

    def __init__(self, folder):
        super().__init__(folder)
        self.main = sqlite_engine(self.folder / "registrar.db")
        self._engines, self._guard = {}, threading.Lock()

    def records(self, kind, epoch):
        key = Kind(kind), epoch
        with self._guard:
            if key not in self._engines:
                path = self.folder / f"{records_name(kind, epoch)}.db"
                self._engines[key] = sqlite_engine(path)
            return self._engines[key]

    def known(self):
        stems = [path.stem for path in self.folder.glob("records_*.db")]
        return sorted(key for stem in stems if (key := named(stem)))

    def drop(self, kind, epoch):
        with self._guard:
            engine = self._engines.pop((Kind(kind), epoch), None)
        if engine:
            engine.dispose()
        stem = records_name(kind, epoch)
        for suffix in (".db", ".db-wal", ".db-shm"):
            (self.folder / f"{stem}{suffix}").unlink(missing_ok=True)

    def tidy(self):
        # An empty log shows no order of groups.
        with self.main.connect() as connection:
            raw = connection.connection.cursor()
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            raw.close()

    def close(self):
        for engine in (self.main, *self._engines.values()):
            engine.dispose()


class PostgresPlaces(Places):
    # A table of records for each epoch, beside the others.

    def __init__(self, url, folder):
        super().__init__(folder)
        self.main = postgres_engine(url)

    def locks(self) -> list[Any]:
        # Also against a registrar on another machine, until the database restarts.
        held, mine = super().locks(), False
        try:
            if held:
                held.append(self.main.connect())
                mine = held[-1].execute(LOCK).scalar_one()
                held[-1].commit()  # the lock is the session's, not the transaction's
        finally:
            for item in held if not mine else ():
                item.close()
        return held if mine else []

    def records(self, kind, epoch):
        return self.main

    def known(self):
        names = sa.inspect(self.main).get_table_names()
        return sorted(key for name in names if (key := named(name)))

    def drop(self, kind, epoch):
        table = _schema.records_table(records_name(kind, epoch))
        with self.main.begin() as connection:
            table.drop(connection, checkfirst=True)

    def tidy(self):
        pass  # the log is the server's: see the operators' page

    def close(self):
        self.main.dispose()
