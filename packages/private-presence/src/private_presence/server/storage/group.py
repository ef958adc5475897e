"""A group of posts that becomes durable at once."""

from dataclasses import dataclass, field

from private_presence.protocol.epochs import Kind

__all__ = ["Group"]


@dataclass(frozen=True)
class Group:
    """What a few milliseconds of posts for one table amount to.

    Parameters
    ----------
    kind : Kind
    epoch : int
    role, day : int
        Of the tokens.
    spent : dict from bytes to bytes
        Token, 32, to the hash of the body that it pays for, 32.
    values : dict from bytes to bytes
        Tag, 16, to value; an empty value is a tombstone.
    """

    kind: Kind
    epoch: int
    role: int
    day: int
    spent: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    values: dict[bytes, bytes] = field(default_factory=dict, repr=False)
