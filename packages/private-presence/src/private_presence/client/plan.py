"""What a client sends and when: a function of the clock and of itself alone (F4).

No function here takes a friend, a record, an exclusion or an alarm.  A plan is drawn
for one epoch when it begins, from a stream that nothing else reads; repeats of a failed
exchange have their times in it too, so that whoever makes an exchange fail learns what
everybody could have known before.

::

    long-term epoch   |m| keys |today's tokens| lookups | repeats |  registration ... |
                      start     (first day)    <- first span ->    tomorrow's tokens,
                                                keys and today's tokens once more,
                                                lookups again and again (if they failed)
    short-term epoch  |m|  lookup  |  repeats  |     and a registration in its window
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from private_presence.client.stream import SeedStream
from private_presence.primitives.kdf import u32
from private_presence.primitives.randomness import Randomness, below
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, first_st, lt_of_st, start_of, window
from private_presence.protocol.quota import roles
from private_presence.protocol.schedule import is_audit, lt_lookups

__all__ = ["REPEATS", "Action", "Step", "first_span", "patience", "plan_lt", "plan_st"]

REPEATS = 2  # of an exchange that failed; a day's lookups have later ones (`_tries`)
MOST_AUDITS = 3  # before one lookup
LATE = 8  # the last eighth of a window is left to those whose network is slow
APART = 60  # of a first span, at least, are between the lookups of a walk
SOON = 4  # first spans within which who came late registers: an evening may be short
LONGEST_WAIT = 30.0  # seconds for one exchange


class Action(Enum):
    """What a step does.

    Examples
    --------
    Its value is the word under which an outcome is noted:

    >>> Action.REGISTER.value, Action("lookup").name
    ('register', 'LOOKUP')
    """

    KEYS = "keys"  # manifests of an LT epoch and of the one before
    TOKENS = "tokens"
    REGISTER = "register"
    LOOKUP = "lookup"


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Parameters
    ----------
    when : float
        Seconds since 1970.
    action : Action
    kind : Kind
    epoch : int
        That is looked up or registered for; the day of tokens.
    index : int
        Of the circle, or the tokens' role.
    audit : bool
        Whether a lookup is replaced by an audit batch (F14).
    repeats : tuple of float
        When the same bytes go out again, should the exchange have failed: `REPEATS` times
        soon, and a day's lookups later on too.

    Examples
    --------
    A registration of circle 0 for short-term epoch 28 806, in its window:

    >>> step = Step(8_641_600.0, Action.REGISTER, Kind.ST, 28_806)
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> opens, closes = window(config, step.kind, step.epoch)
    >>> opens <= step.when < closes, step.index
    (True, 0)
    """

    when: float
    action: Action
    kind: Kind
    epoch: int
    index: int = 0
    audit: bool = False
    repeats: tuple[float, ...] = ()


def first_span(config: Config) -> float:
    """The time over which clients spread what an LT epoch's start brings.

    Parameters
    ----------
    config : Config

    Returns
    -------
    float
        Seconds: a 96th of the epoch, or half a short epoch if that is longer.

    Examples
    --------
    >>> first_span(Config(bytes(32), (bytes(32),) * 2, bytes(32)))
    900.0
    """
    return max(config.lt_ms / 96, config.st_ms / 2) / 1000


def patience(config: Config) -> float:
    """How long one exchange may take before it counts as failed.

    Parameters
    ----------
    config : Config

    Returns
    -------
    float
        Seconds: a quarter of a short epoch, at most 30.

    Examples
    --------
    >>> patience(Config(bytes(32), (bytes(32),) * 2, bytes(32)))
    30.0
    """
    return min(config.st_ms / 4000, LONGEST_WAIT)


def plan_lt(
    config: Config, epoch: int, begin: float, last_lt: int, seed: bytes
) -> list[Step]:
    """Draw the steps of an LT epoch.

    Parameters
    ----------
    config : Config
    epoch : int
    begin : float
        Its start, or when this client came back.
    last_lt : int
        The LT epoch of this client's own last complete lookup.
    seed : bytes, 32

    Returns
    -------
    list of Step
        By time.

    Examples
    --------
    Who was here yesterday; and who comes back at noon, after a week:

    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> start = start_of(config, Kind.LT, 100)
    >>> def looked_up(steps):
    ...     return sorted({s.epoch for s in steps if s.action is Action.LOOKUP})
    >>> looked_up(plan_lt(config, 100, start, 99, bytes(32)))
    [99, 100]
    >>> looked_up(plan_lt(config, 100, start + 43_200.0, 93, bytes(32)))
    [94, 95, 96, 97, 98, 99, 100]
    """
    rng = SeedStream(seed, b"lt" + u32(epoch))
    late = begin > start_of(config, Kind.LT, epoch)
    # Tables appear shortly after the start; who came late need not wait for them.
    base = begin if late else begin + first_span(config) / LATE
    steps = _first_day(config, epoch, base, rng)
    again = base + 2 * first_span(config)  # for those whom the first time failed
    if again + first_span(config) < start_of(config, Kind.LT, epoch + 1):
        steps += _first_day(config, epoch, again, rng)
    todo = _todo(config, epoch, last_lt, rng)
    span = _lookup_span(config, base, len(todo), late=late)
    # Registered after one's own record was looked up: the next one builds on it (F3).
    ready = span[1] + first_span(config) / 2
    end = _end_of_late(config, epoch + 1, ready) if late else None
    steps += _registrations(config, Kind.LT, epoch + 1, ready, rng, end)
    steps += _tokens_tomorrow(config, epoch, base, rng)
    tries = _tries(config, epoch, base, span[1])
    steps += _lt_lookups(config, todo, span, tries, rng)
    return sorted(steps, key=lambda step: step.when)


def _first_day(config: Config, day: int, base: float, rng: Randomness) -> list[Step]:
    return _keys(config, day, base, rng) + _tokens_today(config, day, base, rng)


def _keys(config: Config, epoch: int, base: float, rng: Randomness) -> list[Step]:
    s = first_span(config)
    when = _between(rng, base, base + s / 16)
    repeats = _times(rng, REPEATS, base + s / 16, base + s / 8)
    return [Step(when, Action.KEYS, Kind.LT, epoch, repeats=repeats)]


def _tokens_today(config: Config, day: int, base: float, rng: Randomness) -> list[Step]:
    # Of use on the first day only: on others they were fetched the day before.
    s = first_span(config)
    return _tokens(config, day, (base + s / 8, base + s / 4, base + s / 2), rng)


def _tokens_tomorrow(
    config: Config, epoch: int, base: float, rng: Randomness
) -> list[Step]:
    day = start_of(config, Kind.LT, epoch + 1) - start_of(config, Kind.LT, epoch)
    end = start_of(config, Kind.LT, epoch + 1) - day / LATE
    begin = base + first_span(config)
    if begin >= end:
        return []
    times = begin, begin + (end - begin) * 3 / 4, end
    return _tokens(config, epoch + 1, times, rng)


def _tokens(
    config: Config, day: int, times: tuple[float, float, float], rng: Randomness
) -> list[Step]:
    begin, middle, end = times
    return [
        Step(
            _between(rng, begin, middle),
            Action.TOKENS,
            Kind.LT,
            day,
            role,
            repeats=_times(rng, REPEATS, middle, end),
        )
        for role in roles(config)
    ]


def _lookup_span(
    config: Config, base: float, n: int, *, late: bool
) -> tuple[float, float]:
    # Whoever came late may have to fetch tokens first.
    s = first_span(config)
    begin, end = (base + s / 2, base + s) if late else (base + s / LATE, base + s / 2)
    return begin, end + min((n - 1) * s / APART, s * 3 / 4)


def _tries(
    config: Config, epoch: int, base: float, end: float
) -> list[tuple[float, float]]:
    # When lookups that failed are repeated: twice soon, and then, for a day is long, at
    # distances that double, the first time after keys and tokens once more.
    s = first_span(config)
    found = [(end, end + s / 4), (end + s / 4, end + s / 2)]
    away = s * 5 / 2
    while base + away + s / 2 < start_of(config, Kind.LT, epoch + 1):
        found.append((base + away, base + away + s / 2))
        away *= 2
    return found


def _todo(
    config: Config, epoch: int, last_lt: int, rng: Randomness
) -> list[tuple[int, bool]]:
    # An audit comes before the lookup that it stands for, which is not left out: a
    # transition that is not looked up would keep its owner invisible for a day.
    wanted: Sequence[int] = lt_lookups(config, epoch, min(last_lt, epoch))
    return [(target, audit) for target in wanted for audit in (*_audits(rng), False)]


def _lt_lookups(
    config: Config,
    todo: list[tuple[int, bool]],
    span: tuple[float, float],
    tries: list[tuple[float, float]],
    rng: Randomness,
) -> list[Step]:
    times = _in_turn(config, rng, len(todo), *span)
    rounds = [_in_turn(config, rng, len(todo), *again) for again in tries]
    return [
        Step(when, Action.LOOKUP, Kind.LT, target, audit=audit, repeats=repeats)
        for (target, audit), when, repeats in zip(
            todo, times, zip(*rounds, strict=True), strict=True
        )
    ]


def _audits(rng: Randomness) -> list[bool]:
    found: list[bool] = []
    while len(found) < MOST_AUDITS and is_audit(rng):
        found.append(True)
    return found


def _end_of_late(config: Config, epoch: int, ready: float) -> float:
    # Who is here for a part of the day is perhaps gone at a time drawn from all of it;
    # and who always comes in its last eighth would never be seen.
    _, closes = window(config, Kind.LT, epoch)
    return min(ready + SOON * first_span(config), closes - patience(config))


def _registrations(
    config: Config,
    kind: Kind,
    epoch: int,
    ready: float,
    rng: Randomness,
    end: float | None = None,
) -> list[Step]:
    opens, closes = window(config, kind, epoch)
    begin = max(opens, ready)
    end = closes - (closes - opens) / LATE if end is None else end
    if begin >= end:
        return []
    steps = []
    for circle in range(config.circles):
        when = _between(rng, begin, end)
        repeats = _times(rng, REPEATS, when, end)
        steps.append(Step(when, Action.REGISTER, kind, epoch, circle, repeats=repeats))
    return steps


def plan_st(config: Config, t: int, begin: float, seed: bytes) -> list[Step]:
    """Draw the steps of an ST epoch: its lookup, and registrations for the next one.

    Parameters
    ----------
    config : Config
    t : int
    begin : float
        Its start, or when this client came back.
    seed : bytes, 32

    Returns
    -------
    list of Step
        By time.

    Examples
    --------
    A lookup in the first half, and a registration for the next epoch:

    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> start = start_of(config, Kind.ST, 28_805)
    >>> steps = plan_st(config, 28_805, start, bytes(32))
    >>> sorted((step.action.value, step.epoch) for step in steps)
    [('lookup', 28805), ('register', 28806)]
    >>> [s.when < start + 150.0 for s in steps if s.action is Action.LOOKUP]
    [True]
    """
    rng = SeedStream(seed, b"st" + u32(t))
    ready = max(begin, _after_lookup(config, t))
    steps = _registrations(config, Kind.ST, t + 1, ready, rng)
    start, length = start_of(config, Kind.ST, t), config.st_ms / 1000
    first, half = max(begin, start + length / 16), start + length / 2
    audit = is_audit(rng)
    if first < half:
        when = _between(rng, first, half)
        repeats = _times(rng, REPEATS, half, start + length * 3 / 4)
        steps.append(
            Step(when, Action.LOOKUP, Kind.ST, t, audit=audit, repeats=repeats)
        )
    return sorted(steps, key=lambda step: step.when)


def _after_lookup(config: Config, t: int) -> float:
    # In the first ST epoch of a day everybody registers after the LT lookup, where
    # that leaves time: before it one's own keys are not known to be published.
    start = start_of(config, Kind.ST, t)
    if t != first_st(config, lt_of_st(config, t)):
        return start
    base = start + first_span(config) / LATE
    ready = _lookup_span(config, base, 2, late=False)[1]
    return ready if ready - start < config.st_ms / 2000 else start


def _between(rng: Randomness, begin: float, end: float) -> float:
    # A uniformly random tenth of a millisecond.
    return begin + below(rng, max(round((end - begin) * 10_000), 1)) / 10_000


def _times(rng: Randomness, n: int, begin: float, end: float) -> tuple[float, ...]:
    return tuple(sorted(_between(rng, begin, end) for _ in range(n)))


def _in_turn(
    config: Config, rng: Randomness, n: int, begin: float, end: float
) -> tuple[float, ...]:
    # What one lookup of a walk finds decides for what the next one asks, so there is
    # time between them for an answer.  Waiting for it instead would show how long its
    # owner needs to open it, and with that how many friends she has (F4).
    gap = min(first_span(config) / APART, (end - begin) / (2 * n))
    times = _times(rng, n, begin, end - (n - 1) * gap)
    return tuple(when + i * gap for i, when in enumerate(times))
