"""kill -9 of real processes, under clients over TLS: right again within two epochs."""

import asyncio
import signal
import time

import pytest

from .dying import PROGRAM
from .living import Town, cluster_of

pytestmark = pytest.mark.slow(seconds=40)


def lived(cluster, trouble):
    """See everybody, have `trouble`, and see everybody again."""

    async def story():
        async with Town(cluster) as town:
            await town.until_seen(more=60.0)  # settling is no part of the test
            await trouble(town)
            await town.until_seen(since=town.t())
            town.check_honest()

    with cluster:
        asyncio.run(story())


@pytest.mark.parametrize(
    "point", ["before frozen", "after built", "before published", "values stored"]
)
def test_a_registrar_killed_at_a_transition(tmp_path, point):
    cluster = cluster_of(tmp_path)

    async def trouble(town):
        await asyncio.to_thread(cluster.stop, "registrar")
        cluster.start("registrar", PROGRAM, {"DIES_AT": point, "DIES_ON": "2"})
        status = []

        def dead():
            status.append(cluster.ended("registrar"))
            return status[-1] is not None

        await town.until(dead, 40.0, "the registrar dies")
        assert status[-1] == -signal.SIGKILL
        await asyncio.to_thread(cluster.restart, "registrar")

    lived(cluster, trouble)


@pytest.mark.parametrize("part", [0.2, 0.9])
def test_a_lookup_server_killed_in_mid_epoch_and_while_a_table_is_made(tmp_path, part):
    cluster = cluster_of(tmp_path)

    async def trouble(town):
        length = town.config.st_ms / 1000
        await asyncio.sleep(
            (part * length - time.time()) % length
        )  # in mid-epoch, or freezing
        cluster.kill("pir1")
        await asyncio.sleep(1.0)
        await asyncio.to_thread(cluster.restart, "pir1")

    lived(cluster, trouble)


def test_everything_killed_at_once(tmp_path):
    cluster = cluster_of(tmp_path)

    async def trouble(town):
        for name in cluster.names:
            cluster.kill(name)
        for name in cluster.names:
            cluster.start(name)
        await asyncio.to_thread(cluster.wait)

    lived(cluster, trouble)
