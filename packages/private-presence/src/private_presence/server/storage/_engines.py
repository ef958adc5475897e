# Engines and the translation of their failures.

import contextlib
import sqlite3

import sqlalchemy as sa
from sqlalchemy import event, exc

from private_presence.errors import StorageError

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # a receipt is a promise: it waits for the disk
    "secure_delete=ON",  # what expires is overwritten
    "busy_timeout=5000",
)
POSTGRES_OPTIONS = {
    "connect_timeout": 5,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds until a silent network is an error
    "application_name": "presence-registrar",
    # The server notices within half a minute that a registrar's machine is gone, and
    # frees its lock for the one that takes its place.
    "options": "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 "
    "-c tcp_keepalives_count=4",
}


def sqlite_engine(path):
    # isolation_level None: the driver starts no transaction of its own, so that BEGIN
    # below is the only one and DDL is inside it.
    engine = sa.create_engine(
        f"sqlite:///{path}", connect_args={"isolation_level": None}
    )

    @event.listens_for(engine, "connect")
    def set_up(connection, record):
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection):
        connection.exec_driver_sql("BEGIN")

    return engine


def postgres_engine(url):
    # pre-ping: a connection that died while it was idle is replaced unseen.
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        connect_args=POSTGRES_OPTIONS,
    )


@contextlib.contextmanager
def translated():
    # What SQLAlchemy says may contain values: only the kind of failure is passed on.
    try:
        yield
    except (exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise StorageError(
            f"the registrar's storage failed ({kind}): look at the disk and at the "
            "database; nothing was acknowledged"
        ) from None
