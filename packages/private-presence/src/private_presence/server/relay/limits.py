"""What a relay carries at once, and for how long."""

from dataclasses import dataclass

__all__ = ["RelayLimits"]


@dataclass(frozen=True)
class RelayLimits:
    """What the relay carries.

    Parameters
    ----------
    connections : int
        At once.
    most_bytes : int
        In each direction of a connection: a table of 1e5 long-term records, which a
        client of mode "download" may fetch, has 6e7.
    idle_seconds : float
        Without a byte in either direction.
    life_seconds : float
        In all; an exchange takes seconds.
    head_seconds : float
        For the TLS handshake and for the request, each.

    Examples
    --------
    A table of 100,000 long-term records fits, with some room:

    >>> from private_presence.protocol.config import Config
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> 100_000 * (16 + config.lt_value_size) < RelayLimits().most_bytes
    True
    """

    connections: int = 1024
    most_bytes: int = 100_000_000
    idle_seconds: float = 30.0
    life_seconds: float = 300.0
    head_seconds: float = 5.0
