"""A client's lookups: which tags, and what follows from what was found."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from private_presence.errors import PresenceError, RestoredStateError
from private_presence.primitives.secret import equal
from private_presence.protocol.circle import Circle
from private_presence.protocol.client import Client, mark_restored
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.friend import (
    forget,
    lt_place,
    read_lt,
    read_st,
    st_place,
)
from private_presence.protocol.machine import CLIENT, advance
from private_presence.protocol.payload import StPayload
from private_presence.protocol.publish_lt import own_lt_place, settle_lt
from private_presence.protocol.records import Place, Status, is_signed
from private_presence.protocol.restore import roll_forward

__all__ = ["take_lt", "take_st", "wanted"]


def wanted(
    client: Client, config: Config, kind: Kind, epoch: int
) -> dict[bytes, Callable[[bytes], bool]]:
    """The tags of a lookup, one's own first, each with the check of its value.

    Parameters
    ----------
    client : Client
    config : Config
    kind : Kind
    epoch : int

    Returns
    -------
    dict
        Tag to a function that says whether a value was signed for that tag.  At most
        C + F tags; the query hides how many.

    Examples
    --------
    A client without friends asks for its own tag; noise is no answer to it:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.client import new_client
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> client = new_client(config, 100, SystemRandomness())
    >>> checks = wanted(client, config, Kind.LT, 101)
    >>> [(len(tag), check(bytes(576))) for tag, check in checks.items()]
    [(16, False)]
    """
    if kind is Kind.LT:
        places = [own_lt_place(circle, config, epoch) for circle in client.circles]
        places += [lt_place(friend, config, epoch) for friend in client.friends]
        return _checks(places, config, kind, epoch)
    sent = [c.st.sent for c in client.circles if c.st and c.st.sent]
    own = {s.tag: partial(equal, s.value) for s in sent if s.t == epoch}
    friends = [st_place(friend, config, epoch) for friend in client.friends]
    return own | _checks(friends, config, kind, epoch)


def _checks(
    places: list[Place | None], config: Config, kind: Kind, epoch: int
) -> dict[bytes, Callable[[bytes], bool]]:
    return {
        where.tag: partial(is_signed, config, kind, where, epoch)
        for where in places
        if where is not None
    }


def take_lt(
    client: Client,
    config: Config,
    epoch: int,
    values: Mapping[bytes, bytes | None],
    today: int,
) -> tuple[Client, dict[str, Status]]:
    """Process a looked-up LT epoch, whose countersigned manifest is verified.

    Parameters
    ----------
    client : Client
    config : Config
    epoch : int
    values : mapping
        Tag to value, for the tags of `wanted`; noise for absent ones is fine.
    today : int
        The present LT epoch: `epoch`, or a later one during a walk.

    Returns
    -------
    client : Client
        "restored" if the epoch shows that the state is older than what this device
        has done; it rolls forward with this epoch already.
    statuses : dict
        By friend.

    Examples
    --------
    A client finds its own first record:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.client import new_client
    >>> from private_presence.protocol.client_publish import publish_lt
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> client = new_client(config, 100, rng)
    >>> client = publish_lt(client, config, 0, 101, 100 * 86_400.0, rng)
    >>> sent = client.circles[0].pending
    >>> client, statuses = take_lt(client, config, 101, {sent.tag: sent.value}, 101)
    >>> client.last_lt, client.circles[0].seq, statuses
    (101, 1, {})
    """
    client = _take_own(client, config, epoch, values, today)
    statuses, friends = {}, []
    for friend in client.friends:
        where = lt_place(friend, config, epoch)
        value = values.get(where.tag) if where else None
        status, friend = read_lt(friend, config, epoch, value)
        statuses[friend.name] = status
        friends.append(forget(friend, config, epoch))
    last = max(client.last_lt, epoch)
    return replace(client, friends=tuple(friends), last_lt=last), statuses


def _take_own(
    client: Client,
    config: Config,
    epoch: int,
    values: Mapping[bytes, bytes | None],
    today: int,
) -> Client:
    places = [own_lt_place(circle, config, epoch) for circle in client.circles]
    found = [values.get(where.tag) if where else None for where in places]
    before = client.phase
    try:
        client = _settled(client, config, epoch, found, today)
    except PresenceError:
        return replace(client, phase=advance(CLIENT, before, "generation lost"))
    if before == "restored" and epoch >= client.quiet_until - 2:
        client = replace(client, phase=advance(CLIENT, before, "rolled forward"))
    return client


def _settled(
    client: Client, config: Config, epoch: int, found: list[bytes | None], today: int
) -> Client:
    def each(settle: Callable[..., Circle]) -> Client:
        pairs = zip(client.circles, found, strict=True)
        circles = [settle(circle, config, epoch, value) for circle, value in pairs]
        return replace(client, circles=tuple(circles))

    if client.phase != "restored" and epoch >= client.quiet_until:
        try:
            return each(settle_lt)
        except RestoredStateError:
            # State and mirror were put back together: only the table tells (F5).
            client = mark_restored(client, today)
    return each(roll_forward)


def take_st(
    client: Client, config: Config, t: int, values: Mapping[bytes, bytes | None]
) -> tuple[Client, dict[str, tuple[Status, StPayload | None]]]:
    """Process a looked-up ST epoch, whose countersigned manifest is verified.

    Parameters
    ----------
    client : Client
    config : Config
    t : int
    values : mapping
        Tag to value.

    Returns
    -------
    client : Client
    presence : dict
        By friend.

    Examples
    --------
    A friend whose short-term keys did not come yet:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.client import accept_invitation, new_client
    >>> from private_presence.protocol.membership import invite
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> _, data = invite(new_circle(101, rng), config, "bob", bytes(32), rng)
    >>> client = new_client(config, 100, rng)
    >>> client = accept_invitation(client, config, "ann", data, bytes(32))
    >>> take_st(client, config, 28_800, {})[1]
    {'ann': (<Status.ABSENT: 'absent'>, None)}
    """
    presence, friends = {}, []
    for friend in client.friends:
        where = st_place(friend, config, t)
        value = values.get(where.tag) if where else None
        status, payload, friend = read_st(friend, config, t, value)
        presence[friend.name] = (status, payload)
        friends.append(friend)
    return replace(client, friends=tuple(friends)), presence
