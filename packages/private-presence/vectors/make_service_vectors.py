"""Write the vectors of what servers sign: `python make_service_vectors.py`.

One table of three records from its commitments to the manifest that everybody signed,
the deployment's file, a receipt, a withdrawal and a signed answer, all from one seed.
A test reads the file with a decoder of CBOR and a verifier of Ed25519 that are not
ours.
"""

import json
from hashlib import sha256
from pathlib import Path

from private_presence.pir import Records, TableId
from private_presence.primitives import blinding, tokens
from private_presence.primitives.curve import encode_g2
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol import lookup_server as ls
from private_presence.protocol.ask import backend_of
from private_presence.protocol.config import Config, encode_config, sign_config
from private_presence.protocol.deployment import encode_deployment
from private_presence.protocol.directory import (
    Directory,
    Party,
    encode_directory,
    sign_directory,
)
from private_presence.protocol.epochs import Kind
from private_presence.protocol.manifest import (
    Manifest,
    encode_manifest,
    manifest_hash,
    mix_salt,
    sign_manifest,
)
from private_presence.protocol.messages import encode_withdrawal, make_withdrawal
from private_presence.protocol.quota import roles
from private_presence.protocol.receipt import Answer, encode_receipt, make_receipt
from private_presence.protocol.signed import encode_signed
from private_presence.server.signed_answer import Asked, seal_answer

SEED = "MP3v1 vectors, service"
EPOCH = 101
OUT = Path(__file__).with_name("service.json")


def parties(rng):
    """Keys of R, the issuer and two servers, and their configuration."""
    registrar, issuer, *servers = (
        blinding.signing_key(bytes(rng.draw(64))) for _ in range(4)
    )
    publics = tuple(key.public for key in servers)
    config = Config(registrar.public, publics, issuer.public, max_friends=4, buckets=8)
    return config, registrar, servers


def deployment_file(config, signers, rng):
    """Configuration and directory, signed by everybody."""
    constants = encode_config(config)
    places = Directory(
        config.dep_id,
        3,
        (
            Party("registrar.example:443", "", b"anchor of R"),
            Party("one.example:443", "one.example:8443", b"anchor of P_0"),
            Party("[2001:db8::2]:443", "[2001:db8::2]:8443", b"anchor of P_1"),
        ),
        Party("relay.example:443", "", b"anchor of the relay"),
    )
    data = encode_directory(places)
    return encode_deployment(
        encode_signed(constants, [sign_config(config, k, rng) for k in signers]),
        encode_signed(data, [sign_directory(data, k, rng) for k in signers]),
    )


def table(config, registrar, servers, rng):
    """A table's life, message by message."""
    about = (Kind.LT, EPOCH)
    rows = sorted(bytes(rng.draw(16 + config.lt_value_size)) for _ in range(3))
    raw, raw_hash = b"".join(rows), sha256(b"".join(rows)).digest()
    promises = [ls.promise(*about, rng) for _ in servers]
    pairs = list(zip(promises, servers, strict=True))
    commitments = [ls.sign_commitment(p, config, k, rng) for p, k in pairs]
    announced = ls.sign_raw(config, *about, raw_hash, registrar, rng)
    openings = [ls.open_part(p, config, raw_hash, k, rng)[1] for p, k in pairs]
    manifest = _manifest(config, raw, commitments, openings, rng)
    encoded = encode_manifest(manifest)
    signatures = [sign_manifest(encoded, k, rng) for k in (registrar, *servers)]
    signed = encode_signed(encoded, signatures)
    return {
        "raw": raw,
        "commitments": commitments,
        "raw_signature": announced,
        "openings": [ls.encode_opening(o) for o in openings],
        "salt": manifest.salt,
        "manifest": encoded,
        "manifest_hash": manifest_hash(encoded),
        "countersignatures": signatures,
        "signed_manifest": signed,
    }


def _manifest(config, raw, commitments, openings, rng):
    dep_id, raw_hash = config.dep_id, sha256(raw).digest()
    parts = tuple(o.part for o in openings)
    salt = mix_salt(dep_id, Kind.LT, EPOCH, raw_hash, parts)
    size, root = config.lt_value_size, bytes(rng.draw(32))
    records = Records.from_bytes(raw, value_size=size)
    built = backend_of(config).encode(records, TableId(dep_id, Kind.LT, EPOCH), salt)
    keys = [tokens.token_key(root, dep_id, r, EPOCH + 1).public for r in roles(config)]
    hashes = tuple(data[:32] for data in commitments)
    facts = (dep_id, int(Kind.LT), EPOCH, 3, size, raw_hash, bytes(32), hashes, parts)
    return Manifest(*facts, salt, tuple(map(encode_g2, keys)), built.manifest)


def messages(config, registrar, servers, rng):
    """A receipt, a withdrawal and a signed answer."""
    about = (Kind.LT, EPOCH, sha256(b"body").digest())
    receipt = make_receipt(config, registrar, Answer.ACCEPTED, about, rng)
    blinded = blinding.signing_key(bytes(rng.draw(64)))
    withdrawal = make_withdrawal(config, Kind.ST, EPOCH, blinded, rng)
    asked = Asked(Kind.ST, EPOCH, 1, sha256(b"manifest").digest(), b"a query")
    return {
        "receipt": encode_receipt(receipt),
        "withdrawal": encode_withdrawal(config, withdrawal),
        "query": asked.query,
        "answer": seal_answer(config, asked, b"an answer", servers[1], rng),
    }


def vectors():
    """All vectors, as what JSON holds."""
    rng = SeededRandomness(SEED)
    config, registrar, servers = parties(rng)
    signers = (registrar, *servers)
    found = {
        "format": 1,
        "seed": SEED,
        "dep_id": config.dep_id,
        "config": encode_config(config),
        "deployment": deployment_file(config, signers, rng),
        "epoch": EPOCH,
        "table": table(config, registrar, servers, rng),
        "messages": messages(config, registrar, servers, rng),
    }
    return _texts(found)


def _texts(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_texts(item) for item in value]
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    return value


def text():
    """The file's content."""
    return json.dumps(vectors(), indent=1) + "\n"


if __name__ == "__main__":
    OUT.write_text(text(), encoding="utf-8")
