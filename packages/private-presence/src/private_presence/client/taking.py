"""What a finished lookup changes on the device: states and the view, never the plan."""

from collections.abc import Mapping
from dataclasses import replace

from private_presence.client.device import Device, Sight
from private_presence.client.manifests import skipped
from private_presence.client.proof import with_dropped
from private_presence.client.setting import Setting, with_alarm, with_outcome
from private_presence.pir import Lookup
from private_presence.protocol.client_lookup import take_lt, take_st
from private_presence.protocol.epochs import Kind, epoch_at
from private_presence.protocol.payload import StPayload
from private_presence.protocol.publish_lt import own_lt_place
from private_presence.protocol.records import Status

__all__ = ["take_found", "with_wrong_answer"]


def with_wrong_answer(
    device: Device, setting: Setting, kind: Kind, epoch: int
) -> Device:
    """Note that some server answered wrongly; nothing else changes (F14).

    Parameters
    ----------
    device : Device
    setting : Setting
    kind : Kind
    epoch : int

    Returns
    -------
    Device

    Examples
    --------
    Of a setting, only the clock matters here:

    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.server.clock import ManualClock
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> setting = Setting(
    ...     None, None, None, ManualClock(8_641_517.25), None, True, 30.0, {}
    ... )
    >>> device = with_wrong_answer(device, setting, Kind.ST, 28_805)
    >>> device.outcomes[0].word, device.alarms[0].what
    ('wrong answer', 'answer')
    """
    device = with_outcome(device, setting, "lookup", kind, epoch, "wrong answer")
    return with_alarm(
        device,
        setting,
        "answer",
        f"the answers for {kind.name} epoch {epoch} contradict each other: a lookup "
        "server damages its table; tell its operator",
    )


def take_found(
    device: Device,
    setting: Setting,
    kind: Kind,
    epoch: int,
    found: Lookup,
) -> Device:
    """Apply what a lookup found.

    Parameters
    ----------
    device : Device
        The newest one; its chain holds the epoch's manifest.
    setting : Setting
    kind : Kind
    epoch : int
    found : Lookup

    Returns
    -------
    Device

    Examples
    --------
    A friend whose record was not found is offline, whatever the reason:

    >>> from private_presence.client.device import new_device
    >>> from private_presence.client.requests import accept
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.protocol.membership import invite
    >>> from private_presence.server.clock import ManualClock
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> _, data = invite(new_circle(101, rng), config, "bob", bytes(32), rng)
    >>> bob, _ = accept(
    ...     new_device(config, 100, rng), config, "alice", data, (bytes(32),)
    ... )
    >>> clock = ManualClock(8_641_517.25)
    >>> setting = Setting(
    ...     Deployment(config, None), None, None, clock, rng, True, 30.0, {}
    ... )
    >>> bob = take_found(bob, setting, Kind.ST, 28_805, Lookup({}, consistent=True))
    >>> [(sight.name, sight.t, sight.online) for sight in bob.sights]
    [('alice', 28805, False)]
    >>> bob.outcomes[0].word, bob.alarms
    ('complete', ())
    """
    if not found.consistent:
        device = with_wrong_answer(device, setting, kind, epoch)
    if kind is Kind.ST:
        return _take_st(device, setting, epoch, found.values)
    device = _looked(device, setting, epoch)
    if epoch >= _now(setting) and _own_doubtful(device, setting, epoch, found):
        # Not found would be taken for not published; it is asked once more tomorrow,
        # as every epoch is, and then decided.
        return with_outcome(device, setting, "lookup", kind, epoch, "doubtful")
    return _take_lt_in_order(device, setting, epoch, found.values)


def _now(setting: Setting) -> int:
    return epoch_at(setting.config, Kind.LT, setting.clock.now())


def _looked(device: Device, setting: Setting, epoch: int) -> Device:
    # A function of who answered, not of what.
    done, oldest = device.looked_lt, _now(setting) - setting.config.retain + 1
    missing = skipped(device, done, epoch)
    if epoch > max(done + 1 + len(missing), oldest):
        return device
    return replace(device, looked_lt=max(done, epoch))


def _own_doubtful(device: Device, setting: Setting, epoch: int, found: Lookup) -> bool:
    # Whether a record of one's own was perhaps published, and hidden by somebody.
    for circle in device.client.circles:
        where = own_lt_place(circle, setting.config, epoch)
        if circle.pending is None or circle.pending.epoch != epoch or where is None:
            continue
        asked = where.tag in found.values
        if not asked or (found.values[where.tag] is None and not found.consistent):
            return True
    return False


def _take_lt_in_order(
    device: Device,
    setting: Setting,
    epoch: int,
    values: Mapping[bytes, bytes | None],
) -> Device:
    for missing in skipped(device, device.client.last_lt, epoch):
        device = _take_lt(device, setting, missing, {})
    oldest = _now(setting) - setting.config.retain + 1
    if epoch > max(device.client.last_lt + 1, oldest):
        # An epoch before it is still missing, and may hold a transition.
        return with_outcome(device, setting, "lookup", Kind.LT, epoch, "out of order")
    return _take_lt(device, setting, epoch, values)


def _take_lt(
    device: Device,
    setting: Setting,
    epoch: int,
    values: Mapping[bytes, bytes | None],
) -> Device:
    before = device.client
    client, statuses = take_lt(before, setting.config, epoch, values, _now(setting))
    device = with_dropped(device, setting, client, epoch)
    ready = {s.name: s for s in device.sights}
    sights = []
    for name, status in statuses.items():
        sight = ready.get(name, Sight(name))
        opened = epoch if status is Status.OK else sight.lt_epoch
        sights.append(replace(sight, lt_epoch=max(opened, sight.lt_epoch)))
    device = replace(device, client=client, sights=tuple(sights))
    device = replace(device, connected_ms=setting.now_ms())
    if client.phase != before.phase:
        sentence = f"this client is now {client.phase}: see status for what to do"
        device = with_alarm(device, setting, "phase", sentence)
    return with_outcome(device, setting, "lookup", Kind.LT, epoch, "complete")


def _take_st(
    device: Device,
    setting: Setting,
    t: int,
    values: Mapping[bytes, bytes | None],
) -> Device:
    client, presence = take_st(device.client, setting.config, t, values)
    ready = {s.name: s for s in device.sights}
    sights = [
        _seen(ready.get(name, Sight(name)), t, status, payload)
        for name, (status, payload) in presence.items()
    ]
    device = replace(device, client=client, sights=tuple(sights))
    device = replace(device, connected_ms=setting.now_ms())
    return with_outcome(device, setting, "lookup", Kind.ST, t, "complete")


def _seen(sight: Sight, t: int, status: Status, payload: StPayload | None) -> Sight:
    if t < sight.t:
        return sight
    if t == sight.t and status is not Status.OK:
        return sight  # a lookup was repeated, and the chain key is gone since the first
    if status is not Status.OK or payload is None:
        return replace(sight, t=t, online=False, status=0, aux=b"")
    return replace(sight, t=t, online=True, status=payload.status, aux=payload.aux)
