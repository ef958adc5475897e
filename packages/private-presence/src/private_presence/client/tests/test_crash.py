"""Killed at any save, a client never uses a key, a token or a time twice."""

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from hashlib import sha256

import pytest

from private_presence.client.keeper import Keeper
from private_presence.protocol.epochs import Kind
from private_presence.protocol.messages import Registration, decode_body

from .people import Town
from .scripted import FIRST


class Killed(BaseException):
    """The process ends here."""


class DyingKeeper(Keeper):
    """Dies before or after its n-th save; what it wrote before stays."""

    def __init__(self, inner, n, *, before):
        self._inner, self._left, self._before = inner, n, before
        self.saves = 0

    @asynccontextmanager
    async def edit(self):
        async with self._inner.edit() as edit:
            yield _DyingEdit(self, edit)


class _DyingEdit:
    def __init__(self, keeper, edit):
        self._keeper, self._edit = keeper, edit

    @property
    def device(self):
        return self._edit.device

    def save(self, device):
        keeper = self._keeper
        keeper.saves += 1
        if keeper.saves == keeper._left and keeper._before:
            raise Killed
        saved = self._edit.save(device)
        if keeper.saves == keeper._left:
            raise Killed
        return saved


def sent_by(person):
    """Bodies by (path, tag), and what each token was sent with."""
    bodies, tokens = defaultdict(set), defaultdict(set)
    for party, path, body in person.net.posts:
        if "/register/" in path:
            message = decode_body(person.town.room.config, body[:-80])
            assert isinstance(message, Registration)
            bodies[path].add(body[:-80])
            tokens[body[-80:]].add(sha256(body[:-80]).digest())
        elif "/pir/" in path:
            tokens[party, body[:80]].add(sha256(body[80:]).digest())
        elif "/tokens/" in path:
            bodies[path, body[:36]].add(body)
    return bodies, tokens


async def lived_through(n, *, before):
    """Alice's first day and a half, killed once and started again."""
    town = Town(["alice", "bob"])
    town.befriend("alice", "bob")
    alice, inner = town["alice"], town["alice"].keeper
    alice.keeper = DyingKeeper(inner, n, before=before)
    alice.start()
    killed = False
    for _ in range(60):
        await town.clock.advance(40.0, 60)
        if alice.task.done() and not killed:
            assert isinstance(alice.task.exception(), Killed)
            killed, alice.keeper = True, inner
            alice.start()
    alice.keeper = inner
    await alice.end()
    return alice, killed


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("n", [1, 3, 9, 12, 17])
def test_killed_at_a_save(n, before):
    alice, killed = asyncio.run(lived_through(n, before=before))
    assert killed
    bodies, tokens = sent_by(alice)
    assert all(len(sent) == 1 for sent in bodies.values())  # one body for each table
    assert all(len(paid) == 1 for paid in tokens.values())  # one body for each token
    registered = {w for o in alice.device.outcomes for w in [o.word]}
    assert not registered & {"conflict", "no_token", "malformed"}
    assert not alice.device.alarms
    # Right again by itself: the last long-term record was acknowledged.
    assert any(p.kind == Kind.LT and p.receipt for p in alice.device.outbox)


def test_a_resend_after_a_lost_answer_has_the_same_bytes_and_token():
    async def story():
        town = Town(["alice"])
        alice, lost = town["alice"], set()

        def down(party, path):
            again = path in lost
            lost.add(path)
            return "/register/" in path and not again

        alice.net.down = down
        alice.start()
        await town.until(FIRST + 1, 700.0)
        await alice.end()
        return alice

    alice = asyncio.run(story())
    posts = [(path, body) for _, path, body in alice.net.posts if "/register/" in path]
    by_path = defaultdict(list)
    for path, body in posts:
        by_path[path].append(body)
    assert any(len(sent) >= 2 for sent in by_path.values())
    assert all(len(set(sent)) == 1 for sent in by_path.values())
    assert any(p.receipt for p in alice.device.outbox)
