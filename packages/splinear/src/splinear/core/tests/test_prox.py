"""Every proximal operator against the inequality that characterises it."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from splinear.core import prox
from splinear.core.testing import assert_prox

TARGET = np.array([1.0, -2.0, 0.0, 0.5, 3.0, -1.0])
LABEL = np.array([1.0, -1.0, 1.0, 1.0, -1.0, -1.0])
STEP = np.array([0.0, 0.3, 1.0, 2.0, 10.0, 1e3])


def inside(condition):
    return 0.0 if np.all(condition) else math.inf


def pinball(p):
    t = TARGET - p
    return float(np.sum(STEP * np.maximum(0.2 * t, -0.8 * t)))


def huber(p):
    t = np.abs(p - TARGET)
    loss = np.where(t <= 0.7, 0.5 * t * t, 0.7 * (t - 0.35))
    return float(np.sum(STEP * loss))


def logistic(p):
    return float(np.sum(STEP * np.logaddexp(0.0, -LABEL * p)))


def blocks(p, axis):
    return 2.0 * float(np.sum(np.linalg.norm(p, axis=axis)))


# (name, operator, penalty, shape): indicators allow for the rounding of a projection.
CASES = [
    (
        "l1",
        lambda z: prox.soft_threshold(z, 2.0),
        lambda p: 2.0 * float(np.sum(np.abs(p))),
        6,
    ),
    ("zero", lambda z: prox.soft_threshold(z, 0.0), lambda p: 0.0, 6),
    (
        "rows",
        lambda z: prox.block_soft_threshold(z, 2.0),
        lambda p: blocks(p, 1),
        (3, 2),
    ),
    (
        "columns",
        lambda z: prox.block_soft_threshold(z, 2.0, axis=0),
        lambda p: blocks(p, 0),
        (3, 2),
    ),
    (
        "box",
        lambda z: prox.project_box(z, -1.0, STEP),
        lambda p: inside((p >= -1.0) & (p <= STEP)),
        6,
    ),
    ("positive", prox.project_nonnegative, lambda p: inside(p >= 0.0), 6),
    (
        "linf",
        lambda z: prox.project_linf_ball(z, 1.5),
        lambda p: inside(np.abs(p) <= 1.5),
        6,
    ),
    (
        "l1 ball",
        lambda z: prox.project_l1_ball(z, 4.0),
        lambda p: inside(np.sum(np.abs(p)) <= 4.0 * (1.0 + 1e-14)),
        6,
    ),
    (
        "l1 point",
        lambda z: prox.project_l1_ball(z, 0.0),
        lambda p: inside(p == 0.0),
        6,
    ),
    ("pinball", lambda z: prox.prox_pinball(z, STEP, TARGET, 0.2), pinball, 6),
    ("huber", lambda z: prox.prox_huber(z, STEP, TARGET, 0.7), huber, 6),
    ("logistic", lambda z: prox.prox_logistic(z, STEP, LABEL), logistic, 6),
]


@pytest.mark.parametrize(
    ("operator", "penalty", "shape"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_it_solves_its_problem(operator, penalty, shape):
    assert_prox(operator, penalty, shape=shape)


@pytest.mark.parametrize(
    ("operator", "penalty", "shape"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_objective_at_the_result_is_not_above_that_at_z(operator, penalty, shape):
    rng = np.random.default_rng(1)
    for _ in range(50):
        z = rng.normal(scale=3.0, size=shape)
        p = operator(z)
        # A few ulps: where z is a fixed point both sides are the same sum.
        assert 0.5 * np.sum((p - z) ** 2) + penalty(p) <= penalty(z) * (1 + 1e-14)


@pytest.mark.parametrize(
    "operator",
    [case[1] for case in CASES if case[3] == 6],
    ids=[case[0] for case in CASES if case[3] == 6],
)
def test_it_is_firmly_nonexpansive(operator):
    rng = np.random.default_rng(2)
    for _ in range(50):
        y, z = rng.normal(scale=3.0, size=(2, 6))
        d = operator(y) - operator(z)
        # 1e-13 of |y - z|^2, of order 100, covers rounding.
        assert float(d @ d) <= float(d @ (y - z)) + 1e-11


@pytest.mark.parametrize("step", [1e-300, 1e-8, 1.0, 1e8, 1e100, 1e300])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_logistic_meets_its_equation_for_every_step(step, scale):
    z = scale * np.random.default_rng(3).normal(size=200)
    p = prox.prox_logistic(z, step, 1.0)
    pull = np.exp(math.log(step) - np.logaddexp(0.0, p))
    # The condition number of log and exp at 1e300 is near 700: 1e-12 = 700 * 6 ulps.
    assert_allclose(p, z + pull, rtol=1e-12, atol=1e-12 * float(np.max(np.abs(z))))


def test_l1_ball_keeps_what_is_inside():
    z = np.array([0.5, -0.25, 0.0])
    assert_array_equal(prox.project_l1_ball(z, 1.0), z)


def test_l1_ball_with_ties():
    # Symmetry gives all entries radius / n, exactly.
    assert_array_equal(prox.project_l1_ball(np.full(4, 5.0), 2.0), np.full(4, 0.5))


@pytest.mark.parametrize("size", [0, 1])
def test_smallest_shapes(size):
    z = np.full(size, 2.0)
    assert_array_equal(prox.soft_threshold(z, 1.0), z - 1.0)
    assert_array_equal(prox.project_l1_ball(z, 1.0), z - 1.0)
    assert prox.prox_logistic(z, 1.0).shape == (size,)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: prox.soft_threshold([1.0], -1.0), "level must be"),
        (lambda: prox.block_soft_threshold([1.0], -1.0), "level must be"),
        (lambda: prox.project_box([1.0], 1.0, 0.0), "low must not exceed high"),
        (lambda: prox.project_l1_ball([1.0], -1.0), "radius must be"),
        (lambda: prox.project_linf_ball([1.0], math.nan), "radius must be"),
        (lambda: prox.prox_pinball([1.0], -1.0), "step must be non-negative"),
        (lambda: prox.prox_pinball([1.0], math.nan), "step must be non-negative"),
        (lambda: prox.prox_pinball([1.0], 1.0, 0.0, 1.5), "quantile must be"),
        (lambda: prox.prox_huber([1.0], 1.0, 0.0, 0.0), "delta must be"),
        (lambda: prox.prox_logistic([1.0], 1.0, 0.0), "label must hold"),
    ],
)
def test_refusals_say_what_is_wrong(call, words):
    with pytest.raises(ValueError, match=words):
        call()
