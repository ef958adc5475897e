"""The reader's state of one friend, and how records move it."""

from dataclasses import dataclass, field, replace

from private_presence.primitives.manager_key import MemberKey
from private_presence.primitives.member_key import absorb_member
from private_presence.primitives.ratchet import (
    base_factor,
    next_rk,
    rk_of_generation,
    st_root,
    start_st,
    step_rk,
    step_st,
)
from private_presence.primitives.secret import Secret
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, first_st
from private_presence.protocol.invitation import Invitation
from private_presence.protocol.lt_record import OpenedLt, open_lt
from private_presence.protocol.payload import StPayload
from private_presence.protocol.records import Place, Status, place
from private_presence.protocol.st_record import open_st

__all__ = [
    "Friend",
    "StKeys",
    "forget",
    "friend_of",
    "lt_place",
    "read_lt",
    "read_st",
    "st_place",
]


@dataclass(frozen=True)
class StKeys:
    """A friend's short-term key, and the chain key of ST epoch `t`.

    Examples
    --------
    The chain key is not printed:

    >>> StKeys(b"P_st", Secret(b"ck"), 28_800)
    StKeys(public=b'P_st', t=28800)
    """

    public: bytes
    ck: Secret = field(repr=False)
    t: int


@dataclass(frozen=True)
class Friend:
    """What a reader keeps of one friend: neither G, nor W, nor H.

    `rk` is the ratchet secret of `epoch`, the one after the last record that opened;
    it stays there until another record opens or RETAIN epochs have passed (F4).

    Examples
    --------
    Neither the name nor a secret is printed:

    >>> from private_presence.primitives.curve import G1_GENERATOR, G2_GENERATOR, scalar
    >>> key = MemberKey(scalar(2), G1_GENERATOR, G2_GENERATOR)
    >>> Friend("ann", key, b"Lambda", Secret(b"rk"), 101, 0)
    Friend(key=MemberKey(), public=b'Lambda', epoch=101, seq=0, generation=0, st=None)
    """

    name: str = field(repr=False)
    key: MemberKey
    public: bytes  # Lambda
    rk: Secret = field(repr=False)
    epoch: int
    seq: int
    generation: int = 0
    st: StKeys | None = None


def friend_of(name: str, invitation: Invitation) -> Friend:
    """Keep what a checked invitation leaves to keep.

    Parameters
    ----------
    name : str
    invitation : Invitation

    Returns
    -------
    Friend

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.invitation import check_invitation
    >>> from private_presence.protocol.membership import invite
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> _, data = invite(new_circle(101, rng), config, "bob", bytes(32), rng)
    >>> friend = friend_of("ann", check_invitation(data, config, bytes(32)))
    >>> friend.name, friend.epoch, friend.st
    ('ann', 101, None)
    """
    st = invitation.st
    keys = StKeys(st.public, st.ck, st.t) if st else None
    i = invitation
    return Friend(name, i.key, i.public, i.rk, i.epoch, i.seq, st=keys)


def _within(config: Config, friend: Friend, epoch: int) -> bool:
    return friend.epoch <= epoch <= friend.epoch + config.retain + 1


def lt_place(friend: Friend, config: Config, epoch: int) -> Place | None:
    """Where the friend's LT record is, if she published one in this generation.

    Parameters
    ----------
    friend : Friend
    config : Config
    epoch : int

    Returns
    -------
    Place or None
        None if the epoch was opened before or is out of reach.

    Examples
    --------
    It is where the owner publishes; there is none for an epoch gone by:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.invitation import check_invitation
    >>> from private_presence.protocol.membership import invite
    >>> from private_presence.protocol.publish_lt import own_lt_place
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> circle, data = invite(new_circle(101, rng), config, "bob", bytes(32), rng)
    >>> friend = friend_of("ann", check_invitation(data, config, bytes(32)))
    >>> lt_place(friend, config, 103) == own_lt_place(circle, config, 103)
    True
    >>> lt_place(friend, config, 100) is None
    True
    """
    if not _within(config, friend, epoch):
        return None
    rk = step_rk(friend.rk, friend.epoch, epoch)
    return place(config.dep_id, Kind.LT, friend.public, rk, epoch)


def read_lt(
    friend: Friend, config: Config, epoch: int, value: bytes | None
) -> tuple[Status, Friend]:
    """Open a friend's LT record and follow it.

    Parameters
    ----------
    friend : Friend
    config : Config
    epoch : int
    value : bytes or None

    Returns
    -------
    status : Status
    friend : Friend
        Unchanged unless the status is OK; then B, Lambda, rk, P_st and the epoch
        change together.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.invitation import check_invitation
    >>> from private_presence.protocol.membership import invite
    >>> from private_presence.protocol.publish_lt import prepare_lt
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> circle, data = invite(new_circle(101, rng), config, "bob", bytes(32), rng)
    >>> friend = friend_of("ann", check_invitation(data, config, bytes(32)))
    >>> value = prepare_lt(circle, config, 101, rng).pending.value
    >>> status, friend = read_lt(friend, config, 101, value)
    >>> status, friend.epoch, friend.seq
    (<Status.OK: 'ok'>, 102, 1)
    """
    if not _within(config, friend, epoch):
        return Status.ABSENT, friend
    rk = step_rk(friend.rk, friend.epoch, epoch)
    status, opened = open_lt(config, friend.key, friend.public, rk, epoch, value)
    if opened is None:
        return status, friend
    if opened.payload.seq <= friend.seq:  # an old record, republished (F6)
        return Status.ABSENT, friend
    return Status.OK, _follow(friend, config, epoch, rk, opened)


def _follow(
    friend: Friend, config: Config, epoch: int, rk: Secret, opened: OpenedLt
) -> Friend:
    K, payload, t = opened.K, opened.payload, first_st(config, epoch)
    ck = start_st(st_root(K, rk, config.dep_id, epoch), t)
    friend = replace(
        friend,
        rk=next_rk(rk, epoch),
        epoch=epoch + 1,
        seq=payload.seq,
        st=StKeys(payload.public_st, ck, t),
    )
    if not payload.new_generation:
        return friend
    s = base_factor(K, rk, config.dep_id, epoch)
    return replace(
        friend,
        key=absorb_member(friend.key, opened.b_s, s),
        public=payload.public_st,
        rk=rk_of_generation(K, rk, epoch),
        generation=friend.generation + 1,
    )


def forget(friend: Friend, config: Config, epoch: int) -> Friend:
    """Delete ratchet secrets of epochs whose tables are gone.

    Parameters
    ----------
    friend : Friend
    config : Config
    epoch : int
        The newest one with a verified manifest (F18).

    Returns
    -------
    Friend
        At most RETAIN + 1 steps further.

    Examples
    --------
    Thirty epochs back are within reach, and no more:

    >>> from private_presence.primitives.curve import G1_GENERATOR, G2_GENERATOR, scalar
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> key = MemberKey(scalar(2), G1_GENERATOR, G2_GENERATOR)
    >>> friend = Friend("ann", key, bytes(32), Secret(bytes(32)), 101, 0)
    >>> forget(friend, config, 131) == friend, forget(friend, config, 132).epoch
    (True, 102)
    """
    oldest = min(epoch - config.retain, friend.epoch + config.retain + 1)
    if oldest <= friend.epoch:
        return friend
    return replace(friend, rk=step_rk(friend.rk, friend.epoch, oldest), epoch=oldest)


def _st_key(friend: Friend, config: Config, t: int) -> Secret | None:
    keys, far = friend.st, (config.retain + 1) * config.st_per_lt
    if keys is None or not keys.t <= t <= keys.t + far:
        return None
    return step_st(keys.ck, keys.t, t)


def st_place(friend: Friend, config: Config, t: int) -> Place | None:
    """Where the friend's ST record is.

    Parameters
    ----------
    friend : Friend
    config : Config
    t : int

    Returns
    -------
    Place or None
        None without keys for this epoch.

    Examples
    --------
    A chain key goes forward, never back:

    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.curve import G1_GENERATOR, G2_GENERATOR, scalar
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> st = StKeys(signing_key(bytes(range(64))).public, Secret(bytes(32)), 28_800)
    >>> key = MemberKey(scalar(2), G1_GENERATOR, G2_GENERATOR)
    >>> friend = Friend("ann", key, bytes(32), Secret(bytes(32)), 101, 0, st=st)
    >>> [st_place(friend, config, t) is None for t in (28_799, 28_800, 28_801)]
    [True, False, False]
    """
    ck = _st_key(friend, config, t)
    if ck is None or friend.st is None:
        return None
    return place(config.dep_id, Kind.ST, friend.st.public, ck, t)


def read_st(
    friend: Friend, config: Config, t: int, value: bytes | None
) -> tuple[Status, StPayload | None, Friend]:
    """Open a friend's ST record, and delete its chain key either way.

    Parameters
    ----------
    friend : Friend
    config : Config
    t : int
        An epoch with a verified manifest.
    value : bytes or None

    Returns
    -------
    status : Status
    payload : StPayload or None
    friend : Friend

    Examples
    --------
    A record is read once, since its chain key is then gone:

    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.curve import G1_GENERATOR, G2_GENERATOR, scalar
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.st_record import seal_st
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> owner, secret = signing_key(bytes(range(64))), Secret(bytes(32))
    >>> st = StKeys(owner.public, secret, 28_800)
    >>> key = MemberKey(scalar(2), G1_GENERATOR, G2_GENERATOR)
    >>> friend = Friend("ann", key, bytes(32), secret, 101, 0, st=st)
    >>> value, _ = seal_st(config, owner, secret, 28_800, StPayload(2), rng)
    >>> status, payload, friend = read_st(friend, config, 28_800, value)
    >>> status, payload, read_st(friend, config, 28_800, value)[0]
    (<Status.OK: 'ok'>, StPayload(status=2), <Status.ABSENT: 'absent'>)
    """
    ck = _st_key(friend, config, t)
    if ck is None or friend.st is None:
        return Status.ABSENT, None, friend
    status, payload = open_st(config, friend.st.public, ck, t, value)
    keys = replace(friend.st, ck=step_st(ck, t, t + 1), t=t + 1)
    return status, payload, replace(friend, st=keys)
