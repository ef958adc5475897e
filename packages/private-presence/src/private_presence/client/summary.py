"""What a screen shows of a device: pure, from the saved device and the time alone."""

import time
from dataclasses import dataclass, field

from private_presence.client.device import Alarm, Device, Sight
from private_presence.client.register import parcel_of
from private_presence.client.text import shown
from private_presence.client.troubles import Trouble, troubles
from private_presence.protocol.circle import member_names
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, epoch_at, lt_of_st, start_of
from private_presence.protocol.membership import can_invite, shown_exclusions
from private_presence.protocol.publish_st import why_invisible

__all__ = [
    "ADVICE",
    "FriendLine",
    "ReaderLine",
    "Summary",
    "may_invite",
    "readers",
    "summary",
]

# A record says that somebody was there when its window was open: it is believed in its
# epoch and, until that one's lookup is done, in the next.
FRESH = 1

# Why a client that is not active registers nothing, and what to do about it.
PHASES = {
    "restored": "this device was restored",
    "rekey": "this device cannot find its keys",
}
ADVICE = {
    "restored": "stay online, and it finds out where its keys are",
    "rekey": "run presence rekey, and invite everybody again",
}


@dataclass(frozen=True)
class FriendLine:
    """A friend whom this person reads.

    Parameters
    ----------
    name : str
    online : bool
        False for whatever did not open: absent, excluded, malformed and unreadable
        are one word on a screen, offline.
    note : str
        The friend's own words, fit for a terminal.
    since : float
        Start of the epoch that was looked up last, in seconds since 1970; 0 for never.

    Examples
    --------
    Names and notes stay out of logs:

    >>> line = FriendLine("alice", True, "at lunch", 8_641_500.0)
    >>> line
    FriendLine(since=8641500.0)
    >>> line.name, line.note
    ('alice', 'at lunch')
    """

    name: str = field(repr=False)
    online: bool = field(repr=False)
    note: str = field(repr=False)
    since: float


@dataclass(frozen=True)
class ReaderLine:
    """Somebody who can read this person.

    Parameters
    ----------
    name : str
    circle : int
    exclusion : str
        Empty, or how far an exclusion is: see `membership.shown_exclusions`.
    wish : str
        "suspended", "being removed" or empty.

    Examples
    --------
    >>> line = ReaderLine("bob", 0, "next", "suspended")
    >>> line
    ReaderLine(circle=0, exclusion='next', wish='suspended')
    >>> line.name
    'bob'
    """

    name: str = field(repr=False)
    circle: int
    exclusion: str
    wish: str


@dataclass(frozen=True)
class Summary:
    """One screen.

    Parameters
    ----------
    friends : tuple of FriendLine
        By name.
    readers : int
        How many hold the keys of the records that friends see now: whom an exclusion
        hides this person from is not among them, and nobody is if it is invisible.
    visible : bool
        Whether friends see this person in the present short epoch, as far as this
        device can know: the registrar confirmed a record for it.
    why : str
        Why not; empty if visible.
    phase : str
        Of the client: active, restored or rekey.
    enrolled : bool
    alarms : tuple of str
        A sentence for each sort with its times, newest last.
    t : int
        The present ST epoch.
    ends : float
        When it ends, in seconds since 1970.
    troubles : tuple of Trouble
        What lately failed.

    Examples
    --------
    As `summary` makes it, and as `lines` writes it:

    >>> from private_presence.client.lines import own_line
    >>> own_line(Summary((), 2, True, "", "active", True, (), 28_805, 8_641_800.0))
    'You are online; 2 friends can see it.'
    """

    friends: tuple[FriendLine, ...]
    readers: int
    visible: bool
    why: str
    phase: str
    enrolled: bool
    alarms: tuple[str, ...]
    t: int
    ends: float
    troubles: tuple[Trouble, ...] = ()


def summary(device: Device, config: Config, now: float) -> Summary:
    """Sum a device up.

    Parameters
    ----------
    device : Device
    config : Config
    now : float
        Seconds since 1970.

    Returns
    -------
    Summary

    Examples
    --------
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> screen = summary(device, config, 8_641_517.25)
    >>> screen.visible, screen.why, screen.t, screen.ends
    (False, 'this device is not enrolled', 28805, 8641800.0)
    """
    t = epoch_at(config, Kind.ST, now)
    sights = {sight.name: sight for sight in device.sights}
    names = sorted(friend.name for friend in device.client.friends)
    lines = [_friend(config, name, sights.get(name), t) for name in names]
    circles = range(len(device.client.circles))
    reasons = [_circle_why(device, config, index, t) for index in circles]
    why = _why(device, reasons)
    return Summary(
        tuple(lines),
        0 if why else _who_can_see(device, reasons),
        not why,
        why,
        device.client.phase,
        bool(device.account),
        _alarms(device),
        t,
        start_of(config, Kind.ST, t + 1),
        troubles(device, config, now),
    )


def _friend(config: Config, name: str, sight: Sight | None, t: int) -> FriendLine:
    if sight is None:
        return FriendLine(name, False, "", 0.0)
    online = sight.online and t - FRESH <= sight.t <= t
    note = shown(sight.aux) if online else ""
    since = start_of(config, Kind.ST, sight.t) if sight.t else 0.0
    return FriendLine(name, online, note, since)


def _alarms(device: Device) -> tuple[str, ...]:
    sorts: dict[str, list[Alarm]] = {}
    for alarm in sorted(device.alarms, key=lambda alarm: alarm.when_ms):
        sorts[alarm.what] = [*sorts.pop(alarm.what, ()), alarm]
    return tuple(_dated(alarms[0], alarms[-1]) for alarms in sorts.values())


def _dated(first: Alarm, last: Alarm) -> str:
    when, since = (_minute(alarm.when_ms) for alarm in (last, first))
    return f"{last.sentence} ({when}{'' if since == when else f'; first {since}'})"


def _minute(when_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when_ms / 1000))


def _why(device: Device, reasons: list[str]) -> str:
    if not device.account:
        return "this device is not enrolled"
    phase = device.client.phase
    if phase != "active":
        return f"{PHASES[phase]}: {ADVICE[phase]}"
    if not device.wish.visible:
        return "this device is not online"
    return "" if "" in reasons else reasons[0]


def _circle_why(device: Device, config: Config, index: int, t: int) -> str:
    circle = device.client.circles[index]
    if circle.epoch > lt_of_st(config, t) + 1:
        return (
            "this device's keys are of a later day, since its clock was ahead when they "
            "were made: set it, or run presence rekey"
        )
    sent = circle.st.sent if circle.st else None
    if sent is None or sent.t not in (t, t + 1):
        return why_invisible(circle, config, t + 1) or "the next record is not due yet"
    # While the next epoch's record is on its way, the present one's is seen.
    if any(_accepted(device, epoch, index) for epoch in range(t, sent.t + 1)):
        return ""
    return "the registrar has not confirmed the record yet"


def _accepted(device: Device, t: int, index: int) -> bool:
    parcel = parcel_of(device, Kind.ST, t, index)
    return parcel is not None and parcel.accepted


def _who_can_see(device: Device, reasons: list[str]) -> int:
    pairs = zip(device.client.circles, reasons, strict=True)
    chains = [circle.st for circle, reason in pairs if not reason]
    return sum(len(chain.holders) for chain in chains if chain)


def readers(device: Device, config: Config) -> tuple[ReaderLine, ...]:
    """List who can read a person, and how far exclusions are.

    Parameters
    ----------
    device : Device
    config : Config

    Returns
    -------
    tuple of ReaderLine
        By circle and name.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.client import change_circle
    >>> from private_presence.protocol.membership import invite, suspend
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> rng = SystemRandomness()
    >>> device = new_device(config, 100, rng)
    >>> circle, _ = invite(device.client.circles[0], config, "bob", bytes(32), rng)
    >>> client = change_circle(device.client, 0, lambda _: suspend(circle, "bob"))
    >>> readers(replace(device, client=client), config)
    (ReaderLine(circle=0, exclusion='next', wish='suspended'),)
    """
    lines = []
    for index, circle in enumerate(device.client.circles):
        progress = shown_exclusions(circle, config)
        for name in sorted(member_names(circle)):
            wish = "suspended" if name in circle.suspended else ""
            wish = "being removed" if name in circle.revoking else wish
            lines.append(ReaderLine(name, index, progress.get(name, ""), wish))
    return tuple(lines)


def may_invite(device: Device) -> tuple[bool, ...]:
    """Say for each circle whether an invitation can be made now (F2).

    Parameters
    ----------
    device : Device

    Returns
    -------
    tuple of bool

    Examples
    --------
    A generation that excluded somebody takes nobody new in:

    >>> from dataclasses import replace
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.client import change_circle
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> after = change_circle(device.client, 0, lambda c: replace(c, carried=True))
    >>> may_invite(device), may_invite(replace(device, client=after))
    ((True,), (False,))
    """
    return tuple(can_invite(circle) for circle in device.client.circles)
