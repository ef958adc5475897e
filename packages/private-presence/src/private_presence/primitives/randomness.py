"""Where random bytes come from: the system generator, and nothing else in public.

Functions that need randomness take a `Randomness`.  The package ships one source; a
seeded one exists beside the tests, which are not installed.
"""

import secrets
from typing import Protocol

from private_presence.errors import InputError
from private_presence.primitives.secret import Secret

__all__ = ["Randomness", "SystemRandomness", "below", "shuffled"]


class Randomness(Protocol):
    """A source of independent uniform bytes.

    Examples
    --------
    Whatever draws will do.  Here 255 comes first, whose upper four bits, 15, are no
    number below ten, and then 112, whose upper bits are 7:

    >>> from types import SimpleNamespace
    >>> drawn = iter([255, 112])
    >>> rng = SimpleNamespace(draw=lambda n: next(drawn).to_bytes(n, "big"))
    >>> below(rng, 10)
    7
    """

    def draw(self, n: int) -> bytes:
        """Give `n` fresh bytes.

        Parameters
        ----------
        n : int, >= 0
            How many.

        Returns
        -------
        bytes
            Uniform, independent of all given before.
        """
        ...


class SystemRandomness:
    """The generator of the operating system.

    Examples
    --------
    >>> len(SystemRandomness().draw(32))
    32
    """

    def draw(self, n: int) -> Secret:
        """Give `n` fresh bytes.

        Parameters
        ----------
        n : int, >= 0
            How many.

        Returns
        -------
        Secret
            Uniform, independent of all given before.
        """
        return Secret(secrets.token_bytes(n))


def below(rng: Randomness, bound: int) -> int:
    """Draw a uniform integer from 0 to `bound` - 1.

    Rejection sampling: reducing modulo `bound` would favour small numbers.

    Parameters
    ----------
    rng : Randomness
        The source.
    bound : int, >= 1
        Exclusive upper end.

    Returns
    -------
    int
        The number.

    Raises
    ------
    InputError
        If `bound` is below one.

    Examples
    --------
    >>> below(SystemRandomness(), 1)
    0
    """
    if bound < 1:
        raise InputError(f"expected a bound of at least 1; got {bound}")
    bits = (bound - 1).bit_length()
    size = (bits + 7) // 8
    while True:
        number = int.from_bytes(rng.draw(size), "big") >> (8 * size - bits)
        if number < bound:
            return number


def shuffled(rng: Randomness, items: list) -> list:
    """Put the items in a uniformly random order (Fisher and Yates).

    Parameters
    ----------
    rng : Randomness
        The source.
    items : list
        Left as it is.

    Returns
    -------
    list
        A new one.

    Examples
    --------
    >>> sorted(shuffled(SystemRandomness(), [3, 1, 2]))
    [1, 2, 3]
    """
    result = list(items)
    for last in range(len(result) - 1, 0, -1):
        other = below(rng, last + 1)
        result[last], result[other] = result[other], result[last]
    return result
