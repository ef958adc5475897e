"""Taking an LT record back while its table is open (F21)."""

from private_presence.errors import StateError
from private_presence.primitives.blinding import blind_signing
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.ratchet import step_rk
from private_presence.protocol.circle import Circle
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.messages import encode_withdrawal, make_withdrawal
from private_presence.protocol.records import place

__all__ = ["withdraw_lt"]


def withdraw_lt(circle: Circle, config: Config, rng: Randomness) -> bytes:
    """Take back the record on its way, before the freeze (F21).

    For an exclusion that cannot wait: it goes into the record of the epoch after, and
    the user stays invisible until then.  The record stays pending; that it was not
    published comes out when it is looked up.

    Parameters
    ----------
    circle : Circle
    config : Config
    rng : Randomness

    Returns
    -------
    bytes
        As long as the registration.

    Raises
    ------
    StateError
        If nothing is on its way.

    Examples
    --------
    By its length it could be a registration:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.messages import decode_body, verify_withdrawal
    >>> from private_presence.protocol.publish_lt import prepare_lt
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> circle = prepare_lt(new_circle(101, rng), config, 101, rng)
    >>> body = withdraw_lt(circle, config, rng)
    >>> verify_withdrawal(config, decode_body(config, body))
    >>> len(body) == len(circle.pending.body)
    True
    """
    pending = circle.pending
    if pending is None:
        raise StateError("no LT record is on its way: there is nothing to withdraw")
    rk = step_rk(circle.rk, circle.epoch, pending.epoch)
    public = circle.signing.public
    where = place(config.dep_id, Kind.LT, public, rk, pending.epoch)
    key = blind_signing(circle.signing, where.factor)
    message = make_withdrawal(config, Kind.LT, pending.epoch, key, rng)
    return encode_withdrawal(config, message)
