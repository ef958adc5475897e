"""Anonymous tokens: blind BLS signatures that anyone can verify (F12).

A client blinds a hash, the issuer multiplies it, the client unblinds: the issuer
cannot tell which of its signatures comes back.  Keys live on G2, one for each day and
role; they are published, so that every server checks tokens without a shared secret
and without a proof of equal logarithms.
"""

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum

from private_presence.errors import VerificationError
from private_presence.primitives.curve import (
    G1_SIZE,
    G2_GENERATOR,
    G1Point,
    G2Point,
    Scalar,
    decode_g1,
    encode_g1,
    hash_to_g1,
    invert,
    pairing_product,
    random_scalar,
    reduce_scalar,
)
from private_presence.primitives.kdf import kdf, u32
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import check_length

__all__ = [
    "DST",
    "TOKEN_SIZE",
    "BlindedToken",
    "Role",
    "TokenKey",
    "bind",
    "blind",
    "check_token",
    "issue",
    "token_key",
    "unblind",
]

DST = b"MP3v1-TOKEN-BLS12381G1_XMD:SHA-256_SSWU_RO_"
NONCE_SIZE = 32
TOKEN_SIZE = NONCE_SIZE + G1_SIZE


class Role(IntEnum):
    """What a token is good for; lookup server i has the role ``LOOKUP + i``."""

    REGISTER_LT = 1
    REGISTER_ST = 2
    LOOKUP = 16


@dataclass(frozen=True)
class TokenKey:
    """An issuer's key for one day and role."""

    secret: Scalar = field(repr=False)
    public: G2Point


@dataclass(frozen=True)
class BlindedToken:
    """A client's side of one issuance: what to send is `message`."""

    t: bytes = field(repr=False)
    r: Scalar = field(repr=False)
    message: bytes


def token_key(root: bytes, dep_id: bytes, role: int, day: int) -> TokenKey:
    """Derive the key of a day and role from the issuer's root secret.

    Parameters
    ----------
    root : bytes, 32
    dep_id : bytes, 16
    role : int, 1 to 255
    day : int

    Returns
    -------
    TokenKey
        Publish `public` one LT epoch ahead, in the manifest.
    """
    wide = kdf("token-key", root, dep_id + bytes([role]) + u32(day), 48)
    secret = reduce_scalar(wide)
    return TokenKey(secret, G2_GENERATOR * secret)


def bind(nonce: bytes, body: bytes) -> bytes:
    """The t of a token that is good for one body only.

    Parameters
    ----------
    nonce : bytes, 32
        Kept until redemption.
    body : bytes
        The registration, known at issuing time.

    Returns
    -------
    bytes
        32: ``SHA-256(nonce || SHA-256(body))``.
    """
    check_length(nonce, NONCE_SIZE, "a token's nonce")
    return hashlib.sha256(nonce + hashlib.sha256(body).digest()).digest()


def _point(role: int, day: int, t: bytes) -> G1Point:
    return hash_to_g1(
        bytes([role]) + u32(day) + check_length(t, 32, "a token's t"), DST
    )


def blind(role: int, day: int, t: bytes, rng: Randomness) -> BlindedToken:
    """Blind the hash of a token.

    Parameters
    ----------
    role : int
    day : int
    t : bytes, 32
        Random, or from `bind`.
    rng : Randomness

    Returns
    -------
    BlindedToken
        Its message is uniform in G1, whatever `t` is.
    """
    r = random_scalar(rng)
    return BlindedToken(t, r, encode_g1(_point(role, day, t) * r))


def issue(key: TokenKey, message: bytes) -> bytes:
    """Sign a blinded hash.

    Parameters
    ----------
    key : TokenKey
    message : bytes, 48
        Refused by `decode_g1` unless of prime order: another point would give away
        bits of the key.

    Returns
    -------
    bytes
        48.
    """
    return encode_g1(decode_g1(message) * key.secret)


def unblind(
    token: BlindedToken, signed: bytes, role: int, day: int, public: G2Point
) -> bytes:
    """Turn an issuer's answer into a token, and check it.

    Parameters
    ----------
    token : BlindedToken
    signed : bytes, 48
    role : int
    day : int
    public : G2Point
        From the manifest that everybody sees: a key of one's own would be a mark.

    Returns
    -------
    bytes
        80: t, then the signature.

    Raises `VerificationError` if the issuer signed something else.
    """
    T = decode_g1(signed) * invert(token.r)
    result = bytes(token.t) + encode_g1(T)
    check_token(result, role, day, public)
    return result


def check_token(token: bytes, role: int, day: int, public: G2Point) -> bytes:
    """Check ``e(T, G2) = e(H(role || day || t), K2)``.

    Parameters
    ----------
    token : bytes, 80
    role : int
    day : int
    public : G2Point

    Returns
    -------
    bytes
        t, for the spent set.

    Raises
    ------
    VerificationError
        If the token is of another day, role or issuer.
    """
    check_length(token, TOKEN_SIZE, "a token")
    t, T = token[:NONCE_SIZE], decode_g1(token[NONCE_SIZE:])
    pairs = [(T, G2_GENERATOR), (-_point(role, day, t), public)]
    if not pairing_product(pairs).is_one():
        raise VerificationError("a token does not fit its day and role: refuse it")
    return t
