"""The table agrees with the library's own encoders, and with what is written down."""

import importlib.util
import json
from pathlib import Path

import pytest

from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.primitives.tokens import Role
from private_presence.protocol.config import Config, decode_config, encode_config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.lookup_server import open_part, promise
from private_presence.protocol.messages import (
    encode_registration,
    encode_withdrawal,
    make_withdrawal,
    registration_of,
    split_post,
)
from private_presence.protocol.quota import daily_batch
from private_presence.protocol.receipt import Answer, encode_receipt, make_receipt
from private_presence.protocol.tests.world import REGISTRAR, SERVERS, TOKEN, deployment
from private_presence.server.endpoints import ENDPOINTS, Caller, Facts, match

DOCS = Path(__file__).parents[4] / "docs"
RNG = SeededRandomness("endpoints")


def find(method, path):
    found = match(method, path)
    assert found is not None
    return found


def make_docs():
    spec = importlib.util.spec_from_file_location("make_docs", DOCS / "make_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("slots", [1, 2, 8])
def test_registrations_and_withdrawals_have_the_size_of_the_table(kind, slots):
    config = deployment(slots=slots)
    endpoint = find("POST", f"/v1/register/{kind.name.lower()}/3").endpoint
    value = bytes(config.lt_value_size if kind is Kind.LT else config.st_value_size)
    record = encode_registration(registration_of(kind, 3, bytes(32), value))
    taken = make_withdrawal(config, kind, 3, REGISTRAR, RNG)
    for body in (record, encode_withdrawal(config, taken)):
        size = endpoint.request.size(Facts(config, kind, 3))
        assert len(body + TOKEN) == size
        assert split_post(config, body + TOKEN) == (body, TOKEN)


def test_receipts_and_openings_have_the_size_of_the_table():
    config = deployment()
    facts = Facts(config, Kind.ST, 3)
    about = (Kind.ST, 3, bytes(32))
    receipt = make_receipt(config, REGISTRAR, Answer.CLOSED, about, RNG)
    reply = find("POST", "/v1/register/st/3").endpoint.reply
    assert len(encode_receipt(receipt)) == reply.size(facts)
    state = promise(Kind.ST, 3, RNG)
    _, made = open_part(state, config, bytes(32), SERVERS[0], RNG)
    opening = find("POST", "/v1/peer/opening/st/3").endpoint
    assert len(made.raw_hash) == opening.request.size(facts)
    whole = made.part + made.raw_hash + made.signature
    assert len(whole) == opening.reply.size(facts)


@pytest.mark.parametrize("role", [Role.REGISTER_LT, Role.LOOKUP])
def test_a_day_of_tokens_has_the_size_of_the_table(role):
    config = deployment(circles=2)
    endpoint = find("POST", f"/v1/tokens/{int(role)}").endpoint
    points = 48 * len(daily_batch(config, role, 5, RNG))
    facts = Facts(config, number=int(role))
    assert endpoint.reply.size(facts) == points
    assert endpoint.request.size(facts) == 32 + 4 + points


def test_raw_tables_are_as_long_as_their_records():
    config = deployment()
    reply = find("GET", "/v1/raw/st/3").endpoint.reply
    assert reply.size(Facts(config, Kind.ST, 3, records=10)) == 10 * (16 + 128)


def test_the_signed_configuration_is_below_its_limit():
    # 16 servers is the most that a configuration may name.
    most = Config(bytes(32), (bytes(32),) * 16, bytes(32), privacy=3)
    reply = find("GET", "/v1/config").endpoint.reply
    assert len(encode_config(most)) + 17 * (64 + 2) + 16 < reply.size(Facts(most))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_every_line_is_found_and_by_its_method_only(endpoint):
    path = endpoint.path.replace("{kind}", "lt").replace("{number}", "4294967295")
    assert find(endpoint.method, path).endpoint is endpoint
    same_path = {e.method for e in ENDPOINTS if e.path == endpoint.path}
    for method in {"GET", "POST", "PUT", "DELETE", "HEAD", "get", ""} - same_path:
        assert match(method, path) is None
    assert ("/peer/" in path) == (endpoint.caller is Caller.PEER)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "v1/config",
        "/v1/config/",
        "//v1/config",
        "/v1/./config",
        "/v1/raw/../config",
        "/v1/%63onfig",
        "/V1/config",
        "/v1/config?",
        "/v1/raw/lt/",
        "/v1/raw/LT/1",
        "/v1/raw/xt/1",
        "/v1/raw/lt/01",
        "/v1/raw/lt/+1",
        "/v1/raw/lt/-1",
        "/v1/raw/lt/1_0",
        "/v1/raw/lt/\u0661",
        "/v1/raw/lt/4294967296",
        "/v1/raw/lt/" + "9" * 10_000,
        "/v1/raw/{kind}/1",
    ],
)
def test_no_second_spelling_of_a_path_exists(path):
    assert match("GET", path) is None


def test_written_files_are_what_the_code_says():
    made = make_docs()
    assert (DOCS / "endpoint_table.md").read_text() == made.table()
    assert (DOCS / "vectors" / "configuration.json").read_text() == made.vectors()


def test_vectors_read_back_by_hand():
    cases = json.loads((DOCS / "vectors" / "configuration.json").read_text())
    assert len(cases["configurations"]) == 4
    for case in cases["configurations"]:
        config = decode_config(bytes.fromhex(case["cbor"]))
        assert config.dep_id.hex() == case["dep_id"]
        assert config.mode == case["fields"]["mode"]
        assert [s.hex() for s in config.servers] == case["fields"]["servers"]


def test_a_general_decoder_reads_the_vectors_the_same_way():
    cbor2 = pytest.importorskip("cbor2", reason="the independent decoder is absent")
    cases = json.loads((DOCS / "vectors" / "configuration.json").read_text())
    for case in cases["configurations"]:
        raw = bytes.fromhex(case["cbor"])
        value = cbor2.loads(raw)
        assert cbor2.dumps(value, canonical=True) == raw
        values = list(case["fields"].values())
        assert value[0] == 2
        for number, want in enumerate(values, start=1):
            got = value[number]
            if isinstance(got, bytes):
                got = got.hex()
            if isinstance(got, list):
                got = [item.hex() for item in got]
            assert got == want


def test_the_documented_field_numbers_are_those_of_the_encoding():
    text = (DOCS / "interface.md").read_text()
    for number, name in enumerate(Config.__dataclass_fields__, start=1):
        assert f"| {number} | {name}" in text
