"""Dates survive as numbers to the microsecond, zones become UTC."""

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from splinear.univariate.dates import (
    are_dates,
    parse_dates,
    show_date,
    to_dates,
    to_days,
)

# Doubles are at most 0.64 microseconds apart up to 65 536 days from 1970 (year 2149).
MOMENTS = st.datetimes(datetime.datetime(1800, 1, 1), datetime.datetime(2149, 1, 1))


@given(st.lists(MOMENTS, min_size=1))
def test_days_and_back(moments):
    array = np.array(moments, dtype="datetime64[us]")
    assert_array_equal(to_dates(to_days(array)), array)
    assert_array_equal(to_days(np.array(moments, dtype=object)), to_days(array))


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_zones_become_utc(moment, minutes):
    zone = datetime.timezone(datetime.timedelta(minutes=minutes))
    zoned = moment.replace(tzinfo=datetime.UTC).astimezone(zone)
    days = to_days(np.array([zoned], dtype=object))
    assert_array_equal(to_dates(days), np.array([moment], dtype="datetime64[us]"))


@given(MOMENTS)
def test_iso_text_is_read(moment):
    expected = np.array([moment], dtype="datetime64[us]")
    assert_array_equal(parse_dates([moment.isoformat()]), expected)


@given(MOMENTS)
def test_what_is_shown_is_the_nearest_second(moment):
    shown = parse_dates([show_date(float(to_days(np.array([moment], "M8[us]"))[0]))])
    away = abs(shown[0] - np.datetime64(moment, "us"))
    assert away <= np.timedelta64(500_001, "us")


@pytest.mark.parametrize("unit", ["Y", "M", "D", "h", "s", "ms", "us", "ns"])
def test_every_unit_of_numpy(unit):
    assert to_days(np.array(["1971-01-01"], dtype=f"datetime64[{unit}]"))[0] == 365.0


def test_whole_days_are_whole_numbers():
    days = np.arange("1900-01-01", "2100-01-01", dtype="datetime64[D]")
    assert_array_equal(np.diff(to_days(days)), 1.0)


def test_years_beyond_pythons_are_shown():
    assert show_date(4e6).startswith("12921-")


@pytest.mark.parametrize("values", [[1.0], ["2020-01-01"], []])
def test_what_is_no_date(values):
    assert not are_dates(np.asarray(values))


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        (np.array(["NaT"], dtype="datetime64[s]"), "NaT at position 0"),
        (np.array([datetime.date(2020, 1, 1), None]), "NaT at position 1"),
        (
            np.array(
                [datetime.datetime(2020, 1, 1), datetime.datetime.now(datetime.UTC)]
            ),
            "all have a zone or all have none",
        ),
    ],
)
def test_incomplete_dates_are_refused(dates, words):
    with pytest.raises(ValueError, match=words):
        to_days(dates)
