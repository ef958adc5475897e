"""The broadcast scheme as one would write it on a blackboard, over any pairing.

Slow, and followed with a finger: sequential aggregation instead of one multi-scalar
multiplication, products of single pairings, integers for scalars.  `DiscreteLogs` is
the group one can see through: every element is its logarithm.
"""

from dataclasses import dataclass, replace

import pymcl

from private_presence.errors import ExcludedError
from private_presence.primitives import curve, manager_key, member_key
from private_presence.primitives.header import Header, Slot

from . import mcl_points

R = mcl_points.R


def inverse(a):
    if a % R == 0:
        raise ExcludedError("excluded")
    return pow(a, -1, R)


class DiscreteLogs:
    """G1, G2 and GT as the integers modulo r: the pairing is the product."""

    def g1(self, a):
        return a % R

    g2 = g1

    def mul(self, point, a):
        return point * a % R

    def add(self, p, q):
        return (p + q) % R

    def gt(self, *pairs):
        return sum(p * q for p, q in pairs) % R


class Mcl:
    """The same through pymcl."""

    def g1(self, a):
        return pymcl.g1 * mcl_points.fr(a)

    def g2(self, a):
        return pymcl.g2 * mcl_points.fr(a)

    def mul(self, point, a):
        return point * mcl_points.fr(a)

    def add(self, p, q):
        return p + q

    def gt(self, *pairs):
        result = pymcl.GT()
        for p, q in pairs:
            result = result * pymcl.pairing(p, q)
        return result.serialize()


@dataclass(frozen=True)
class Manager:
    G: object
    gamma: int
    H: object


@dataclass(frozen=True)
class Key:
    x: int
    A: object
    B: object


class Reference:
    """Section 3 of the specification, equation by equation."""

    def __init__(self, group):
        self.group = group

    def setup(self, g, gamma, h):
        return Manager(self.group.g1(g), gamma, self.group.g2(h))

    def join(self, m, x):
        over = inverse(m.gamma + x)
        return Key(x, self.group.mul(m.G, x * over), self.group.mul(m.H, over))

    def value(self, m):
        """V = e(G, H)."""
        return self.group.gt((m.G, m.H))

    def check(self, m, key):
        """e(A, H) e(W, B)."""
        W = self.group.mul(m.G, m.gamma)
        return self.group.gt((key.A, m.H), (W, key.B))

    def encapsulate(self, m, S, k):
        P_S = m.H
        for x in S:
            P_S = self.group.mul(P_S, inverse(m.gamma + x))
        slots = [(x, self.group.mul(m.H, inverse(m.gamma + x))) for x in S]
        C1 = self.group.mul(self.group.mul(m.G, m.gamma), k)
        header = (C1, self.group.mul(P_S, k), slots)
        return header, self.group.gt((self.group.mul(m.G, k), P_S))

    def aggregate(self, key, slots):
        """B <- (P_l - B) / (x_j - x_l), each P_l by the same rule (route 2)."""
        prefix, B = [], key.B
        for x, point in slots:
            for x_before, P_before in prefix:
                point = self.step(P_before, point, x, x_before)
            B = self.step(point, B, key.x, x)
            prefix.append((x, point))
        return B

    def step(self, P, B, x, x_l):
        difference = self.group.add(P, self.group.mul(B, -1))
        return self.group.mul(difference, inverse(x - x_l))

    def decapsulate(self, key, header):
        C1, C2, slots = header
        B = self.aggregate(key, slots)
        return self.group.gt((C1, B), (key.A, C2)), B

    def absorb(self, m, removed, s):
        H = self.group.mul(m.H, s)
        for x in removed:
            H = self.group.mul(H, inverse(m.gamma + x))
        return replace(m, H=H)

    def absorb_member(self, key, b_s, s):
        return replace(key, B=self.group.mul(b_s, s))

    def reorder(self, header):
        return header[0], header[1], header[2][::-1]

    def add_members(self, one, two):
        """What two keys give when they are added: a natural attack."""
        x, add = one.x + two.x, self.group.add
        return Key(x % R, add(one.A, two.A), add(one.B, two.B))


class GivenScalar:
    """A source whose next scalar is known."""

    def __init__(self, k):
        self._k = k

    def draw(self, n):
        return self._k.to_bytes(n, "big")


class Fast:
    """The package, behind the same methods."""

    def setup(self, g, gamma, h):
        s = curve.scalar
        G, H = curve.G1_GENERATOR * s(g), curve.G2_GENERATOR * s(h)
        return manager_key.ManagerKey(G, s(gamma), H)

    def join(self, m, x):
        return manager_key.join(m, curve.scalar(x))

    def value(self, m):
        return curve.pairing_product([(m.G, m.H)]).to_bytes()

    def check(self, m, key):
        return curve.pairing_product([(key.A, m.H), (m.W, key.B)]).to_bytes()

    def encapsulate(self, m, S, k):
        xs = [curve.scalar(x) for x in S]
        return manager_key.encapsulate(m, xs, GivenScalar(k))

    def decapsulate(self, key, header):
        return member_key.decapsulate(key, header)

    def absorb(self, m, removed, s):
        xs = [curve.scalar(x) for x in removed]
        return manager_key.absorb(m, xs, curve.scalar(s))

    def absorb_member(self, key, b_s, s):
        return member_key.absorb_member(key, b_s, curve.scalar(s))

    def reorder(self, header):
        return Header(header.C1, header.C2, header.slots[::-1])

    def add_members(self, one, two):
        return manager_key.MemberKey(one.x + two.x, one.A + two.A, one.B + two.B)


def without_own_slot(header, i):
    """A header with one slot left out, of either implementation."""
    if isinstance(header, Header):
        slots = header.slots[:i] + header.slots[i + 1 :]
        return Header(header.C1, header.C2, slots)
    return header[0], header[1], header[2][:i] + header[2][i + 1 :]


IMPLEMENTATIONS = {
    "fast": Fast(),
    "reference over logarithms": Reference(DiscreteLogs()),
    "reference over pymcl": Reference(Mcl()),
}
__all__ = ["IMPLEMENTATIONS", "Fast", "Reference", "Slot", "without_own_slot"]
