"""Boxes, key derivation and ratchets: known answers, separation, one way."""

import hashlib
import hmac

import pytest

from private_presence.errors import InputError, VerificationError
from private_presence.primitives import boxes, kdf, ratchet
from private_presence.primitives.secret import Secret, equal


def hkdf(salt, ikm, info, length):
    """RFC 5869 in four lines."""
    prk, out, block = hmac.digest(salt, ikm, "sha256"), b"", b""
    for i in range(1, -(-length // 32) + 1):
        block = hmac.digest(prk, block + info + bytes([i]), "sha256")
        out += block
    return out[:length]


def test_key_derivation_is_hkdf_with_the_label_as_salt():
    for length in (16, 32, 48, 64):
        ours = kdf.kdf("inner", b"key", b"info", length)
        assert ours == hkdf(b"MP3v1/inner", b"key", b"info", length)
        assert isinstance(ours, Secret)


def test_hashes_are_domain_separated():
    assert kdf.digest("tag", b"x") == hashlib.sha256(b"MP3v1/tag\0x").digest()
    wide = hashlib.sha512(b"MP3v1/blind\0x").digest()
    assert kdf.digest_wide("blind", b"x") == wide
    assert kdf.digest("tag", b"x") != kdf.digest("salt", b"x")


@pytest.mark.parametrize("number", [-1, 1 << 32])
def test_epochs_do_not_wrap_round(number):
    with pytest.raises(InputError):
        kdf.u32(number)


def test_siv_known_answer():
    """RFC 5297, A.1 (with keys of 256 bits; the package uses 512)."""
    key = bytes.fromhex(
        "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
    )
    data = bytes.fromhex("101112131415161718191a1b1c1d1e1f2021222324252627")
    plain = bytes.fromhex("112233445566778899aabbccddee")
    expected = "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"
    assert boxes.seal_siv(key, plain, data).hex() == expected
    assert boxes.open_siv(key, bytes.fromhex(expected), data) == plain


@pytest.mark.parametrize("flip", [0, 15, 16, -1])
def test_changed_boxes_do_not_open(flip):
    siv = bytearray(boxes.seal_siv(bytes(64), b"payload", b"data"))
    box = bytearray(boxes.seal_box(bytes(32), b"payload" * 4, b"data"))
    for sealed, opens, key in ((siv, boxes.open_siv, 64), (box, boxes.open_box, 32)):
        assert opens(bytes(key), bytes(sealed), b"data").startswith(b"payload")
        with pytest.raises(VerificationError):
            opens(bytes(key), bytes(sealed), b"other data")
        sealed[flip] ^= 1
        with pytest.raises(VerificationError):
            opens(bytes(key), bytes(sealed), b"data")


def test_f05_zero_padded_payloads_under_one_key_show_their_difference_without_siv():
    """What the unamended format did: the exclusive or is the other record's text."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    one, two = b"\1\2\5hello".ljust(48, b"\0"), b"\1\2\0".ljust(48, b"\0")
    old = ChaCha20Poly1305(bytes(32))
    a, b = old.encrypt(bytes(12), one, b""), old.encrypt(bytes(12), two, b"")
    leaked = bytes(x ^ y for x, y in zip(a[:48], b[:48], strict=True))
    assert leaked[3:8] == b"hello"  # the attack
    a, b = boxes.seal_siv(bytes(64), one, b""), boxes.seal_siv(bytes(64), two, b"")
    difference = bytes(x ^ y for x, y in zip(a[16:], b[16:], strict=True))
    assert difference[3:8] != b"hello"
    # 40 zero bytes in a row would be the padding; by chance 2^-320.
    assert bytes(8) not in difference


def test_ratchets_step_alike_and_apart():
    rk = bytes(range(32))
    assert ratchet.step_rk(rk, 5, 5) == rk
    assert ratchet.step_rk(rk, 5, 8) == ratchet.step_rk(ratchet.step_rk(rk, 5, 7), 7, 8)
    K = bytes(576)
    new = ratchet.rk_of_generation(K, rk, 5)
    assert new != ratchet.next_rk(rk, 5)
    assert ratchet.rk_of_generation(b"\1" + K[1:], rk, 5) != new
    root = ratchet.st_root(K, rk, bytes(16), 5)
    ck = ratchet.start_st(root, 1440)
    assert ratchet.step_st(ck, 1440, 1442) == ratchet.next_st(
        ratchet.next_st(ck, 1440), 1441
    )
    assert len({bytes(x) for x in (rk, new, root, ck)}) == 4


def test_the_base_factor_depends_on_key_ratchet_deployment_and_epoch():
    args = bytes(576), bytes(32), bytes(16), 5
    base = int(ratchet.base_factor(*args))
    for i, other in enumerate([b"\1" * 576, b"\1" * 32, b"\1" * 16, 6]):
        changed = [*args[:i], other, *args[i + 1 :]]
        assert int(ratchet.base_factor(*changed)) != base
    assert base != 0


def test_secrets_hide_and_compare():
    secret = Secret(b"swordfish")
    assert "swordfish" not in f"{secret!r} {secret} {secret:>40} {[secret]}"
    assert secret == b"swordfish"
    assert secret != b"swordfisg"
    assert secret != "swordfish"
    assert not equal(b"a", b"ab")
    assert {secret: 1}[b"swordfish"] == 1
