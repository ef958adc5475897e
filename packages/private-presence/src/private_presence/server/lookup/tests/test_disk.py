"""A disk that is full: refused cleanly, nothing told that is not kept, then recovered."""

import errno
import os
import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest

from private_presence.errors import (
    EncodingError,
    InputError,
    PeerError,
    StateError,
    StorageError,
)
from private_presence.protocol.epochs import Kind
from private_presence.protocol.files import Files
from private_presence.server.lookup.limits import Limits
from private_presence.server.lookup.shelf import Shelf, TableKey
from private_presence.server.lookup.spent import SpentFiles

from .world import DAY, ST, running, some_records


class Full(Files):
    """Writes half of what it is given once the disk is full."""

    full = False

    def write(self, handle, data):
        if self.full:
            os.write(handle, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(handle, data)


def test_a_full_disk_stops_every_step_and_room_lets_it_go_on(tmp_path):
    disk = Full()

    async def test(bed):
        raw, folder = some_records(bed.config, Kind.ST, 5), tmp_path / "server 0"
        digest = sha256(raw).digest()
        steps = [
            lambda: bed.peers.commitment(0, *ST),
            lambda: bed.registrar.push(ST, raw, 0),
            lambda: bed.peers.opening(0, *ST, digest),
            lambda: bed.registrar.publish(ST, raw),
        ]
        for step in steps:
            disk.full = True
            with pytest.raises(PeerError, match="503"):
                await step()
            assert not list(folder.rglob("*.new"))
            disk.full = False
            await step()
        assert (await bed.ask(0, "GET", f"/v1/manifest/st/{ST.epoch}"))[0] == 200

    running(tmp_path, test, first_files=disk)


def test_no_token_is_spent_while_the_disk_is_full(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        body = bed.body(manifest, bed.query(manifest).bodies[0], bed.token(0, "full"))
        path = f"/v1/pir/st/{ST.epoch}"
        spent = bed.servers[0]._spent.day(DAY)
        pages = spent._base.execute("PRAGMA page_count").fetchone()[0]
        fill = [(os.urandom(32), os.urandom(32)) for _ in range(500)]
        spent._base.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageError):
            spent.spend(fill)
        assert spent.paid(fill) == [False] * 500
        spent._base.execute(f"PRAGMA max_page_count = {pages + 1000}")
        assert (await bed.ask(0, "POST", path, body))[0] == 200

    running(tmp_path, test)


def test_a_full_disk_answers_no_query(tmp_path, monkeypatch):
    async def test(bed):
        manifest = await bed.lookup_ready()
        body = bed.body(manifest, bed.query(manifest).bodies[0], bed.token(0, "full"))
        spent, path = bed.servers[0]._spent.day(DAY), f"/v1/pir/st/{ST.epoch}"
        spent._base.execute("PRAGMA query_only = ON")  # every write fails
        assert (await bed.ask(0, "POST", path, body))[0] == 503
        spent._base.execute("PRAGMA query_only = OFF")
        assert (await bed.ask(0, "POST", path, body))[0] == 200

    running(tmp_path, test)


def test_a_damaged_promise_is_not_guessed(tmp_path):
    async def test(bed):
        await bed.peers.commitment(0, *ST)

    running(tmp_path, test)
    path = tmp_path / "server 0" / "tables" / f"{ST.word}.kept"
    data = path.read_bytes()
    path.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
    with pytest.raises(EncodingError, match="damaged"):
        Shelf(tmp_path / "server 0", Files())


def test_one_process_holds_a_folder(tmp_path):
    shelf = Shelf(tmp_path, Files())
    with pytest.raises(StateError, match="another process"):
        Shelf(tmp_path, Files())
    shelf.close()
    Shelf(tmp_path, Files()).close()


def test_leftovers_without_a_promise_are_removed(tmp_path):
    Shelf(tmp_path, Files()).close()
    for name in ("st-7.raw", "st-7.signed", "st-7.kept.new"):
        (tmp_path / "tables" / name).write_bytes(b"x")
    shelf = Shelf(tmp_path, Files())
    assert not list((tmp_path / "tables").iterdir())
    assert not shelf.promised()
    shelf.close()


def test_evidence_is_bounded_and_kept_once(tmp_path, monkeypatch):
    monkeypatch.setattr("private_presence.server.lookup.shelf.MAX_EVIDENCE", 2)
    shelf = Shelf(tmp_path, Files())
    for text in (b"one", b"one", b"two", b"three"):
        shelf.testify(TableKey(Kind.ST, 7), "raw", text)
    assert [path.read_bytes() for path in shelf.evidence()].count(b"one") == 1
    assert len(shelf.evidence()) == 2
    shelf.testify(TableKey(Kind.ST, 8), "manifest", b"of another kind")
    assert len(shelf.evidence()) == 3
    shelf.close()


def test_used_tokens_that_cannot_be_read_are_no_surprise(tmp_path):
    files = SpentFiles(tmp_path)
    day = files.day(1)
    day._base.execute("DROP TABLE spent")
    with pytest.raises(StorageError, match="see to the disk"):
        day.paid([(bytes(32), bytes(32))])
    files.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"remembered": -1},
        {"resends": -1},
        {"peer_seconds": 0.0},
        {"peer_seconds": float("nan")},
        {"delay": -0.1},
        {"split": 0},
        {"batch": 257},
    ],
    ids=str,
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InputError, match="correct the server's settings"):
        Limits(**wrong)


def test_what_cannot_be_removed_is_said_and_tried_again(tmp_path, monkeypatch):
    """A server that retires tables goes on when the disk does not let it."""

    def refused(path, missing_ok=False):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    async def test(bed):
        server = bed.servers[0]
        await bed.registrar.publish(ST, b"")
        server._spent.day(1)
        with monkeypatch.context() as broken:
            broken.setattr(Path, "unlink", refused)
            with pytest.raises(StorageError, match="Read-only"):
                server._shelf.remove(ST)
            with pytest.raises(StorageError, match="Read-only"):
                server._spent.forget_before(2)
        assert server._shelf.promised() == [ST]
        server._shelf.remove(ST)
        server._spent.forget_before(2)
        assert not server._shelf.promised()
        assert not list((tmp_path / "server 0" / "spent").iterdir())

    running(tmp_path, test)


def test_used_tokens_are_not_written_in_the_order_of_their_arrival(tmp_path):
    files, written = SpentFiles(tmp_path), []
    day = files.day(1)
    day._base.set_trace_callback(written.append)
    assert day.spend([(b"b", b"1"), (b"a", b"2"), (b"b", b"0")]) == [True, True, False]
    rows = [line for line in written if line.startswith("INSERT")]
    assert ["x'61'" in row.lower() for row in rows] == [True, False, False]
    files.close()


def test_spent_files_of_past_days_are_removed(tmp_path):
    files = SpentFiles(tmp_path)
    for day in (1, 2, 3):
        files.day(day).spend([(bytes(32), bytes(32))])
    files.forget_before(3)
    assert [path.stem for path in tmp_path.glob("*.sqlite")] == ["3"]
    files.close()
    base = sqlite3.connect(tmp_path / "3.sqlite")
    assert base.execute("SELECT count(*) FROM spent").fetchone() == (1,)
    base.close()
