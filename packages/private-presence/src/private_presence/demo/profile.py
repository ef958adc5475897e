"""The constants of the demo: a day in eight seconds, a short epoch in two."""

import time
from collections.abc import Callable

from private_presence.errors import ConfigError
from private_presence.protocol.config import Config

__all__ = ["CONSTANTS", "check_profile", "constants", "is_busy"]

# Friends and buckets are those of a real deployment: so are the bytes of a lookup.
CONSTANTS = {
    "lt_ms": 8_000,
    "st_ms": 2_000,
    "lt_close_ms": 1_500,
    "st_close_ms": 450,
    # HTTP tells a clock in whole seconds, so that less than this could not be seen.
    "skew_ms": 1_900,
    "retain": 3,
}
PART = 4  # every delta is below this part of its epoch
BUSY_PACE = 1.5  # all times are longer by this on a machine that is busy or slow
BUSY_LOAD = 2.5
PROBE_SECONDS = 0.2
BUSY_BELOW = 400  # steps a second: an idle core of a server makes a thousand


def constants(*, busy: bool) -> dict[str, int]:
    """Choose the constants for a machine.

    Parameters
    ----------
    busy : bool
        Whether everything is to take half as long again.

    Returns
    -------
    dict
        Fields of `Config`.

    Examples
    --------
    >>> constants(busy=True)["lt_ms"], constants(busy=False)["lt_ms"]
    (12000, 8000)
    """
    pace = BUSY_PACE if busy else 1.0
    return {
        name: round(pace * value) if name.endswith("_ms") else value
        for name, value in CONSTANTS.items()
    }


def is_busy(
    step: Callable[[], object],
    load: float,
    clock: Callable[[], float] = time.perf_counter,
) -> bool:
    """Find out whether this machine has little to spare.

    Parameters
    ----------
    step : callable
        A pairing, or what takes as long; done for a moment, to see how fast it goes.
    load : float
        Processes that want a core, for each core that there is (`os.getloadavg`).  A
        burst of work is served soon on a machine that is full; a dozen processes that
        wait for each other are not.
    clock : callable
        Seconds.

    Returns
    -------
    bool

    Examples
    --------
    By a clock that goes on a millisecond each time it is read:

    >>> from itertools import count
    >>> times = (n / 1000 for n in count())
    >>> is_busy(lambda: None, 1.0, lambda: next(times))
    False
    >>> is_busy(lambda: None, 3.0)
    True
    """
    if load > BUSY_LOAD:
        return True
    begin, done = clock(), 0
    while clock() - begin < PROBE_SECONDS:
        step()
        done += 1
    return done < BUSY_BELOW * (clock() - begin)


def check_profile(config: Config) -> None:
    """Refuse constants under which epochs would run into each other.

    Parameters
    ----------
    config : Config

    Raises
    ------
    ConfigError
        If the end of a window or a clock's error is a quarter of its epoch or more.

    Examples
    --------
    >>> key = bytes(32)
    >>> check_profile(Config(key, (key, key), key, **CONSTANTS))
    >>> check_profile(Config(key, (key, key), key, st_ms=2000, st_close_ms=500))
    Traceback (most recent call last):
    private_presence.errors.ConfigError: st_close is to be below 500 ms, ...
    """
    deltas = {
        "lt_close": (config.lt_close_ms, config.lt_ms),
        "st_close": (config.st_close_ms, config.st_ms),
        "skew": (config.skew_ms, config.lt_ms),
    }
    for name, (delta, epoch) in deltas.items():
        if not 0 < PART * delta < epoch:
            raise ConfigError(
                f"{name} is to be below {epoch // PART} ms, a quarter of its epoch; got "
                f"{delta}: choose a shorter one"
            )
