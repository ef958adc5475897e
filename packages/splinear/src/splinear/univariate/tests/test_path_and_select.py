"""Paths equal single fits; every rule chooses what it says."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from splinear.univariate.fit import alpha_max, fit_spline, solve
from splinear.univariate.path import alpha_grid, fit_path
from splinear.univariate.problem import check_problem
from splinear.univariate.samples import gather
from splinear.univariate.select import estimate_noise, select_alpha

OPTIONS = [
    {"order": 1},
    {"order": 2},
    {"order": 3},
    {"order": 4},
    {"loss": "quantile", "quantile": 0.8},
    {"loss": "huber", "delta": 0.1},
    {"monotone": "increasing"},
    {"convex": "convex"},
    {"period": 1.5},
    {"domain_weight": "boundary"},
]


def _data(n=80, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    return x, np.abs(x - 0.4) + 0.5 * x + noise * rng.standard_normal(n)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_path_equals_single_fits(options):
    x, y = _data(40)
    path = fit_path(x, y, n_alphas=4, eps=1e-2, tol=1e-8, **options)
    top = path[0].stats["alpha"]
    assert_allclose(top, alpha_max(x, y, **options) or 1.0, rtol=1e-12)
    for result in path:
        assert result.certificate.relative_gap <= 1e-8
        alone = fit_spline(x, y, alpha=result.stats["alpha"], tol=1e-8, **options)
        # Two points within 1e-8 of the null objective of the same optimum.
        assert_allclose(result.objective, alone.objective, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_above_alpha_max_there_is_no_knot(options):
    x, y = _data(30)
    top = alpha_max(x, y, **options) or 1.0
    assert fit_spline(x, y, alpha=1.001 * top, **options).value.knots.size == 0
    if options != {"monotone": "increasing"}:  # this trend is its own best line
        below = fit_spline(x, y, alpha=0.9 * top, tol=1e-9, **options)
        assert below.value.knots.size > 0


def test_given_alphas_are_sorted():
    x, y = _data()
    path = fit_path(x, y, alphas=[1e-3, 1e-1, 1e-2])
    assert [r.stats["alpha"] for r in path] == [1e-1, 1e-2, 1e-3]
    with pytest.raises(ValueError, match="alphas must be positive"):
        fit_path(x, y, alphas=[0.0])


@pytest.mark.parametrize(
    ("bad", "words"), [(0, "at least 1"), (-1, "at least 1"), (2.5, "an integer")]
)
def test_bad_grids(bad, words):
    with pytest.raises((TypeError, ValueError), match=words):
        alpha_grid(1.0, None, bad, 1e-4)


def test_holdout_finds_the_scale_of_the_noise():
    x, y = _data(2000, noise=0.1)
    chosen = select_alpha(x, y)
    truth = np.abs(x - 0.4) + 0.5 * x
    errors = {
        alpha: np.mean((fit_spline(x, y, alpha=alpha).value(x) - truth) ** 2)
        for alpha in (chosen.alphas[0], chosen.alpha, chosen.alphas[-1])
    }
    best = errors[chosen.alpha]
    assert best < 1e-3  # noise variance is 1e-2
    assert best < errors[chosen.alphas[0]]
    assert best < errors[chosen.alphas[-1]]
    assert chosen.scores.argmin() == np.flatnonzero(chosen.alphas == chosen.alpha)[0]


def test_holdout_repeats_and_depends_on_the_state():
    x, y = _data(200)
    first, second = (select_alpha(x, y, random_state=3) for _ in range(2))
    assert first.alpha == second.alpha
    assert_allclose(first.scores, second.scores, rtol=0)
    assert not np.array_equal(first.scores, select_alpha(x, y, random_state=4).scores)


def test_bic_finds_one_kink():
    x, y = _data(3000, noise=0.05)
    result = select_alpha(x, y, rule="bic").result
    assert 1 <= result.value.knots.size <= 4
    biggest = result.value.knots[np.argmax(np.abs(result.value.jumps))]
    assert abs(biggest - 0.4) < 0.02


@pytest.mark.parametrize("limit", [0, 1, 2, 5])
@pytest.mark.parametrize("rule", ["max_knots", "holdout", "bic"])
def test_max_knots_is_kept(rule, limit):
    x, y = _data(300)
    result = select_alpha(x, y, rule=rule, max_knots=limit).result
    assert result.value.knots.size <= limit


@pytest.mark.parametrize("order", [1, 2, 3])
def test_discrepancy_meets_the_noise(order):
    x, y = _data(500, noise=0.1)
    chosen = select_alpha(x, y, rule="discrepancy", noise=0.1, order=order)
    residual = y - chosen.result.value(x)
    assert_allclose(np.sqrt(np.mean(residual**2)), 0.1, rtol=1e-6)


def test_noise_estimate():
    x, y = _data(20_000, noise=0.3)
    # 2e4 triples: standard error about 0.9 % of the estimate.
    assert_allclose(estimate_noise(gather(x, y)), 0.3, rtol=0.04)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_few_rows(n):
    x = np.arange(float(n))
    y = np.cos(x)
    result = select_alpha(x, y).result
    assert np.isfinite(result.value(x)).all()


def test_bad_rules():
    x, y = _data(20)
    with pytest.raises(ValueError, match="rule must be one of"):
        select_alpha(x, y, rule="gcv")
    with pytest.raises(ValueError, match="needs max_knots"):
        select_alpha(x, y, rule="max_knots")
    with pytest.raises(ValueError, match="for the squared loss without constraints"):
        select_alpha(x, y, rule="bic", convex="convex")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"order": 7}, "order must be 1 to 6; got 7"),
        ({"order": 2.0}, "order must be an integer"),
        ({"loss": "absolute"}, "loss must be one of"),
        ({"loss": "quantile", "quantile": 1.0}, "strictly between 0 and 1"),
        ({"loss": "logistic", "order": 3}, "need order 2"),
        ({"monotone": "up"}, "monotone must be one of"),
        ({"period": -1.0}, "period must be a finite number"),
        ({"period": 1.0, "convex": "convex"}, "cannot be combined"),
        ({"period": 1.0, "order": 5}, "period needs order 1 to 4"),
        ({"order": 1, "domain_weight": "boundary"}, "domain_weight needs order 2"),
        ({"loss": "huber", "delta": 0.0}, "delta must be a finite number"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        fit_spline([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], alpha=0.1, **options)


@pytest.mark.parametrize(
    "options", [{"order": m} for m in (1, 2, 3)] + [{"convex": "convex"}]
)
@pytest.mark.parametrize("factor", [2.0**-900, 2.0**900])
def test_only_ratios_of_weights_matter(options, factor):
    x, y = _data(40)
    w = np.random.default_rng(1).random(40)
    plain = fit_spline(x, y, alpha=1e-3, sample_weight=w, **options)
    scaled = fit_spline(x, y, alpha=1e-3, sample_weight=factor * w, **options)
    assert_allclose(scaled.value(x), plain.value(x), rtol=1e-12)


@pytest.mark.parametrize(
    "options", [{"period": 1.5}, {"domain_weight": "boundary"}], ids=str
)
def test_warm_starts_of_the_general_solvers(options):
    """A start from a neighbouring alpha leads to the same optimum."""
    x, y = _data(50, seed=5)
    problem = check_problem(**options)
    samples = gather(x, y)
    top = alpha_max(x, y, **options)
    near = solve(problem, samples, 0.1 * top, tol=1e-9)
    warm = solve(problem, samples, 0.05 * top, start=near, tol=1e-9)
    cold = solve(problem, samples, 0.05 * top, tol=1e-9)
    assert warm.certificate.relative_gap <= 1e-9
    assert_allclose(warm.objective, cold.objective, rtol=1e-8)


def test_ties_tell_the_noise():
    rng = np.random.default_rng(6)
    x = np.repeat(np.arange(20.0), 50)
    noise = estimate_noise(gather(x, np.sin(x / 5) + 0.3 * rng.standard_normal(1000)))
    assert_allclose(noise, 0.3, rtol=0.1)  # 1000 rows: standard error 2.2 %
    # The rule based on it can always be met, whatever the ties lose.
    y = np.sin(x / 5) + 0.3 * rng.standard_normal(1000)
    assert select_alpha(x, y, rule="discrepancy").result.converged
