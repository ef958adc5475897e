"""Laws of the spline algebra, over random splines whose knots often coincide."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from splinear.univariate.spline import Spline


@st.composite
def splines(draw, order=None, least=0):
    m = draw(st.integers(1, 4)) if order is None else order
    # Eighths: sites of different splines then coincide often, and exactly.
    sites = st.integers(-32, 32).map(lambda n: n / 8)
    knots = sorted(draw(st.sets(sites, min_size=least, max_size=6)))
    numbers = st.floats(-8.0, 8.0, allow_subnormal=False)
    jumps = [draw(numbers) for _ in knots]
    polynomial = draw(st.lists(numbers, min_size=m, max_size=m))
    origin = draw(sites)
    return Spline.from_jumps(m, knots, jumps, polynomial, origin, (-4.0, 4.0))


def pairs():
    return st.integers(1, 4).flatmap(lambda m: st.tuples(splines(m), splines(m)))


X = np.linspace(-4.0, 4.0, 65)


def size(*parts):
    """A bound of all terms that are summed on [-4, 4]: the unit of rounding."""
    return 1.0 + sum(
        float(np.sum(np.abs(f.coefficients) * 8.0 ** np.arange(f.order)[:, None]))
        for f in parts
    )


@given(pairs(), st.floats(-4.0, 4.0, allow_subnormal=False))
def test_evaluation_is_linear(pair, c):
    f, g = pair
    # 1e-14: about forty operations on terms below `size`.
    atol = 1e-14 * size(f, g) * (1.0 + abs(c))
    for how in ("linear", "polynomial"):
        x = np.concatenate((X, [-5.0, 6.0]))
        assert_allclose((f + g)(x, how), f(x, how) + g(x, how), rtol=0.0, atol=4 * atol)
        assert_allclose((c * f)(x, how), c * f(x, how), rtol=0.0, atol=4 * atol)
    assert_allclose((f - g)(X), f(X) - g(X), rtol=0.0, atol=atol)


@given(pairs())
def test_variation_obeys_the_triangle_inequality(pair):
    f, g = pair
    slack = 1e-13 * size(f, g)  # differences of top coefficients
    assert (f + g).variation <= f.variation + g.variation + slack
    assert abs(f.variation - g.variation) <= (f - g).variation + slack


@given(splines(), st.floats(-4.0, 4.0, allow_subnormal=False))
def test_variation_is_homogeneous(f, c):
    # Each jump is a difference of rounded products.
    assert_allclose(
        (c * f).variation, abs(c) * f.variation, rtol=0.0, atol=1e-13 * size(f) * 5
    )


@given(splines())
def test_a_function_minus_itself_is_zero_without_knots(f):
    zero = f - f
    assert zero.knots.size == 0
    assert_array_equal(zero(X), 0.0 * X)
    assert (0.0 * f).knots.size == 0
    assert (-f) + f == zero


@given(splines())
def test_the_derivative_of_the_antiderivative_is_the_function(f):
    again = f.antiderivative().derivative()
    assert_array_equal(again.knots, f.knots)
    # c / j * j may round twice.
    assert_allclose(again.coefficients, f.coefficients, rtol=5e-16, atol=1e-320)


@given(splines(), st.integers(-32, 32), st.integers(-32, 32))
def test_integrals_are_differences_of_the_antiderivative(f, a, b):
    F = f.antiderivative()
    difference = float(F(b / 8) - F(a / 8))
    assert_allclose(f.integral(a / 8, b / 8), difference, atol=1e-13 * size(F))


@given(splines())
def test_the_antiderivative_has_the_jumps_one_order_up(f):
    assert_allclose(f.antiderivative().jumps, f.jumps, rtol=0, atol=1e-14 * size(f))


@given(splines(least=1))
def test_ppoly_there_and_back(f):
    ppoly = f.to_ppoly()
    x = X[:-1]  # a step at the very end of the domain is beyond a PPoly
    # Expanding about the end of the domain moves terms by rounding only.
    assert_allclose(ppoly(x), f(x), rtol=0.0, atol=1e-14 * size(f))
    back = Spline.from_ppoly(ppoly)
    assert_allclose(back(x), f(x), rtol=0.0, atol=1e-14 * size(f))
    inside = f.knots[(f.knots > -4.0) & (f.knots < 4.0)]
    assert_array_equal(back.knots, inside)
    assert Spline.from_ppoly(back.to_ppoly()) == back


@given(splines())
def test_json_there_and_back_is_exact(f):
    assert Spline.from_dict(json.loads(json.dumps(f.to_dict()))) == f
