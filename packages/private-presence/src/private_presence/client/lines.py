"""A summary as plain lines: for logs, pipes and screen readers."""

import time

from private_presence.client.summary import FriendLine, Summary
from private_presence.client.troubles import Trouble

__all__ = ["alarm_line", "changes", "clock", "failed_line", "lines", "own_line"]


def clock(when: float) -> str:
    """Write a time of day.

    Parameters
    ----------
    when : float
        Seconds since 1970; 0 for never.

    Returns
    -------
    str

    Examples
    --------
    >>> clock(0.0)
    'never'
    """
    return time.strftime("%H:%M:%S", time.localtime(when)) if when else "never"


def own_line(summary: Summary) -> str:
    """Say whether the person is seen.

    Parameters
    ----------
    summary : Summary

    Returns
    -------
    str

    Examples
    --------
    >>> about = ("active", True, (), 28_805, 8_641_800.0)
    >>> own_line(Summary((), 1, True, "", *about))
    'You are online; 1 friend can see it.'
    >>> own_line(Summary((), 1, False, "this device is not online", *about))
    'You are invisible: this device is not online.'
    """
    if not summary.visible:
        return f"You are invisible: {summary.why}."
    friends = "friend" if summary.readers == 1 else "friends"
    return f"You are online; {summary.readers} {friends} can see it."


def lines(summary: Summary) -> list[str]:
    """Write a summary.

    Parameters
    ----------
    summary : Summary

    Returns
    -------
    list of str
        The person's own state, each friend, what lately failed, each alarm.

    Examples
    --------
    >>> friends = (FriendLine("alice", True, "at lunch", 0.0),)
    >>> about = (
    ...     "active",
    ...     True,
    ...     ("a lookup server answers wrongly",),
    ...     28_805,
    ...     8_641_800.0,
    ... )
    >>> for line in lines(Summary(friends, 1, True, "", *about)):
    ...     print(line)
    You are online; 1 friend can see it.
    alice  online   looked up never  at lunch
    Alarm: a lookup server answers wrongly
    """
    width = max((len(friend.name) for friend in summary.friends), default=0)
    friends = [_line(friend, width) for friend in summary.friends]
    alarms = [alarm_line(sentence) for sentence in summary.alarms]
    failed = [failed_line(trouble) for trouble in summary.troubles]
    friends = friends or ["You read nobody yet."]
    return [own_line(summary), *friends, *failed, *alarms]


def alarm_line(sentence: str) -> str:
    """Write an alarm.

    Parameters
    ----------
    sentence : str

    Returns
    -------
    str

    Examples
    --------
    >>> alarm_line("a lookup server answers wrongly")
    'Alarm: a lookup server answers wrongly'
    """
    return f"Alarm: {sentence}"


def failed_line(trouble: Trouble) -> str:
    """Write what lately failed.

    Parameters
    ----------
    trouble : Trouble

    Returns
    -------
    str

    Examples
    --------
    >>> failed_line(Trouble("the day's keys: nobody answers", 0.0))
    "Failed at never: the day's keys: nobody answers"
    """
    return f"Failed at {clock(trouble.when)}: {trouble.sentence}"


def _line(friend: FriendLine, width: int) -> str:
    word = "online" if friend.online else "offline"
    seen = f"looked up {clock(friend.since)}"
    note = f"  {friend.note}" if friend.note else ""
    return f"{friend.name:{width}}  {word:7}  {seen}{note}"


def changes(before: Summary | None, after: Summary) -> list[str]:
    """Write what is new since another summary.

    Parameters
    ----------
    before : Summary or None
    after : Summary

    Returns
    -------
    list of str
        Everything, the first time.

    Examples
    --------
    That another epoch was looked up is nothing new; that somebody left is:

    >>> about = (1, True, "", "active", True, (), 28_805, 8_641_800.0)
    >>> def screen(*, online):
    ...     return Summary((FriendLine("alice", online, "", 0.0),), *about)
    >>> changes(screen(online=True), screen(online=True))
    []
    >>> changes(screen(online=True), screen(online=False))
    ['alice  offline  looked up never']
    """
    if before is None:
        return lines(after)
    old = {friend.name: friend for friend in before.friends}
    new = [friend for friend in after.friends if _differs(friend, old)]
    width = max((len(friend.name) for friend in after.friends), default=0)
    result = [_line(friend, width) for friend in new]
    if own_line(before) != own_line(after):
        result = [own_line(after), *result]
    known = {trouble.sentence for trouble in before.troubles}
    failed = [failed_line(t) for t in after.troubles if t.sentence not in known]
    fresh = [sentence for sentence in after.alarms if sentence not in before.alarms]
    return [*result, *failed, *map(alarm_line, fresh)]


def _differs(friend: FriendLine, old: dict[str, FriendLine]) -> bool:
    other = old.get(friend.name)
    if other is None:
        return True
    return (friend.online, friend.note) != (other.online, other.note)
