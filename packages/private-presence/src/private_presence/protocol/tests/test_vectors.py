"""Vectors: the same bytes from the script, from a second decoder, and the old ones."""

import hashlib
import importlib.util
import json
from pathlib import Path

import pymcl
import pytest

from private_presence.primitives import curve, manager_key, member_key, ratchet
from private_presence.primitives.header import decode_header
from private_presence.primitives.manager_key import MemberKey
from private_presence.primitives.tests.mcl_points import fr, g1, g2
from private_presence.protocol.config import decode_config
from private_presence.protocol.invitation import check_invitation

from . import second_decoder as second

FOLDER = Path(__file__).resolve().parents[4] / "vectors"


@pytest.fixture(scope="module")
def stored():
    return json.loads((FOLDER / "vectors.json").read_text(encoding="utf-8"))


@pytest.fixture
def reader(stored):
    fields, first = stored["reader"], stored["lt"][0]
    return second.Reader(
        bytes.fromhex(stored["dep_id"]),
        stored["slots"],
        int(fields["x"], 16),
        g1(bytes.fromhex(fields["A"])),
        g2(bytes.fromhex(fields["B"])),
        bytes.fromhex(first["lambda"]),
        bytes.fromhex(first["rk"]),
        first["epoch"],
    )


def test_the_script_gives_the_stored_bytes():
    spec = importlib.util.spec_from_file_location(
        "make_vectors", FOLDER / "make_vectors.py"
    )
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.text() == (FOLDER / "vectors.json").read_text(encoding="utf-8")


def test_the_second_decoder_reads_three_records_and_two_generations(stored, reader):
    for record in stored["lt"]:
        assert reader.Lambda.hex() == record["lambda"]
        assert reader.rk.hex() == record["rk"]
        found = reader.open_lt(bytes.fromhex(record["value"]))
        for name, value in found.items():
            assert value.hex() == record[name], name
    assert [record["new_generation"] for record in stored["lt"]] == [False, True, False]
    assert reader.B_bytes().hex() == stored["reader"]["B_after"]


def test_the_second_decoder_reads_presence(stored):
    st, lt = stored["st"], stored["lt"][-1]
    ck = second.st_chain(bytes.fromhex(lt["st_prk"]), lt["st_first"], st["t"])
    dep_id, P_st = bytes.fromhex(stored["dep_id"]), bytes.fromhex(st["P_st"])
    found = second.open_st(dep_id, P_st, ck, st["t"], bytes.fromhex(st["value"]))
    for name, value in found.items():
        assert value.hex() == st[name], name
    assert found["payload"][:8] == b"\x01\x02\x05hello"
    assert bytes.fromhex(lt["payload"])[8:40] == P_st


def test_registrations_are_what_the_table_says(stored):
    for kind, record in [(1, r) for r in stored["lt"]] + [(2, stored["st"])]:
        body, value = (
            bytes.fromhex(record["registration"]),
            bytes.fromhex(record["value"]),
        )
        epoch = record.get("epoch", record.get("t"))
        head = bytes([kind]) + epoch.to_bytes(4, "big") + bytes.fromhex(record["P_b"])
        assert body == head + value[-64:] + value[:-64]
        assert (len(body), len(value)) == ((613, 576) if kind == 1 else (165, 128))


def test_the_invitation_and_the_managers_values_fit(stored):
    config = decode_config(bytes.fromhex(stored["config"]))
    assert config.dep_id.hex() == stored["dep_id"]
    data, nonce = (bytes.fromhex(stored["invitation"][n]) for n in ("bytes", "nonce"))
    invitation = check_invitation(data, config, nonce)
    assert curve.encode_g2(invitation.key.B).hex() == stored["reader"]["B"]
    G = bytes.fromhex(stored["manager_only"]["G"])
    assert G not in data
    # e(A, H) e(W, B) = e(G, H), before and after the change, by the second library.
    for H, B in (("H", "B"), ("H_after", "B_after")):
        H = g2(bytes.fromhex(stored["manager_only"][H]))
        B = g2(bytes.fromhex(stored["reader"][B]))
        A, W = (g1(bytes.fromhex(stored["reader"][n])) for n in ("A", "W"))
        assert pymcl.pairing(A, H) * pymcl.pairing(W, B) == pymcl.pairing(g1(G), H)


def test_the_token_verifies_through_the_second_library(stored):
    token = stored["token"]
    text = bytes.fromhex(token["token"])
    T, K2 = g1(text[32:]), g2(bytes.fromhex(token["public"]))
    r = fr(int(token["blinding_r"], 16))
    signed = g1(bytes.fromhex(token["signed"]))
    message = g1(bytes.fromhex(token["message"]))
    assert T * r == signed
    # e(M, K2) = e(kM, g2): the issuer used the published key.
    assert pymcl.pairing(message, K2) == pymcl.pairing(signed, pymcl.g2)


def test_the_salt_is_the_hash_of_all_parts(stored):
    server = stored["server"]
    parts = b"".join(bytes.fromhex(part) for part in server["openings"])
    fields = bytes.fromhex(stored["dep_id"]) + b"\x01" + (101).to_bytes(4, "big")
    text = b"MP3v1/salt\0" + fields + bytes.fromhex(server["raw_hash"]) + parts
    assert hashlib.sha256(text).hexdigest() == server["salt"]


# ---- the encapsulation of the first version of the format, which survives


@pytest.fixture
def old(data_dir):
    path = data_dir.parent / "spec" / "presence_vectors.json"
    if not path.is_file():
        pytest.skip("presence_vectors.json is not beside SPLINEAR_DATA")
    return {
        name: bytes.fromhex(value) if isinstance(value, str) else value
        for name, value in json.loads(path.read_text(encoding="utf-8")).items()
    }


def test_surviving_encapsulation_by_the_package(old):
    key = MemberKey(
        curve.decode_scalar(old["x"]),
        curve.decode_g1(old["A"]),
        curve.decode_g2(old["B"]),
    )
    header = decode_header(old["header"], 2)
    K, _ = member_key.decapsulate(key, header)
    assert hashlib.sha256(K).digest() == old["K_gt_sha256"]
    assert K[:16] == old["K_gt_first16"]
    G, W, H = (
        curve.decode_g1(old["G"]),
        curve.decode_g1(old["W"]),
        curve.decode_g2(old["H"]),
    )
    assert curve.pairing_product([(key.A, H), (W, key.B)]) == curve.pairing_product(
        [(G, H)]
    )
    manager = manager_key.ManagerKey(G, curve.scalar(1), H)
    assert manager_key.open_own(manager, header) == K  # F1 on the old record
    assert ratchet.next_rk(old["rk100"], 100) == old["rk101"]


def test_surviving_encapsulation_by_the_second_decoder(old):
    reader = second.Reader(
        old["dep_id"],
        2,
        int.from_bytes(old["x"], "big"),
        g1(old["A"]),
        g2(old["B"]),
        old["lambda_pub"],
        old["rk101"],
        101,
    )
    K, _ = reader.decapsulate(old["header"])
    assert hashlib.sha256(K).digest() == old["K_gt_sha256"]
