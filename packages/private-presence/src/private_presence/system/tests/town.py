"""People with agents and wishes, each step of whose devices is told to the reference."""

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256

from private_presence.client.agent import Agent
from private_presence.client.device import Wish, new_device
from private_presence.client.keeper import Edit, Keeper, SavedDevice
from private_presence.client.wishes import change_member
from private_presence.protocol import membership
from private_presence.protocol.circle import member_names
from private_presence.protocol.client import accept_invitation, change_circle
from private_presence.protocol.epochs import Kind, epoch_at, first_st, start_of
from private_presence.protocol.receipt import Answer, decode_receipt

from .reference import Reference

LATE = 0.85  # of a short epoch: no lookup is on its way, wishes come now


def account_of(name):
    return sha256(f"account of {name}".encode()).digest()


class WatchedKeeper(Keeper):
    """Keeps a device, and tells what each save changed."""

    def __init__(self, device, told):
        self.device, self._told, self._lock = device, told, asyncio.Lock()

    @asynccontextmanager
    async def edit(self):
        async with self._lock:
            yield _WatchedEdit(self)

    def save(self, device):
        before = self.device
        client = replace(device.client, counter=device.client.counter + 1)
        self.device = replace(device, client=client)
        self._told(before, self.device)
        return SavedDevice(self.device)


class _WatchedEdit(Edit):
    def __init__(self, keeper):
        self._keeper = keeper

    @property
    def device(self):
        return self._keeper.device

    def save(self, device):
        return self._keeper.save(device)


class Person:
    def __init__(self, town, name, rng):
        self.town, self.name, self.rng = town, name, rng
        device = new_device(town.config, town.first, rng, account_of(name))
        wish = Wish(True, town.names.index(name) % 256, name.encode())
        self.keeper = WatchedKeeper(replace(device, wish=wish), self.told)
        self.stop, self.task = asyncio.Event(), None

    @property
    def circle(self):
        return self.keeper.device.client.circles[0]

    def start(self):
        town = self.town
        self.stop = asyncio.Event()
        parts = (town.deployment, self.keeper, town.transport, town.clock, self.rng)
        agent = Agent(*parts, relay=town.relay, **town.waits)
        self.task = asyncio.create_task(agent.run(self.stop))

    async def end(self):
        if self.task:
            self.stop.set()
            await self.task
        self.task = None

    async def edit(self, change):
        async with self.keeper.edit() as edit:
            edit.save(change(edit.device))

    # -- what a save changed, as events

    def told(self, before, after):
        self._told_records(before, after)
        self._told_receipts(before, after)
        for outcome in after.outcomes:
            if outcome not in before.outcomes and outcome.what == "lookup":
                word = outcome.word if outcome.word == "complete" else "incomplete"
                self.town.count[f"lookup {Kind(outcome.kind).name} {word}"] += 1
                self.town.words[word if word == "complete" else outcome.word] += 1
                if outcome.word == "complete":
                    self._told_lookup(before, after, outcome)

    def _told_records(self, before, after):
        was, now = before.client.circles[0], after.client.circles[0]
        if now.pending and now.pending != was.pending:
            made = now.pending
            out = set(made.out)
            self.town.model.built_lt(self.name, made.epoch, made.new_generation, out)
        sent = now.st and now.st.sent
        if sent and sent != (was.st and was.st.sent):
            payload = sent.payload.status, sent.payload.aux
            self.town.model.built_st(self.name, sent.t, payload)

    def _told_receipts(self, before, after):
        for parcel in after.outbox:
            if not parcel.receipt or parcel in before.outbox:
                continue
            if decode_receipt(parcel.receipt).answer is Answer.ACCEPTED:
                kind = Kind(parcel.kind).name.lower()
                self.town.model.acknowledged.add((kind, self.name, parcel.epoch))
                self.town.count[f"acknowledged {kind}"] += 1

    def _told_lookup(self, before, after, outcome):
        model, t = self.town.model, self.town.t
        if outcome.kind == Kind.ST:
            sights = [s for s in after.sights if s.online and s.t == outcome.epoch]
            seen = {s.name: (s.status, s.aux) for s in sights}
            return model.looked_st(self.name, outcome.epoch, seen)
        grown = after.client.circles[0].seq > before.client.circles[0].seq
        model.settled(self.name, outcome.epoch, grown)
        ready = {s.name: s.lt_epoch for s in before.sights}
        opened = {s.name for s in after.sights if s.lt_epoch != ready.get(s.name, 0)}
        return model.read_lt(self.name, outcome.epoch, opened, t)


class Town:
    """`n` people over a deployment.

    `transport` is theirs together: it shares nothing between connections.  `rng_of`
    makes each person's generator.
    """

    def __init__(self, deployment, transport, clock, n, rng_of, **options):
        self.deployment, self.transport, self.clock = deployment, transport, clock
        self.config = deployment.config
        self.relay = options.get("relay", False)
        self.waits = {word: options.get(word) for word in ("patience", "pause")}
        self.random = random.Random(options.get("seed", 1))
        self.first = epoch_at(self.config, Kind.LT, clock.now())
        self.names = [f"person {i}" for i in range(n)]
        self.model = Reference(self.names, self.config.st_per_lt)
        self.count = self.model.count
        self.people = {name: Person(self, name, rng_of(name)) for name in self.names}
        self.online, self.due = {}, {}
        self.words = Counter()  # what came of lookups, in the agents' words

    @property
    def t(self):
        return epoch_at(self.config, Kind.ST, self.clock.now())

    def chance(self, p):
        return self.random.random() < p

    # -- the story

    async def live(self, days, degree, spread):
        """Befriend at random, and go through `days` long-term epochs."""
        for owner in self.names:
            for reader in self.random.sample(self.names, degree):
                await self.invite(owner, reader)
        begin = self.clock.now()
        try:
            for i, name in enumerate(self.names):
                await self.clock.sleep_until(begin + spread * i / len(self.names))
                self.people[name].start()
            last = first_st(self.config, self.first + days)
            for t in range(self.t, last):
                await self.short_epoch(t)
        finally:
            ends = (person.end() for person in self.people.values())
            await asyncio.gather(*ends)
        self.model.judge()

    async def short_epoch(self, t):
        length = self.config.st_ms / 1000
        await self.clock.sleep_until(start_of(self.config, Kind.ST, t) + LATE * length)
        for person in self.people.values():
            if person.task and person.task.done():
                person.task.result()  # a mistake of the program: here it is
        self.online[t] = {n for n, p in self.people.items() if p.task}
        self.due[t + 1] = {n for n in self.online[t] if self.owes(n, t + 1)}
        in_day = t - first_st(self.config, t // self.config.st_per_lt)
        if in_day == 1:
            await self.wishes()

    def owes(self, name, t):
        """Whether friends may expect to see `name`, as far as the model can tell."""
        wish = self.people[name].keeper.device.wish
        # Nobody is seen in a day's first: the day's keys are not looked up before it.
        first = t % self.config.st_per_lt == 0
        return wish.visible and not first and self.model.owners[name].may_show()

    def coverage(self):
        """Compared parts: of all pairs, and of friends who may expect to see somebody.

        From the second long epoch on: in the first one clients fetch their tokens.
        """
        compared, promised = Counter(), Counter()
        begin = first_st(self.config, self.first + 1)
        for t, online in self.online.items():
            if t < begin:
                continue
            for reader in online:
                views = self.model.words.get((reader, t), {})
                for name in self.names:
                    done = views.get(name, "open") != "open"
                    compared[done] += name != reader
                    friends = (reader, name) in self.model.readings
                    invited = views.get(name) != "strangers"  # and not only later
                    if friends and invited and name in self.due.get(t, ()):
                        promised[done and views[name] != "silent"] += 1
        return _part(compared), _part(promised)

    # -- wishes

    async def wishes(self):
        for name in self.names:
            person = self.people[name]
            if person.task is None:
                person.start()
            elif self.chance(0.06):
                await person.end()
            await self.wish(name)
            if self.chance(0.06) or not person.keeper.device.wish.visible:
                await person.edit(turned)
                self.count["turned"] += 1

    async def wish(self, name):
        owner = self.model.owners[name]
        circle = self.people[name].circle
        self.model.check(member_names(circle) == owner.members, "members", name)
        free = sorted(owner.members - set(owner.outstanding()))
        if free and self.chance(0.10):
            await self.change(name, "suspend", self.random.choice(free))
        elif owner.suspended and self.chance(0.5):
            await self.change(name, "resume", min(owner.suspended))
        elif owner.members and self.chance(0.07):
            await self.change(name, "revoke", self.random.choice(sorted(owner.members)))
        if self.chance(0.15):
            await self.invite(name, self.random.choice(self.names))

    async def change(self, name, word, other):
        step = getattr(membership, word)

        def changed(device):
            self.model.asked(name, word, other)
            return change_member(device, step, other)

        await self.people[name].edit(changed)

    async def invite(self, name, reader):
        owner, guest = self.people[name], self.people[reader]
        full = len(guest.keeper.device.client.friends) >= self.config.max_friends
        if reader == name or full or (reader, name) in self.model.readings:
            return
        if not membership.can_invite(owner.circle):
            self.model.check(not self.model.owners[name].can_invite(), "invite", name)
            self.model.owners[name].renew = True
            await owner.edit(renewing)
            return
        nonce, made = guest.rng.draw(32), []

        def inviting(device):
            circle = device.client.circles[0]
            circle, data = membership.invite(
                circle, self.config, reader, nonce, owner.rng
            )
            made.append((circle.epoch, data))
            return with_circle(device, lambda _: circle)

        await owner.edit(inviting)
        (since, data), guest_of = made[0], (self.config, name)
        self.model.invited(name, reader, since, self.t)
        await guest.edit(
            lambda d: replace(
                d, client=accept_invitation(d.client, *guest_of, data, nonce)
            )
        )


def _part(count):
    return count[True] / max(count.total(), 1)


def with_circle(device, change):
    return replace(device, client=change_circle(device.client, 0, change))


def renewing(device):
    return with_circle(device, membership.ask_new_generation)


def turned(device):
    wish = replace(device.wish, visible=not device.wish.visible)
    return replace(device, wish=wish)
