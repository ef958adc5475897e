"""Can a coalition compute the key of one header?  A question of linear algebra.

In the generic group model of an asymmetric pairing, what a coalition can form from one
challenge header by one pairing is a linear space: C1 against every element of G2 that
it has, C2 against every element of G1.  The key is out of reach exactly if its exponent
is outside the span.  Exponents are rational functions of the secrets; two functions are
told apart by their values at random points of the field (a wrong answer has probability
below 2^-200 for the degrees here).  Complete for one challenge header, and evidence,
not a security proof.
"""

import random

R = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001


class World:
    """Random values for all secrets: log G, gamma, log H and the base refreshes."""

    def __init__(self, seed):
        self._rng = random.Random(seed)
        self.values = {}

    def __getitem__(self, name):
        if name not in self.values:
            self.values[name] = self._rng.randrange(1, R)
        return self.values[name]


def over(w, xs):
    """1 / prod (gamma + x)."""
    result = 1
    for x in xs:
        result = result * pow(w["gamma"] + x, -1, R) % R
    return result


class History:
    """Generations of one manager: which x each absorbed, whether bases were refreshed.

    `absorbed` lists the removed x of every change; `known` are the refreshes that the
    coalition knows as numbers, because a member of it opened the transition record.
    """

    def __init__(self, absorbed=(), refreshed=True, known=()):
        self.absorbed = [tuple(xs) for xs in absorbed]
        self.refreshed, self.known = refreshed, set(known)

    def base(self, w, generation):
        h = w["h"]
        for i, xs in enumerate(self.absorbed[:generation]):
            s = w[f"s{i}"] if self.refreshed and i not in self.known else 1
            h = h * s * over(w, xs) % R
        return h

    def key(self, x, generation):
        """A and B of a member with this x, as issued in or carried to a generation."""
        A = lambda w: w["g"] * x * over(w, [x]) % R  # noqa: E731
        B = lambda w: self.base(w, generation) * over(w, [x]) % R  # noqa: E731
        return [A], [B]

    def header(self, generation, excluded):
        """Slots in G2, the factor of C2, and the exponent of the key, without k."""
        slots = [
            lambda w, x=x: self.base(w, generation) * over(w, [x]) % R for x in excluded
        ]
        C2 = lambda w: self.base(w, generation) * over(w, excluded) % R  # noqa: E731
        K = lambda w: w["g"] * C2(w) % R  # noqa: E731
        return slots, C2, K


def products(C2, g1, g2):
    """Everything that one pairing makes of a header's fresh k."""
    by_c1 = [lambda w, q=q: w["gamma"] * w["g"] * q(w) % R for q in g2]
    by_c2 = [lambda w, p=p: C2(w) * p(w) % R for p in g1]
    return by_c1 + by_c2


def can_open(history, generation, excluded, g1, g2):
    """Say whether the key of this header is in the span of what the coalition forms.

    `g1`, `g2`: the coalition's elements, as functions of a world.  The generators and
    the header's own slots are added.
    """
    slots, C2, K = history.header(generation, excluded)
    everything = products(C2, [*g1, one], [*g2, *slots, one])
    worlds = [World(seed) for seed in range(len(everything) + 4)]
    rows = [[f(w) for f in everything] + [K(w)] for w in worlds]
    return consistent(rows)


def one(_):
    return 1


def consistent(rows):
    """Gauss modulo r: is the last column in the span of the others?"""
    rows, width, top = [row[:] for row in rows], len(rows[0]) - 1, 0
    for column in range(width):
        pivot = next((i for i in range(top, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[top], rows[pivot] = rows[pivot], rows[top]
        inverse = pow(rows[top][column], -1, R)
        rows[top] = [a * inverse % R for a in rows[top]]
        for i, row in enumerate(rows):
            if i != top and row[column]:
                f = row[column]
                rows[i] = [(a - f * b) % R for a, b in zip(row, rows[top], strict=True)]
        top += 1
    return not any(row[-1] for row in rows[top:])
