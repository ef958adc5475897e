"""The operator's port: health, metrics and one page to look at, all read-only.

It listens on loopback only, and knows nothing of users.  The page needs no script and
nothing from elsewhere; a browser reloads it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from private_presence.protocol.config import Config
from private_presence.server.clock import Clock
from private_presence.server.metrics import Metrics
from private_presence.server.web._page import Facts, render
from private_presence.server.web.overdue import overdue

__all__ = ["Operator", "admin_app"]

# A page of another origin that makes its own name mean 127.0.0.1 is refused.
HOSTS = ["127.0.0.1", "localhost", "[::1]"]
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


@final
@dataclass(frozen=True)
class Operator:
    """What the page is about.

    Parameters
    ----------
    role : str
        registrar, pir or relay.  A registrar whose tables are overdue is not healthy,
        whatever `healthy` says; a lookup server that waits for them is.
    config : Config
    serial : int
        Of the directory in use.
    metrics : Metrics
    clock : Clock
    healthy : callable
        Whether the service is ready for its work; False gives status 503 to a monitor.
    leaf_ends : callable
        When the TLS certificate ends, seconds since 1970.

    Examples
    --------
    >>> from private_presence.server.clock import ManualClock
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> about = (config, 1, Metrics(), ManualClock(1.7e9))
    >>> operator = Operator("pir", *about, lambda: True, lambda: 1.7e9 + 30 * 86_400)
    >>> operator.healthy(), (operator.leaf_ends() - operator.clock.now()) / 86_400
    (True, 30.0)
    """

    role: str
    config: Config
    serial: int
    metrics: Metrics
    clock: Clock
    healthy: Callable[[], bool]
    leaf_ends: Callable[[], float]


def admin_app(operator: Operator) -> Starlette:
    """Make the application of the admin port.

    Parameters
    ----------
    operator : Operator

    Returns
    -------
    Starlette
        ``/``, ``/metrics`` and ``/healthz``.

    Examples
    --------
    A monitor asks a server that is still starting:

    >>> import asyncio, httpx
    >>> from private_presence.server.clock import ManualClock
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> about = (config, 1, Metrics(), ManualClock(1.7e9))
    >>> app = admin_app(Operator("pir", *about, lambda: False, lambda: 1.8e9))
    >>> sender = httpx.AsyncClient(transport=httpx.ASGITransport(app))
    >>> asyncio.run(sender.get("http://localhost/healthz")).status_code
    503
    """
    started = operator.clock.now()

    def page(request: Request) -> Response:
        facts = Facts(
            operator.role,
            operator.config,
            operator.serial,
            started,
            operator.clock.now(),
            operator.leaf_ends(),
        )
        return HTMLResponse(render(facts, operator.metrics), headers=HEADERS)

    def metrics(request: Request) -> Response:
        text = operator.metrics.text()
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(text, media_type=kind, headers=HEADERS)

    def health(request: Request) -> Response:
        good = operator.healthy() and not _silent(operator, started)
        return Response(
            "ok\n" if good else "starting or failing\n", 200 if good else 503
        )

    routes = [
        Route("/", _on_loop(page)),
        Route("/metrics", _on_loop(metrics)),
        Route("/healthz", _on_loop(health)),
    ]
    trusted = Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
    return Starlette(routes=routes, middleware=[trusted])


def _silent(operator: Operator, started: float) -> bool:
    if operator.role != "registrar":
        return False
    lines, now = operator.metrics.lines(), operator.clock.now()
    return bool(overdue(operator.config, lines, started, now))


def _on_loop(answer: Callable[[Request], Response]):
    # Starlette sends plain functions to threads; these are short and read shared state.
    async def endpoint(request: Request) -> Response:
        return answer(request)

    return endpoint
