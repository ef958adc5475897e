"""Both databases for the same tests."""

import itertools

import pytest
import sqlalchemy as sa

from private_presence.server.storage import open_storage

from .postgres import PostgresServer, binaries, why_not


@pytest.fixture(scope="session")
def postgres():
    """A running server of this session's own."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    server = PostgresServer(binaries())
    server.start()
    yield server
    server.stop()
    server.remove()


_names = itertools.count()


def new_database(server):
    """An empty database, so that tests do not meet."""
    name = f"test_{next(_names)}"
    engine = sa.create_engine(
        server.url.replace("postgresql://", "postgresql+psycopg://"),
        isolation_level="AUTOCOMMIT",
    )
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.url.replace("/postgres", f"/{name}")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of an empty storage on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registrar'}"
    server = request.getfixturevalue("postgres")
    return f"{new_database(server)}?files={tmp_path / 'files'}"


@pytest.fixture
def storage(url):
    opened = open_storage(url)
    yield opened
    opened.close()
