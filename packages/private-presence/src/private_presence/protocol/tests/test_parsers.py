"""Every parser against hypothesis: declared errors only, and one spelling per message.

`PARSERS` holds, for each, a valid message, the parser, and the encoder that must give
the message back.  Lengths are bounded before anything is read, so that what a parser
allocates is bounded by its input; `test_memory` measures that.
"""

import tracemalloc
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from private_presence.errors import PresenceError
from private_presence.primitives import blinding as bl
from private_presence.primitives import curve
from private_presence.primitives.header import decode_header, encode_header
from private_presence.primitives.manager_key import encapsulate
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol import config as cf
from private_presence.protocol import manifest as mf
from private_presence.protocol import messages as ms
from private_presence.protocol import payload as pl
from private_presence.protocol import receipt as rc
from private_presence.protocol import store
from private_presence.protocol.circle import Circle
from private_presence.protocol.client import new_client
from private_presence.protocol.codec import decode_record, encode_record
from private_presence.protocol.epochs import Kind
from private_presence.protocol.friend import Friend
from private_presence.protocol.invitation import decode_invitation
from private_presence.protocol.signed import encode_signed

from .group import START, Group
from .test_servers import Ceremony
from .world import REGISTRAR, SERVERS, TOKEN, deployment


@dataclass(frozen=True)
class Parser:
    sample: bytes
    decode: Any
    encode: Any


def body_text(config, message):
    if isinstance(message, ms.Withdrawal):
        return ms.encode_withdrawal(config, message)
    return ms.encode_registration(message)


def make_parsers():
    rng, config = SeededRandomness("parsers"), deployment()
    group = Group("bob")
    data, _ = group.invite("carol")
    body = group.build().body
    group.step()
    group.show(START * 4 + 1)
    xs = [curve.random_scalar(rng) for _ in range(2)]
    header, _ = encapsulate(group.circle.key, xs, rng)
    key = bl.signing_key(rng.draw(64))
    withdrawal = ms.make_withdrawal(config, Kind.ST, START, key, rng)
    about = (Kind.LT, START, bytes(32))
    receipt = rc.make_receipt(config, REGISTRAR, rc.Answer.ACCEPTED, about, rng)
    manifest = Ceremony(config, rng).manifest()
    signatures = [cf.sign_config(config, k, rng) for k in (REGISTRAR, *SERVERS)]
    signed = encode_signed(cf.encode_config(config), signatures)
    lt_payload = pl.LtPayload(True, 3, key.public, b"aux")
    big = 1 << 20
    return {
        "scalar": Parser(
            bytes(curve.encode_scalar(xs[0])), curve.decode_scalar, curve.encode_scalar
        ),
        "G1": Parser(curve.encode_g1(header.C1), curve.decode_g1, curve.encode_g1),
        "G2": Parser(curve.encode_g2(header.C2), curve.decode_g2, curve.encode_g2),
        "Ed25519 key": Parser(key.public, bl.check_public, bytes),
        "header": Parser(
            encode_header(header), lambda d: decode_header(d, 2), encode_header
        ),
        "LT payload": Parser(
            pl.encode_lt_payload(lt_payload, 2),
            lambda d: pl.decode_lt_payload(d, 2),
            lambda m: pl.encode_lt_payload(m, 2),
        ),
        "ST payload": Parser(
            pl.encode_st_payload(pl.StPayload(1, b"aux")),
            pl.decode_st_payload,
            pl.encode_st_payload,
        ),
        "registration": Parser(
            body, lambda d: ms.decode_body(config, d), lambda m: body_text(config, m)
        ),
        "withdrawal": Parser(
            ms.encode_withdrawal(config, withdrawal),
            lambda d: ms.decode_body(config, d),
            lambda m: body_text(config, m),
        ),
        "post": Parser(body + TOKEN, lambda d: ms.split_post(config, d), b"".join),
        "receipt": Parser(
            rc.encode_receipt(receipt), rc.decode_receipt, rc.encode_receipt
        ),
        "invitation": Parser(data, decode_invitation, encode_record),
        "manifest": Parser(
            mf.encode_manifest(manifest), mf.decode_manifest, mf.encode_manifest
        ),
        "configuration": Parser(
            cf.encode_config(config), cf.decode_config, cf.encode_config
        ),
        "signed configuration": Parser(
            signed,
            cf.decode_signed_config,
            lambda m: encode_signed(cf.encode_config(m), signatures),
        ),
        "friend": Parser(
            encode_record(group.readers["bob"]),
            lambda d: decode_record(Friend, d, big),
            encode_record,
        ),
        "circle": Parser(
            encode_record(group.circle),
            lambda d: decode_record(Circle, d, big),
            encode_record,
        ),
        "state file": Parser(
            store.encode_state(new_client(config, START, rng)),
            store.decode_state,
            store.encode_state,
        ),
    }


PARSERS = make_parsers()


# A parameter, not a fixture: hypothesis runs many inputs on each.
each = pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)


def check(parser, data):
    """A declared error, or the one spelling of what was read."""
    try:
        message = parser.decode(data)
    except PresenceError:
        return False
    assert parser.encode(message) == data
    return True


def mutate(sample, draw):
    """One to three edits: a bit, a run of bytes, a cut, an insertion, a repetition."""
    data = bytearray(sample)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        edit = draw(st.sampled_from(["flip", "set", "cut", "insert", "repeat"]))
        if edit == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif edit == "set" and data:
            data[at] = draw(
                st.sampled_from([0, 1, 2, 0x17, 0x18, 0x7F, 0x80, 0xC0, 0xFF])
            )
        elif edit == "cut":
            del data[at : at + draw(st.integers(1, 40))]
        elif edit == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=40))
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
    return bytes(data)


@each
def test_the_sample_is_read_and_written_back(parser):
    assert check(parser, parser.sample)


# Fewer examples than the default of 100, for each of 18 parsers.
@each
@settings(max_examples=80)
@given(data=st.data())
def test_changed_messages_are_refused_or_have_one_spelling(parser, data):
    check(parser, mutate(parser.sample, data.draw))


@each
@settings(max_examples=50)
@given(noise=st.binary(max_size=700))
def test_noise_is_refused_or_has_one_spelling(parser, noise):
    check(parser, noise)


@each
@settings(max_examples=50)
@given(data=st.data())
def test_noise_of_the_right_length(parser, data):
    n = len(parser.sample)
    check(parser, data.draw(st.binary(min_size=n, max_size=n)))


@each
def test_every_prefix_and_one_byte_more_are_refused(parser):
    n = len(parser.sample)
    for length in {*range(0, n, max(n // 40, 1)), n - 1}:
        assert not check(parser, parser.sample[:length])
    assert not check(parser, parser.sample + b"\0")


@each
@pytest.mark.parametrize("filler", [b"\0", b"\xff", b"\x9b", b"\x81"])
def test_memory_is_bounded_by_the_input(parser, filler):
    """A megabyte of anything, or a length of 2^63, costs a small multiple of itself."""
    texts = [filler * (1 << 20), parser.sample[:3] + b"\x9b\x7f" + b"\xff" * 7]
    for text in texts:
        tracemalloc.start()
        try:
            check(parser, text)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8 * len(text) + (1 << 17)


aux = st.binary(max_size=54)
u32s = st.integers(0, 2**32 - 1)
KEY = bl.signing_key(SeededRandomness("payload").draw(64)).public


@given(st.booleans(), u32s, aux, st.integers(1, 8))
def test_lt_payloads_go_there_and_back(new, seq, aux, slots):
    message = pl.LtPayload(new, seq, KEY, aux)
    assert pl.decode_lt_payload(pl.encode_lt_payload(message, slots), slots) == message


@given(st.integers(0, 255), st.binary(max_size=45))
def test_st_payloads_go_there_and_back(status, aux):
    message = pl.StPayload(status, aux)
    assert pl.decode_st_payload(pl.encode_st_payload(message)) == message


@given(st.sampled_from(list(Kind)), u32s, st.data())
def test_registrations_and_withdrawals_go_there_and_back(kind, epoch, data):
    config = deployment()
    size = ms.body_size(config, kind) - 101
    public, sig, ct = (
        data.draw(st.binary(min_size=n, max_size=n)) for n in (32, 64, size)
    )
    for message in (
        ms.Registration(kind, epoch, public, sig, ct),
        ms.Withdrawal(kind, epoch, public, sig),
    ):
        assert ms.decode_body(config, body_text(config, message)) == message


@given(
    st.sampled_from(list(rc.Answer)),
    st.sampled_from(list(Kind)),
    u32s,
    st.binary(min_size=32, max_size=32),
)
def test_receipts_go_there_and_back(answer, kind, epoch, body_hash):
    receipt = rc.Receipt(answer, kind, epoch, body_hash, bytes(64))
    assert rc.decode_receipt(rc.encode_receipt(receipt)) == receipt


@given(
    st.integers(1, 1000),
    st.integers(1, 8),
    st.integers(1, 4),
    st.sampled_from(cf.MODES),
)
def test_configurations_go_there_and_back(friends, slots, circles, mode):
    config = deployment(
        servers=deployment().servers[: 2 if mode == "dpf" else 3],
        privacy=1,
        max_friends=friends,
        buckets=2 * friends + 4,
        slots=slots,
        circles=circles,
        mode=mode,
    )
    assert cf.decode_config(cf.encode_config(config)) == config
