"""The disk fills up, or the database goes away, under real processes and clients."""

import asyncio
import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from private_presence.server.storage.tests.conftest import new_database

from .living import Town, cluster_of

pytestmark = pytest.mark.slow(seconds=50)
SIZE = 24  # megabytes


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    made = None
    if os.geteuid() == 0 and shutil.which("mount"):
        options = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "none", str(place)]
        made = subprocess.run(options, check=False, capture_output=True)
    if made is None or made.returncode:
        pytest.skip("only root may make a small file system; storage tests do without")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def filled(place):
    """Not a byte is left."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    yield
    ballast.unlink()


def lived(cluster, trouble):
    async def story():
        async with Town(cluster) as town:
            await town.until_seen(more=60.0)  # settling is no part of the test
            await trouble(town)
            await town.until_seen(since=town.t())
            town.check_honest()

    with cluster:
        asyncio.run(story())
        return [cluster.stop(name) for name in cluster.names]


def test_a_full_disk_of_everybodys(small_disk):
    """Keys, tables, records and promises of all servers are on one small disk."""
    cluster = cluster_of(small_disk)

    async def trouble(town):
        with filled(small_disk):
            await asyncio.sleep(1.5 * town.config.st_ms / 1000)

    assert lived(cluster, trouble) == [0] * len(cluster.names)


def test_a_database_that_goes_away_and_comes_back(tmp_path, postgres):
    url = f"{new_database(postgres)}?files={tmp_path / 'files'}"
    cluster = cluster_of(tmp_path, storage=url)

    async def trouble(town):
        await asyncio.to_thread(postgres.stop)
        await asyncio.sleep(1.5 * town.config.st_ms / 1000)
        await asyncio.to_thread(postgres.start)

    assert lived(cluster, trouble) == [0] * len(cluster.names)
