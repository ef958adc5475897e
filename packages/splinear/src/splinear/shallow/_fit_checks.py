"""From what users bring to checked rows of a fit."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinear.core.checks import check_vector

Array = NDArray[np.float64]

#: Numbers beyond this overflow when squared and summed.
HUGE = 1e120


class Data(NamedTuple):
    """Rows of positive weight; weights sum to one."""

    X: Array  # (N, d)
    Y: Array  # (N, D)
    w: Array  # (N,)


def read_data(X: Any, y: Any, sample_weight: Any, loss: Any) -> Data:
    """Check shapes and entries, and drop rows of weight zero."""
    X = _matrix("X", X)
    y = np.asarray(y)
    Y = _matrix("y", y[:, None] if y.ndim == 1 else y)
    if len(X) != len(Y):
        raise ValueError(f"X and y must have as many rows; got {len(X)} and {len(Y)}")
    if X.size == 0 or Y.size == 0:
        raise ValueError(
            f"X and y must hold at least one row and column; got {X.shape}, {Y.shape}"
        )
    loss.check_targets(Y)
    if sample_weight is None:
        return Data(X, Y, np.full(len(X), 1.0 / len(X)))
    w = check_vector("sample_weight", sample_weight, len(X))
    if w.min() < 0.0 or w.max() <= 0.0:
        raise ValueError(
            "sample_weight must be >= 0 and positive somewhere; got "
            f"{w.min()} to {w.max()}"
        )
    w = w / w.max()
    kept = w > 0.0
    return Data(X[kept], Y[kept], w[kept] / w.sum())


def _matrix(name: str, values: Any) -> Array:
    if hasattr(values, "toarray"):
        raise TypeError(f"{name} must be dense; got a sparse matrix: use .toarray()")
    array = np.asarray(values)
    if array.ndim != 2:
        raise ValueError(f"{name} must be 2-D; got shape {array.shape}")
    if array.dtype.kind not in "fiubO":
        raise TypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    array = np.asarray(array, dtype=np.float64)
    bad = np.argwhere(~(np.abs(array) <= HUGE))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"{name} must be finite and below {HUGE:g}; got {array[row, column]} in row "
            f"{row}, column {column} ({len(bad)} such entries): drop, fill or rescale"
        )
    return array


def check_coupling(coupling: Any, loss: str) -> str:
    """Return how outputs share neurons, if that goes with the loss."""
    if coupling not in ("joint", "independent"):
        raise ValueError(
            f"output_coupling must be 'joint' or 'independent'; got {coupling!r}"
        )
    if coupling == "independent" and loss == "multinomial":
        raise ValueError(
            "output_coupling='independent' fits each output by itself, which loss="
            "'multinomial' does not allow: use 'joint'"
        )
    return coupling


def check_start(net: Any, task: Any) -> Any:
    """Refuse a start of another shape or family."""
    d, D = task.problem.X.shape[1], task.problem.n_outputs
    got = (net.n_inputs, net.n_outputs, net.activation, net.order)
    wanted = (d, D, task.atoms.name, task.atoms.order)
    if got != wanted:
        raise ValueError(
            f"start must have (inputs, outputs, activation, order) {wanted}; got {got}"
        )
    return net
