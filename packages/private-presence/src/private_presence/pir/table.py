"""What every layout shares: which epoch a table is of, and its bytes in memory."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from private_presence.errors import LayoutError

DEPLOYMENT_SIZE = 16
LONG_TERM, SHORT_TERM = 1, 2


@dataclass(frozen=True)
class TableId:
    """The epoch a table belongs to; part of every hash made for it.

    Parameters
    ----------
    deployment : bytes, 16 of them
    kind : int
        1 for the long-term table, 2 for the short-term one.
    epoch : int
        From 0 to ``2 ** 32 - 1``.

    Raises
    ------
    LayoutError
        If a field is out of range.

    Examples
    --------
    >>> TableId(bytes(16), SHORT_TERM, 7).to_bytes().hex()
    '000000000000000000000000000000000200000007'
    """

    deployment: bytes
    kind: int
    epoch: int

    def __post_init__(self) -> None:
        # What is refused here has no encoding.
        fits = len(self.deployment) == DEPLOYMENT_SIZE and 0 <= self.epoch < 1 << 32
        if not (fits and self.kind in (LONG_TERM, SHORT_TERM)):
            raise LayoutError(
                "table: expected 16 bytes of deployment, kind 1 or 2 and a 32-bit epoch; "
                f"got {len(self.deployment)} bytes, kind {self.kind}, epoch {self.epoch}"
            )

    def to_bytes(self) -> bytes:
        """Return deployment || kind || epoch, 21 bytes, the epoch big-endian.

        Returns
        -------
        bytes
        """
        return self.deployment + bytes([self.kind]) + self.epoch.to_bytes(4, "big")


@dataclass(frozen=True, eq=False)
class Table:
    """An encoded table: what a lookup server holds for one epoch.

    Parameters
    ----------
    manifest : bytes
        What a client must know to ask this table.  The registrar signs it and every
        server countersigns it; both are the protocol's business.
    cells : (B, L, V) array of uint8
        B buckets of L cells of V bytes; read-only.

    Examples
    --------
    Four buckets of twelve cells for values of 128 bytes:

    >>> table = Table(b"manifest", aligned_zeros((4, 12, 128)))
    >>> table, table.cells.nbytes
    (Table(manifest=b'manifest'), 6144)
    """

    manifest: bytes
    cells: NDArray[np.uint8] = field(repr=False)


def aligned_zeros(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return zeroed bytes that start on a cache line, which the kernels read by.

    Parameters
    ----------
    shape : tuple of int

    Returns
    -------
    array of uint8

    Examples
    --------
    >>> aligned_zeros((3, 64)).ctypes.data % 64
    0
    """
    size = int(np.prod(shape, dtype=np.int64))
    buffer = np.zeros(size + 63, np.uint8)
    start = -buffer.ctypes.data % 64
    return buffer[start : start + size].reshape(shape)
