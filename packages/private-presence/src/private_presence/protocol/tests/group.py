"""One owner and her readers, for tests that look at a few epochs closely."""

from dataclasses import replace

from private_presence.primitives.tests.seeded import SeededRandomness
from private_presence.protocol import membership
from private_presence.protocol.circle import new_circle
from private_presence.protocol.friend import friend_of, read_lt, read_st
from private_presence.protocol.invitation import check_invitation
from private_presence.protocol.payload import StPayload
from private_presence.protocol.publish_lt import prepare_lt, settle_lt
from private_presence.protocol.publish_st import prepare_st

from .world import deployment

START = 101


class Group:
    """Readers by name; `records` keeps what was published."""

    def __init__(self, *names, seed="group", **changes):
        self.config = deployment(**changes)
        self.rng = SeededRandomness(seed)
        self.circle = new_circle(START, self.rng)
        self.readers, self.records, self.st_records = {}, {}, {}
        for name in names:
            self.invite(name)

    @property
    def epoch(self):
        return self.circle.epoch

    def apply(self, step, *args):
        self.circle = step(self.circle, *args)

    def invite(self, name, as_name=None):
        nonce = self.rng.draw(32)
        self.circle, data = membership.invite(
            self.circle, self.config, name, nonce, self.rng
        )
        invitation = check_invitation(data, self.config, nonce)
        self.readers[as_name or name] = friend_of("owner", invitation)
        return data, nonce

    def suspend(self, name):
        self.apply(membership.suspend, name)

    def revoke(self, name):
        self.apply(membership.revoke, name)

    def build(self, aux=b""):
        self.circle = prepare_lt(self.circle, self.config, self.epoch, self.rng, aux)
        # Generations that start by chance would make these tests hard to follow.
        while self.circle.pending.new_generation and not self.has_reason():
            self.circle = replace(self.circle, pending=None)
            self.circle = prepare_lt(
                self.circle, self.config, self.epoch, self.rng, aux
            )
        return self.circle.pending

    def has_reason(self):
        c = self.circle
        many = len(c.revoking) + len(c.suspended) > self.config.slots
        return bool(c.revoking or c.renew or c.draining or many)

    def step(self, published=True, **options):
        """Build, publish or drop, settle, read; give every reader's status."""
        pending = self.build(**options)
        epoch, value = pending.epoch, pending.value if published else None
        self.records[epoch] = value
        self.circle = settle_lt(self.circle, self.config, epoch, value)
        return {name: self.read(name, epoch) for name in self.readers}

    def read(self, name, epoch, value=None):
        value = value or self.records[epoch]
        status, self.readers[name] = read_lt(
            self.readers[name], self.config, epoch, value
        )
        return status.value

    def show(self, t, aux=b"here"):
        payload = StPayload(1, aux)
        self.circle = prepare_st(self.circle, self.config, t, payload, self.rng)
        self.st_records[t] = self.circle.st.sent.value
        return {name: self.see(name, t) for name in self.readers}

    def see(self, name, t):
        status, _, self.readers[name] = read_st(
            self.readers[name], self.config, t, self.st_records[t]
        )
        return status.value
