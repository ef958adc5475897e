"""The manager's state of one circle: its keys, its members, what is on its way."""

from dataclasses import dataclass, field, replace

from private_presence.primitives.blinding import SigningKey, signing_key
from private_presence.primitives.curve import Scalar, encode_scalar
from private_presence.primitives.kdf import kdf, u32
from private_presence.primitives.manager_key import ManagerKey, setup
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import Secret
from private_presence.protocol.payload import StPayload

__all__ = [
    "Circle",
    "Member",
    "Pending",
    "SentSt",
    "SlotUse",
    "StChain",
    "member_names",
    "new_circle",
    "st_signing_key",
    "unwanted",
    "with_used",
]


@dataclass(frozen=True)
class Member:
    """Someone who holds a key of the current generation."""

    name: str = field(repr=False)
    x: Scalar = field(repr=False)


@dataclass(frozen=True)
class SlotUse:
    """What occupies a slot: a member, or with an empty name a virtual one (F16)."""

    x: Scalar = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True)
class Pending:
    """An LT record that was built, and is not yet known to be published (F3)."""

    epoch: int
    body: bytes
    value: bytes
    tag: bytes
    K: Secret = field(repr=False)
    signing_st: SigningKey
    slots: tuple[SlotUse, ...]
    out: tuple[str, ...] = field(repr=False)  # members it excludes
    left: tuple[str, ...] = field(repr=False)  # outstanding, without a slot
    new_generation: bool
    seq: int
    aux: bytes = field(repr=False)


@dataclass(frozen=True)
class SentSt:
    """The one ST record of an epoch; a retry sends these bytes (F34)."""

    t: int
    body: bytes
    value: bytes
    tag: bytes
    payload: StPayload


@dataclass(frozen=True)
class StChain:
    """Short-term keys: a signing key, and the chain key of the next epoch `t`."""

    signing: SigningKey
    ck: Secret = field(repr=False)
    t: int
    holders: tuple[str, ...] = field(repr=False)  # who knows these keys
    sent: SentSt | None = None


@dataclass(frozen=True)
class Circle:
    """Everything a manager keeps for one group.

    Parameters
    ----------
    key : ManagerKey
    seed : Secret
        From which short-term signing keys are derived, so that a manager restored
        from a backup recovers them from her own published records (F6).
    signing : SigningKey
        lambda, of the current generation.
    rk : Secret
        Ratchet secret of `epoch`.
    epoch : int
        The first LT epoch that is not settled.
    seq, generation : int
    members : tuple of Member
    used : tuple of bytes
        Every x issued or in a slot, for ever (F2).
    slots : tuple of SlotUse
        Empty at the start of a generation.
    suspended : tuple of str
        In sorted order.
    revoking : tuple of str
        In the user's order of priority.
    carried : bool
        An LT record of this generation carried a real exclusion: no key may be issued
        into it (F2).
    draining : bool
        The last transition left somebody without a slot (F7).
    renew : bool
        A new generation was asked for, so that somebody can be invited.
    st : StChain or None
    pending : Pending or None
    """

    key: ManagerKey
    seed: Secret = field(repr=False)
    signing: SigningKey
    rk: Secret = field(repr=False)
    epoch: int
    seq: int = 0
    generation: int = 0
    members: tuple[Member, ...] = ()
    used: tuple[bytes, ...] = field(default=(), repr=False)
    slots: tuple[SlotUse, ...] = ()
    suspended: tuple[str, ...] = field(default=(), repr=False)
    revoking: tuple[str, ...] = field(default=(), repr=False)
    carried: bool = False
    draining: bool = False
    renew: bool = False
    st: StChain | None = None
    pending: Pending | None = None


def new_circle(epoch: int, rng: Randomness) -> Circle:
    """Set up a group without members (4.7); also "Rekey now", and dropping (F17).

    Parameters
    ----------
    epoch : int
        The first LT epoch it can publish in.
    rng : Randomness

    Returns
    -------
    Circle
        No short-term keys yet: they come with the first published LT record (F26).
    """
    key, signing = setup(rng), signing_key(rng.draw(64))
    return Circle(key, Secret(rng.draw(32)), signing, Secret(rng.draw(32)), epoch)


def member_names(circle: Circle) -> frozenset[str]:
    """Names of the members of the current generation.

    Parameters
    ----------
    circle : Circle

    Returns
    -------
    frozenset of str
    """
    return frozenset(member.name for member in circle.members)


def unwanted(circle: Circle) -> tuple[str, ...]:
    """Whom the user asked to exclude: removals by priority, then suspensions.

    Parameters
    ----------
    circle : Circle

    Returns
    -------
    tuple of str
    """
    return circle.revoking + circle.suspended


def st_signing_key(seed: bytes, K: bytes, dep_id: bytes, epoch: int) -> SigningKey:
    """The short-term signing key that an LT record announces.

    Parameters
    ----------
    seed : bytes, 32
        Of the circle.
    K : bytes, 576
        Of the record's header: nobody knows it before the record exists.
    dep_id : bytes, 16
    epoch : int

    Returns
    -------
    SigningKey
    """
    return signing_key(kdf("st-key", seed + K, dep_id + u32(epoch), 64))


def with_used(circle: Circle, xs: list[Scalar]) -> Circle:
    """Record that some x were used.

    Parameters
    ----------
    circle : Circle
    xs : list of Scalar

    Returns
    -------
    Circle
    """
    new = {bytes(encode_scalar(x)) for x in xs}
    return replace(circle, used=tuple(sorted(new.union(circle.used))))
