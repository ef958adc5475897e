"""Epochs, windows and whose clock to believe; the present time is an argument."""

from collections.abc import Sequence
from enum import IntEnum

from private_presence.errors import ClockError, EpochError, InputError
from private_presence.protocol.config import Config

__all__ = [
    "Kind",
    "check_clock",
    "check_window",
    "epoch_at",
    "epoch_seconds",
    "first_st",
    "lt_of_st",
    "median_skew",
    "start_of",
    "window",
]


class Kind(IntEnum):
    """Long-term records carry keys, short-term ones presence.

    Examples
    --------
    The number is the first byte of a registration:

    >>> Kind(1).name, Kind(2).name
    ('LT', 'ST')
    """

    LT = 1
    ST = 2


def _length(config: Config, kind: Kind) -> int:
    # Milliseconds.
    return config.lt_ms if kind is Kind.LT else config.st_ms


def epoch_seconds(config: Config, kind: Kind) -> float:
    """Length of an epoch.

    Parameters
    ----------
    config : Config
    kind : Kind

    Returns
    -------
    float
        Seconds.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> epoch_seconds(config, Kind.ST)
    300.0
    """
    return _length(config, kind) / 1000


def epoch_at(config: Config, kind: Kind, now: float) -> int:
    """The epoch at a time.

    Parameters
    ----------
    config : Config
    kind : Kind
    now : float
        Seconds since 1970, UTC, leap seconds ignored as POSIX does.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If the time is before 1970 or beyond 2^32 epochs.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> epoch_at(config, Kind.LT, 86_400.0), epoch_at(config, Kind.ST, 86_399.9)
    (1, 287)
    """
    # To the nearest millisecond, so that `start_of` is in its own epoch.
    epoch = round(now * 1000) // _length(config, kind)
    if not 0 <= epoch < 1 << 32:
        raise InputError("expected a time whose epoch is in 32 bits; set the clock")
    return epoch


def start_of(config: Config, kind: Kind, epoch: int) -> float:
    """The time at which an epoch starts.

    Parameters
    ----------
    config : Config
    kind : Kind
    epoch : int

    Returns
    -------
    float
        Seconds since 1970.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> start_of(config, Kind.ST, 287)
    86100.0
    >>> epoch_at(config, Kind.ST, 86_100.0)
    287
    """
    return epoch * _length(config, kind) / 1000


def window(config: Config, kind: Kind, epoch: int) -> tuple[float, float]:
    """When registrations for an epoch are accepted (4.1).

    Parameters
    ----------
    config : Config
    kind : Kind
    epoch : int

    Returns
    -------
    opens, closes : float
        The first second, and the first second that is too late.

    Examples
    --------
    From the start of the epoch before to half a minute before its own:

    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> window(config, Kind.ST, 2)
    (300.0, 570.0)
    """
    length = _length(config, kind)
    close = config.lt_close_ms if kind is Kind.LT else config.st_close_ms
    return start_of(config, kind, epoch - 1), (epoch * length - close) / 1000


def check_window(config: Config, kind: Kind, epoch: int, now: float) -> None:
    """Refuse a registration outside its window.

    Parameters
    ----------
    config : Config
    kind : Kind
    epoch : int
    now : float

    Raises
    ------
    EpochError
        If the window is not open.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> check_window(config, Kind.ST, 2, 569.9)
    >>> check_window(config, Kind.ST, 2, 570.0)
    Traceback (most recent call last):
    private_presence.errors.EpochError: ST epoch 2 takes registrations from 300.0 to
    570.0; it is 570: register for epoch 3 from 600.0 on
    """
    opens, closes = window(config, kind, epoch)
    if not opens <= now < closes:
        wanted = epoch_at(config, kind, now) + 1
        if now >= window(config, kind, wanted)[1]:
            wanted += 1  # nothing is open until the next epoch begins
        raise EpochError(
            f"{kind.name} epoch {epoch} takes registrations from {opens} to {closes}; "
            f"it is {now:.0f}: register for epoch {wanted} from "
            f"{start_of(config, kind, wanted - 1)} on"
        )


def first_st(config: Config, lt_epoch: int) -> int:
    """The first ST epoch of an LT epoch.

    Parameters
    ----------
    config : Config
    lt_epoch : int

    Returns
    -------
    int

    Examples
    --------
    >>> first_st(Config(bytes(32), (bytes(32),) * 2, bytes(32)), 100)
    28800
    """
    return lt_epoch * config.st_per_lt


def lt_of_st(config: Config, t: int) -> int:
    """The LT epoch that an ST epoch is in.

    Parameters
    ----------
    config : Config
    t : int

    Returns
    -------
    int

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> lt_of_st(config, 28_799), lt_of_st(config, 28_800)
    (99, 100)
    """
    return t // config.st_per_lt


def median_skew(now: float, theirs: Sequence[float]) -> float:
    """How far this clock is ahead of the median of R's and all servers' (F18).

    Parameters
    ----------
    now : float
    theirs : sequence of float
        One time from each; one liar among three moves nothing.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    InputError
        If there is no time to compare with.

    Examples
    --------
    >>> median_skew(100.0, [99.0, 100.0, 5000.0])
    0.0
    """
    if not theirs:
        raise InputError("expected the times of R and of the servers; got none")
    ordered = sorted(theirs)
    n = len(ordered)
    return now - (ordered[(n - 1) // 2] + ordered[n // 2]) / 2


def check_clock(config: Config, now: float, theirs: Sequence[float]) -> None:
    """Refuse to go on with a clock that is wrong.

    Parameters
    ----------
    config : Config
    now : float
    theirs : sequence of float

    Raises
    ------
    ClockError
        If the skew is larger than the deployment allows.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> check_clock(config, 100.0, [99.0, 100.0, 5000.0])
    >>> check_clock(config, 107.0, [99.0, 100.0, 5000.0])
    Traceback (most recent call last):
    private_presence.errors.ClockError: this clock may differ by 5 s from the servers'; ...
    """
    skew = median_skew(now, theirs)
    if abs(skew) * 1000 > config.skew_ms:
        raise ClockError(
            f"this clock may differ by {config.skew_ms / 1000:g} s from the servers'; "
            f"it differs by {skew:.0f} s: set it"
        )
