"""One lookup: manifests of all servers, one query to each, and what the answers say.

The manifest and the query of one server share a connection; nothing else does.  A
server that does not answer is asked again, with the same bytes, when the plan says so;
one that answers wrongly is not: what an answer holds changes nothing that is sent.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import final

from private_presence.client.audit import audit_evidence
from private_presence.client.device import Device
from private_presence.client.links import ask, check_time, linked, path_of, together
from private_presence.client.manifests import accuse, agreed, get_manifest, remember
from private_presence.client.setting import Setting, with_evidence, with_outcome
from private_presence.client.taking import take_found, with_wrong_answer
from private_presence.client.transport import Link, server_party
from private_presence.client.wallet import take
from private_presence.errors import (
    AnswerError,
    PeerError,
    PresenceError,
    VerificationError,
)
from private_presence.pir import Query
from private_presence.primitives.kdf import u32
from private_presence.primitives.tokens import Role
from private_presence.protocol.ask import backend_of
from private_presence.protocol.client_lookup import wanted
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.protocol.manifest import (
    Manifest,
    encode_manifest,
    manifest_hash,
)
from private_presence.server.signed_answer import Asked, open_answer

__all__ = ["LookupRound"]

FRAME = 2 * 32 + 64  # of a signed answer: two hashes and a signature


@dataclass(frozen=True)
class Questions:
    """What was saved as sent: a query, and for each server its whole request."""

    manifest: Manifest
    query: Query
    checks: Mapping[bytes, Callable[[bytes], bool]] = field(repr=False)
    asked: tuple[Asked, ...] = field(repr=False)
    posts: tuple[bytes, ...] = field(repr=False)
    size: int


@final
class LookupRound:
    """A lookup and its repeats.

    Parameters
    ----------
    setting : Setting
    kind : Kind
    epoch : int
    audit : bool
        Ask for nothing, and keep what proves a wrong answer (F14).

    Examples
    --------
    Nobody has published a table yet: the lookup is repeated when the plan says so, and
    no token is spent.

    >>> from contextlib import nullcontext
    >>> from private_presence.client.device import new_device
    >>> from private_presence.client.keeper import MemoryKeeper
    >>> from private_presence.client.transport import Answered, Transport
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.server.clock import ManualClock
    >>> class Empty(Link):
    ...     async def exchange(self, method, path, body, limit):
    ...         return Answered(404, b"", None)
    >>> class Net(Transport):
    ...     def connect(self, party, *, via_relay):
    ...         return nullcontext(Empty())
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> keeper = MemoryKeeper(new_device(config, 100, rng))
    >>> parts = Deployment(config, None), keeper, Net(), ManualClock(8_641_517.25), rng
    >>> setting = Setting(*parts, True, 30.0, {})
    >>> asyncio.run(LookupRound(setting, Kind.ST, 28_805, audit=False).attempt())
    Traceback (most recent call last):
    private_presence.errors.PeerError: expected status 200; got 404: ...
    >>> keeper.device.client.counter  # nothing was saved
    0
    """

    def __init__(
        self, setting: Setting, kind: Kind, epoch: int, *, audit: bool
    ) -> None:
        self._setting, self._kind, self._epoch = setting, kind, epoch
        self._audit = audit
        self._questions: Questions | None = None
        self._answers: dict[int, bytes | None] = {}
        self._signed: dict[int, bytes] = {}

    async def attempt(self) -> None:
        """Ask those servers that have not answered, and finish if all have.

        Raises
        ------
        PeerError
            If somebody is away: attempt again when the plan says so.

        Raises other errors of this package if the lookup is lost.
        """
        config = self._setting.config
        asked = range(backend_of(config).servers)  # one of them in download mode
        left = [i for i in asked if i not in self._answers]
        if self._questions is None:
            left = list(range(len(config.servers)))
        async with AsyncExitStack() as stack:
            links = await self._connect(stack, left)
            if self._questions is None:
                copies = await self._manifests(links)
                heard = monotonic()
                await self._prepare(copies)
                await asyncio.sleep(heard + self._setting.pause - monotonic())
            await self._post({i: links[i] for i in left if i in asked})
        if len(self._answers) < len(asked):
            raise PeerError("expected an answer of each server; some are missing")
        await self._finish(self._ready())

    def _ready(self) -> Questions:
        if self._questions is None:
            raise AnswerError("expected a query that was sent; there is none")
        return self._questions

    async def _connect(
        self, stack: AsyncExitStack, servers: list[int]
    ) -> dict[int, Link]:
        links = {}
        for server in servers:
            coming = linked(self._setting, server_party(server))
            links[server] = await stack.enter_async_context(coming)
        return links

    # -- the question

    async def _manifests(self, links: Mapping[int, Link]) -> list[bytes]:
        copies = await together(
            get_manifest(self._setting, link, server_party(i), *self._at())
            for i, link in links.items()
        )
        check_time(self._setting)
        return copies

    async def _prepare(self, copies: list[bytes]) -> None:
        at = self._at()
        async with self._setting.keeper.edit() as edit:
            device, config = edit.device, self._setting.config
            try:
                manifest = agreed(device, config, *at, copies)
            except PresenceError as error:
                told = accuse(device, self._setting, *at, copies, str(error))
                edit.save(told)
                raise VerificationError(str(error)) from None
            device = remember(device, config, manifest)
            device, questions = self._ask(device, manifest)
            edit.save(device)
        self._questions = questions  # saved: the tokens are out of the wallet

    def _ask(self, device: Device, manifest: Manifest) -> tuple[Device, Questions]:
        config, rng = self._setting.config, self._setting.rng
        backend, day = backend_of(config), self._day()
        checks = {} if self._audit else wanted(device.client, config, *self._at())
        query = backend.query(manifest.layout, list(checks), rng.draw)
        digest = manifest_hash(encode_manifest(manifest))
        wallet, asked, posts = device.wallet, [], []
        for server, body in enumerate(query.bodies):
            wallet, token = take(wallet, Role.LOOKUP + server, day)
            asked.append(Asked(*self._at(), server, digest, body))
            posts.append(bytes(token) + u32(day) + digest + body)
        size = backend.sizes(manifest.layout).answer
        device = replace(device, wallet=wallet)
        return device, Questions(
            manifest, query, checks, tuple(asked), tuple(posts), size
        )

    def _at(self) -> tuple[Kind, int]:
        return self._kind, self._epoch

    def _day(self) -> int:
        return epoch_at(self._setting.config, Kind.LT, self._setting.clock.now())

    # -- the answers

    async def _post(self, links: Mapping[int, Link]) -> None:
        questions, line = self._ready(), f"POST {path_of('pir', *self._at())}"
        limit = FRAME + questions.size

        async def one(server: int, link: Link) -> bytes:
            post = questions.posts[server]
            party = server_party(server)
            return await ask(self._setting, link, party, line, post, limit)

        outcomes = await asyncio.gather(
            *(one(i, link) for i, link in links.items()), return_exceptions=True
        )
        for server, outcome in zip(links, outcomes, strict=True):
            if isinstance(outcome, bytes):
                self._open(questions, server, outcome)
            elif not isinstance(outcome, PeerError):
                raise outcome

    def _open(self, questions: Questions, server: int, data: bytes) -> None:
        asked, size = questions.asked[server], questions.size
        try:
            answer = open_answer(self._setting.config, asked, data, size)
        except PresenceError:
            self._answers[server] = None  # not asked again: that would be a reaction
        else:
            self._answers[server], self._signed[server] = answer, data

    async def _finish(self, questions: Questions) -> None:
        backend = backend_of(self._setting.config)
        answers = [self._answers[i] for i in range(backend.servers)]
        async with self._setting.keeper.edit() as edit:
            device = edit.device
            try:
                found = backend.decode(questions.query, answers, questions.checks)
            except PresenceError as error:
                edit.save(with_wrong_answer(device, self._setting, *self._at()))
                raise AnswerError(str(error)) from None
            if self._audit:
                device = self._audited(device, questions, consistent=found.consistent)
            else:
                device = take_found(device, self._setting, *self._at(), found)
            edit.save(device)

    def _audited(
        self, device: Device, questions: Questions, *, consistent: bool
    ) -> Device:
        word = "consistent" if consistent else "contradictory"
        device = with_outcome(device, self._setting, "audit", *self._at(), word)
        if consistent:
            return device
        device = with_wrong_answer(device, self._setting, *self._at())
        signed = [self._signed.get(a.server, b"") for a in questions.asked]
        data = audit_evidence(questions.asked, signed)
        return with_evidence(device, self._setting, "audit", data)
