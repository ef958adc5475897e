"""List decoding: which polynomials of degree t do some answers lie on?

Up to n - t - 1 of n answers may be wrong.  Then t + 1 right ones are left, so the true
polynomial is among those through t + 1 answers; a signature (or the knowledge that
nothing was asked) tells its value at 0 from the others'.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from private_presence.pir.gf256 import interpolate


@dataclass(frozen=True)
class Reading:
    """A value that t + 1 answers agree on, and all answers that agree with it."""

    value: bytes
    agreeing: frozenset


def consistent(nodes, values, t):
    """Say for each bucket whether all (n, B, V) values lie on a polynomial: (B,)."""
    base = slice(0, t + 1)
    fits = np.ones(values.shape[1], bool)
    for node, value in zip(nodes[t + 1 :], values[t + 1 :], strict=True):
        expected = interpolate(nodes[base], values[base], at=node)
        fits &= (expected == value).all(axis=1)
    return fits


def readings(nodes, values, t):
    """Return every reading of (n, V) values, those with most agreement first."""
    found = {}
    for subset in combinations(range(len(nodes)), t + 1):
        chosen, given = [nodes[i] for i in subset], values[list(subset)]
        value = interpolate(chosen, given, at=0).tobytes()
        agreeing = frozenset(
            node
            for node, other in zip(nodes, values, strict=True)
            if node in chosen or np.array_equal(interpolate(chosen, given, node), other)
        )
        found[agreeing] = Reading(value, agreeing)
    return sorted(found.values(), key=lambda reading: -len(reading.agreeing))


def genuine(found, accept):
    """Return the first reading whose value is accepted, with all of that value."""
    tried = {}
    for reading in found:
        if reading.value not in tried:
            tried[reading.value] = accept(reading.value)
        if tried[reading.value]:
            return [other for other in found if other.value == reading.value]
    return []


def liars(nodes, same_value):
    """Return the servers that agree with no reading of the genuine value.

    Liars who know each other can make their errors cancel and so join a false reading
    of the right value; the true one is in the list as well.  A server outside all of
    them is outside the true one, so nobody honest is ever named.
    """
    if not same_value:
        return frozenset()
    return frozenset(nodes).difference(*(reading.agreeing for reading in same_value))
