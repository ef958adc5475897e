"""Server processes under load: started, asked what they spent, kept on a core, ended."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from _presence_load_place import CORES, RNG, pin
from private_presence.server.web.authority import issue_leaf, save_leaf

HERE = Path(__file__).resolve().parent


class Process:
    """A server process: where it listens, and what it reports."""

    def __init__(self, role, folder, authority):
        self.port = free_port()
        leaf = issue_leaf(authority, [f"127.0.0.1:{self.port}"], time.time(), RNG)
        save_leaf(folder / "leaf.pem", leaf)
        words = [sys.executable, str(HERE / "_presence_load_server.py"), role]
        self.child = subprocess.Popen(
            [*words, str(folder), str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._line() != "ready":
            raise RuntimeError(f"{role}: expected to hear that it is ready")

    def _line(self):
        assert self.child.stdout is not None
        return json.loads(self.child.stdout.readline())

    def report(self):
        """Return CPU seconds so far, batches since the last report, largest memory."""
        assert self.child.stdin is not None
        self.child.stdin.write("report\n")
        self.child.stdin.flush()
        return self._line()

    def stop(self):
        assert self.child.stdin is not None
        self.child.stdin.write("stop\n")
        self.child.stdin.flush()
        return self.child.wait(timeout=60)


@contextmanager
def serving(role, folder, authority):
    process = Process(role, folder, authority)
    try:
        yield process
    finally:
        process.stop()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cost(process, load):
    """Put load on; return its results, and what each of the server's processes spent."""
    before = process.report()
    results, wall = asyncio.run(load())
    after = process.report()
    spent = {name: after[name] - before[name] for name in ("web", "workers")}
    return results, spent | {"wall": wall, "batches": after["batches"]}


@contextmanager
def one_core(process, name):
    """For bursts: the server's processes on one core, clients and kernel on another."""
    if "bursts" not in name or len(CORES) < 2:
        yield
        return
    pin(process.child.pid, 0)
    pin(os.getpid(), -1)
    try:
        yield
    finally:
        for pid in (process.child.pid, os.getpid()):
            pin(pid, None)
