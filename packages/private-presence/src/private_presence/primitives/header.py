"""The header of a broadcast: two points, and one slot per excluded key."""

from dataclasses import dataclass

from private_presence.errors import EncodingError
from private_presence.primitives.curve import (
    G1_SIZE,
    G2_SIZE,
    SCALAR_SIZE,
    G1Point,
    G2Point,
    Scalar,
    decode_g1,
    decode_g2,
    decode_scalar,
    encode_g1,
    encode_g2,
    encode_scalar,
)
from private_presence.primitives.reader import ByteReader, check_length

__all__ = ["Header", "Slot", "decode_header", "encode_header", "header_size"]

SLOT_SIZE = SCALAR_SIZE + G2_SIZE


@dataclass(frozen=True)
class Slot:
    """What excludes one key: its x, and ``B = H / (gamma + x)``.

    Examples
    --------
    With gamma = 4, the key of x = 2 has a sixth of H:

    >>> from private_presence.primitives.curve import G2_GENERATOR, invert, scalar
    >>> slot = Slot(scalar(2), G2_GENERATOR * invert(scalar(6)))
    >>> slot.B * (scalar(4) + slot.x) == G2_GENERATOR
    True
    """

    x: Scalar
    B: G2Point


@dataclass(frozen=True)
class Header:
    """``C1 = k W``, ``C2 = k P_S`` and the slots of the excluded set S.

    Examples
    --------
    One that excludes a key:

    >>> from private_presence.primitives.curve import G1_GENERATOR, G2_GENERATOR, scalar
    >>> slot = Slot(scalar(2), G2_GENERATOR)
    >>> header = Header(G1_GENERATOR, G2_GENERATOR, (slot,))
    >>> len(encode_header(header)) == header_size(1)
    True
    """

    C1: G1Point
    C2: G2Point
    slots: tuple[Slot, ...]


def header_size(n_slots: int) -> int:
    """Bytes of a header.

    Parameters
    ----------
    n_slots : int, >= 0

    Returns
    -------
    int
        144 and 128 for each slot.

    Examples
    --------
    >>> header_size(2)
    400
    """
    return G1_SIZE + G2_SIZE + n_slots * SLOT_SIZE


def encode_header(header: Header) -> bytes:
    """Write a header.

    Parameters
    ----------
    header : Header

    Returns
    -------
    bytes
        C1, C2, then x and B of each slot.

    Examples
    --------
    C1 comes first, the slots come last:

    >>> from private_presence.primitives.curve import G1_GENERATOR, G2_GENERATOR, scalar
    >>> slot = Slot(scalar(2), G2_GENERATOR)
    >>> data = encode_header(Header(G1_GENERATOR, G2_GENERATOR, (slot,)))
    >>> data[:48] == encode_g1(G1_GENERATOR), data[144:176].hex().lstrip("0")
    (True, '2')
    """
    slots = (bytes(encode_scalar(s.x)) + encode_g2(s.B) for s in header.slots)
    return encode_g1(header.C1) + encode_g2(header.C2) + b"".join(slots)


def decode_header(data: bytes, n_slots: int) -> Header:
    """Read a header, checking every point.

    Parameters
    ----------
    data : bytes
        Exactly ``header_size(n_slots)``.
    n_slots : int
        From the deployment's constants.

    Returns
    -------
    Header
        All points of prime order and none at infinity; x distinct and not zero.

    Raises
    ------
    EncodingError
        If two slots have one x: their difference could not be inverted.
    LengthError
        If there are more or fewer bytes.
    PointError
        If a point is not valid, or an x is zero or not canonical.

    Examples
    --------
    >>> from private_presence.primitives.curve import G1_GENERATOR, G2_GENERATOR, scalar
    >>> slots = Slot(scalar(2), G2_GENERATOR), Slot(scalar(3), G2_GENERATOR)
    >>> header = Header(G1_GENERATOR, G2_GENERATOR, slots)
    >>> decode_header(encode_header(header), 2) == header
    True
    >>> twice = Header(G1_GENERATOR, G2_GENERATOR, slots[:1] * 2)
    >>> decode_header(encode_header(twice), 2)
    Traceback (most recent call last):
    private_presence.errors.EncodingError: two slots of a header exclude the same ...
    """
    reader = ByteReader(
        check_length(data, header_size(n_slots), "a header"), "a header"
    )
    c1, c2 = decode_g1(reader.take(G1_SIZE)), decode_g2(reader.take(G2_SIZE))
    slots = tuple(
        Slot(decode_scalar(reader.take(SCALAR_SIZE)), decode_g2(reader.take(G2_SIZE)))
        for _ in range(n_slots)
    )
    reader.finish()
    if len({int(slot.x) for slot in slots}) != n_slots:
        raise EncodingError("two slots of a header exclude the same key: refuse it")
    return Header(c1, c2, slots)
