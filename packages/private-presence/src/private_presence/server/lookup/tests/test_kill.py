"""kill -9 at every write of a lookup server: nothing that it told is ever broken."""

import asyncio
import subprocess
import sys
import time
from collections import defaultdict

import psutil
import pytest

from private_presence.protocol import manifest as mf
from private_presence.protocol.epochs import Kind

from .killed import N_RECORDS, listen
from .world import ST, Bed, some_records

KILLED, ENDED = 9, 0


def run_until_death(folder, when):
    place = "private_presence.server.lookup.tests.killed"
    return subprocess.run(
        [sys.executable, "-m", place, str(folder), str(when)], timeout=60, check=False
    ).returncode


def told(folder):
    found = defaultdict(set)
    path = folder / "told"
    for line in path.read_text().splitlines() if path.exists() else ():
        word, data = line.split()
        found[word].add(bytes.fromhex(data))
    return found


def goes_on(folder, check=None):
    """Start again on the same folders, publish, and hold server 0 to what it said."""

    async def whole():
        bed = Bed(folder)
        listen(bed, folder / "told")
        try:
            raw = some_records(bed.config, Kind.ST, N_RECORDS)
            before = bed.servers[0]._tables.live.get(ST)
            manifest = await bed.registrar.publish(ST, raw)
            assert before is None or before.manifest == manifest
            if check:
                await check(bed, manifest)
            for i in range(2):
                path = f"/v1/manifest/st/{ST.epoch}"
                status, signed = await bed.ask(i, "GET", path)
                assert status == 200
                mf.verify_manifest(signed, bed.config, *ST, None)
        finally:
            await bed.close()

    asyncio.run(whole())
    heard = told(folder)
    assert len({data[:32] for data in heard["commitment"]}) == 1
    assert len({data[:64] for data in heard["opening"]}) == 1  # one part, one raw file
    assert len(heard["countersign"]) == 1  # one signature under one manifest
    assert not list((folder / "server 0" / "evidence").iterdir())


@pytest.mark.parametrize("when", [3, 24, 40, "build"])
def test_a_server_that_was_killed_goes_on(tmp_path, when):
    assert run_until_death(tmp_path, when) == KILLED
    goes_on(tmp_path)


@pytest.mark.slow(seconds=40)
def test_a_server_that_was_killed_at_any_write_goes_on(tmp_path):
    when, outcome = 0, KILLED
    while outcome == KILLED:
        folder = tmp_path / str(when)
        folder.mkdir()
        outcome = run_until_death(folder, when)
        assert outcome in (KILLED, ENDED)
        goes_on(folder)
        when += 1
    assert when > 40  # eight files, six operations each


def test_a_server_killed_while_it_answers_gives_the_same_answer_later(tmp_path):
    assert run_until_death(tmp_path, "answer") == KILLED

    async def check(bed, manifest):
        await bed.clock.advance(25)
        query = bed.query(manifest).bodies[0]
        path = f"/v1/pir/st/{ST.epoch}"
        body = bed.body(manifest, query, bed.token(0, "kill"))
        assert (await bed.ask(0, "POST", path, body))[0] == 200  # paid before: a resend
        other = bed.body(manifest, bed.query(manifest, "x").bodies[0], body[:80])
        assert (await bed.ask(0, "POST", path, other))[0] == 409

    goes_on(tmp_path, check)
    worker = int((tmp_path / "workers").read_text())
    assert gone(worker), "the dead server's worker still runs"


def gone(pid):
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie":
            return True
        time.sleep(0.05)
    return False
