"""Checks: what they let through unchanged and what they refuse in words."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from splinear.core.checks import check_scalar, check_vector


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int64(2), Fraction(2)])
def test_numbers_of_all_kinds_become_floats(value):
    number = check_scalar("alpha", value)
    assert type(number) is float
    assert number == 2.0


@pytest.mark.parametrize("value", ["2", None, True, np.True_, 1j, [1.0], Decimal(1)])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match="alpha must be a real number; got"):
        check_scalar("alpha", value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 11.0])
def test_what_is_out_of_bounds_is_refused(value):
    with pytest.raises(ValueError, match=r"alpha must be .* in \[0.0, 10.0\]; got"):
        check_scalar("alpha", value, low=0.0, high=10.0)


def test_bounds_belong_to_the_interval_unless_strict():
    assert check_scalar("alpha", 0.0, low=0.0) == 0.0
    assert check_scalar("alpha", 1.0, high=1.0, low=0.0, strict=True) == 1.0
    with pytest.raises(ValueError, match=r"\(0.0, inf\]; got 0.0"):
        check_scalar("alpha", 0.0, low=0.0, strict=True)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2],
        (1.0, 2.0),
        np.array([1, 2], dtype=np.uint8),
        np.array([1.0, 2.0], dtype=np.float32),
        np.array([1, 2.0], dtype=object),
        np.array([9.0, 1.0, 9.0, 2.0])[1::2],
        pd.Series([1.0, 2.0], index=[7, 3]),
        pl.Series([1.0, 2.0]),
    ],
    ids=["list", "tuple", "uint8", "float32", "object", "strided", "pandas", "polars"],
)
def test_columns_of_all_kinds_become_float_vectors(values):
    vector = check_vector("x", values, size=2)
    assert vector.dtype == np.float64
    assert vector.flags.c_contiguous
    assert_array_equal(vector, [1.0, 2.0])


def test_a_fitting_array_is_not_copied():
    x = np.ones(3)
    assert check_vector("x", x) is x


def test_an_empty_vector_is_a_vector():
    assert check_vector("x", np.empty(0)).shape == (0,)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (1.0, r"x must be 1-D; got shape \(\)"),
        ([[1.0]], r"x must be 1-D; got shape \(1, 1\)"),
        ([1.0, math.nan], "got nan at position 1"),
        ([math.inf, 1.0], "got inf at position 0"),
        (np.array([1.0, None], dtype=object), "got nan at position 1"),
        ([math.inf, -math.inf], r"got inf at position 0 \(2 such entries\)"),
        ([1.0, 2.0, 3.0], "x must have 2 entries; got 3"),
    ],
)
def test_wrong_shapes_and_entries_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        check_vector("x", values, size=2 if np.size(values) == 3 else None)


@pytest.mark.parametrize(
    "values",
    [
        ["a", "b"],
        ["1", "2"],
        [1j],
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        np.array([{}, 1.0], dtype=object),
        np.array(["a", 1.0], dtype=object),
        np.array([10**400], dtype=object),
    ],
    ids=["words", "digits", "complex", "dates", "dict", "mixed", "too large"],
)
def test_what_holds_no_numbers_is_refused(values):
    with pytest.raises(TypeError, match="x must hold real numbers"):
        check_vector("x", values)


def test_large_finite_entries_pass_although_their_sum_overflows():
    values = np.array([1.7e308, 1.7e308])
    assert check_vector("x", values) is values
