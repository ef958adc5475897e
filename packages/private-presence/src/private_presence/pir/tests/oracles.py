"""Slow and obvious versions, written from the definitions; and what tests share."""

import hashlib
import itertools

import numpy as np

from private_presence.pir.fuse import fuse_positions
from private_presence.pir.records import Records
from private_presence.pir.table import TableId

EPOCH = TableId(bytes(range(16)), 2, 29000)
SALT = hashlib.sha256(b"a salt for tests").digest()


def seeded(name):
    """Return `random(n)`: a repeatable stream in place of the system generator."""
    counter = itertools.count()

    def random(n):
        return hashlib.shake_128(f"{name} {next(counter)}".encode()).digest(n)

    return random


def make_records(n, value_size, *, tag_size=16, seed=0):
    """Return n records with random distinct tags."""
    rng = np.random.default_rng(seed)
    tags = rng.integers(0, 256, (n, tag_size), dtype=np.uint8)
    tags = np.array(sorted(map(bytes, tags)), dtype=f"V{tag_size}")
    tags = tags.view(np.uint8).reshape(n, tag_size)
    return Records(tags, rng.integers(0, 256, (n, value_size), dtype=np.uint8))


def checks_of(records, wanted):
    """Return checks that accept exactly the stored values: stands for signatures."""
    stored = dict(
        zip(map(bytes, records.tags), map(bytes, records.values), strict=True)
    )
    return {tag: (lambda value, tag=tag: stored.get(tag) == value) for tag in wanted}


def selected_sum(cells, bits):
    """XOR the selected cells, cell by cell: (B, L, V) u8, (B, b) u8 -> (B, V)."""
    total = np.zeros((cells.shape[0], cells.shape[2]), np.uint8)
    for bucket, cell in np.ndindex(cells.shape[:2]):
        if bits[bucket, cell // 8] >> (cell % 8) & 1:
            total[bucket] ^= cells[bucket, cell]
    return total


def times(a, b):
    """Multiply in the field of 256 elements: schoolbook product, then long division."""
    product = 0
    for i in range(8):
        if b >> i & 1:
            product ^= a << i
    for i in range(14, 7, -1):
        if product >> i & 1:
            product ^= 0x11B << (i - 8)
    return product


def bucket_by_hand(words, values, shape, noise):
    """Build one bucket with sets, trying counters from 0; return it and the counter."""
    for counter in range(256):
        spots = fuse_positions(words, np.full(len(words), counter, np.uint8), shape)
        rounds = rounds_by_hand(spots.tolist())
        if sum(map(len, rounds)) == len(words):
            return filled_by_hand(spots.tolist(), values, rounds, noise), counter
    raise AssertionError("no counter works")


def rounds_by_hand(spots):
    """Let every edge with a cell of its own leave through the lowest such cell."""
    left, rounds = set(range(len(spots))), []
    while True:
        holders = {}
        for edge in left:
            for cell in spots[edge]:
                holders.setdefault(cell, []).append(edge)
        own = {}
        for cell in sorted(holders):
            if len(holders[cell]) == 1:
                own.setdefault(holders[cell][0], cell)
        if not own:
            return rounds
        rounds.append(own)
        left -= set(own)


def filled_by_hand(spots, values, rounds, noise):
    table = noise.copy()
    for own in reversed(rounds):
        for edge, cell in own.items():
            others = [table[c] for c in spots[edge] if c != cell]
            table[cell] = values[edge] ^ others[0] ^ others[1]
    return table
