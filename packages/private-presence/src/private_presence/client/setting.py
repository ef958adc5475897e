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
    """

    deployment: Deployment
    keeper: Keeper
    transport: Transport
    clock: Clock
    rng: Randomness
    relay: bool
    patience: float
    offsets: dict[int, float]

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
        With the newest alarms.
    """
    alarm = Alarm(what, sentence, setting.now_ms())
    return replace(device, alarms=(*device.alarms, alarm)[-MAX_ALARMS:])


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
    """
    if len(data) > MAX_EVIDENCE_SIZE or any(e.data == data for e in device.evidence):
        return device
    kept = [*device.evidence, Evidence(what, setting.now_ms(), data)][-MAX_EVIDENCE:]
    while sum(len(item.data) for item in kept) > MAX_EVIDENCE_SIZE:
        kept.pop(0)
    return replace(device, evidence=tuple(kept))
