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
    """What came of a lookup; screens show the last four as one word, offline."""

    OK = "ok"
    ABSENT = "absent"
    MALFORMED = "malformed"
    EXCLUDED = "excluded"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Place:
    """Where the record of a key is in one epoch."""

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
    """
    try:
        signed_ct(config, kind, where, epoch, value)
    except VerificationError:
        return False
    return True
