"""Disk full, database gone and back: one exception, nothing acknowledged, then on."""

from contextlib import contextmanager

import pytest
from sqlalchemy import event

from private_presence.errors import StorageError
from private_presence.protocol.epochs import Kind
from private_presence.server.storage import Group, TableState, open_storage

from .postgres import free_port
from .test_storage import ST, tag


@contextmanager
def full(engine):
    """No page more than there is: what SQLite says of a full disk."""

    def limit(connection, record):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={max(pages, 1)}")

    event.listen(engine, "connect", limit)
    engine.dispose()
    yield
    event.remove(engine, "connect", limit)
    engine.dispose()


def many(start):
    values = {tag(i): bytes(128) for i in range(start, start + 300)}
    spent = {tag(i) * 2: bytes(32) for i in range(start, start + 300)}
    return Group(*ST, 2, 0, spent, values)


@pytest.fixture
def sqlite(tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path}")
    yield storage
    storage.close()


@pytest.mark.parametrize("which", ["main", "records"])
def test_a_full_disk_acknowledges_nothing_and_a_resend_heals_it(sqlite, which):
    sqlite.commit(many(0))
    places = sqlite.places
    engine = places.main if which == "main" else places.records(*ST)
    with full(engine):
        with pytest.raises(StorageError, match="nothing was acknowledged"):
            sqlite.commit(many(1000))
        assert sqlite.values(*ST, [tag(1000)]) == {}
        assert sqlite.values(*ST, [tag(0)]) != {}  # and it still answers
    sqlite.commit(many(1000))
    assert len(sqlite.values(*ST, many(1000).values)) == 300
    assert sqlite.spent(2, 0, [tag(1000) * 2]) == {tag(1000) * 2: bytes(32)}


def test_messages_hold_no_value(sqlite):
    sqlite.commit(many(0))
    with full(sqlite.places.main), pytest.raises(StorageError) as raised:
        sqlite.commit(many(1000))
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert tag(1000).hex()[:8] not in str(raised.value)


def test_a_raw_file_that_cannot_be_written_is_not_half_there(sqlite, monkeypatch):
    from private_presence.protocol.files import Files

    sqlite.commit(many(0))

    def no_space(self, handle):
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(Files, "sync", no_space)
        with pytest.raises(StorageError):
            sqlite.write_raw(*ST)
        assert not sqlite.raw_file(*ST).exists()
    assert sqlite.write_raw(*ST)[1] == 300


def test_a_database_that_goes_away_and_comes_back(postgres, tmp_path):
    storage = open_storage(f"{postgres.url}?files={tmp_path}")
    storage.commit(many(0))
    storage.save(TableState(Kind.LT, 1))
    postgres.stop()
    for call in (
        lambda: storage.commit(many(1000)),
        lambda: storage.state(Kind.LT, 1),
        lambda: storage.save(TableState(Kind.LT, 2)),
        lambda: storage.write_raw(*ST),
        lambda: storage.issue_once(1, 1, bytes(32), bytes(32)),
    ):
        with pytest.raises(StorageError):
            call()
    postgres.start()
    assert storage.state(Kind.LT, 1) == TableState(Kind.LT, 1)
    storage.commit(many(1000))
    assert storage.write_raw(*ST)[1] == 600
    storage.close()


def test_a_database_that_is_not_there_is_told_in_words(tmp_path):
    url = f"postgresql://nobody:secret@127.0.0.1:{free_port()}/d?files={tmp_path}"
    for exclusive in (True, False):
        with pytest.raises(StorageError, match="look at the disk") as raised:
            open_storage(url, exclusive=exclusive)
        assert "secret" not in str(raised.value)
