"""`import splinear` takes at most 1.2 times `import numpy, scipy.linalg`."""

import subprocess
import sys

MEASURE = """
import time
start = time.perf_counter()
import {modules}
print(time.perf_counter() - start)
"""
ROUNDS = 5  # interleaved, and the fastest counts: a busy machine slows both alike


def seconds(modules):
    words = [sys.executable, "-c", MEASURE.format(modules=modules)]
    run = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(run.stdout)


def test_import_time_ratio():
    pairs = [
        (seconds("splinear"), seconds("numpy, scipy.linalg")) for _ in range(ROUNDS)
    ]
    ours, theirs = map(min, zip(*pairs, strict=True))
    assert ours <= 1.2 * theirs
