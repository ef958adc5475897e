"""Taking a long-term record back, because the user asked for it (F21)."""

from private_presence.client.device import Device
from private_presence.client.register import pack, parcel_of, send_parcel
from private_presence.client.setting import Setting
from private_presence.errors import EpochError, StateError
from private_presence.protocol.client import circle_of
from private_presence.protocol.epochs import Kind, check_window
from private_presence.protocol.receipt import Answer
from private_presence.protocol.withdraw_lt import withdraw_lt

__all__ = ["withdraw"]


async def withdraw(setting: Setting, circle: int) -> Answer:
    """Withdraw the record that is on its way, before its window closes.

    The only request that a person triggers.  It tells the registrar that somebody
    withdrew, which a person who cannot wait for the next epoch accepts.

    Parameters
    ----------
    setting : Setting
    circle : int

    Returns
    -------
    Answer
        WITHDRAWN if it was taken back.

    Raises
    ------
    EpochError
        If the window is closed.
    StateError
        If nothing is on its way.

    Raises `PeerError` too, if the registrar is away: call it again, the same bytes go
    out.  Raises `QuotaError` if no token is left for it, and `VerificationError` if the
    receipt is not the registrar's word.

    Examples
    --------
    A device that has sent nothing yet:

    >>> import asyncio
    >>> from private_presence.client.device import new_device
    >>> from private_presence.client.keeper import MemoryKeeper
    >>> from private_presence.client.memory_transport import MemoryTransport
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.server.clock import ManualClock
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> keeper, clock = (
    ...     MemoryKeeper(new_device(config, 100, rng)),
    ...     ManualClock(8_700_000.0),
    ... )
    >>> net = MemoryTransport([], clock)
    >>> setting = Setting(
    ...     Deployment(config, None), keeper, net, clock, rng, True, 30.0, {}
    ... )
    >>> asyncio.run(withdraw(setting, 0))
    Traceback (most recent call last):
    private_presence.errors.StateError: no LT record is on its way: ...
    """
    async with setting.keeper.edit() as edit:
        device, epoch = _packed(edit.device, setting, circle)
        saved = edit.save(device)
    parcel = parcel_of(saved.device, Kind.LT, epoch, circle, withdraws=True)
    if parcel is None:
        raise StateError("expected a withdrawal that was saved; there is none")
    return (await send_parcel(setting, parcel)).answer


def _packed(device: Device, setting: Setting, index: int) -> tuple[Device, int]:
    config, circle = setting.config, circle_of(device.client, index)
    if circle.pending is None:
        raise StateError("no LT record is on its way: there is nothing to withdraw")
    epoch = circle.pending.epoch
    check_window(config, Kind.LT, epoch, setting.clock.now())
    if parcel_of(device, Kind.LT, epoch, index) is None:
        raise EpochError("the record was not sent yet: there is nothing to withdraw")
    if parcel_of(device, Kind.LT, epoch, index, withdraws=True):
        return device, epoch
    body = withdraw_lt(circle, config, setting.rng)
    return pack(device, config, Kind.LT, epoch, index, body, withdraws=True), epoch
