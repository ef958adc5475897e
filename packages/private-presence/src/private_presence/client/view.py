"""The screen of ``presence online``: a table that changes with the epochs.

Whatever could not be opened is shown as offline, in the same colour and words: a person
who looks over a shoulder, or at a screenshot, sees no difference either.
"""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from private_presence.client.lines import alarm_line, clock, failed_line, own_line
from private_presence.client.summary import FriendLine, Summary

__all__ = ["render"]

MAX_ALARMS = 3  # of each sort on the screen; `presence status` shows all


def render(summary: Summary, now: float) -> RenderableType:
    """Lay a summary out for a live screen.

    Parameters
    ----------
    summary : Summary
    now : float
        Seconds since 1970, for the countdown.

    Returns
    -------
    renderable
        Of rich.  Names and notes go in as `Text`: markup in them is not obeyed.

    Examples
    --------
    >>> import io
    >>> from rich.console import Console
    >>> friends = (FriendLine("alice", True, "at lunch", 0.0),)
    >>> about = ("active", True, (), 28_805, 8_641_800.0)
    >>> console = Console(file=io.StringIO(), width=80, color_system=None)
    >>> console.print(render(Summary(friends, 2, True, "", *about), 8_641_517.25))
    >>> drawn = console.file.getvalue().splitlines()
    >>> drawn[0].strip(), drawn[-1].strip()
    ('You are online; 2 friends can see it.',
     'epoch 28805, the next in 283 s; Ctrl-C ends')
    """
    table = Table(title="Friends", expand=False)
    for column in ("name", "presence", "note", "looked up"):
        table.add_column(column)
    for friend in summary.friends:
        table.add_row(*_cells(friend))
    if not summary.friends:
        table.add_row(Text("nobody yet"), "", "", "")
    left = max(0, round(summary.ends - now))
    foot = Text(f"epoch {summary.t}, the next in {left} s; Ctrl-C ends")
    return Group(_own(summary), table, *_failed(summary), *_alarms(summary), foot)


def _own(summary: Summary) -> Text:
    color = "green" if summary.visible else "yellow"
    return Text(own_line(summary), style=f"bold {color}")


def _cells(friend: FriendLine) -> tuple[Text, ...]:
    word = Text("online", "bold green") if friend.online else Text("offline", "dim")
    return Text(friend.name), word, Text(friend.note), Text(clock(friend.since))


def _failed(summary: Summary) -> list[Text]:
    causes = summary.troubles[:MAX_ALARMS]
    return [Text(failed_line(trouble), style="yellow") for trouble in causes]


def _alarms(summary: Summary) -> list[Text]:
    recent = summary.alarms[-MAX_ALARMS:]
    return [Text(alarm_line(sentence), style="bold red") for sentence in recent]
