"""What failed is told, until it succeeds or is long ago."""

import asyncio
from dataclasses import replace

import pytest

from private_presence.client.device import Outcome, Seen, new_device
from private_presence.client.lines import changes, lines
from private_presence.client.summary import summary
from private_presence.client.transport import Answered
from private_presence.client.troubles import troubles
from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.protocol.tests.world import deployment

from .people import Town
from .scripted import FIRST
from .test_summary import drawn

NOW = 120_000_100.0
CONFIG = deployment()
DAY = epoch_at(CONFIG, Kind.LT, NOW)


def failed(what, kind=Kind.LT, word="nobody answers", late=0.0, epoch=DAY):
    return Outcome(what, int(kind), epoch, word, round((NOW - late) * 1000))


def told(*outcomes, **changes):
    device = new_device(CONFIG, DAY, SeededRandomness("troubles"), bytes(32))
    device = replace(device, outcomes=outcomes, **changes)
    return [trouble.sentence for trouble in troubles(device, CONFIG, NOW)]


def test_causes_come_first_and_each_once():
    roles = [failed(f"tokens {role}", late=role) for role in (16, 1, 17)]
    keys = failed("keys")
    said = told(failed("lookup", Kind.ST), *roles, keys)
    assert [sentence.partition(":")[0] for sentence in said] == [
        "the day's keys",
        "the day's tokens",
        "the short-term lookup",
    ]


@pytest.mark.parametrize("word", ["complete", "delivered", "accepted", "withdrawn"])
def test_what_succeeded_is_no_trouble(word):
    assert told(failed("lookup", word=word)) == []


def test_what_is_long_ago_is_no_trouble():
    assert told(failed("lookup", late=CONFIG.lt_ms / 1000 - 1)) != []
    assert told(failed("lookup", late=CONFIG.lt_ms / 1000 + 1)) == []


def test_keys_that_came_later_are_no_trouble():
    seen = Seen(int(Kind.LT), DAY, bytes(32), bytes(32))
    assert told(failed("keys"), chain=(seen,)) == []
    assert told(failed("keys", epoch=DAY + 1), chain=(seen,)) != []


def test_audits_have_alarms_of_their_own():
    assert told(failed("audit", word="contradictory")) == []


def test_a_code_that_the_registrar_does_not_know_is_told():
    """Two days with a wrong code: the screen says what to do about it."""

    async def days():
        town = Town(["alice"])
        alice = town["alice"]
        alice.net.change = lambda party, path, answered: (
            Answered(403, b"", answered.date) if "/tokens/" in path else answered
        )
        alice.start()
        await town.until(FIRST + 2, 600.0)
        await alice.end()
        return summary(alice.device, town.room.config, town.clock.now())

    shown = asyncio.run(days())
    for text in ("\n".join(lines(shown)), drawn(shown, width=200)):
        assert "the registrar does not know this account" in text
        assert "presence enroll" in text
    assert changes(shown, shown) == []


def test_tokens_that_another_device_fetched_are_told():
    (said,) = told(failed("tokens 16", word="expected status 200; got 409: again"))
    assert "shows friends as offline, until" in said
