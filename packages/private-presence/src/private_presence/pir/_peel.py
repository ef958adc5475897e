"""Peel 3-uniform hypergraphs in synchronous rounds, and fill the cells backwards.

The rounds define the order, so that two machines write the same bytes: in each round
every edge that has a cell of its own leaves, through its lowest such cell.
"""

import numpy as np


def peel(cells, n_cells):
    """Return the rounds [(edges, own cells)] and a mask of the edges that stayed.

    cells: (m, 3) int64, global cell numbers below `n_cells`, distinct in each row.
    """
    m = cells.shape[0]
    degree = np.bincount(cells.ravel(), minlength=n_cells)
    # The sum of the numbers of a cell's edges is, once one is left, its number.
    total = np.zeros(n_cells, np.int64)
    np.add.at(total, cells.ravel(), np.repeat(np.arange(m), 3))
    stayed = np.ones(m, bool)
    rounds, frontier = [], np.flatnonzero(degree == 1)
    while frontier.size:
        edges, first = np.unique(total[frontier], return_index=True)
        rounds.append((edges, frontier[first]))
        stayed[edges] = False
        touched = cells[edges].ravel()
        np.subtract.at(degree, touched, 1)
        np.subtract.at(total, touched, np.repeat(edges, 3))
        frontier = np.unique(touched[degree[touched] == 1])
    return rounds, stayed


def fill(table, cells, rounds, values, record):
    """Set own cells, last round first, so that each edge's cells XOR to its value.

    table: (n_cells, W), filled beforehand; values: (n, W); record: (m,) edge -> row.
    Within a round no edge's own cell lies in another edge, so a round is one step.
    """
    for edges, own in reversed(rounds):
        a, b, c = cells[edges].T
        # The own cell takes part in the sum twice, and drops out.
        table[own] ^= values[record[edges]] ^ table[a] ^ table[b] ^ table[c]
