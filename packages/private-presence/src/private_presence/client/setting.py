"""What every exchange of a client works with, and how it says what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from private_presence.client.device import Alarm, Device, Evidence, Outcome
from private_presence.client.keeper import Keeper
from private_presence.client.transport import Transport
from private_presence.primitives.randomness import Randomness
from private_presence.protocol.config import Config
from private_presence.protocol.deployment import Deployment
from private_presence.protocol.epochs import Kind
from private_presence.server.clock import Clock

__all__ = ["News", "Setting", "Told", "with_alarm", "with_evidence", "with_outcome"]

MAX_ALARMS = 32
MAX_EVIDENCE = 16  # items
MAX_EVIDENCE_SIZE = 4 << 20  # bytes of all together

News: TypeAlias = Outcome | Alarm
Told: TypeAlias = Callable[[News], None]


@dataclass(frozen=True)
class Setting:
    """Where a client is.

    Parameters
    ----------
    deployment : Deployment
        Pinned.
    keeper : Keeper
    transport : Transport
    clock : Clock
    rng : Randomness
        The system generator.
    relay : bool
        Whether the registrar is spoken to through the relay.  Without it the registrar
        can link a user's registrations by network address: say so.
    patience : float
        Seconds that one exchange may take.
    offsets : dict from int to float
        How far each party's clock was ahead of this one when it last answered.
    pause : float
        Seconds from a lookup's manifests to its question, longer than the question
        takes to make: how long that is would tell the number of friends.

    Examples
    --------
    >>> from private_presence.client.device import new_device
    >>> from private_presence.client.keeper import MemoryKeeper
    >>> from private_presence.client.memory_transport import MemoryTransport
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.directory import Directory
    >>> from private_presence.server.clock import ManualClock
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> deployment = Deployment(config, Directory(config.dep_id, 1, ()))
    >>> clock, rng = ManualClock(8_641_517.25), SystemRandomness()
    >>> keeper = MemoryKeeper(new_device(config, 100, rng))
    >>> parts = (deployment, keeper, MemoryTransport([], clock), clock, rng)
    >>> setting = Setting(*parts, relay=True, patience=30.0, offsets={})
    >>> setting.now_ms(), setting.config.st_ms
    (8641517250, 300000)
    """

    deployment: Deployment
    keeper: Keeper
    transport: Transport
    clock: Clock
    rng: Randomness
    relay: bool
    patience: float
    offsets: dict[int, float]
    pause: float = 0.0

    @property
    def config(self) -> Config:
        """The deployment's constants."""
        return self.deployment.config

    def now_ms(self) -> int:
        """Milliseconds since 1970.

        Returns
        -------
        int
        """
        return round(self.clock.now() * 1000)


def with_outcome(
    device: Device, setting: Setting, what: str, kind: Kind, epoch: int, word: str
) -> Device:
    """Note what came of an exchange: for the screen; nothing sent depends on it.

    Parameters
    ----------
    device : Device
    setting : Setting
    what : str
    kind : Kind
    epoch : int
    word : str

    Returns
    -------
    Device

    Examples
    --------
    The last word of each sort stays.  Of a setting, only the clock matters here:

    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.server.clock import ManualClock
    >>> setting = Setting(
    ...     None, None, None, ManualClock(8_641_517.25), None, True, 30.0, {}
    ... )
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> for epoch, word in ((28_804, "wrong answer"), (28_805, "complete")):
    ...     device = with_outcome(device, setting, "lookup", Kind.ST, epoch, word)
    >>> [(noted.epoch, noted.word) for noted in device.outcomes]
    [(28805, 'complete')]
    """
    outcome = Outcome(what, int(kind), epoch, word, setting.now_ms())
    others = [o for o in device.outcomes if (o.what, o.kind) != (what, int(kind))]
    return replace(device, outcomes=(*others, outcome))


def with_alarm(device: Device, setting: Setting, what: str, sentence: str) -> Device:
    """Raise an alarm, on this device only (F14).

    Parameters
    ----------
    device : Device
    setting : Setting
    what : str
    sentence : str

    Returns
    -------
    Device
        With the first and the newest alarm of each sort: as many as a liar causes, they
        push none of another sort out.

    Examples
    --------
    Of a setting, only the clock matters here:

    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.server.clock import ManualClock
    >>> setting = Setting(
    ...     None, None, None, ManualClock(8_641_517.25), None, True, 30.0, {}
    ... )
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> with_alarm(device, setting, "clock", "this clock is wrong: set it").alarms
    (Alarm(what='clock', sentence='this clock is wrong: set it', when_ms=8641517250),)
    """
    alarm = Alarm(what, sentence, setting.now_ms())
    first = next((known for known in device.alarms if known.what == what), None)
    kept = [a for a in device.alarms if a.what != what or a is first]
    return replace(device, alarms=(*kept, alarm)[-MAX_ALARMS:])


def with_evidence(device: Device, setting: Setting, what: str, data: bytes) -> Device:
    """Keep what can be shown to a third party.

    Parameters
    ----------
    device : Device
    setting : Setting
    what : str
    data : bytes
        Too long ones are not kept: evidence must not fill the disk.

    Returns
    -------
    Device
        The oldest items give way.

    Examples
    --------
    The same bytes are kept once.  Of a setting, only the clock matters here:

    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.server.clock import ManualClock
    >>> setting = Setting(
    ...     None, None, None, ManualClock(8_641_517.25), None, True, 30.0, {}
    ... )
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> for data in (b"one", b"one", bytes(MAX_EVIDENCE_SIZE + 1)):
    ...     device = with_evidence(device, setting, "audit", data)
    >>> [item.data for item in device.evidence]
    [b'one']
    """
    if len(data) > MAX_EVIDENCE_SIZE or any(e.data == data for e in device.evidence):
        return device
    kept = [*device.evidence, Evidence(what, setting.now_ms(), data)][-MAX_EVIDENCE:]
    while sum(len(item.data) for item in kept) > MAX_EVIDENCE_SIZE:
        kept.pop(0)
    return replace(device, evidence=tuple(kept))
