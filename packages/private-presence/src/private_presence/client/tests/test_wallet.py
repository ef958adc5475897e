"""Tokens are taken once, delivered once, and forgotten with their day."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from private_presence.client.device import (
    Wallet,
    decode_device,
    encode_device,
    new_device,
)
from private_presence.client.issuing import blinded
from private_presence.client.keeper import MemoryKeeper
from private_presence.client.wallet import (
    delivered,
    forget_days,
    order,
    order_of,
    put,
    take,
    tokens_left,
)
from private_presence.errors import CorruptStateError, QuotaError
from private_presence.primitives.tests.seeded import SeededRandomness

from .scripted import FIRST, make_config

RNG = SeededRandomness("wallet")


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(5, 6)), max_size=12))
def test_no_token_comes_out_twice(asked):
    wallet, out = Wallet(), []
    for role in (1, 2):
        for day in (5, 6):
            tokens = [bytes([role, day, i]) * 20 for i in range(3)]
            wallet = put(wallet, role, day, tokens)
    for role, day in asked:
        try:
            wallet, token = take(wallet, role, day)
        except QuotaError:
            assert asked.count((role, day)) > 3
        else:
            out.append(bytes(token))
            assert token[:2] == bytes([role, day])
    assert len(set(out)) == len(out)


def test_a_second_delivery_is_not_taken():
    wallet = put(Wallet(), 1, 5, [b"a"])
    wallet, _ = take(wallet, 1, 5)
    assert put(wallet, 1, 5, [b"a"]) == wallet
    assert delivered(wallet, 1, 5)
    assert tokens_left(wallet, 1, 5) == 0


def test_an_order_is_the_same_whenever_it_is_repeated():
    config, _ = make_config()
    wallet = order(Wallet(), 1, 5, RNG)
    assert order(wallet, 1, 5, RNG) == wallet
    first, again = (blinded(config, order_of(wallet, 1, 5)) for _ in range(2))
    assert [b.message for b in first] == [b.message for b in again]
    assert order_of(put(wallet, 1, 5, []), 1, 5) is None
    assert forget_days(wallet, 6) == Wallet()


def test_a_device_shows_no_secret_and_survives_its_bytes():
    config, _ = make_config()
    device = new_device(config, FIRST, RNG, b"A" * 32)
    assert "AAAA" not in repr(device)
    assert "Secret" not in repr(device.wallet)
    data = encode_device(device)
    assert decode_device(data) == device
    for spoilt in (data[:-1], data + b"\0", b"", data[:-1] + b"\x07"):
        with pytest.raises(CorruptStateError):
            decode_device(spoilt)


def test_edits_are_one_after_the_other_and_see_the_newest():
    config, _ = make_config()
    keeper = MemoryKeeper(new_device(config, FIRST, RNG))

    async def edits():
        async def one():
            async with keeper.edit() as edit:
                await asyncio.sleep(0)
                edit.save(edit.device)

        await asyncio.gather(*(one() for _ in range(5)))

    asyncio.run(edits())
    assert decode_device(keeper.data).client.counter == 5
