"""The service's edges: limits, keys, queue, workers."""

import asyncio
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from private_presence.errors import CapacityError, ConfigError
from private_presence.pir.table import TableId
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.ask import backend_of
from private_presence.protocol.config import MODES, encode_config
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.directory import Directory
from private_presence.protocol.epochs import Kind
from private_presence.protocol.tests.world import SERVERS, deployment
from private_presence.server.clock import ManualClock
from private_presence.server.endpoints import ENDPOINTS, Facts, match
from private_presence.server.metrics import Metrics
from private_presence.server.registrar import (
    ProcessWorkers,
    Registrar,
    RegistrarKeys,
    ThreadWorkers,
)
from private_presence.server.registrar.queue import GroupQueue
from private_presence.server.registrar.work import lay_out, sign_points

from .world import CONFIG, RKEYS, ROOT, World


def run_with(storage, tmp_path, story):
    async def run():
        world = World(storage, tmp_path / "servers")
        try:
            await story(world)
        finally:
            await world.registrar.close()

    asyncio.run(run())


def test_limits_are_the_endpoint_tables_sizes(storage, tmp_path):
    async def story(world):
        for endpoint in ENDPOINTS:
            path = endpoint.path.replace("{kind}", "st").replace("{number}", "1")
            found = match(endpoint.method, path)
            limit = world.registrar.limit(found)
            if endpoint.server == "pir":
                assert limit is None
                assert (await world.registrar.handle(found, b"")).status == 404
            else:
                facts = Facts(CONFIG, found.kind or Kind.LT, found.number or 0)
                assert limit == endpoint.request.size(facts)

    run_with(storage, tmp_path, story)


def test_the_deployments_file_is_the_same_for_all(storage, tmp_path):
    async def story(world):
        reply = await world.ask("GET", "/v1/config")
        assert (reply.status, reply.body) == (200, b"the deployment's file")

    run_with(storage, tmp_path, story)


def test_another_signing_key_is_refused_at_the_start(storage):
    with pytest.raises(ConfigError, match="right key file"):
        Registrar(
            Deployment(CONFIG, Directory(CONFIG.dep_id, 1, ())),
            RegistrarKeys(SERVERS[0], ROOT),
            storage,
            None,
            ManualClock(0.0),
            SeededRandomness("r"),
            Metrics(),
            file=b"",
            workers=ThreadWorkers(),
        )


def test_keys_do_not_show_themselves():
    assert "Secret" not in repr(RKEYS).replace("<Secret", "")
    assert ROOT.hex() not in repr(RKEYS)
    assert bytes(RKEYS.signing.secret).hex() not in repr(RKEYS)


def test_a_queue_keeps_order_and_turns_away_what_is_too_much():
    async def story():
        with ThreadPoolExecutor(1) as thread:
            groups = []

            def double(items):
                groups.append(len(items))
                return [2 * item for item in items]

            queue = GroupQueue(double, thread, most=8, limit=20)
            asked = [asyncio.create_task(queue.put(i)) for i in range(25)]
            done = await asyncio.gather(*asked, return_exceptions=True)
            assert done[:20] == [2 * i for i in range(20)]
            assert all(isinstance(error, CapacityError) for error in done[20:])
            assert groups == [8, 8, 4]
            assert await queue.put(7) == 14
            await queue.close()

    asyncio.run(story())


def test_a_queue_leaves_nobody_waiting_when_its_function_fails():
    async def story():
        with ThreadPoolExecutor(1) as thread:

            def fail_first(items):
                if 0 in items:
                    raise RuntimeError("a mistake")
                return items

            queue = GroupQueue(fail_first, thread)
            with pytest.raises(RuntimeError, match="a mistake"):
                await queue.put(0)
            gone = asyncio.create_task(queue.put(1))
            await asyncio.sleep(0)
            gone.cancel()  # who asked has gone; the others are answered
            assert await queue.put(2) == 2
            await queue.close()

    asyncio.run(story())


def test_a_queue_leaves_nobody_waiting_when_answers_are_missing():
    async def story():
        with ThreadPoolExecutor(1) as thread:
            queue = GroupQueue(lambda items: items[:1], thread)
            done = await asyncio.gather(
                queue.put(0), queue.put(1), return_exceptions=True
            )
            assert all(isinstance(error, ValueError) for error in done)
            await queue.close()

    asyncio.run(asyncio.wait_for(story(), 5.0))


def test_workers_that_die_are_replaced():
    async def story():
        workers = ProcessWorkers(1)
        first = await workers.run(os.getpid)
        assert first != os.getpid()
        os.kill(first, signal.SIGKILL)
        assert await workers.run(os.getpid) != first
        workers.close()

    asyncio.run(story())


ORPHANS = """
import asyncio, os, time
from private_presence.server.registrar import ProcessWorkers
workers = ProcessWorkers(1)
print(asyncio.run(workers.run(os.getpid)), flush=True)
time.sleep(60)
"""


def test_workers_do_not_outlive_a_parent_that_is_killed():
    command = [sys.executable, "-c", ORPHANS]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    worker.wait(timeout=10)
    assert not worker.is_running()


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_lays_out_every_table_also_an_empty_one(tmp_path, mode):
    config = deployment(
        servers=tuple(key.public for key in SERVERS[: 3 if mode == "shamir" else 2]),
        privacy=1,
        mode=mode,
    )
    for count in (0, 1, 40):
        raw = tmp_path / f"{count}"
        row = 16 + config.lt_value_size
        raw.write_bytes(b"".join(bytes([i]) * row for i in range(count)))
        layout = lay_out(encode_config(config), Kind.LT, 7, raw, bytes(32))
        table = TableId(config.dep_id, Kind.LT, 7)
        backend_of(config).rebuild(raw.read_bytes(), table, bytes(32), layout.manifest)
        assert layout.largest_bucket <= count


def test_layouts_and_signatures_are_the_same_from_processes(storage, tmp_path):
    from private_presence.primitives.curve import encode_scalar
    from private_presence.primitives.secret import Secret
    from private_presence.server.registrar.keys import token_key_of

    from .test_issuing import request

    raw = tmp_path / "raw"
    size = CONFIG.st_value_size
    raw.write_bytes(b"".join(bytes([i]) * (16 + size) for i in range(30)))
    about = (encode_config(CONFIG), Kind.ST, 7, raw, bytes(32))
    secret = Secret(encode_scalar(token_key_of(ROOT, CONFIG, 1, 1).secret))
    points = request(1)[1][36:]

    async def story():
        workers = ProcessWorkers(1)
        there = await workers.run(lay_out, *about)
        here = lay_out(*about)
        assert there.manifest == here.manifest
        assert (there.retries, there.largest_bucket) == here[2:]
        assert 1 <= here.largest_bucket <= 30
        signed = await workers.run(sign_points, secret, points)
        assert signed == sign_points(secret, points)
        workers.close()

    asyncio.run(story())
