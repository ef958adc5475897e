"""What is inside records, at fixed sizes, with one spelling (4.5, 4.6, F19)."""

from dataclasses import dataclass, field

from private_presence.errors import CapacityError, EncodingError, InputError
from private_presence.primitives.blinding import KEY_SIZE, check_public
from private_presence.primitives.kdf import u32
from private_presence.primitives.reader import ByteReader, check_length, check_version

__all__ = [
    "LT_AUX",
    "LT_PAYLOAD",
    "ST_AUX",
    "ST_PAYLOAD",
    "LtPayload",
    "StPayload",
    "decode_lt_payload",
    "decode_st_payload",
    "encode_lt_payload",
    "encode_st_payload",
]

VERSION = 1
LT_PAYLOAD, LT_AUX = 96, 54
ST_PAYLOAD, ST_AUX = 48, 45


@dataclass(frozen=True)
class LtPayload:
    """A user's keys for the coming days.

    Parameters
    ----------
    new_generation : bool
        NEWGEN: all slots are absorbed, and P_st becomes the next Lambda.
    seq : int
        Grows with every record; an older one is not accepted.
    public_st : bytes, 32
        The key P_st of short-term records.
    aux : bytes, at most 54
        The user's own.

    Examples
    --------
    What a user adds is not printed:

    >>> "mine" in repr(LtPayload(False, 7, bytes(32), b"mine"))
    False
    """

    new_generation: bool
    seq: int
    public_st: bytes
    aux: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class StPayload:
    """Presence, now: a status from 0 to 255 and at most 45 bytes.

    Examples
    --------
    What a user adds is not printed:

    >>> StPayload(2, b"hello")
    StPayload(status=2)
    """

    status: int
    aux: bytes = field(default=b"", repr=False)


def _check_aux(aux: bytes, limit: int) -> None:
    if len(aux) > limit:
        raise CapacityError(
            f"at most {limit} bytes fit beside presence; got {len(aux)}"
        )


def encode_lt_payload(payload: LtPayload, slots: int) -> bytes:
    """Write an LT payload.

    Parameters
    ----------
    payload : LtPayload
    slots : int
        rho, which fixes the mask: all ones with a new generation, else zero (F7).

    Returns
    -------
    bytes
        96.

    Examples
    --------
    Version, flag, mask of two slots, a zero, and the number:

    >>> data = encode_lt_payload(LtPayload(True, 7, bytes(32)), 2)
    >>> len(data), data[:8].hex(" ")
    (96, '01 01 03 00 00 00 00 07')
    """
    _check_aux(payload.aux, LT_AUX)
    new = payload.new_generation
    head = bytes([VERSION, int(new), (1 << slots) - 1 if new else 0, 0])
    size = len(payload.aux).to_bytes(2, "big")
    public = check_length(payload.public_st, KEY_SIZE, "a short-term key")
    return head + u32(payload.seq) + public + size + payload.aux.ljust(LT_AUX, b"\0")


def decode_lt_payload(data: bytes, slots: int) -> LtPayload:
    """Read an LT payload, refusing every spelling but one (F19).

    Parameters
    ----------
    data : bytes, 96
    slots : int

    Returns
    -------
    LtPayload
        Its key is a valid point.

    Raises
    ------
    EncodingError
        If a flag is unknown, the mask is neither none nor all, a length is out of
        range, or padding is not zero.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> payload = LtPayload(True, 7, signing_key(bytes(range(64))).public)
    >>> decode_lt_payload(encode_lt_payload(payload, 2), 2) == payload
    True
    >>> decode_lt_payload(encode_lt_payload(payload, 2), 3)
    Traceback (most recent call last):
    private_presence.errors.EncodingError: flags or mask of an LT payload are not of ...
    """
    reader = ByteReader(
        check_length(data, LT_PAYLOAD, "an LT payload"), "an LT payload"
    )
    check_version(reader.byte(), VERSION, "an LT payload")
    flags, mask = reader.byte(), reader.byte()
    if flags > 1 or mask != ((1 << slots) - 1 if flags else 0):
        raise EncodingError("flags or mask of an LT payload are not of version 1")
    reader.zeros(1)
    seq, public = reader.u32(), check_public(reader.take(KEY_SIZE))
    size = int.from_bytes(reader.take(2), "big")
    if size > LT_AUX:
        raise EncodingError(f"at most {LT_AUX} bytes of aux expected; got {size}")
    aux = reader.take(size)
    reader.zeros(LT_AUX - size)
    reader.finish()
    return LtPayload(bool(flags), seq, public, aux)


def encode_st_payload(payload: StPayload) -> bytes:
    r"""Write an ST payload.

    Parameters
    ----------
    payload : StPayload

    Returns
    -------
    bytes
        48.

    Raises
    ------
    InputError
        If the status is not one byte.

    Examples
    --------
    >>> encode_st_payload(StPayload(2, b"hello"))[:8]
    b'\x01\x02\x05hello'
    """
    _check_aux(payload.aux, ST_AUX)
    if not 0 <= payload.status < 256:
        raise InputError(f"a status is from 0 to 255; got {payload.status}")
    head = bytes([VERSION, payload.status, len(payload.aux)])
    return head + payload.aux.ljust(ST_AUX, b"\0")


def decode_st_payload(data: bytes) -> StPayload:
    """Read an ST payload.

    Parameters
    ----------
    data : bytes, 48

    Returns
    -------
    StPayload

    Raises
    ------
    EncodingError
        If the length is out of range or padding is not zero.

    Examples
    --------
    >>> data = encode_st_payload(StPayload(2, b"hello"))
    >>> decode_st_payload(data) == StPayload(2, b"hello")
    True
    >>> decode_st_payload(data[:-1] + b"!")
    Traceback (most recent call last):
    private_presence.errors.EncodingError: ...
    """
    reader = ByteReader(
        check_length(data, ST_PAYLOAD, "an ST payload"), "an ST payload"
    )
    check_version(reader.byte(), VERSION, "an ST payload")
    status, size = reader.byte(), reader.byte()
    if size > ST_AUX:
        raise EncodingError(f"at most {ST_AUX} bytes of aux expected; got {size}")
    aux = reader.take(size)
    reader.zeros(ST_AUX - size)
    reader.finish()
    return StPayload(status, aux)
