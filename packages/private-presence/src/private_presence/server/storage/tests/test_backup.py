"""Backups of a running registrar, and the way back to either database."""

import pytest

from private_presence.errors import StateError
from private_presence.protocol.epochs import Kind
from private_presence.server.storage import (
    Group,
    TableState,
    backup,
    open_storage,
    restore,
)

from .test_storage import ST, tag


def fill(storage):
    storage.add_account(b"a" * 32)
    storage.issue_once(1, 2, b"a" * 32, b"r" * 32)
    spent = {tag(i) * 2: bytes(32) for i in range(9)}
    storage.commit(Group(*ST, 2, 1, spent, {tag(i): b"x" * 128 for i in range(9)}))
    storage.save(TableState(*ST))
    storage.commit(Group(Kind.ST, 6, 2, 1, {}, {tag(1): b"y" * 128}))
    digest, count = storage.write_raw(Kind.ST, 6)
    storage.save(TableState(Kind.ST, 6, "frozen", raw_hash=digest, count=count))
    storage.drop_records(Kind.ST, 6)


def check(storage):
    assert storage.has_account(b"a" * 32)
    assert not storage.issue_once(1, 2, b"a" * 32, b"s" * 32)
    assert len(storage.values(*ST, [tag(i) for i in range(9)])) == 9
    assert len(storage.spent(2, 1, [tag(i) * 2 for i in range(9)])) == 9
    assert storage.state(Kind.ST, 6).phase == "frozen"
    assert storage.raw_file(Kind.ST, 6).read_bytes() == tag(1) + b"y" * 128


def test_a_backup_goes_to_a_folder_and_back(storage, url, tmp_path):
    fill(storage)
    beside = open_storage(url, exclusive=False)  # while the registrar runs
    backup(beside, tmp_path / "copy")
    beside.close()
    check(storage)
    fresh = open_storage(f"sqlite:///{tmp_path / 'fresh'}")
    assert restore(tmp_path / "copy", fresh) == [ST]
    check(fresh)
    fresh.close()


def test_a_backup_moves_a_registrar_to_postgresql(postgres, tmp_path):
    from .conftest import new_database

    small = open_storage(f"sqlite:///{tmp_path / 'small'}")
    fill(small)
    backup(small, tmp_path / "copy")
    small.close()
    large = open_storage(f"{new_database(postgres)}?files={tmp_path / 'files'}")
    restore(tmp_path / "copy", large)
    check(large)
    large.close()


def test_nothing_is_overwritten(storage, tmp_path):
    fill(storage)
    backup(storage, tmp_path / "copy")
    with pytest.raises(StateError, match="empty folder"):
        backup(storage, tmp_path / "copy")
    with pytest.raises(StateError, match="move it away"):
        restore(tmp_path / "copy", storage)
    empty = open_storage(f"sqlite:///{tmp_path / 'empty'}")
    with pytest.raises(StateError, match=r"registrar\.db"):
        restore(tmp_path / "nothing", empty)
    empty.close()


def test_every_record_of_a_backup_has_its_token_there(storage, tmp_path, monkeypatch):
    """A group that arrives in the middle of the copy: the token alone may be there."""
    from private_presence.server.storage import copies as module

    fill(storage)
    copied = module._copy_main

    def meanwhile(source, target):
        spent = {tag(50) * 2: bytes(32)}
        storage.commit(Group(*ST, 2, 1, spent, {tag(50): b"z" * 128}))
        copied(source, target)

    monkeypatch.setattr(module, "_copy_main", meanwhile)
    backup(storage, tmp_path / "copy")
    copy = open_storage(f"sqlite:///{tmp_path / 'copy'}")
    assert copy.values(*ST, [tag(50)]) == {}
    assert copy.spent(2, 1, [tag(50) * 2]) != {}
    copy.close()
