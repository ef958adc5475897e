"""The other lookup servers over mutual TLS."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import final

import httpx

from private_presence.errors import (
    ConflictError,
    PeerError,
    PresenceError,
    VerificationError,
)
from private_presence.primitives.blinding import SIGNATURE_SIZE
from private_presence.protocol.directory import Party
from private_presence.protocol.epochs import Kind
from private_presence.protocol.manifest import MAX_SIGNED_SIZE
from private_presence.server.peers import Peers
from private_presence.server.web.tls import client_context, what_failed

__all__ = ["HttpsPeers"]

HASH_SIZE = 32
PIECE = 256 * 1024
SECONDS = 10.0  # for connecting, and between two pieces of a body
# Statuses of a server that means no: asking again would not help.
REFUSALS: dict[int, type[PresenceError]] = {400: VerificationError, 409: ConflictError}


@final
class HttpsPeers(Peers):
    """Peers at the addresses of a directory.

    Parameters
    ----------
    servers : sequence of Party
        The lookup servers, in their order.
    leaf : Path
        This server's own key and certificate, read again for each exchange, so that a
        renewed one is used at once.
    seconds : float
        Patience for each step of an exchange.  A countersignature takes as long as the
        peer needs to build the table.

    Notes
    -----
    Each exchange has a connection of its own: a dozen per table, and none is ever
    found half-closed.
    """

    def __init__(
        self,
        servers: Sequence[Party],
        leaf: Path,
        seconds: float = SECONDS,
    ) -> None:
        self._servers, self._leaf = tuple(servers), leaf
        self._seconds = seconds

    async def commitment(self, server: int, kind: Kind, epoch: int) -> bytes:
        """See `Peers.commitment`."""
        size = HASH_SIZE + SIGNATURE_SIZE
        return await self._ask(server, "commitment", kind, epoch, None, size)

    async def push_raw(
        self, server: int, kind: Kind, epoch: int, signature: bytes, raw: Path
    ) -> None:
        """See `Peers.push_raw`."""
        length = len(signature) + raw.stat().st_size
        body = _Streamed(signature, raw, length)
        await self._ask(server, "raw", kind, epoch, body, 0)

    async def opening(
        self, server: int, kind: Kind, epoch: int, raw_hash: bytes
    ) -> bytes:
        """See `Peers.opening`."""
        size = 2 * HASH_SIZE + SIGNATURE_SIZE
        return await self._ask(server, "opening", kind, epoch, raw_hash, size)

    async def countersign(
        self, server: int, kind: Kind, epoch: int, signature: bytes, manifest: bytes
    ) -> bytes:
        """See `Peers.countersign`."""
        body = signature + manifest
        return await self._ask(server, "countersign", kind, epoch, body, SIGNATURE_SIZE)

    async def manifest_hash(self, server: int, kind: Kind, epoch: int) -> bytes:
        """See `Peers.manifest_hash`."""
        return await self._ask(
            server, "manifest-hash", kind, epoch, None, HASH_SIZE, at_most=True
        )

    async def newest(self, server: int, kind: Kind) -> bytes:
        """See `Peers.newest`."""
        size = 4 + MAX_SIGNED_SIZE
        return await self._ask(server, "newest", kind, None, None, size, at_most=True)

    async def publish(self, server: int, kind: Kind, epoch: int, signed: bytes) -> None:
        """See `Peers.publish`."""
        await self._ask(server, "publish", kind, epoch, signed, 0)

    async def _ask(
        self,
        server: int,
        what: str,
        kind: Kind,
        epoch: int | None,
        body: "bytes | _Streamed | None",
        size: int,
        *,
        at_most: bool = False,
    ) -> bytes:
        path = f"/v1/peer/{what}/{kind.name.lower()}"
        path += "" if epoch is None else f"/{epoch}"
        try:
            status, answer = await self._exchange(server, path, body, size)
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            raise PeerError(
                f"lookup server {server} did not answer ({what_failed(error)}): it is "
                "asked again"
            ) from None
        whole = len(answer) <= size if at_most else len(answer) == size
        if status == 200 and whole:
            return answer
        raise REFUSALS.get(status, PeerError)(
            f"expected status 200 and {size} bytes of lookup server {server}; got "
            f"status {status} and {len(answer)}: ask its operator"
        )

    async def _exchange(
        self, server: int, path: str, body: "bytes | _Streamed | None", size: int
    ) -> tuple[int, bytes]:
        party = self._servers[server]
        context = await asyncio.to_thread(client_context, party.anchor, self._leaf)
        async with httpx.AsyncClient(
            base_url=f"https://{party.peer}",
            verify=context,
            http2=True,
            http1=False,
            trust_env=False,
            timeout=self._seconds,
        ) as client:
            request = _request(client, path, body)
            reply = await client.send(request, stream=True)
            try:
                return reply.status_code, await _bounded(reply, size)
            finally:
                await reply.aclose()


class _Streamed:
    """A body of known length, partly on disk."""

    def __init__(self, head: bytes, file: Path, length: int) -> None:
        self.head, self.file, self.length = head, file, length

    async def pieces(self) -> AsyncIterator[bytes]:
        yield self.head
        with self.file.open("rb", 0) as file:
            while piece := await asyncio.to_thread(file.read, PIECE):
                yield piece


def _request(
    client: httpx.AsyncClient, path: str, body: "bytes | _Streamed | None"
) -> httpx.Request:
    if body is None:
        return client.build_request("GET", path)
    if isinstance(body, bytes):
        return client.build_request("POST", path, content=body)
    length = {"content-length": str(body.length)}
    return client.build_request("POST", path, content=body.pieces(), headers=length)


async def _bounded(reply: httpx.Response, size: int) -> bytes:
    # One byte more than expected shows that there is more; the rest is not read.
    answer = b""
    async for piece in reply.aiter_raw():
        answer += piece
        if len(answer) > size:
            break
    return answer[: size + 1]
