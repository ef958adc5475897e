"""What the clock asks: tables whose time is over are given up."""

import asyncio
from dataclasses import replace

from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.server.lookup.desk import Desk

__all__ = ["retire"]


async def retire(desk: Desk) -> None:
    """Give up tables: ST after two epochs, LT after RETAIN.

    Parameters
    ----------
    desk : Desk
    """
    for kind in Kind:
        now = epoch_at(desk.config, kind, desk.clock.now())
        last = now - (desk.config.retain + 1 if kind is Kind.LT else 2)
        async with desk.locks[kind]:
            await asyncio.to_thread(_forget, desk, kind, last)


def _forget(desk: Desk, kind: Kind, last: int) -> None:
    shelf = desk.shelf
    old = [key for key in shelf.promised() if key.kind is kind and key.epoch <= last]
    chain = shelf.chain(kind)
    if old and last > chain.retired:  # before the promises are forgotten
        shelf.keep_chain(kind, replace(chain, retired=last))
    for key in old:
        shelf.remove(key)
        desk.metrics.state(*key, "RETIRED")
