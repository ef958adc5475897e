"""Write the endpoint table and the configuration's vectors: `python make_docs.py`.

A test compares the written files with what this makes, so that they cannot drift.
"""

import json
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path

from private_presence.protocol.config import Config, encode_config
from private_presence.protocol.epochs import Kind
from private_presence.server.endpoints import ENDPOINTS, Body, Facts

HERE = Path(__file__).parent


def key(name: str) -> bytes:
    """Stand-in for a public key: a configuration does not look inside it."""
    return sha256(name.encode()).digest()


def configurations() -> dict[str, Config]:
    """The configurations that have vectors."""
    names = [f"server {i}" for i in range(4)]
    two, four = tuple(map(key, names[:2])), tuple(map(key, names))
    ends = key("registrar"), key("issuer")
    return {
        "two servers": Config(ends[0], two, ends[1]),
        "four servers": Config(ends[0], four, ends[1], privacy=2, mode="shamir"),
        "download": Config(
            ends[0], two[:1], ends[1], mode="download", download_below=10_000
        ),
        "short epochs": Config(
            ends[0],
            two,
            ends[1],
            max_friends=4,
            buckets=8,
            lt_ms=8_000,
            st_ms=2_000,
            lt_close_ms=1_000,
            st_close_ms=400,
            skew_ms=450,
        ),
    }


def vectors() -> str:
    """The vectors, as the text of their file."""
    made = [
        {
            "name": name,
            "fields": {f.name: _plain(getattr(config, f.name)) for f in fields(config)},
            "cbor": encode_config(config).hex(),
            "dep_id": config.dep_id.hex(),
        }
        for name, config in configurations().items()
    ]
    return json.dumps({"format": 1, "configurations": made}, indent=1) + "\n"


def _plain(value):
    if isinstance(value, bytes):
        return value.hex()
    return [item.hex() for item in value] if isinstance(value, tuple) else value


def _size(body: Body, facts: list[Facts]) -> str:
    # What grows with the table is shown as the size without it, and a plus sign.
    grown = replace(facts[0], records=1, query=1, answer=1)
    more = "" if body.size(grown) == body.size(facts[0]) else " + table's"
    sizes = list(dict.fromkeys(body.size(f) for f in facts))
    limit = "" if body.exact else "at most "
    return limit + " / ".join(map(str, sizes)) + more


def table() -> str:
    """The endpoint table, as Markdown."""
    config = configurations()["two servers"]
    head = "| method | path | server | caller | request | bytes | reply | bytes |"
    lines = [head, "|---" * 8 + "|"]
    for e in ENDPOINTS:
        roles = range(1, 3) if "tokens" in e.path else range(1)
        facts = [Facts(config, kind, n) for kind in Kind for n in roles]
        cells = [e.method, f"`{e.path}`", e.server, e.caller.value]
        for body in (e.request, e.reply):
            cells += [body.layout or "empty", _size(body, facts)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write both files."""
    (HERE / "vectors" / "configuration.json").write_text(vectors())
    (HERE / "endpoint_table.md").write_text(table())


if __name__ == "__main__":
    main()
