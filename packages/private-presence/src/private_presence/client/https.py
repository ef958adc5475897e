"""The transport in earnest: TLS 1.3 and HTTP/2, each party under its own anchor."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import final

import httpx

from private_presence.client.transport import Answered, Link, Transport
from private_presence.errors import ConfigError, PeerError, PresenceError
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.directory import Directory, Party
from private_presence.server.web.tls import client_context, what_failed

__all__ = ["HttpsTransport"]


@final
class HttpsTransport(Transport):
    """Connections over the network.

    Parameters
    ----------
    deployment : Deployment

    Examples
    --------
    Through the relay, in a deployment that has none:

    >>> import asyncio
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.server.web.authority import make_authority
    >>> anchor = make_authority("registrar", 8_641_500.0, SystemRandomness()).anchor
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> parties = (Party("a.example:8443", "", anchor),) * 3
    >>> transport = HttpsTransport(
    ...     Deployment(config, Directory(config.dep_id, 1, parties))
    ... )
    >>> async def connect():
    ...     async with transport.connect(0, via_relay=True):
    ...         pass
    >>> asyncio.run(connect())
    Traceback (most recent call last):
    private_presence.errors.ConfigError: expected a relay in the ...
    """

    def __init__(self, deployment: Deployment) -> None:
        self._directory: Directory = deployment.directory

    @asynccontextmanager
    async def connect(self, party: int, *, via_relay: bool) -> AsyncIterator[Link]:
        """See `Transport.connect`.

        Parameters
        ----------
        party : int
        via_relay : bool

        Yields
        ------
        Link
            The connection is made with its first exchange.

        Raises `ConfigError` on entry if the deployment has no relay to go through.
        """
        target = self._directory.parties[party]
        # Contexts are not shared either: one might remember a session.
        sender = httpx.AsyncHTTPTransport(
            verify=_context(target),
            http1=False,
            http2=True,
            trust_env=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            proxy=self._proxy() if via_relay else None,
        )
        async with sender:
            yield _HttpsLink(sender, target)

    def _proxy(self) -> httpx.Proxy:
        relay = self._directory.relay
        if relay is None:
            raise ConfigError(
                "expected a relay in the deployment's directory; there is none: run "
                "without one, and know that the registrar can then link your "
                "registrations by network address"
            )
        return httpx.Proxy(f"https://{relay.address}", ssl_context=_context(relay))


def _context(party: Party) -> ssl.SSLContext:
    try:
        return client_context(party.anchor)
    except ssl.SSLError:
        raise PeerError(
            "expected a party's authority in the directory to be a certificate; got "
            "other bytes: ask for a newer deployment file, and take it by presence init"
        ) from None


def _away(error: Exception) -> PeerError:
    # Texts of libraries name addresses.
    return PeerError(
        f"expected an answer of a party of the deployment; got {what_failed(error)}; "
        "it is asked again at its time"
    )


@final
class _HttpsLink(Link):
    def __init__(self, sender: httpx.AsyncHTTPTransport, target: Party) -> None:
        self._sender, self._target = sender, target

    async def exchange(
        self, method: str, path: str, body: bytes, limit: int
    ) -> Answered:
        # Straight to the connection: a client object would add headers of its own,
        # follow redirects and keep cookies.
        headers = {"Host": self._target.address}
        if method == "POST":
            headers["Content-Length"] = str(len(body))
        request = httpx.Request(
            method,
            f"https://{self._target.address}{path}",
            headers=headers,
            stream=httpx.ByteStream(body),
        )
        try:
            response = await self._sender.handle_async_request(request)
            try:
                data = await _read(response, limit)
            finally:
                await response.aclose()
        except PresenceError:
            raise
        except Exception as error:  # of five libraries, ValueError among them
            raise _away(error) from None
        return Answered(response.status_code, data, _date(response))


async def _read(response: httpx.Response, limit: int) -> bytes:
    if "content-encoding" in response.headers:
        raise PeerError("expected an answer as it is; got a compressed one: refuse it")
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > limit:
            raise PeerError(
                f"expected an answer of at most {limit} bytes; got more: refuse it"
            )
    return bytes(data)


def _date(response: httpx.Response) -> float | None:
    try:
        return parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
