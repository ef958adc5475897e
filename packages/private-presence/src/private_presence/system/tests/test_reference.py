"""The reference itself: a right story has no contradiction, each wrong sight is one."""

import pytest

from .reference import Reference

HELLO = 1, b"hello"


def story(*, suspended=False):
    """Alice has published and is online in 405; Bob may see her, Carol is a stranger."""
    model = Reference(["alice", "bob", "carol"], 4)
    model.invited("alice", "bob", 101, 400)
    if suspended:
        model.asked("alice", "suspend", "bob")
    out = {"bob"} if suspended else set()
    model.built_lt("alice", 101, False, out)
    model.acknowledged.add(("lt", "alice", 101))
    model.settled("alice", 101, True)
    model.read_lt("bob", 101, set() if suspended else {"alice"}, 404)
    model.built_st("alice", 405, HELLO)
    model.acknowledged.add(("st", "alice", 405))
    return model


def judged(model, bob, carol):
    model.looked_st("bob", 405, bob)
    model.looked_st("carol", 405, carol)
    model.judge()
    return [what for what, *_ in model.wrong]


def test_what_is_right_is_right():
    model = story()
    assert judged(model, {"alice": HELLO}, {}) == []
    assert model.count["seen"] == 1
    assert model.count["strangers"] == 3
    assert judged(story(suspended=True), {}, {}) == []


@pytest.mark.parametrize(
    ("bob", "carol", "what"),
    [
        ({}, {}, "not seen"),
        ({"alice": (2, b"hello")}, {}, "not seen"),
        ({"alice": HELLO, "carol": HELLO}, {}, "stranger"),
        ({"alice": HELLO}, {"alice": HELLO}, "stranger"),
    ],
    ids=str,
)
def test_a_wrong_sight_is_found(bob, carol, what):
    assert judged(story(), bob, carol) == [what]


def test_a_sight_of_the_excluded_is_found():
    assert judged(story(suspended=True), {"alice": HELLO}, {}) == ["excluded"]


def test_a_sight_of_nobody_is_found():
    model = story()
    model.shown.clear()
    assert judged(model, {"alice": HELLO}, {}) == ["nothing was sent"]


def test_a_lost_record_is_found():
    model = Reference(["alice", "bob"], 4)
    model.built_lt("alice", 101, False, set())
    model.acknowledged.add(("lt", "alice", 101))
    model.settled("alice", 101, False)
    assert model.wrong == [("lost", "alice", 101)]


def test_presence_before_an_exclusion_is_effective_is_found():
    model = story()
    model.asked("alice", "suspend", "bob")
    model.built_st("alice", 406, HELLO)
    assert model.wrong == [("exposed", "alice", 406)]


def test_without_a_receipt_nothing_is_claimed():
    model = story()
    model.acknowledged.remove(("st", "alice", 405))
    assert judged(model, {}, {}) == []
    assert model.count["open"] == 1
