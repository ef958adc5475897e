"""The matrix test's two sides: real clients, and a model without cryptography.

The model knows who asked for what, which records were published, and what each reader
has followed; it says for every ordered pair and epoch which status must come out.  It
shares no code with the package.  One thing it is told: generations that start at
random, without a reason.
"""

import random
from dataclasses import dataclass, field

from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol import client as cl
from private_presence.protocol import client_lookup as lk
from private_presence.protocol import client_publish as cp
from private_presence.protocol import membership
from private_presence.protocol.epochs import Kind, first_st, start_of
from private_presence.protocol.payload import StPayload
from private_presence.protocol.publish_st import why_invisible
from private_presence.protocol.records import Status
from private_presence.protocol.schedule import lt_lookups

from .world import MemoryLookup, Service, deployment

FIRST = 100
RHO = 2


@dataclass
class Record:
    epoch: int
    generation: int
    out: set
    left: bool
    new_generation: bool


@dataclass
class Owner:
    """What the model knows of one user as a publisher."""

    generation: int = 0
    members: set = field(default_factory=set)
    suspended: set = field(default_factory=set)
    revoking: list = field(default_factory=list)
    carried: bool = False
    draining: bool = False
    renew: bool = False
    pending: Record | None = None
    published: dict = field(default_factory=dict)
    st_of: int | None = None  # epoch of the record whose short-term keys are in use
    st_holders: set = field(default_factory=set)

    def outstanding(self):
        return self.revoking + sorted(self.suspended)

    def build(self, epoch, idle):
        wish = self.outstanding()
        forced = bool(self.revoking) or len(wish) > RHO or self.renew
        forced = forced or (self.draining and bool(wish))
        assert not (idle and wish), "no idle change while somebody is excluded"
        new = forced or idle
        self.pending = Record(
            epoch, self.generation, set(wish[:RHO]), len(wish) > RHO, new
        )

    def settle(self, published):
        record, self.pending = self.pending, None
        if not published:
            self.carried |= bool(record.out)
            return
        self.st_of, self.st_holders = record.epoch, self.members - record.out
        if not record.new_generation:
            self.carried |= bool(record.out)
            return
        self.generation += 1
        self.members -= record.out
        self.suspended -= record.out
        self.revoking = [name for name in self.revoking if name not in record.out]
        self.carried = self.renew = False
        self.draining = record.left

    def can_invite(self):
        return not (self.carried or (self.pending and self.pending.out))

    def may_show(self):
        return self.st_of is not None and not (
            set(self.outstanding()) & self.st_holders
        )


@dataclass
class Reading:
    """What one reader has followed of one owner."""

    generation: int
    next_epoch: int
    st_of: int | None

    def read(self, name, owner, epoch):
        record = owner.published.get(epoch)
        if (
            record is None
            or epoch < self.next_epoch
            or record.generation != self.generation
        ):
            return Status.ABSENT
        if name in record.out:
            return Status.EXCLUDED
        self.next_epoch, self.st_of = epoch + 1, epoch
        self.generation += record.new_generation
        return Status.OK


class Matrix:
    """Users, their model, and the service, epoch by epoch."""

    def __init__(self, seed, n_users, make_lookup=MemoryLookup):
        self.config = deployment()
        self.random = random.Random(seed)
        self.rng = SeededRandomness(f"matrix {seed}")
        self.service = Service(self.config, make_lookup)
        self.names = [f"user {i}" for i in range(n_users)]
        self.clients = {
            name: cl.new_client(self.config, FIRST, self.rng) for name in self.names
        }
        self.owners = {name: Owner() for name in self.names}
        self.readings = {}
        self.checked = dict.fromkeys(Status, 0) | {"st": 0, "hidden": 0}

    def chance(self, p):
        return self.random.random() < p

    # -- one epoch

    def run(self, n_epochs, degree=6):
        for owner in self.names:
            for reader in self.random.sample(self.names, degree):
                self.invite(owner, reader)
        for name in self.names:
            self.publish(name, FIRST + 1)
        for epoch in range(FIRST + 1, FIRST + 1 + n_epochs):
            self.service.publish(Kind.LT, epoch)
            online = [name for name in self.names if self.chance(0.85)]
            for name in online:
                self.look_up(name, epoch)
            self.presence(online, epoch)
            for name in online:
                self.wishes(name, online)
                self.publish(name, epoch + 1)
                if self.chance(0.1):  # an invitation while a record is on its way
                    self.invite(name, self.random.choice(online))

    def publish(self, name, epoch):
        now = start_of(self.config, Kind.LT, epoch - 1)
        client = cp.publish_lt(self.clients[name], self.config, 0, epoch, now, self.rng)
        pending = client.circles[0].pending
        owner = self.owners[name]
        idle = pending.new_generation and not (owner.outstanding() or owner.renew)
        owner.build(epoch, idle)
        assert pending.new_generation == owner.pending.new_generation
        assert set(pending.out) == owner.pending.out
        self.clients[name] = client
        if self.chance(0.95):  # otherwise R drops it
            self.service.register(Kind.LT, epoch, pending.body)
            owner.published[epoch] = owner.pending

    def look_up(self, name, epoch):
        client, config = self.clients[name], self.config
        for at in lt_lookups(config, epoch, client.last_lt):
            tags = lk.wanted(client, config, Kind.LT, at)
            values = self.service.look_up(Kind.LT, at, tags)
            client, statuses = lk.take_lt(client, config, at, values, epoch)
            self.model_settle(name, at)
            for other, status in statuses.items():
                expected = self.readings[name, other].read(name, self.owners[other], at)
                assert status is expected, (name, other, at, status, expected)
                self.checked[status] += 1
        assert client.phase == "active"
        self.clients[name] = client

    def model_settle(self, name, epoch):
        owner = self.owners[name]
        if owner.pending and owner.pending.epoch == epoch:
            owner.settle(epoch in owner.published)

    def presence(self, online, epoch):
        t = first_st(self.config, epoch) + 2
        now, shown = start_of(self.config, Kind.ST, t - 1), set()
        for name in online:
            may = self.owners[name].may_show()
            reason = why_invisible(self.clients[name].circles[0], self.config, t)
            assert (not reason) == may, (name, reason)
            if may and self.chance(0.8):
                self.show(name, t, now)
                shown.add(name)
        for name in online:
            self.see(name, t, shown)

    def show(self, name, t, now):
        payload = StPayload(self.names.index(name) % 256, name.encode())
        client = self.clients[name]
        client = cp.publish_st(client, self.config, 0, t, payload, now, self.rng)
        self.clients[name] = client
        self.service.register(Kind.ST, t, client.circles[0].st.sent.body)

    def see(self, name, t, shown):
        client, config = self.clients[name], self.config
        tags = lk.wanted(client, config, Kind.ST, t)
        values = self.service.look_up(Kind.ST, t, tags)
        client, presence = lk.take_st(client, config, t, values)
        self.clients[name] = client
        for other, (status, payload) in presence.items():
            reading, owner = self.readings[name, other], self.owners[other]
            visible = other in shown and reading.st_of == owner.st_of is not None
            assert (status is Status.OK) == visible, (name, other, t, status)
            assert not visible or payload.aux == other.encode()
            self.checked["st" if visible else "hidden"] += 1

    # -- wishes

    def wishes(self, name, online):
        owner = self.owners[name]
        free = sorted(owner.members - set(owner.outstanding()))
        if free and self.chance(0.08):
            self.wish(name, membership.suspend, self.random.choice(free))
        if owner.suspended and self.chance(0.3):
            self.wish(name, membership.resume, min(owner.suspended))
        if owner.members and self.chance(0.06):
            self.wish(
                name, membership.revoke, self.random.choice(sorted(owner.members))
            )
        if self.chance(0.15):
            self.invite(name, self.random.choice(online))

    def wish(self, name, step, other):
        self.clients[name] = cl.change_circle(
            self.clients[name], 0, lambda circle: step(circle, other)
        )
        owner = self.owners[name]
        if step is membership.suspend:
            owner.suspended.add(other)
        else:
            owner.suspended.discard(other)
        if step is membership.revoke and other not in owner.revoking:
            owner.revoking.append(other)

    def invite(self, name, reader):
        owner, config = self.owners[name], self.config
        if reader == name or reader in owner.members:
            return
        client = self.clients[name]
        assert membership.can_invite(client.circles[0]) == owner.can_invite()
        if not owner.can_invite():
            self.clients[name] = cl.change_circle(
                client, 0, membership.ask_new_generation
            )
            owner.renew = True
            return
        if len(self.clients[reader].friends) >= config.max_friends:
            return
        nonce = self.rng.draw(32)
        circle, data = membership.invite(
            client.circles[0], config, reader, nonce, self.rng
        )
        self.clients[name] = cl.change_circle(client, 0, lambda _: circle)
        self.clients[reader] = cl.accept_invitation(
            self.clients[reader], config, name, data, nonce
        )
        owner.members.add(reader)
        if owner.st_of is not None:
            owner.st_holders.add(reader)
        self.readings[reader, name] = Reading(
            owner.generation, circle.epoch, owner.st_of
        )
