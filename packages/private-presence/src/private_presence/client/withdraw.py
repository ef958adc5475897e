"""Taking a long-term record back, because the user asked for it (F21)."""

from private_presence.client.device import Device
from private_presence.client.register import pack, parcel_of, send_parcel
from private_presence.client.setting import Setting
from private_presence.errors import EpochError, StateError
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
    out.
    """
    async with setting.keeper.edit() as edit:
        device, epoch = _packed(edit.device, setting, circle)
        saved = edit.save(device)
    parcel = parcel_of(saved.device, Kind.LT, epoch, circle, withdraws=True)
    if parcel is None:
        raise StateError("expected a withdrawal that was saved; there is none")
    return (await send_parcel(setting, parcel)).answer


def _packed(device: Device, setting: Setting, index: int) -> tuple[Device, int]:
    config, circle = setting.config, device.client.circles[index]
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
