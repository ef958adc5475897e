"""An hour of everything in a few minutes: memory, files and handles stay where they are.

Ten people, registrar and two lookup servers on one manual clock: 360 short epochs of ten
seconds, thirty days of two minutes.  What is measured between the tenth minute and the
end is the process that holds registrar, servers and people, and the servers' workers.

The bounds.  *Blocks* are what Python has allocated, to the single object; all are of
this process.  A thing forgotten in each epoch by each person, or for each request, would
be 3,000 of them or more; a day's tokens or outbox, which come and go, are counted as the
largest difference between two days.  A server keeps 8 MiB of answers for those whose
connection broke: here a 32nd of that, full after some epochs; with all of it an hour
adds three blocks for each of 6,000 answers.  *Resident memory* also has the pages that
the allocator keeps: a copy of each answer and of each query would be above the bound.
*Files* are those of the retained days and epochs.
"""

import asyncio
import contextlib
import gc
import sys
import time
from itertools import pairwise

import psutil
import pytest

from private_presence.client.tests.people import befriend
from private_presence.client.tests.scripted import FIRST
from private_presence.protocol.epochs import Kind, start_of
from private_presence.protocol.tests.world import SERVERS, deployment
from private_presence.server.lookup.limits import Limits

from .faults_town import Lines, Town

CONFIG = deployment(
    servers=tuple(key.public for key in SERVERS[:2]),
    privacy=1,
    max_friends=6,
    buckets=12,
    lt_ms=120_000,
    st_ms=10_000,
    lt_close_ms=10_000,
    st_close_ms=1_500,
    skew_ms=2_000,
    retain=3,
)
PEOPLE = [f"person {i}" for i in range(10)]
EPOCHS, EARLY = 360, 60  # of ten seconds: an hour, and ten minutes
EVERY = 12  # epochs between two measurements: a day, always at the same hour
REMEMBERED = 1 << 18  # bytes of answers that a server keeps: full long before EARLY
BLOCKS = 3_000  # one for each person in each tenth epoch is 3,000 / 10
RESIDENT = 12 << 20
SEEN = 0.8  # of all sights, from the second day on


def measured(town):
    gc.collect()
    here = psutil.Process()
    sizes = sizes_in(town.folder)
    return {
        "blocks": sys.getallocatedblocks(),
        "resident": here.memory_info().rss,
        "workers": sum(p.memory_info().rss for p in here.children(recursive=True)),
        "handles": here.num_fds(),
        "files": len(sizes),
        "disk": sum(sizes),
    }


def sizes_in(folder):
    # Files go while they are counted: the servers' threads remove what is over.
    sizes = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                sizes.append(path.stat().st_size)
    return sizes


def watch(town):
    """How many of all pairs of friends see each other in this epoch."""
    pairs = zip(PEOPLE, PEOPLE[1:] + PEOPLE[:1], strict=True)
    sights = [town[reader].sees(owner) for owner, reader in pairs]
    return sum(bool(s and s.online and s.t == town.t) for s in sights)


async def hour(folder):
    begin = start_of(CONFIG, Kind.LT, FIRST) + 0.5
    town = Town(folder, PEOPLE, begin, CONFIG)
    town.step, town.limits = 0.5, Limits(remembered=REMEMBERED)
    town.enrol()
    for owner, reader in zip(PEOPLE, PEOPLE[1:] + PEOPLE[:1], strict=True):
        befriend(CONFIG, town[owner], town[reader])
    for person in town.people.values():
        person.net = Lines(town.fronts, town.clocks)  # a recorder would remember all
    first, seen, kept = town.t, [], []
    await town.open(on_event=lambda news: None)
    try:
        for n in range(EPOCHS):
            await town.end_of(first + n)
            seen.append(watch(town))
            if (n + 1) % EVERY == 0:
                kept.append(measured(town))
    finally:
        await town.close()
    return kept, seen


@pytest.mark.slow(seconds=320)
def test_an_hour_leaves_memory_files_and_handles_where_they_are(tmp_path, capsys):
    begin = time.perf_counter()
    kept, seen = asyncio.run(hour(tmp_path))
    early, late = kept[EARLY // EVERY - 1], kept[-1]
    share = sum(seen[2 * EVERY :]) / len(seen[2 * EVERY :]) / len(PEOPLE)
    with capsys.disabled():
        say = sys.stdout.write
        say(f"\nan hour in {time.perf_counter() - begin:.0f} s, {share:.1%} seen\n")
        for name in early:
            say(f"  {name}: {kept[0][name]} -> {early[name]} -> {late[name]}\n")
    assert share > SEEN
    half = kept[EARLY // EVERY - 1 :]
    swing = max(abs(a["blocks"] - b["blocks"]) for a, b in pairwise(half))
    assert late["blocks"] - early["blocks"] < BLOCKS + swing
    assert late["resident"] - early["resident"] < RESIDENT
    assert late["workers"] - early["workers"] < RESIDENT
    assert late["handles"] <= early["handles"] + 4
    assert late["files"] <= early["files"] + 4
    assert late["disk"] <= 1.25 * early["disk"] + (1 << 20)
