"""Requests drawn from openapi.json, and from just outside it, by schemathesis.

Whatever is drawn: no status that is not described, no failure inside, and the sizes of
good answers are those that the description gives.
"""

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from private_presence.server.registrar.tests.world import post_of

from .living import CONFIG, DOCS, LT0, ST1, lookup_token

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed: pip install --group test"
)

WRITTEN = json.loads((DOCS / "openapi.json").read_text())
SCHEMA = schemathesis.openapi.from_dict(WRITTEN)
OPERATIONS = {
    f"{o.method.upper()} {o.path}": o
    for o in (result.ok() for result in SCHEMA.get_all_operations())
}
DRAWN = settings(
    max_examples=40,
    deadline=timedelta(seconds=10),
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
NEAR = st.sampled_from([0, 1, LT0 - 1, LT0, LT0 + 1, ST1 - 1, ST1, ST1 + 1, 16, 17])


def described(name, server):
    return server in OPERATIONS[name].definition.raw["tags"]


def body_schema(name):
    raw = OPERATIONS[name].definition.raw
    content = raw.get("requestBody", {}).get("content", {})
    return content.get("application/octet-stream", {}).get("schema")


def bodies(name):
    """None where there is no body; else bytes of allowed lengths and of others."""
    schema = body_schema(name)
    if schema is None:
        return st.just(b"")
    low, high = schema["minLength"], schema["maxLength"]
    size = st.sampled_from([low, high]) | st.integers(0, high + 40)
    return st.tuples(size, st.binary(min_size=1, max_size=40)).map(
        lambda pair: (pair[1] * (pair[0] // len(pair[1]) + 1))[: pair[0]]
    )


def check(name, response):
    """The answer is one that the description allows."""
    answers = OPERATIONS[name].definition.raw["responses"]
    status = str(response.status_code)
    assert status in answers, f"{name} was answered with {status}"
    media = answers[status].get("content")
    if media is None:
        assert response.content == b""
        return
    schema = media["application/octet-stream"]["schema"]
    assert response.headers["content-type"] == "application/octet-stream"
    assert schema["minLength"] <= len(response.content) <= schema["maxLength"]


CLIENTS = [
    pytest.param(name, server, id=f"{server} {name}")
    for server in ("registrar", "pir")
    for name in OPERATIONS
    if described(name, server) and not described(name, "peer")
]


@pytest.mark.parametrize(("name", "server"), CLIENTS)
def test_drawn_requests_get_described_answers(services, name, server):
    operation = OPERATIONS[name]
    party = {"registrar": "registrar", "pir": "lookup"}[server]
    seen = set()

    @DRAWN
    @given(st.data())
    def draw(data):
        modes = [schemathesis.GenerationMode.POSITIVE]
        if operation.path_parameters:  # else nothing can be wrong with a path
            modes.append(schemathesis.GenerationMode.NEGATIVE)
        mode = data.draw(st.sampled_from(modes))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        if "number" in (case.path_parameters or {}) and data.draw(st.booleans()):
            case.path_parameters["number"] = data.draw(NEAR)
        body = data.draw(bodies(name))
        with services.client(party) as link:
            path = case.formatted_path
            response = link.request(operation.method, path, content=body or None)
        seen.add(response.status_code)
        check(name, response)

    draw()
    assert not any(status >= 500 for status in seen)
    assert len(seen) >= (2 if operation.path_parameters else 1)  # it came further


def test_genuine_requests_get_answers_of_the_described_size(services):
    post = post_of(1 + 1, ST1 + 1, "described", CONFIG)
    with services.client("registrar") as link:
        reply = link.post(f"/v1/register/st/{ST1 + 1}", content=post)
        check("POST /v1/register/{kind}/{number}", reply)
        assert reply.status_code == 200
    ask = services.ask("described", lookup_token("described"))
    with services.client("lookup") as link:
        reply = link.post(f"/v1/pir/st/{ST1}", content=ask.body)
        check("POST /v1/pir/{kind}/{number}", reply)
        assert reply.status_code == 200
        reply = link.get(f"/v1/manifest/st/{ST1}")
        check("GET /v1/manifest/{kind}/{number}", reply)
        assert reply.status_code == 200


def test_the_other_server_s_paths_are_not_there(services):
    for name, operation in OPERATIONS.items():
        path = operation.path.replace("{kind}", "st").replace("{number}", str(ST1))
        for server, party in (("registrar", "registrar"), ("pir", "lookup")):
            if described(name, server) and not described(name, "peer"):
                continue
            with services.client(party) as link:
                reply = link.request(operation.method, path, content=b"x")
            assert reply.status_code == 404
            assert reply.content == b""
