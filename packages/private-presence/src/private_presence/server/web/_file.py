"""A file as a body, in pieces, read outside the event loop."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from starlette.responses import Response, StreamingResponse

PIECE = 256 * 1024


async def file_response(path: Path, status: int, headers: dict[str, str]) -> Response:
    # Sends what the file holds now, even if it is unlinked meanwhile.
    file = await asyncio.to_thread(path.open, "rb", 0)
    size = os.fstat(file.fileno()).st_size
    announced = headers | {"content-length": str(size)}
    return StreamingResponse(_pieces(file, size), status, announced)


async def _pieces(file: BinaryIO, left: int) -> AsyncIterator[bytes]:
    with file:
        while left and (piece := await asyncio.to_thread(file.read, min(PIECE, left))):
            left -= len(piece)
            yield piece
