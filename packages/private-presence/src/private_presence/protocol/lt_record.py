"""Building and opening long-term values (4.5, amended by F5)."""

from dataclasses import dataclass, field
from hashlib import sha256

from private_presence.errors import (
    EncodingError,
    ExcludedError,
    PresenceError,
    VerificationError,
)
from private_presence.primitives.blinding import SigningKey
from private_presence.primitives.boxes import BOX_TAG_SIZE, open_box, seal_box, wrap
from private_presence.primitives.curve import G2Point
from private_presence.primitives.header import Header, decode_header, encode_header
from private_presence.primitives.kdf import PREFIX, kdf, u32
from private_presence.primitives.manager_key import MemberKey
from private_presence.primitives.member_key import decapsulate
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import Secret
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.payload import (
    LtPayload,
    decode_lt_payload,
    encode_lt_payload,
)
from private_presence.protocol.records import (
    Place,
    Status,
    place,
    sign_value,
    signed_ct,
)

__all__ = ["OpenedLt", "open_lt", "open_lt_inner", "seal_lt", "unwrap_lt"]


@dataclass(frozen=True)
class OpenedLt:
    """An LT record that opened: payload, header key, and the member's next B.

    Examples
    --------
    Neither K nor the next B is printed:

    >>> opened = OpenedLt(LtPayload(False, 1, b"P_st"), Secret(b"K"), G2Point())
    >>> opened
    OpenedLt(payload=LtPayload(new_generation=False, seq=1, public_st=b'P_st'))
    """

    payload: LtPayload
    K: Secret = field(repr=False)
    b_s: G2Point = field(repr=False)


def _inner(
    dep_id: bytes, K: bytes, rk: bytes, epoch: int, where: Place, header: bytes
) -> tuple[Secret, bytes]:
    """Key and associated data of the inner box."""
    info = dep_id + u32(epoch) + where.public + sha256(header).digest()
    return kdf("inner", K + rk, info), PREFIX + b"lt-in" + u32(epoch)


def _outer(dep_id: bytes, public: bytes, rk: bytes, epoch: int, tag: bytes) -> Secret:
    return kdf("outer", rk + public, dep_id + u32(epoch) + tag)


def seal_lt(
    config: Config,
    key: SigningKey,
    rk: bytes,
    epoch: int,
    header: Header,
    K: bytes,
    payload: LtPayload,
    rng: Randomness,
) -> tuple[bytes, Place]:
    """Make an LT value.

    Parameters
    ----------
    config : Config
    key : SigningKey
        lambda, of the current generation.
    rk : bytes, 32
        Of `epoch`.
    epoch : int
    header : Header
    K : bytes, 576
        From the same `encapsulate` call.
    payload : LtPayload
    rng : Randomness

    Returns
    -------
    value : bytes
        ``tag16 || wrapped header and inner ciphertext || signature``.
    where : Place

    Raises as `encode_lt_payload` does, if the payload does not fit.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.curve import scalar
    >>> from private_presence.primitives.manager_key import encapsulate, setup
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> key, st = signing_key(rng.draw(64)), signing_key(rng.draw(64))
    >>> header, K = encapsulate(setup(rng), [scalar(2), scalar(3)], rng)
    >>> about = (config, key, bytes(32), 101)
    >>> value, where = seal_lt(*about, header, K, LtPayload(False, 1, st.public), rng)
    >>> len(value), where == place(config.dep_id, Kind.LT, key.public, bytes(32), 101)
    (576, True)
    """
    dep_id, head = config.dep_id, encode_header(header)
    where = place(dep_id, Kind.LT, key.public, rk, epoch)
    inner_key, data = _inner(dep_id, K, rk, epoch, where, head)
    inner = seal_box(inner_key, encode_lt_payload(payload, config.slots), data)
    # The inner tag differs for every body, so that no keystream repeats (F5).
    text, tag = inner[:-BOX_TAG_SIZE], inner[-BOX_TAG_SIZE:]
    ct = tag + wrap(_outer(dep_id, key.public, rk, epoch, tag), head + text)
    return sign_value(config, Kind.LT, key, where, epoch, ct, rng), where


def unwrap_lt(
    config: Config, public: bytes, rk: bytes, epoch: int, ct: bytes
) -> tuple[bytes, bytes]:
    """Take the outer layer off.

    Parameters
    ----------
    config : Config
    public : bytes, 32
        Lambda.
    rk : bytes, 32
    epoch : int
    ct : bytes

    Returns
    -------
    header, inner : bytes

    Examples
    --------
    A value shows no header until it is unwrapped:

    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.curve import scalar
    >>> from private_presence.primitives.manager_key import encapsulate, setup
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> key, st = signing_key(rng.draw(64)), signing_key(rng.draw(64))
    >>> header, K = encapsulate(setup(rng), [scalar(2), scalar(3)], rng)
    >>> about = (config, key, bytes(32), 101)
    >>> value, _ = seal_lt(*about, header, K, LtPayload(False, 1, st.public), rng)
    >>> head, inner = unwrap_lt(config, key.public, bytes(32), 101, value[:-64])
    >>> encode_header(header) == head, encode_header(header) in value, len(inner)
    (True, False, 112)
    """
    tag, body = ct[:BOX_TAG_SIZE], ct[BOX_TAG_SIZE:]
    plain = wrap(_outer(config.dep_id, public, rk, epoch, tag), body)
    return plain[: config.header_size], plain[config.header_size :] + tag


def open_lt_inner(
    config: Config,
    K: bytes,
    rk: bytes,
    epoch: int,
    where: Place,
    header: bytes,
    inner: bytes,
) -> bytes:
    """Open the inner box with the header's key.

    Parameters
    ----------
    config : Config
    K : bytes, 576
    rk : bytes, 32
    epoch : int
    where : Place
    header, inner : bytes
        From `unwrap_lt`.

    Returns
    -------
    bytes
        The payload, still to be parsed.

    Raises `VerificationError` if the box was made under other keys or changed.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.curve import scalar
    >>> from private_presence.primitives.manager_key import encapsulate, setup
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> key, st = signing_key(rng.draw(64)), signing_key(rng.draw(64))
    >>> header, K = encapsulate(setup(rng), [scalar(2), scalar(3)], rng)
    >>> about, payload = (config, key, bytes(32), 101), LtPayload(False, 1, st.public)
    >>> value, where = seal_lt(*about, header, K, payload, rng)
    >>> parts = unwrap_lt(config, key.public, bytes(32), 101, value[:-64])
    >>> plain = open_lt_inner(config, K, bytes(32), 101, where, *parts)
    >>> decode_lt_payload(plain, config.slots) == payload
    True
    """
    inner_key, data = _inner(config.dep_id, K, rk, epoch, where, header)
    return open_box(inner_key, inner, data)


def open_lt(
    config: Config,
    member: MemberKey,
    public: bytes,
    rk: bytes,
    epoch: int,
    value: bytes | None,
) -> tuple[Status, OpenedLt | None]:
    """Open an LT value (4.7); nothing in it can raise.

    Parameters
    ----------
    config : Config
    member : MemberKey
    public : bytes, 32
        Lambda of the generation the reader knows.
    rk : bytes, 32
        Of `epoch`.
    epoch : int
    value : bytes or None
        What the lookup gave: the record, or noise, or nothing.

    Returns
    -------
    status : Status
    opened : OpenedLt or None
        None unless the status is OK.

    Examples
    --------
    Keys 2 and 3 are excluded, and key 4 is not:

    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.curve import scalar
    >>> from private_presence.primitives.manager_key import encapsulate, join, setup
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> key, st = signing_key(rng.draw(64)), signing_key(rng.draw(64))
    >>> group, rk = setup(rng), bytes(32)
    >>> header, K = encapsulate(group, [scalar(2), scalar(3)], rng)
    >>> payload = LtPayload(False, 1, st.public)
    >>> value, _ = seal_lt(config, key, rk, 101, header, K, payload, rng)
    >>> members = [join(group, scalar(x)) for x in (2, 3, 4)]
    >>> [open_lt(config, m, key.public, rk, 101, value)[0].value for m in members]
    ['excluded', 'excluded', 'ok']
    """
    try:
        where = place(config.dep_id, Kind.LT, public, rk, epoch)
        ct = signed_ct(config, Kind.LT, where, epoch, value or b"")
    except PresenceError:
        return Status.ABSENT, None
    head, inner = unwrap_lt(config, public, rk, epoch, ct)
    try:
        header = decode_header(head, config.slots)
        K, b_s = decapsulate(member, header)
        plain = open_lt_inner(config, K, rk, epoch, where, head, inner)
        payload = decode_lt_payload(plain, config.slots)
    except ExcludedError:
        return Status.EXCLUDED, None
    except VerificationError:
        return Status.UNREADABLE, None
    except EncodingError:
        return Status.MALFORMED, None
    if payload.public_st == public:
        return Status.MALFORMED, None
    return Status.OK, OpenedLt(payload, K, b_s)
