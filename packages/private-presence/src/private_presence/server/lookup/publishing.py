"""After a table is built: countersign and publish, one manifest for each table (F10)."""

import asyncio
import logging
from dataclasses import replace
from typing import final

from private_presence.errors import (
    LayoutError,
    PresenceError,
    ReplayError,
    StateError,
    VerificationError,
)
from private_presence.primitives import cbor
from private_presence.primitives.blinding import SIGNATURE_SIZE
from private_presence.primitives.kdf import u32
from private_presence.primitives.secret import equal
from private_presence.protocol.epochs import Kind, start_of
from private_presence.protocol.lookup_server import countersign, verify_asked
from private_presence.protocol.manifest import (
    Manifest,
    check_contents,
    decode_manifest,
    encode_manifest,
    manifest_hash,
    verify_manifest,
)
from private_presence.protocol.messages import value_size
from private_presence.protocol.quota import roles
from private_presence.protocol.signed import encode_signed
from private_presence.server.lookup.desk import Desk
from private_presence.server.lookup.kept import Kept, recalled
from private_presence.server.lookup.shelf import TableKey
from private_presence.server.lookup.tables import Tables

__all__ = ["Publishing"]

LOG = logging.getLogger(__name__)


@final
class Publishing:
    """The steps that R asks for once the salt is mixed.

    Parameters
    ----------
    desk : Desk
    tables : Tables
    """

    def __init__(self, desk: Desk, tables: Tables) -> None:
        self._desk, self._tables = desk, tables
        self._began = desk.clock.now()

    async def countersign(self, key: TableKey, body: bytes) -> bytes:
        """Rebuild the table of a manifest, and sign if it is the same and the only one.

        Parameters
        ----------
        key : TableKey
        body : bytes
            R's signature 64, the manifest.

        Returns
        -------
        bytes
            64.

        Raises
        ------
        ReplayError
            If another manifest was signed for this table.

        Raises `VerificationError`, `LayoutError`, `EpochError` and `StateError` too, for a
        manifest that is not R's, or not true to the promises, the raw file or the clock.
        """
        signature, encoded = body[:SIGNATURE_SIZE], body[SIGNATURE_SIZE:]
        verify_asked(self._desk.config, encoded, signature)
        asked = encode_signed(encoded, [signature])
        kept, digest = self._desk.kept(key), manifest_hash(encoded)
        if not kept.manifest_hash:
            self._desk.check_near(key)
            manifest = decode_manifest(encoded)
            await self._check_manifest(key, kept, manifest, asked)
            about = (
                encoded,
                manifest.previous,
                self._desk.clock.now(),
                self._desk.key,
                self._desk.rng,
            )
            async with self._desk.locks[key.kind]:
                state = self._desk.kept(key).promise(*key)
                _, signature = countersign(state, self._desk.config, *about)
                await asyncio.to_thread(
                    self._sign, key, digest, manifest.previous, signature, asked
                )
            kept = self._desk.kept(key)
        self._check_only(key, kept, digest, asked)
        return kept.countersignature

    async def publish(self, key: TableKey, signed: bytes) -> bytes:
        """Serve a table, once all have signed and nobody signed another.

        Of a long table whose records are lost with this server's folder the token keys
        are taken: its own signature says that it saw the table.

        Parameters
        ----------
        key : TableKey
        signed : bytes

        Returns
        -------
        bytes
            None.

        Raises
        ------
        StateError
            If this server does not hold what it signed.
        ReplayError
            If a server signed another manifest for this table.
        """
        manifest = verify_manifest(signed, self._desk.config, *key, None)
        digest = manifest_hash(encode_manifest(manifest))
        kept = self._desk.shelf.kept(key)
        if kept and kept.manifest_hash:
            self._check_only(key, kept, digest, signed)
        if key.kind is Kind.LT and self._lost(key):
            await self._compare(key, digest, signed)
            async with self._desk.locks[key.kind]:
                await asyncio.to_thread(self._recall, key, manifest, signed)
            return b""
        if not (kept and kept.manifest_hash):
            raise StateError("this server does not remember this manifest: ask it anew")
        if key not in self._tables.live:
            await self._compare(key, digest, signed)
            await self._rebuilt(key, manifest, signed)
            async with self._desk.locks[key.kind]:
                await asyncio.to_thread(self._show, key, digest, manifest, signed)
            self._announce(key, manifest)
        return b""

    def _lost(self, key: TableKey) -> bool:
        kept, raw = self._desk.shelf.kept(key), self._desk.shelf.path(key, "raw")
        whole = kept is not None and kept.manifest_hash and raw.exists()
        return not whole and key not in self._tables.live

    def _recall(self, key: TableKey, manifest: Manifest, signed: bytes) -> None:
        # The chain stays as it is: what comes next is not bound to what is only told.
        if key in self._tables.told:
            return
        desk, kept = self._desk, self._desk.shelf.kept(key)
        desk.shelf.put(key, "asked", signed)
        if kept is None or not kept.manifest_hash:
            own = (desk.index, desk.key)
            desk.shelf.keep(key, recalled(manifest, desk.config, own, desk.rng))
        self._tables.tell(key, manifest)
        LOG.warning("%s: its records are lost here, its token keys are kept", key.word)

    def signed_hash(self, key: TableKey) -> bytes:
        """Say which manifest was signed for a table.

        Parameters
        ----------
        key : TableKey

        Returns
        -------
        bytes
            32, or none.
        """
        kept = self._desk.shelf.kept(key)
        return kept.manifest_hash if kept else b""

    def newest(self, kind: Kind) -> bytes:
        """Give the manifest of a kind that was published last.

        Parameters
        ----------
        kind : Kind

        Returns
        -------
        bytes
            Its epoch, four bytes, and itself with all signatures; or none.
        """
        chain = self._desk.shelf.chain(kind)
        return u32(chain.newest) + chain.last if chain.last else b""

    def _check_only(
        self, key: TableKey, kept: Kept, digest: bytes, signed: bytes
    ) -> None:
        # `signed` by R at least, and so is what this server signed before.
        if equal(kept.manifest_hash, digest):
            return
        first = self._desk.shelf.path(key, "asked")
        if first.exists():
            proof = cbor.encode([first.read_bytes(), signed])
            self._desk.accuse(key, "manifest", proof)
        raise ReplayError("another manifest was signed for this table: stop")

    async def _check_manifest(
        self, key: TableKey, kept: Kept, manifest: Manifest, asked: bytes
    ) -> None:
        # With what is on the shelf; then the costly part.
        check_contents(manifest, self._desk.config, None)
        if (manifest.kind, manifest.epoch) != key or not kept.opening:
            raise StateError("open the part of the salt for this table first")
        if not equal(manifest.raw_hash, kept.raw_hash):
            self._desk.accuse(key, "records", self._named(key) + asked)
            raise ReplayError("a manifest of another raw file than R signed: stop")
        told = b"".join(signed[:32] for signed in kept.commitments)
        if not equal(told, b"".join(manifest.commitments)):
            self._desk.accuse(key, "salt", b"".join(kept.commitments) + asked)
            raise ReplayError("a server committed to two parts of the salt: stop")
        self._check_shape(key, manifest)
        await self._rebuilt(key, manifest, asked)

    def _named(self, key: TableKey) -> bytes:
        kept = self._desk.kept(key)
        return kept.raw_hash + kept.raw_signature

    def _check_shape(self, key: TableKey, manifest: Manifest) -> None:
        size = value_size(self._desk.config, key.kind)
        rows = self._desk.shelf.path(key, "raw").stat().st_size // (16 + size)
        keys = len(roles(self._desk.config)) if key.kind is Kind.LT else 0
        shape = (manifest.count, manifest.value_size, len(manifest.token_keys))
        if shape != (rows, size, keys):
            raise VerificationError(
                f"expected a manifest of {rows} records of {size} bytes with {keys} "
                f"token keys; got {shape}: refuse it"
            )

    async def _rebuilt(self, key: TableKey, manifest: Manifest, signed: bytes) -> None:
        cells = await self._tables.cells(key, manifest)
        if not equal(cells.layout, manifest.layout):
            self._tables.drop(key)
            self._desk.accuse(key, "layout", self._named(key) + signed)
            raise LayoutError(
                "a manifest of another table than the raw file gives: stop"
            )
        self._desk.metrics.state(*key, "BUILT")

    def _sign(
        self,
        key: TableKey,
        digest: bytes,
        previous: bytes,
        signature: bytes,
        asked: bytes,
    ) -> None:
        chain = self._desk.shelf.chain(key.kind).sign(digest, previous)
        self._desk.shelf.put(key, "asked", asked)
        self._desk.shelf.keep_chain(key.kind, chain)
        kept = replace(
            self._desk.kept(key), manifest_hash=digest, countersignature=signature
        )
        self._desk.shelf.keep(key, kept)

    def _show(
        self, key: TableKey, digest: bytes, manifest: Manifest, signed: bytes
    ) -> None:
        chain = self._desk.shelf.chain(key.kind)
        about = (digest, manifest.previous, manifest.epoch, signed)
        chain = chain.publish(*about)
        self._desk.shelf.keep_chain(key.kind, chain)
        self._desk.shelf.put(key, "signed", signed)
        self._tables.serve(key, signed)

    def _announce(self, key: TableKey, manifest: Manifest) -> None:
        self._desk.metrics.records(*key, manifest.count)
        self._desk.metrics.state(*key, "PUBLISHED")
        # What was due before this process ran is no sign of anything being slow.
        if self._desk.clock.now() > start_of(self._desk.config, *key) > self._began:
            self._desk.metrics.late(key.kind)

    async def _compare(self, key: TableKey, digest: bytes, signed: bytes) -> None:
        # One that is away has its signature under this manifest all the same.
        others = [
            i for i in range(len(self._desk.config.servers)) if i != self._desk.index
        ]
        hashes = await asyncio.gather(*(self._ask_hash(i, key) for i in others))
        for other, theirs in zip(others, hashes, strict=True):
            if theirs and not equal(theirs, digest):
                self._desk.accuse(key, f"split-{other}", theirs + signed)
                raise ReplayError(f"server {other} signed another manifest: stop")

    async def _ask_hash(self, server: int, key: TableKey) -> bytes:
        patience = min(self._desk.limits.peer_seconds, self._desk.config.st_ms / 8000)
        try:
            asked = self._desk.peers.manifest_hash(server, *key)
            return await asyncio.wait_for(asked, patience)
        except (PresenceError, TimeoutError):
            self._desk.metrics.peer_failure(server)
            return b""
