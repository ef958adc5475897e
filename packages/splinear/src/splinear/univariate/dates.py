"""Dates as numbers: days since 1970-01-01, and back for people to read.

Zoned times become UTC; times without a zone are taken as they are.  A float64 day
of our time resolves better than a microsecond; finer differences are lost.
"""

import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

MICROSECONDS = 86_400_000_000  # per day
_EPOCH = datetime.datetime(1970, 1, 1)


def are_dates(array: NDArray[Any]) -> bool:
    """Whether the entries are dates: numpy's datetime64, or Python's date objects.

    Examples
    --------
    >>> are_dates(np.array(["2020-01-01"], dtype="datetime64[D]"))
    True
    """
    if array.dtype.kind == "O" and array.size:
        return isinstance(array.flat[0], datetime.date)
    return array.dtype.kind == "M"


def to_days(array: NDArray[Any]) -> Vector:
    """Days since 1970-01-01 (UTC for zoned times) as float64, in the same shape.

    Raises
    ------
    ValueError
        If a date is missing, or zoned and unzoned times are mixed.

    Examples
    --------
    >>> to_days(np.array(["1970-01-02T12"], dtype="datetime64[h]"))
    array([1.5])
    """
    if array.dtype.kind == "O":
        moments = [_naive(value, array.flat[0]) for value in array.flat]
        array = np.array(moments, dtype="datetime64[us]").reshape(array.shape)
    missing = np.flatnonzero(np.isnat(array))
    if missing.size:
        raise ValueError(
            f"dates must not be missing; got NaT at position {missing[0]} "
            f"({missing.size} such entries): drop these rows first"
        )
    # Whole days apart from the rest, so that days themselves are exact.
    days = array.astype("datetime64[D]")
    rest = (array - days) / np.timedelta64(1, "D")
    return days.astype(np.int64).astype(np.float64) + rest


def _naive(value: Any, first: Any) -> Any:
    if not isinstance(value, datetime.date):  # None, NaN, or a stranger among dates
        return np.datetime64("NaT")
    if not isinstance(value, datetime.datetime):
        return np.datetime64(value)
    zoned = value.tzinfo is not None
    if zoned != (getattr(first, "tzinfo", None) is not None):
        raise ValueError(
            f"times must all have a zone or all have none; got {first} and {value}"
        )
    if zoned:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return np.datetime64(value, "us")


def to_dates(days: Any) -> NDArray[np.datetime64]:
    """Undo `to_days`, to the microsecond.

    Examples
    --------
    >>> to_dates([1.5])
    array(['1970-01-02T12:00:00.000000'], dtype='datetime64[us]')
    """
    days = np.asarray(days, dtype=np.float64)
    whole = np.floor(days)
    rest = np.rint((days - whole) * MICROSECONDS).astype(np.int64)
    return (whole.astype(np.int64) * MICROSECONDS + rest).astype("datetime64[us]")


def show_date(day: float) -> str:
    """Write a day for people: the date alone at midnight, else with minutes or seconds.

    Examples
    --------
    >>> show_date(0.5), show_date(1.0), show_date(0.5 + 30 / 86400)
    ('1970-01-01 12:00', '1970-01-02', '1970-01-01 12:00:30')
    """
    whole = float(np.floor(day))
    seconds = round((day - whole) * 86_400)
    try:
        moment = _EPOCH + datetime.timedelta(days=whole, seconds=seconds)
    except OverflowError:  # beyond year 9999: numpy still knows it
        return str(to_dates(day).astype("datetime64[s]"))
    if seconds % 86_400 == 0:
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%d %H:%M:%S}" if seconds % 60 else f"{moment:%Y-%m-%d %H:%M}"


def parse_dates(cells: list[str]) -> NDArray[np.datetime64] | None:
    """Read ISO 8601 dates or times; None if the first cell is none.

    Raises
    ------
    ValueError
        If a later cell is no ISO date; the message names its position.

    Examples
    --------
    >>> parse_dates(["2020-02-29", "2020-03-01T06:00:00+06:00"])
    Traceback (most recent call last):
    ...
    ValueError: times must all have a zone or all have none; ...
    >>> parse_dates(["2020-03-01T06:00+06:00"])
    array(['2020-03-01T00:00:00.000000'], dtype='datetime64[us]')
    >>> parse_dates(["3.5"]) is None
    True
    """
    moments: list[Any] = []
    for position, cell in enumerate(cells):
        try:
            moments.append(datetime.datetime.fromisoformat(cell))
        except ValueError:
            if position == 0:
                return None
            raise ValueError(
                f"{cell!r} is no ISO date (as in 2024-05-31 or 2024-05-31T12:00), "
                f"unlike the first, {cells[0]!r}"
            ) from None
    if not moments:
        return None
    values = [_naive(moment, moments[0]) for moment in moments]
    return np.array(values, dtype="datetime64[us]")
