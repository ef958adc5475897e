"""The way of asking that a configuration fixes; no client may choose another (F13)."""

from functools import lru_cache
from typing import TYPE_CHECKING

from private_presence import pir  # loads its names, and numpy, when they are used
from private_presence.protocol.config import Config

if TYPE_CHECKING:
    from private_presence.pir import PirBackend

__all__ = ["backend_of"]


@lru_cache(maxsize=16)
def backend_of(config: Config) -> "PirBackend":
    """Make the backend of a deployment.

    Parameters
    ----------
    config : Config

    Returns
    -------
    PirBackend
        For F friends and one's own C tags at once.

    Examples
    --------
    >>> backend = backend_of(Config(bytes(32), (bytes(32),) * 2, bytes(32)))
    >>> type(backend).__name__, backend.servers, backend.capacity
    ('XorPir', 2, 101)
    """
    capacity, buckets = config.max_friends + config.circles, config.buckets
    if config.mode == "xor":
        return pir.XorPir(
            servers=len(config.servers), capacity=capacity, buckets=buckets
        )
    if config.mode == "shamir":
        return pir.ShamirPir(
            servers=len(config.servers),
            collusion=config.privacy,
            capacity=capacity,
            buckets=buckets,
        )
    if config.mode == "dpf":
        return pir.DpfPir(capacity=capacity, buckets=buckets)
    return pir.DownloadPir(capacity=capacity)
