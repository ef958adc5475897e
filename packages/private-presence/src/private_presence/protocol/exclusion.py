"""Whom the next LT record excludes, and whether it starts a generation (F7, F16)."""

from dataclasses import dataclass

from private_presence.primitives.curve import Scalar, encode_scalar
from private_presence.primitives.manager_key import fresh_x
from private_presence.primitives.randomness import Randomness, below, shuffled
from private_presence.protocol.circle import Circle, SlotUse, unwanted

__all__ = ["Plan", "plan_exclusion"]

REPLACE_ONE_IN = 16  # a virtual member leaves its slot that often, in LT epochs
RENEW_ONE_IN = 30  # a generation starts without a reason that often


@dataclass(frozen=True)
class Plan:
    """Slots of the next record, who is in them, and who found none.

    Examples
    --------
    A virtual member sits wherever nobody is excluded (F16):

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> rng = SystemRandomness()
    >>> plan = plan_exclusion(new_circle(101, rng), 2, rng)
    >>> [use.name for use in plan.slots], plan.out, plan.left
    (['', ''], (), ())
    """

    slots: tuple[SlotUse, ...]
    out: tuple[str, ...]
    left: tuple[str, ...]
    new_generation: bool


def plan_exclusion(circle: Circle, n_slots: int, rng: Randomness) -> Plan:
    """Decide on exclusions for the next LT record.

    Removals come first.  More outstanding than slots, or some left over by the record
    before, make this a transition, which absorbs all slots: until everybody unwanted
    is out there is no short-term record.

    Parameters
    ----------
    circle : Circle
    n_slots : int
        rho.
    rng : Randomness

    Returns
    -------
    Plan

    Examples
    --------
    Three to remove, and two slots:

    >>> from dataclasses import replace
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import Member, new_circle
    >>> rng, names = SystemRandomness(), ("zoe", "bob", "eve")
    >>> members = tuple(Member(name, Scalar(i)) for i, name in enumerate(names, 1))
    >>> circle = replace(new_circle(101, rng), members=members, revoking=names)
    >>> plan = plan_exclusion(circle, 2, rng)
    >>> plan.out, plan.left, plan.new_generation
    (('zoe', 'bob'), ('eve',), True)
    """
    outstanding = unwanted(circle)
    out, left = outstanding[:n_slots], outstanding[n_slots:]
    forced = bool(circle.revoking or left or (circle.draining and out) or circle.renew)
    # At random also without a reason, so that a change of generation says little.
    idle = not outstanding and below(rng, RENEW_ONE_IN) == 0
    return Plan(_fill(circle, out, n_slots, rng), out, left, forced or idle)


def _fill(
    circle: Circle, out: tuple[str, ...], n_slots: int, rng: Randomness
) -> tuple[SlotUse, ...]:
    """Keep whoever can stay in place; strangers to a slot take a random free one."""
    x_of = {member.name: member.x for member in circle.members}
    slots = [_kept(use, out, rng) for use in circle.slots] or [None] * n_slots
    seated = {use.name for use in slots if use and use.name}
    free = [i for i, use in enumerate(slots) if use is None or not use.name]
    free = shuffled(rng, free)
    for name in (name for name in out if name not in seated):
        slots[free.pop()] = SlotUse(x_of[name], name)
    taken = set(circle.used)
    return tuple(use or _virtual(circle, taken, rng) for use in slots)


def _kept(use: SlotUse, out: tuple[str, ...], rng: Randomness) -> SlotUse | None:
    if use.name:
        return use if use.name in out else None
    return None if below(rng, REPLACE_ONE_IN) == 0 else use


def _virtual(circle: Circle, taken: set[bytes], rng: Randomness) -> SlotUse:
    x: Scalar = fresh_x(circle.key, taken, rng)
    taken.add(bytes(encode_scalar(x)))
    return SlotUse(x, "")
