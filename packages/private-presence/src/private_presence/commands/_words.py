"""Names, times and foreign text, as people may safely see them."""

import time

from private_presence.errors import InputError
from private_presence.protocol.config import Config

MAX_NAME = 64  # characters

# How far an exclusion is, by the words of `membership.shown_exclusions`.
PROGRESS = {
    "": "",
    "effective": "effective",
    "on its way": "in the record that is built: effective once that is published",
    "next": "goes into the next record",
    "queued": "waits: there are more exclusions than a record has slots",
}


def check_name(name: str) -> str:
    if not (0 < len(name) <= MAX_NAME and name.isprintable() and name == name.strip()):
        raise InputError(
            f"a name has 1 to {MAX_NAME} printable characters, without blanks at its "
            "ends; got another: choose one"
        )
    return name


def check_circle(config: Config, index: int) -> int:
    if not 0 <= index < config.circles:
        raise InputError(f"circles 0 to {config.circles - 1} exist; got {index}")
    return index


def moment(when: float) -> str:
    """A local time, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
