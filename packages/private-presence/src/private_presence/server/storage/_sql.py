"""The one implementation of `Storage`, by SQLAlchemy Core on either database."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from private_presence.errors import StateError, StorageError
from private_presence.primitives.secret import equal
from private_presence.protocol.epochs import Kind
from private_presence.server.storage import _schema
from private_presence.server.storage._engines import translated
from private_presence.server.storage._places import (
    PostgresPlaces,
    SqlitePlaces,
    records_name,
)
from private_presence.server.storage._raw import write_raw
from private_presence.server.storage._schema import ACCOUNTS, EPOCHS, ISSUED, SPENT
from private_presence.server.storage.group import Group
from private_presence.server.storage.storage import Storage
from private_presence.server.storage.table_state import (
    TableState,
    decode_state,
    encode_state,
)

__all__ = ["SqlStorage"]


@final
class SqlStorage(Storage):
    """A registrar's memory in a database, and raw files in a folder.

    Parameters
    ----------
    places : SqlitePlaces or PostgresPlaces
    exclusive : bool
        Refuse to start beside another registrar with the same folder or database:
        two of them would promise different things.
    """

    def __init__(
        self, places: SqlitePlaces | PostgresPlaces, *, exclusive: bool = True
    ) -> None:
        self.places = places
        self._guard = threading.Lock()
        self._made: set[tuple[Kind, int]] = set()
        self._locks: list[Any] = []
        try:
            self._locks = _locks(places) if exclusive else []
            with translated():
                _schema.MAIN.create_all(places.main)
        except (StorageError, StateError):
            self.close()
            raise

    # ---- tables

    def state(self, kind: Kind, epoch: int) -> TableState | None:
        match = (EPOCHS.c.kind == kind, EPOCHS.c.epoch == epoch)
        rows = self._read(self.places.main, sa.select(EPOCHS.c.state).where(*match))
        return decode_state(rows[0][0]) if rows else None

    def states(self, kind: Kind) -> list[TableState]:
        asked = sa.select(EPOCHS.c.state).where(EPOCHS.c.kind == kind)
        rows = self._read(self.places.main, asked.order_by(EPOCHS.c.epoch))
        return [decode_state(row[0]) for row in rows]

    def save(self, state: TableState) -> None:
        row = {
            "kind": int(state.kind),
            "epoch": state.epoch,
            "state": encode_state(state),
        }
        with translated(), self.places.main.begin() as connection:
            connection.execute(_upsert(self.places.main, EPOCHS, "state"), [row])

    def remove(self, kind: Kind, epoch: int) -> None:
        self.drop_records(kind, epoch)
        match = (EPOCHS.c.kind == kind, EPOCHS.c.epoch == epoch)
        with translated():
            self.places.raw_file(kind, epoch).unlink(missing_ok=True)
            with self.places.main.begin() as connection:
                connection.execute(sa.delete(EPOCHS).where(*match))

    # ---- records

    def values(
        self, kind: Kind, epoch: int, tags: Iterable[bytes]
    ) -> dict[bytes, bytes]:
        table = self._records(kind, epoch)
        asked = sa.select(table).where(table.c.tag.in_(list(tags)))
        return _pairs(self._read(self.places.records(kind, epoch), asked))

    def commit(self, group: Group) -> None:
        key = {"role": group.role, "day": group.day}
        spent = [
            {**key, "t": t, "body_hash": body}
            for t, body in sorted(group.spent.items())
        ]
        values = [
            {"tag": tag, "value": value} for tag, value in sorted(group.values.items())
        ]
        table = self._records(group.kind, group.epoch)
        self._put(self.places.main, SPENT, "body_hash", spent)
        self.at("tokens spent")
        engine = self.places.records(group.kind, group.epoch)
        self._put(engine, table, "value", values)
        self.at("values stored")

    def write_raw(self, kind: Kind, epoch: int) -> tuple[bytes, int]:
        table = self._records(kind, epoch)
        asked = sa.select(table).where(table.c.value != b"").order_by(table.c.tag)
        with translated(), self.places.records(kind, epoch).connect() as connection:
            rows = connection.execution_options(yield_per=4096).execute(asked)
            return write_raw(self.raw_file(kind, epoch), rows)

    def raw_file(self, kind: Kind, epoch: int) -> Path:
        return self.places.raw_file(kind, epoch)

    def drop_records(self, kind: Kind, epoch: int) -> None:
        with translated(), self._guard:
            self._made.discard((kind, epoch))
            self.places.drop(kind, epoch)
            self.places.tidy()

    def record_tables(self, kind: Kind) -> list[int]:
        with translated():
            return [epoch for known, epoch in self.places.known() if known is kind]

    # ---- tokens and accounts

    def spent(self, role: int, day: int, tokens: Iterable[bytes]) -> dict[bytes, bytes]:
        match = (SPENT.c.role == role, SPENT.c.day == day, SPENT.c.t.in_(list(tokens)))
        asked = sa.select(SPENT.c.t, SPENT.c.body_hash).where(*match)
        return _pairs(self._read(self.places.main, asked))

    def issue_once(
        self, day: int, role: int, account: bytes, request_hash: bytes
    ) -> bool:
        row = {"day": day, "role": role, "account": account}
        match = [ISSUED.c[name] == value for name, value in row.items()]
        with translated(), self.places.main.begin() as connection:
            # The first one stays, whoever else is inserting at this moment.
            first = _insert(self.places.main, ISSUED).on_conflict_do_nothing()
            connection.execute(first, [{**row, "request_hash": request_hash}])
            asked = sa.select(ISSUED.c.request_hash).where(*match)
            noted = connection.execute(asked).scalar_one()
        return equal(noted, request_hash)

    def forget_days(self, before: int) -> None:
        with translated(), self.places.main.begin() as connection:
            for table in (SPENT, ISSUED):
                connection.execute(sa.delete(table).where(table.c.day < before))

    def add_account(self, account: bytes) -> None:
        with translated(), self.places.main.begin() as connection:
            insert = _insert(self.places.main, ACCOUNTS).on_conflict_do_nothing()
            connection.execute(insert, [{"account": account}])

    def remove_account(self, account: bytes) -> bool:
        with translated(), self.places.main.begin() as connection:
            match = ACCOUNTS.c.account == account
            return connection.execute(sa.delete(ACCOUNTS).where(match)).rowcount > 0

    def has_account(self, account: bytes) -> bool:
        asked = sa.select(ACCOUNTS.c.account).where(ACCOUNTS.c.account == account)
        rows = self._read(self.places.main, asked)
        return any(equal(row[0], account) for row in rows)

    def count_accounts(self) -> int:
        asked = sa.select(sa.func.count()).select_from(ACCOUNTS)
        return self._read(self.places.main, asked)[0][0]

    def close(self) -> None:
        for lock in self._locks:
            lock.close()
        self.places.close()  # last: it ends the sessions that locks were held in

    # ---- within

    def _records(self, kind: Kind, epoch: int) -> sa.Table:
        table = _schema.records_table(records_name(kind, epoch))
        with self._guard:
            if (kind, epoch) not in self._made:
                with translated():
                    table.create(self.places.records(kind, epoch), checkfirst=True)
                self._made.add((kind, epoch))
        return table

    def _read(self, engine: sa.Engine, asked: sa.Select) -> list[Any]:
        with translated(), engine.connect() as connection:
            return list(connection.execute(asked).all())

    def _put(
        self, engine: sa.Engine, table: sa.Table, column: str, rows: list[dict]
    ) -> None:
        if rows:
            with translated(), engine.begin() as connection:
                connection.execute(_upsert(engine, table, column), rows)


def _pairs(rows: list[Any]) -> dict[bytes, bytes]:
    return {bytes(key): bytes(value) for key, value in rows}


def _insert(engine: sa.Engine, table: sa.Table) -> Any:
    # Both dialects have ON CONFLICT, with the same methods.
    dialect = postgresql if engine.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def _upsert(engine: sa.Engine, table: sa.Table, column: str) -> Any:
    insert = _insert(engine, table)
    return insert.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={column: insert.excluded[column]},
    )


def _locks(places: SqlitePlaces | PostgresPlaces) -> list[Any]:
    with translated():
        held = places.locks()
    if not held:
        raise StateError(
            "a registrar is running with this storage: stop it before starting another"
        )
    return held
