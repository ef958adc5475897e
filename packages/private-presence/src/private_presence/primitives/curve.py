"""BLS12-381 with the traps of the library closed.

With `scalars`, which it hands on, the only module that touches
`py_arkworks_bls12381`.  What they close:

- decoding accepts the point at infinity there; here it is refused;
- adding target-group elements adds field elements there; here a `Gt` has no sum;
- making a scalar from an integer reduces it silently there; here it is refused;
- functions without a subgroup check exist there; none is used here.

Points of G1 and G2 are the library's own, immutable, and written additively.  The
library does not promise constant time; secret scalars exist only on their owner's
device and, for tokens, at the issuer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from py_arkworks_bls12381 import GT, G1Point, G2Point

from private_presence.errors import InputError, PointError
from private_presence.primitives.reader import check_length
from private_presence.primitives.scalars import (
    ORDER,
    SCALAR_SIZE,
    Scalar,
    decode_scalar,
    encode_scalar,
    invert,
    product,
    random_scalar,
    reduce_scalar,
    scalar,
)
from private_presence.primitives.secret import Secret

__all__ = [
    "G1_GENERATOR",
    "G1_SIZE",
    "G2_GENERATOR",
    "G2_SIZE",
    "GT_SIZE",
    "ORDER",
    "SCALAR_SIZE",
    "G1Point",
    "G2Point",
    "Gt",
    "Scalar",
    "decode_g1",
    "decode_g2",
    "decode_scalar",
    "encode_g1",
    "encode_g2",
    "encode_scalar",
    "hash_to_g1",
    "invert",
    "pairing_product",
    "product",
    "random_scalar",
    "reduce_scalar",
    "scalar",
    "sum_g1",
    "sum_g2",
]

G1_SIZE, G2_SIZE, GT_SIZE = 48, 96, 576
G1_GENERATOR, G2_GENERATOR = G1Point(), G2Point()


@dataclass(frozen=True, slots=True)
class Gt:
    """An element of the target group, written multiplicatively.

    It can be multiplied, compared and written as 576 bytes: twelve coordinates of 48
    bytes, least significant byte first, as arkworks and mcl both write them.

    Examples
    --------
    >>> g = pairing_product([(G1_GENERATOR, G2_GENERATOR)])
    >>> two = scalar(2)
    >>> g * g == pairing_product([(G1_GENERATOR * two, G2_GENERATOR)])
    True
    >>> g.to_bytes()[:8].hex()
    'b68917caaa0543a8'
    """

    _element: GT

    def __mul__(self, other: "Gt") -> "Gt":
        return Gt(self._element * other._element)

    def is_one(self) -> bool:
        """Say whether this is the neutral element.

        Returns
        -------
        bool
            True for the pairing with a point at infinity.
        """
        return self._element == GT.one()

    def to_bytes(self) -> Secret:
        """Write the element as 576 bytes.

        Returns
        -------
        Secret
            Every use of it is as key material.
        """
        return Secret(bytes.fromhex(str(self._element)))

    def __repr__(self) -> str:
        return "<Gt>"


def encode_g1(point: G1Point) -> bytes:
    """Write a point of G1 as 48 compressed bytes.

    Parameters
    ----------
    point : G1Point

    Returns
    -------
    bytes
        48 of them, in the format of ZCash and of the IETF drafts.

    Examples
    --------
    >>> encode_g1(G1_GENERATOR)[:4].hex()
    '97f1d3a7'
    """
    return bytes(point.to_compressed_bytes())


def encode_g2(point: G2Point) -> bytes:
    """Write a point of G2 as 96 compressed bytes.

    Parameters
    ----------
    point : G2Point

    Returns
    -------
    bytes
        96 of them.

    Examples
    --------
    >>> encode_g2(G2_GENERATOR)[:4].hex()
    '93e02b60'
    """
    return bytes(point.to_compressed_bytes())


def decode_g1(data: bytes) -> G1Point:
    r"""Read a point of G1: canonical, of prime order, not at infinity.

    Parameters
    ----------
    data : bytes, 48

    Returns
    -------
    G1Point
        Checked.

    Raises
    ------
    PointError
        If it is anything else.

    Examples
    --------
    >>> decode_g1(b"\xc0" + bytes(47))
    Traceback (most recent call last):
    private_presence.errors.PointError: ...
    """
    check_length(data, G1_SIZE, "a point of G1")
    try:
        point = G1Point.from_compressed_bytes(bytes(data))
    except ValueError:
        raise PointError("not a point of G1 in canonical form: refuse it") from None
    if point == G1Point.identity():
        raise PointError(
            "a point of G1 is at infinity, which opens anything: refuse it"
        )
    return point


def decode_g2(data: bytes) -> G2Point:
    """Read a point of G2: canonical, of prime order, not at infinity.

    Parameters
    ----------
    data : bytes, 96

    Returns
    -------
    G2Point
        Checked.

    Raises
    ------
    PointError
        If it is anything else.

    Examples
    --------
    >>> decode_g2(encode_g2(G2_GENERATOR)) == G2_GENERATOR
    True
    """
    check_length(data, G2_SIZE, "a point of G2")
    try:
        point = G2Point.from_compressed_bytes(bytes(data))
    except ValueError:
        raise PointError("not a point of G2 in canonical form: refuse it") from None
    if point == G2Point.identity():
        raise PointError(
            "a point of G2 is at infinity, which opens anything: refuse it"
        )
    return point


def hash_to_g1(message: bytes, dst: bytes) -> G1Point:
    """Hash to G1 by RFC 9380 (suite BLS12381G1_XMD:SHA-256_SSWU_RO_).

    Parameters
    ----------
    message : bytes
    dst : bytes
        Domain separation tag.

    Returns
    -------
    G1Point
        Of unknown logarithm.

    Examples
    --------
    The RFC's vector for the empty message:

    >>> dst = b"QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"
    >>> encode_g1(hash_to_g1(b"", dst))[1:8].hex()
    '2926add2207b76'
    """
    return G1Point.hash_to_curve(message, dst)


def sum_g1(points: Sequence[G1Point], weights: Sequence[Scalar]) -> G1Point:
    """Add up multiples of points; `sum_g2` for G1.

    Parameters
    ----------
    points : sequence of G1Point
    weights : sequence of Scalar

    Returns
    -------
    G1Point

    Raises
    ------
    InputError
        If their numbers differ.

    Examples
    --------
    >>> sum_g1([G1_GENERATOR] * 2, [scalar(2), scalar(3)]) == G1_GENERATOR * scalar(5)
    True
    """
    _check_terms(points, weights)
    return G1Point.multiexp_unchecked(list(points), list(weights))


def sum_g2(points: Sequence[G2Point], weights: Sequence[Scalar]) -> G2Point:
    """Add points with weights: one multi-scalar multiplication in G2.

    Parameters
    ----------
    points : sequence of G2Point
    weights : sequence of Scalar
        As many.

    Returns
    -------
    G2Point
        ``sum_i weights[i] points[i]``.

    Raises
    ------
    InputError
        If the numbers of points and weights differ.

    Examples
    --------
    >>> sum_g2([G2_GENERATOR] * 2, [scalar(2), scalar(3)]) == G2_GENERATOR * scalar(5)
    True
    """
    _check_terms(points, weights)
    return G2Point.multiexp_unchecked(list(points), list(weights))


def _check_terms(points: Sequence, weights: Sequence[Scalar]) -> None:
    if len(points) != len(weights):
        raise InputError(
            f"expected one weight per point; got {len(points)} and {len(weights)}"
        )


def pairing_product(pairs: Sequence[tuple[G1Point, G2Point]]) -> Gt:
    """Multiply pairings, sharing the final exponentiation.

    Parameters
    ----------
    pairs : sequence of (G1Point, G2Point)

    Returns
    -------
    Gt
        ``prod_i e(P_i, Q_i)``.

    Examples
    --------
    >>> pairing_product(
    ...     [(G1_GENERATOR, G2_GENERATOR), (-G1_GENERATOR, G2_GENERATOR)]
    ... ).is_one()
    True
    """
    return Gt(GT.multi_pairing([p for p, _ in pairs], [q for _, q in pairs]))
