"""What time asks: tables whose time is over are given up."""

import asyncio
from dataclasses import replace

from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.server.lookup.desk import Desk

__all__ = ["retire"]


async def retire(desk: Desk) -> None:
    """Give up tables: ST after two epochs, LT after RETAIN.

    A clock that is ahead for a minute must not cost a table or a promise, so the epoch
    that counts is the newest one that everybody signed (F18), or the clock's if that is
    earlier.  Raw files that were never published go once R has asked for later tables:
    they would fill the disk while another server is away.

    Parameters
    ----------
    desk : Desk

    Raises
    ------
    StorageError
        If a file could not be removed.
    """
    for kind in Kind:
        now = epoch_at(desk.config, kind, desk.clock.now())
        kept = desk.config.retain + 1 if kind is Kind.LT else 2
        async with desk.locks[kind]:
            await asyncio.to_thread(_forget, desk, kind, now, kept)


def _forget(desk: Desk, kind: Kind, now: int, kept: int) -> None:
    shelf = desk.shelf
    chain = shelf.chain(kind)
    promised = [key for key in shelf.promised() if key.kind is kind]
    last = min(now, chain.newest) - kept
    old = [key for key in promised if key.epoch <= last]
    if old and last > chain.retired:  # before the promises are forgotten
        shelf.keep_chain(kind, replace(chain, retired=last))
    for key in old:
        shelf.remove(key)
        desk.metrics.state(*key, "RETIRED")
    asked = max((key.epoch for key in promised), default=0)
    for key in promised:
        if last < key.epoch <= min(now, asked) - kept:
            shelf.drop_unpublished(key)
