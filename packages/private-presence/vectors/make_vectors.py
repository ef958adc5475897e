"""Write the test vectors of the amended format: `python make_vectors.py`.

Everything comes from one seed, so that running it again gives the same bytes; a test
holds that.  What only the manager may know is in a section of that name.  A decoder
written from the specification alone (`protocol/tests/second_decoder.py`) reads the
file without this package.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from private_presence.primitives import blinding, ratchet, tokens
from private_presence.primitives.curve import (
    encode_g1,
    encode_g2,
    encode_scalar,
)
from private_presence.primitives.header import decode_header
from private_presence.primitives.kdf import kdf, u32
from private_presence.primitives.manager_key import join
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol import membership
from private_presence.protocol.circle import new_circle
from private_presence.protocol.config import Config, encode_config
from private_presence.protocol.epochs import Kind, first_st
from private_presence.protocol.lt_record import unwrap_lt
from private_presence.protocol.manifest import mix_salt
from private_presence.protocol.messages import encode_withdrawal, make_withdrawal
from private_presence.protocol.payload import (
    LtPayload,
    StPayload,
    encode_lt_payload,
    encode_st_payload,
)
from private_presence.protocol.publish_lt import prepare_lt, settle_lt
from private_presence.protocol.publish_st import prepare_st
from private_presence.protocol.receipt import Answer, encode_receipt, make_receipt
from private_presence.protocol.records import place

SEED = "MP3v1 vectors, amended"
FIRST = 101
OUT = Path(__file__).with_name("vectors.json")


def texts(fields: dict[str, Any]) -> dict[str, Any]:
    """Bytes as hexadecimal, everything else as it is."""
    plain = {
        k: bytes(v).hex() if isinstance(v, bytes) else v for k, v in fields.items()
    }
    return {k: texts(v) if isinstance(v, dict) else v for k, v in plain.items()}


def deployment(rng):
    """Fresh keys for R, the issuer and three servers; gives R's too."""
    keys = [blinding.signing_key(rng.draw(64)) for _ in range(5)]
    registrar, issuer, *servers = keys
    publics = tuple(key.public for key in servers)
    return Config(registrar.public, publics, issuer.public, privacy=2), registrar


def lt_vector(circle, config):
    """Every intermediate value of the pending record of a circle."""
    pending, rk, dep_id = circle.pending, circle.rk, config.dep_id
    epoch, public, K = pending.epoch, circle.signing.public, pending.K
    where = place(dep_id, Kind.LT, public, rk, epoch)
    ct = pending.value[:-64]
    header, _ = unwrap_lt(config, public, rk, epoch, ct)
    inner_info = dep_id + u32(epoch) + where.public + sha256(header).digest()
    payload = LtPayload(
        pending.new_generation, pending.seq, pending.signing_st.public, pending.aux
    )
    root, t = ratchet.st_root(K, rk, dep_id, epoch), first_st(config, epoch)
    result = {
        "epoch": epoch,
        "lambda": public,
        "rk": rk,
        "blind_b": blinding.blind_secret(rk, Kind.LT, dep_id, epoch),
        "blind_factor": where.factor,
        "P_b": where.public,
        "tag": where.tag,
        "header": header,
        "K_gt_sha256": sha256(K).digest(),
        "K_gt_first16": K[:16],
        "K_inner": kdf("inner", K + rk, inner_info),
        "K_outer": kdf("outer", rk + public, dep_id + u32(epoch) + ct[:16]),
        "payload": encode_lt_payload(payload, config.slots),
        "value": pending.value,
        "registration": pending.body,
        "st_prk": root,
        "st_first": t,
        "st_ck": ratchet.start_st(root, t),
        "new_generation": pending.new_generation,
    }
    if pending.new_generation:
        s = ratchet.base_factor(K, rk, dep_id, epoch)
        result["base_s"] = encode_scalar(s)
        result["rk_next"] = ratchet.rk_of_generation(K, rk, epoch)
    else:
        result["rk_next"] = ratchet.next_rk(rk, epoch)
    return texts(result), header


def publish(circle, config, rng, aux=b""):
    """Build, describe and settle a record; generations start only where wished for."""
    wished = bool(circle.revoking)
    while True:
        built = prepare_lt(circle, config, circle.epoch, rng, aux)
        assert built.pending
        if built.pending.new_generation == wished:
            break
    vector, header = lt_vector(built, config)
    return settle_lt(built, config, built.epoch, built.pending.value), vector, header


def st_vector(circle, config, rng):
    """Presence under the keys of the last LT record."""
    chain, t = circle.st, circle.st.t + 3
    ck = ratchet.step_st(chain.ck, chain.t, t)
    payload = StPayload(2, b"hello")
    where = place(config.dep_id, Kind.ST, chain.signing.public, ck, t)
    info = config.dep_id + u32(t) + where.public
    built = prepare_st(circle, config, t, payload, rng).st
    assert built
    assert built.sent
    sent = built.sent
    return texts(
        {
            "t": t,
            "P_st": chain.signing.public,
            "ck": ck,
            "blind_b": blinding.blind_secret(ck, Kind.ST, config.dep_id, t),
            "blind_factor": where.factor,
            "P_b": where.public,
            "tag": where.tag,
            "K_st": kdf("st", ck, info, 64),
            "payload": encode_st_payload(payload),
            "value": sent.value,
            "registration": sent.body,
        }
    )


def token_vector(config, rng):
    """One token, from its blinding to its redemption."""
    role, day, t = tokens.Role.REGISTER_ST, 20_000, bytes(rng.draw(32))
    root = bytes(rng.draw(32))
    key = tokens.token_key(root, config.dep_id, role, day)
    blinded = tokens.blind(role, day, t, rng)
    signed = tokens.issue(key, blinded.message)
    fields = {
        "role": int(role),
        "day": day,
        "t": t,
        "issuer_root": root,
        "public": encode_g2(key.public),
        "blinding_r": encode_scalar(blinded.r),
        "message": blinded.message,
        "signed": signed,
        "token": tokens.unblind(blinded, signed, role, day, key.public),
    }
    return texts(fields)


def small_vectors(config, registrar, rng):
    """Salt, receipt and withdrawal."""
    parts = tuple(bytes(rng.draw(32)) for _ in config.servers)
    raw_hash = sha256(b"raw").digest()
    blinded = blinding.signing_key(rng.draw(64))
    withdrawal = make_withdrawal(config, Kind.ST, FIRST, blinded, rng)
    about = (Kind.LT, FIRST, sha256(b"body").digest())
    receipt = make_receipt(config, registrar, Answer.ACCEPTED, about, rng)
    salt = mix_salt(config.dep_id, Kind.LT, FIRST, raw_hash, parts)
    return texts(
        {
            "raw_hash": raw_hash,
            "openings": [part.hex() for part in parts],
            "salt": salt,
            "registrar": config.registrar,
            "receipt": encode_receipt(receipt),
            "withdrawal": encode_withdrawal(config, withdrawal),
        }
    )


def vectors():
    """All vectors, as what JSON holds."""
    rng = SeededRandomness(SEED)
    config, registrar = deployment(rng)
    circle, nonce = new_circle(FIRST, rng), bytes(rng.draw(32))
    circle, invitation = membership.invite(circle, config, "bob", nonce, rng)
    circle, _ = membership.invite(circle, config, "carol", bytes(32), rng)
    manager = circle.key
    bob = join(manager, circle.members[0].x)

    circle, one, header = publish(circle, config, rng, b"first")
    circle = membership.revoke(circle, "carol")
    circle, two, _ = publish(circle, config, rng)
    circle, three, _ = publish(circle, config, rng)
    records = [one, two, three]
    decoded = decode_header(bytes.fromhex(one["header"]), config.slots)
    assert encode_g1(decoded.C1) == header[:48]
    return {
        "format": "MP3v1, amended",
        "seed": SEED,
        "config": encode_config(config).hex(),
        "dep_id": config.dep_id.hex(),
        "slots": config.slots,
        "manager_only": texts(
            {
                "G": encode_g1(manager.G),
                "gamma": encode_scalar(manager.gamma),
                "H": encode_g2(manager.H),
                "H_after": encode_g2(circle.key.H),
            }
        ),
        "reader": texts(
            {
                "x": encode_scalar(bob.x),
                "A": encode_g1(bob.A),
                "B": encode_g2(bob.B),
                "W": encode_g1(manager.W),
                "H": encode_g2(manager.H),
                "B_after": encode_g2(join(circle.key, bob.x).B),
            }
        ),
        "invitation": texts({"nonce": nonce, "bytes": invitation}),
        "lt": records,
        "st": st_vector(circle, config, rng),
        "token": token_vector(config, rng),
        "server": small_vectors(config, registrar, rng),
    }


def text():
    """The file's content."""
    return json.dumps(vectors(), indent=1) + "\n"


if __name__ == "__main__":
    OUT.write_text(text(), encoding="utf-8")
