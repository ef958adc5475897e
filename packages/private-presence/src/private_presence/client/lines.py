"""A summary as plain lines: for logs, pipes and screen readers."""

import time

from private_presence.client.summary import FriendLine, Summary

__all__ = ["changes", "clock", "lines", "own_line"]


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
        The person's own state, each friend, each alarm.
    """
    width = max((len(friend.name) for friend in summary.friends), default=0)
    friends = [_line(friend, width) for friend in summary.friends]
    alarms = [f"Alarm: {sentence}" for sentence in summary.alarms]
    return [own_line(summary), *(friends or ["You read nobody yet."]), *alarms]


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
    """
    if before is None:
        return lines(after)
    old = {friend.name: friend for friend in before.friends}
    new = [friend for friend in after.friends if _differs(friend, old)]
    width = max((len(friend.name) for friend in after.friends), default=0)
    result = [_line(friend, width) for friend in new]
    if (before.visible, before.why) != (after.visible, after.why):
        result = [lines(after)[0], *result]
    fresh = after.alarms[len(before.alarms) :] if after.alarms != before.alarms else ()
    return result + [f"Alarm: {sentence}" for sentence in fresh]


def _differs(friend: FriendLine, old: dict[str, FriendLine]) -> bool:
    other = old.get(friend.name)
    if other is None:
        return True
    return (friend.online, friend.note) != (other.online, other.note)
