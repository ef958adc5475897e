"""Shared memory is private, cleaned, and flat over many epochs."""

import asyncio
import os

import psutil

from private_presence.protocol.epochs import Kind, start_of
from private_presence.server.lookup.memory import SharedFolder
from private_presence.server.lookup.shelf import TableKey

from .world import ST, running, some_records

EPOCHS = 24


def test_what_a_killed_server_left_is_removed(tmp_path):
    shelf, shared = tmp_path / "shelf", tmp_path / "shared"
    shelf.mkdir()
    shared.mkdir()
    first = SharedFolder(shelf, shared)
    first.fresh("st-7").write_bytes(b"cells")
    second = SharedFolder(shelf, shared)  # the first was never closed
    assert second.folder == first.folder
    assert not list(second.folder.iterdir())
    assert second.folder.stat().st_mode & 0o777 == 0o700
    second.close()
    assert not list(shared.iterdir())


def test_a_place_that_somebody_else_may_write_to_is_not_used(tmp_path):
    shelf, shared = tmp_path / "shelf", tmp_path / "shared"
    shelf.mkdir()
    shared.mkdir()
    taken = SharedFolder(shelf, shared).folder
    taken.chmod(0o777)
    assert SharedFolder(shelf, shared).folder == shelf / "cells"
    taken.rmdir()
    taken.symlink_to(tmp_path)
    assert SharedFolder(shelf, shared).folder == shelf / "cells"
    assert SharedFolder(shelf, tmp_path / "no such place").folder == shelf / "cells"


def test_files_memory_and_handles_stay_flat_over_epochs(tmp_path):
    """Two servers over two dozen short epochs, with lookups in each."""

    async def test(bed):
        server, stop = bed.servers[0], asyncio.Event()
        manifest = await bed.lookup_ready()
        (worker,) = await server._workers.warm_up()
        tasks = [asyncio.create_task(each.run(stop)) for each in bed.servers]
        seen = []
        for t in range(ST.epoch + 1, ST.epoch + EPOCHS):
            epoch = t - ST.epoch
            day = t // bed.config.st_per_lt
            if (key := TableKey(Kind.LT, day)) not in bed.registrar.manifests:
                await bed.registrar.publish(key, b"")
            raw = some_records(bed.config, Kind.ST, 10, f"{t}")
            manifest = await bed.registrar.publish(TableKey(Kind.ST, t), raw)
            await bed.clock.advance(
                start_of(bed.config, Kind.ST, t) + 7 - bed.clock.now()
            )
            query = bed.query(manifest, f"{t}").bodies[0]
            token = bed.token(0, t, day=day)
            body = bed.body(manifest, query, token, day=day)
            assert (await bed.ask(0, "POST", f"/v1/pir/st/{t}", body))[0] == 200
            await asyncio.sleep(0.02)  # retirement runs in a thread
            seen.append((epoch, *usage(server, tmp_path / "server 0", worker)))
        late, early = seen[-1], seen[EPOCHS // 3]
        assert late[1] <= early[1] + 2 * EPOCHS // bed.config.st_per_lt * 3  # LT tables
        assert late[2] <= 5  # cells: two of each kind, and one on its way out
        assert late[3] <= early[3] + 4  # handles
        assert late[4] <= 6  # tables mapped by the worker
        stop.set()
        await asyncio.gather(*tasks)

    running(tmp_path, test)


def usage(server, folder, worker):
    maps = psutil.Process(worker).memory_maps(grouped=False)
    return (
        len(list((folder / "tables").iterdir())),
        len(list(server._memory.folder.iterdir())),
        len(os.listdir("/proc/self/fd")),
        sum(f"{server._memory.folder}" in each.path for each in maps),
    )


def test_closing_finishes_what_was_accepted(tmp_path):
    async def test(bed):
        manifest = await bed.lookup_ready()
        body = bed.body(manifest, bed.query(manifest).bodies[0], bed.token(0, "last"))
        path = f"/v1/pir/st/{ST.epoch}"
        asked = asyncio.create_task(bed.ask(0, "POST", path, body))
        await asyncio.sleep(0)
        await bed.restart(0)
        assert (await asked)[0] == 200
        assert (await bed.ask(0, "POST", path, body))[0] == 200

    running(tmp_path, test)
