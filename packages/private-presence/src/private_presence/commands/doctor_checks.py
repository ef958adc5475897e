"""What ``presence doctor`` finds out over the network: one finding for each question."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from private_presence.client.transport import Answered, Transport
from private_presence.errors import PresenceError
from private_presence.protocol.deployment import (
    MAX_DEPLOYMENT_SIZE,
    Deployment,
    decode_deployment,
    newer,
)
from private_presence.protocol.directory import Party, split_address
from private_presence.protocol.epochs import Kind, epoch_at, median_skew
from private_presence.protocol.manifest import (
    MAX_SIGNED_SIZE,
    Manifest,
    encode_manifest,
    manifest_hash,
    verify_manifest,
)
from private_presence.server.web.tls import client_context, what_failed

__all__ = ["Finding", "check_manifests", "check_network", "check_times"]

SECONDS = 10.0  # patience with each party
LEAF_WARNING_DAYS = 3
DATE_ERROR = 1.0  # seconds: a Date field has no fraction


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's.

    Parameters
    ----------
    what : str
    good : bool
    text : str
        What was found; if it is not good, what to do.

    Examples
    --------
    >>> str(Finding("clock", False, "40 s ahead: set it"))
    'fix  clock: 40 s ahead: set it'
    """

    what: str
    good: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok ' if self.good else 'fix'}  {self.what}: {self.text}"


def names_of(deployment: Deployment) -> list[str]:
    """Name the parties.

    Parameters
    ----------
    deployment : Deployment

    Returns
    -------
    list of str
    """
    return [
        "registrar",
        *(f"server {i}" for i in range(len(deployment.config.servers))),
    ]


async def check_network(
    deployment: Deployment, transport: Transport, clock: Callable[[], float]
) -> list[Finding]:
    """Ask every party and the relay, and compare what they say.

    Parameters
    ----------
    deployment : Deployment
        The pinned one.
    transport : Transport
    clock : callable
        This machine's clock: seconds since 1970.

    Returns
    -------
    list of Finding

    Examples
    --------
    Nobody is there:

    >>> from private_presence.errors import PeerError
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.directory import Directory
    >>> class Away(Transport):
    ...     def connect(self, party, *, via_relay):
    ...         raise PeerError("nobody there")
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> party = Party("a.example:443", "", b"no certificate")
    >>> deployment = Deployment(config, Directory(config.dep_id, 1, (party,) * 3))
    >>> findings = asyncio.run(check_network(deployment, Away(), lambda: 600.0))
    >>> print(findings[0])
    fix  registrar: nobody there (is this machine online?)
    >>> [finding.what for finding in findings if finding.good]
    []
    """
    names = names_of(deployment)
    parties = range(len(names))
    answers = await asyncio.gather(
        *(_timed(transport, party, clock) for party in parties)
    )
    findings = [
        _config_finding(name, deployment, answer)
        for name, (answer, _) in zip(names, answers, strict=True)
    ]
    for name, party in zip(names, deployment.directory.parties, strict=True):
        findings.append(await _leaf_finding(name, party, clock()))
    if deployment.directory.relay is not None:
        findings.append(await _relay_finding(transport, deployment))
    ahead = [lead for _, lead in answers if lead is not None]
    findings.append(check_times(deployment, ahead))
    for kind in Kind:
        findings.append(await check_manifests(deployment, transport, kind, clock()))
    return findings


async def _timed(
    transport: Transport, party: int, clock: Callable[[], float]
) -> tuple[Answered | str, float | None]:
    # The answer, and by how much this clock is ahead of the party's.
    before = clock()
    answer = await _get(transport, party, "/v1/config", MAX_DEPLOYMENT_SIZE)
    if isinstance(answer, str) or answer.date is None:
        return answer, None
    # A Date is cut to whole seconds; it was written between asking and now.
    return answer, (before + clock()) / 2 - (answer.date + DATE_ERROR / 2)


async def _get(
    transport: Transport, party: int, path: str, limit: int, *, via_relay: bool = False
) -> Answered | str:
    """The answer, or why there is none."""
    try:
        async with asyncio.timeout(SECONDS):
            async with transport.connect(party, via_relay=via_relay) as link:
                return await link.exchange("GET", path, b"", limit)
    except TimeoutError:
        return f"no answer in {SECONDS:.0f} s"
    except PresenceError as error:
        return str(error)


def _config_finding(
    name: str, deployment: Deployment, answer: Answered | str
) -> Finding:
    if isinstance(answer, str):
        return Finding(name, False, f"{answer} (is this machine online?)")
    if answer.status != 200:
        return Finding(name, False, f"status {answer.status}: ask its operator")
    try:
        chosen = newer(deployment, decode_deployment(answer.body))
    except PresenceError as error:
        return Finding(name, False, str(error))
    if chosen is not deployment:
        text = f"has directory {chosen.directory.serial}: take it with presence init"
        return Finding(name, False, text)
    return Finding(name, True, "answers, under its own authority, with this deployment")


async def _leaf_finding(name: str, party: Party, now: float) -> Finding:
    what = f"{name} certificate"
    host, port = split_address(party.address)
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(
                host, port, ssl=client_context(party.anchor), server_hostname=host
            )
    except (OSError, TimeoutError) as error:
        return Finding(what, False, f"not seen ({what_failed(error)})")
    ends = writer.get_extra_info("peercert")["notAfter"]
    writer.close()
    when = datetime.strptime(ends, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC)
    days = (when.timestamp() - now) / 86_400
    if days < LEAF_WARNING_DAYS:
        return Finding(what, False, f"ends in {days:.1f} days: its operator renews it")
    return Finding(what, True, f"ends in {days:.0f} days")


async def _relay_finding(transport: Transport, deployment: Deployment) -> Finding:
    answer = await _get(transport, 0, "/v1/config", MAX_DEPLOYMENT_SIZE, via_relay=True)
    if isinstance(answer, str):
        return Finding("relay", False, answer)
    found = _config_finding("relay", deployment, answer)
    return Finding("relay", True, "carries to the registrar") if found.good else found


def check_times(deployment: Deployment, ahead: Sequence[float]) -> Finding:
    """Judge this clock by the median of the servers' (F18).

    Parameters
    ----------
    deployment : Deployment
    ahead : sequence of float
        Seconds by which this clock is ahead of each party's that answered.

    Returns
    -------
    Finding
        Good if the difference may be due to the whole seconds of Date fields.

    Examples
    --------
    One server's clock is wrong, not this one:

    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.directory import Directory
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> deployment = Deployment(config, Directory(config.dep_id, 1, ()))
    >>> check_times(deployment, [0.25, -0.25, 900.0]).good
    True
    >>> print(check_times(deployment, [40.0, 41.0, 40.0]))
    fix  clock: +40.0 s from the servers'; 5 s are allowed: set it
    """
    if not ahead:
        return Finding("clock", False, "no server told its time: see the lines above")
    skew = median_skew(0.0, [-lead for lead in ahead])
    allowed = deployment.config.skew_ms / 1000
    if abs(skew) > allowed + DATE_ERROR / 2:
        text = f"{skew:+.1f} s from the servers'; {allowed:g} s are allowed: set it"
        return Finding("clock", False, text)
    return Finding("clock", True, f"{skew:+.1f} s from the servers'")


async def check_manifests(
    deployment: Deployment, transport: Transport, kind: Kind, now: float
) -> Finding:
    """Look whether the newest table is there, the same everywhere, and in the chain.

    Parameters
    ----------
    deployment : Deployment
    transport : Transport
    kind : Kind
    now : float

    Returns
    -------
    Finding

    Examples
    --------
    Nobody is there:

    >>> from private_presence.errors import PeerError
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.directory import Directory
    >>> class Away(Transport):
    ...     def connect(self, party, *, via_relay):
    ...         raise PeerError("nobody there")
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> party = Party("a.example:443", "", b"certificate")
    >>> deployment = Deployment(config, Directory(config.dep_id, 1, (party,) * 3))
    >>> print(asyncio.run(check_manifests(deployment, Away(), Kind.ST, 600.0)))
    fix  ST table: of epoch 2 is not served by all; nor is the one before
    """
    what = f"{kind.name} table"
    epoch = epoch_at(deployment.config, kind, now)
    try:
        before = await _manifest(deployment, transport, kind, epoch - 1, None)
        link = manifest_hash(encode_manifest(before)) if before else None
        newest = await _manifest(deployment, transport, kind, epoch, link)
    except PresenceError as error:
        return Finding(what, False, f"{error} (keep this; tell all operators)")
    if newest is None:
        late = "the one before is" if before else "nor is the one before"
        return Finding(what, False, f"of epoch {epoch} is not served by all; {late}")
    text = (
        f"of epoch {epoch} has {newest.count} records, signed by all, same everywhere"
    )
    return Finding(what, True, text)


async def _manifest(
    deployment: Deployment,
    transport: Transport,
    kind: Kind,
    epoch: int,
    previous: bytes | None,
) -> Manifest | None:
    # The one that every party serves; None if some party has none.
    path = f"/v1/manifest/{kind.name.lower()}/{epoch}"
    bodies = set()
    for party in range(len(deployment.directory.parties)):
        answer = await _get(transport, party, path, MAX_SIGNED_SIZE)
        if isinstance(answer, str) or answer.status != 200:
            return None
        bodies.add(answer.body)
    manifests = [
        verify_manifest(body, deployment.config, kind, epoch, previous)
        for body in sorted(bodies)
    ]
    if len({encode_manifest(each) for each in manifests}) > 1:
        raise PresenceError("two different manifests of one table carry all signatures")
    return manifests[0]
