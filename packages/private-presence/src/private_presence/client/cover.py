"""A record of nobody: sent where a real one cannot be built (F4, F14).

Whether the registrar hears from a client must not depend on what a lookup held.  A
client whose own record could not be confirmed, or whom an exclusion keeps invisible,
registers a record of a fresh key instead: of the same size, with the same token, and
readable by nobody at all.
"""

from private_presence.primitives.blinding import (
    SIGNATURE_SIZE,
    record_message,
    sign,
    signing_key,
)
from private_presence.primitives.randomness import Randomness
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.messages import (
    encode_registration,
    registration_of,
    value_size,
)

__all__ = ["cover_body"]


def cover_body(config: Config, kind: Kind, epoch: int, rng: Randomness) -> bytes:
    """Build a registration that is valid and says nothing.

    Parameters
    ----------
    config : Config
    kind : Kind
    epoch : int
    rng : Randomness
        A real record's key, ciphertext and signature look as random as this.

    Returns
    -------
    bytes
        As long as a real one.

    Examples
    --------
    Of the size of a real one, and of a fresh key each time:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.messages import decode_body
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> bodies = [
    ...     cover_body(config, Kind.LT, 101, SystemRandomness()) for _ in range(2)
    ... ]
    >>> [len(body) for body in bodies], config.lt_size
    ([613, 613], 613)
    >>> len({decode_body(config, body).public for body in bodies})
    2
    """
    size = value_size(config, kind)
    key = signing_key(bytes(rng.draw(64)))
    ct = bytes(rng.draw(size - SIGNATURE_SIZE))
    message = record_message(kind, config.dep_id, epoch, ct)
    value = ct + sign(key, message, rng)
    return encode_registration(registration_of(kind, epoch, key.public, value))
