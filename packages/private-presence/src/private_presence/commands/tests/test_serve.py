"""Real processes of a whole deployment, started and stopped as systemd would."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from private_presence.commands import _serving
from private_presence.commands.operator_ceremony import (
    combine,
    endorse,
    make_operator,
    propose,
)
from private_presence.errors import StateError
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.messages import value_size
from private_presence.server.metrics import Metrics
from private_presence.server.storage import TableState, open_storage
from private_presence.server.web.limits import Gate, Limits
from private_presence.server.web.overdue import newest_published
from private_presence.server.web.tests.places import free_port

RNG = SeededRandomness("serve")
FAST = {"lt_ms": 8000, "st_ms": 2000, "lt_close_ms": 1000, "st_close_ms": 600,
        "skew_ms": 1000, "retain": 3, "max_friends": 5, "buckets": 10}  # fmt: skip


@pytest.fixture
def stage(tmp_path):
    """Settings files of a registrar, two lookup servers and a relay; admin ports."""
    admin, made, ports = {}, [], {}
    for name, role in (
        ("r", "registrar"),
        ("p0", "pir"),
        ("p1", "pir"),
        ("relay", "relay"),
    ):
        ports[name] = [free_port() for _ in range(3)]
        place, peer = (f"127.0.0.1:{port}" for port in ports[name][:2])
        peer = peer if role == "pir" else ""
        made.append(make_operator(tmp_path / name, role, place, peer, time.time(), RNG))
        lines = [f'deployment = "d"\nkeys = "{name}"\nlisten = "{place}"',
                 f'admin = "127.0.0.1:{ports[name][2]}"']  # fmt: skip
        if role == "registrar":
            lines.append(f'storage = "sqlite:///{tmp_path}/memory"')
        if role == "pir":
            lines.append(
                f'peer_listen = "{peer}"\nfolder = "t{name}"\nkernel = "numpy"'
            )
        (tmp_path / f"{name}.toml").write_text("\n".join(lines))
        admin[name] = role, ports[name][2]
    proposal = propose(made, FAST)
    signed = [endorse(tmp_path / name, proposal, RNG) for name in ("r", "p0", "p1")]
    (tmp_path / "d").write_bytes(combine(proposal, signed))
    return tmp_path, admin


def serve(folder, name, role, env=None):
    words = [sys.executable, "-m", "private_presence.cli", "serve", role]
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [*words, "--settings", f"{name}.toml"],
            cwd=folder,
            stderr=log,
            env=os.environ | (env or {}),
        )


def fetch(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
        return reply.read().decode()


def until(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return True
        except OSError:
            pass
        time.sleep(0.1)
    return False


def test_a_deployment_publishes_and_ends_in_order(stage):
    folder, admin = stage
    running = {n: serve(folder, n, role) for n, (role, _) in admin.items()}
    try:
        port = admin["r"][1]
        done = 'presence_freeze_to_publish_seconds_count{kind="st"} 2.0'
        assert until(lambda: done in fetch(port, "/metrics"), 40)
        # A table may be a moment late on a busy machine: healthy again with the next.
        assert all(
            until(lambda p=p: fetch(p, "/healthz") == "ok\n", 10)
            for _, p in admin.values()
        )
        assert "PUBLISHED" in fetch(port, "/")
    finally:
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        ends = {name: process.wait(20) for name, process in running.items()}
    assert ends == dict.fromkeys(admin, 0)
    for name in admin:
        log = (folder / f"{name}.log").read_text()
        assert '"message": "ended"' in log
        assert "127.0.0.1" not in log


def test_a_registrar_that_starts_again_knows_what_it_had_published(tmp_path):
    storage, metrics = open_storage(f"sqlite:///{tmp_path}/memory"), Metrics()
    for epoch, phase in ((7, "published"), (8, "published"), (9, "frozen")):
        storage.save(TableState(2, epoch, phase))
    _serving._remember(storage, metrics)
    storage.close()
    assert newest_published(metrics.lines(), Kind.ST) == 8
    assert newest_published(metrics.lines(), Kind.LT) is None


def test_a_relay_starts_and_ends(stage):
    folder, admin = stage
    process = serve(folder, "relay", "relay")
    try:
        assert until(lambda: fetch(admin["relay"][1], "/healthz") == "ok\n", 20)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("name", "role", "env", "words"),
    [
        ("p0", "registrar", {}, "storage is missing"),
        ("r", "registrar", {"PRESENCE_KEYS": "p0"}, "another operator's"),
        ("p0", "pir", {"PRESENCE_KEYS": "r"}, "no lookup server"),
        ("r", "registrar", {"PRESENCE_DEPLOYMENT": "r.toml"}, "deployment file"),
        ("r", "registrar", {"PRESENCE_ADMIN": "0.0.0.0:1"}, "admin must be on"),
        ("p0", "pir", {"PRESENCE_KERNEL": "fast", "PYTHONPATH": "broken"}, "numba"),
    ],
)
def test_a_server_that_cannot_serve_says_why(stage, name, role, env, words):
    folder, _ = stage
    break_numba(folder / "broken")
    process = serve(folder, name, role, env=env)
    assert process.wait(30) == 1
    said = (folder / f"{name}.log").read_text()
    assert words in said
    assert "Traceback" not in said


@pytest.mark.parametrize("records", [1_000_000, 3_000_000])
def test_the_longest_raw_files_of_both_kinds_pass_the_peers_gate(records):
    config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    limits = _serving._peer_limits(config, records, Limits())
    gate = Gate(limits.reading, limits.reading_bytes)
    sizes = [64 + records * (16 + value_size(config, kind)) for kind in Kind]
    with ExitStack() as inside:
        entered = [inside.enter_context(gate.enter(n)) for n in (*sizes, 1 << 20)]
        assert entered == [True, True, True]
    assert _serving._peer_limits(config, 10, Limits()) == Limits()


def break_numba(folder):
    (folder / "numba").mkdir(parents=True)
    words = "Numba needs NumPy 2.3 or less. Got NumPy 2.4."
    (folder / "numba" / "__init__.py").write_text(f"raise ImportError({words!r})")


def test_numba_that_does_not_load_is_done_without(tmp_path, monkeypatch, caplog):
    break_numba(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # for the child that tries it
    assert _serving._kernel("auto") == "numpy"
    assert "numba is installed and does not load" in caplog.text
    assert _serving._kernel("numpy") == "numpy"


def test_workers_that_cannot_start_are_said(monkeypatch):
    async def broken(*rest):
        raise BrokenProcessPool("a process was terminated abruptly")

    monkeypatch.setattr(_serving, "run_service", broken)
    ground = SimpleNamespace(stop=None, metrics=None)
    with pytest.raises(StateError, match="worker processes") as caught:
        asyncio.run(_serving._serve(ground, None, [], Limits()))
    assert caught.value.__suppress_context__


def test_a_port_that_is_taken_is_said(stage):
    folder, _ = stage
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        process = serve(folder, "r", "registrar", env={"PRESENCE_LISTEN": place})
        assert process.wait(30) == 1
    assert "to be free" in (folder / "r.log").read_text()
