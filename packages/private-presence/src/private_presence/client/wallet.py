"""A client's tokens: by role and day, each sent with one body only (F12)."""

from collections.abc import Collection
from dataclasses import replace

from private_presence.client.device import Order, Purse, Wallet
from private_presence.errors import QuotaError
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import Secret

__all__ = [
    "delivered",
    "forget_days",
    "order",
    "order_of",
    "put",
    "take",
    "tokens_left",
]


def _purse(wallet: Wallet, role: int, day: int) -> Purse | None:
    found = (p for p in wallet.purses if (p.role, p.day) == (role, day))
    return next(found, None)


def tokens_left(wallet: Wallet, role: int, day: int) -> int:
    """Count the tokens that were not sent.

    Parameters
    ----------
    wallet : Wallet
    role, day : int

    Returns
    -------
    int

    Examples
    --------
    >>> tokens_left(put(Wallet(), 1, 7, [bytes(80)]), 1, 7)
    1
    """
    purse = _purse(wallet, role, day)
    return len(purse.tokens) if purse else 0


def delivered(wallet: Wallet, role: int, day: int) -> bool:
    """Say whether a day's tokens came, spent or not.

    Parameters
    ----------
    wallet : Wallet
    role, day : int

    Returns
    -------
    bool

    Examples
    --------
    >>> wallet = put(Wallet(), 1, 7, [bytes(80)])
    >>> spent, _ = take(wallet, 1, 7)
    >>> delivered(wallet, 1, 7), delivered(spent, 1, 7), delivered(wallet, 1, 8)
    (True, True, False)
    """
    return _purse(wallet, role, day) is not None


def order_of(wallet: Wallet, role: int, day: int) -> Order | None:
    """Find an order that is under way.

    Parameters
    ----------
    wallet : Wallet
    role, day : int

    Returns
    -------
    Order or None

    Examples
    --------
    >>> wallet = Wallet(orders=(Order(1, 7, Secret(bytes(32))),))
    >>> order_of(wallet, 1, 7), order_of(wallet, 1, 8)
    (Order(role=1, day=7), None)
    """
    found = (o for o in wallet.orders if (o.role, o.day) == (role, day))
    return next(found, None)


def order(wallet: Wallet, role: int, day: int, rng: Randomness) -> Wallet:
    """Prepare an order, unless it is under way; save it before it is sent.

    Parameters
    ----------
    wallet : Wallet
    role, day : int
    rng : Randomness

    Returns
    -------
    Wallet

    Examples
    --------
    A repeated order is the same one, so that its request has the same bytes:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> wallet = order(Wallet(), 1, 7, SystemRandomness())
    >>> order(wallet, 1, 7, SystemRandomness()) == wallet
    True
    >>> [wanted.day for wanted in order(wallet, 1, 8, SystemRandomness()).orders]
    [7, 8]
    """
    if order_of(wallet, role, day):
        return wallet
    fresh = Order(role, day, Secret(rng.draw(32)))
    return replace(wallet, orders=(*wallet.orders, fresh))


def put(wallet: Wallet, role: int, day: int, tokens: Collection[bytes]) -> Wallet:
    """Take a delivery; the order is closed.

    Parameters
    ----------
    wallet : Wallet
    role, day : int
    tokens : collection of bytes, 80 each
        Checked.

    Returns
    -------
    Wallet
        Unchanged if that day's tokens came before: some may be spent.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> wallet = put(order(Wallet(), 1, 7, SystemRandomness()), 1, 7, [bytes(80)])
    >>> order_of(wallet, 1, 7), tokens_left(wallet, 1, 7)
    (None, 1)
    >>> spent, _ = take(wallet, 1, 7)
    >>> tokens_left(put(spent, 1, 7, [bytes(80)]), 1, 7)  # the same delivery again
    0
    """
    if delivered(wallet, role, day):
        return wallet
    orders = tuple(o for o in wallet.orders if (o.role, o.day) != (role, day))
    fresh = Purse(role, day, tuple(Secret(token) for token in tokens))
    return Wallet(orders, (*wallet.purses, fresh))


def take(wallet: Wallet, role: int, day: int) -> tuple[Wallet, Secret]:
    """Take a token out, for one body; save the wallet before the token is sent.

    Parameters
    ----------
    wallet : Wallet
    role, day : int

    Returns
    -------
    wallet : Wallet
        Without it: a crash loses a token, and never uses it twice.
    token : Secret, 80

    Raises
    ------
    QuotaError
        If none is left.

    Examples
    --------
    >>> wallet, token = take(put(Wallet(), 1, 7, [bytes(80)]), 1, 7)
    >>> len(token), tokens_left(wallet, 1, 7)
    (80, 0)
    """
    purse = _purse(wallet, role, day)
    if purse is None or not purse.tokens:
        raise QuotaError(
            f"expected a token of role {role} for day {day}; there is none left: wait "
            "for the next day's"
        )
    token, *left = purse.tokens
    smaller = replace(purse, tokens=tuple(left))
    purses = tuple(smaller if p is purse else p for p in wallet.purses)
    return replace(wallet, purses=purses), token


def forget_days(wallet: Wallet, day: int) -> Wallet:
    """Drop orders and tokens of days that are over.

    Parameters
    ----------
    wallet : Wallet
    day : int
        The first one kept.

    Returns
    -------
    Wallet

    Examples
    --------
    >>> wallet = put(put(Wallet(), 1, 6, [bytes(80)]), 1, 7, [bytes(80)])
    >>> wallet = forget_days(wallet, 7)
    >>> tokens_left(wallet, 1, 6), tokens_left(wallet, 1, 7)
    (0, 1)
    """
    orders = tuple(o for o in wallet.orders if o.day >= day)
    return Wallet(orders, tuple(p for p in wallet.purses if p.day >= day))
