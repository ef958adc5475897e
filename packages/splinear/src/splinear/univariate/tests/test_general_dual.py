"""Dual problems of the general solver, solved by cvxpy: an independent lower bound."""

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.univariate.general import alpha_max, solve
from splinear.univariate.tests.hard_problems import problems

QUANTILE, DELTA = 0.3, 0.2


def dual_optimum(x, y, w, alpha, loss, monotone, convex):
    """Maximise the dual over forces p at the rows and a dual path v of the kinks.

    With ``u_j = sum_i p_i (x_j - x_i)_+`` every linear spline with nodes at x has
    ``sum p f = sum_j (u_{j+1} - u_j) (-slope_j)`` for sum p = 0; kinks may cost alpha.
    """
    order = np.argsort(x, kind="stable")
    x, y, w = x[order], y[order], w[order] / w.sum()
    p, v = cp.Variable(x.size), cp.Variable(x.size)
    u = np.maximum(x[:, None] - x[None, :], 0.0) @ p
    limits = [cp.sum(p) == 0, v[0] == 0, v[-1] == 0, v <= alpha]
    limits += [] if convex else [v >= -alpha]
    limits += [cp.diff(v) <= cp.diff(u)] if monotone else [v == u]
    value = p @ y
    if loss == "quantile":
        limits += [p <= QUANTILE * w, p >= (QUANTILE - 1.0) * w]
    else:
        value -= 0.5 * cp.sum_squares(cp.multiply(p, 1.0 / np.sqrt(w)))
    if loss == "huber":
        limits += [cp.abs(p) <= DELTA * w]
    return cp.Problem(cp.Maximize(value), limits).solve(cp.CLARABEL)


@pytest.mark.parametrize("loss", ["squared", "huber", "quantile"])
@pytest.mark.parametrize("monotone", [None, "increasing"])
@pytest.mark.parametrize("convex", [None, "convex"])
@pytest.mark.parametrize("ratio", [0.3, 1e-2])
def test_an_independent_dual_meets_the_objective(loss, monotone, convex, ratio):
    rng = np.random.default_rng(4)
    x = np.sort(rng.uniform(0.0, 2.0, 35))
    y = np.sin(4.0 * x) + 2.0 * np.abs(x - 0.8) + 0.3 * rng.standard_normal(35)
    w = rng.uniform(0.5, 2.0, 35)
    rule = {"loss": loss, "quantile": QUANTILE, "delta": DELTA}
    shape = {"monotone": monotone, "convex": convex}
    alpha = ratio * alpha_max(x, y, w, **rule, **shape)
    r = solve(x, y, w, alpha, tol=1e-9, **rule, **shape)
    assert r.converged
    bound = dual_optimum(x, y, w, alpha, loss, monotone, convex)
    # Clarabel stops at about 1e-8 relative.
    assert_allclose(bound, r.objective, rtol=2e-6)
    assert r.certificate.bound <= bound * (1.0 + 2e-6)


def test_no_overflow_at_weights_over_eight_decades():
    # filterwarnings=error: the powers of the entropy series overflowed here.
    _, x, y, w = next(item for item in problems() if item[0] == "weights")
    y = (y > np.median(y)) * 1.0
    top = alpha_max(x, y, w, "logistic")
    r = solve(x, y, w, 1e-6 * top, loss="logistic", tol=1e-8)
    assert r.certificate.relative_gap <= 1e-8 or not r.converged
    assert r.certificate.relative_gap <= 1e-7  # 4.6e-9 when written
