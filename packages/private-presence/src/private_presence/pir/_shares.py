"""Shares that a seed stands for, and unbiased small draws."""

import hashlib

import numpy as np

SEED_SIZE = 32
_LABEL = b"MP3v1/share\x00"


def expand_seed(seed, table, server, size):
    """Return `size` bytes that only this seed, epoch and server (from 0) give."""
    name = _LABEL + table.to_bytes() + bytes([server]) + seed
    return np.frombuffer(hashlib.shake_128(name).digest(size), np.uint8)


def draw_below(limit, random):
    """Return a uniform integer from 0 to limit - 1; at most 256."""
    bound = 256 - 256 % limit
    while (value := random(1)[0]) >= bound:
        pass
    return value % limit
