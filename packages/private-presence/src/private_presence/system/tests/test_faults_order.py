"""Requests that come twice, late and out of order change nothing for anybody."""

import pytest

from private_presence.errors import InputError, PeerError, ReplayError
from private_presence.protocol.epochs import Kind
from private_presence.server.endpoints import match

from .faults_town import BOTH, T, story

KEPT = 40  # requests, of which an old one follows each new one


class Echo:
    """Every request arrives twice, and one of long ago arrives after it."""

    def __init__(self):
        self.past, self.again, self.odd = [], 0, []

    async def __call__(self, found, body, ask):
        first = await ask(found, body)
        second = await ask(found, body)
        self.again += 1
        if found.endpoint.method == "POST" and second.status != first.status:
            self.odd.append((found.endpoint.path, first.status, second.status))
        self.past.append((found, body))
        if len(self.past) > KEPT:
            late = self.past.pop(0)
            # Out of its time it is refused or answered as before; nothing breaks.
            reply = await ask(*late)
            assert reply.status in (200, 400, 404, 409, 503), reply.status
        return first if self.again % 2 else second


def test_duplicates_and_latecomers_change_nothing(tmp_path):
    echoes = [Echo() for _ in range(3)]

    async def steps(town):
        for front, echo in zip(town.fronts, echoes, strict=True):
            front.fault = echo
        await town.end_of(T + 2)
        assert town.sights() == BOTH
        await town.end_of(T + 4)  # the second short epoch of the next day
        assert town.sights() == BOTH
        assert not town.late
        for person in town.people.values():
            assert not person.device.alarms
            words = {o.word for o in person.device.outcomes if o.what == "register"}
            assert words == {"accepted"}
        for i in range(2):
            assert not list((town.folder / f"server {i}" / "evidence").iterdir())

    story(tmp_path, steps)
    assert all(echo.again > 10 for echo in echoes)
    assert not any(echo.odd for echo in echoes), [echo.odd for echo in echoes]


def test_a_registrar_that_asks_out_of_order_opens_nothing_early(tmp_path):
    """A part of the salt is told for a raw file that is there, and for no other."""

    async def steps(town):
        await town.start_of(T + 1)
        t = town.t + 1
        for word, body in (("opening", bytes(32)), ("countersign", b"x")):
            found = match("POST", f"/v1/peer/{word}/st/{t}")
            reply = await town.fronts[1].ask(found, body)
            assert reply.status in (400, 404, 409, 503)
        with pytest.raises((InputError, ReplayError, PeerError)):
            await town.peers.publish(0, Kind.ST, t, b"x")
        await town.end_of(T + 2)
        assert town.sights() == BOTH

    story(tmp_path, steps)
