"""What LT and ST records share: a status, a place, a signature (4.3, F8).

A value is what a table holds: ``ct || signature``.  Opening returns a status, never an
exception: whatever a friend or a server puts into a record, one friend's record never
disturbs another's (F19).
"""

from dataclasses import dataclass, field
from enum import Enum

from private_presence.errors import VerificationError
from private_presence.primitives.blinding import (
    SIGNATURE_SIZE,
    SigningKey,
    blind_factor,
    blind_public,
    blind_secret,
    blind_signing,
    record_message,
    sign,
    tag_of,
    verify,
)
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import Secret
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.messages import value_size

__all__ = ["Place", "Status", "is_signed", "place", "sign_value", "signed_ct"]


class Status(Enum):
    """What came of a lookup; screens show the last four as one word, offline.

    Examples
    --------
    These are shown as offline:

    >>> [status.name for status in Status if status is not Status.OK]
    ['ABSENT', 'MALFORMED', 'EXCLUDED', 'UNREADABLE']
    """

    OK = "ok"
    ABSENT = "absent"
    MALFORMED = "malformed"
    EXCLUDED = "excluded"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Place:
    """Where the record of a key is in one epoch.

    Examples
    --------
    The factor, which leads from a blinded key to its owner, is not printed:

    >>> Place(Secret(b"h"), b"P_b", b"tag")
    Place(public=b'P_b', tag=b'tag')
    """

    factor: Secret = field(repr=False)
    public: bytes  # P_b, known to R while it accepts
    tag: bytes


def place(dep_id: bytes, kind: Kind, public: bytes, chain: bytes, epoch: int) -> Place:
    """Find the place of a key's record.

    Parameters
    ----------
    dep_id : bytes, 16
    kind : Kind
    public : bytes, 32
        Lambda or P_st.
    chain : bytes, 32
        rk for LT, ck for ST, of this epoch.
    epoch : int

    Returns
    -------
    Place

    Raises `PointError` if the key is no valid point.

    Examples
    --------
    Another place in every epoch:

    >>> from private_presence.primitives.blinding import signing_key
    >>> public = signing_key(bytes(range(64))).public
    >>> here = place(bytes(16), Kind.ST, public, bytes(32), 7)
    >>> next_one = place(bytes(16), Kind.ST, public, bytes(32), 8)
    >>> len(here.tag), here.tag == next_one.tag, here.public == next_one.public
    (16, False, False)
    """
    b = blind_secret(chain, kind, dep_id, epoch)
    factor = blind_factor(kind, dep_id, public, epoch, b)
    blinded = blind_public(public, factor)
    return Place(factor, blinded, tag_of(kind, dep_id, epoch, blinded))


def sign_value(
    config: Config,
    kind: Kind,
    key: SigningKey,
    where: Place,
    epoch: int,
    ct: bytes,
    rng: Randomness,
) -> bytes:
    """Append the signature of the blinded key to a ciphertext.

    Parameters
    ----------
    config : Config
    kind : Kind
    key : SigningKey
        Not blinded.
    where : Place
    epoch : int
    ct : bytes
    rng : Randomness

    Returns
    -------
    bytes
        The value.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> where = place(config.dep_id, Kind.ST, key.public, bytes(32), 7)
    >>> about = (config, Kind.ST, key, where, 7)
    >>> value = sign_value(*about, b"c" * 64, SystemRandomness())
    >>> value[:64] == b"c" * 64, len(value) == config.st_value_size
    (True, True)
    """
    message = record_message(kind, config.dep_id, epoch, ct)
    return ct + sign(blind_signing(key, where.factor), message, rng)


def signed_ct(
    config: Config, kind: Kind, where: Place, epoch: int, value: bytes
) -> bytes:
    """Check the length and signature of a value, and return its ciphertext.

    Parameters
    ----------
    config : Config
    kind : Kind
    where : Place
    epoch : int
    value : bytes

    Returns
    -------
    bytes

    Raises
    ------
    VerificationError
        If it was not made by the owner of this place for this epoch.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> where = place(config.dep_id, Kind.ST, key.public, bytes(32), 7)
    >>> about = (config, Kind.ST, key, where, 7)
    >>> value = sign_value(*about, b"c" * 64, SystemRandomness())
    >>> signed_ct(config, Kind.ST, where, 7, value) == b"c" * 64
    True
    >>> signed_ct(config, Kind.ST, where, 8, value)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a signature does not fit: ...
    """
    size = value_size(config, kind)
    if len(value) != size:
        raise VerificationError(
            f"a value has {size} bytes; got {len(value)}: refuse it"
        )
    ct, signature = value[:-SIGNATURE_SIZE], value[-SIGNATURE_SIZE:]
    verify(where.public, record_message(kind, config.dep_id, epoch, ct), signature)
    return ct


def is_signed(
    config: Config, kind: Kind, where: Place, epoch: int, value: bytes
) -> bool:
    """Say whether a value was made by the owner of a place, for this epoch.

    Parameters
    ----------
    config : Config
    kind : Kind
    where : Place
    epoch : int
    value : bytes

    Returns
    -------
    bool
        What robust lookups decide by.

    Examples
    --------
    Noise is not, and nothing is signed for another epoch too:

    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> where = place(config.dep_id, Kind.ST, key.public, bytes(32), 7)
    >>> about = (config, Kind.ST, key, where, 7)
    >>> value = sign_value(*about, b"c" * 64, SystemRandomness())
    >>> tries = [(7, value), (8, value), (7, bytes(128))]
    >>> [is_signed(config, Kind.ST, where, t, tried) for t, tried in tries]
    [True, False, False]
    """
    try:
        signed_ct(config, kind, where, epoch, value)
    except VerificationError:
        return False
    return True
