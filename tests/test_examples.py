"""Each gallery script runs, and its closing assert holds."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SCRIPTS = sorted(EXAMPLES.rglob("*.py"))
# Five seconds is the promise; a cold cache of kernels and a busy machine come on top.
LIMIT_S = 120


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_gallery_script_runs(script, tmp_path):
    run = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,  # what it writes stays out of the repository
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_gallery_script_ends_in_an_assert(script):
    closing = script.read_text(encoding="utf-8").rstrip().rpartition("\nassert ")[2]
    lines = closing.splitlines()
    assert lines, "empty script"
    unindented = [line for line in lines[1:] if line[:1] not in (" ", ")", "")]
    assert not unindented, f"after the last assert comes: {unindented[0]}"
