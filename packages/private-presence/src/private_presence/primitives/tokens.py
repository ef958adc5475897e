"""Anonymous tokens: blind BLS signatures that anyone can verify (F12).

A client blinds a hash, the issuer multiplies it, the client unblinds: the issuer
cannot tell which of its signatures comes back.  Keys live on G2, one for each day and
role; they are published, so that every server checks tokens without a shared secret
and without a proof of equal logarithms.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from private_presence.errors import EncodingError, VerificationError
from private_presence.primitives.curve import (
    G1_SIZE,
    G2_GENERATOR,
    G1Point,
    G2Point,
    Scalar,
    decode_g1,
    encode_g1,
    encode_g2,
    hash_to_g1,
    invert,
    pairing_product,
    random_scalar,
    reduce_scalar,
    sum_g1,
)
from private_presence.primitives.kdf import kdf, u32
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import check_length

__all__ = [
    "DST",
    "TOKEN_SIZE",
    "BlindedToken",
    "Redeemed",
    "Role",
    "TokenKey",
    "bind",
    "blind",
    "check_token",
    "check_tokens",
    "issue",
    "remove_blinding",
    "token_key",
    "unblind",
]

DST = b"MP3v1-TOKEN-BLS12381G1_XMD:SHA-256_SSWU_RO_"
NONCE_SIZE = 32
TOKEN_SIZE = NONCE_SIZE + G1_SIZE


class Role(IntEnum):
    """What a token is good for; lookup server i has the role ``LOOKUP + i``.

    Examples
    --------
    >>> Role(2).name, Role.LOOKUP + 1
    ('REGISTER_ST', 17)
    """

    REGISTER_LT = 1
    REGISTER_ST = 2
    LOOKUP = 16


@dataclass(frozen=True)
class TokenKey:
    """An issuer's key for one day and role.

    Examples
    --------
    A key of 5 multiplies what it signs by five:

    >>> from private_presence.primitives.curve import G1_GENERATOR
    >>> key = TokenKey(Scalar(5), G2_GENERATOR * Scalar(5))
    >>> decode_g1(issue(key, encode_g1(G1_GENERATOR))) == G1_GENERATOR * Scalar(5)
    True
    """

    secret: Scalar = field(repr=False)
    public: G2Point


@dataclass(frozen=True)
class BlindedToken:
    """A client's side of one issuance: what to send is `message`.

    Examples
    --------
    Two issuances of one t send different messages:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> rng = SystemRandomness()
    >>> one, other = (blind(Role.REGISTER_ST, 100, bytes(32), rng) for _ in range(2))
    >>> one.t == other.t, one.message == other.message
    (True, False)
    """

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

    Examples
    --------
    Every day and role has a key of its own:

    >>> named = [(Role.REGISTER_LT, 100), (Role.LOOKUP, 100), (Role.LOOKUP, 101)]
    >>> keys = [token_key(bytes(32), bytes(16), *about) for about in named]
    >>> len({encode_g2(key.public) for key in keys})
    3
    >>> keys[0].public == G2_GENERATOR * keys[0].secret
    True
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

    Raises
    ------
    LengthError
        If the nonce has another size.

    Examples
    --------
    It shows neither nonce nor body, and fits no other body:

    >>> t = bind(bytes(32), b"a registration")
    >>> len(t), t == bind(bytes(32), b"another registration")
    (32, False)
    >>> bind(bytes(31), b"a registration")
    Traceback (most recent call last):
    private_presence.errors.LengthError: a token's nonce has 32 bytes; got 31: ...
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

    Raises
    ------
    LengthError
        If `t` has another size.

    Examples
    --------
    Only who knows r finds the hash in the message:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> rng = SystemRandomness()
    >>> one, other = (blind(Role.REGISTER_ST, 100, bytes(32), rng) for _ in range(2))
    >>> points = [decode_g1(b.message) * invert(b.r) for b in (one, other)]
    >>> points[0] == points[1], one.message == other.message
    (True, False)
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

    Raises
    ------
    PointError
        If the message is no point of prime order.
    LengthError
        If it has another size.

    Examples
    --------
    The point at infinity is not signed:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = token_key(bytes(32), bytes(16), Role.REGISTER_ST, 100)
    >>> blinded = blind(Role.REGISTER_ST, 100, bytes(32), SystemRandomness())
    >>> len(issue(key, blinded.message))
    48
    >>> issue(key, bytes([0xC0]) + bytes(47))
    Traceback (most recent call last):
    private_presence.errors.PointError: a point of G1 is at infinity, ...
    """
    return encode_g1(decode_g1(message) * key.secret)


def remove_blinding(token: BlindedToken, signed: bytes) -> bytes:
    """Turn an issuer's answer into a token that is still to be checked.

    Parameters
    ----------
    token : BlindedToken
    signed : bytes, 48

    Returns
    -------
    bytes
        80: t, then the signature.

    Raises
    ------
    PointError
        If the answer is no point of prime order.
    LengthError
        If it has another size.

    Examples
    --------
    What is left is a signature of t alone: two issuances end in one token.

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> rng, key = SystemRandomness(), token_key(bytes(32), bytes(16), 2, 100)
    >>> one, other = (blind(Role.REGISTER_ST, 100, bytes(32), rng) for _ in range(2))
    >>> token = remove_blinding(one, issue(key, one.message))
    >>> token == remove_blinding(other, issue(key, other.message)), len(token)
    (True, 80)
    """
    T = decode_g1(signed) * invert(token.r)
    return bytes(token.t) + encode_g1(T)


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

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = token_key(bytes(32), bytes(16), Role.REGISTER_ST, 100)
    >>> blinded = blind(Role.REGISTER_ST, 100, bytes(32), SystemRandomness())
    >>> about = (Role.REGISTER_ST, 100, key.public)
    >>> len(unblind(blinded, issue(key, blinded.message), *about))
    80
    >>> unblind(blinded, blinded.message, *about)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a token does not fit its day and ...
    """
    result = remove_blinding(token, signed)
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
    LengthError
        If it has another size.
    PointError
        If its signature is no point of prime order.

    Examples
    --------
    A token of day 100 returns its t, and is not one of day 101:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = token_key(bytes(32), bytes(16), Role.REGISTER_ST, 100)
    >>> blinded = blind(Role.REGISTER_ST, 100, b"t" * 32, SystemRandomness())
    >>> token = remove_blinding(blinded, issue(key, blinded.message))
    >>> check_token(token, Role.REGISTER_ST, 100, key.public) == b"t" * 32
    True
    >>> check_token(token, Role.REGISTER_ST, 101, key.public)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a token does not fit its day and ...
    """
    check_length(token, TOKEN_SIZE, "a token")
    t, T = token[:NONCE_SIZE], decode_g1(token[NONCE_SIZE:])
    pairs = [(T, G2_GENERATOR), (-_point(role, day, t), public)]
    if not pairing_product(pairs).is_one():
        raise VerificationError("a token does not fit its day and role: refuse it")
    return t


@dataclass(frozen=True)
class Redeemed:
    """A token with the key that it claims to be signed by.

    Examples
    --------
    Its bytes do not show themselves, since who has them can spend them:

    >>> key = token_key(bytes(32), bytes(16), Role.REGISTER_ST, 100)
    >>> "token" in repr(Redeemed(bytes(80), Role.REGISTER_ST, 100, key.public))
    False
    """

    token: bytes = field(repr=False)
    role: int
    day: int
    public: G2Point


def check_tokens(batch: Sequence[Redeemed], rng: Randomness) -> list[bool]:
    """Check many tokens with one pairing product for each key among them.

    With random weights w: ``e(sum w T, G2) = prod over keys e(sum w H(t), K2)``.  A
    batch with a wrong token passes with a chance of 2^-128; one that fails is halved
    until the wrong ones are found, so that b bad ones cost about b log n products.

    Parameters
    ----------
    batch : sequence of Redeemed
    rng : Randomness
        Weights must not be known to those who send tokens.

    Returns
    -------
    list of bool
        In the same order.

    Examples
    --------
    One good token, and the same of a wrong day:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> key = token_key(bytes(32), bytes(16), Role.REGISTER_ST, 100)
    >>> blinded = blind(Role.REGISTER_ST, 100, bytes(32), SystemRandomness())
    >>> token = remove_blinding(blinded, issue(key, blinded.message))
    >>> batch = [Redeemed(token, Role.REGISTER_ST, d, key.public) for d in (100, 101)]
    >>> check_tokens(batch, SystemRandomness())
    [True, False]
    """
    good = [False] * len(batch)
    parsed = {i: pair for i, item in enumerate(batch) if (pair := _parse(item))}
    _mark_good(batch, parsed, list(parsed), good, rng)
    return good


def _parse(item: Redeemed) -> tuple[G1Point, G1Point] | None:
    # The token's signature, and the hash that it should be of.
    try:
        check_length(item.token, TOKEN_SIZE, "a token")
        t, T = item.token[:NONCE_SIZE], decode_g1(item.token[NONCE_SIZE:])
    except EncodingError:
        return None
    return T, _point(item.role, item.day, t)


def _mark_good(batch, parsed, indices, good, rng, *, bad: bool = False) -> bool:
    # Returns whether all are good.  `bad`: it is known that some are not, since the
    # other half of a failed batch was good; then only the halves are looked at.
    if not indices:
        return True
    if not bad and _all_good(batch, parsed, indices, rng):
        for i in indices:
            good[i] = True
        return True
    if len(indices) > 1:
        half = len(indices) // 2
        left = _mark_good(batch, parsed, indices[:half], good, rng)
        _mark_good(batch, parsed, indices[half:], good, rng, bad=left)
    return False


def _all_good(batch, parsed, indices, rng) -> bool:
    publics = {id(batch[i].public): batch[i].public for i in indices}
    names = {key: encode_g2(public) for key, public in publics.items()}
    by_key = defaultdict(list)
    for i in indices:
        by_key[batch[i].role, batch[i].day, names[id(batch[i].public)]].append(i)
    weights = {i: Scalar(int.from_bytes(rng.draw(16), "big")) for i in indices}
    total = sum_g1([parsed[i][0] for i in indices], [weights[i] for i in indices])
    pairs = [(total, G2_GENERATOR)]
    for group in by_key.values():
        points = [parsed[i][1] for i in group]
        hashed = sum_g1(points, [weights[i] for i in group])
        pairs.append((-hashed, batch[group[0]].public))
    return pairing_product(pairs).is_one()
