"""The spline as a value: exact rational twins, laws, edges, refusals."""

import copy
import itertools
import math
import pickle
import tracemalloc
from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.interpolate import PPoly

from splinear.univariate.spline import Spline

ORDERS = [1, 2, 3, 4, 6]


def exact(order, knots, jumps, polynomial, origin, x, derivative=0):
    """The definition in rational arithmetic: no rounding at all."""
    x, origin = Fraction(x), Fraction(origin)
    total = Fraction(0)
    for j, c in enumerate(polynomial):
        if j >= derivative:
            total += (
                math.perm(j, derivative)
                * Fraction(c)
                * (x - origin) ** (j - derivative)
            )
    power = order - 1 - derivative
    for t, a in zip(knots, jumps, strict=True):
        if power >= 0 and x >= Fraction(t):
            total += Fraction(a) * (x - Fraction(t)) ** power / math.factorial(power)
    return total


def problem(order, seed=0, count=12, scale=1.0, offset=0.0):
    rng = np.random.default_rng(seed)
    knots = offset + scale * np.sort(rng.uniform(0.0, 1.0, count))
    jumps, polynomial = rng.normal(size=count), rng.normal(size=order)
    domain = (offset, offset + scale)
    x = np.concatenate((offset + scale * rng.uniform(0.0, 1.0, 40), knots))
    return knots, jumps, polynomial, domain, x


@pytest.mark.parametrize("order", ORDERS)
def test_evaluation_agrees_with_rational_arithmetic(order):
    knots, jumps, polynomial, domain, x = problem(order)
    f = Spline.from_jumps(order, knots, jumps, polynomial, 0.0, domain)
    wanted = [float(exact(order, knots, jumps, polynomial, 0.0, t)) for t in x]
    # Some 12 pieces of at most 10 operations each on numbers of order one.
    assert_allclose(f(x), wanted, rtol=0.0, atol=1e-14 * 12)


@pytest.mark.parametrize("order", ORDERS)
def test_offsets_cost_no_digits(order):
    knots, jumps, polynomial, domain, x = problem(order, scale=1e-3, offset=1e9)
    f = Spline.from_jumps(order, knots, jumps, polynomial, 1e9, domain)
    wanted = [float(exact(order, knots, jumps, polynomial, 1e9, t)) for t in x]
    # The doubles near 1e9 are 1.2e-7 apart; differences of them are exact.
    assert_allclose(f(x), wanted, rtol=0.0, atol=1e-13)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("times", [1, 2, 6])
def test_derivatives_agree_with_rational_arithmetic(order, times):
    knots, jumps, polynomial, domain, x = problem(order, seed=times)
    f = Spline.from_jumps(order, knots, jumps, polynomial, 0.5, domain)
    wanted = [float(exact(order, knots, jumps, polynomial, 0.5, t, times)) for t in x]
    g = f.derivative(times)
    assert g.order == max(order - times, 1)
    # As above; factors up to 5! scale the terms.
    assert_allclose(g(x), wanted, rtol=0.0, atol=1e-11)


@pytest.mark.parametrize("order", ORDERS)
def test_integrals_agree_with_rational_arithmetic(order):
    knots, jumps, polynomial, domain, _ = problem(order, seed=4)
    f = Spline.from_jumps(order, knots, jumps, polynomial, 0.0, domain)
    raised = [0.0] + [Fraction(c) / (j + 1) for j, c in enumerate(polynomial)]
    for a, b in [(0.0, 1.0), (0.2, 0.7), (0.7, 0.2), (0.4, 0.4)]:
        ends = [exact(order + 1, knots, jumps, raised, 0.0, t) for t in (a, b)]
        # Sums of 13 pieces of order one.
        assert_allclose(f.integral(a, b), float(ends[1] - ends[0]), atol=1e-13)


def test_short_integrals_far_away_do_not_cancel():
    f = Spline.from_values([0.0, 1e6, 1e6 + 1.0, 2e6], [1e6, 1e6, 3.0, 3.0])
    # The trapezium of height 3 over a width of 1e-6 near the end, to some ulps.
    width = float(np.float64(1.5e6 + 1e-6) - 1.5e6)
    assert_allclose(f.integral(1.5e6, 1.5e6 + 1e-6), 3.0 * width, rtol=1e-15)


@pytest.mark.parametrize("order", ORDERS)
def test_jumps_and_variation_are_those_given(order):
    knots, jumps, polynomial, domain, _ = problem(order, seed=5)
    f = Spline.from_jumps(order, knots, jumps, polynomial, 0.0, domain)
    # A jump is a difference of top coefficients, 12 sums of order one before it.
    assert_allclose(f.jumps, jumps, rtol=0.0, atol=1e-13)
    assert_allclose(f.variation, np.sum(np.abs(jumps)), rtol=1e-13)
    assert_array_equal(f.values, f(knots))
    assert_array_equal(f.slopes[1:], f.derivative()(knots) if order > 1 else 0 * knots)


def test_order_one_is_continuous_from_the_right():
    f = Spline.from_jumps(1, [0.0, 1.0], [1.0, 2.0], [5.0], -1.0, (-1.0, 2.0))
    below = np.nextafter(1.0, 0.0)
    assert_array_equal(f([-0.5, 0.0, below, 1.0, 1.5]), [5.0, 6.0, 6.0, 8.0, 8.0])


# --- extrapolation ----------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
def test_linear_extrapolation_is_the_tangent(order):
    knots, jumps, polynomial, domain, _ = problem(order, seed=6)
    f = Spline.from_jumps(order, knots, jumps, polynomial, 0.0, domain)
    slope = f.derivative()([0.0, 1.0])
    value = f([0.0, 1.0])
    # One multiplication and one addition beyond the end.
    assert_allclose(f(-2.0), value[0] - 2.0 * slope[0], rtol=1e-14)
    assert_allclose(f(3.0), value[1] + 2.0 * slope[1], rtol=1e-14)


def test_the_tangent_at_the_right_end_ignores_a_kink_there():
    f = Spline.from_jumps(2, [1.0], [5.0], [0.0, 1.0], 0.0, (0.0, 1.0))
    assert f(2.0) == 2.0
    assert f(2.0, extrapolate="polynomial") == 7.0


def test_far_points_do_not_overflow():
    f = Spline.from_jumps(4, [0.5], [1.0], [0.0, 1.0, 0.0, 1.0], 0.0, (0.0, 1.0))
    assert np.isfinite(f(1e200))


def test_refusing_names_the_point():
    f = Spline.from_values([0.0, 1.0], [0.0, 1.0])
    assert_array_equal(f([0.0, 1.0], extrapolate="raise"), [0.0, 1.0])
    with pytest.raises(ValueError, match=r"domain \[0.0, 1.0\]; got 1.5"):
        f([0.5, 1.5], extrapolate="raise")


@pytest.mark.parametrize(("a", "b"), [(-3.0, -1.0), (-1.0, 0.5), (0.5, 4.0), (2.0, 3)])
def test_integrals_go_on_along_the_tangents(a, b):
    f = Spline.from_jumps(3, [0.4], [2.0], [1.0, -1.0, 3.0], 0.0, (0.0, 1.0))
    # Gauss-Legendre is exact on each smooth part.
    cuts = [a, *[t for t in (0.0, 0.4, 1.0) if a < t < b], b]
    nodes, weights = np.polynomial.legendre.leggauss(4)
    wanted = sum(
        0.5
        * (high - low)
        * float(weights @ f(0.5 * (low + high + (high - low) * nodes)))
        for low, high in itertools.pairwise(cuts)
    )
    assert_allclose(f.integral(a, b), wanted, rtol=1e-13)  # quadrature rounding


# --- builders ---------------------------------------------------------------------


def test_oracle_1():
    f = Spline.from_values([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    assert (f.variation, f.knots.tolist(), f.jumps.tolist()) == (2.0, [1.0], [-2.0])


def test_joining_the_dots_meets_the_dots():
    rng = np.random.default_rng(7)
    x, y = np.sort(rng.normal(size=50)), rng.normal(size=50)
    f = Spline.from_values(x, y)
    assert f.knots.size == 48
    assert_array_equal(f(x[:-1]), y[:-1])
    # The last value is reached along the last line: an ulp of its terms.
    assert_allclose(f(x[-1]), y[-1], rtol=1e-13)


def test_points_without_a_kink_are_no_knots():
    f = Spline.from_values([0.0, 1.0, 2.0, 4.0, 5.0], [0.0, 2.0, 4.0, 8.0, 0.0])
    assert f.knots.tolist() == [4.0]


def test_kinks_of_rounding_size_go_with_a_tolerance():
    x = np.linspace(0.0, 1.0, 101) + 0.001 * np.sin(np.arange(101.0))
    y = 0.1 + 0.3 * x + np.abs(x - x[50])
    assert Spline.from_values(x, y).knots.size > 1
    f = Spline.from_values(x, y, tol=1e-14)
    assert_array_equal(f.knots, x[50:51])
    assert_allclose(f(x), y, rtol=1e-14)  # the tolerance itself


@pytest.mark.parametrize("count", [1, 2])
def test_one_and_two_points(count):
    f = Spline.from_values([1.0, 3.0][:count], [2.0, 4.0][:count])
    assert (f.knots.size, f.variation) == (0, 0.0)
    assert f(2.0) == (2.0 if count == 1 else 3.0)
    assert f.integral() == (0.0 if count == 1 else 6.0)


def test_pieces_that_do_not_meet_are_refused():
    broken = PPoly(np.array([[1.0, 1.0], [0.0, 5.0]]), [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="must have 0 continuous derivatives"):
        Spline.from_ppoly(broken)
    record = Spline.from_values([0.0, 1.0, 2.0], [0.0, 1.0, 0.0]).to_dict()
    record["coefficients"][0][1] = 3.0
    with pytest.raises(ValueError, match="derivative 0 jumps"):
        Spline.from_dict(record)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "network"}, "type 'spline', version 1 was expected"),
        ({"version": 2}, "version 2"),
        ({"knots": None}, "missing"),
        ({"domain": [1.0]}, "domain must be"),
    ],
)
def test_foreign_records_are_refused(change, words):
    record = Spline.from_values([0.0, 1.0, 2.0], [0.0, 1.0, 0.0]).to_dict()
    record |= change
    if record["knots"] is None:
        del record["knots"]
    with pytest.raises(ValueError, match=words):
        Spline.from_dict(record)


# --- value semantics and edges ------------------------------------------------------


def tent():
    return Spline.from_values([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])


def test_it_is_a_value():
    f = tent()
    assert f == tent()
    assert f == pickle.loads(pickle.dumps(f)) == copy.deepcopy(f)
    assert f != 2.0 * f
    assert f != "tent"
    with pytest.raises(FrozenInstanceError):
        f.order = 3  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValueError, match="read-only"):
        f.knots[0] = 2.0
    with pytest.raises(TypeError, match="unhashable"):
        hash(f)


def test_it_keeps_no_view_of_what_it_was_given():
    knots = np.array([1.0])
    table = np.array([[0.0, 1.0], [1.0, -1.0]])
    f = Spline(2, knots, table, 0.0, (0.0, 2.0))
    knots[0] = table[0, 0] = 7.0
    assert f == tent()


def test_what_it_says():
    f = tent()
    assert repr(f) == "Spline(order=2, 1 knots, domain=(0, 2), variation=2)"
    assert str(f) == "piecewise linear on [0, 2], 1 knot at 1, variation 2"
    assert str(0.0 * f) == "piecewise linear on [0, 2], no knot"
    many = Spline.from_jumps(6, np.arange(12.0), np.ones(12), np.zeros(6), 0.0, (0, 9))
    assert "polynomial of degree 5" in str(many)
    assert "and 4 more" in str(many)


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3), (0, 4)])
def test_shapes_pass_through(shape):
    x = np.full(shape, 0.5)
    assert tent()(x).shape == shape
    assert_array_equal(tent()(x), x)


def test_points_come_in_any_order():
    x = np.random.default_rng(8).uniform(0.0, 2.0, 100)
    assert_array_equal(tent()(x), 1.0 - np.abs(x - 1.0))


def test_memory_stays_linear_in_points():
    rng = np.random.default_rng(9)
    knots = np.sort(rng.uniform(0.0, 1.0, 1000))
    f = Spline.from_jumps(3, knots, rng.normal(size=1000), [0, 0, 0], 0.0, (0.0, 1.0))
    x = rng.uniform(-0.1, 1.1, 200_000)
    tracemalloc.start()
    f(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * x.nbytes  # a 1000-column matrix would be 1000 times


@pytest.mark.parametrize("wrong", [[math.nan], [0.0, math.inf], ["a"], None])
def test_points_that_are_no_numbers_are_refused(wrong):
    with pytest.raises((ValueError, TypeError), match="x must"):
        tent()(wrong)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, [], np.zeros((0, 1)), 0.0, (0.0, 1.0)), "order must be"),
        ((1.5, [], [[0.0]], 0.0, (0.0, 1.0)), "order must be an integer"),
        ((1, [1.0, 1.0], [[0.0] * 3], 0.0, (0.0, 1.0)), "knots must increase"),
        ((1, [math.nan], [[0.0] * 2], 0.0, (0.0, 1.0)), "knots must be finite"),
        ((1, [1.0], [[0.0]], 0.0, (0.0, 1.0)), r"\(1, 2\); got \(1, 1\)"),
        ((1, [], [[math.inf]], 0.0, (0.0, 1.0)), "coefficients must be finite"),
        ((1, [], [[0.0]], math.nan, (0.0, 1.0)), "origin must be"),
        ((1, [], [[0.0]], 0.0, (1.0, 0.0)), "low <= high"),
        ((1, [], [[0.0]], 0.0, (1.0,)), r"domain must be \(low, high\)"),
    ],
)
def test_wrong_parts_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Spline(*arguments)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda f: f + f.derivative(), ValueError, "one order; got 2 and 1"),
        (lambda f: f + 1.0, TypeError, "unsupported operand"),
        (lambda f: f * f, TypeError, "unsupported operand"),
        (lambda f: f * math.nan, ValueError, "scale must be"),
        (lambda f: f(0.0, extrapolate="wrap"), ValueError, "extrapolate must be"),
        (lambda f: f.derivative(-1), ValueError, "times must be"),
        (lambda f: f.integral(0.0, math.inf), ValueError, "b must be"),
        (lambda f: Spline.from_values([], []), ValueError, "at least one point"),
        (lambda f: Spline.from_values([1.0], [1.0]).to_ppoly(), ValueError, "interval"),
    ],
)
def test_wrong_requests_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call(tent())


def test_numpy_scalars_multiply_from_the_left():
    assert np.float64(2.0) * tent() == tent() * 2.0
    with pytest.raises(TypeError, match="unsupported operand"):
        np.ones(2) * tent()


def test_slopes_beyond_double_precision_are_refused():
    with pytest.raises(ValueError, match="coefficients must be finite"):
        Spline.from_values([0.0, 1e-300, 1.0], [0.0, 1e300, 0.0])


@pytest.mark.parametrize("column", [pd.Series, pl.Series], ids=["pandas", "polars"])
def test_columns_are_points(column):
    assert_array_equal(tent()(column([0.5, 1.5])), [0.5, 0.5])


def test_sums_span_both_domains():
    f = Spline.from_values([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    g = Spline.from_values([1.0, 3.0, 4.0], [1.0, 0.0, 2.0])
    x = np.linspace(-1.0, 5.0, 61)
    assert (f + g).domain == (0.0, 4.0)
    # Order 2 with inner knots: both extrapolations agree, so the law holds everywhere.
    assert_allclose((f + g)(x), f(x) + g(x), rtol=0.0, atol=1e-14)
