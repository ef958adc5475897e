"""A day of a registrar, told so that it can be killed anywhere and told on.

Run as a program it kills itself, by the signal that nothing can catch, when the
storage or a step reaches a named point for the given time.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from private_presence.protocol.epochs import Kind, window
from private_presence.protocol.receipt import Answer, decode_receipt
from private_presence.server.registrar.tests.world import (
    CONFIG,
    LT0,
    ST0,
    START,
    World,
    post_of,
)
from private_presence.server.storage import open_storage

ST1, LT1 = ST0 + 1, LT0 + 1
POSTS = [(Kind.ST, ST1, i) for i in range(4)] + [(Kind.LT, LT1, i) for i in range(2)]


class Diary:
    """What outlives a killed process beside its storage: the time, and receipts."""

    def __init__(self, folder):
        self.path = Path(folder) / "diary"
        text = self.path.read_text() if self.path.exists() else "{}"
        self.kept = {"now": START, "receipts": [], **json.loads(text)}

    def note(self, now, receipt=None):
        self.kept["now"] = now
        if receipt is not None:
            self.kept["receipts"].append(receipt)
        self.path.with_suffix(".new").write_text(json.dumps(self.kept))
        self.path.with_suffix(".new").replace(self.path)


async def tell(storage, folder, diary):
    """From genesis to the publication of a short and of a long table."""
    world = World(storage, Path(folder) / "servers", start=diary.kept["now"])
    async with world:
        await world.until(lambda: world.phase(Kind.ST, ST1) != "")
        await world.until(lambda: world.served(Kind.LT, LT0))
        for post in POSTS:
            await register(world, diary, post)
        for kind, epoch in ((Kind.ST, ST1), (Kind.LT, LT1)):
            closes = window(CONFIG, kind, epoch)[1]
            while world.clock.now() < closes:  # tables of other epochs meanwhile
                step = min(25.0, closes - world.clock.now())
                await world.clock.advance(step)
                diary.note(world.clock.now())
                await asyncio.sleep(0.002)
            await world.until(lambda k=kind, e=epoch: world.served(k, e), 0.25)
    return world


async def register(world, diary, post):
    """An honest client: the same bytes until there is a receipt, while it is time."""
    name = f"{post[0]:d} {post[1]} {post[2]}"
    if name in diary.kept["receipts"]:
        return
    reply = await world.register(post[0], post[1], post_of(*post))
    if reply.status == 200:
        answer = decode_receipt(reply.body).answer
        assert answer is Answer.ACCEPTED, answer
        diary.note(world.clock.now(), name)


def outcome(world):
    """Everything that was promised to anybody."""
    return {
        (server, int(kind), epoch): world.servers.load(server, kind, epoch)
        for server in range(2)
        for kind, epoch in ((Kind.ST, ST1), (Kind.LT, LT0), (Kind.LT, LT1))
    }


def hashes(told):
    """What must be the same bytes; signatures have random nonces."""
    return {
        key: {name: kept[name] for name in ("raw", "opened", "signed")}
        for key, kept in told.items()
    }


def killer(point, times):
    """A hook that ends the process when a point is reached for the n-th time."""
    seen = []

    def at(name):
        seen.append(name)
        if seen.count(point) == times:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def main(url, folder, point, times):
    storage = open_storage(url)
    storage.at = killer(point, int(times))
    asyncio.run(tell(storage, folder, Diary(folder)))
    storage.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
