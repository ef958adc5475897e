"""When a client speaks: a function of the clock and of itself, never of friends (F4).

Nothing here takes a friend, a result or an alarm as argument; that is the property.
"""

from private_presence.errors import InputError
from private_presence.primitives.randomness import Randomness, below
from private_presence.protocol.config import Config

__all__ = ["AUDIT_ONE_IN", "is_audit", "lt_lookups"]

AUDIT_ONE_IN = 32


def lt_lookups(config: Config, now_epoch: int, last_complete: int) -> list[int]:
    """The LT epochs to look up, in order, each with a batch of full size (F4).

    Parameters
    ----------
    config : Config
    now_epoch : int
    last_complete : int
        The LT epoch of this client's own last complete lookup.

    Returns
    -------
    list of int
        ``min(now_epoch - last_complete, RETAIN)`` epochs up to now, and always the one
        before now, so that one deferred or damaged answer cannot lose a transition.

    Raises
    ------
    InputError
        If the last lookup lies ahead: the clock went back.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> lt_lookups(config, 100, 99), lt_lookups(config, 100, 96)
    ([99, 100], [97, 98, 99, 100])
    """
    gap = now_epoch - last_complete
    if gap < 0:
        raise InputError(
            f"the last lookup was in epoch {last_complete}, now it is {now_epoch}: "
            "set the clock"
        )
    first = now_epoch - max(min(gap, config.retain) - 1, 1)
    return list(range(max(first, 0), now_epoch + 1))


def is_audit(rng: Randomness) -> bool:
    """Say whether this lookup is replaced by an audit batch (F14).

    Parameters
    ----------
    rng : Randomness

    Returns
    -------
    bool
        True once in 32 times, independent of everything.

    Examples
    --------
    Of the 256 values of one random byte, eight are audits:

    >>> from types import SimpleNamespace
    >>> draws = [lambda n, b=b: bytes([b]) for b in range(256)]
    >>> sum(is_audit(SimpleNamespace(draw=draw)) for draw in draws)
    8
    """
    return below(rng, AUDIT_ONE_IN) == 0
