"""CI's plugin begins the short tests first, and forgives an interruption."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

CI = Path(__file__).resolve().parents[1] / ".ci"
CONFIG = """\
[pytest]
filterwarnings = error
markers = slow: takes long
"""
TESTS = """\
import gc, socket
import pytest

def leave_open():
    kept = [socket.socket()]
    kept.append(kept)  # a cycle: only the collector finds it

@pytest.mark.slow(seconds=500)
def test_long():
    pass

@pytest.mark.slow
def test_short():
    pass
"""
INTERRUPTED = """
@pytest.mark.slow(seconds=5)
def test_interrupted():
    leave_open()
    gc.collect()
    leave_open()
    raise KeyboardInterrupt

@pytest.mark.slow(seconds=4)
def test_before():
    assert {}
"""

pytestmark = pytest.mark.skipif(not CI.is_dir(), reason="no .ci beside these tests")


def run(folder, tests, left):
    (folder / "pytest.ini").write_text(CONFIG)
    (folder / "test_it.py").write_text(tests)
    words = ["-p", "until", "--until", str(time.time() + left), "-v", "-p", "no:xdist"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CI)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_would_not_end_in_time_is_left_out_and_named(tmp_path):
    done = run(tmp_path, TESTS, 100)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 skipped" in done.stdout
    assert done.stdout.index("test_short") < done.stdout.index("test_long")
    assert "left out for want of time: test_it.py::test_long" in done.stdout


@pytest.mark.parametrize("fails", [False, True])
def test_an_interruption_is_a_failure_only_after_one(tmp_path, fails):
    """Whatever the interrupted test left to the collector."""
    done = run(tmp_path, TESTS + INTERRUPTED.format(not fails), 100)
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    assert "left out for want of time: test_it.py::test_interrupted" in done.stdout
