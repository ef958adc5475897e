"""Exact certificates: the closed form of XOR, and a gap that bounds what is missing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.shallow.cells import certify_exact, solve_cells
from splinear.shallow.net import ShallowNet
from splinear.shallow.tests.test_exact_pricing import halton

X = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
Y = np.array([0.0, 0.0, 1.0, 1.0])
HALF = 0.5**0.5


def neuron(size):
    u, t = np.array([[HALF, HALF]]), np.array([HALF])
    return ShallowNet(u, t, np.array([[-size]]), np.zeros((2, 1)), np.zeros(1))


@pytest.mark.parametrize("lam", [0.01, 0.1, 0.2])
def test_oracle_10_is_certified(lam):
    net = neuron(8**0.5 - 8 * lam)
    objective, certificate, _ = certify_exact(net, X, Y, None, lam / 4)
    assert certificate.kind == "exact"
    # Closed form; the bound on rounding of the supremum enters the gap.
    assert_allclose(4 * objective, 8**0.5 * lam - 4 * lam**2, rtol=1e-13)
    assert certificate.relative_gap <= 1e-10


@pytest.mark.parametrize("size", [0.0, 0.5, 1.0, 3.0])
def test_the_gap_bounds_the_distance_from_the_optimum(size):
    objective, certificate, _ = certify_exact(neuron(size), X, Y, None, 0.1 / 4)
    optimum = (8**0.5 * 0.1 - 4 * 0.01) / 4
    assert certificate.gap >= objective - optimum - 1e-15
    assert certificate.bound <= optimum + 1e-15


def test_weights_are_repeated_rows():
    w = np.array([1.0, 2.0, 1.0, 3.0])
    rows = np.repeat(np.arange(4), w.astype(int))
    once = certify_exact(neuron(1.0), X, Y, w, 0.02)
    again = certify_exact(neuron(1.0), X[rows], Y[rows], None, 0.02)
    assert_allclose(once[0], again[0], rtol=1e-13)  # sums in another order
    assert_allclose(once[1].gap, again[1].gap, rtol=1e-9)


@pytest.mark.parametrize(
    ("size", "lam", "expected"),
    [(12, 0.01, 0.0328473831), (12, 0.05, 0.1250485263)],
)
def test_oracle_11_is_solved(size, lam, expected):
    X, y = halton(size)
    result = solve_cells(X, y, None, lam / size)
    assert result.converged
    assert result.certificate.kind == "exact"
    assert_allclose(size * result.objective, expected, atol=1e-9)  # tol times P


@pytest.mark.slow
@pytest.mark.parametrize(("size", "expected"), [(30, 0.1143758229), (60, 0.1464677514)])
def test_oracle_11_larger(size, expected):
    X, y = halton(size)
    result = solve_cells(X, y, None, 0.02 / size)
    assert result.converged
    assert_allclose(size * result.objective, expected, atol=5e-9)  # tol times null
