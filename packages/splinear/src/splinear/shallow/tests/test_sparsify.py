"""The representer bound for networks: equal outputs, no larger norm, few neurons."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.shallow import ShallowNet, sparsify, width_bound


def wide(K, d, D, order=2, activation="relu"):
    rng = np.random.default_rng(K + d + D)
    P = {2: d, 3: d + d * (d + 1) // 2}[order]
    return ShallowNet.from_neurons(
        rng.normal(size=(K, d)),
        rng.normal(size=K),
        rng.normal(size=(K, D)),
        rng.normal(size=(P, D)),
        rng.normal(size=D),
        order=order,
        activation=activation,
    )


@pytest.mark.parametrize(
    ("activation", "order", "D"),
    [("relu", 2, 1), ("relu", 2, 3), ("absolute", 2, 2), ("truncated_power", 3, 1)],
)
def test_reaches_the_bound(activation, order, D):
    X = np.random.default_rng(0).normal(size=(14, 2))
    net = wide(200, 2, D, order, activation)
    fewer = sparsify(net, X)
    assert fewer.n_neurons <= width_bound(X, D, order)
    size = np.abs(net(X)).max()
    # Caratheodory's own check lets 1e-10 of the sum of all parts pass.
    assert_allclose(fewer(X), net(X), atol=1e-9 * size)
    assert fewer.path_norm() <= net.path_norm() * (1 + 1e-9)


def test_bound_counts_distinct_rows_and_their_rank():
    X = np.random.default_rng(1).normal(size=(20, 3))
    assert width_bound(X) == 20 - 4
    assert width_bound(np.vstack([X, X])) == 16
    assert width_bound(X, n_outputs=2) == 32
    assert width_bound(X, n_outputs=50) == 16 * 16
    assert width_bound(np.column_stack([X, X])) == 16
    assert width_bound(X, order=3) == 20 - 10
    assert width_bound(X[:1]) == 0


def test_nothing_to_remove():
    net = wide(3, 2, 1)
    X = np.random.default_rng(0).normal(size=(50, 2))
    assert sparsify(net, X).n_neurons == 3
    empty = sparsify(wide(5, 2, 1), X[:2])  # two points: the skip connection does it
    assert empty.n_neurons == 0
    with pytest.raises(ValueError, match="2"):
        sparsify(net, X[:, :1])
