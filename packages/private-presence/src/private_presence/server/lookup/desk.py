"""What the steps of publishing share: means, promises, and who is accused."""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import final

from private_presence.errors import EpochError, StateError
from private_presence.primitives.blinding import SigningKey
from private_presence.primitives.randomness import Randomness
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.server.clock import Clock
from private_presence.server.lookup.kept import Kept
from private_presence.server.lookup.limits import Limits
from private_presence.server.lookup.shelf import Shelf, TableKey
from private_presence.server.metrics import Metrics
from private_presence.server.peers import Peers

__all__ = ["Desk"]

LOG = logging.getLogger(__name__)


@final
@dataclass(frozen=True)
class Desk:
    """One server's means.

    Parameters
    ----------
    config : Config
    index : int
        This server's number.
    key : SigningKey
    shelf : Shelf
    peers : Peers
    clock : Clock
    rng : Randomness
    metrics : Metrics
    limits : Limits
    locks : dict
        One for each kind: a step reads and writes a table's promise and the chain.
    """

    config: Config
    index: int
    key: SigningKey = field(repr=False)
    shelf: Shelf
    peers: Peers
    clock: Clock
    rng: Randomness
    metrics: Metrics
    limits: Limits
    locks: dict[Kind, asyncio.Lock] = field(
        default_factory=lambda: {kind: asyncio.Lock() for kind in Kind}
    )

    def near(self, key: TableKey) -> bool:
        """Say whether a promise may be made: within one epoch of the own clock (F18).

        Parameters
        ----------
        key : TableKey

        Returns
        -------
        bool
        """
        now = epoch_at(self.config, key.kind, self.clock.now())
        retired = self.shelf.chain(key.kind).retired
        return abs(now - key.epoch) <= 1 and key.epoch > retired

    def check_near(self, key: TableKey) -> None:
        """Refuse a promise for another time.

        Parameters
        ----------
        key : TableKey

        Raises
        ------
        EpochError
            If it is not `near`.
        """
        now = epoch_at(self.config, key.kind, self.clock.now())
        retired = self.shelf.chain(key.kind).retired
        if key.epoch <= retired:
            raise EpochError(
                f"expected an epoch after {retired}, up to which this server has given "
                f"up its tables; got {key.epoch}: compare the clocks"
            )
        if not self.near(key):
            raise EpochError(
                f"expected an epoch within one of {now}, by this server's clock; got "
                f"{key.epoch}: compare the clocks"
            )

    def check_in_time(self, key: TableKey) -> None:
        """Refuse the first promise for a short table that is of no use any more.

        R asks while the epoch before lasts, and gives a short table up before its own
        ends: if it is over by this clock, one of the two clocks is wrong.

        Parameters
        ----------
        key : TableKey

        Raises
        ------
        EpochError
            If it is not `near`, or short and over.
        """
        self.check_near(key)
        now = epoch_at(self.config, key.kind, self.clock.now())
        if key.kind is Kind.ST and key.epoch < now:
            raise EpochError(
                f"expected a short epoch that is not over, from {now} on by this "
                f"server's clock; got {key.epoch}: compare the clocks"
            )

    def kept(self, key: TableKey) -> Kept:
        """Return what was promised for a table.

        Parameters
        ----------
        key : TableKey

        Returns
        -------
        Kept

        Raises
        ------
        StateError
            If nothing was.
        """
        kept = self.shelf.kept(key)
        if kept is None:
            raise StateError("this server has promised nothing for this table")
        return kept

    def accuse(self, key: TableKey, what: str, proof: bytes) -> None:
        """Keep a proof that somebody made two statements, and raise the alarm.

        Parameters
        ----------
        key : TableKey
        what : str
            One word of the program's own.
        proof : bytes
        """
        self.metrics.mismatch()
        LOG.error("%s: two statements about its %s; a proof is kept", key.word, what)
        self.shelf.testify(key, what, proof)
