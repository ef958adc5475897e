"""The demo as a newcomer runs it, to its end and cut short."""

import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

RUN = [sys.executable, "-u", "-m", "private_presence.cli", "demo"]


@pytest.fixture
def demo(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        RUN,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()
    process.stdout.close()


def servers_of(process):
    return psutil.Process(process.pid).children(recursive=True)


def until(process, words):
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"the demo ended without {words!r}")


def check_all_gone(servers, seconds=15.0):
    gone, alive = psutil.wait_procs(servers, timeout=seconds)
    assert not alive, [process.cmdline() for process in alive]
    assert len(gone) == len(servers)


@pytest.mark.slow(seconds=60)
def test_the_demo_runs_to_its_end(demo, tmp_path):
    begin = time.monotonic()
    until(demo, "go online")
    servers = servers_of(demo)
    assert len(servers) >= 4
    said = demo.stdout.read()
    assert demo.wait() == 0, said
    assert time.monotonic() - begin < 90
    last = said.splitlines()[-1]
    assert "Seen, and in agreement with the model" in last
    for line in ("carol sees bob\n", "bob sees carol\n", "carol sees alice, bob\n"):
        assert line in said
    carrying = int(re.search(r"HTTP/2 add ([\d,]+) B", said)[1].replace(",", ""))
    assert 1_000 < carrying < 5_000
    check_all_gone(servers)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_demo_that_is_interrupted_leaves_nothing(demo, tmp_path, number, status):
    until(demo, "go online")
    servers = servers_of(demo)
    demo.send_signal(number)
    said = demo.stdout.read()
    assert demo.wait() == status, said
    assert "Traceback" not in said
    check_all_gone(servers)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_demo_that_is_killed_leaves_no_process(demo):
    until(demo, "go online")
    servers = servers_of(demo)
    demo.kill()
    check_all_gone(servers)
