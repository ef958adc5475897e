"""Invitations: what a new friend receives, and what she checks (4.7, F1, F22)."""

from dataclasses import dataclass, field, replace

from private_presence.errors import EncodingError, ForeignStateError
from private_presence.primitives.blinding import (
    KEY_SIZE,
    SIGNATURE_SIZE,
    SigningKey,
    check_public,
    sign,
    verify,
)
from private_presence.primitives.curve import decode_g1, decode_g2
from private_presence.primitives.kdf import label_bytes
from private_presence.primitives.manager_key import MemberKey
from private_presence.primitives.member_key import check_key
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.reader import check_length, check_version
from private_presence.primitives.secret import Secret, equal
from private_presence.protocol.codec import decode_record, encode_record
from private_presence.protocol.config import Config

__all__ = [
    "MAX_INVITATION_SIZE",
    "Invitation",
    "StInvitation",
    "check_invitation",
    "decode_invitation",
    "sign_invitation",
]

VERSION = 1
NONCE_SIZE = 32
MAX_INVITATION_SIZE = 1024  # about 620 bytes are used


@dataclass(frozen=True)
class StInvitation:
    """Short-term keys from ST epoch `t` on: the friend is visible at once.

    Examples
    --------
    The chain key is not printed:

    >>> StInvitation(b"P_st", Secret(b"ck"), 28_800)
    StInvitation(public=b'P_st', t=28800)
    """

    public: bytes
    ck: Secret = field(repr=False)
    t: int


@dataclass(frozen=True)
class Invitation:
    """A member's key, what checks it, and the keys of the circle.

    W and H serve the check only and are deleted after it; G is not among them (F1).

    Examples
    --------
    A new friend reads from the owner's next epoch on:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.membership import invite
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> circle, data = invite(new_circle(101, rng), config, "bob", bytes(32), rng)
    >>> invitation = decode_invitation(data)
    >>> invitation.epoch, invitation.seq, invitation.public == circle.signing.public
    (101, 0, True)
    """

    dep_id: bytes
    key: MemberKey
    W: bytes = field(repr=False)
    H: bytes = field(repr=False)
    h_v: bytes
    public: bytes  # Lambda
    rk: Secret = field(repr=False)
    epoch: int
    seq: int
    st: StInvitation | None
    version: int = VERSION
    signature: bytes = b""


def _signed_part(invitation: Invitation, nonce: bytes) -> bytes:
    check_length(nonce, NONCE_SIZE, "a recipient's nonce")
    fields = encode_record(replace(invitation, signature=b""))
    return label_bytes("invite") + fields + nonce


def sign_invitation(
    invitation: Invitation, key: SigningKey, nonce: bytes, rng: Randomness
) -> bytes:
    """Sign an invitation with lambda, for the owner of a nonce.

    Parameters
    ----------
    invitation : Invitation
    key : SigningKey
    nonce : bytes, 32
    rng : Randomness

    Returns
    -------
    bytes
        The whole message.

    Raises `LengthError` if the nonce has another length.

    Examples
    --------
    `membership.invite` does it; here for the owner of another nonce:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.membership import invite
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> circle, data = invite(new_circle(101, rng), config, "bob", bytes(32), rng)
    >>> nonce = b"n" * 32
    >>> again = sign_invitation(decode_invitation(data), circle.signing, nonce, rng)
    >>> check_invitation(again, config, nonce).epoch
    101
    """
    signature = sign(key, _signed_part(invitation, nonce), rng)
    return encode_record(replace(invitation, signature=signature))


def decode_invitation(data: bytes) -> Invitation:
    """Read an invitation, checking lengths and points, not yet who made it.

    Parameters
    ----------
    data : bytes, at most 1024

    Returns
    -------
    Invitation
        Not yet verified.

    Raises `EncodingError` if a length, a version, a point or a number is wrong.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.membership import invite
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> _, data = invite(new_circle(101, rng), config, "bob", bytes(32), rng)
    >>> decode_invitation(data).dep_id == config.dep_id
    True
    >>> decode_invitation(data[:-1])
    Traceback (most recent call last):
    private_presence.errors.LengthError: 64 bytes expected at ...; 63 are left
    """
    result = decode_record(Invitation, data, MAX_INVITATION_SIZE)
    check_version(result.version, VERSION, "an invitation")
    sizes = [
        (result.dep_id, 16),
        (result.h_v, 32),
        (result.rk, 32),
        (result.signature, SIGNATURE_SIZE),
    ]
    for data_field, size in sizes:
        check_length(data_field, size, "a field of an invitation")
    keys = [result.public] + ([result.st.public] if result.st else [])
    for key in keys:
        check_public(check_length(key, KEY_SIZE, "a key of an invitation"))
    if result.st:
        check_length(result.st.ck, 32, "a chain key of an invitation")
    _check_numbers(result)
    return result


def _check_numbers(invitation: Invitation) -> None:
    numbers = [invitation.epoch, invitation.seq]
    numbers += [invitation.st.t] if invitation.st else []
    if any(number >= 1 << 32 for number in numbers):
        raise EncodingError("a number of an invitation needs more than 32 bits")


def check_invitation(data: bytes, config: Config, nonce: bytes) -> Invitation:
    """Read and check an invitation on receipt.

    Parameters
    ----------
    data : bytes
    config : Config
        Of this client's deployment.
    nonce : bytes, 32
        The one this client gave to the sender.

    Returns
    -------
    Invitation

    Raises
    ------
    ForeignStateError
        If it is for another deployment.

    Raises `VerificationError` if the signature is for another recipient or by another
    key, or if the member's key does not fit its group, and `EncodingError` as
    `decode_invitation` does.

    Examples
    --------
    Nobody passes an invitation on as her own:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.membership import invite
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> _, data = invite(new_circle(101, rng), config, "bob", bytes(32), rng)
    >>> check_invitation(data, config, bytes(32)).epoch
    101
    >>> check_invitation(data, config, b"n" * 32)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a signature does not fit: ...
    """
    invitation = decode_invitation(data)
    if not equal(invitation.dep_id, config.dep_id):
        raise ForeignStateError("this invitation is for another deployment")
    verify(invitation.public, _signed_part(invitation, nonce), invitation.signature)
    points = decode_g1(invitation.W), decode_g2(invitation.H)
    check_key(invitation.key, *points, invitation.h_v)
    return invitation
