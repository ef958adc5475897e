"""Fewest knots: O-4, the lower bound of the errata, values and variation kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from splinear.univariate.sparsify import broken_line, fewest_knots, is_unique, sparsify
from splinear.univariate.spline import Spline

kinks = st.lists(st.integers(-3, 3), min_size=0, max_size=40)


def points(a):
    """Integer points on a unit grid whose second differences are `a`: no rounding."""
    slopes = np.concatenate(([0.0], np.cumsum(a)))
    values = np.concatenate(([0.0], np.cumsum(slopes)))
    return np.arange(values.size, dtype=float), values


def lower_bound(a):
    """Count kinks that no interpolant avoids (errata, section C).

    A kink of sign s at index i forces one of sign s in (i-1, i+1): choose greedily
    indices whose open intervals are disjoint or whose signs differ.
    """
    count, last = 0, None
    for i, value in enumerate(a):
        sign = np.sign(value)
        taken = last is not None and last == (i - 1, sign)
        if sign != 0 and not taken:
            count, last = count + 1, (i, sign)
    return count


@pytest.mark.parametrize(
    ("a", "knots"),
    [
        ((1, 1, 1, 1), [1.5, 3.5]),
        ((1, 1, 0, 1, 1), [1.5, 4.5]),
        ((1, 1, 0, 0, 0, 1, 1), [1.5, 6.5]),
        ((2, 1, -1, -3, -1, 0, 2), [4 / 3, 3.75, 5.0, 7.0]),
        ((1, -1, 1), [1.0, 2.0, 3.0]),
    ],
)
def test_oracle_4(a, knots):
    x, v = points(a)
    f = fewest_knots(x, v)
    assert_allclose(f.knots, knots, rtol=1e-15)
    assert f.variation == np.sum(np.abs(a))


def test_count_meets_the_lower_bound_on_random_strings():
    rng = np.random.default_rng(0)
    for _ in range(3000):
        a = rng.integers(-1, 2, rng.integers(1, 30))
        x, v = points(a)
        assert fewest_knots(x, v).knots.size == lower_bound(a)


@settings(deadline=None, max_examples=200)
@given(kinks)
def test_laws(a):
    x, v = points(a)
    f = fewest_knots(x, v)
    # Integers and thirds: a few roundings of numbers up to about a thousand.
    assert_allclose(f(x), v, atol=1e-11)
    assert_allclose(f.variation, np.sum(np.abs(a)), rtol=1e-13)
    assert f.knots.size == lower_bound(a)
    neighbours = [i for i in range(len(a) - 1) if a[i] * a[i + 1] > 0]
    assert is_unique(x, v) == (not neighbours)
    assert sparsify(f, x) == f


def test_pieces_meet_at_the_knots():
    rng = np.random.default_rng(1)
    x = np.sort(rng.random(500))
    f = fewest_knots(x, rng.normal(size=500))
    anchors = np.concatenate(([f.origin], f.knots))
    left = f.coefficients[0] + f.coefficients[1] * (np.append(f.knots, 1.0) - anchors)
    # Rounding of the knot times the jump, rounding of the value besides.
    room = np.abs(f.jumps) * np.spacing(f.knots) + 8 * np.spacing(np.abs(f.values))
    assert np.all(np.abs(left[:-1] - f.values) <= room)


def test_random_data_keep_values_and_variation():
    rng = np.random.default_rng(2)
    x = np.sort(rng.random(2000))
    v = rng.normal(size=2000)
    f, line = fewest_knots(x, v), broken_line(x, v)
    assert_allclose(f.variation, line.variation, rtol=1e-13)
    # A joined knot overshoots the data where slopes are steep: rounding of that size.
    size = np.max(np.abs(f.values))
    assert_allclose(f(x), v, atol=8 * np.spacing(size))
    signs = np.sign(np.diff(np.diff(v) / np.diff(x)))
    assert f.knots.size == lower_bound(signs)


def test_collinear_to_rounding_has_no_knot():
    x = np.sort(np.random.default_rng(3).random(1000))
    assert fewest_knots(x, 3.3 * x + 1.7).knots.size == 0
    assert is_unique(x, 3.3 * x + 1.7)


def test_gentle_bend_is_not_taken_for_straight():
    x = np.arange(1000.0)
    v = 1.0 + 1e-17 * x**2
    f = fewest_knots(x, v)
    # Every kink is below the rounding of the values, their sum is 1e5 times that.
    assert_allclose(f(x), v, rtol=0.0, atol=6 * np.spacing(1.0))
    assert f.knots.size > 10


def test_tol_of_the_user():
    x = np.linspace(10.0, 11.0, 11)
    v = np.arange(11.0) + 1e-9 * np.cos(np.arange(11))
    assert fewest_knots(x, v).knots.size > 3
    assert fewest_knots(x, v, tol=1e-8).knots.size == 0


def test_sites_without_room_are_not_joined():
    x = 1e9 + 1e-6 * np.arange(5)
    v = np.arange(5.0) ** 2
    f = fewest_knots(x, v)
    assert_array_equal(f.knots, x[1:-1])
    assert_allclose(f(x), v, rtol=1e-15)


def test_sparsify_joins_neighbouring_sites_only():
    sites = np.arange(8.0)
    f = Spline.from_jumps(2, [1.0, 2.0, 4.0], [1.0, 3.0, 2.0], [1.0, 2.0], 0.0, (0, 7))
    g = sparsify(f, sites)
    assert_array_equal(g.knots, [1.75, 4.0])
    assert_array_equal(g.jumps, [4.0, 2.0])
    assert_allclose(g(sites), f(sites), rtol=1e-15)
    # With a site between them nothing may be joined.
    dense = np.arange(0.0, 8.0, 0.5)
    assert sparsify(f, dense) == f


def test_few_points():
    assert fewest_knots([2.0], [3.0])([2.0])[0] == 3.0
    assert not is_unique([2.0], [3.0])
    assert_array_equal(fewest_knots([0.0, 2.0], [1.0, 5.0])([1.0]), [3.0])
    assert is_unique([0.0, 2.0], [1.0, 5.0])


def test_refusals():
    with pytest.raises(ValueError, match="increase strictly"):
        fewest_knots([0.0, 0.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="at least one"):
        fewest_knots([], [])
    with pytest.raises(ValueError, match="order 2"):
        sparsify(Spline(1, np.empty(0), np.ones((1, 1)), 0.0, (0.0, 1.0)), [0.0])
    with pytest.raises(ValueError, match="sites must increase"):
        sparsify(fewest_knots([0.0, 1.0], [0.0, 1.0]), [1.0, 0.0])
