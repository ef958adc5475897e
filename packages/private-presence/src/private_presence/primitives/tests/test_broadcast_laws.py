"""The laws of section 3, over the fast path, the readable one, and a second library.

Oracles 1 to 5 of section 12.  Everything is exact: group elements are equal or not.
"""

import random

import pytest

from private_presence.errors import ExcludedError, InputError, VerificationError
from private_presence.primitives import curve, manager_key, member_key
from private_presence.primitives.header import Slot

from . import mcl_points, reference
from .seeded import SeededRandomness

R = mcl_points.R


@pytest.fixture(params=reference.IMPLEMENTATIONS, ids=str)
def scheme(request):
    return reference.IMPLEMENTATIONS[request.param]


@pytest.fixture
def draw():
    rng = random.Random(6)
    return lambda: rng.randrange(1, R)


@pytest.fixture
def group(scheme, draw):
    manager = scheme.setup(draw(), draw(), draw())
    return manager, [scheme.join(manager, draw()) for _ in range(5)]


def x_of(key):
    return int(key.x)


@pytest.mark.parametrize("excluded", [0, 1, 2, 3])
def test_everyone_but_the_excluded_opens(scheme, group, draw, excluded):
    manager, keys = group
    out = keys[:excluded]
    header, K = scheme.encapsulate(manager, [x_of(k) for k in out], draw())
    for key in keys[excluded:]:
        assert scheme.decapsulate(key, header)[0] == K
        assert scheme.decapsulate(key, scheme.reorder(header))[0] == K
    for key in out:
        with pytest.raises(ExcludedError):
            scheme.decapsulate(key, header)


def test_every_issued_key_passes_the_check_in_every_generation(scheme, group, draw):
    manager, keys = group
    for _ in range(3):
        assert all(scheme.check(manager, k) == scheme.value(manager) for k in keys)
        removed, s = [draw(), draw()], draw()
        header, _ = scheme.encapsulate(manager, removed, draw())
        parts = [scheme.decapsulate(k, header)[1] for k in keys]
        manager = scheme.absorb(manager, removed, s)
        keys = [scheme.absorb_member(k, b, s) for k, b in zip(keys, parts, strict=True)]
        keys.append(scheme.join(manager, draw()))


def test_two_single_removals_are_one_double_removal(scheme, group, draw):
    manager, keys = group
    a, b, keeper = keys[0], keys[1], keys[2]
    both, _ = scheme.encapsulate(manager, [x_of(a), x_of(b)], draw())
    once = scheme.absorb(manager, [x_of(a), x_of(b)], 1)
    kept = scheme.absorb_member(keeper, scheme.decapsulate(keeper, both)[1], 1)
    first, _ = scheme.encapsulate(manager, [x_of(a)], draw())
    step = scheme.absorb(manager, [x_of(a)], 1)
    half = scheme.absorb_member(keeper, scheme.decapsulate(keeper, first)[1], 1)
    second, _ = scheme.encapsulate(step, [x_of(b)], draw())
    twice = scheme.absorb(step, [x_of(b)], 1)
    assert scheme.value(once) == scheme.value(twice)
    rest = scheme.absorb_member(half, scheme.decapsulate(half, second)[1], 1)
    assert rest.B == kept.B
    # With one member removed and no refresh, the new base is her own B.
    assert scheme.absorb(manager, [x_of(a)], 1).H == a.B


def test_stale_partial_and_added_keys_open_nothing(scheme, group, draw):
    manager, keys = group
    s = draw()
    header, K = scheme.encapsulate(manager, [x_of(k) for k in keys[:2]], draw())
    partial = reference.without_own_slot(header, 0)
    assert scheme.decapsulate(keys[0], partial)[0] != K
    assert scheme.decapsulate(keys[4], partial)[0] != K
    added = scheme.add_members(keys[0], keys[1])
    assert scheme.decapsulate(added, header)[0] != K
    later, K2 = scheme.encapsulate(
        scheme.absorb(manager, [x_of(k) for k in keys[:2]], s), [draw()], draw()
    )
    for key in keys:  # nobody has followed the change yet
        assert scheme.decapsulate(key, later)[0] != K2


def test_virtual_members_change_nothing(scheme, group, draw):
    manager, keys = group
    header, K = scheme.encapsulate(manager, [draw(), draw(), draw()], draw())
    assert all(scheme.decapsulate(key, header)[0] == K for key in keys)


def test_both_libraries_write_the_same_key(draw):
    g, gamma, h, x, k, s = (draw() for _ in range(6))
    slots = [draw(), draw()]
    fast, slow = (
        reference.IMPLEMENTATIONS[name] for name in ("fast", "reference over pymcl")
    )
    (m1, m2) = fast.setup(g, gamma, h), slow.setup(g, gamma, h)
    assert curve.encode_g1(m1.G) == mcl_points.g1_bytes(m2.G)
    assert curve.encode_g2(m1.H) == mcl_points.g2_bytes(m2.H)
    (h1, K1), (h2, K2) = fast.encapsulate(m1, slots, k), slow.encapsulate(m2, slots, k)
    assert K1 == K2
    assert curve.encode_g2(h1.C2) == mcl_points.g2_bytes(h2[1])
    j1, j2 = fast.join(m1, x), slow.join(m2, x)
    (K1, b1), (K2, b2) = fast.decapsulate(j1, h1), slow.decapsulate(j2, h2)
    assert K1 == K2
    assert curve.encode_g2(b1) == mcl_points.g2_bytes(b2)
    b1, b2 = fast.absorb_member(j1, b1, s), slow.absorb_member(j2, b2, s)
    assert curve.encode_g2(b1.B) == mcl_points.g2_bytes(b2.B)


def test_f01_without_G_a_member_checks_her_key_by_the_hash_of_V():
    rng = SeededRandomness("F1")
    manager = manager_key.setup(rng)
    key = manager_key.join(manager, curve.random_scalar(rng))
    h_v = manager_key.verification_hash(manager)
    member_key.check_key(key, manager.W, manager.H, h_v)
    other = manager_key.join(manager_key.setup(rng), key.x)
    with pytest.raises(VerificationError, match="ask for a new invitation"):
        member_key.check_key(other, manager.W, manager.H, h_v)


def test_f01_whoever_has_G_opens_every_header():
    """The attack stays true, which is why G may not leave the manager."""
    rng = SeededRandomness("F1 attack")
    manager = manager_key.setup(rng)
    header, K = manager_key.encapsulate(manager, [curve.random_scalar(rng)], rng)
    assert curve.pairing_product([(manager.G, header.C2)]).to_bytes() == K
    assert manager_key.open_own(manager, header) == K


def test_f02_one_k_in_two_headers_lets_a_member_of_one_open_the_other():
    rng = SeededRandomness("F2 k")
    manager = manager_key.setup(rng)
    bob = manager_key.join(manager, curve.random_scalar(rng))
    same = reference.GivenScalar(12345)
    for_all, _ = manager_key.encapsulate(manager, [], same)
    without_bob, K = manager_key.encapsulate(manager, [bob.x], same)
    with pytest.raises(ExcludedError):
        member_key.decapsulate(bob, without_bob)
    root = bob.A * curve.invert(bob.x)
    assert curve.pairing_product([(root, for_all.C2)]).to_bytes() == K  # the attack
    fresh, _ = manager_key.encapsulate(manager, [], rng)
    again, _ = manager_key.encapsulate(manager, [], rng)
    assert fresh.C1 != again.C1  # k is drawn for every call
    apart, K = manager_key.encapsulate(manager, [bob.x], rng)
    assert apart.C1 != fresh.C1
    assert curve.pairing_product([(root, fresh.C2)]).to_bytes() != K


@pytest.mark.parametrize("bad", ["zero", "minus gamma"])
def test_f02_x_of_zero_or_minus_gamma_is_never_issued(bad):
    manager = manager_key.setup(SeededRandomness("x"))
    x = curve.scalar(0) if bad == "zero" else curve.scalar(0) - manager.gamma
    with pytest.raises(InputError, match="draw it with fresh_x"):
        manager_key.join(manager, x)


def test_f02_an_x_once_used_is_never_drawn_again():
    manager = manager_key.setup(SeededRandomness("used"))
    first = manager_key.fresh_x(manager, (), SeededRandomness("same"))
    used = {bytes(curve.encode_scalar(first))}
    second = manager_key.fresh_x(manager, used, SeededRandomness("same"))
    assert first != second


def test_an_x_twice_among_the_excluded_is_refused():
    manager = manager_key.setup(SeededRandomness("twice"))
    x = curve.scalar(5)
    with pytest.raises(InputError, match="give each once"):
        manager_key.encapsulate(manager, [x, x], SeededRandomness("twice"))


def test_aggregation_of_a_long_list_is_the_sequential_one():
    rng = SeededRandomness("long")
    manager = manager_key.setup(rng)
    key = manager_key.join(manager, curve.random_scalar(rng))
    keys = [manager_key.join(manager, curve.random_scalar(rng)) for _ in range(8)]
    slots = [Slot(k.x, k.B) for k in keys]
    factor = curve.product([curve.invert(manager.gamma + k.x) for k in keys])
    assert member_key.aggregate(key, slots) == key.B * factor
