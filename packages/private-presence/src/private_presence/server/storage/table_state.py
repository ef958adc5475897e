"""What a registrar has promised about one table: its whole memory between two steps."""

from dataclasses import dataclass, field

from private_presence.errors import CorruptStateError, EncodingError
from private_presence.primitives.reader import check_version
from private_presence.protocol.codec import decode_record, encode_record

__all__ = ["TableState", "decode_state", "encode_state"]

VERSION = 1
MAX_STATE_SIZE = 1 << 17


@dataclass(frozen=True)
class TableState:
    """One kind and epoch.  A field that is filled is never filled differently.

    Parameters
    ----------
    kind, epoch : int
    phase : str
        A state of `machine.INTAKE`.
    count : int
        Records of the raw file.
    commitments : tuple of bytes
        Signed, 96 each, of every lookup server; empty until all are there.
    raw_hash, raw_signature : bytes
        SHA-256 of the raw file, and R's word that it is the only one.
    openings : tuple of bytes
        128 each, of every lookup server; empty until all are there.
    manifest : bytes
        The only one that R will ever ask anybody to sign for this table.
    manifest_hash : bytes
        What the next manifest names; kept when the rest has been removed.
    signed : bytes
        The manifest with all signatures, as it is served.  Empty in a published table
        if only the hash is known: a registrar restored from a backup learnt it from
        the lookup servers.

    Examples
    --------
    >>> from dataclasses import replace
    >>> state = TableState(kind=2, epoch=7)
    >>> state.phase, replace(state, phase="frozen", count=3).count
    ('open', 3)
    """

    kind: int
    epoch: int
    phase: str = "open"
    count: int = 0
    commitments: tuple[bytes, ...] = ()
    raw_hash: bytes = b""
    raw_signature: bytes = b""
    openings: tuple[bytes, ...] = ()
    manifest: bytes = field(default=b"", repr=False)
    manifest_hash: bytes = b""
    signed: bytes = field(default=b"", repr=False)
    version: int = VERSION


def encode_state(state: TableState) -> bytes:
    """Write a state.

    Parameters
    ----------
    state : TableState

    Returns
    -------
    bytes

    Examples
    --------
    >>> data = encode_state(TableState(kind=2, epoch=7))
    >>> decode_state(data).epoch
    7
    >>> decode_state(data[:-1])
    Traceback (most recent call last):
    private_presence.errors.CorruptStateError: the state of a table cannot be read ...
    """
    return encode_record(state)


def decode_state(data: bytes) -> TableState:
    """Read a state.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    TableState

    Raises
    ------
    CorruptStateError
        If these are not bytes that `encode_state` wrote.

    Examples
    --------
    >>> state = TableState(kind=2, epoch=7, raw_hash=bytes(32))
    >>> decode_state(encode_state(state)) == state
    True
    """
    try:
        state = decode_record(TableState, data, MAX_STATE_SIZE)
        check_version(state.version, VERSION, "the state of a table")
    except EncodingError as error:
        raise CorruptStateError(
            f"the state of a table cannot be read ({error}): restore a backup"
        ) from None
    return state
