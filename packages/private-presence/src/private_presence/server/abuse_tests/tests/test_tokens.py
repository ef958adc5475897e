"""Tokens that are spent, forged, borrowed or of another day; accounts that are not."""

import threading
import time

import pytest

from private_presence.primitives.curve import G1_GENERATOR, encode_g1
from private_presence.primitives.kdf import u32
from private_presence.primitives.tokens import Role
from private_presence.protocol.epochs import Kind
from private_presence.protocol.quota import quota
from private_presence.protocol.receipt import Answer
from private_presence.server.registrar.tests.world import body_of, token_of

from .living import ACCOUNT, CONFIG, LT0, ST1, answer_of, lookup_token

REGISTER, PIR = f"/v1/register/st/{ST1 + 1}", f"/v1/pir/st/{ST1}"
POINT = encode_g1(G1_GENERATOR)


def post(services, name, path, body):
    with services.client(name) as link:
        return link.post(path, content=body)


def registration(seed, token):
    return body_of(Kind.ST, ST1 + 1, seed, CONFIG) + token


def registered(services, seed, token):
    return answer_of(post(services, "registrar", REGISTER, registration(seed, token)))


def test_a_token_registers_once(services):
    token = token_of(Kind.ST, ST1 + 1, "once", CONFIG)
    assert registered(services, "once", token) is Answer.ACCEPTED
    assert registered(services, "once", token) is Answer.ACCEPTED  # the same bytes
    for i in range(5):
        assert registered(services, f"twice {i}", token) is Answer.NO_TOKEN


@pytest.mark.parametrize(
    "token",
    [
        bytes(80),
        b"\xff" * 80,
        bytes(32) + POINT,
        token_of(Kind.LT, LT0 + 1, "another role", CONFIG),
        token_of(Kind.ST, ST1 + 1 + CONFIG.st_per_lt, "another day", CONFIG),
        lookup_token("of a lookup"),
        token_of(Kind.ST, ST1 + 1, "bent", CONFIG)[:-1] + b"\x00",
    ],
    ids=["zero", "ones", "generator", "role", "day", "lookup", "bent"],
)
def test_forged_tokens_register_nothing(services, token):
    answer = registered(services, f"forged {token[:4].hex()}", token)
    assert answer in (Answer.NO_TOKEN, Answer.MALFORMED)


def test_a_flood_of_forged_tokens_delays_nobody_for_long(services):
    for i in range(40):
        forged = i.to_bytes(32, "big") + POINT
        answer = registered(services, f"flood {i}", forged)
        assert answer in (Answer.NO_TOKEN, Answer.MALFORMED)


def test_a_token_looks_up_once_and_the_same_bytes_are_answered_again(services):
    token = lookup_token("once")
    first = services.ask("first", token)
    replies = [post(services, "lookup", PIR, first.body) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 200]
    for i in range(5):
        other = services.ask(f"other {i}", token)
        assert post(services, "lookup", PIR, other.body).status_code == 409


@pytest.mark.parametrize(
    "token",
    [
        bytes(80),
        b"\xff" * 80,
        bytes(32) + POINT,
        lookup_token("another server", Role.LOOKUP + 1),
        lookup_token("another day", day=LT0 + 1),
        token_of(Kind.ST, ST1 + 1, "of a registration", CONFIG),
    ],
    ids=["zero", "ones", "generator", "server", "day", "registration"],
)
def test_forged_tokens_look_up_nothing(services, token):
    ask = services.ask("forged", token)
    assert post(services, "lookup", PIR, ask.body).status_code == 400


def test_a_flood_of_forged_lookups_delays_an_honest_one_little(services):
    bodies = []
    for i in range(24):
        good = lookup_token(f"flood {i}")
        bodies.append(services.ask(i, bytes([i]) * 32 + good[32:]).body)
    found = []

    def attack(body):
        found.append(post(services, "lookup", PIR, body).status_code)

    threads = [threading.Thread(target=attack, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    start = time.monotonic()
    assert services.look_up("beside forged ones") > 0
    took = time.monotonic() - start
    for thread in threads:
        thread.join()
    assert took < 5.0
    assert found == [400] * 24


@pytest.mark.parametrize("day", [0, LT0 - 2, LT0 + 3, (1 << 32) - 1])
def test_tokens_of_other_days_are_refused(services, day):
    ask = services.ask(f"day {day}")
    body = ask.body[:80] + u32(day) + ask.body[84:]
    assert post(services, "lookup", PIR, body).status_code == 400


def batch(account, points, day=LT0, role=Role.REGISTER_LT):
    return account + u32(day) + points * quota(CONFIG, role)


def test_an_account_has_one_batch_a_day(services):
    path = f"/v1/tokens/{int(Role.REGISTER_LT)}"
    first = batch(ACCOUNT, POINT)
    replies = [post(services, "registrar", path, first) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 200]
    assert replies[0].content == replies[1].content
    other = batch(ACCOUNT, encode_g1(G1_GENERATOR + G1_GENERATOR))
    assert post(services, "registrar", path, other).status_code == 409


@pytest.mark.parametrize("account", [bytes(32), b"\xff" * 32])
def test_who_has_no_account_gets_no_token(services, account):
    path = f"/v1/tokens/{int(Role.REGISTER_ST)}"
    body = batch(account, POINT, role=Role.REGISTER_ST)
    assert post(services, "registrar", path, body).status_code == 403


@pytest.mark.parametrize("role", [0, 3, 15, 18, 255, 256, (1 << 32) - 1])
def test_roles_that_do_not_exist_are_not_there(services, role):
    body = ACCOUNT + u32(LT0) + POINT
    reply = post(services, "registrar", f"/v1/tokens/{role}", body)
    assert reply.status_code == 404


@pytest.mark.parametrize("point", [bytes(48), b"\xc0" + bytes(47), b"\xff" * 48])
def test_points_that_are_none_are_not_signed(services, point):
    role = Role.LOOKUP
    body = batch(ACCOUNT, point, role=role)
    reply = post(services, "registrar", f"/v1/tokens/{int(role)}", body)
    assert reply.status_code in (400, 409)
