"""Quotas: how many tokens an account gets a day, and that each is used once (F12)."""

from typing import Protocol

from private_presence.errors import InputError, SpentError
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import equal
from private_presence.primitives.tokens import (
    BlindedToken,
    Role,
    blind,
)
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, epoch_at, lt_of_st

__all__ = [
    "SpentTokens",
    "daily_batch",
    "day_of_registration",
    "days_of_lookup",
    "mark_spent",
    "quota",
    "roles",
]

LT_PER_DAY = 2  # for each circle
SPARE = 24  # one ST token in 24 more than there are ST epochs in a day


def quota(config: Config, role: int) -> int:
    """Tokens of a role for one account and day; a day is an LT epoch.

    The whole batch is fetched every day, used or not: its size says nothing.

    Parameters
    ----------
    config : Config
    role : int

    Returns
    -------
    int
        C times 2 for LT; C times the ST epochs of a day, and a 24th more, for ST (F17);
        a day's lookups and one full walk over the retained tables for each lookup
        server.

    Raises
    ------
    InputError
        If the role is unknown.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> quota(config, Role.REGISTER_LT), quota(config, Role.REGISTER_ST)
    (2, 300)
    """
    per_day = config.st_per_lt + -(-config.st_per_lt // SPARE)
    if role == Role.REGISTER_LT:
        return config.circles * LT_PER_DAY
    if role == Role.REGISTER_ST:
        return config.circles * per_day
    if Role.LOOKUP <= role < Role.LOOKUP + len(config.servers):
        return per_day + 2 * LT_PER_DAY + config.retain
    raise InputError(f"no role {role} in this deployment")


def roles(config: Config) -> tuple[int, ...]:
    """The token roles of a deployment, in the order of a manifest's keys.

    Parameters
    ----------
    config : Config

    Returns
    -------
    tuple of int

    Examples
    --------
    >>> roles(Config(bytes(32), (bytes(32),) * 2, bytes(32)))
    (1, 2, 16, 17)
    """
    lookups = (Role.LOOKUP + i for i in range(len(config.servers)))
    return (int(Role.REGISTER_LT), int(Role.REGISTER_ST), *lookups)


def day_of_registration(config: Config, kind: Kind, epoch: int) -> int:
    """The day whose tokens pay for a registration: that of its window.

    Parameters
    ----------
    config : Config
    kind : Kind
    epoch : int

    Returns
    -------
    int

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> (
    ...     day_of_registration(config, Kind.LT, 5),
    ...     day_of_registration(config, Kind.ST, 288),
    ... )
    (4, 0)
    """
    return epoch - 1 if kind is Kind.LT else lt_of_st(config, epoch - 1)


def days_of_lookup(config: Config, now: float) -> range:
    """The days whose tokens a lookup server takes at a time.

    Parameters
    ----------
    config : Config
    now : float
        The server's clock.

    Returns
    -------
    range
        One day, or two while the clocks of clients may be in another.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> [*days_of_lookup(config, 86_402.0)], [*days_of_lookup(config, 90_000.0)]
    ([0, 1], [1])
    """
    skew = config.skew_ms / 1000
    first = epoch_at(config, Kind.LT, max(now - skew, 0.0))
    return range(first, epoch_at(config, Kind.LT, now + skew) + 1)


def daily_batch(
    config: Config, role: int, day: int, rng: Randomness
) -> list[BlindedToken]:
    """Blind a full day's tokens.

    Parameters
    ----------
    config : Config
    role : int
    day : int
    rng : Randomness

    Returns
    -------
    list of BlindedToken
        Their messages go to the issuer.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> batch = daily_batch(config, Role.REGISTER_LT, 100, SystemRandomness())
    >>> [len(token.message) for token in batch]
    [48, 48]
    """
    return [
        blind(role, day, bytes(rng.draw(32)), rng) for _ in range(quota(config, role))
    ]


class SpentTokens(Protocol):
    """Where redeemed tokens are kept: a dictionary, or something durable.

    Examples
    --------
    >>> spent: SpentTokens = {}
    >>> mark_spent(spent, bytes(32), b"h" * 32)
    >>> spent.get(bytes(32)) == b"h" * 32
    True
    """

    def get(self, t: bytes, /) -> bytes | None:
        """Return the hash of the body that a token paid for, or None."""
        ...

    def __setitem__(self, t: bytes, body_hash: bytes, /) -> None:
        """Note what a token paid for; on disk when this returns."""
        ...


def mark_spent(spent: SpentTokens, t: bytes, body_hash: bytes) -> None:
    """Mark a token that was checked already.

    Parameters
    ----------
    spent : SpentTokens
    t : bytes, 32
    body_hash : bytes, 32

    Raises
    ------
    SpentError
        If it paid for another body.

    Examples
    --------
    >>> spent: SpentTokens = {}
    >>> mark_spent(spent, bytes(32), b"a" * 32)
    >>> mark_spent(spent, bytes(32), b"a" * 32)  # the same body once more
    >>> mark_spent(spent, bytes(32), b"b" * 32)
    Traceback (most recent call last):
    private_presence.errors.SpentError: this token was redeemed before: use another one
    """
    before = spent.get(t)
    if before is None:
        spent[t] = body_hash
    elif not equal(before, body_hash):
        raise SpentError("this token was redeemed before: use another one")
