"""Quotas: how many tokens an account gets a day, and that each is used once (F12)."""

from dataclasses import dataclass, field

from private_presence.errors import InputError, QuotaError, SpentError
from private_presence.primitives.curve import G2Point
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.tokens import (
    BlindedToken,
    Role,
    TokenKey,
    blind,
    check_token,
    issue,
    unblind,
)
from private_presence.protocol.config import Config

__all__ = ["Ledger", "SpentSet", "daily_batch", "finish_batch", "quota"]

LT_PER_DAY, ST_PER_DAY = 2, 300  # for each circle


def quota(config: Config, role: int) -> int:
    """Tokens of a role for one account and day.

    The whole batch is fetched every day, used or not: its size says nothing.

    Parameters
    ----------
    config : Config
    role : int

    Returns
    -------
    int
        C times 2 for LT and 300 for ST registrations (F17); a day's lookups and one
        full walk over the retained tables for each lookup server.

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
    if role == Role.REGISTER_LT:
        return config.circles * LT_PER_DAY
    if role == Role.REGISTER_ST:
        return config.circles * ST_PER_DAY
    if Role.LOOKUP <= role < Role.LOOKUP + len(config.servers):
        return ST_PER_DAY + 2 * LT_PER_DAY + config.retain
    raise InputError(f"no role {role} in this deployment")


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
    """
    return [
        blind(role, day, bytes(rng.draw(32)), rng) for _ in range(quota(config, role))
    ]


def finish_batch(
    batch: list[BlindedToken], signed: list[bytes], role: int, day: int, public: G2Point
) -> list[bytes]:
    """Unblind and check a day's tokens, every one of them.

    Parameters
    ----------
    batch : list of BlindedToken
    signed : list of bytes
        As many, in the same order.
    role : int
    day : int
    public : G2Point

    Returns
    -------
    list of bytes

    Raises
    ------
    InputError
        If their numbers differ.
    """
    if len(batch) != len(signed):
        raise InputError(f"expected {len(batch)} signed tokens; got {len(signed)}")
    pairs = zip(batch, signed, strict=True)
    return [unblind(token, answer, role, day, public) for token, answer in pairs]


@dataclass
class Ledger:
    """The issuer's record: which account had its batch of a day and role."""

    config: Config
    issued: set[tuple[str, int, int]] = field(default_factory=set, repr=False)

    def issue(
        self, account: str, role: int, day: int, key: TokenKey, messages: list[bytes]
    ) -> list[bytes]:
        """Sign one account's batch.

        Parameters
        ----------
        account : str
            Already authenticated.
        role : int
        day : int
        key : TokenKey
            Of this role and day.
        messages : list of bytes
            Exactly the quota.

        Returns
        -------
        list of bytes

        Raises
        ------
        QuotaError
            If the batch has another size, or was issued before.
        """
        expected = quota(self.config, role)
        if len(messages) != expected:
            raise QuotaError(f"a batch has {expected} tokens; got {len(messages)}")
        if (account, role, day) in self.issued:
            raise QuotaError(
                "this account had its tokens of the day: wait for the next"
            )
        signed = [issue(key, message) for message in messages]
        self.issued.add((account, role, day))
        return signed


@dataclass
class SpentSet:
    """Tokens of one key that were redeemed, over all epochs until it expires (F12)."""

    role: int
    day: int
    public: G2Point
    spent: set[bytes] = field(default_factory=set, repr=False)

    def spend(self, token: bytes) -> None:
        """Check a token and mark it as used.

        Parameters
        ----------
        token : bytes, 80

        Raises
        ------
        SpentError
            If it was used before, in whichever epoch.
        """
        t = check_token(token, self.role, self.day, self.public)
        if t in self.spent:
            raise SpentError("this token was redeemed before: use another one")
        self.spent.add(t)
