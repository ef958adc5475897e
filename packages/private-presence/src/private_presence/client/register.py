"""Registering a record: built, paired with its token, saved, and only then sent."""

from dataclasses import replace
from hashlib import sha256

from private_presence.client.cover import cover_body
from private_presence.client.device import Device, Parcel
from private_presence.client.keeper import SavedDevice
from private_presence.client.links import ask, check_time, linked, path_of
from private_presence.client.setting import Setting, with_alarm, with_outcome
from private_presence.client.transport import REGISTRAR
from private_presence.client.wallet import take
from private_presence.errors import (
    PeerError,
    PresenceError,
    StateError,
    VerificationError,
)
from private_presence.primitives.secret import equal
from private_presence.primitives.tokens import Role
from private_presence.protocol.client import Client
from private_presence.protocol.client_publish import publish_lt, publish_st
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, lt_of_st
from private_presence.protocol.payload import StPayload
from private_presence.protocol.publish_st import why_invisible
from private_presence.protocol.quota import day_of_registration
from private_presence.protocol.receipt import (
    RECEIPT_SIZE,
    Answer,
    Receipt,
    decode_receipt,
    verify_receipt,
)

__all__ = ["checked_receipt", "pack", "parcel_of", "register", "send_parcel"]

KEPT = {Kind.LT: 2, Kind.ST: 2}  # epochs for which parcels stay


def parcel_of(
    device: Device, kind: Kind, epoch: int, circle: int, *, withdraws: bool = False
) -> Parcel | None:
    """Find what was packed for a table.

    Parameters
    ----------
    device : Device
    kind : Kind
    epoch, circle : int
    withdraws : bool

    Returns
    -------
    Parcel or None

    Examples
    --------
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.primitives.secret import Secret
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> parcel = Parcel(1, 101, 0, b"body", Secret(bytes(80)))
    >>> device = replace(device, outbox=(parcel,))
    >>> parcel_of(device, Kind.LT, 101, 0) == parcel
    True
    >>> parcel_of(device, Kind.LT, 101, 0, withdraws=True) is None
    True
    """
    place = (kind, epoch, circle, withdraws)
    found = (
        p for p in device.outbox if (p.kind, p.epoch, p.circle, p.withdraws) == place
    )
    return next(found, None)


def pack(
    device: Device,
    config: Config,
    kind: Kind,
    epoch: int,
    circle: int,
    body: bytes,
    *,
    withdraws: bool = False,
) -> Device:
    """Pair a body with a token, for good.

    Parameters
    ----------
    device : Device
    config : Config
    kind : Kind
    epoch, circle : int
    body : bytes
    withdraws : bool

    Returns
    -------
    Device
        Save it before the parcel goes out.  Raises `QuotaError` without a token.

    Examples
    --------
    The token of role 1 and day 100 pays for one record of day 101, and for no other:

    >>> from private_presence.client.device import new_device
    >>> from private_presence.client.wallet import put, tokens_left
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> device = new_device(config, 100, SystemRandomness())
    >>> device = replace(device, wallet=put(device.wallet, 1, 100, [bytes(80)]))
    >>> device = pack(device, config, Kind.LT, 101, 0, b"body")
    >>> device.outbox, tokens_left(device.wallet, 1, 100)
    ((Parcel(kind=1, epoch=101, circle=0, withdraws=False),), 0)
    >>> pack(device, config, Kind.LT, 101, 0, b"another body")
    Traceback (most recent call last):
    private_presence.errors.QuotaError: expected a token of role 1 for day 100; ...
    """
    role = Role.REGISTER_LT if kind is Kind.LT else Role.REGISTER_ST
    day = day_of_registration(config, kind, epoch)
    wallet, token = take(device.wallet, role, day)
    fresh = Parcel(int(kind), epoch, circle, body, token, withdraws)
    oldest = epoch - KEPT[kind]
    kept = [p for p in device.outbox if p.kind != kind or p.epoch >= oldest]
    return replace(device, wallet=wallet, outbox=(*kept, fresh))


async def register(setting: Setting, kind: Kind, epoch: int, circle: int) -> None:
    """Register one circle's record, or send it again as it was saved.

    Parameters
    ----------
    setting : Setting
    kind : Kind
    epoch, circle : int

    Raises
    ------
    PeerError
        If no answer came: the same bytes go out at the next time of the plan.  If no
        party has told the time yet: nothing is built, and it is tried again.
    VerificationError
        If the receipt is not the registrar's word about this body; an alarm is saved.

    Raises `ClockError` if this clock is known to be wrong (F18); nothing is built then.
    Raises `EpochError`, `StateError` or `QuotaError` if the window is closed, the
    client may not register yet, or no token is left.

    Examples
    --------
    The registrar is away: the record is packed and saved all the same, and a repetition
    sends the same bytes.

    >>> import asyncio
    >>> from private_presence.client.device import new_device
    >>> from private_presence.client.keeper import MemoryKeeper
    >>> from private_presence.client.transport import Transport
    >>> from private_presence.client.wallet import put
    >>> from private_presence.errors import PeerError
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.server.clock import ManualClock
    >>> class Away(Transport):
    ...     def connect(self, party, *, via_relay):
    ...         raise PeerError("expected an answer; the network is down")
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> device = new_device(config, 100, rng)
    >>> device = replace(device, wallet=put(device.wallet, 1, 100, [bytes(80)]))
    >>> keeper, clock = MemoryKeeper(device), ManualClock(8_700_000.0)
    >>> parts = Deployment(config, None), keeper, Away(), clock, rng
    >>> asyncio.run(register(Setting(*parts, True, 30.0, {0: 0.0}), Kind.LT, 101, 0))
    Traceback (most recent call last):
    private_presence.errors.PeerError: expected an answer; the network is down
    >>> parcel = parcel_of(keeper.device, Kind.LT, 101, 0)
    >>> len(parcel.body), len(parcel.token), parcel.receipt
    (613, 80, b'')
    """
    async with setting.keeper.edit() as edit:
        device = edit.device
        if parcel_of(device, kind, epoch, circle, withdraws=True):
            return
        if parcel_of(device, kind, epoch, circle) is None:
            _check_time(setting)  # a key for the wrong time would be used up
            device = _built(device, setting, kind, epoch, circle)
            if device is None:
                return
            saved = edit.save(device)
        else:
            saved = SavedDevice(device)
    parcel = parcel_of(saved.device, kind, epoch, circle)
    if parcel and not parcel.receipt:
        await send_parcel(setting, parcel)


def _check_time(setting: Setting) -> None:
    if not setting.offsets:
        raise PeerError("no party has told the time yet: it is tried again at its time")
    check_time(setting)


def _built(
    device: Device, setting: Setting, kind: Kind, epoch: int, circle: int
) -> Device | None:
    if kind is Kind.ST and not device.wish.visible:
        return None
    config, client = setting.config, device.client
    if _covered(client, config, kind, epoch, circle):
        body = cover_body(config, kind, epoch, setting.rng)
    else:
        client = _published(device, setting, kind, epoch, circle)
        body = _body(client, kind, circle)
    return pack(replace(device, client=client), config, kind, epoch, circle, body)


def _covered(
    client: Client, config: Config, kind: Kind, epoch: int, circle: int
) -> bool:
    mine = client.circles[circle]
    lt = epoch if kind is Kind.LT else lt_of_st(config, epoch)
    if client.phase != "active" or lt < client.quiet_until:
        return False  # a restored or lost state registers nothing: `publish` says so
    if kind is Kind.LT:
        return mine.epoch < epoch
    far = (config.retain + 1) * config.st_per_lt  # the chain is not stepped further
    lost = mine.st is None or not mine.st.t <= epoch + 1 <= mine.st.t + far
    return lost or bool(why_invisible(mine, config, epoch))


def _published(
    device: Device, setting: Setting, kind: Kind, epoch: int, circle: int
) -> Client:
    config, now = setting.config, setting.clock.now()
    if kind is Kind.LT:
        return publish_lt(device.client, config, circle, epoch, now, setting.rng)
    payload = StPayload(device.wish.status, device.wish.aux)
    args = (config, circle, epoch, payload, now, setting.rng)
    return publish_st(device.client, *args)


def _body(client: Client, kind: Kind, index: int) -> bytes:
    circle = client.circles[index]
    if kind is Kind.LT and circle.pending:
        return circle.pending.body
    if kind is Kind.ST and circle.st and circle.st.sent:
        return circle.st.sent.body
    raise StateError("expected a record that was built; there is none: build it first")


async def send_parcel(setting: Setting, parcel: Parcel) -> Receipt:
    """Send a saved parcel and keep the receipt, which is a proof (F3).

    Parameters
    ----------
    setting : Setting
    parcel : Parcel
        From a saved device.

    Returns
    -------
    Receipt
        Verified.

    Raises
    ------
    VerificationError
        If it is not R's word about this parcel; the alarm is saved.

    Raises `PeerError` too, if no answer came: send the same parcel again.

    Examples
    --------
    To a registrar that accepts whatever comes:

    >>> import asyncio
    >>> from contextlib import nullcontext
    >>> from private_presence.client.device import new_device
    >>> from private_presence.client.keeper import MemoryKeeper
    >>> from private_presence.client.transport import Answered, Link, Transport
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.primitives.secret import Secret
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.protocol.receipt import encode_receipt, make_receipt
    >>> from private_presence.server.clock import ManualClock
    >>> key, rng = signing_key(bytes(range(64))), SystemRandomness()
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> class Registrar(Link):
    ...     async def exchange(self, method, path, post, limit):
    ...         about = (Kind.LT, 101, sha256(post[:-80]).digest())
    ...         receipt = make_receipt(config, key, Answer.ACCEPTED, about, rng)
    ...         return Answered(200, encode_receipt(receipt), None)
    >>> class Net(Transport):
    ...     def connect(self, party, *, via_relay):
    ...         return nullcontext(Registrar())
    >>> parcel = Parcel(1, 101, 0, b"body", Secret(bytes(80)))
    >>> keeper = MemoryKeeper(replace(new_device(config, 100, rng), outbox=(parcel,)))
    >>> parts = Deployment(config, None), keeper, Net(), ManualClock(8_700_000.0), rng
    >>> asyncio.run(send_parcel(Setting(*parts, True, 30.0, {}), parcel)).answer.name
    'ACCEPTED'
    >>> len(keeper.device.outbox[0].receipt)
    103
    """
    kind = Kind(parcel.kind)
    async with linked(setting, REGISTRAR) as link:
        line = f"POST {path_of('register', kind, parcel.epoch)}"
        post = parcel.body + bytes(parcel.token)
        data = await ask(setting, link, REGISTRAR, line, post, RECEIPT_SIZE)
    try:
        receipt = checked_receipt(setting.config, parcel, data)
    except PresenceError as error:
        await _alarm(setting, parcel, str(error))
        raise VerificationError(str(error)) from None
    await _keep(setting, parcel, receipt, data)
    return receipt


def checked_receipt(config: Config, parcel: Parcel, data: bytes) -> Receipt:
    """Check that a receipt is R's word about a parcel.

    Parameters
    ----------
    config : Config
    parcel : Parcel
    data : bytes, 103

    Returns
    -------
    Receipt

    Raises
    ------
    VerificationError
        If it is about another body, or is not signed by R.

    Raises `EncodingError` too, if it is no receipt.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.primitives.secret import Secret
    >>> from private_presence.protocol.receipt import encode_receipt, make_receipt
    >>> key = signing_key(bytes(range(64)))
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> about = (Kind.LT, 101, sha256(b"body").digest())
    >>> data = encode_receipt(
    ...     make_receipt(config, key, Answer.CLOSED, about, SystemRandomness())
    ... )
    >>> mine, other = (
    ...     Parcel(1, 101, 0, body, Secret(bytes(80))) for body in (b"body", b"other")
    ... )
    >>> checked_receipt(config, mine, data).answer.name
    'CLOSED'
    >>> checked_receipt(config, other, data)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: a receipt is about another body: ...
    """
    receipt = decode_receipt(data)
    verify_receipt(config, receipt)
    about = (int(receipt.kind), receipt.epoch) == (parcel.kind, parcel.epoch)
    if not (about and equal(receipt.body_hash, sha256(parcel.body).digest())):
        raise VerificationError("a receipt is about another body: refuse it")
    return receipt


async def _keep(
    setting: Setting, parcel: Parcel, receipt: Receipt, data: bytes
) -> None:
    async with setting.keeper.edit() as edit:
        device, kind = edit.device, Kind(parcel.kind)
        kept = replace(parcel, receipt=data)
        outbox = tuple(kept if p == parcel else p for p in device.outbox)
        device = replace(device, outbox=outbox)
        word = receipt.answer.name.lower()
        about = ("register", kind, parcel.epoch, word)
        device = with_outcome(device, setting, *about)
        if receipt.answer is Answer.CONFLICT:
            device = with_alarm(
                device,
                setting,
                "conflict",
                "the registrar holds another record of this user for that epoch: this "
                "state runs on two devices or was restored; load it as restored",
            )
        edit.save(device)


async def _alarm(setting: Setting, parcel: Parcel, sentence: str) -> None:
    async with setting.keeper.edit() as edit:
        device = with_alarm(edit.device, setting, "receipt", sentence)
        about = ("register", Kind(parcel.kind), parcel.epoch, "no receipt")
        edit.save(with_outcome(device, setting, *about))
