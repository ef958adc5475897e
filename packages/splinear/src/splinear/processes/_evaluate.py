"""Values and gradients of large realisations in bounded memory."""

import numpy as np
from numpy.typing import NDArray

from splinear.processes import _evaluate_kernels as kernels
from splinear.processes._draw import Neurons

Array = NDArray[np.float64]

#: Points of a smallest cell: fewer make the tree dear, more the cells wide.
CELL = 64
#: Points, and neurons, of one pass. A list per level of the tree is the memory of a
#: pass: some 15 x 8 bytes a neuron, 16 MiB, beside copies of the points.
POINTS, NEURONS = 2**18, 2**17


def evaluate(X: Array, neurons: Neurons, gradients: bool) -> Array:
    """Return values, (N,), or gradients, (N, d)."""
    N, d = X.shape
    result = np.zeros((N, d if gradients else 1))
    for start in range(0, N, POINTS):
        rows = slice(start, start + POINTS)
        result[rows] = _pass(X[rows], neurons, gradients)
    return result if gradients else result[:, 0]


def _pass(X: Array, neurons: Neurons, gradients: bool) -> Array:
    depth = max(0, int(np.ceil(np.log2(max(1, len(X)) / CELL))))
    order = kernels.sort_cells(X, depth)
    X = X[order]
    centers, radii = kernels.balls(X, depth)
    XT = np.ascontiguousarray(X.T)
    out = np.zeros((X.shape[1] if gradients else 1, len(X)))
    for start in range(0, len(neurons.t), NEURONS):
        u, t, v = (part[start : start + NEURONS] for part in neurons)
        kernels.add_neurons(XT, centers, radii, depth, u, t, v, out, gradients)
    result = np.empty((len(X), len(out)))
    result[order] = out.T
    return result
