"""What has been published so far, as this registrar and as the lookup servers know it.

A registrar that was restored from a backup may have promised more than it remembers.
The servers remember: before a table is touched they are asked which manifest they have
signed for it.  If there is one, it stays the only one, and its hash is adopted.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from private_presence.errors import PresenceError
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.protocol.manifest import (
    encode_manifest,
    manifest_hash,
    verify_manifest,
)
from private_presence.server.registrar.means import Means, ask_all, log
from private_presence.server.registrar.steps import save
from private_presence.server.storage import TableState

__all__ = ["adopt", "first_epoch", "last_published", "outdated", "recall"]

ST_KEPT = 2  # short tables are kept for that many epochs
PATIENCE = 5.0  # seconds for an answer that can be done without


def last_published(states: Sequence[TableState]) -> TableState | None:
    """The newest table that was published, whose hash the next manifest names.

    Parameters
    ----------
    states : sequence of TableState

    Returns
    -------
    TableState or None

    Examples
    --------
    >>> last_published([TableState(1, 3, "published"), TableState(1, 4)]).epoch
    3
    """
    published = [state for state in states if state.phase == "published"]
    return max(published, key=lambda state: state.epoch, default=None)


def first_epoch(
    config: Config, kind: Kind, now: float, states: Sequence[TableState], floor: int
) -> int:
    """The table to work on next.

    Parameters
    ----------
    config : Config
    kind : Kind
    now : float
    states : sequence of TableState
        All stored ones of the kind.
    floor : int
        The last one that was given up; of no weight if this clock went back since.

    Returns
    -------
    int
        The one after the last that was published or given up.  At first, and after a
        long outage: for LT the epoch before now, so that there are token keys and a
        table for those who come; for ST the epoch that is now, and at first the next.

    Examples
    --------
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> now = 100 * 86_400.0
    >>> [first_epoch(config, kind, now, [], -1) for kind in (Kind.LT, Kind.ST)]
    [99, 28801]
    >>> first_epoch(config, Kind.LT, now, [TableState(1, 100, "published")], -1)
    101

    A table of the present is taken up again, one that a clock far ahead began is not:

    >>> states = [TableState(2, 28_800), TableState(2, 133_920)]
    >>> first_epoch(config, Kind.ST, now, states, -1)
    28800
    >>> first_epoch(config, Kind.ST, now, states[1:], -1)
    28801
    """
    current = epoch_at(config, kind, now)
    newest = last_published(states)
    passed = max(newest.epoch if newest else -1, floor if floor <= current + 1 else -1)
    if kind is Kind.LT:
        return max(passed + 1, current - 1, 0)
    if newest or passed >= 0:
        return max(passed + 1, current)
    # No table of a later time: it was begun by a clock that was ahead.
    begun = (s.epoch for s in states if current <= s.epoch <= current + 1)
    return min(begun, default=current + 1)


def outdated(
    config: Config, kind: Kind, epoch: int, states: Sequence[TableState]
) -> list[TableState]:
    """What may go once a table is published: ST after two epochs, LT after RETAIN.

    The servers' signatures show what time it is; this machine's clock alone removes
    nothing (F18).

    Parameters
    ----------
    config : Config
    kind : Kind
    epoch : int
        Published now.
    states : sequence of TableState

    Returns
    -------
    list of TableState
        Those, and the ones before it that will never be published.

    Examples
    --------
    Short tables are kept for two epochs; what was never published goes at once:

    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> states = [TableState(2, epoch, "published") for epoch in (4, 5, 6)]
    >>> states.append(TableState(2, 3))
    >>> [state.epoch for state in outdated(config, Kind.ST, 7, states)]
    [4, 3]
    """
    kept = config.retain if kind is Kind.LT else ST_KEPT
    return [
        state
        for state in states
        if state.epoch < (epoch - kept if state.phase == "published" else epoch)
    ]


async def adopt(means: Means, state: TableState) -> TableState | None:
    """Ask the servers whether a table has a manifest that this registrar forgot.

    Parameters
    ----------
    means : Means
    state : TableState

    Returns
    -------
    TableState or None
        As it was, if there is none; published, with the hash only, if all servers
        name the same one.  None if only some do: nobody will serve that one, and there
        must be no other.
    """
    if state.manifest:
        return state
    kind, epoch = Kind(state.kind), state.epoch

    async def ask(server: int) -> bytes:
        return await means.peers.manifest_hash(server, kind, epoch)

    hashes = set(await ask_all(means, kind, epoch, ask))
    if hashes == {b""}:
        return state
    means.metrics.mismatch()
    known = "a manifest of %s %d is signed that this registrar does not have"
    if len(hashes) > 1:
        log.error(f"{known}, and not by all servers: it is given up", kind.name, epoch)
        await means.close(kind, epoch)
        return None
    log.error(f"{known}: restored from an older copy, it adopts it", kind.name, epoch)
    return await _adopted(means, kind, epoch, hashes.pop())


async def _adopted(
    means: Means, kind: Kind, epoch: int, digest: bytes, signed: bytes = b""
) -> TableState:
    await means.close(kind, epoch)
    await asyncio.to_thread(means.storage.drop_records, kind, epoch)
    about = (int(kind), epoch, "published")
    known = TableState(*about, manifest_hash=digest, signed=signed)
    return await save(means, known, "adopted")


async def recall(means: Means, kind: Kind, states: Sequence[TableState]) -> None:
    """Look for a manifest newer than the last one that this registrar remembers.

    Without it a restored registrar would name a predecessor that the servers have
    gone beyond, and they would refuse all that follows.

    Parameters
    ----------
    means : Means
    kind : Kind
    states : sequence of TableState
    """
    servers = range(len(means.config.servers))
    answers = await asyncio.gather(*(_newest(means, kind, i) for i in servers))
    known, found = last_published(states), max(answers)
    if found.signed and found.epoch > (known.epoch if known else -1):
        log.error("%s %d was published: restored from before", kind.name, found.epoch)
        means.metrics.mismatch()
        await _adopted(means, kind, *found)


class _Found(NamedTuple):
    epoch: int = -1
    digest: bytes = b""
    signed: bytes = b""


async def _newest(means: Means, kind: Kind, server: int) -> _Found:
    # Only what everybody has signed is believed, this registrar's own key included.
    try:
        async with asyncio.timeout(PATIENCE):
            data = await means.peers.newest(server, kind)
        if not data:
            return _Found()
        epoch, signed = int.from_bytes(data[:4], "big"), data[4:]
        manifest = verify_manifest(signed, means.config, kind, epoch, None)
    except (PresenceError, TimeoutError):
        means.metrics.peer_failure(server)
        return _Found()
    return _Found(epoch, manifest_hash(encode_manifest(manifest)), signed)
