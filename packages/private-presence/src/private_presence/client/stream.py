"""Random bytes from a secret seed: what must come out the same after a crash."""

import hashlib
from typing import final

from private_presence.primitives.kdf import kdf
from private_presence.primitives.reader import check_length

__all__ = ["SeedStream"]

SEED_SIZE = 32
BLOCK = 1024


@final
class SeedStream:
    """A `Randomness` that repeats itself for the same seed and purpose.

    Uniform to everybody who does not know the seed, as far as SHAKE-256 is.  Two uses:
    blinds of a token order, whose repeated request must have the same bytes; and the
    times of a plan, which must depend on nothing that is drawn elsewhere (F4).

    Parameters
    ----------
    seed : bytes, 32
    purpose : bytes
        Streams of different purposes are independent.

    Examples
    --------
    >>> one, two = SeedStream(bytes(32), b"a"), SeedStream(bytes(32), b"a")
    >>> one.draw(3) + one.draw(5) == two.draw(8)
    True
    """

    def __init__(self, seed: bytes, purpose: bytes) -> None:
        check_length(seed, SEED_SIZE, "a seed")
        self._key = bytes(kdf("client-stream", seed, purpose))
        self._block, self._left = 0, b""

    def draw(self, n: int) -> bytes:
        """Give the next `n` bytes.

        Parameters
        ----------
        n : int, >= 0

        Returns
        -------
        bytes
        """
        while len(self._left) < n:
            label = self._key + self._block.to_bytes(8, "big")
            self._left += hashlib.shake_256(label).digest(BLOCK)
            self._block += 1
        result, self._left = self._left[:n], self._left[n:]
        return result
