"""Real processes of a whole deployment, started and stopped as systemd would."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from private_presence.commands.operator_ceremony import (
    combine,
    endorse,
    make_operator,
    propose,
)
from private_presence.primitives.tests.seeded import SeededRandomness
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
        assert all(fetch(port, "/healthz") == "ok\n" for _, port in admin.values())
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
    ],
)
def test_a_server_that_cannot_serve_says_why(stage, name, role, env, words):
    folder, _ = stage
    process = serve(folder, name, role, env=env)
    assert process.wait(30) == 1
    assert words in (folder / f"{name}.log").read_text()


def test_a_port_that_is_taken_is_said(stage):
    folder, _ = stage
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        process = serve(folder, "r", "registrar", env={"PRESENCE_LISTEN": place})
        assert process.wait(30) == 1
    assert "to be free" in (folder / "r.log").read_text()
