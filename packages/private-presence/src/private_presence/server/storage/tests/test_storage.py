"""The contract of `Storage`, on both databases."""

import os
from hashlib import sha256

import pytest

from private_presence.errors import CorruptStateError, InputError, StateError
from private_presence.protocol.epochs import Kind
from private_presence.server.storage import Group, TableState, open_storage
from private_presence.server.storage.table_state import decode_state

from .conftest import new_database

ST = (Kind.ST, 7)


def tag(i):
    return sha256(b"%d" % i).digest()[:16]


def group(values, spent=None, epoch=7):
    return Group(Kind.ST, epoch, 2, 0, spent or {}, values)


def test_states_come_back_as_they_were(storage):
    assert storage.state(*ST) is None
    first = TableState(*ST, commitments=(b"c" * 96,) * 2)
    later = TableState(*ST, phase="frozen", raw_hash=bytes(32), count=3)
    storage.save(first)
    assert storage.state(*ST) == first
    storage.save(later)
    storage.save(TableState(Kind.ST, 6))
    storage.save(TableState(Kind.LT, 6))
    assert storage.states(Kind.ST) == [TableState(Kind.ST, 6), later]
    storage.remove(*ST)
    assert storage.state(*ST) is None


def test_a_state_of_another_program_is_refused_in_words():
    with pytest.raises(CorruptStateError, match="restore a backup"):
        decode_state(b"something else")


def test_a_storage_opened_again_has_everything(url, tmp_path):
    storage = open_storage(url)
    storage.save(TableState(*ST))
    storage.commit(group({tag(1): b"one"}, {b"t" * 32: b"b" * 32}))
    storage.add_account(b"a" * 32)
    storage.close()
    again = open_storage(url)
    assert again.values(*ST, [tag(1), tag(2)]) == {tag(1): b"one"}
    assert again.spent(2, 0, [b"t" * 32]) == {b"t" * 32: b"b" * 32}
    assert again.has_account(b"a" * 32)
    again.close()


def test_the_raw_file_is_sorted_and_repeatable_without_tombstones(storage):
    wanted = {tag(i): b"value %02d" % i for i in range(50)}
    for start in range(0, 50, 7):
        part = dict(list(wanted.items())[start : start + 7])
        storage.commit(group(part))
    storage.commit(group({tag(3): b""}))
    del wanted[tag(3)]
    expected = b"".join(t + v for t, v in sorted(wanted.items()))
    for _ in range(2):
        assert storage.write_raw(*ST) == (sha256(expected).digest(), 49)
        assert storage.raw_file(*ST).read_bytes() == expected
    storage.drop_records(*ST)
    assert storage.values(*ST, wanted) == {}
    assert storage.raw_file(*ST).read_bytes() == expected
    storage.remove(*ST)
    assert not storage.raw_file(*ST).exists()


def test_the_tables_of_records_are_known(storage):
    for epoch in (9, 7):
        storage.commit(group({tag(1): b"one"}, epoch=epoch))
    storage.save(TableState(Kind.ST, 8))
    assert storage.record_tables(Kind.ST) == [7, 9]
    assert storage.record_tables(Kind.LT) == []
    storage.drop_records(Kind.ST, 7)
    assert storage.record_tables(Kind.ST) == [9]


def test_the_order_of_arrival_is_not_in_the_raw_file_or_in_a_group(storage):
    orders = [list(range(20)), list(reversed(range(20)))]
    files = []
    for epoch, order in enumerate(orders):
        for i in order:
            storage.commit(group({tag(i): b"%02d" % i}, epoch=epoch))
        storage.write_raw(Kind.ST, epoch)
        files.append(storage.raw_file(Kind.ST, epoch).read_bytes())
    assert files[0] == files[1]


def test_tables_hold_no_more_than_their_columns_say(storage):
    """No running number, no time, no address: the schema is the list of what is kept."""
    from private_presence.server.storage import _schema

    tables = {t.name: [c.name for c in t.columns] for t in _schema.MAIN.sorted_tables}
    assert tables == {
        "epochs": ["kind", "epoch", "state"],
        "accounts": ["account"],
        "issued": ["day", "role", "account", "request_hash"],
        "spent": ["role", "day", "t", "body_hash"],
    }
    for table in (*_schema.MAIN.sorted_tables, _schema.records_table("records_st_1")):
        assert table.dialect_options["sqlite"]["with_rowid"] is False


def test_a_batch_is_issued_once_and_the_same_one_again(storage):
    assert storage.issue_once(5, 1, b"a" * 32, b"r" * 32)
    assert storage.issue_once(5, 1, b"a" * 32, b"r" * 32)
    assert not storage.issue_once(5, 1, b"a" * 32, b"s" * 32)
    assert storage.issue_once(5, 2, b"a" * 32, b"s" * 32)
    assert storage.issue_once(6, 1, b"a" * 32, b"s" * 32)
    assert storage.issue_once(5, 1, b"b" * 32, b"s" * 32)


def test_expired_days_are_removed_and_others_kept(storage):
    for day in (3, 4, 5):
        storage.issue_once(day, 1, b"a" * 32, b"r" * 32)
        storage.commit(Group(*ST, 2, day, {b"t" * 32: b"b" * 32}))
    storage.forget_days(5)
    assert storage.spent(2, 4, [b"t" * 32]) == {}
    assert storage.spent(2, 5, [b"t" * 32]) != {}
    assert storage.issue_once(4, 1, b"a" * 32, b"s" * 32)
    assert not storage.issue_once(5, 1, b"a" * 32, b"s" * 32)


def test_accounts(storage):
    assert not storage.has_account(b"a" * 32)
    for _ in range(2):
        storage.add_account(b"a" * 32)
    assert storage.count_accounts() == 1
    assert storage.has_account(b"a" * 32)
    assert storage.remove_account(b"a" * 32)
    assert not storage.remove_account(b"a" * 32)


def test_a_second_registrar_with_the_same_folder_is_refused(storage, url):
    with pytest.raises(StateError, match="stop it before"):
        open_storage(url)
    open_storage(url, exclusive=False).close()  # for a backup
    storage.close()
    open_storage(url).close()


def test_a_registrar_on_another_machine_is_refused_too(postgres, tmp_path):
    url = new_database(postgres)
    first = open_storage(f"{url}?files={tmp_path / 'here'}")
    with pytest.raises(StateError, match="stop it before"):
        open_storage(f"{url}?files={tmp_path / 'there'}")
    first.close()
    open_storage(f"{url}?files={tmp_path / 'there'}").close()


@pytest.mark.parametrize(
    "bad", ["secret", "postgresql://u:secret@h/d", "mysql://secret@h/d", "sqlite://"]
)
def test_other_urls_are_refused_without_being_repeated(bad):
    with pytest.raises(InputError, match="sqlite:///folder") as raised:
        open_storage(bad)
    assert "secret" not in str(raised.value)


def test_sqlite_unlinks_a_table_and_empties_its_log(tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path}")
    secret = os.urandom(64)
    storage.commit(group({tag(1): secret}, {secret[:32]: secret[32:]}))
    storage.save(TableState(*ST, phase="frozen"))
    storage.drop_records(*ST)
    assert not list(tmp_path.glob("records_*"))
    assert (tmp_path / "registrar.db-wal").stat().st_size == 0
    storage.forget_days(1)  # what expires is overwritten, not only unlinked
    storage.drop_records(*ST)
    files = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
    assert not any(secret[:32] in data for data in files)
    storage.close()
