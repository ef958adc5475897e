"""Logs as lines of JSON: what the service did, never for whom.

What a line may say is a list, not what it may not: the sentence that this program's own
code wrote, and a few named fields.  Lines of other libraries, whose sentences may name
addresses or paths, shrink to the library's name and the level; exceptions shrink to
their types and places.  As a second net, whatever looks like an address or a long run
of hexadecimal digits is blanked.
"""

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO, final

__all__ = ["JsonLines", "set_up_logs"]

OWN = "private_presence"
# Fields of a record (``extra=``) that are public by their nature.
FIELDS = ("kind", "epoch", "state", "server", "count", "seconds", "status", "where")
HIDDEN = re.compile(
    r"[0-9a-fA-F]{16,}"  # tags, keys, tokens, accounts
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?"
    r"|(?<![\w:])\[?[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}\]?(?::\d+)?"
    r"|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*:\d{2,5}"  # name:port
    r"|[A-Za-z0-9+/_-]{40,}={0,2}"
)
LONGEST = 500  # characters of a sentence


@final
class JsonLines(logging.Formatter):
    """One JSON object a line.

    Examples
    --------
    >>> record = logging.LogRecord(
    ...     "private_presence.x", logging.INFO, "", 0, "from 10.1.2.3:443", (), None
    ... )
    >>> json.loads(JsonLines().format(record))["message"]
    'from …'
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write a record.

        Parameters
        ----------
        record : logging.LogRecord

        Returns
        -------
        str
            Without a line break.
        """
        own = record.name == OWN or record.name.startswith(f"{OWN}.")
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(
                "T", "seconds"
            ),
            "level": record.levelname.lower(),
            "logger": record.name if own else record.name.split(".", 1)[0],
        }
        if own:
            line["message"] = _scrubbed(record.getMessage())
            line |= {f: _field(vars(record)[f]) for f in FIELDS if f in vars(record)}
        if record.exc_info and record.exc_info[1] is not None:
            line["failure"] = _places(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def set_up_logs(level: str, stream: TextIO) -> logging.Handler:
    """Send this process's logs to a stream, as JSON lines.

    Parameters
    ----------
    level : str
        debug, info, warning or error; other libraries get no finer than warning.
    stream : text file

    Returns
    -------
    logging.Handler
        To be removed from the root logger again, by tests.

    Examples
    --------
    >>> import io
    >>> stream = io.StringIO()
    >>> handler = set_up_logs("info", stream)
    >>> logging.getLogger("private_presence.x").info("late", extra={"epoch": 7})
    >>> logging.getLogger("somebody.else").error("from 10.1.2.3:443")
    >>> logging.getLogger().removeHandler(handler)
    >>> logging.getLogger("private_presence").setLevel(logging.NOTSET)
    >>> first, second = map(json.loads, stream.getvalue().splitlines())
    >>> first["message"], first["epoch"], "message" in second
    ('late', 7, False)
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(OWN).setLevel(level.upper())
    return handler


def _scrubbed(text: str) -> str:
    return HIDDEN.sub("…", text[:LONGEST])


def _field(value: object) -> object:
    return value if isinstance(value, int | float) else _scrubbed(str(value))


def _places(error: BaseException) -> list[str]:
    """Types of the exceptions, and file and line of each frame: no values."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
    cause = error.__cause__ or error.__context__
    first = _places(cause) if cause is not None else []
    return [*first, type(error).__name__, *places[-8:]]
