"""Exact pricing: oracles O-10, O-11, O-13, enumeration, ties, and no search beats it."""

from itertools import combinations, product

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.shallow.exact_pricing import evaluate, feasible, price_exact

GRID = np.array(list(product(range(3), repeat=2)), dtype=float)
CUBE = np.array(list(product(range(2), repeat=3)), dtype=float)


def van_der_corput(n, base):
    value, digit = 0.0, 1.0 / base
    while n:
        n, r = divmod(n, base)
        value, digit = value + r * digit, digit / base
    return value


def halton(size):
    n = np.arange(1, size + 1)
    X = np.array([[2 * van_der_corput(k, b) - 1 for b in (2, 3)] for k in n])
    bumps = np.abs(X[:, 0] + 0.5 * X[:, 1]) + np.maximum(X[:, 1] - 0.2, 0.0)
    return X, bumps + 0.1 * np.cos(7 * n)


def projected(X, p):
    Z = np.column_stack((np.ones(len(X)), X))
    p = p.reshape(len(X), -1)
    return p - Z @ np.linalg.lstsq(Z, p, rcond=None)[0]


def enumerated(X, p):
    """Largest |eta| over critical directions of every face, edge and vertex."""
    d, best = X.shape[1], 0.0
    for j in range(len(X)):
        z = X - X[j]
        for tied in combinations([i for i in range(len(X)) if i != j], d - 1):
            u = np.linalg.svd(z[list(tied)])[2][-1]
            for signs in product((-1.0, 1.0), repeat=d - 1):
                side = z @ u
                side[list(tied)] = signs
                G = p[side > 0].T @ z[side > 0]
                for k in range(d):
                    for on in combinations(tied, k):
                        best = max(best, leading(X, p, j, G, z[list(on)]))
    return best


def leading(X, p, j, G, orthogonal):
    """Evaluate eta at the leading direction of G on a subspace, through pivot j."""
    basis = np.eye(X.shape[1])
    if len(orthogonal):
        _, sizes, V = np.linalg.svd(orthogonal)
        basis = V[np.sum(sizes > 1e-12) :]
    u = np.linalg.svd(G @ basis.T)[2][0] @ basis
    return float(np.linalg.norm(evaluate(X, p, u, X[j] @ u)))


def problems():
    rng = np.random.default_rng(5)
    plane, space = rng.normal(size=(9, 2)), rng.normal(size=(7, 3))
    line = np.outer(rng.normal(size=8), [1.0, 2.0]) + 3.0
    return {
        "plane": plane,
        "space": space,
        "grid": GRID,
        "cube": CUBE,
        "duplicates": np.vstack((plane[:5], plane[:4])),
        "doubled space": np.vstack((space[:6], space[:2])),
        "line": line,
        "nearly collinear": np.column_stack((plane[:, 0], 1e-9 * plane[:, 1])),
        "far": plane + 1e4,
        "flat in space": np.column_stack((plane, plane.sum(axis=1))),
        "tilted face": np.vstack((GRID @ [[1.0, 0, 1], [0, 1, 1]], [[0.3, 0.1, 2]]))[
            1:
        ],
        "one column": rng.normal(size=(12, 1)),
        "two points": plane[:2],
        "one point": plane[:1],
    }


PROBLEMS = problems()


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("name", [n for n in PROBLEMS if "flat" not in n])
def test_agrees_with_enumeration(name, outputs):
    X = PROBLEMS[name]
    p = projected(X, np.random.default_rng(1).normal(size=(len(X), outputs)))
    price = price_exact(X, p)
    scale = np.abs(p).sum() * np.ptp(X, axis=0).max(initial=0.0)
    # Both round sums of at most 12 terms; "far" rounds its differences to 1e-12.
    slow = enumerated(X, p) if len(X) > X.shape[1] else 0.0
    assert price.value >= slow - 1e-10 * scale
    assert price.bound - price.value <= 1e-11 * scale + 1e-13 * np.abs(X).max()
    if name not in ("line", "grid", "cube", "tilted face"):  # there ties hide faces
        assert price.value <= slow + 1e-10 * scale


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", PROBLEMS)
def test_no_search_beats_it_and_the_value_is_attained(name, outputs):
    X, rng = PROBLEMS[name], np.random.default_rng(2)
    raw = rng.normal(size=(len(X), outputs))
    p = projected(X, raw)
    price = price_exact(X, p)
    at = evaluate(X, p, price.direction, price.offset)
    # The same formula on a p projected once more, which changes it by eps |raw|.
    scale = np.abs(raw).sum() * np.abs(X).max()
    assert_allclose(np.linalg.norm(at), price.value, atol=1e-12 * scale)
    for u in rng.normal(size=(2000, X.shape[1])):
        u /= np.linalg.norm(u)
        t = rng.choice(X @ u)
        found = np.linalg.norm(evaluate(X, p, u, t))
        assert found <= price.bound + 1e-14 * scale


@pytest.mark.parametrize("keep", [0.0, 0.5, 1.0])
def test_oracle_13(keep):
    rng = np.random.default_rng(1)
    for size, expected in ((20, 1.90348110), (40, 3.04103195)):
        X = rng.normal(size=(size, 3))
        value = price_exact(X, rng.normal(size=size), keep=keep).value
        assert_allclose(value, expected, atol=6e-9)  # digits of the oracle


@pytest.mark.parametrize(
    ("size", "expected"), [(12, 0.33669670), (30, 1.09396841), (60, 2.90836651)]
)
def test_oracle_11(size, expected):
    assert_allclose(price_exact(*halton(size)).value, expected, atol=6e-9)  # its digits


def test_oracle_10_ties_of_xor():
    X = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    price = price_exact(X, [0.0, 0.0, 1.0, 1.0])
    assert_allclose(price.value, 8**-0.5, rtol=1e-14)  # a sum of four terms


def test_a_rotation_into_ten_dimensions_changes_nothing():
    rng = np.random.default_rng(3)
    X, p = rng.normal(size=(15, 3)), rng.normal(size=15)
    Q = np.linalg.qr(rng.normal(size=(10, 3)))[0]
    here, there = price_exact(X, p), price_exact(X @ Q.T + 2.0, p)
    assert_allclose(there.value, here.value, rtol=1e-12)  # a product with Q
    assert there.direction.shape == (10,)


def test_independent_outputs_are_priced_one_by_one():
    X, y = halton(30)
    p = np.column_stack((y, y**2))
    each = [price_exact(X, c).value for c in p.T]
    value = price_exact(X, p, norm="independent").value
    assert_allclose(value, max(each), rtol=1e-13)  # sums in another order


def test_four_dimensions_are_refused_in_words():
    with pytest.raises(ValueError, match="dimension at most 3; got 4"):
        price_exact(np.random.default_rng(0).normal(size=(9, 4)), np.ones(9))
    assert not feasible(9, 4)
