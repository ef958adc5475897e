"""State machines as tables: (state, event) -> next state."""

from collections.abc import Mapping
from typing import TypeVar

from private_presence.errors import StateError

__all__ = ["CLIENT", "INTAKE", "advance"]

S = TypeVar("S", bound=str)

# A table of one kind and epoch at the registrar.  Every event may be repeated by a
# registrar that restarts: the state after it is the same.
INTAKE: Mapping[tuple[str, str], str] = {
    ("open", "freeze"): "frozen",
    ("frozen", "freeze"): "frozen",
    ("frozen", "build"): "built",
    ("built", "build"): "built",
    ("built", "publish"): "published",
    ("published", "publish"): "published",
    ("published", "retire"): "retired",
    ("retired", "retire"): "retired",
}

# A client.  Only an active one registers.
CLIENT: Mapping[tuple[str, str], str] = {
    ("active", "found restored"): "restored",
    ("restored", "found restored"): "restored",
    ("restored", "rolled forward"): "active",
    ("restored", "generation lost"): "rekey",
    ("active", "generation lost"): "rekey",
    ("rekey", "generation lost"): "rekey",
    ("rekey", "found restored"): "rekey",
    ("rekey", "rekeyed"): "active",
    ("restored", "rekeyed"): "active",
    ("active", "rekeyed"): "active",
}


def advance(table: Mapping[tuple[str, str], str], state: str, event: str) -> str:
    """Take one step of a machine.

    Parameters
    ----------
    table : mapping
        `INTAKE` or `CLIENT`.
    state, event : str

    Returns
    -------
    str
        The next state.

    Raises
    ------
    StateError
        If the table has no such step.

    Examples
    --------
    >>> advance(INTAKE, "open", "freeze")
    'frozen'
    >>> advance(INTAKE, "open", "publish")
    Traceback (most recent call last):
    private_presence.errors.StateError: in state open only freeze is allowed; got publish
    """
    try:
        return table[state, event]
    except KeyError:
        known = ", ".join(e for s, e in table if s == state) or "nothing"
        raise StateError(
            f"in state {state} only {known} is allowed; got {event}"
        ) from None
