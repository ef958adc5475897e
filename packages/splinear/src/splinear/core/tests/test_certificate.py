"""Certificates: the one definition of the relative gap and its guards."""

import numpy as np
import pytest

from splinear.core import Certificate, certify, relative_gap

ONES = np.ones(4)


def test_relative_gap_divides_by_the_null_objective():
    assert relative_gap(0.25, 2.0, ONES, ONES) == 0.125


def test_relative_gap_is_scale_free():
    y, w = np.array([1.0, -2.0, 3.0, 0.5]), np.array([1.0, 2.0, 0.5, 1.0])
    for c in (2.0**-40, 1.0, 2.0**40):
        # Powers of two scale without rounding.
        assert relative_gap(0.1 * c * c, c * c, c * y, w) == 0.1


def test_data_that_the_null_model_fits_do_not_divide_noise_by_zero():
    # Null objective 0, energy 1/2: a gap of eps^2 is far below anything that counts.
    eps = np.finfo(np.float64).eps
    assert relative_gap(eps * eps, 0.0, ONES, ONES) == 2.0 * eps
    # A gap that is no noise stays large.
    assert relative_gap(0.5, 0.0, ONES, ONES) == 1.0 / eps


def test_data_of_zeros():
    assert relative_gap(0.0, 0.0, 0.0 * ONES, ONES) == 0.0
    assert np.isfinite(relative_gap(1e-320, 0.0, 0.0 * ONES, ONES))


def test_weights_are_weights():
    y = np.array([1.0, 1.0, 3.0])
    doubled = relative_gap(1e-20, 0.0, np.array([1.0, 3.0]), np.array([2.0, 1.0]))
    assert relative_gap(1e-20, 0.0, y, np.ones(3)) == doubled


def test_certify_keeps_the_bound_beside_the_gap():
    proof = certify("bounded", objective=3.0, gap=0.5, scale=2.0)
    assert proof == Certificate("bounded", 0.5, 0.25, 2.5, 0)


def test_a_gap_of_zero_needs_no_scale():
    assert certify("exact", objective=0.0, gap=0.0, scale=0.0).relative_gap == 0.0


def test_a_search_says_how_often_it_started():
    assert certify("heuristic", 1.0, 0.1, 1.0, starts=7).starts == 7


def test_certificates_cannot_be_changed():
    proof = certify("exact", 1.0, 0.1, 1.0)
    with pytest.raises(AttributeError):
        proof.gap = 0.0  # pyright: ignore[reportAttributeAccessIssue]
