"""The kernel alone: the table that a server serves, and what a scan of it costs."""

import time
from collections import Counter

import numpy as np

from _presence_load_place import CONFIG, KERNEL, RNG, TABLES
from private_presence.pir import Records, load_kernel
from private_presence.pir.table import TableId
from private_presence.pir.xor import XorServer
from private_presence.protocol.ask import backend_of
from private_presence.protocol.manifest import verify_manifest

BURST = 256  # the longest batch of a server


def verified(kind, signed):
    return verify_manifest(signed, CONFIG, kind, TABLES[kind], None)


class Kernel:
    """A table again, in this process, and the kernel that scans it."""

    def __init__(self, kind, signed, records):
        self.kind, self.manifest = kind, verified(kind, signed)
        tags, size = sorted(records), self.manifest.value_size
        raw = b"".join(tag + records[tag] for tag in tags)
        rows = Records.from_bytes(raw, value_size=size)
        at = TableId(CONFIG.dep_id, kind, TABLES[kind])
        self.backend, start = backend_of(CONFIG), time.process_time()
        table = self.backend.encode(rows, at, self.manifest.salt)
        self.build = time.process_time() - start
        assert table.manifest == self.manifest.layout, "not the table that is served"
        self.kernel, self.size = load_kernel(KERNEL), size
        self.server = XorServer(table, 0, self.kernel)
        self.bits = np.stack([self.server.share(q) for q in self.queries(BURST)])
        for m in (1, BURST):  # compiled, both ways
            self.scan(m)
        self.single = min(self.scan(1)[0] for _ in range(5))

    def queries(self, n):
        """Return n queries to server 0: some are seeds, some explicit."""
        layout, ask = self.manifest.layout, self.backend.query
        return [ask(layout, [], RNG.draw).bodies[0] for _ in range(n)]

    def scan(self, m):
        """Return CPU and wall seconds of one batch."""
        cpu, wall = time.process_time(), time.perf_counter()
        self.kernel.select(self.server.words, self.bits[:m], self.size)
        return time.process_time() - cpu, time.perf_counter() - wall

    def replay(self, batches, rounds=3):
        """Return CPU and wall seconds of the kernel for batches of just these sizes."""
        cpu = wall = 0.0
        for m, often in Counter(batches).items():
            runs = [self.scan(m) for _ in range(rounds)]
            cpu += often * min(c for c, _ in runs)
            wall += often * min(w for _, w in runs)
        return cpu, wall
