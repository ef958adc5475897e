"""Before a table is built: commit, take the raw file, open (F9).

Every step is durable before it is told, and repeating it gives the same answer.  What
other servers ask of this one never waits for what this one asks of them, or two servers
that open at the same time would wait for each other.
"""

import asyncio
from dataclasses import replace
from hashlib import sha256
from typing import final

from private_presence.errors import (
    CapacityError,
    PeerError,
    PresenceError,
    ReplayError,
    StateError,
)
from private_presence.pir import Records
from private_presence.primitives.blinding import SIGNATURE_SIZE
from private_presence.primitives.reader import check_length
from private_presence.primitives.secret import equal
from private_presence.protocol.lookup_server import (
    encode_opening,
    open_part,
    verify_commitment,
    verify_raw,
)
from private_presence.protocol.messages import value_size
from private_presence.server.lookup.desk import Desk
from private_presence.server.lookup.kept import Kept, fresh
from private_presence.server.lookup.shelf import TableKey

__all__ = ["Promises"]


@final
class Promises:
    """The steps that R and the other servers ask for before the salt is known.

    Parameters
    ----------
    desk : Desk
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def commitment(self, key: TableKey) -> bytes:
        """Commit to a part of the salt.

        Parameters
        ----------
        key : TableKey

        Returns
        -------
        bytes
            96.
        """
        return (await self._promised(key)).commitments[self._desk.index]

    async def take_raw(self, key: TableKey, body: bytes) -> bytes:
        """Take the frozen records, if R signed them and no others.

        Parameters
        ----------
        key : TableKey
        body : bytes
            R's signature 64, the file.

        Returns
        -------
        bytes
            None.

        Raises
        ------
        ReplayError
            If R signed another file for this table: both are kept as a proof.
        """
        signature, raw = body[:SIGNATURE_SIZE], body[SIGNATURE_SIZE:]
        digest = await asyncio.to_thread(_sha256, raw)
        verify_raw(self._desk.config, *key, digest, signature)
        await self._promised(key)
        async with self._desk.locks[key.kind]:
            kept = self._desk.kept(key)
            if kept.raw_hash and not equal(kept.raw_hash, digest):
                both = (kept.raw_hash, kept.raw_signature, digest, signature)
                if kept.raw_signature:
                    self._desk.accuse(key, "raw", b"".join(both))
                raise ReplayError("R signed two raw files for this table: stop")
            await asyncio.to_thread(self._store_raw, key, raw, digest)
            if not kept.raw_signature:
                named = replace(kept, raw_hash=digest, raw_signature=signature)
                await asyncio.to_thread(self._desk.shelf.keep, key, named)
        return b""

    async def open(self, key: TableKey, raw_hash: bytes) -> bytes:
        """Open the part of the salt, once everybody has committed to theirs.

        Parameters
        ----------
        key : TableKey
        raw_hash : bytes, 32

        Returns
        -------
        bytes
            128.

        Raises
        ------
        StateError
            If the raw file did not arrive.
        ReplayError
            If another one did.
        """
        check_length(raw_hash, 32, "a raw file's hash")
        kept = self._desk.kept(key)
        if not kept.raw_hash:
            raise StateError("push the raw file before its part of the salt is opened")
        if not equal(kept.raw_hash, raw_hash):
            raise ReplayError("this server holds another raw file for this table")
        self._desk.check_near(key)
        await self._learn_commitments(key)
        async with self._desk.locks[key.kind]:
            kept = self._desk.kept(key)
            if not kept.opening:
                state = kept.promise(*key)
                about = (self._desk.config, raw_hash, self._desk.key, self._desk.rng)
                _, opening = open_part(state, *about)
                kept = replace(kept, opening=encode_opening(opening))
                await asyncio.to_thread(self._desk.shelf.keep, key, kept)
        return kept.opening

    async def _promised(self, key: TableKey) -> Kept:
        if (kept := self._desk.shelf.kept(key)) is not None:
            return kept
        self._desk.check_in_time(key)
        async with self._desk.locks[key.kind]:
            if self._desk.shelf.kept(key) is None:
                own = (self._desk.index, self._desk.key)
                kept = fresh(
                    self._desk.config, (key.kind, key.epoch), own, self._desk.rng
                )
                await asyncio.to_thread(self._desk.shelf.keep, key, kept)
                self._desk.metrics.state(*key, "OPEN")
        return self._desk.kept(key)

    def _store_raw(self, key: TableKey, raw: bytes, digest: bytes) -> None:
        path = self._desk.shelf.path(key, "raw")
        if path.exists() and equal(_sha256(path.read_bytes()), digest):
            return  # a resend
        rows = Records.from_bytes(
            raw, value_size=value_size(self._desk.config, key.kind)
        )
        if len(rows) > self._desk.limits.records:
            raise CapacityError(
                f"a table has at most {self._desk.limits.records} records here; got "
                f"{len(rows)}: raise `records` in the settings of every lookup server"
            )
        self._desk.shelf.put(key, "raw", raw)
        self._desk.metrics.records(*key, len(rows))
        self._desk.metrics.state(*key, "FROZEN")

    async def _learn_commitments(self, key: TableKey) -> None:
        known = self._desk.kept(key).commitments
        missing = [i for i, signed in enumerate(known) if not signed]
        found = await asyncio.gather(*(self._ask_commitment(i, key) for i in missing))
        if not missing:
            return
        async with self._desk.locks[key.kind]:
            kept = self._desk.kept(key)
            for server, signed in zip(missing, found, strict=True):
                if not kept.commitments[server]:
                    kept = kept.with_commitment(server, signed)
            await asyncio.to_thread(self._desk.shelf.keep, key, kept)

    async def _ask_commitment(self, server: int, key: TableKey) -> bytes:
        try:
            signed = await self._desk.peers.commitment(server, *key)
            verify_commitment(signed, self._desk.config, *key, server)
        except PresenceError:
            self._desk.metrics.peer_failure(server)
            raise PeerError(
                f"expected a signed commitment from server {server}; got none: it is "
                "asked again"
            ) from None
        return signed


def _sha256(data: bytes) -> bytes:
    return sha256(data).digest()
