"""Clocks: half an epoch apart all goes on; two epochs apart it is refused in words."""

import logging
import re

import pytest

from .faults_town import BOTH, CONFIG, NOBODY, ST, T, story

REGISTRAR, P_0, P_1 = range(3)


def shift(**offsets):
    """Prepare a town in which clocks differ, by seconds."""

    def prepare(town):
        for name, offset in offsets.items():
            if name in town.people:
                town[name].clock.offset = offset
            else:
                town.clocks[int(name[-1])].offset = offset

    return prepare


@pytest.mark.parametrize(
    "offsets",
    [{"party2": ST / 2}, {"party1": ST / 4, "party2": -ST / 4}],
    ids=str,
)
def test_servers_half_an_epoch_apart_go_on(tmp_path, offsets):
    """People differ from the parties' median by all that is allowed, or nearly."""

    async def steps(town):
        await town.end_of(T + 1)
        assert town.sights() == BOTH
        await town.end_of(T + 4)  # over the start of a day, and its second short epoch
        assert town.sights() == BOTH
        assert not town.late  # every table was published in its time
        for person in town.people.values():
            assert not person.device.alarms

    skew = CONFIG.skew_ms / 1000 - 1.0
    story(tmp_path, steps, shift(**offsets, alice=skew, bob=-skew))


@pytest.mark.parametrize("epochs", [-2, 2, 3])
def test_a_server_two_epochs_apart_refuses_in_words(tmp_path, caplog, epochs):
    """It promises nothing, and no epoch is published without it; then it is set."""

    async def steps(town):
        await town.start_of(T + 1)
        with caplog.at_level(logging.WARNING):
            town.clocks[P_1].offset = epochs * ST
            await town.start_of(T + 2)
            await town.until(town.clock.now() + 30.0)
        said = [r.getMessage() for r in caplog.records if "/peer/" in r.getMessage()]
        assert any("compare the clocks" in sentence for sentence in said)
        assert not town.sights()["alice"]
        town.clocks[P_1].offset = 0.0
        await town.end_of(T + 4)  # the second whole epoch after it was set
        assert town.sights() == BOTH

    story(tmp_path, steps)


def test_a_server_two_epochs_ahead_shows_nothing_wrong(tmp_path):
    """It retires what is not over yet: nobody is seen, and nobody wrongly."""

    async def steps(town):
        await town.start_of(T + 1)
        town.clocks[P_1].offset = 2 * ST
        await town.end_of(T + 2)
        assert town.sights() == NOBODY
        for person in town.people.values():
            assert not person.device.alarms
        town.clocks[P_1].offset = 0.0
        await town.end_of(T + 4)
        assert town.sights() == BOTH

    story(tmp_path, steps)


def test_a_persons_clock_two_epochs_apart_is_refused_in_words(tmp_path):
    """Nothing goes out that says when she thinks it is; set, she is seen again."""

    def posts(person):
        return [
            path
            for _, path, _ in person.net.posts
            if "/pir/" in path or "/register/" in path
        ]

    async def steps(town):
        alice = town["alice"]
        await town.start_of(T + 1)
        await alice.end()
        alice.clock.offset = 2 * ST
        alice.net.posts.clear()
        alice.start()
        await town.start_of(T + 2)
        (sentence,) = {a.sentence for a in alice.device.alarms if a.what == "clock"}
        assert re.search("it differs by (599|600) s: set it", sentence)
        assert posts(alice) == []
        await alice.end()
        alice.clock.offset = 0.0
        alice.start()
        await town.end_of(T + 4)  # the second whole epoch
        assert town.sights() == BOTH

    story(tmp_path, steps)
