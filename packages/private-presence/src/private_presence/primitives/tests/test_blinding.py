"""Blinded keys: owners sign, friends find, nobody links; and which verifier decides."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl.signing import VerifyKey

from private_presence.errors import PointError, VerificationError
from private_presence.primitives import blinding as bl

from .seeded import SeededRandomness

L = 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER = bytes.fromhex(
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
)  # order 8
IDENTITY = b"\x01" + bytes(31)
DEP = bytes(16)


@pytest.fixture
def rng():
    return SeededRandomness("blinding")


def factor(key, epoch=7, chain=bytes(32), kind=1, dep=DEP):
    b = bl.blind_secret(chain, kind, dep, epoch)
    return bl.blind_factor(kind, dep, key.public, epoch, b)


def test_the_blinded_pair_fits_and_any_verifier_accepts(rng):
    key = bl.signing_key(rng.draw(64))
    blinded = bl.blind_signing(key, factor(key))
    assert blinded.public == bl.blind_public(key.public, factor(key))
    signature = bl.sign(blinded, b"message", rng)
    bl.verify(blinded.public, b"message", signature)
    VerifyKey(blinded.public).verify(b"message", signature)
    Ed25519PublicKey.from_public_bytes(blinded.public).verify(signature, b"message")


@pytest.mark.parametrize(
    "other",
    [{"epoch": 8}, {"chain": b"\1" * 32}, {"kind": 2}, {"dep": b"\1" * 16}],
    ids=["epoch", "ratchet", "kind", "deployment"],
)
def test_f08_the_factor_depends_on(rng, other):
    """On the ratchet too: Lambda alone finds nothing."""
    key = bl.signing_key(rng.draw(64))
    assert factor(key) != factor(key, **other)


def test_signatures_do_not_transfer(rng):
    key = bl.signing_key(rng.draw(64))
    signature = bl.sign(key, b"message", rng)
    for message in (b"massage", b"message ", b""):
        with pytest.raises(VerificationError):
            bl.verify(key.public, message, signature)
    for i in (0, 31, 32, 63):
        bent = bytearray(signature)
        bent[i] ^= 1
        with pytest.raises(VerificationError):
            bl.verify(key.public, b"message", bytes(bent))


def test_attack_malleable_signatures_are_refused(rng):
    """s + l satisfies the equation; libsodium refuses it."""
    key = bl.signing_key(rng.draw(64))
    signature = bl.sign(key, b"message", rng)
    s = int.from_bytes(signature[32:], "little") + L
    bent = signature[:32] + s.to_bytes(32, "little")
    with pytest.raises(VerificationError):
        bl.verify(key.public, b"message", bent)


def test_f23_small_order_keys_one_library_accepts_and_ours_refuses():
    """R = identity, s = 0 under a key of order one is valid for every message."""
    forged = IDENTITY + bytes(32)
    public = Ed25519PublicKey.from_public_bytes(IDENTITY)
    public.verify(forged, b"any message")  # accepted: the trap
    public.verify(forged, b"any other one")
    for key in (IDENTITY, SMALL_ORDER):
        with pytest.raises(VerificationError):
            bl.verify(key, b"any message", forged)
        with pytest.raises(PointError):
            bl.check_public(key)


def test_f23_keys_of_mixed_order_are_refused(rng):
    """P + T with T of small order has another tag and signs for the same owner."""
    from nacl import bindings

    key = bl.signing_key(rng.draw(64))
    mixed = bindings.crypto_core_ed25519_add(key.public, SMALL_ORDER)
    assert mixed != key.public
    assert not bl.is_valid_public(mixed)
    with pytest.raises(VerificationError):
        bl.verify(mixed, b"m", bl.sign(key, b"m", rng))


def test_non_canonical_keys_are_refused():
    p = 2**255 - 19
    assert not bl.is_valid_public((p + 1).to_bytes(32, "little"))
    assert not bl.is_valid_public(b"\xff" * 32)
    assert not bl.is_valid_public(bytes(31))


def test_a_nonce_never_repeats_even_from_a_stuck_generator(rng):
    class Stuck:
        def draw(self, n):
            return bytes(n)

    key = bl.signing_key(rng.draw(64))
    one, two = bl.sign(key, b"one", Stuck()), bl.sign(key, b"two", Stuck())
    assert one[:32] != two[:32]


def test_blinding_an_invalid_point_is_a_declared_error():
    with pytest.raises(PointError):
        bl.blind_public(IDENTITY, b"\5" + bytes(31))


def test_the_other_library_refuses_wrong_signatures_too(rng):
    key = bl.signing_key(rng.draw(64))
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(key.public).verify(bytes(64), b"m")
