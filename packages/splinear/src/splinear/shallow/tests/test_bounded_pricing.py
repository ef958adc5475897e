"""Bounds by branch and bound: above every value, close to the exact supremum."""

import numpy as np
import pytest

from splinear.core.status import Status
from splinear.shallow import fit, fit_network, network_alpha_max
from splinear.shallow._boxes import half_sphere
from splinear.shallow.bounded_pricing import price_bounded
from splinear.shallow.exact_pricing import evaluate, price_exact


def problem(n, d, D, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(n, D))


@pytest.mark.parametrize("D", [1, 3])
@pytest.mark.parametrize(("n", "d"), [(30, 1), (100, 2), (60, 3)])
def test_close_to_the_exact_supremum(n, d, D):
    X, p = problem(n, d, D)
    exact, found = price_exact(X, p), price_bounded(X, p, tol=1e-3)
    assert found.value <= exact.value * (1 + 1e-12)
    # Both are suprema; each exceeds its own by rounding.
    assert exact.value <= found.bound <= exact.value * (1 + 1.001e-3)


@pytest.mark.parametrize("d", [2, 4, 7])
@pytest.mark.parametrize("boxes", [1, 40, 2000])
def test_no_direction_exceeds_the_bound(d, boxes):
    """However early it ends, in units far apart, and where data repeat."""
    X, p = problem(40, d, 2, seed=d)
    X[5] = X[6]
    X = X * np.geomspace(1.0, 100.0, d) + 7.0
    found = price_bounded(X, p, max_boxes=boxes)
    Z = np.column_stack([np.ones(40), X])
    p = p - Z @ np.linalg.lstsq(Z, p, rcond=None)[0]
    rng = np.random.default_rng(1)
    for u in rng.normal(size=(500, d)):
        u /= np.linalg.norm(u)
        values = [np.linalg.norm(evaluate(X, p, u, u @ x)) for x in X]
        assert max(values) <= found.bound
    u, t = found.direction, found.offset
    # `value` is what its atom attains, but for rounding of sums of 40 terms.
    assert np.linalg.norm(evaluate(X, p, u, t)) == pytest.approx(found.value, rel=1e-9)


def test_each_box_bounds_its_directions():
    """The naive truth: eta at random directions of random small boxes."""
    from splinear.shallow._bounded_pricing_kernels import bound_boxes

    X, p = problem(30, 4, 1)
    rng, spread = np.random.default_rng(2), np.ones(4)
    boxes = half_sphere(4)
    for _ in range(7):
        boxes = boxes.split(spread)
        boxes = boxes.take(rng.permutation(len(boxes.bounds))[:6])
        bounds, values, U = np.empty(6), np.empty(6), np.empty((6, 4))
        pivots = np.empty(6, dtype=np.int64)
        bound_boxes(X, p, boxes.centers, boxes.halves, bounds, values, U, pivots)
        for center, half, bound in zip(
            boxes.centers, boxes.halves, bounds, strict=True
        ):
            for e in rng.uniform(-1, 1, size=(50, 4)) * half:
                u = (center + e) / np.linalg.norm(center + e)
                best = max(abs(evaluate(X, p, u, x @ u)[0]) for x in X)
                assert best <= bound * (1 + 1e-12)


def test_boxes_cover_the_half_sphere():
    boxes = half_sphere(3)
    for _ in range(4):
        boxes = boxes.split(np.ones(3))
    for u in np.random.default_rng(0).normal(size=(200, 3)):
        u /= u[np.argmax(np.abs(u))]
        inside = (np.abs(u - boxes.centers) <= boxes.halves + 1e-15).all(axis=1)
        assert inside.any()


def test_degenerate_data():
    X = np.ones((5, 3))
    assert price_bounded(X, np.arange(5.0)).bound == 0.0
    line = np.outer(np.arange(6.0), [1.0, 2.0, 2.0])
    p = np.array([1.0, -2.0, 1.0, 1.0, -2.0, 1.0])
    assert price_bounded(line, p).bound == pytest.approx(price_exact(line, p).value)
    with pytest.raises(ValueError, match="finite"):
        price_bounded([[np.nan]], [1.0])


def fitted(d, certificate, **options):
    rng = np.random.default_rng(d)
    X = rng.normal(size=(150, d))
    y = (
        np.abs(X[:, 0])
        + np.maximum(X @ np.ones(d) - 1.0, 0.0)
        + 0.1 * rng.normal(size=150)
    )
    alpha = 0.2 * network_alpha_max(X, y)
    return fit_network(X, y, alpha, certificate=certificate, **options)


def test_a_proven_fit_agrees_with_the_exact_one():
    exact, proven = fitted(2, "exact"), fitted(2, "bounded")
    assert (exact.certificate.kind, proven.certificate.kind) == ("exact", "bounded")
    assert proven.status is Status.CONVERGED
    # Each objective lies above the other's proven bound.
    assert exact.objective >= proven.certificate.bound
    assert proven.objective >= exact.certificate.bound


def test_a_fit_in_four_columns_is_proven():
    found = fitted(4, "bounded", tol=1e-3)
    assert found.certificate.kind == "bounded"
    assert found.status is Status.CONVERGED
    assert found.certificate.relative_gap <= 1e-3


def test_a_loose_bound_says_so(monkeypatch):
    monkeypatch.setattr(fit, "BOUND_WORK", 1e6)
    found = fitted(7, "bounded", max_iter=3)
    assert found.certificate.kind == "bounded"
    assert found.status in (Status.UNPROVEN, Status.MAX_ITER)
    assert 0.0 < found.certificate.relative_gap <= 1.0


def test_proofs_that_are_not_to_be_had():
    with pytest.raises(ValueError, match="'bounded' or 'heuristic'"):
        fitted(4, "exact")
    with pytest.raises(ValueError, match="order 2"):
        fitted(2, "bounded", order=3)
