"""What TLS and HTTP add to an exchange, counted on the way to a server."""

import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from dataclasses import replace

from private_presence.client.https import HttpsTransport
from private_presence.client.transport import REGISTRAR
from private_presence.demo.stage import HOST
from private_presence.protocol.deployment import MAX_DEPLOYMENT_SIZE, Deployment
from private_presence.protocol.directory import split_address

__all__ = ["overhead"]

PIECE = 64 * 1024


async def overhead(deployment: Deployment) -> int:
    """Fetch the deployment's file from the registrar, and count what carries it.

    Parameters
    ----------
    deployment : Deployment

    Returns
    -------
    int
        Bytes both ways, the file itself not counted: a handshake with one P-256
        certificate, the fields of HTTP/2, and the end of the connection.
    """
    counted = 0

    async def pump(source: StreamReader, target: StreamWriter) -> None:
        nonlocal counted
        while data := await source.read(PIECE):
            counted += len(data)
            target.write(data)
            await target.drain()
        target.write_eof()

    async def carry(reader: StreamReader, writer: StreamWriter) -> None:
        party = deployment.directory.parties[REGISTRAR]
        there = await asyncio.open_connection(*split_address(party.address))
        with suppress(OSError):
            await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))
        there[1].close()
        writer.close()

    server = await asyncio.start_server(carry, HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        size = await _fetch(deployment, f"{HOST}:{port}")
    return counted - size


async def _fetch(deployment: Deployment, address: str) -> int:
    parties = list(deployment.directory.parties)
    parties[REGISTRAR] = replace(parties[REGISTRAR], address=address)
    directory = replace(deployment.directory, parties=tuple(parties))
    transport = HttpsTransport(replace(deployment, directory=directory))
    async with transport.connect(REGISTRAR, via_relay=False) as link:
        limit = MAX_DEPLOYMENT_SIZE
        answered = await link.exchange("GET", "/v1/config", b"", limit)
    return len(answered.body)
