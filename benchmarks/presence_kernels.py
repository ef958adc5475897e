"""Kernels of private presence as ratios to the read bandwidth of the same core.

``python benchmarks/presence_kernels.py [--folder results] [--megabytes 268]`` measures,
in one run and in turns: reading the table from end to end (the best of three
compiled loops), one XOR query, a batch of 256, and the robust mode's query, for records of 128,
576 and 2048 bytes.  A ratio is queries times table bytes per second, over bytes read per
second.  numpy's figures stand beside the compiled ones, without limits.

Times are CPU times of this process, which has one thread: on a core that others use too
they are those of a core of one's own, up to shared caches.  Exits with 1 below a limit.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numba import njit

from _harness import RESULTS, Bench
from private_presence.pir import Records, TableId, build_fuse_table, load_kernel
from private_presence.pir.dpf import evaluate_keys, make_keys
from private_presence.pir.shamir import weighted_sums
from private_presence.pir.table import aligned_zeros

LENGTH = 3072  # cells of a bucket, as at 100,000 users
BATCH = 256
READERS = ("flat", "narrow", "wide")
#: bytes of a record -> least ratio of one query, of a batch of 256.
LIMITS = {128: (0.35, 4.0), 576: (0.5, 5.0), 2048: (0.65, 5.0)}
#: Robust mode over XOR mode, both single: at most.
LIMIT_ROBUST = 8.0


@njit(nogil=True)
def read_flat(words):  # (n,)
    total = np.uint64(0)
    for i in range(words.size):
        total ^= words[i]
    return total


@njit(nogil=True)
def read_rows(words, sums):  # (n, w), (w,): eight rows at a time
    for i in range(words.shape[0] // 8):
        r = 8 * i
        for w in range(words.shape[1]):
            sums[w] ^= (
                words[r, w]
                ^ words[r + 1, w]
                ^ words[r + 2, w]
                ^ words[r + 3, w]
                ^ words[r + 4, w]
                ^ words[r + 5, w]
                ^ words[r + 6, w]
                ^ words[r + 7, w]
            )


def seconds_in_turns(rounds, calls):
    """Return the least CPU seconds of each call, taken in turns."""
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            least[name] = min(least[name], time.process_time() - start)
    return least


def make_table(record, megabytes, rng):
    """Return (B, LENGTH, record) random bytes of about the wanted size."""
    buckets = max(1, round(megabytes * 1e6 / (LENGTH * record)))
    cells = aligned_zeros((buckets, LENGTH, record))
    for bucket in cells:
        bucket[:] = rng.integers(0, 256, bucket.shape, dtype=np.uint8)
    return cells


def check_agreement(fast, numpy, cells, bits):
    """Time nothing that is wrong: two buckets, some queries, every byte."""
    few, size = cells[:2], cells.shape[2]
    for count in (1, 17):
        part = bits[:count, :2]
        found = fast.select(fast.prepare(few), part, size)
        np.testing.assert_array_equal(
            found, numpy.select(numpy.prepare(few), part, size)
        )


def measure(record, megabytes, rounds):
    """Return GB/s of reading, and effective GB/s of each kernel and batch."""
    rng = np.random.default_rng(record)
    cells = make_table(record, megabytes, rng)
    shape = (BATCH, cells.shape[0], LENGTH // 8)
    bits = rng.integers(0, 256, shape, dtype=np.uint8)
    fast, numpy = load_kernel("fast"), load_kernel("numpy")
    check_agreement(fast, numpy, cells, bits)
    times = timed(fast, numpy, cells, bits, rounds)
    read = cells.nbytes / 1e9 / min(times.pop(name) for name in READERS)
    work = {"one": 1, "batch": BATCH, "numpy one": 1, "numpy batch": BATCH, "robust": 1}
    return read, {n: work[n] * cells.nbytes / 1e9 / s for n, s in times.items()}


def timed(fast, numpy, cells, bits, rounds):
    words, size = fast.prepare(cells), cells.shape[2]
    assert np.shares_memory(words, cells)  # nothing is copied before the clock starts
    flat = words.reshape(-1)
    narrow, wide = (flat[: flat.size // w * w].reshape(-1, w) for w in (64, 256))
    sums = np.zeros(256, np.uint64)
    shares = np.random.default_rng(0).integers(
        0, 256, (1, cells.shape[0], LENGTH), dtype=np.uint8
    )
    calls = {
        "flat": lambda: read_flat(flat),
        "narrow": lambda: read_rows(narrow, sums),
        "wide": lambda: read_rows(wide, sums),
        "one": lambda: fast.select(words, bits[:1], size),
        "batch": lambda: fast.select(words, bits, size),
        "robust": lambda: weighted_sums(fast, words, shares, size),
        "numpy one": lambda: numpy.select(words, bits[:1], size),
    }
    for name in READERS:
        calls[name]()  # compile; the kernels were compiled by the check
    slow = {"numpy batch": lambda: numpy.select(words, bits, size)}
    return seconds_in_turns(rounds, calls) | seconds_in_turns(1, slow)


def kernel_rows(record, read, rates):
    single, batch = LIMITS[record]
    common = {"record": record, "read_GBs": read}
    for name, queries, limit in (
        ("one", 1, single),
        ("batch", BATCH, batch),
        ("numpy one", 1, None),
        ("numpy batch", BATCH, None),
    ):
        kernel = "numpy" if name.startswith("numpy") else "fast"
        ratio = rates[name] / read
        row = {"task": "XOR", "kernel": kernel, "queries": queries, **common}
        yield row | {"GBs": rates[name], "ratio": ratio, "at_least": limit}
    slower = rates["one"] / rates["robust"]
    row = {"task": "robust / XOR", "kernel": "fast", "queries": 1, **common}
    yield row | {"GBs": rates["robust"], "ratio": slower, "at_most": LIMIT_ROBUST}


def building_rows():
    """How long a table takes to build, and a point-function query to expand."""
    rng, n = np.random.default_rng(0), 100_000
    tags = np.sort(np.frombuffer(rng.bytes(16 * n), "S16"))
    values = np.frombuffer(rng.bytes(128 * n), np.uint8).reshape(n, 128)
    records = Records(tags.view(np.uint8).reshape(n, 16), values)
    where = TableId(bytes(16), 2, 7)
    args = rng.integers(0, LENGTH, 450), np.ones(450, np.uint8), LENGTH
    keys, _ = make_keys(*args, rng.bytes)
    calls = {
        "build": lambda: build_fuse_table(records, where, salt=bytes(32)),
        "expand": lambda: evaluate_keys(keys, 0, LENGTH),
    }
    least = seconds_in_turns(3, calls)
    # A tenth of a short epoch of 300 s is allowed for building.
    yield {"task": "build 100,000 x 128 B", "seconds": least["build"], "at_most": 30.0}
    yield {"task": "expand 450 point keys", "seconds": least["expand"]}


def breaks(row):
    value = row.get("ratio", row.get("seconds"))
    low, high = row.get("at_least"), row.get("at_most")
    return (low is not None and value < low) or (high is not None and value > high)


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=RESULTS)
    parser.add_argument("--megabytes", type=float, default=268.0)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    bench = Bench("presence_kernels", args.folder)
    for record in LIMITS:
        for row in kernel_rows(record, *measure(record, args.megabytes, args.rounds)):
            bench.row(**row)
    for row in building_rows():
        bench.row(**row)
    bench.write()
    sys.exit("\n".join(str(row) for row in bench.rows if breaks(row)) or None)


if __name__ == "__main__":
    main()
