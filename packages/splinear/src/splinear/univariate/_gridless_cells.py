"""Compiled reduction of the rows between neighbouring knots to small triangles."""

import math

import numpy as np
from numba import njit

#: Rows that enter a triangle at a time: they and the triangle fit the first cache.
BATCH = 64


@njit(cache=True)
def compress(u, y, root_w, knots, m):
    """Reduce the rows of each knot interval to `m` rows of a triangular system.

    Between two knots a spline is one polynomial ``sum_j p_j z^j`` of the local
    variable ``z = (u - centre) / half``; rows ``sqrt(w) (1, z, ..., z^(m-1) | y)`` are
    reflected in batches (Householder) into ``R p = q``, which keeps the condition number of
    the data, where moments would square it.

    Returns centre (cells,), half (cells,), R (cells, m, m + 1) with q as last column,
    and the sum of squares that no polynomial per cell can explain.
    """
    cells = knots.size + 1
    centre, half = np.empty(cells), np.empty(cells)
    tri = np.zeros((cells, m, m + 1))
    buffer = np.empty((m + 1, m + BATCH))
    lost, i = 0.0, 0
    for k in range(cells):
        left = u[0] if k == 0 else knots[k - 1]
        right = u[-1] if k == cells - 1 else knots[k]
        centre[k] = left + 0.5 * (right - left)
        half[k] = 0.5 * (right - left)
        scale = 1.0 / half[k] if half[k] > 0.0 else 1.0
        end = u.size if k == cells - 1 else np.searchsorted(u, right)
        while i < end:
            stop = min(i + BATCH, end)
            size = m + stop - i
            buffer[:, :m] = tri[k].T
            for row in range(i, stop):
                z, power = (u[row] - centre[k]) * scale, root_w[row]
                for j in range(m):
                    buffer[j, m + row - i] = power
                    power *= z
                buffer[m, m + row - i] = root_w[row] * y[row]
            lost += _reflect(buffer, size, m)
            tri[k] = buffer[:, :m].T
            i = stop
    return centre, half, tri, lost


@njit(cache=True, fastmath={"reassoc", "contract"})
def _reflect(columns, size, m):
    # Householder reflections make the columns triangular; returns what is left of
    # the last one. Only sums may be reordered: that lets them use vector units.
    for j in range(m):
        square = 0.0
        for i in range(j + 1, size):
            square += columns[j, i] * columns[j, i]
        if square == 0.0:
            continue
        head = columns[j, j]
        length = math.sqrt(head * head + square)
        pivot = head + length if head >= 0.0 else head - length
        factor = 2.0 / (pivot * pivot + square)
        for c in range(j + 1, m + 1):
            inner = pivot * columns[c, j]
            for i in range(j + 1, size):
                inner += columns[j, i] * columns[c, i]
            inner *= factor
            columns[c, j] -= inner * pivot
            for i in range(j + 1, size):
                columns[c, i] -= inner * columns[j, i]
        columns[j, j] = -length if head >= 0.0 else length
        for i in range(j + 1, size):
            columns[j, i] = 0.0
    left_over = 0.0
    for i in range(m, size):
        left_over += columns[m, i] * columns[m, i]
    return left_over
