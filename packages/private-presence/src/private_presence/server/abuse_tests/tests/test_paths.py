"""Other spellings of paths, and other methods: nothing behind them is reached."""

import pytest

from .living import ST1, openapi
from .raw import head, send

NOT_THERE = [
    "//v1/config",
    "/v1//config",
    "/v1/./config",
    "/v1/../v1/config",
    "/v1/raw/../config",
    "/../v1/config",
    "/v1/%63onfig",
    "/%2e%2e/v1/config",
    "/v1/%2e/config",
    "/v1%2fconfig",
    "/v1/config/",
    "/v1/config%00",
    "/v1/config;a=b",
    "/V1/config",
    "/v1/CONFIG",
    "/v1/config?a=b",
    "/v1/config%3fa",
    "/v1/manifest/st/0" + str(ST1),
    f"/v1/manifest/ST/{ST1}",
    f"/v1/manifest/st/{ST1}/",
    "/v1/manifest/st/-1",
    "/v1/manifest/st/4294967296",
    "/v1/manifest/st/" + "9" * 3000,
    "/" + "a" * 6000,
    "/healthz",
    "/metrics",
    "/",
    "*",
    "/v1/peer/commitment/st/" + str(ST1 + 1),
]


@pytest.mark.parametrize("name", ["registrar", "lookup"])
def test_no_other_spelling_reaches_anything(services, name):
    for path in NOT_THERE:
        found, took = send(services.parties[name], head("GET", path))
        assert found in ([404], [400], [414]), path
        assert took < 3.0, path


def test_an_empty_query_is_all_that_is_overlooked(services):
    # ASGI has no way to tell "?" from nothing: the one second spelling there is.
    found, _ = send(services.parties["registrar"], head("GET", "/v1/config?"))
    assert found == [200]


@pytest.mark.parametrize("name", ["registrar", "lookup"])
def test_a_server_is_no_proxy(services, name):
    # RFC 9112, 3.2.2: the absolute form names this server's own path, whatever the host.
    for host in ("127.0.0.1", "elsewhere.example"):
        found, _ = send(services.parties[name], head("GET", f"http://{host}/v1/config"))
        assert found == [200]
        found, _ = send(services.parties[name], head("GET", f"http://{host}/x"))
        assert found == [404]
    found, _ = send(services.parties[name], head("CONNECT", "127.0.0.1:1"))
    assert found in ([404], [400], [405])


METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "QUUX")
PATHS = openapi().description()["paths"]


def test_methods_that_are_not_described_are_refused(services):
    for path, item in PATHS.items():
        if "/peer/" in path:
            continue
        full = path.replace("{kind}", "st").replace("{number}", "1")
        for method in set(METHODS) - {known.upper() for known in item}:
            found, _ = send(services.parties["registrar"], head(method, full))
            assert found == [405], (method, path)


def test_peers_paths_do_not_exist_for_clients(services):
    for path in PATHS:
        if "/peer/" not in path:
            continue
        full = path.replace("{kind}", "st").replace("{number}", str(ST1))
        for method in METHODS:
            found, _ = send(services.parties["lookup"], head(method, full))
            assert found == [404], (method, path)
