"""Constrained forms: feasibility, certificates, closed forms and cvxpy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.univariate.constrained import fit_bounded
from splinear.univariate.fit import fit_spline


def _data(seed=0, n=60):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.random(n))
    return x, np.sin(7 * x) + 0.2 * rng.standard_normal(n)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("share", [0.0, 1e-3, 0.2, 0.9, 2.0])
def test_bounded_variation(order, share):
    x, y = _data()
    free = fit_spline(x, y, alpha=1e-3, order=order).value.variation
    result = fit_bounded(x, y, max_variation=share * free, order=order, tol=1e-6)
    # Feasible up to the rounding of the mixed function.
    assert result.value.variation <= share * free * (1 + 1e-9) + 1e-12
    assert result.converged
    assert_allclose(
        result.objective, np.mean((y - result.value(x)) ** 2) / 2, rtol=1e-9
    )


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("bound", [0.1, 0.3, 5.0])
def test_bounded_residual(order, bound):
    x, y = _data(1)
    result = fit_bounded(x, y, max_residual=bound, order=order, tol=1e-6)
    assert np.sqrt(np.mean((y - result.value(x)) ** 2)) <= bound * (1 + 1e-9)
    assert result.converged
    assert result.objective == result.value.variation


def test_hat_in_closed_form():
    # The penalised fit is f = (lam, 1 - 2 lam, lam): residual lam sqrt(6), TV 2 - 6 lam.
    x, y = [0.0, 1.0, 2.0], [0.0, 1.0, 0.0]
    tight = fit_bounded(x, y, max_variation=0.8, tol=1e-9)
    assert_allclose(tight.value(x), [0.2, 0.6, 0.2], atol=1e-7)
    near = fit_bounded(x, y, max_residual=0.1 * np.sqrt(2.0), tol=1e-9)
    assert_allclose(near.value.variation, 1.4, rtol=1e-8)


def test_agrees_with_cvxpy():
    cvxpy = pytest.importorskip("cvxpy")
    x, y = _data(2, 30)
    h = np.diff(x)
    rows = np.zeros((28, 30))
    for j in range(28):
        rows[j, j : j + 3] = 1 / h[j], -1 / h[j] - 1 / h[j + 1], 1 / h[j + 1]
    f = cvxpy.Variable(30)
    loss = cvxpy.sum_squares(y - f) / 60
    problem = cvxpy.Problem(cvxpy.Minimize(loss), [cvxpy.norm1(rows @ f) <= 20.0])
    problem.solve(solver=cvxpy.CLARABEL)
    ours = fit_bounded(x, y, max_variation=20.0, tol=1e-8)
    # Clarabel stops near 1e-8 of the objective.
    assert_allclose(ours.objective, problem.value, rtol=1e-6)


def test_ties_limit_the_residual():
    with pytest.raises(ValueError, match="out of reach: rows that share an x"):
        fit_bounded([0.0, 0.0, 1.0], [0.0, 2.0, 1.0], max_residual=0.1)


@pytest.mark.parametrize(
    "bounds",
    [{}, {"max_variation": 1.0, "max_residual": 1.0}],
)
def test_exactly_one_bound(bounds):
    with pytest.raises(ValueError, match="exactly one of max_variation"):
        fit_bounded([0.0, 1.0], [0.0, 1.0], **bounds)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_bad_bounds(bad):
    with pytest.raises(ValueError, match="max_variation must be a finite number"):
        fit_bounded([0.0, 1.0], [0.0, 1.0], max_variation=bad)


def test_lines_need_no_knot():
    x = np.arange(5.0)
    result = fit_bounded(x, 2 * x + 1, max_variation=3.0)
    assert result.value.knots.size == 0
    assert_allclose(result.value(x), 2 * x + 1, atol=1e-12)
