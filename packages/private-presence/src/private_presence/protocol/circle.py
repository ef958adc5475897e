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
    """Someone who holds a key of the current generation.

    Examples
    --------
    Whom a user knows is not printed:

    >>> Member("bob", Scalar(2))
    Member()
    """

    name: str = field(repr=False)
    x: Scalar = field(repr=False)


@dataclass(frozen=True)
class SlotUse:
    """What occupies a slot: a member, or with an empty name a virtual one (F16).

    Examples
    --------
    In print a virtual member looks like a real one:

    >>> SlotUse(Scalar(2), ""), SlotUse(Scalar(3), "bob")
    (SlotUse(), SlotUse())
    """

    x: Scalar = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True)
class Pending:
    """An LT record that was built, and is not yet known to be published (F3).

    Examples
    --------
    Until it is looked up, the circle itself stays as it was:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.publish_lt import prepare_lt
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> circle = prepare_lt(new_circle(101, rng), config, 101, rng)
    >>> circle.pending.epoch, len(circle.pending.body), circle.pending.seq, circle.seq
    (101, 613, 1, 0)
    """

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
    """The one ST record of an epoch; a retry sends these bytes (F34).

    Examples
    --------
    What a user adds is not printed:

    >>> sent = SentSt(28_800, b"body", b"value", b"tag", StPayload(2, b"hello"))
    >>> "status=2" in repr(sent), "hello" in repr(sent)
    (True, False)
    """

    t: int
    body: bytes
    value: bytes
    tag: bytes
    payload: StPayload


@dataclass(frozen=True)
class StChain:
    """Short-term keys: a signing key, and the chain key of the next epoch `t`.

    Examples
    --------
    The chain key, and who knows it, are not printed:

    >>> chain = StChain(SigningKey(Secret(b"s"), b"p"), Secret(b"c"), 28_800, ("bob",))
    >>> chain
    StChain(signing=SigningKey(public=b'p'), t=28800, sent=None)
    """

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

    Examples
    --------
    Steps give a new circle, and none prints a name:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> before = new_circle(101, SystemRandomness())
    >>> after = replace(before, suspended=("barbara",))
    >>> before.suspended, after.suspended, "barbara" in repr(after)
    ((), ('barbara',), False)
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

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> circle = new_circle(101, SystemRandomness())
    >>> circle.epoch, circle.seq, circle.members, circle.st
    (101, 0, (), None)
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

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> circle = new_circle(101, SystemRandomness())
    >>> member_names(replace(circle, members=(Member("bob", Scalar(2)),)))
    frozenset({'bob'})
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

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> circle = new_circle(101, SystemRandomness())
    >>> unwanted(replace(circle, suspended=("ann",), revoking=("zoe", "bob")))
    ('zoe', 'bob', 'ann')
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

    Examples
    --------
    The same again from a restored seed, another one in another epoch:

    >>> seed, K = bytes(32), bytes(576)
    >>> key = st_signing_key(seed, K, bytes(16), 101)
    >>> [st_signing_key(seed, K, bytes(16), epoch) == key for epoch in (101, 102)]
    [True, False]
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

    Examples
    --------
    Sorted, and each of them once:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> circle = new_circle(101, SystemRandomness())
    >>> circle = with_used(circle, [Scalar(3), Scalar(2), Scalar(3)])
    >>> [int.from_bytes(x, "big") for x in circle.used]
    [2, 3]
    """
    new = {bytes(encode_scalar(x)) for x in xs}
    return replace(circle, used=tuple(sorted(new.union(circle.used))))
