"""The testing helpers pass what is right and catch what is wrong."""

import math

import numpy as np
import pytest

from splinear.core import Result, Status, certify
from splinear.core.certificate import Kind
from splinear.core.prox import project_l1_ball, soft_threshold
from splinear.core.testing import (
    assert_certificate,
    assert_prox,
    dot_test,
    taylor_slope,
)


def l1(p):
    return float(np.sum(np.abs(p)))


def test_assert_prox_passes_the_right_one():
    assert_prox(lambda z: soft_threshold(z, 1.0), l1)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda z: soft_threshold(z, 1.0 + 1e-6),
        lambda z: soft_threshold(z, 0.5),
        lambda z: z,
        np.zeros_like,
        lambda z: -soft_threshold(z, 1.0),
        lambda z: soft_threshold(z, 1.0) * np.r_[np.ones(5), 1.001],
    ],
    ids=["nearly", "half", "identity", "zero", "sign", "last"],
)
def test_assert_prox_catches_wrong_operators(wrong):
    with pytest.raises(AssertionError, match="must solve its problem"):
        assert_prox(wrong, l1)


def test_assert_prox_catches_what_is_infeasible():
    def indicator(p):
        return 0.0 if l1(p) <= 2.0 * (1.0 + 1e-14) else math.inf

    with pytest.raises(AssertionError, match="feasible"):
        assert_prox(lambda z: project_l1_ball(z, 2.1), indicator)


def test_assert_prox_catches_a_feasible_point_that_is_not_nearest():
    def indicator(p):
        return 0.0 if l1(p) <= 2.0 * (1.0 + 1e-14) else math.inf

    with pytest.raises(AssertionError, match="must solve its problem"):
        assert_prox(lambda z: z * min(1.0, 2.0 / l1(z)), indicator)


def test_dot_test_passes_a_matrix_and_its_transpose():
    A = np.random.default_rng(0).normal(size=(4, 7))
    # 11 products and sums of normals: below 11 ulps.
    assert dot_test(lambda x: A @ x, lambda y: A.T @ y, 7, 4) < 3e-15


@pytest.mark.parametrize(
    ("adjoint", "words"),
    [
        (np.cumsum, "must agree"),
        (lambda y: 1.001 * np.cumsum(y[::-1])[::-1], "must agree"),
        (lambda y: y[:-1], "must map"),
        (lambda y: np.full_like(y, math.nan), "must agree"),
    ],
)
def test_dot_test_catches_wrong_adjoints(adjoint, words):
    with pytest.raises(AssertionError, match=words):
        dot_test(np.cumsum, adjoint, 5, 5)


def wave(x):
    return float(np.sum(np.sin(x) * x))


def wave_gradient(x):
    return np.sin(x) + x * np.cos(x)


def test_taylor_slope_of_a_right_gradient_is_two():
    x = np.random.default_rng(1).normal(size=5)
    assert 1.9 < taylor_slope(wave, wave_gradient, x) < 2.1


@pytest.mark.parametrize("factor", [0.0, 0.9, -1.0])
def test_taylor_slope_of_a_wrong_gradient_is_one(factor):
    x = np.random.default_rng(1).normal(size=5)
    assert 0.9 < taylor_slope(wave, lambda x: factor * wave_gradient(x), x) < 1.2


def test_taylor_slope_of_a_linear_function():
    c = np.array([1.0, -2.0])
    assert taylor_slope(lambda x: float(c @ x), lambda x: c, [0.3, 0.4]) == math.inf
    assert taylor_slope(lambda x: float(c @ x), lambda x: 0 * c, [0.3, 0.4]) < 1.1


def result(kind: Kind = "exact", objective=2.0, gap=1e-12, at=2.0):
    return Result(None, Status.CONVERGED, certify(kind, objective, gap, 1.0), at)


@pytest.mark.parametrize("kind", ["exact", "bounded"])
def test_assert_certificate_passes_a_proof(kind):
    assert_certificate(result(kind), tol=1e-10)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (result("heuristic"), "heuristic"),
        (result(gap=1e-3), "must be at most"),
        (result(gap=-1e-12), "non-negative"),
        (result(gap=math.nan), "finite"),
        (result(at=math.inf), "finite"),
        (result(at=3.0), "another point"),
    ],
)
def test_assert_certificate_catches_false_ones(wrong, words):
    with pytest.raises(AssertionError, match=words):
        assert_certificate(wrong, tol=1e-10)
