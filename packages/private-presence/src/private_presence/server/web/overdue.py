"""Which tables should have been published by now, and were not."""

from collections.abc import Sequence

from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, epoch_at, start_of, window
from private_presence.server.metrics import EpochLine

__all__ = ["newest_published", "overdue"]


def newest_published(lines: Sequence[EpochLine], kind: Kind) -> int | None:
    """Return the epoch of the newest table of a kind that is known to be published.

    Parameters
    ----------
    lines : sequence of EpochLine
    kind : Kind

    Returns
    -------
    int or None

    Examples
    --------
    >>> lines = [EpochLine(Kind.ST, 8, "FROZEN"), EpochLine(Kind.ST, 7, "PUBLISHED")]
    >>> newest_published(lines, Kind.ST), newest_published(lines, Kind.LT)
    (7, None)
    """
    published = (
        line.epoch for line in lines if line.kind is kind and line.state == "PUBLISHED"
    )
    return max(published, default=None)


def overdue(
    config: Config, lines: Sequence[EpochLine], started: float, now: float
) -> tuple[Kind, ...]:
    """Say of which kinds no table was published for longer than it should be.

    Parameters
    ----------
    config : Config
    lines : sequence of EpochLine
        What this server knows of its tables.
    started : float
        When it started: if it knows of no published table, the first one that is due is
        that of the epoch after this one.
    now : float

    Returns
    -------
    tuple of Kind

    Notes
    -----
    A table is due when its epoch starts.  From the end of its window until then it has
    ``close`` to be frozen, built and signed; it is overdue after as long again, so that
    one slow table does not call anybody.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> lines = [EpochLine(kind, 9, "PUBLISHED") for kind in Kind]
    >>> [overdue(config, lines, 0.0, now) for now in (3029.9, 3030.1)]
    [(), (<Kind.ST: 2>,)]
    """
    late = []
    for kind in Kind:
        due, newest = _due(config, kind, now), newest_published(lines, kind)
        first = epoch_at(config, kind, started) + 1
        if due >= first if newest is None else due > newest:
            late.append(kind)
    return tuple(late)


def _due(config: Config, kind: Kind, now: float) -> int:
    # The newest epoch whose table has had twice the time that it is given.
    grace = start_of(config, kind, 1) - window(config, kind, 1)[1]
    return epoch_at(config, kind, max(now - grace, 0.0))
