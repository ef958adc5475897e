"""Manifests as a client sees them: from everybody, the same, and in one chain (F10)."""

from collections.abc import Sequence
from dataclasses import replace

from private_presence.client.device import Device, KeySet, Seen
from private_presence.client.links import ask, path_of
from private_presence.client.setting import Setting, with_alarm, with_evidence
from private_presence.client.transport import Link
from private_presence.errors import PresenceError, VerificationError
from private_presence.pir.manifest import FuseManifest
from private_presence.pir.table import TableId
from private_presence.primitives import cbor
from private_presence.primitives.secret import equal
from private_presence.protocol.ask import backend_of
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.manifest import (
    MAX_SIGNED_SIZE,
    Manifest,
    encode_manifest,
    manifest_hash,
    verify_manifest,
)
from private_presence.protocol.messages import value_size

__all__ = ["accuse", "agreed", "get_manifest", "remember", "seen_at", "skipped"]

ST_KEPT = 8


async def get_manifest(
    setting: Setting, link: Link, party: int, kind: Kind, epoch: int
) -> bytes:
    """Ask one party for the signed manifest of a table.

    Parameters
    ----------
    setting : Setting
    link : Link
    party : int
    kind : Kind
    epoch : int

    Returns
    -------
    bytes
        Not yet verified.

    Raises `PeerError` if the party is away or has no such manifest.

    Examples
    --------
    A party that answers with what it was asked:

    >>> import asyncio
    >>> from private_presence.client.transport import Answered
    >>> from private_presence.server.clock import ManualClock
    >>> class Party(Link):
    ...     async def exchange(self, method, path, body, limit):
    ...         return Answered(200, f"{method} {path}".encode(), None)
    >>> setting = Setting(
    ...     None, None, None, ManualClock(8_641_500.0), None, True, 30.0, {}
    ... )
    >>> asyncio.run(get_manifest(setting, Party(), 0, Kind.ST, 28_805))
    b'GET /v1/manifest/st/28805'
    """
    line = f"GET {path_of('manifest', kind, epoch)}"
    return await ask(setting, link, party, line, b"", MAX_SIGNED_SIZE)


def seen_at(device: Device, kind: Kind, epoch: int) -> Seen | None:
    """Find the manifest of a table among those that were verified.

    Parameters
    ----------
    device : Device
    kind : Kind
    epoch : int

    Returns
    -------
    Seen or None

    Examples
    --------
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> seen = Seen(Kind.LT, 100, b"a" * 32, bytes(32))
    >>> device = replace(device, chain=(seen,))
    >>> seen_at(device, Kind.LT, 100) == seen, seen_at(device, Kind.LT, 101)
    (True, None)
    """
    found = (s for s in device.chain if (s.kind, s.epoch) == (kind, epoch))
    return next(found, None)


def agreed(
    device: Device, config: Config, kind: Kind, epoch: int, copies: Sequence[bytes]
) -> Manifest:
    """Check that everybody gave the same manifest and that it continues the chain.

    Parameters
    ----------
    device : Device
        With the chain so far.
    config : Config
    kind : Kind
    epoch : int
    copies : sequence of bytes
        One from each party that was asked.

    Returns
    -------
    Manifest

    Raises
    ------
    VerificationError
        If they differ, or another manifest of this table was seen, or one that it does
        not follow or precede; also if a signature or the salt is wrong.

    Raises `EpochError` or `EncodingError` too, for a signed manifest of another table
    or of another form.

    Examples
    --------
    Who is shown another manifest than others finds out before anything is verified:

    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> agreed(device, config, Kind.LT, 100, [b"a manifest", b"another one"])
    Traceback (most recent call last):
    private_presence.errors.VerificationError: the servers gave different manifests ...
    """
    if not all(equal(copy, copies[0]) for copy in copies):
        raise VerificationError(
            f"the servers gave different manifests of {kind.name} epoch {epoch}: "
            "somebody is shown another table; compare with other users"
        )
    before = seen_at(device, kind, epoch - 1)
    previous = before.hash if before else None
    manifest = verify_manifest(copies[0], config, kind, epoch, previous)
    _check_layout(config, kind, manifest)
    digest = manifest_hash(encode_manifest(manifest))
    same, after = seen_at(device, kind, epoch), seen_at(device, kind, epoch + 1)
    if (same and not equal(same.hash, digest)) or (
        after and not equal(after.previous, digest)
    ):
        raise VerificationError(
            f"another manifest of {kind.name} epoch {epoch} was seen before: somebody "
            "is shown another history; stop and compare with others"
        )
    return manifest


def _check_layout(config: Config, kind: Kind, manifest: Manifest) -> None:
    # The servers that rebuilt the table signed both; this finds out a pair that does
    # not belong together before anything is asked by it.
    size = value_size(config, kind)
    inner = backend_of(config).value_size(manifest.layout)
    fits = inner == manifest.value_size == size
    if config.mode != "download":
        layout = FuseManifest.from_bytes(manifest.layout)
        table = TableId(config.dep_id, int(kind), manifest.epoch)
        fits = fits and layout.table == table and layout.buckets == config.buckets
        fits = fits and layout.records == manifest.count
        fits = fits and equal(layout.salt, manifest.salt)
        fits = fits and equal(layout.raw_hash, manifest.raw_hash)
    if not fits:
        raise VerificationError(
            "a manifest's layout is of another table than its signed facts: refuse it"
        )


def remember(device: Device, config: Config, manifest: Manifest) -> Device:
    """Add a verified manifest to the chain, and keep the token keys that it names.

    Parameters
    ----------
    device : Device
    config : Config
    manifest : Manifest

    Returns
    -------
    Device

    Examples
    --------
    The manifest of day 100 names the token keys of day 101:

    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> about = (config.dep_id, Kind.LT, 100, 0, 576, bytes(32), bytes(32))
    >>> manifest = Manifest(*about, (), (), bytes(32), (b"key",) * 4, b"layout")
    >>> device = remember(device, config, manifest)
    >>> [(seen.kind.name, seen.epoch) for seen in device.chain], device.keys[0].day
    ([('LT', 100)], 101)
    """
    m = manifest
    fresh = Seen(m.kind, m.epoch, manifest_hash(encode_manifest(m)), m.previous)
    chain = {(s.kind, s.epoch): s for s in (*device.chain, fresh)}
    kept = sorted(chain)
    lt = [at for at in kept if at[0] == Kind.LT][-config.retain - 2 :]
    st = [at for at in kept if at[0] == Kind.ST][-ST_KEPT:]
    device = replace(device, chain=tuple(chain[at] for at in (*lt, *st)))
    if m.kind != Kind.LT or not m.token_keys:
        return device
    keys = {k.day: k for k in device.keys} | {
        m.epoch + 1: KeySet(m.epoch + 1, m.token_keys)
    }
    return replace(device, keys=tuple(keys[day] for day in sorted(keys)[-3:]))


def skipped(device: Device, last: int, epoch: int) -> range:
    """The LT epochs after `last` that the manifest of `epoch` shows never existed.

    A manifest names the one published before it.  If that is of an epoch up to `last`,
    there was no table in between, and nothing to look up.

    Parameters
    ----------
    device : Device
        Its chain holds the manifest of `epoch`.
    last : int
        The last LT epoch that was looked up.
    epoch : int

    Returns
    -------
    range
        Empty if nothing is shown.

    Examples
    --------
    Days 101 and 102 had no table if the manifest of day 103 follows that of day 100:

    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> first = Seen(Kind.LT, 100, b"a" * 32, bytes(32))
    >>> def days(previous):
    ...     chain = (first, Seen(Kind.LT, 103, b"b" * 32, previous))
    ...     return [*skipped(replace(device, chain=chain), 100, 103)]
    >>> days(first.hash), days(b"c" * 32)
    ([101, 102], [])
    """
    now = seen_at(device, Kind.LT, epoch)
    if now is None:
        return range(0)
    older = [s for s in device.chain if s.kind == Kind.LT and s.epoch <= last]
    linked = any(equal(s.hash, now.previous) for s in older)
    return range(last + 1, epoch) if linked else range(0)


def accuse(
    device: Device,
    setting: Setting,
    kind: Kind,
    epoch: int,
    copies: Sequence[bytes],
    sentence: str,
) -> Device:
    """Raise the alarm about manifests; keep two that everybody signed, as a proof.

    Parameters
    ----------
    device : Device
    setting : Setting
    kind : Kind
    epoch : int
    copies : sequence of bytes
    sentence : str
        For people.

    Returns
    -------
    Device

    Examples
    --------
    Copies that not everybody signed prove nothing, so none is kept:

    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.server.clock import ManualClock
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> parts = Deployment(config, None), None, None, ManualClock(8_641_500.0), None
    >>> copies = [b"a manifest", b"another one"]
    >>> told = accuse(
    ...     device, Setting(*parts, True, 30.0, {}), Kind.LT, 100, copies, "they differ"
    ... )
    >>> [alarm.what for alarm in told.alarms], told.evidence
    (['manifest'], ())
    """
    device = with_alarm(device, setting, "manifest", sentence)
    signed = [c for c in dict.fromkeys(copies) if _is_signed(setting, kind, epoch, c)]
    if len(signed) < 2:
        return device
    return with_evidence(device, setting, "manifests", cbor.encode([*signed]))


def _is_signed(setting: Setting, kind: Kind, epoch: int, copy: bytes) -> bool:
    try:
        verify_manifest(copy, setting.config, kind, epoch, None)
    except PresenceError:
        return False
    return True
