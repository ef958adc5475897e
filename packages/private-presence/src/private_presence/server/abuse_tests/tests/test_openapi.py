"""The OpenAPI file is what the endpoint table says, read here without its maker."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from private_presence.pir.costs import xor_costs
from private_presence.server.endpoints import ENDPOINTS, Caller

DOCS = Path(__file__).parents[5] / "docs"
WRITTEN = json.loads((DOCS / "openapi.json").read_text())
OPERATIONS = {
    (method.upper(), path): operation
    for path, item in WRITTEN["paths"].items()
    for method, operation in item.items()
}


def make_openapi():
    spec = importlib.util.spec_from_file_location(
        "make_openapi", DOCS / "make_openapi.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def limits(operation, direction):
    # (least, most) bytes of one direction, (0, 0) if it has no body.
    if direction == "request":
        holder = operation.get("requestBody", {})
    else:
        holder = operation["responses"]["200"]
    media = holder.get("content", {})
    if not media:
        return 0, 0
    (kind,) = media
    assert kind == "application/octet-stream"
    schema = media[kind]["schema"]
    return schema["minLength"], schema["maxLength"]


def test_the_written_file_is_what_the_code_says():
    assert (DOCS / "openapi.json").read_text() == make_openapi().text()


def test_every_endpoint_is_there_and_no_other():
    assert set(OPERATIONS) == {(e.method, e.path) for e in ENDPOINTS}
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_sizes_are_those_of_the_table_for_both_kinds_and_all_roles(endpoint):
    made = make_openapi()
    operation = OPERATIONS[endpoint.method, endpoint.path]
    known = made.variants(made.example(), endpoint)
    for direction in ("request", "reply"):
        body = getattr(endpoint, direction)
        sizes = [body.size(f) for f in known]
        least, most = limits(operation, direction)
        assert most == max(sizes)
        empty = [body.size(replace(f, records=0)) for f in known]
        assert least == (min(empty) if body.exact else 0)
    assert ("security" in operation) == (endpoint.caller is Caller.PEER)
    assert endpoint.caller.value in operation["tags"]


def test_sizes_of_a_lookup_are_those_of_the_cost_formula():
    made = make_openapi()
    operation = OPERATIONS["POST", "/v1/pir/{kind}/{number}"]
    config = made.example()
    # Three records lie in three buckets each: the fullest of eight holds one to three.
    costs = [xor_costs(n, config.st_value_size, buckets=8) for n in (1, 2, 3)]
    # One server gets a seed of 32 bytes, here longer than the other one's bits.
    ups = {1 + 80 + 4 + 32 + max(32, cost.up - 32) for cost in costs}
    assert limits(operation, "request")[1] in ups
    long = xor_costs(3, config.lt_value_size, buckets=8).down // 2
    assert limits(operation, "reply")[1] == 1 + 64 + 64 + long


def test_every_operation_lists_what_it_is_refused_with():
    for (_, path), operation in OPERATIONS.items():
        statuses = set(operation["responses"])
        assert {"200", "400", "404", "408", "411", "413", "503"} <= statuses
        promised = any(word in path for word in ("/peer/", "/pir/", "/tokens/"))
        assert ("409" in statuses) == promised
        assert ("403" in statuses) == ("/tokens/" in path)
        assert not any(status == "500" for status in statuses)


def test_the_file_is_openapi_3_1():
    loaded = pytest.importorskip("schemathesis").openapi.from_dict(WRITTEN)
    found = [result.ok() for result in loaded.get_all_operations()]
    assert len(found) == len(ENDPOINTS)
