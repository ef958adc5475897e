"""kill -9 at every transition: the same bytes after a restart, nothing lost (F9, F10)."""

import asyncio
import signal
import subprocess
import sys

import pytest

from private_presence.protocol.epochs import Kind
from private_presence.server.storage import open_storage

from .scenario import LT1, POSTS, ST1, Diary, hashes, outcome, tell
from .world import body_of

SAVED = ("open", "commitments", "frozen", "openings", "built", "published")
POINTS = [f"before {point}" for point in SAVED]  # the servers know, the storage not yet
POINTS += ["after raw pushed", "after handed over", "tokens spent", "values stored"]
AFTER = [f"after {point}" for point in SAVED]  # the next step has not begun
# The first table is that of genesis, the third one has records.
CASES = [(point, 3) for point in POINTS] + [("before built", 1), ("after frozen", 3)]
CASES += [(point, 1) for point in AFTER]


def told(url, folder):
    storage = open_storage(url)
    try:
        return asyncio.run(tell(storage, folder, Diary(folder)))
    finally:
        storage.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return hashes(outcome(told(f"sqlite:///{folder / 'registrar'}", folder)))


def kill(url, folder, point, times):
    program = "private_presence.server.registrar.tests.scenario"
    command = [sys.executable, "-m", program, url, folder, point, times]
    ended = subprocess.run(list(map(str, command)), timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL, f"{point} was not reached"


def check(world, folder, undisturbed):
    assert hashes(outcome(world)) == undisturbed
    assert world.servers.broken == []
    acknowledged = set(Diary(folder).kept["receipts"])
    assert acknowledged == {f"{k:d} {e} {i}" for k, e, i in POSTS}
    for kind, epoch, seed in POSTS:
        value = body_of(kind, epoch, seed)
        raw = world.servers.raw(0, kind, epoch)
        assert value[37 + 64 :] + value[37 : 37 + 64] in raw


@pytest.mark.parametrize(("point", "times"), CASES)
def test_a_registrar_killed_at_any_point_goes_on_with_the_same_bytes(
    tmp_path, undisturbed, point, times
):
    url = f"sqlite:///{tmp_path / 'registrar'}"
    kill(url, tmp_path, point, times)
    check(told(url, tmp_path), tmp_path, undisturbed)


@pytest.mark.parametrize("point", ["before frozen", "tokens spent"])
def test_the_same_on_postgresql(postgres, tmp_path, undisturbed, point):
    from private_presence.server.storage.tests.conftest import new_database

    url = f"{new_database(postgres)}?files={tmp_path / 'files'}"
    kill(url, tmp_path, point, 3)
    check(told(url, tmp_path), tmp_path, undisturbed)


def test_a_registrar_killed_again_and_again(tmp_path, undisturbed):
    url = f"sqlite:///{tmp_path / 'registrar'}"
    for point in ("after open", "tokens spent", "before built"):
        kill(url, tmp_path, point, 1)
    check(told(url, tmp_path), tmp_path, undisturbed)


def test_the_reference_run_is_what_it_should_be(undisturbed):
    assert {key[1:] for key in undisturbed} >= {(Kind.ST, ST1), (Kind.LT, LT1)}
    assert len({kept["signed"] for kept in undisturbed.values()}) == 3
