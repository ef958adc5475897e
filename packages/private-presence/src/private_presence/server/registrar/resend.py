"""What a lookup server may lack: it was away, or came back with an empty folder."""

import asyncio
from collections.abc import Sequence

from private_presence.errors import PresenceError
from private_presence.protocol.epochs import Kind, epoch_seconds
from private_presence.protocol.quota import days_of_lookup
from private_presence.server.registrar.history import PATIENCE, last_published
from private_presence.server.registrar.means import Means
from private_presence.server.storage import TableState

__all__ = ["resend", "resend_missing"]


async def resend(means: Means, kind: Kind) -> None:
    """After a start, hand over the last tables again: some server may lack them.

    One that is away does not hold this up.

    Parameters
    ----------
    means : Means
    kind : Kind
        LT: all those whose token keys are in use, which a server that lost its folder
        needs before it can answer anybody.
    """
    states = await _last(means, kind)
    servers = range(len(means.config.servers))
    await asyncio.gather(*(_hand(means, i, states) for i in servers))


async def resend_missing(means: Means) -> None:
    """Hand over the last long tables to every server that does not know of them.

    It is asked often, because a server that lost its folder says nothing about it.

    Parameters
    ----------
    means : Means
    """
    states = await _last(means, Kind.LT)
    servers = range(len(means.config.servers))
    await asyncio.gather(*(_remind(means, i, states) for i in servers))


async def _last(means: Means, kind: Kind) -> list[TableState]:
    # Day d's token keys are in the manifest of LT epoch d - 1; the oldest comes first.
    states = await asyncio.to_thread(means.storage.states, kind)
    newest = last_published(states)
    if newest is None:
        return []
    oldest = newest.epoch
    if kind is Kind.LT:
        oldest = min(oldest, days_of_lookup(means.config, means.clock.now())[0] - 1)
    return [s for s in states if s.signed and s.epoch >= oldest]


async def _remind(means: Means, server: int, states: Sequence[TableState]) -> None:
    patience = min(PATIENCE, epoch_seconds(means.config, Kind.ST) / 8)
    missing = []
    try:
        async with asyncio.timeout(patience):
            for state in states:
                about = (server, Kind.LT, state.epoch)
                if not await means.peers.manifest_hash(*about):
                    missing.append(state)
    except (PresenceError, TimeoutError):
        means.metrics.peer_failure(server)
        return
    await _hand(means, server, missing)


async def _hand(means: Means, server: int, states: Sequence[TableState]) -> None:
    for state in states:
        about = (Kind(state.kind), state.epoch, state.signed)
        try:
            await means.peers.publish(server, *about)
        except PresenceError:
            means.metrics.peer_failure(server)
