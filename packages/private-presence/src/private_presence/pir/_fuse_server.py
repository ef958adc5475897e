"""What the servers of the backends over the fuse layout share."""

from abc import abstractmethod
from typing import final

import numpy as np
from numpy.typing import NDArray

from private_presence.pir._fuse_backend import answer_bytes, split_body
from private_presence.pir._shares import SEED_SIZE, expand_seed
from private_presence.pir.backend import PirServer
from private_presence.pir.manifest import FuseManifest


class FuseServer(PirServer):
    """Base of the servers that sum cells of each bucket with the weights of a query.

    Parameters
    ----------
    table : Table
    index : int
    kernel : Kernel
    """

    def __init__(self, table, index, kernel):
        self.manifest = FuseManifest.from_bytes(table.manifest)
        self.index, self.kernel = index, kernel
        self.words = kernel.prepare(table.cells)

    @abstractmethod
    def share(self, body: bytes) -> NDArray[np.uint8]:
        """Return the weights of a query, (B, width) array of uint8.

        Parameters
        ----------
        body : bytes
        """

    def sums(self, shares):
        """Return the sums of cells, (Q, B, V); by default weights are bits."""
        return self.kernel.select(self.words, shares, self.manifest.value_size)

    @final
    def answer(self, bodies):
        """See `PirServer.answer`."""
        if not bodies:
            return []
        shares = np.stack([self.share(body) for body in bodies])
        return [answer_bytes(values) for values in self.sums(shares)]


def read_share(server, body, seed, explicit, width):
    """Return the (B, width) weights that a body of form `seed` or `explicit` holds."""
    m = server.manifest
    size = m.buckets * width
    form, payload = split_body(body, {seed: SEED_SIZE, explicit: size})
    if form == seed:
        share = expand_seed(payload, m.table, server.index, size)
    else:
        share = np.frombuffer(payload, np.uint8)
    return share.reshape(m.buckets, width)
