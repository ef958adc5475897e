"""The span oracle: it finds every attack of F1 and F2, and none after the repairs."""

import itertools

import pytest

from .span_oracle import History, R, can_open, over

BOB, CAROL, DAVE, GUS, VIRTUAL, VIRTUAL2 = 11, 13, 17, 19, 23, 29


def coalition(history, *members):
    """Elements of G1 and G2 of members (x, generation) together."""
    keys = [history.key(x, generation) for x, generation in members]
    return [a for A, _ in keys for a in A], [b for _, B in keys for b in B]


def W(w):
    return w["gamma"] * w["g"] % R


def test_a_member_opens_and_an_excluded_one_does_not():
    plain = History()
    bob = coalition(plain, (BOB, 0))
    assert can_open(plain, 0, [CAROL, VIRTUAL], *bob)
    assert not can_open(plain, 0, [BOB, VIRTUAL], *bob)


def test_f01_G_opens_every_header():
    plain = History()
    g1, g2 = coalition(plain, (BOB, 0))
    assert can_open(plain, 0, [BOB, VIRTUAL], [*g1, lambda w: w["g"]], g2)


def test_f01_W_and_H_do_not():
    plain = History()
    g1, g2 = coalition(plain, (BOB, 0), (CAROL, 0))
    more = [*g1, W], [*g2, lambda w: plain.base(w, 0)]
    assert not can_open(plain, 0, [BOB, CAROL], *more)


@pytest.mark.parametrize("refreshed", [False, True])
def test_f02_a_new_key_and_the_transition_that_removed_its_holder(refreshed):
    """(a) Carol is removed, then invited again with another x."""
    history = History([(CAROL, VIRTUAL)], refreshed)
    carol = coalition(history, (CAROL, 0), (DAVE, 1))
    assert can_open(history, 0, [CAROL, VIRTUAL], *carol) is not refreshed


@pytest.mark.parametrize("refreshed", [False, True])
def test_f02_a_removed_friend_and_a_later_one(refreshed):
    """(b) Carol, removed, and Gus, invited into the generation that followed."""
    history = History([(CAROL, VIRTUAL)], refreshed)
    both = coalition(history, (CAROL, 0), (GUS, 1))
    assert can_open(history, 0, [CAROL, VIRTUAL], *both) is not refreshed


def test_f02_a_removed_friend_and_one_three_generations_later():
    history = History([(CAROL, VIRTUAL), (29, 31), (37, 41)])
    both = coalition(history, (CAROL, 0), (GUS, 3))
    for generation, excluded in enumerate(history.absorbed):
        assert not can_open(history, generation, excluded, *both)


def test_f02_one_generation_with_a_late_key_is_open():
    """(c) Why no key is issued into a generation that excluded somebody."""
    plain = History()
    both = coalition(plain, (BOB, 0), (GUS, 0))
    assert can_open(plain, 0, [BOB, VIRTUAL], *both)


@pytest.mark.parametrize("refreshed", [False, True])
def test_f02_the_same_x_after_it_was_absorbed(refreshed):
    """(d) 1 / (gamma + x)^2 appears; an absorbed x is never issued again."""
    history = History([(CAROL, VIRTUAL)], refreshed)
    again = coalition(history, (CAROL, 0), (CAROL, 1))
    assert can_open(history, 0, [CAROL, VIRTUAL], *again) is not refreshed


def test_f02_an_absorbed_x_in_a_slot_makes_a_working_key():
    history = History([(CAROL, VIRTUAL)])
    carol = coalition(history, (CAROL, 0))
    # A slot of generation 1 with Carol's x carries B for it: she opens with her old A
    # every header of that generation in which she is not excluded.
    leaked = lambda w: history.base(w, 1) * over(w, [CAROL]) % R  # noqa: E731
    g1, g2 = carol
    assert not can_open(history, 1, [VIRTUAL2, 31], g1, g2)
    assert can_open(history, 1, [VIRTUAL2, 31], g1, [*g2, leaked])


def test_f02_x_of_zero_opens_everything():
    plain = History()
    zero = lambda w: plain.base(w, 0) * over(w, [0]) % R  # noqa: E731
    assert can_open(plain, 0, [], [], [zero])


def test_coalitions_of_excluded_friends_over_three_generations():
    """Every subset of outsiders, with W, all bases and all slots, stays outside."""
    history = History([(BOB, VIRTUAL), (CAROL, 31)])
    outsiders = [(BOB, 0), (CAROL, 0), (CAROL, 1)]
    bases = [lambda w, i=i: history.base(w, i) for i in range(3)]
    for n in (1, 2, 3):
        for some in itertools.combinations(outsiders, n):
            g1, g2 = coalition(history, *some)
            assert not can_open(history, 2, [VIRTUAL2, 37], [*g1, W], [*g2, *bases])


def test_the_refresh_is_worthless_to_whoever_knows_it():
    """Control: with s known, attack (b) is back; so the oracle does see the base."""
    history = History([(CAROL, VIRTUAL)], known=[0])
    both = coalition(history, (CAROL, 0), (GUS, 1))
    assert can_open(history, 0, [CAROL, VIRTUAL], *both)


def test_f24_keys_can_be_mixed_so_they_name_nobody():
    """A + u W, B - u H opens like the original: no evidence against a traitor."""
    plain = History()
    g1, g2 = coalition(plain, (BOB, 0))
    u = 12345
    mixed_a = lambda w: (g1[0](w) + u * W(w)) % R  # noqa: E731
    mixed_b = lambda w: (g2[0](w) - u * plain.base(w, 0)) % R  # noqa: E731
    assert can_open(plain, 0, [], [mixed_a], [mixed_b])
