"""Bytes that each way of asking costs, from its parameters alone.

Payloads: the one byte of version and form that each query body and each answer carries
is counted by `framing`, and transport is the service's business.
"""

import math
from dataclasses import dataclass

from private_presence.pir.dp5 import bucket_count
from private_presence.pir.dpf import key_size
from private_presence.pir.fuse import fuse_shape


@dataclass(frozen=True)
class Costs:
    """Bytes of one epoch.

    Parameters
    ----------
    table : int
        Encoded, at each server.
    up, down : int
        Of one client, to and from all servers together.
    framing : int
        Version bytes of the same messages.

    Examples
    --------
    >>> Costs(table=4_000_000, up=600, down=38_400, framing=4).total
    39000
    """

    table: int
    up: int
    down: int
    framing: int

    @property
    def total(self) -> int:
        """Payload of one client, both ways."""
        return self.up + self.down


def xor_costs(
    load: int, value_size: int, *, servers: int = 2, buckets: int = 150
) -> Costs:
    """Return the costs of `XorPir`.

    Parameters
    ----------
    load : int
        Records in the fullest bucket.
    value_size, servers, buckets : int

    Returns
    -------
    Costs

    Examples
    --------
    >>> xor_costs(2148, 128).total  # 100,000 users, short epoch, two servers
    96032
    """
    length = fuse_shape(load).length
    up = 32 * (servers - 1) + buckets * -(-length // 8)
    return _fuse_costs(length, value_size, servers, buckets, up)


def shamir_costs(
    load: int,
    value_size: int,
    *,
    servers: int = 4,
    collusion: int = 2,
    buckets: int = 150,
) -> Costs:
    """Return the costs of `ShamirPir`.

    Parameters
    ----------
    load, value_size, servers, collusion, buckets : int

    Returns
    -------
    Costs

    Examples
    --------
    >>> shamir_costs(247, 128).up
    115264
    """
    length = fuse_shape(load).length
    up = 32 * collusion + (servers - collusion) * buckets * length
    return _fuse_costs(length, value_size, servers, buckets, up)


def dpf_costs(load: int, value_size: int, *, buckets: int = 150) -> Costs:
    """Return the costs of `DpfPir`.

    Parameters
    ----------
    load, value_size, buckets : int

    Returns
    -------
    Costs

    Examples
    --------
    >>> dpf_costs(20467, 128).up  # a million users
    145800
    """
    length = fuse_shape(load).length
    up = 2 * buckets * 3 * key_size(length)
    return _fuse_costs(length, value_size, 2, buckets, up)


def _fuse_costs(length, value_size, servers, buckets, up):
    table = buckets * length * value_size
    return Costs(table, up, servers * buckets * value_size, 2 * servers)


def download_costs(records: int, value_size: int) -> Costs:
    """Return the costs of `DownloadPir`.

    Parameters
    ----------
    records, value_size : int

    Returns
    -------
    Costs

    Examples
    --------
    >>> download_costs(10_000, 128).down
    1440000
    """
    whole = records * (16 + value_size)
    return Costs(whole, 0, whole, 2)


def dp5_costs(
    records: int, row: int, load: int, *, servers: int = 3, questions: int = 100
) -> Costs:
    """Return the costs of `Dp5Pir`, or of a download where that is less.

    Parameters
    ----------
    records : int
    row : int
        Bytes of a tag and a value.
    load : int
        Records in the fullest bucket, to which all are padded.
    servers, questions : int

    Returns
    -------
    Costs

    Examples
    --------
    >>> dp5_costs(1_000_000, 90, load=142).total  # 10,000 users with 100 entries each
    6680100
    """
    r = bucket_count(records, row)
    table = r * load * row
    up, down = servers * questions * r, servers * questions * load * row
    if up + down >= table:
        return Costs(table, 0, table, 2)
    return Costs(table, up, down, 2 * servers)


def dp5_formula(
    records: int, row: int, *, servers: int = 3, questions: int = 100
) -> float:
    """Return the bytes of a lookup in DP5's layout by an asymptotic formula.

    k Q (r + M row) with M = m + sqrt(2 m ln r) and m = n / r; derived, and valid where
    m is large against ln r.  The best of ten hashes makes real tables a little smaller.

    Parameters
    ----------
    records, row, servers, questions : int

    Returns
    -------
    float

    Examples
    --------
    >>> round(dp5_formula(1_000_000, 90) / 1e6, 2)
    6.88
    """
    r = math.sqrt(records * row)
    mean = records / r
    load = mean + math.sqrt(2 * mean * math.log(r))
    return servers * questions * (r + load * row)
