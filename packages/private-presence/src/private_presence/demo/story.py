"""What happens in the demo, and whether it is what the model says."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from private_presence.client.https import HttpsTransport
from private_presence.demo.figures import a_pairing, byte_table, time_lines
from private_presence.demo.people import Person, befriend, being_online, make_person
from private_presence.demo.processes import START_SECONDS, serving
from private_presence.demo.profile import constants, is_busy
from private_presence.demo.stage import Stage, enrol, found
from private_presence.demo.watch import Model, Watch, told
from private_presence.demo.wire import overhead
from private_presence.errors import PeerError
from private_presence.primitives.randomness import Randomness
from private_presence.protocol import membership
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.protocol.manifest import MAX_SIGNED_SIZE
from private_presence.server.clock import Clock

__all__ = ["Outcome", "play"]

NAMES = ("alice", "bob", "carol")
CLOSING = 7.0  # seconds kept for the figures and for stopping the servers
SLOWEST = 2  # a record registered by now may be that many short epochs ahead


@dataclass(frozen=True)
class Outcome:
    """How a demo went.

    Parameters
    ----------
    acts : int
        Finished: each ended with everybody seeing what the model says.
    of : int
        All acts.
    wrong : int
        Sights that the model forbids.
    """

    acts: int
    of: int
    wrong: int


@dataclass
class _Play:
    """What all acts share."""

    stage: Stage
    people: list[Person]
    watch: Watch
    say: Callable[[str], None]
    rng: Randomness
    first: int
    acts: int = 0

    @property
    def alice(self) -> Person:
        return self.people[0]

    async def agree(self, what: str) -> bool:
        """Wait for the model's picture, and show it."""
        if not await self.watch.agreed():
            self.say(f"The time is over before {what}.")
            return False
        self.acts += 1
        count = self.watch.t - self.first
        self.say(
            f"Looked up in two short epochs, the latter the demo's number {count}:"
        )
        for line in told((await self.watch.seen())[0], NAMES):
            self.say(f"    {line}")
        return True

    def hide(self, owner: str, reader: str) -> None:
        self.watch.model.hidden[owner, reader] = self.watch.t + SLOWEST + 1


async def play(
    folder: Path,
    seconds: float,
    clock: Clock,
    rng: Randomness,
    say: Callable[[str], None],
) -> Outcome:
    """Play the demo.

    Parameters
    ----------
    folder : Path
        Empty; for keys, tables, devices and logs.
    seconds : float
        After which it is over, the end of all processes included.
    clock : Clock
    rng : Randomness
    say : callable
        Takes a line.

    Returns
    -------
    Outcome
    """
    begin = clock.now()
    busy = is_busy(a_pairing, os.getloadavg()[0] / (os.cpu_count() or 1))
    if busy:
        say("This machine is busy or slow: all times are half as long again.")
    say("Four operators make keys and sign one deployment file.")
    stage = found(folder, begin, rng, constants(busy=busy))
    people = [make_person(n, folder / "people", stage, begin, rng) for n in NAMES]
    enrol(stage, [bytes(person.credential) for person in people])
    say("Registrar, two lookup servers and relay start, each under its own authority.")
    config, news = stage.deployment.config, asyncio.Event()
    end = begin + seconds - CLOSING
    model = Model(NAMES)
    watch = Watch(people, model, config, clock, news, end)
    part = _Play(stage, people, watch, say, rng, watch.t)
    # No longer than until the end, or a start that hangs would outlast it.
    patience = max(0.0, min(START_SECONDS, end - clock.now()))
    async with serving(stage.servers, folder, patience):
        await _until_published(stage, clock, end)
        say("The servers have published the first tables, empty ones.")
        await _befriend(part)
        async with being_online(people, stage, clock, rng, news):
            await _acts(part)
        carrying = await _carrying(stage)
    for line in _closing(part, carrying):
        say(line)
    return Outcome(part.acts, len(ACTS), len(watch.wrong))


async def _until_published(stage: Stage, clock: Clock, end: float) -> None:
    # Until then there are no manifests, which clients ask for when they start.
    config, transport = stage.deployment.config, HttpsTransport(stage.deployment)
    parties = range(len(stage.deployment.directory.parties))
    while clock.now() < end:
        epoch = epoch_at(config, Kind.LT, clock.now())
        places = [
            (p, f"/v1/manifest/lt/{e}") for p in parties for e in (epoch - 1, epoch)
        ]
        try:
            for party, path in places:
                async with transport.connect(party, via_relay=False) as link:
                    answered = await link.exchange("GET", path, b"", MAX_SIGNED_SIZE)
                    if answered.status != 200:
                        raise PeerError("not published yet")
            return
        except PeerError:
            await clock.sleep_until(clock.now() + 0.2)
    raise PeerError(
        "expected the servers to publish their first tables in time; they did not: try "
        "again on a machine that is less busy"
    )


async def _befriend(part: _Play) -> None:
    request = invitation = ""
    for owner, reader in permutations(part.people, 2):
        request, invitation = await befriend(owner, reader, part.rng)
    part.say("All three befriend each other; for one direction that is:")
    part.say(f"    bob:    presence request       {_cut(request)}")
    part.say(f"    alice:  presence invite bob    {_cut(invitation)}")
    part.say("    bob:    presence accept alice")


def _cut(text: str) -> str:
    return f"{text[:29]}...  ({len(text)} characters)"


# --- acts; each ends with everybody seeing what the model says


async def _online(part: _Play) -> bool:
    part.say(
        "All three go online.  Their first records are due in the next long epoch."
    )
    return await part.agree("all three saw each other")


async def _suspend(part: _Play) -> bool:
    part.say("Alice suspends Carol, and is invisible until that is effective.")
    await part.alice.change(membership.suspend, "carol")
    part.hide("alice", "carol")
    return await part.agree("the suspension was seen to be effective")


async def _revoke(part: _Play) -> bool:
    part.say("Alice ends the suspension of Carol, and removes Bob for good.")
    await part.alice.change(membership.resume, "carol")
    await part.alice.change(membership.revoke, "bob")
    part.watch.model.hidden.clear()
    part.hide("alice", "bob")
    return await part.agree("the removal was seen to be effective")


ACTS = (_online, _suspend, _revoke)


async def _acts(part: _Play) -> None:
    for act in ACTS:
        if not await act(part):
            return


async def _carrying(stage: Stage) -> list[str]:
    try:
        extra = await overhead(stage.deployment)
    except PeerError:  # a busy machine; the rest of the figures are there
        return []
    return [f"    TLS 1.3 and HTTP/2 add {extra:,} B to an exchange here, measured"]


def _closing(part: _Play, carrying: list[str]) -> list[str]:
    meters = [person.meter for person in part.people]
    config = part.stage.deployment.config
    lines = ["Bytes of bodies, both ways, all servers together:"]
    lines += [f"    {line}" for line in byte_table(meters, config)]
    lines += [*carrying, "Times on this machine, while it plays everybody:"]
    return lines + [f"    {line}" for line in time_lines(meters, config, part.rng)]
