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

    Examples
    --------
    A record that was withdrawn is not written to the raw file:

    >>> import tempfile
    >>> from private_presence.server.storage import open_storage
    >>> values = {b"a" * 16: b"value", b"b" * 16: b""}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     storage = open_storage(f"sqlite:///{folder}/data")
    ...     storage.commit(Group(Kind.ST, 7, 1, 0, values=values))
    ...     _, count = storage.write_raw(Kind.ST, 7)
    ...     storage.close()
    >>> count
    1
    """

    kind: Kind
    epoch: int
    role: int
    day: int
    spent: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    values: dict[bytes, bytes] = field(default_factory=dict, repr=False)
