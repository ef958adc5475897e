"""The field of 256 elements: tables against schoolbook arithmetic; interpolation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from private_presence.errors import QueryError
from private_presence.pir.gf256 import INVERSE, PRODUCT, interpolate, lagrange_weights

from .oracles import times


def test_every_product_is_the_schoolbook_one():
    by_hand = [[times(a, b) for b in range(256)] for a in range(256)]
    np.testing.assert_array_equal(PRODUCT, by_hand)


def test_every_inverse_is_one():
    nonzero = np.arange(1, 256)
    np.testing.assert_array_equal(PRODUCT[nonzero, INVERSE[nonzero]], 1)


@given(st.lists(st.integers(0, 255), min_size=1, max_size=5), st.integers(0, 255))
def test_interpolation_recovers_a_polynomial(coefficients, at):
    nodes = [3, 1, 200, 7, 90][: len(coefficients)]
    values = np.array([[value_at(coefficients, node)] for node in nodes], np.uint8)
    assert interpolate(nodes, values, at)[0] == value_at(coefficients, at)


def value_at(coefficients, x):
    """Horner's rule."""
    value = 0
    for coefficient in reversed(coefficients):
        value = times(value, x) ^ coefficient
    return value


def test_repeated_nodes_are_refused():
    with pytest.raises(QueryError, match="distinct"):
        lagrange_weights([1, 1], at=0)
