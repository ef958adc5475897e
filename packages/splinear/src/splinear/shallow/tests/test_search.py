"""The search for violated neurons against exact prices and brute force."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.shallow import _search_kernels as kernels
from splinear.shallow.exact_pricing import price_exact
from splinear.shallow.search import draw_starts


def problem(n, d, seed, outputs=1):
    rng = np.random.default_rng(seed)
    X, p = rng.normal(size=(n, d)), rng.normal(size=(n, outputs))
    basis, _ = np.linalg.qr(np.column_stack([np.ones(n), X]))
    for _ in range(2):
        p -= basis @ (basis.T @ p)
    return X, p


def naive(X, p, u, t):
    return np.maximum(X @ u - t, 0.0) @ p


@pytest.mark.parametrize("n", [3, 63, 200])
def test_best_offset_is_the_best_datum(n):
    X, p = problem(n, 1, 0)
    z = X[:, 0]
    eta, j = kernels.best_offset(z, p[:, 0].copy())
    every = np.array([np.maximum(z - t, 0.0) @ p[:, 0] for t in z])
    # Keys of float32 may swap data nearer than 1e-7.
    assert_allclose(abs(eta), np.abs(every).max(), rtol=1e-6)
    assert_allclose(eta, every[j], rtol=1e-6, atol=1e-7)


def test_order_sorts_up_to_the_precision_of_float32():
    z = np.random.default_rng(0).normal(size=1000)
    z[5] = np.inf
    ordered = z[kernels.order_of(z)]
    # Half an ulp of float32 at 4 is 2.4e-7.
    assert np.all(np.diff(ordered[:-1]) >= -5e-7)
    assert ordered[-1] == np.inf


def test_best_tangent_beats_a_fine_grid():
    X, p = problem(80, 2, 1)
    a, b = X[:, 0] - X[0, 0], X[:, 1] - X[0, 1]
    value, tangent = kernels.best_tangent(a, b, p[:, 0].copy())
    angles = np.linspace(-np.pi / 2, np.pi / 2, 20001)
    grid = [
        abs(np.maximum(a * np.cos(s) + b * np.sin(s), 0.0) @ p[:, 0]) for s in angles
    ]
    at = np.arctan(tangent)
    here = abs(np.maximum(a * np.cos(at) + b * np.sin(at), 0.0) @ p[:, 0])
    assert value >= max(grid) * (1.0 - 1e-6)
    assert_allclose(here, value, rtol=1e-6)  # swapped crossings, as above


@pytest.mark.parametrize(
    ("n", "expected"), [(20, 1.903481095), (40, 3.041031950)], ids=["20", "40"]
)
def test_oracle_13(n, expected):
    rng = np.random.default_rng(1)
    for size in (20, 40):  # one stream
        X, p = rng.normal(size=(size, 3)), rng.normal(size=size)
        if size == n:
            break
    basis, _ = np.linalg.qr(np.column_stack([np.ones(n), X]))
    p -= basis @ (basis.T @ p)
    U = draw_starts(X, 200, np.random.default_rng(0))
    values, _ = kernels.ascend_all(X, p, U, 3.0, 60, 0.0)
    assert_allclose(np.abs(values).max(), expected, rtol=2e-9)  # digits printed


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_many_starts_reach_the_exact_price(outputs, seed):
    X, p = problem(50, 2, seed, outputs)
    U = draw_starts(X, 64, np.random.default_rng(0))
    if outputs == 1:
        values = np.abs(kernels.ascend_all(X, p[:, 0].copy(), U, 3.0, 60, 0.0)[0])
    else:
        values = np.linalg.norm(
            kernels.ascend_all_joint(X, p, U, 3.0, 60, 0.0)[0], axis=1
        )
    # The vertex is exact; sums of a sweep round.
    assert_allclose(values.max(), price_exact(X, p).value, rtol=1e-6)


def test_maxima_are_local_maxima():
    X, p = problem(300, 8, 5)
    flat = p[:, 0].copy()
    U = draw_starts(X, 20, np.random.default_rng(0))
    values, _ = kernels.ascend_all(X, flat, U, 4.0, 200, 0.0)
    k = int(np.argmax(np.abs(values)))
    rng = np.random.default_rng(1)
    for size in (1e-2, 1e-3, 1e-4):
        for _ in range(30):
            u = U[k] + size * rng.normal(size=8)
            near, _ = kernels.best_offset(X @ (u / np.linalg.norm(u)), flat)
            assert abs(near) <= abs(values[k]) * (1.0 + 1e-7)


def test_values_are_those_of_the_definition():
    X, p = problem(120, 5, 2)
    U = draw_starts(X, 10, np.random.default_rng(0))
    values, pivots = kernels.ascend_all(X, p[:, 0].copy(), U, 4.0, 60, 0.0)
    for u, value, j in zip(U, values, pivots, strict=True):
        assert_allclose(naive(X, p, u, X[j] @ u), [value], rtol=1e-5, atol=1e-6)
