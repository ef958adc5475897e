"""What servers sign, read by tools that are not ours: cbor2 and libsodium's verifier.

Labels and field orders are spelled out here once more, from the interface page.
"""

import hashlib
import json
import runpy
from pathlib import Path

import pytest
from nacl.signing import VerifyKey

cbor2 = pytest.importorskip("cbor2", reason="the independent decoder is absent")

VECTORS = Path(__file__).parents[4] / "vectors"
if not VECTORS.exists():
    pytest.skip("the vectors are not part of the wheel", allow_module_level=True)

LT, ST, RECEIVED = b"\1", b"\2", b"\1"


@pytest.fixture(scope="module")
def stored():
    return unhex(json.loads((VECTORS / "service.json").read_text()))


def unhex(value):
    if isinstance(value, str):
        try:
            return bytes.fromhex(value)
        except ValueError:
            return value
    if isinstance(value, list):
        return [unhex(item) for item in value]
    if isinstance(value, dict):
        return {key: unhex(item) for key, item in value.items()}
    return value


@pytest.fixture(scope="module")
def keys(stored):
    fields = cbor2.loads(stored["config"])
    assert fields[0] == 2
    return [fields[1], *fields[2]]  # R, then the servers


def check(key, label, *rest, signature):
    VerifyKey(key).verify(b"MP3v1/" + label + b"\0" + b"".join(rest), signature)


def sha(data):
    return hashlib.sha256(data).digest()


def u32(n):
    return n.to_bytes(4, "big")


def test_the_script_gives_the_stored_bytes():
    script = runpy.run_path(str(VECTORS / "make_service_vectors.py"))
    assert script["text"]() == (VECTORS / "service.json").read_text()


def test_the_deployment_file_is_signed_by_everybody(stored, keys):
    version, config, directory = cbor2.loads(stored["deployment"])
    assert version == 1
    assert sha(stored["config"])[:16] == stored["dep_id"]
    for label, signed in ((b"config", config), (b"directory", directory)):
        body, signatures = cbor2.loads(signed)
        for key, signature in zip(keys, signatures, strict=True):
            check(key, label, body, signature=signature)
    dep_id, serial, parties, relay, _ = cbor2.loads(cbor2.loads(directory)[0])
    assert (dep_id, serial) == (stored["dep_id"], 3)
    assert [party[0] for party in parties][2] == "[2001:db8::2]:443"
    assert relay[:2] == ["relay.example:443", ""]


def test_the_life_of_a_table(stored, keys):
    table, (registrar, *servers) = stored["table"], keys
    about = stored["dep_id"] + LT + u32(stored["epoch"])
    raw_hash = sha(table["raw"])
    check(registrar, b"raw", about, raw_hash, signature=table["raw_signature"])
    parts = []
    rows = zip(servers, table["commitments"], table["openings"], strict=True)
    for key, commitment, opening in rows:
        part, opened_for = opening[:32], opening[32:64]
        check(key, b"commitment", about, commitment[:32], signature=commitment[32:])
        check(key, b"opening", about, opening[:64], signature=opening[64:])
        assert (sha(part), opened_for) == (commitment[:32], raw_hash)
        parts.append(part)
    mixed = stored["dep_id"] + LT + u32(stored["epoch"]) + raw_hash + b"".join(parts)
    assert sha(b"MP3v1/salt\0" + mixed) == table["salt"]


def test_a_manifest_says_what_was_opened_and_everybody_signs_it(stored, keys):
    table = stored["table"]
    body, signatures = cbor2.loads(table["signed_manifest"])
    assert (body, signatures) == (table["manifest"], table["countersignatures"])
    for key, signature in zip(keys, signatures, strict=True):
        check(key, b"manifest", body, signature=signature)
    fields = cbor2.loads(body)
    dep_id, kind, epoch, count, size, raw_hash, previous = fields[:7]
    assert (dep_id, kind, epoch) == (stored["dep_id"], 1, stored["epoch"])
    assert (count, size, previous) == (3, 576, bytes(32))
    assert raw_hash == sha(table["raw"])
    assert fields[7] == [data[:32] for data in table["commitments"]]
    assert fields[8] == [data[:32] for data in table["openings"]]
    assert fields[9] == table["salt"]
    assert [len(key) for key in fields[10]] == [96] * 4
    named = sha(b"MP3v1/manifest-hash\0" + sha(body))
    assert named == table["manifest_hash"]


def test_receipt_withdrawal_and_answer(stored, keys):
    registrar, _, second = keys
    said, dep_id, epoch = stored["messages"], stored["dep_id"], u32(stored["epoch"])
    head, signature = said["receipt"][:39], said["receipt"][39:]
    assert head == b"\1" + RECEIVED + LT + epoch + sha(b"body")
    check(registrar, b"receipt", dep_id, head, signature=signature)
    taken = said["withdrawal"]
    assert (len(taken), taken[:1], taken[1:5]) == (165, b"\x82", epoch)
    check(taken[5:37], b"withdraw", ST, dep_id, epoch, signature=taken[37:101])
    assert not any(taken[101:])
    answer, table = said["answer"], sha(b"manifest")
    asked = sha(table + said["query"])
    assert answer[:64] == table + asked
    place = ST + epoch + b"\1"
    body = dep_id + place + table + asked + sha(b"an answer")
    check(second, b"answer", body, signature=answer[-64:])
