"""A server process that dies: run by `test_kill`, alone in its process.

``python -m ... folder when``: two servers and R publish one table; server 0 ends the
process without a word at its `when`-th operation on a file, or "build": while a worker
lays out the table, or "answer": while a query is computed.  What server 0 told anybody
is written to ``told``, so that the test can hold it to that.
"""

import asyncio
import os
import sys
from pathlib import Path

from private_presence.protocol.epochs import Kind
from private_presence.protocol.files import Files
from private_presence.server.lookup.tests.world import ST, Bed, some_records

N_RECORDS = 300


class Dies(Files):
    """Ends the process at one operation, before it is done."""

    def __init__(self, when):
        self.left = when

    def tick(self):
        self.left -= 1
        if self.left < 0:
            os._exit(9)

    def create(self, path):
        self.tick()
        return super().create(path)

    def write(self, handle, data):
        self.tick()
        super().write(handle, data[: len(data) // 2])
        self.tick()
        super().write(handle, data[len(data) // 2 :])

    def sync(self, handle):
        self.tick()
        super().sync(handle)

    def rename(self, source, target):
        self.tick()
        super().rename(source, target)

    def sync_folder(self, folder):
        self.tick()
        super().sync_folder(folder)


def listen(bed, path):
    """Write down what server 0 answers."""
    ask = bed.peers.ask

    async def heard(server, method, word, kind, epoch, body=b""):
        answer = await ask(server, method, word, kind, epoch, body)
        if (server, kind, epoch) == (0, *ST) and answer and word != "manifest-hash":
            with path.open("a") as file:
                file.write(f"{word} {answer.hex()}\n")
        return answer

    bed.peers.ask = heard


async def main(folder, when):
    number = int(when) if when.isdigit() else 10**9
    bed = Bed(folder, first_files=Dies(number))
    listen(bed, folder / "told")
    raw = some_records(bed.config, Kind.ST, N_RECORDS)
    if when == "build":
        die_in_build(bed)
    await bed.registrar.publish(ST, raw)
    if when == "answer":
        manifest = await bed.lookup_ready(n=N_RECORDS)
        body = bed.body(manifest, bed.query(manifest).bodies[0], bed.token(0, "kill"))
        server = bed.servers[0]
        (folder / "workers").write_text(f"{(await server._workers.warm_up())[0]}")
        run = server._workers.run

        async def dies(function, *arguments):
            if function.__name__ == "answer":
                asyncio.get_running_loop().call_soon(os._exit, 9)
            return await run(function, *arguments)

        server._workers.run = dies
        await bed.ask(0, "POST", f"/v1/pir/st/{ST.epoch}", body)
    await bed.close()


def die_in_build(bed):
    """Die while the worker of server 0 lays out the table."""
    build = bed.servers[0]._tables._build

    async def dies(key, manifest):
        asyncio.get_running_loop().call_later(0.05, os._exit, 9)
        return await build(key, manifest)

    bed.servers[0]._tables._build = dies


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
