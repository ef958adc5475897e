"""One server process under load: ``python _presence_load_server.py ROLE FOLDER PORT``.

ROLE is ``registrar``, ``lookup0`` or ``lookup1``; a second process puts load on through
TLS.  On standard input it takes ``report`` and ``stop``; it answers in lines of JSON.
The services and the web layer are those of ``presence serve``; only the clock stands
still, so that no epoch ends during a measurement.
"""

import asyncio
import json
import sys
from pathlib import Path

import psutil

from _presence_load_place import (
    DURING,
    lookup_server,
    nobody,
    registrar,
    seconds_of_all,
)
from private_presence.server.clock import ManualClock
from private_presence.server.endpoints import Caller
from private_presence.server.metrics import Metrics
from private_presence.server.storage import open_storage
from private_presence.server.web.app import ServiceApp
from private_presence.server.web.limits import Limits
from private_presence.server.web.listener import Listener
from private_presence.server.web.run import run_service

CLIENTS = frozenset({Caller.CLIENT, Caller.ACCOUNT})


def recording(metrics, batches):
    """Note the size of every batch, besides counting it."""
    count = metrics.pir

    def pir(queries, batch_size, seconds, bytes_scanned):
        batches.append(batch_size)
        count(queries, batch_size, seconds, bytes_scanned)

    metrics.pir = pir


def service_of(role, folder, metrics):
    """Return the service and what is closed after it."""
    clock = ManualClock(DURING)
    if role == "registrar":
        storage = open_storage(f"sqlite:///{folder / 'registrar'}")
        return registrar(storage, nobody(), clock, metrics), storage.close
    index = int(role.removeprefix("lookup"))
    return lookup_server(index, folder, nobody(), clock, metrics), lambda: None


def peaks():
    """Return the largest memory of each process so far, in bytes, this one first."""
    me = psutil.Process()
    # Python starts another one, which computes nothing.
    others = [p for p in me.children() if "resource_tracker" not in p.cmdline()[-1]]
    return [peak(process.pid) for process in [me, *others]]


def peak(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(row for row in status.splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def report(batches):
    cpu = seconds_of_all()
    own = cpu.pop(psutil.Process().pid)
    told = {"web": own, "workers": sum(cpu.values()), "batches": list(batches)}
    batches.clear()
    return told | {"peaks": peaks()}


async def obey(stop, batches):
    """Do what the other process says, line by line; its end is ours."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while (line := await reader.readline()) and line != b"stop\n":
        print(json.dumps(report(batches)), flush=True)
    stop.set()


async def main(role, folder, port):
    metrics, batches = Metrics(), []
    recording(metrics, batches)
    service, close = service_of(role, folder, metrics)
    clock, limits = ManualClock(DURING), Limits()
    app = ServiceApp(service, CLIENTS, clock, metrics, limits)
    listener = Listener("127.0.0.1", port, app, folder / "leaf.pem")
    stop, opened = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(
        run_service(service, [listener], stop, metrics, limits, opened)
    )
    await opened.wait()
    while not getattr(service, "ready", True):
        await asyncio.sleep(0.05)
    print(json.dumps("ready"), flush=True)
    await asyncio.gather(obey(stop, batches), running)
    close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
