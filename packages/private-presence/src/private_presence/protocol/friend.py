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
    """A friend's short-term key, and the chain key of ST epoch `t`."""

    public: bytes
    ck: Secret = field(repr=False)
    t: int


@dataclass(frozen=True)
class Friend:
    """What a reader keeps of one friend: neither G, nor W, nor H.

    `rk` is the ratchet secret of `epoch`, the one after the last record that opened;
    it stays there until another record opens or RETAIN epochs have passed (F4).
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
    """
    ck = _st_key(friend, config, t)
    if ck is None or friend.st is None:
        return Status.ABSENT, None, friend
    status, payload = open_st(config, friend.st.public, ck, t, value)
    keys = replace(friend.st, ck=step_st(ck, t, t + 1), t=t + 1)
    return status, payload, replace(friend, st=keys)
