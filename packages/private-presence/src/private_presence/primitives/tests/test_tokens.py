"""Anonymous tokens: valid, unlinkable, bound to day and role; and the old proof."""

from dataclasses import replace

import pytest

from private_presence.errors import PointError, VerificationError
from private_presence.primitives import curve, tokens
from private_presence.primitives.tokens import Role

from .seeded import SeededRandomness
from .test_curve import off_subgroup_g1

ROOT, DEP, DAY = bytes(32), bytes(16), 20_000


@pytest.fixture
def rng():
    return SeededRandomness("tokens")


@pytest.fixture
def key():
    return tokens.token_key(ROOT, DEP, Role.REGISTER_ST, DAY)


def fresh(key, rng, t=None):
    blinded = tokens.blind(Role.REGISTER_ST, DAY, t or rng.draw(32), rng)
    signed = tokens.issue(key, blinded.message)
    return tokens.unblind(blinded, signed, Role.REGISTER_ST, DAY, key.public)


def test_a_token_is_80_bytes_and_verifies(key, rng):
    token = fresh(key, rng)
    assert len(token) == tokens.TOKEN_SIZE == 80
    t = tokens.check_token(token, Role.REGISTER_ST, DAY, key.public)
    assert token.startswith(t)


def test_f12_a_token_is_good_for_one_day_one_role_and_one_issuer(key, rng):
    token = fresh(key, rng)
    other = tokens.token_key(b"\1" * 32, DEP, Role.REGISTER_ST, DAY).public
    for args in (
        (Role.REGISTER_LT, DAY, key.public),
        (Role.LOOKUP, DAY, key.public),
        (Role.REGISTER_ST, DAY + 1, key.public),
        (Role.REGISTER_ST, DAY, other),
    ):
        with pytest.raises(VerificationError):
            tokens.check_token(token, *args)


def test_f12_keys_differ_by_day_and_role():
    keys = {
        int(tokens.token_key(ROOT, DEP, role, day).secret)
        for role in (1, 2, 16, 17)
        for day in (DAY, DAY + 1)
    }
    assert len(keys) == 8


def test_f12_tagging_a_batch_passes_a_sum_and_fails_here(key, rng):
    """The issuer adds dM to one answer and takes it from the next."""
    a, b = (tokens.blind(Role.REGISTER_ST, DAY, rng.draw(32), rng) for _ in range(2))
    M1, M2 = curve.decode_g1(a.message), curve.decode_g1(b.message)
    mark = M1 * curve.scalar(99)
    one, two = M1 * key.secret + mark, M2 * key.secret - mark
    # A batched proof without weights checks the sum only, and that is right:
    total = [(one + two, curve.G2_GENERATOR), (-(M1 + M2), key.public)]
    assert curve.pairing_product(total).is_one()
    for blinded, answer in ((a, one), (b, two)):
        with pytest.raises(VerificationError):
            tokens.unblind(
                blinded, curve.encode_g1(answer), Role.REGISTER_ST, DAY, key.public
            )


def test_the_issuer_cannot_tell_which_message_a_token_came_from(key, rng):
    """For every token and every message there is one r that joins them."""
    t = rng.draw(32)
    point = curve.hash_to_g1(bytes([2]) + DAY.to_bytes(4, "big") + t, tokens.DST)
    r = curve.random_scalar(rng)
    assert tokens.blind(2, DAY, t, rng).message != tokens.blind(2, DAY, t, rng).message
    assert point * r * curve.invert(r) == point


def test_f12_a_bound_token_fits_one_body(key, rng):
    nonce = rng.draw(32)
    token = fresh(key, rng, tokens.bind(nonce, b"body"))
    assert token[:32] == tokens.bind(nonce, b"body")
    assert token[:32] != tokens.bind(nonce, b"other body")


@pytest.mark.parametrize("bad", ["off subgroup", "infinity", "noise"])
def test_the_issuer_refuses_points_that_would_leak_its_key(key, bad):
    message = {
        "off subgroup": off_subgroup_g1(),
        "infinity": b"\xc0" + bytes(47),
        "noise": b"\x80" + bytes(range(47)),
    }[bad]
    with pytest.raises(PointError):
        tokens.issue(key, message)


# ---- many at once


def redeemed(token, key, role=Role.REGISTER_ST, day=DAY):
    return tokens.Redeemed(token, role, day, key.public)


@pytest.mark.parametrize("bad", [(), (0,), (3, 4), (6,), tuple(range(7))])
def test_a_batch_says_of_each_token_what_a_single_check_says(key, rng, bad):
    other = tokens.token_key(ROOT, DEP, Role.REGISTER_LT, DAY)
    batch = [redeemed(fresh(key, rng), key) for _ in range(6)]
    blinded = tokens.blind(Role.REGISTER_LT, DAY, rng.draw(32), rng)
    signed = tokens.issue(other, blinded.message)
    token = tokens.unblind(blinded, signed, Role.REGISTER_LT, DAY, other.public)
    batch.append(redeemed(token, other, Role.REGISTER_LT))
    for i in bad:
        changed = bytes([batch[i].token[0] ^ 1]) + batch[i].token[1:]
        batch[i] = replace(batch[i], token=changed)
    assert tokens.check_tokens(batch, rng) == [i not in bad for i in range(7)]


def test_errors_that_cancel_in_a_plain_sum_are_found(key, rng):
    """T1 + D and T2 - D: without weights their sum is right."""
    first, second = fresh(key, rng), fresh(key, rng)
    D = curve.G1_GENERATOR * curve.scalar(7)
    lies = [
        token[:32] + curve.encode_g1(curve.decode_g1(token[32:]) + shift)
        for token, shift in ((first, D), (second, -D))
    ]
    assert tokens.check_tokens([redeemed(t, key) for t in lies], rng) == [False, False]


def test_what_is_no_token_does_not_disturb_the_others(key, rng):
    batch = [bytes(79), bytes(80), fresh(key, rng), bytes(32) + off_subgroup_g1()]
    found = tokens.check_tokens([redeemed(t, key) for t in batch], rng)
    assert found == [False, False, True, False]
    assert tokens.check_tokens([], rng) == []
