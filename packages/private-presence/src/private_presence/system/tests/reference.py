"""What everybody must see, without cryptography, told in events as they happen.

The events say who asked for what and which messages were sent and acknowledged; who
can read what follows by the rules of the specification alone (`protocol/tests/matrix`).
What depends on an answer that got lost is left open, and not compared.
"""

from collections import Counter
from dataclasses import dataclass

from private_presence.protocol.records import Status
from private_presence.protocol.tests.matrix import Owner, Reading

EXCLUSIONS = ("suspend", "revoke")


@dataclass(frozen=True)
class Shown:
    """A short-term record that was built: under whose keys, against whom, saying what."""

    st_of: int | None
    unwanted: frozenset
    payload: tuple


@dataclass(frozen=True)
class View:
    """What one reader's finished lookup showed, and what she could read then."""

    reader: str
    t: int
    seen: dict
    keys: dict  # by owner: the epoch of the keys that are known, and whether for sure


class Reference:
    def __init__(self, names, st_per_lt):
        self.names, self.st_per_lt = names, st_per_lt
        self.owners = {name: Owner() for name in names}
        self.readings, self.unsure, self.moved = {}, set(), {}
        self.from_t = {}
        self.acknowledged, self.shown, self.views = set(), {}, []
        self.wrong, self.count, self.words = [], Counter(), {}

    def check(self, right, *what):
        if not right:
            self.wrong.append(what)

    # -- wishes

    def invited(self, owner, reader, since, t):
        mine = self.owners[owner]
        mine.members.add(reader)
        if mine.st_of is not None:
            mine.st_holders.add(reader)
        pair = reader, owner
        self.readings[pair] = Reading(mine.generation, since, mine.st_of)
        self.moved[pair] = t
        # Keys of records that were built are deleted: the newcomer sees the next one.
        self.from_t[pair] = (
            max((u for o, u in self.shown if o == owner), default=-1) + 1
        )
        self.count["invitations"] += 1

    def asked(self, name, wish, other):
        owner = self.owners[name]
        if wish == "suspend":
            owner.suspended.add(other)
        else:
            owner.suspended.discard(other)
        if wish == "revoke" and other not in owner.revoking:
            owner.revoking.append(other)
        self.count[wish] += 1

    # -- long-term records

    def built_lt(self, name, epoch, new_generation, out):
        owner = self.owners[name]
        idle = new_generation and not (owner.outstanding() or owner.renew)
        owner.build(epoch, idle)
        expected = owner.pending.new_generation, owner.pending.out
        self.check((new_generation, out) == expected, "record", name, epoch)
        owner.published[epoch] = owner.pending

    def settled(self, name, epoch, committed):
        """`name` looked her own record up: it was there, or it was not."""
        owner = self.owners[name]
        if owner.pending is None or owner.pending.epoch != epoch:
            return
        if ("lt", name, epoch) in self.acknowledged:
            self.check(committed, "lost", name, epoch)
        if not committed:
            del owner.published[epoch]
        owner.settle(committed)

    def read_lt(self, reader, epoch, opened, t):
        """`reader` looked all friends' records up; these ones opened."""
        for (who, name), reading in self.readings.items():
            if who != reader:
                continue
            pair = who, name
            there = epoch in self.owners[name].published
            if there and ("lt", name, epoch) not in self.acknowledged:
                self.unsure.add(pair)  # an answer got lost: it may be there or not
            if t <= self.moved[pair] + 1 and epoch >= reading.next_epoch:
                self.unsure.add(pair)  # may have been asked before the invitation
            status = reading.read(who, self.owners[name], epoch)
            self.count[f"lt {status.name.lower()}"] += 1
            if status is Status.OK:
                self.moved[pair] = t
            if pair not in self.unsure:
                self.check((name in opened) == (status is Status.OK), "lt", pair, epoch)

    # -- short-term records

    def built_st(self, name, t, payload):
        owner = self.owners[name]
        self.check(owner.may_show(), "exposed", name, t)
        unwanted = frozenset(owner.outstanding())
        self.shown[name, t] = Shown(owner.st_of, unwanted, payload)

    def looked_st(self, reader, t, seen):
        keys = {}
        for (who, name), reading in self.readings.items():
            if who == reader:
                pair = who, name
                sure = pair not in self.unsure and self.moved[pair] != t
                keys[name] = reading.st_of, sure
        self.views.append(View(reader, t, seen, keys))

    # -- judgement

    def judge(self):
        """Compare every ordered pair of every finished lookup; see `count` and `wrong`."""
        for view in self.views:
            others = [name for name in self.names if name != view.reader]
            words = {name: self._compare(view, name) for name in others}
            self.words[view.reader, view.t] = words
            self.count.update(words.values())
            self.count["pairs"] += len(words)

    def _compare(self, view, name):
        seen, shown = view.seen.get(name), self.shown.get((name, view.t))
        about = (view.reader, name, view.t, seen)
        if name not in view.keys:
            self.check(seen is None, "stranger", *about)
            return "strangers"
        if shown is None:
            self.check(seen is None, "nothing was sent", *about)
            return "silent"
        if view.reader in shown.unwanted:
            self.check(seen is None, "excluded", *about)
            return "excluded"
        st_of, sure = view.keys[name]
        if not sure:
            return "open"
        if view.t < self.from_t[view.reader, name]:
            self.check(seen is None, "before the invitation", *about)
            return "without keys"
        if st_of != shown.st_of:
            self.check(seen is None, "without keys", *about)
            return "without keys"
        if ("st", name, view.t) not in self.acknowledged:
            return "open"
        self.check(seen == shown.payload, "not seen", *about)
        return "seen"
