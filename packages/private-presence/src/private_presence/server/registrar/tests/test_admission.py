"""Posts and receipts: what is acknowledged is stored, and tokens pay once (F3, F12)."""

import asyncio
from hashlib import sha256

import pytest

from private_presence.errors import SpentError, StorageError
from private_presence.primitives.blinding import signing_key
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.epochs import Kind
from private_presence.protocol.messages import encode_withdrawal, make_withdrawal
from private_presence.protocol.receipt import Answer, decode_receipt, verify_receipt
from private_presence.server.metrics import Metrics
from private_presence.server.registrar import admission as module
from private_presence.server.registrar.admission import Admission, Post
from private_presence.server.storage import Group, open_storage

from .world import CONFIG, LT0, RKEYS, ST0, START, World, body_of, post_of, token_of

ST1, LT1 = ST0 + 1, LT0 + 1
ST = (Kind.ST, ST1)


@pytest.fixture
def admission(storage):
    rng = SeededRandomness("admission")
    return Admission(CONFIG, RKEYS, storage, rng, Metrics())


def answers(admission, *posts, now=START, table=ST):
    receipts = admission.settle([Post(*table, post) for post in posts], now)
    return [decode_receipt(receipt).answer.name for receipt in receipts]


def test_a_group_is_answered_in_its_order_with_signed_receipts(admission, storage):
    good, other = post_of(*ST, 1), post_of(Kind.LT, LT1, 1)
    bent = good[:100] + bytes([good[100] ^ 1]) + good[101:]
    posts = [
        Post(*ST, good),
        Post(*ST, bent),
        Post(Kind.LT, LT1, other),
        Post(*ST, b""),
        Post(*ST, good),  # twice in one group
        Post(Kind.ST, ST1 + 1, good),  # at another table's address
        Post(Kind.LT, LT1, good),
    ]
    receipts = [decode_receipt(r) for r in admission.settle(posts, START)]
    for receipt, post in zip(receipts, posts, strict=True):
        verify_receipt(CONFIG, receipt)
        assert receipt.body_hash == sha256(post.data[:-80]).digest()
        assert (receipt.kind, receipt.epoch) == post[:2]
    names = [receipt.answer.name for receipt in receipts]
    expected = "ACCEPTED MALFORMED ACCEPTED MALFORMED ACCEPTED CLOSED CLOSED"
    assert names == expected.split()
    storage.write_raw(*ST)
    assert len(storage.raw_file(*ST).read_bytes()) == 16 + CONFIG.st_value_size


def test_a_token_pays_for_one_body_in_whichever_epoch(admission):
    token = token_of(*ST, "token")
    one, two = body_of(*ST, 1), body_of(*ST, 2)
    assert answers(admission, one + token, two + token) == ["ACCEPTED", "NO_TOKEN"]
    assert answers(admission, two + token) == ["NO_TOKEN"]  # and in a later group
    later = START + CONFIG.st_ms / 1000
    next_table = (Kind.ST, ST1 + 1)
    three = body_of(*next_table, 3)
    assert answers(admission, three + token, now=later, table=next_table) == [
        "NO_TOKEN"
    ]


def test_tokens_of_another_role_or_day_or_nobody_are_refused(admission, storage):
    body = body_of(*ST, 1)
    forged = bytearray(token_of(*ST, 1))
    forged[0] ^= 1
    for token in (token_of(Kind.LT, LT1, 1), token_of(Kind.ST, ST1 + 4, 1), forged):
        assert answers(admission, body + bytes(token)) == ["MALFORMED"]
    # One bad token among good ones is found, and costs nobody else anything.
    posts = [post_of(*ST, i) for i in range(8)]
    posts[5] = posts[5][:-80] + bytes(forged)
    assert answers(admission, *posts).count("ACCEPTED") == 7


def test_a_resend_is_acknowledged_before_its_token_is_looked_at(admission, monkeypatch):
    body = body_of(*ST, 1)
    assert answers(admission, body + token_of(*ST, 1)) == ["ACCEPTED"]
    looked = []
    real = module.check_tokens
    monkeypatch.setattr(
        module, "check_tokens", lambda batch, rng: looked.extend(batch) or real([], rng)
    )
    assert answers(admission, body + bytes(80)) == ["ACCEPTED"]
    assert looked == []


def test_a_second_value_and_a_withdrawn_one_are_refused(admission, storage):
    key = signing_key(SeededRandomness("owner").draw(64))
    rng = SeededRandomness("withdraw")
    withdrawal = encode_withdrawal(CONFIG, make_withdrawal(CONFIG, *ST, key, rng))
    assert answers(admission, withdrawal + bytes(80)) == ["CLOSED"]  # nothing there
    body = body_by(key, b"x" * 64)
    assert answers(admission, body + token_of(*ST, 1)) == ["ACCEPTED"]
    other = body_by(key, b"y" * 64)
    assert answers(admission, other + token_of(*ST, 2)) == ["CONFLICT"]
    assert answers(admission, withdrawal + bytes(80)) == ["WITHDRAWN"]
    assert answers(admission, body + token_of(*ST, 1)) == ["CONFLICT"]
    assert storage.write_raw(*ST)[1] == 0


def body_by(key, ct):
    from private_presence.primitives.blinding import record_message, sign
    from private_presence.protocol.messages import Registration, encode_registration

    message = record_message(*ST[:1], CONFIG.dep_id, ST1, ct)
    signature = sign(key, message, SeededRandomness("n"))
    return encode_registration(Registration(*ST, key.public, signature, ct))


def test_a_crash_between_token_and_record_is_healed_by_the_resend(admission, storage):
    post = post_of(*ST, 1)

    def crash(point):
        if point == "tokens spent":
            raise StorageError("killed here")

    storage.at = crash
    assert admission.settle([Post(*ST, post)], START) == [None]
    assert storage.values(*ST, []) == {}
    assert len(storage.spent(2, LT0, [post[-80:-48]])) == 1
    storage.at = lambda point: None
    # The token still pays for this body, and for no other.
    other = body_of(*ST, 2) + post[-80:]
    assert answers(admission, other, post) == ["NO_TOKEN", "ACCEPTED"]


def test_nothing_is_said_when_nothing_could_be_stored(admission, monkeypatch):
    def full(group):
        raise StorageError("full")

    posts = [Post(*ST, post_of(*ST, 1)), Post(*ST, b"junk")]
    with monkeypatch.context() as broken:
        broken.setattr(admission._storage, "commit", full)
        assert admission.settle(posts, START) == [None, None]
    receipts = [decode_receipt(r).answer for r in admission.settle(posts, START)]
    assert receipts == [Answer.ACCEPTED, Answer.MALFORMED]


def test_a_mistake_of_the_program_costs_one_post_only(admission, monkeypatch):
    posts = [post_of(*ST, i) for i in range(9)]
    real = module.check_tokens

    def fragile(batch, rng):
        if any(item.token == posts[4][-80:] for item in batch):
            raise ZeroDivisionError
        return real(batch, rng)

    monkeypatch.setattr(module, "check_tokens", fragile)
    receipts = admission.settle([Post(*ST, post) for post in posts], START)
    assert [i for i, receipt in enumerate(receipts) if receipt is None] == [4]


def test_junk_makes_no_table(admission, storage, tmp_path):
    for epoch in (ST1 + 5, 0, 2**32 - 1):
        post = body_of(Kind.ST, epoch, 1) + bytes(80)
        assert answers(admission, post, table=(Kind.ST, epoch)) == ["CLOSED"]
    assert storage.places.known() == []


def test_a_closed_table_takes_nothing(admission):
    admission.close(*ST)
    admission.close(Kind.ST, ST1 - 1)  # an older one opens nothing again
    assert answers(admission, post_of(*ST, 1)) == ["CLOSED"]


def test_f20_no_blinded_key_and_no_signature_nonce_is_stored(tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path}")
    admission = Admission(CONFIG, RKEYS, storage, SeededRandomness("a"), Metrics())
    posts = [post_of(*ST, i) for i in range(5)]
    assert set(answers(admission, *posts)) == {"ACCEPTED"}
    storage.close()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for post in posts:
        assert post[5:37] not in files
        assert post[-48:] not in files  # the token's signature
        assert post[-80:-48] in files  # what is kept of it


def test_many_at_once_are_grouped_and_each_gets_its_own(storage, tmp_path):
    groups = []

    async def story():
        world = World(storage, tmp_path / "servers")
        committed = storage.commit
        storage.commit = lambda group: groups.append(group) or committed(group)
        posts = [post_of(*ST, i) for i in range(40)]
        replies = await asyncio.gather(*(world.register(*ST, p) for p in posts))
        for reply, post in zip(replies, posts, strict=True):
            receipt = decode_receipt(reply.body)
            assert receipt.answer is Answer.ACCEPTED
            assert receipt.body_hash == sha256(post[:-80]).digest()
        await world.registrar.close()

    asyncio.run(story())
    assert len(groups) < 5
    assert sum(len(group.values) for group in groups) == 40


def test_spent_errors_are_the_librarys(storage):
    from private_presence.protocol.quota import mark_spent

    storage.commit(Group(*ST, 2, 0, {b"t" * 32: b"b" * 32}))
    seen = storage.spent(2, 0, [b"t" * 32])
    mark_spent(seen, b"t" * 32, b"b" * 32)
    with pytest.raises(SpentError):
        mark_spent(seen, b"t" * 32, b"c" * 32)
