"""A `Service` as an ASGI application.

Method, path and announced length are checked before any of a body is read.  Every
answer has the same header fields, and nothing in one says what went wrong inside.
"""

import asyncio
import logging
from contextlib import nullcontext, suppress
from email.utils import formatdate
from pathlib import Path
from typing import final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from private_presence.errors import (
    ConflictError,
    EncodingError,
    PeerError,
    PresenceError,
    QuotaError,
    StorageError,
    VerificationError,
)
from private_presence.server.clock import Clock
from private_presence.server.endpoints import Caller, Match, match
from private_presence.server.metrics import Metrics
from private_presence.server.service import Reply, Service
from private_presence.server.web._file import file_response
from private_presence.server.web.limits import Gate, Limits

__all__ = ["ServiceApp"]

log = logging.getLogger("private_presence.web")

BUSY = {"retry-after": "1"}
METHODS = ("GET", "POST")
# Services answer with statuses themselves; what they raise is mapped once, here.
STATUS_OF: tuple[tuple[type[PresenceError], int], ...] = (
    (ConflictError, 409),
    (QuotaError, 429),
    (EncodingError, 400),
    (VerificationError, 400),
    (StorageError, 503),
    (PeerError, 503),
)


class _Refused(Exception):  # a status on its way out, not an error of the package
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@final
class ServiceApp:
    """The endpoints of one listener.

    Parameters
    ----------
    service : Service
    callers : frozenset of Caller
        Whom this listener is for; the endpoints of others do not exist on it.
    clock : Clock
        For the ``Date`` field, to whole seconds.
    metrics : Metrics
    limits : Limits

    Notes
    -----
    Request fields other than ``content-length``, ``content-encoding`` and
    ``transfer-encoding`` are not looked at: no cookie, no agent, no address.

    Examples
    --------
    What is not here is answered like what is nowhere:

    >>> import httpx
    >>> from private_presence.server.clock import ManualClock
    >>> class Nothing(Service):
    ...     limit = handle = run = close = lambda *rest: None
    >>> about = (frozenset({Caller.CLIENT}), ManualClock(0.0), Metrics(), Limits())
    >>> app = ServiceApp(Nothing(), *about)
    >>> sender = httpx.AsyncClient(transport=httpx.ASGITransport(app))
    >>> reply = asyncio.run(sender.get("https://a.example/v1/config"))
    >>> reply.status_code, reply.headers["date"]
    (404, 'Thu, 01 Jan 1970 00:00:00 GMT')
    """

    def __init__(
        self,
        service: Service,
        callers: frozenset[Caller],
        clock: Clock,
        metrics: Metrics,
        limits: Limits,
    ) -> None:
        self._service, self._callers = service, callers
        self._clock, self._metrics, self._limits = clock, metrics, limits
        self._reading = Gate(limits.reading, limits.reading_bytes)
        self._handling = Gate(limits.handling, limits.handling)
        self._sending = Gate(limits.sending, limits.sending)
        self._stopping = False

    @property
    def busy(self) -> int:
        """Requests being read or handled, and files being sent."""
        return self._reading.inside + self._sending.inside

    def stop(self) -> None:
        """Answer new requests with 503 from now on."""
        self._stopping = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Parameters
        ----------
        scope, receive, send
            As ASGI has them.
        """
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            reply = await self._reply(request)
        except _Refused as refused:
            reply = Reply(refused.status)
        except ClientDisconnect:
            self._metrics.answered(499)
            return
        is_file = isinstance(reply.body, Path)
        with self._sending.enter() if is_file else nullcontext(True) as free:
            response = await self._response(reply if free else Reply(503))
            self._metrics.answered(response.status_code)
            with suppress(TimeoutError):  # a receiver that is too slow gets no more
                async with asyncio.timeout(self._patience(response, is_file)):
                    await response(scope, receive, send)

    def _patience(self, response: Response, is_file: bool) -> float | None:
        # A body that goes out is given the time of one that comes in.
        if not is_file:
            return None
        return self._limits.body_time(int(response.headers["content-length"]))

    async def _reply(self, request: Request) -> Reply:
        found = self._match(request)
        length = self._length(request, found)
        if self._stopping or self._handling.full:
            raise _Refused(503)
        with self._reading.enter(length) as entered:
            if not entered:
                raise _Refused(503)
            body = await self._body(request, length)
            with self._handling.enter() as free:
                return await self._handle(found, body) if free else Reply(503)

    def _match(self, request: Request) -> Match:
        path = _path(request)
        if found := match(request.method, path):
            if found.endpoint.caller in self._callers:
                return found
        elif any(self._known(method, path) for method in METHODS):
            raise _Refused(405)
        raise _Refused(404)

    def _known(self, method: str, path: str) -> bool:
        found = match(method, path)
        return found is not None and found.endpoint.caller in self._callers

    def _length(self, request: Request, found: Match) -> int:
        # The announced length, once it is known to be acceptable.
        limit = self._limit(found)
        if limit is None:
            raise _Refused(404)
        if "content-encoding" in request.headers:
            raise _Refused(400)
        text = request.headers.get("content-length", "")
        if not text and request.method == "GET":
            text = "0"
        if not text or "transfer-encoding" in request.headers:
            raise _Refused(411)
        if not (text.isascii() and text.isdigit() and len(text) <= 12):
            raise _Refused(400)
        if int(text) > limit:
            raise _Refused(413)
        return int(text)

    def _limit(self, found: Match) -> int | None:
        try:
            return self._service.limit(found)
        except Exception as error:
            self._unexpected("limit", found, error)
            raise _Refused(500) from None

    async def _body(self, request: Request, length: int) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_time(length)):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > length:  # more than announced
                        raise _Refused(413)
        except TimeoutError:
            raise _Refused(408) from None
        if len(body) < length:
            raise _Refused(400)
        return bytes(body)

    async def _handle(self, found: Match, body: bytes) -> Reply:
        try:
            return await self._service.handle(found, body)
        except Exception as error:
            for kind, status in STATUS_OF:
                if isinstance(error, kind):
                    return Reply(status)
            self._unexpected("handle", found, error)
        return Reply(500)

    def _unexpected(self, where: str, found: Match, error: Exception) -> None:
        # The table's path, not the request's: no number, no address.
        about = found.endpoint.path, type(error).__name__
        log.exception("%s of %s: %s", where, *about)
        self._metrics.failure(where)

    async def _response(self, reply: Reply) -> Response:
        if isinstance(reply.body, Path):
            try:
                return await file_response(
                    reply.body, reply.status, self._headers(reply)
                )
            except FileNotFoundError:  # retired between the answer and here
                reply = Reply(404)
            except OSError as error:  # too many open files: it passes
                log.error("a raw file cannot be opened: %s", error.strerror)
                self._metrics.failure("file")
                reply = Reply(503)
        return Response(reply.body, reply.status, self._headers(reply))

    def _headers(self, reply: Reply) -> dict[str, str]:
        cache = "public, max-age=60" if reply.cacheable else "no-store"
        headers = {
            "content-type": "application/octet-stream",
            "cache-control": cache,
            "date": formatdate(int(self._clock.now()), usegmt=True),
            "server": "presence",  # else granian names itself
        }
        return headers | (BUSY if reply.status in (429, 503) else {})


def _path(request: Request) -> str:
    # In the spelling it came in, so that no second spelling is answered.
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    if request.scope["query_string"] or not raw.isascii():
        raise _Refused(404)
    return raw.decode("ascii")
