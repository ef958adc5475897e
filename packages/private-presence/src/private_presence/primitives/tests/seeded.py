"""A random source with a seed, for tests and vectors only: it is not installed."""

import hashlib


class SeededRandomness:
    """SHAKE-256 of a seed and a counter: the same bytes on every machine."""

    def __init__(self, seed):
        self._seed = str(seed).encode()
        self._count = 0

    def draw(self, n):
        self._count += 1
        key = self._seed + b"/" + str(self._count).encode()
        return hashlib.shake_256(key).digest(n)
