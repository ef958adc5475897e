"""What one core does, measured: the numbers that the scale plan is computed from.

All are CPU seconds of this process, whose kernels have one thread: on a core that
others use too they are those of a core of one's own, up to shared caches.  What is
timed is the code that servers run.
"""

import asyncio
import hashlib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from private_presence.pir import Records, TableId, build_fuse_table, load_kernel
from private_presence.pir._shares import expand_seed
from private_presence.pir.dpf import evaluate_keys, make_keys
from private_presence.pir.table import aligned_zeros
from private_presence.primitives.blinding import record_message, sign, signing_key
from private_presence.primitives.randomness import SystemRandomness
from private_presence.primitives.tokens import (
    Redeemed,
    Role,
    blind,
    check_tokens,
    issue,
    token_key,
    unblind,
)
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, start_of
from private_presence.protocol.messages import encode_registration, registration_of
from private_presence.protocol.receipt import Answer, make_receipt
from private_presence.protocol.registrar import Intake
from private_presence.server.clock import SystemClock
from private_presence.server.endpoints import Caller
from private_presence.server.metrics import Metrics
from private_presence.server.service import Reply, Service
from private_presence.server.storage import open_storage
from private_presence.server.storage.group import Group
from private_presence.server.web.app import ServiceApp
from private_presence.server.web.authority import issue_leaf, make_authority, save_leaf
from private_presence.server.web.limits import Limits
from private_presence.server.web.listener import Listener
from private_presence.server.web.run import run_service

BUCKETS, LENGTH = 150, 3072  # of a table of 100,000 records
BATCH, FEW = 256, 8
EXCHANGES, ROUNDS = 120, 16
RNG = SystemRandomness()


@dataclass(frozen=True)
class Rates:
    """CPU seconds of one core.

    Parameters
    ----------
    scan : dict from int to (float, float, float)
        Bytes of a record: seconds per byte of table for a batch of m queries are
        ``min(base + each * m, one * m)``.
    seed : (float,)
        For each byte that a seed is expanded to.
    points : (float, float)
        To expand a query of point keys: a constant, and for each cell of a bucket.
    token : (float, float)
        To check a batch of tokens, and for each of them.
    seal, examine, receipt, issue : float
        For each answer signed, registration examined, receipt signed, blinded point
        signed.
    store : (float, float)
        A group commit, and for each registration in it.
    freeze : float
        For each record, to write the raw file in order.
    exchange : (float, float)
        A connection with its handshake, one request and its answer; for each byte.
    build : dict from int to float
        For each record, by its bytes.
    hash : float
        SHA-256 of a byte.
    """

    scan: dict
    seed: float
    points: tuple
    token: tuple
    seal: float
    examine: float
    receipt: float
    issue: float
    store: tuple
    freeze: float
    exchange: tuple
    build: dict
    hash: float


def cpu(call, rounds=3):
    """Return the least CPU seconds of some calls."""
    least = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        call()
        least = min(least, time.process_time() - start)
    return least


def line(x, y):
    """Return the straight line through two points: value at 0, slope; both >= 0."""
    slope = max((y[1] - y[0]) / (x[1] - x[0]), 0.0)
    return max(y[0] - slope * x[0], 0.0), slope


def measure():
    return Rates(
        scan={size: scan(size) for size in (128, 576)},
        seed=seeds(),
        points=points(),
        **keys(),
        **storing(),
        exchange=exchanges(),
        build={size: building(size) for size in (128, 576)},
        hash=cpu(lambda: hashlib.sha256(bytes(1 << 24)).digest()) / (1 << 24),
    )


# --- Lookup servers ---------------------------------------------------------------------


def scan(record, buckets=BUCKETS):
    """Return (base, each, one) seconds per byte of table."""
    rng, kernel = np.random.default_rng(record), load_kernel("fast")
    cells = aligned_zeros((buckets, LENGTH, record))
    for bucket in cells:
        bucket[:] = rng.integers(0, 256, bucket.shape, dtype=np.uint8)
    shape = (BATCH, buckets, LENGTH // 8)
    bits = rng.integers(0, 256, shape, dtype=np.uint8)
    words = kernel.prepare(cells)
    kernel.select(words[:1], bits[:, :1], record)  # compiled, both ways
    kernel.select(words[:1], bits[:1, :1], record)
    few, many, one = (
        cpu(lambda m=m: kernel.select(words, bits[:m], record)) / cells.nbytes
        for m in (FEW, BATCH, 1)
    )
    return (*line((FEW, BATCH), (few, many)), one)


def seeds():
    size, where = BUCKETS * LENGTH // 8, TableId(bytes(16), 2, 7)
    some = [RNG.draw(32) for _ in range(20)]
    return cpu(lambda: [expand_seed(s, where, 0, size) for s in some]) / 20 / size


def points():
    """Return seconds for a query's keys: constant, and per cell of a bucket."""
    lengths, found = (LENGTH, 25_600), []
    for length in lengths:
        rng = np.random.default_rng(length)
        args = rng.integers(0, length, 3 * BUCKETS), np.ones(3 * BUCKETS, np.uint8)
        pair, _ = make_keys(*args, length, rng.bytes)
        found.append(cpu(lambda k=pair, n=length: evaluate_keys(k, 0, n)))
    return line(lengths, found)


# --- Keys and signatures ----------------------------------------------------------------


def config():
    names = (b"R", b"P0", b"P1", b"I")
    r, p0, p1, i = (signing_key(hashlib.sha512(n).digest()).public for n in names)
    return Config(r, (p0, p1), i)


def keys():
    """Return the times of everything that is signed or checked."""
    signer = signing_key(RNG.draw(64))
    about = (Kind.ST, 7, bytes(32))
    tokens, key, role = some_tokens(BATCH)
    batch = [Redeemed(token, role, 3, key.public) for token in tokens]
    assert all(check_tokens(batch, RNG))
    blinded = blind(role, 3, RNG.draw(32), RNG).message
    intake, post, now = some_post(signer)
    receipt = (config(), signer, Answer.ACCEPTED, about, RNG)
    return {
        "token": line(
            (FEW, BATCH),
            [cpu(lambda m=m: check_tokens(batch[:m], RNG)) for m in (FEW, BATCH)],
        ),
        "seal": per_call(lambda: sign(signer, bytes(128), RNG)),
        "examine": per_call(lambda: intake.examine(post, now)),
        "receipt": per_call(lambda: make_receipt(*receipt)),
        "issue": per_call(lambda: issue(key, blinded)),
    }


def per_call(call, calls=50):
    return cpu(lambda: [call() for _ in range(calls)]) / calls


def some_tokens(n):
    role = int(Role.LOOKUP)
    key = token_key(bytes(32), bytes(16), role, 3)
    blinded = [blind(role, 3, RNG.draw(32), RNG) for _ in range(n)]
    answers = [issue(key, one.message) for one in blinded]
    pairs = zip(blinded, answers, strict=True)
    return [unblind(b, a, role, 3, key.public) for b, a in pairs], key, role


def some_post(signer):
    """Return an intake, a registration that it takes, and the time."""
    constants = config()
    ct = RNG.draw(64)
    message = record_message(Kind.ST, constants.dep_id, 7, ct)
    value = bytes(ct) + sign(signer, message, RNG)
    body = encode_registration(registration_of(Kind.ST, 7, signer.public, value))
    intake = Intake(constants, Kind.ST, 7, lambda token, body_hash: None)
    now = start_of(constants, Kind.ST, 6) + 1.0
    intake.examine(body + bytes(80), now)  # raises if it is not as it should be
    return intake, body + bytes(80), now


# --- The registrar's storage and tables -------------------------------------------------


def storing():
    """Return the times of a group commit and of a freeze (SQLite, on this disk)."""
    with tempfile.TemporaryDirectory() as folder:
        storage = open_storage(f"sqlite:///{folder}")
        try:
            few, many = (commits(storage, m) for m in (FEW, BATCH))
            records = ROUNDS * (FEW + BATCH)
            freeze = cpu(lambda: storage.write_raw(Kind.ST, 7)) / records
        finally:
            storage.close()
    return {"store": line((FEW, BATCH), (few, many)), "freeze": freeze}


def commits(storage, m):
    rng = np.random.default_rng(m)
    start = time.process_time()
    for _ in range(ROUNDS):
        spent = {rng.bytes(32): rng.bytes(32) for _ in range(m)}
        values = {rng.bytes(16): rng.bytes(128) for _ in range(m)}
        storage.commit(Group(Kind.ST, 7, 2, 3, spent, values))
    return (time.process_time() - start) / ROUNDS


def building(record, n=100_000):
    """Return seconds per record to lay out a table."""
    rng = np.random.default_rng(0)
    tags = np.sort(np.frombuffer(rng.bytes(16 * n), "S16")).view(np.uint8)
    values = np.frombuffer(rng.bytes(record * n), np.uint8).reshape(n, record)
    records, where = Records(tags.reshape(n, 16), values), TableId(bytes(16), 2, 7)
    return cpu(lambda: build_fuse_table(records, where, salt=bytes(32)), 2) / n


# --- Connections ------------------------------------------------------------------------

CLIENT = """
import ssl, sys, httpx
port, size, count, anchor = sys.argv[1:]
for _ in range(int(count)):
    context = ssl.create_default_context(cafile=anchor)
    with httpx.Client(verify=context, http2=True, http1=False, trust_env=False) as c:
        url = f"https://127.0.0.1:{port}/v1/register/st/1"
        assert c.post(url, content=bytes(int(size)), timeout=30).status_code == 200
"""


class Counting(Service):
    """Takes any body and answers as much as a short-epoch lookup does."""

    def limit(self, match):
        return 1 << 20

    async def handle(self, match, body):
        return Reply(200, bytes(128 * BUCKETS))

    async def run(self, stop):
        await stop.wait()

    async def close(self):
        return


def exchanges():
    """Return seconds of a whole exchange with a handshake: constant, and per byte."""
    sizes = (200, 57_600)
    return line(sizes, asyncio.run(serve_and_count(sizes)))


async def serve_and_count(sizes):
    with tempfile.TemporaryDirectory() as folder:
        port, leaf, anchor = party(Path(folder))
        service, metrics, limits = Counting(), Metrics(), Limits()
        callers = frozenset({Caller.CLIENT})
        app = ServiceApp(service, callers, SystemClock(), metrics, limits)
        listener = Listener("127.0.0.1", port, app, leaf)
        stop, opened = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(
            run_service(service, [listener], stop, metrics, limits, opened)
        )
        await opened.wait()
        await seconds_of(port, anchor, sizes[0], 5)
        found = [await seconds_of(port, anchor, size, EXCHANGES) for size in sizes]
        stop.set()
        await running
    return found


async def seconds_of(port, anchor, size, count):
    """Return this process's CPU seconds per exchange; the client is another process."""
    words = [sys.executable, "-c", CLIENT, *map(str, (port, size, count, anchor))]
    start = time.process_time()
    client = await asyncio.create_subprocess_exec(*words, stderr=subprocess.PIPE)
    _, errors = await client.communicate()
    if client.returncode:
        raise RuntimeError(errors.decode()[-500:])
    return (time.process_time() - start) / count


def party(folder):
    """Return a free port, and the files of a leaf and its anchor in PEM."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    authority = make_authority("bench", time.time(), RNG)
    leaf, anchor = folder / "leaf.pem", folder / "anchor.pem"
    addresses = [f"127.0.0.1:{port}"]
    save_leaf(leaf, issue_leaf(authority, addresses, time.time(), RNG))
    anchor.write_text(ssl.DER_cert_to_PEM_cert(authority.anchor))
    return port, leaf, anchor
