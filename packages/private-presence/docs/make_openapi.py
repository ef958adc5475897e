"""Write the endpoints as OpenAPI 3.1: `python make_openapi.py`.

Made from `server.endpoints.ENDPOINTS`; a test compares the written file with what this
makes.  OpenAPI has numbers where the table has formulas, so the sizes are those of one
small deployment, `example`: a program that talks to another one computes its own.
"""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from private_presence.pir import Records, TableId
from private_presence.protocol.ask import backend_of
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.quota import roles
from private_presence.server.endpoints import (
    ENDPOINTS,
    MAX_NUMBER,
    Body,
    Caller,
    Endpoint,
    Facts,
)

HERE = Path(__file__).parent
RECORDS = 3  # in every table of the example
BINARY = "application/octet-stream"
DESCRIPTION = """\
Bodies are binary, their sizes follow from public constants; the sizes here are those of
a deployment with two servers in mode xor, 4 friends, 8 buckets, a long epoch of 8 s, a
short one of 2 s, and at most 3 records in each table.

Paths have one spelling: no escapes, no query, no trailing slash, numbers without leading
zeros.  A path of this table with another method is answered with 405, every other path
with 404.  A body needs Content-Length, and neither Content-Encoding nor
Transfer-Encoding.  Operations with the tag "peer" exist on a second listener only,
which asks for a client certificate."""

#: Whatever is asked: why a request is refused before a service sees its body, or when.
REFUSED = {
    400: "not the form that this path takes",
    404: "no such path, table, epoch or role",
    408: "the body, or the end of a request without one, took too long",
    411: "no announced length",
    413: "longer than this path takes",
    503: "busy or stopping; come again after Retry-After",
}
#: By what the path has after its version.
OWN = {
    "peer": {409: "this server gave its word for something else"},
    "pir": {409: "this token paid for another query"},
    "tokens": {
        403: "no such account",
        409: "this account had another batch of this day and role",
    },
}


def example() -> Config:
    """The deployment whose sizes are written down; its keys are stand-ins."""
    keys = [sha256(name).digest() for name in (b"R", b"P0", b"P1", b"I")]
    return Config(
        keys[0],
        (keys[1], keys[2]),
        keys[3],
        max_friends=4,
        buckets=8,
        lt_ms=8_000,
        st_ms=2_000,
        lt_close_ms=1_000,
        st_close_ms=400,
        skew_ms=450,
    )


def facts(config: Config, kind: Kind, number: int) -> Facts:
    """What sizes follow from, for a real table of `RECORDS` records."""
    lt = kind is Kind.LT
    value_size = config.lt_value_size if lt else config.st_value_size
    tags = [sha256(bytes([i])).digest()[:16] for i in range(RECORDS)]
    rows = np.frombuffer(b"".join(sorted(tags)), np.uint8).reshape(RECORDS, 16)
    records = Records(rows, np.zeros((RECORDS, value_size), np.uint8))
    backend = backend_of(config)
    table = backend.encode(records, TableId(config.dep_id, kind, 1), bytes(32))
    sizes = backend.sizes(table.manifest)
    query, answer = max(sizes.queries), sizes.answer
    return Facts(config, kind, number, RECORDS, query, answer)


def variants(config: Config, endpoint: Endpoint) -> list[Facts]:
    """All the facts that may hold for a path."""
    numbers = roles(config) if "tokens" in endpoint.path else (0,)
    kinds = list(Kind) if "{kind}" in endpoint.path else [Kind.LT]
    return [facts(config, kind, number) for kind in kinds for number in numbers]


def schema(body: Body, known: list[Facts]) -> dict:
    """Bounds on the length; which sizes in between are possible is told in words."""
    sizes = sorted({body.size(f) for f in known})
    # A table may have fewer records than the example's; the first ones have none.
    low = min(body.size(replace(f, records=0)) for f in known) if body.exact else 0
    text = f"{body.layout}; bytes: {'' if body.exact else 'at most '}"
    text += " or ".join(map(str, sizes))
    limits = {"minLength": low, "maxLength": sizes[-1]}
    return {"type": "string", "format": "binary", "description": text} | limits


def content(body: Body, known: list[Facts]) -> dict:
    """A media type object, or nothing for an empty body."""
    return {"content": {BINARY: {"schema": schema(body, known)}}} if body.layout else {}


def parameters(endpoint: Endpoint) -> list[dict]:
    """The parts of a path that vary."""
    kind = {"type": "string", "enum": ["lt", "st"]}
    number = {"type": "integer", "minimum": 0, "maximum": MAX_NUMBER}
    kinds = {"kind": kind, "number": number}
    return [
        {"name": name, "in": "path", "required": True, "schema": kinds[name]}
        for name in kinds
        if f"{{{name}}}" in endpoint.path
    ]


def refusals(endpoint: Endpoint) -> dict[int, str]:
    """Statuses other than 200, with their reasons."""
    found = dict(REFUSED)
    found |= OWN.get(endpoint.path.split("/")[2], {})
    return dict(sorted(found.items()))


def operation(config: Config, endpoint: Endpoint) -> dict:
    """An operation object."""
    known = variants(config, endpoint)
    servers = ["registrar", "pir"] if endpoint.server == "both" else [endpoint.server]
    good = {"description": endpoint.reply.layout or "done"}
    answers = {"200": good | content(endpoint.reply, known)}
    answers |= {str(s): {"description": t} for s, t in refusals(endpoint).items()}
    made = {
        "operationId": name_of(endpoint),
        "tags": [*servers, endpoint.caller.value],
        "parameters": parameters(endpoint),
        "responses": answers,
    }
    if endpoint.request.layout:
        body = {"required": True} | content(endpoint.request, known)
        made["requestBody"] = body
    if endpoint.caller is Caller.PEER:
        made["security"] = [{"peer": []}]
    return made


def name_of(endpoint: Endpoint) -> str:
    """``POST /v1/register/{kind}/{number}`` is ``post-register``."""
    words = [w for w in endpoint.path.split("/")[2:] if not w.startswith("{")]
    return "-".join([endpoint.method.lower(), *words])


def description() -> dict:
    """The whole document."""
    config, paths = example(), {}
    for endpoint in ENDPOINTS:
        item = paths.setdefault(endpoint.path, {})
        item[endpoint.method.lower()] = operation(config, endpoint)
    info = {"title": "private-presence", "version": "1", "description": DESCRIPTION}
    peer = {"type": "mutualTLS", "description": "a leaf under a party's anchor"}
    return {
        "openapi": "3.1.0",
        "info": info,
        "paths": paths,
        "components": {"securitySchemes": {"peer": peer}},
    }


def text() -> str:
    """The document, as the text of its file."""
    return json.dumps(description(), indent=1) + "\n"


def main() -> None:
    """Write the file."""
    (HERE / "openapi.json").write_text(text())


if __name__ == "__main__":
    main()
