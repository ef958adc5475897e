"""A client killed before and after each of its saves, in a day and a half."""

import asyncio

import pytest

from private_presence.client.tests.test_crash import lived_through, sent_by
from private_presence.protocol.epochs import Kind

LEAST = 40  # saves, in fact more


@pytest.mark.slow(seconds=50)
@pytest.mark.parametrize("before", [True, False])
def test_killed_at_every_save_of_a_day_and_a_half(before):
    n, killed = 0, True
    while killed:
        n += 1
        alice, killed = asyncio.run(lived_through(n, before=before))
        bodies, tokens = sent_by(alice)
        # One body for each table, one for each token: nothing is used twice.
        assert all(len(sent) == 1 for sent in (*bodies.values(), *tokens.values())), n
        assert not alice.device.alarms, n
        words = {o.word for o in alice.device.outcomes}
        assert not words & {"conflict", "no_token", "malformed"}, n
        # Right again without a hand: keys were registered after it.
        kept = [p for p in alice.device.outbox if p.kind == Kind.LT]
        assert any(p.receipt for p in kept), n
    assert n > LEAST
