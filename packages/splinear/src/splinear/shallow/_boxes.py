"""Boxes of directions on a cubed half sphere."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Boxes(NamedTuple):
    """Directions proportional to ``center + e`` with ``|e| <= half``, entry by entry.

    The largest entry of a direction is one: its centre is 1 there and its half is 0.
    Opposite directions are one, so that half of the sphere is all of it.
    """

    centers: Array  # (B, d)
    halves: Array  # (B, d)
    bounds: Array  # (B,) of what is sought over each box

    def take(self, rows: object) -> "Boxes":
        """Return some of the boxes."""
        return Boxes(*(part[rows] for part in self))  # type: ignore[index]

    def joined(self, other: "Boxes") -> "Boxes":
        """Return these and the others."""
        return Boxes(*map(np.concatenate, zip(self, other, strict=True)))

    def split(self, spread: Array) -> "Boxes":
        """Halve each box along the side that moves the data most."""
        rows = np.arange(len(self.bounds))
        side = np.argmax(self.halves * spread, axis=1)
        halves = self.halves.copy()
        halves[rows, side] *= 0.5
        step = np.zeros_like(halves)
        step[rows, side] = halves[rows, side]
        both = [Boxes(self.centers + s * step, halves, self.bounds) for s in (-1, 1)]
        return both[0].joined(both[1])


def half_sphere(d: int) -> Boxes:
    """Return d boxes, one for each coordinate that may be the largest.

    Examples
    --------
    >>> half_sphere(2).halves
    array([[0., 1.],
           [1., 0.]])
    """
    return Boxes(np.eye(d), 1.0 - np.eye(d), np.full(d, np.inf))
