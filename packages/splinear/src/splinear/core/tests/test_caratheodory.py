"""Caratheodory reduction: fewer units, the same output, no higher norm."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.core.caratheodory import sparsify, width_bound


def units(K, N, D, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(3, N))
    Phi = np.maximum(rng.normal(size=(K, 3)) @ X + rng.normal(size=(K, 1)), 0.0)
    return Phi, rng.normal(size=(D, K))


@pytest.mark.parametrize("seed", range(3))
def test_two_hundred_units_become_thirty_six(seed):
    Phi, V = units(200, 12, 3, seed)
    out = sparsify(Phi, V)
    assert np.count_nonzero(out.any(axis=0)) == 36 == width_bound(Phi, V @ Phi)
    # A hundred roundings of outputs of size 100.
    assert_allclose(out @ Phi, V @ Phi, atol=1e-12)
    assert np.linalg.norm(out, axis=0).sum() <= np.linalg.norm(V, axis=0).sum()


CASES = {
    "duplicates": lambda P, V: (np.vstack([P, P, 3 * P]), np.hstack([V, V, V])),
    "rank one outputs": lambda P, V: (P, np.ones((3, 1)) * V[:1]),
    "zero outputs": lambda P, V: (P, 0 * V),
    "dead units": lambda P, V: (P * (np.arange(60) % 3 > 0)[:, None], V),
    "one sample": lambda P, V: (P[:, :1], V),
    "mixed scales": lambda P, V: (P * np.logspace(-6, 6, 60)[:, None], V),
    "few units": lambda P, V: (P[:4], V[:, :4]),
}


@pytest.mark.parametrize("name", CASES)
def test_hard_cases(name):
    Phi, V = CASES[name](*units(60, 8, 3))
    omega = np.linspace(0.5, 2.0, len(Phi))
    out = sparsify(Phi, V, weights=omega)
    bound = width_bound(Phi, V @ Phi)
    assert np.count_nonzero(out.any(axis=0)) <= bound
    size = np.linalg.norm(V, axis=0) @ np.linalg.norm(Phi, axis=1)
    # Rounding relative to what is summed.
    assert_allclose(out @ Phi, V @ Phi, atol=1e-12 * size)
    norms = [omega @ np.linalg.norm(coef, axis=0) for coef in (out, V)]
    assert norms[0] <= norms[1] * (1 + 1e-12)


def test_shapes_are_refused_in_words():
    with pytest.raises(ValueError, match="V \\(D, K\\)"):
        sparsify(np.ones((3, 4)), np.ones((2, 4)))


def test_width_bound_with_a_tolerance():
    Phi = np.diag([1.0, 1.0, 1e-3])
    assert width_bound(Phi, np.ones((1, 3))) == 3
    assert width_bound(Phi, np.ones((1, 3)), tol=1e-2) == 2
    assert width_bound(np.zeros((2, 2)), np.ones((1, 2))) == 0
