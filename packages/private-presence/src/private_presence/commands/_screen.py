"""Where ``presence online`` shows itself: a live table, or a line for each change."""

import io
import select
import sys
from abc import ABC, abstractmethod
from types import TracebackType
from typing import final

from private_presence.client.lines import changes, clock
from private_presence.client.summary import Summary
from private_presence.commands._people import say


class Screen(ABC):
    """A context manager that shows summaries."""

    def __enter__(self) -> "Screen":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    @abstractmethod
    def show(self, summary: Summary, now: float) -> None:
        """Show a summary in the place of the one before."""


@final
class Lines(Screen):
    """A line for each change: for logs, pipes and screen readers."""

    def __init__(self) -> None:
        self._before: Summary | None = None

    def show(self, summary: Summary, now: float) -> None:
        for line in changes(self._before, summary):
            say(f"{clock(now)}  {line}")
        self._before = summary
        sys.stdout.flush()
        _check_reader()


def _check_reader() -> None:
    # A pipe says that its reader left when it is written to, which may take hours.
    try:
        handle = sys.stdout.fileno()
    except io.UnsupportedOperation:
        return
    poll = select.poll()
    poll.register(handle, 0)
    if any(event & select.POLLERR for _, event in poll.poll(0)):
        raise BrokenPipeError("nobody reads what is shown")


@final
class Table(Screen):
    """A table that is drawn again where it stands."""

    def __init__(self) -> None:
        from rich.live import Live

        from private_presence.client.view import render

        # The caller says when: a thread of rich's own would draw while a prompt waits.
        self._live = Live(auto_refresh=False)
        self._render = render

    def __enter__(self) -> "Table":
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, summary: Summary, now: float) -> None:
        self._live.update(self._render(summary, now), refresh=True)
