"""Building and opening short-term values (4.6, amended by F5 and F8)."""

from private_presence.errors import EncodingError, PresenceError, VerificationError
from private_presence.primitives.blinding import SigningKey
from private_presence.primitives.boxes import open_siv, seal_siv
from private_presence.primitives.kdf import PREFIX, kdf, u32
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import Secret
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.payload import (
    StPayload,
    decode_st_payload,
    encode_st_payload,
)
from private_presence.protocol.records import (
    Place,
    Status,
    place,
    sign_value,
    signed_ct,
)

__all__ = ["open_st", "seal_st"]


def _st_box(dep_id: bytes, ck: bytes, t: int, where: Place) -> tuple[Secret, bytes]:
    key = kdf("st", ck, dep_id + u32(t) + where.public, 64)
    return key, PREFIX + b"st-in" + dep_id + u32(t)


def seal_st(
    config: Config,
    key: SigningKey,
    ck: bytes,
    t: int,
    payload: StPayload,
    rng: Randomness,
) -> tuple[bytes, Place]:
    """Make an ST value.

    Parameters
    ----------
    config : Config
    key : SigningKey
        s, whose point the last LT record carried.
    ck : bytes, 32
        Chain key of `t`.
    t : int
    payload : StPayload
    rng : Randomness

    Returns
    -------
    value : bytes
    where : Place

    Raises as `encode_st_payload` does, if the payload does not fit.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> key, ck, rng = signing_key(bytes(range(64))), bytes(32), SystemRandomness()
    >>> value, where = seal_st(config, key, ck, 28_800, StPayload(2), rng)
    >>> len(value), where == place(config.dep_id, Kind.ST, key.public, ck, 28_800)
    (128, True)
    """
    where = place(config.dep_id, Kind.ST, key.public, ck, t)
    box_key, data = _st_box(config.dep_id, ck, t, where)
    ct = seal_siv(box_key, encode_st_payload(payload), data)
    return sign_value(config, Kind.ST, key, where, t, ct, rng), where


def open_st(
    config: Config, public: bytes, ck: bytes, t: int, value: bytes | None
) -> tuple[Status, StPayload | None]:
    """Open an ST value; nothing in it can raise.

    Parameters
    ----------
    config : Config
    public : bytes, 32
        P_st.
    ck : bytes, 32
        Chain key of `t`.
    t : int
    value : bytes or None

    Returns
    -------
    status : Status
    payload : StPayload or None

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> key, ck, rng = signing_key(bytes(range(64))), bytes(32), SystemRandomness()
    >>> value, _ = seal_st(config, key, ck, 28_800, StPayload(2, b"hello"), rng)
    >>> status, payload = open_st(config, key.public, ck, 28_800, value)
    >>> status, payload.aux
    (<Status.OK: 'ok'>, b'hello')
    >>> open_st(config, key.public, ck, 28_800, bytes(128))
    (<Status.ABSENT: 'absent'>, None)
    """
    try:
        where = place(config.dep_id, Kind.ST, public, ck, t)
        ct = signed_ct(config, Kind.ST, where, t, value or b"")
    except PresenceError:
        return Status.ABSENT, None
    box_key, data = _st_box(config.dep_id, ck, t, where)
    try:
        return Status.OK, decode_st_payload(open_siv(box_key, ct, data))
    except VerificationError:
        return Status.UNREADABLE, None
    except EncodingError:
        return Status.MALFORMED, None
