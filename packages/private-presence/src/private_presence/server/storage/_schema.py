# The tables.  Columns say all that is stored; none counts or dates.

import sqlalchemy as sa

MAIN = sa.MetaData()
Bytes = sa.LargeBinary


def _table(metadata, name, *columns):
    return sa.Table(name, metadata, *columns, sqlite_with_rowid=False)


def _key(name, kind):
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _data(name):
    return sa.Column(name, Bytes, nullable=False)


EPOCHS = _table(
    MAIN,
    "epochs",
    _key("kind", sa.Integer),
    _key("epoch", sa.BigInteger),
    _data("state"),
)
ACCOUNTS = _table(MAIN, "accounts", _key("account", Bytes))
ISSUED = _table(
    MAIN,
    "issued",
    _key("day", sa.BigInteger),
    _key("role", sa.Integer),
    _key("account", Bytes),
    _data("request_hash"),
)
SPENT = _table(
    MAIN,
    "spent",
    _key("role", sa.Integer),
    _key("day", sa.BigInteger),
    _key("t", Bytes),
    _data("body_hash"),
)


def records_table(name):
    return _table(sa.MetaData(), name, _key("tag", Bytes), _data("value"))
