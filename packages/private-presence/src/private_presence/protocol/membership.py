"""Inviting, suspending, resuming and removing: wishes that the next records fulfil."""

from dataclasses import replace

from private_presence.errors import CapacityError, InputError, StateError
from private_presence.primitives.curve import encode_g1, encode_g2
from private_presence.primitives.manager_key import fresh_x, join, verification_hash
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.secret import Secret
from private_presence.protocol.circle import (
    Circle,
    Member,
    member_names,
    unwanted,
    with_used,
)
from private_presence.protocol.config import Config
from private_presence.protocol.invitation import (
    Invitation,
    StInvitation,
    sign_invitation,
)

__all__ = [
    "ask_new_generation",
    "can_invite",
    "invite",
    "resume",
    "revoke",
    "shown_exclusions",
    "suspend",
]


def can_invite(circle: Circle) -> bool:
    """Say whether a key may be issued into the current generation (F2).

    Parameters
    ----------
    circle : Circle

    Returns
    -------
    bool
        False once a record of this generation carried a real exclusion: the new key
        would open that record.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> rng = SystemRandomness()
    >>> circle = new_circle(7, rng)
    >>> can_invite(circle), can_invite(replace(circle, carried=True))
    (True, False)
    """
    pending = circle.pending
    return not (circle.carried or (pending and pending.out))


def ask_new_generation(circle: Circle) -> Circle:
    """Let the next LT record start a generation, so that somebody can be invited.

    Parameters
    ----------
    circle : Circle

    Returns
    -------
    Circle
        Friends who are suspended by then must be invited again later (F7).

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> rng = SystemRandomness()
    >>> ask_new_generation(new_circle(7, rng)).renew
    True
    """
    return replace(circle, renew=True)


def invite(
    circle: Circle, config: Config, name: str, nonce: bytes, rng: Randomness
) -> tuple[Circle, bytes]:
    """Issue a key and sign an invitation to one recipient (F1, F22).

    Parameters
    ----------
    circle : Circle
    config : Config
    name : str
        For this user's own list.
    nonce : bytes, 32
        From the recipient, so that nobody passes the invitation on as her own.
    rng : Randomness

    Returns
    -------
    circle : Circle
    invitation : bytes
        For a channel that is authenticated and confidential.

    Raises
    ------
    InputError
        If the name is taken.
    CapacityError
        If there are as many members as the deployment allows.
    StateError
        If the current generation has excluded somebody.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> rng = SystemRandomness()
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> circle, letter = invite(new_circle(7, rng), config, "bob", bytes(32), rng)
    >>> [member.name for member in circle.members]
    ['bob']
    >>> invite(circle, config, "bob", bytes(32), rng)
    Traceback (most recent call last):
    private_presence.errors.InputError: this name is already a member: ...
    """
    if name in member_names(circle):
        raise InputError("this name is already a member: choose another one")
    if len(circle.members) >= config.max_friends:
        raise CapacityError(f"at most {config.max_friends} members: remove one first")
    if not can_invite(circle):
        raise StateError(
            "this generation has excluded somebody, and a new key would open those "
            "records: ask for a new generation, and invite once it is published"
        )
    used = set(circle.used)
    if circle.pending:
        used.update(bytes(use.x.to_be_bytes()) for use in circle.pending.slots)
    key = join(circle.key, fresh_x(circle.key, used, rng))
    circle = with_used(circle, [key.x])
    circle = replace(circle, members=(*circle.members, Member(name, key.x)))
    circle, st = _share_st(circle, name)
    message = Invitation(
        config.dep_id,
        key,
        encode_g1(circle.key.W),
        encode_g2(circle.key.H),
        verification_hash(circle.key),
        circle.signing.public,
        circle.rk,
        circle.epoch,
        circle.seq,
        st,
    )
    return circle, sign_invitation(message, circle.signing, nonce, rng)


def _share_st(circle: Circle, name: str) -> tuple[Circle, StInvitation | None]:
    chain = circle.st
    if chain is None:
        return circle, None
    holders = tuple(sorted({*chain.holders, name}))
    circle = replace(circle, st=replace(chain, holders=holders))
    return circle, StInvitation(chain.signing.public, Secret(chain.ck), chain.t)


def _check_member(circle: Circle, name: str) -> None:
    if name not in member_names(circle):
        raise InputError(
            "nobody of this name is a member of the circle; if a change of generation "
            "came while she was suspended, invite her again"
        )


def suspend(circle: Circle, name: str) -> Circle:
    """Exclude somebody for a time, from the next LT record on.

    Parameters
    ----------
    circle : Circle
    name : str

    Returns
    -------
    Circle
        Until it is effective the user stays invisible in short-term tables.

    Raises
    ------
    InputError
        If she is no member.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> rng = SystemRandomness()
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> circle, _ = invite(new_circle(7, rng), config, "bob", bytes(32), rng)
    >>> suspend(circle, "bob").suspended
    ('bob',)
    >>> suspend(circle, "carol")
    Traceback (most recent call last):
    private_presence.errors.InputError: nobody of this name is a member ...
    """
    _check_member(circle, name)
    if name in unwanted(circle):
        return circle
    return replace(circle, suspended=tuple(sorted((*circle.suspended, name))))


def resume(circle: Circle, name: str) -> Circle:
    """End a suspension, from the next LT record on.

    Parameters
    ----------
    circle : Circle
    name : str

    Returns
    -------
    Circle

    Raises
    ------
    InputError
        If she is no member, or a new generation has removed her meanwhile: invite her
        again.
    StateError
        If she is being removed: that is not taken back.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> rng = SystemRandomness()
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> circle, _ = invite(new_circle(7, rng), config, "bob", bytes(32), rng)
    >>> resume(suspend(circle, "bob"), "bob") == circle
    True
    >>> resume(revoke(circle, "bob"), "bob")
    Traceback (most recent call last):
    private_presence.errors.StateError: this friend is being removed, which is not ...
    """
    _check_member(circle, name)
    if name in circle.revoking:
        raise StateError(
            "this friend is being removed, which is not taken back: invite her again "
            "after the next change of keys"
        )
    kept = tuple(other for other in circle.suspended if other != name)
    return replace(circle, suspended=kept)


def revoke(circle: Circle, name: str) -> Circle:
    """Remove somebody for good, by the next transition record.

    Parameters
    ----------
    circle : Circle
    name : str

    Returns
    -------
    Circle
        More removals than slots queue in this order.

    Raises
    ------
    InputError
        If she is no member.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> rng = SystemRandomness()
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> circle, _ = invite(new_circle(7, rng), config, "bob", bytes(32), rng)
    >>> revoke(suspend(circle, "bob"), "bob").revoking
    ('bob',)
    """
    _check_member(circle, name)
    if name in circle.revoking:
        return circle
    circle = resume(circle, name)
    return replace(circle, revoking=(*circle.revoking, name))


def shown_exclusions(circle: Circle, config: Config) -> dict[str, str]:
    """What to show a user of the exclusions she asked for.

    Parameters
    ----------
    circle : Circle
    config : Config

    Returns
    -------
    dict of str
        By name: "effective", "on its way" in a record that is built, "next" for the
        record after, or "queued" where there are more exclusions than slots.  Until
        all are effective the user stays invisible.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> rng = SystemRandomness()
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> circle, _ = invite(new_circle(7, rng), config, "bob", bytes(32), rng)
    >>> shown_exclusions(suspend(circle, "bob"), config)
    {'bob': 'next'}
    """
    holders = circle.st.holders if circle.st else tuple(sorted(member_names(circle)))
    on_its_way = circle.pending.out if circle.pending else ()
    shown = {}
    for i, name in enumerate(unwanted(circle)):
        if name not in holders and name in circle.suspended:
            shown[name] = "effective"
        elif name in on_its_way:
            shown[name] = "on its way"
        else:
            shown[name] = "next" if i < config.slots else "queued"
    return shown
