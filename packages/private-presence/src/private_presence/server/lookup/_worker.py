"""What a worker process does: lay out tables, check tokens, answer queries.

Functions at module level with plain arguments, because they are called by name from
another process.  Nothing here waits for the network or writes to the shelf.
"""

import mmap
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from multiprocessing import connection, parent_process
from pathlib import Path

import numpy as np

from private_presence.errors import PresenceError, StateError
from private_presence.pir import Kernel, PirServer, Records, Table, TableId, load_kernel
from private_presence.primitives.blinding import SigningKey
from private_presence.primitives.curve import decode_g2
from private_presence.primitives.randomness import Randomness, SystemRandomness
from private_presence.primitives.secret import equal
from private_presence.primitives.tokens import Redeemed, check_tokens
from private_presence.protocol.ask import backend_of
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.server.signed_answer import Asked, seal_answer

MAPPED = 6  # tables that a worker keeps at hand; an unmapped one is mapped again


@dataclass(frozen=True)
class Duty:
    """What a worker is told once, when it starts."""

    config: Config
    index: int
    key: SigningKey = field(repr=False)
    kernel: str


@dataclass(frozen=True)
class Cells:
    """An encoded table in shared memory, under a name that is used once."""

    kind: Kind
    epoch: int
    path: Path
    shape: tuple[int, int, int]
    layout: bytes = field(repr=False)
    manifest_hash: bytes = b""  # empty until it is known which manifest names it

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class _Hashed(Asked):
    """What was asked, hashed already when its token was spent: queries are long."""

    known: bytes

    @property
    def hash(self) -> bytes:
        return self.known


class _Hands:
    """A worker's own state."""

    def __init__(self, duty: Duty, kernel: Kernel, rng: Randomness):
        self.duty, self.kernel, self.rng = duty, kernel, rng
        self.servers: dict[Path, PirServer] = {}

    def server(self, cells: Cells) -> PirServer:
        if cells.path not in self.servers:
            self._forget()
            table = Table(cells.layout, map_cells(cells))
            backend = backend_of(self.duty.config)
            # One server serves the downloads of all.
            place = min(self.duty.index, backend.servers - 1)
            self.servers[cells.path] = backend.server(table, place, self.kernel)
        return self.servers[cells.path]

    def _forget(self) -> None:
        # What was unlinked is held in memory by this mapping alone.
        stale = [path for path in self.servers if not path.exists()]
        for path in stale or list(self.servers)[: 1 - MAPPED]:
            del self.servers[path]


_hands: _Hands | None = None


def _mine() -> _Hands:
    assert _hands is not None, "start() runs first in every worker"
    return _hands


def start(duty: Duty) -> None:
    """Get ready: the compiled kernel is loaded and run once before it is needed."""
    global _hands  # noqa: PLW0603 (a process has one)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server says when to stop
    _end_with_parent()
    kernel = load_kernel(duty.kernel)
    _hands = _Hands(duty, kernel, SystemRandomness())
    _warm(kernel)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(0)  # a killed server leaves no worker behind

    threading.Thread(target=watch, daemon=True).start()


def _warm(kernel: Kernel) -> None:
    words = kernel.prepare(np.zeros((1, 32, 64), np.uint8))
    for queries in (1, 8):  # both paths of the compiled kernel
        kernel.select(words, np.zeros((queries, 1, 4), np.uint8), 64)


def ready() -> int:
    """Say that `start` is done."""
    return os.getpid()


def map_cells(cells: Cells) -> np.ndarray:
    """Map a table read-only; a page is a multiple of a cache line."""
    if not cells.size:
        return np.zeros(cells.shape, np.uint8)  # nothing is no mapping
    with cells.path.open("rb") as file:
        view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(view, np.uint8).reshape(cells.shape)


def build(
    raw: Path, raw_hash: bytes, at: TableId, salt: bytes, value_size: int, target: Path
) -> Cells:
    """Lay out a raw file and leave the cells in shared memory.

    The hash is checked again: what is on disk may not be what was promised.
    """
    data = raw.read_bytes()
    if not equal(sha256(data).digest(), raw_hash):
        raise StateError(
            "a raw file on the shelf is not the promised one: see to the disk"
        )
    records = Records.from_bytes(data, value_size=value_size)
    table = backend_of(_mine().duty.config).encode(records, at, salt)
    with target.open("wb") as file:  # written, not mapped: a full disk is an error here
        file.write(table.cells.data)
    kind = Kind(at.kind)
    return Cells(kind, at.epoch, target, table.cells.shape, table.manifest)


def check(items: Sequence[tuple[bytes, int, int, bytes]]) -> list[bool]:
    """Check tokens, each with its role, day and encoded key."""
    keys = {key: decode_g2(key) for _, _, _, key in items}
    batch = [Redeemed(token, role, day, keys[key]) for token, role, day, key in items]
    return check_tokens(batch, _mine().rng)


def answer(
    cells: Cells, queries: Sequence[bytes], hashes: Sequence[bytes]
) -> list[bytes | None]:
    """Answer a batch and sign each answer; None for a query that is not in form."""
    server = _mine().server(cells)
    try:
        answers = server.answer(queries)
    except PresenceError:  # one of them is not in form: find out which
        answers = [_alone(server, query) for query in queries]
    triples = zip(queries, hashes, answers, strict=True)
    return [body and _seal(cells, query, known, body) for query, known, body in triples]


def _alone(server: PirServer, query: bytes) -> bytes | None:
    try:
        return server.answer([query])[0]
    except PresenceError:
        return None


def _seal(cells: Cells, query: bytes, known: bytes, body: bytes) -> bytes:
    hands = _mine()
    duty, place = hands.duty, (cells.kind, cells.epoch, hands.duty.index)
    asked = _Hashed(*place, cells.manifest_hash, query, known)
    return seal_answer(duty.config, asked, body, duty.key, hands.rng)
