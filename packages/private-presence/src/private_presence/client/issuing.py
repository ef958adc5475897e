"""Fetching a day's tokens: the whole batch, on a connection of its own (F11, F12)."""

from dataclasses import replace

from private_presence.client.device import Device, KeySet, Order
from private_presence.client.links import ask, linked
from private_presence.client.setting import Setting, with_alarm, with_outcome
from private_presence.client.stream import SeedStream
from private_presence.client.transport import REGISTRAR
from private_presence.client.wallet import (
    delivered,
    forget_days,
    order,
    order_of,
    put,
)
from private_presence.errors import EncodingError, StateError, VerificationError
from private_presence.primitives.curve import G1_SIZE, decode_g2
from private_presence.primitives.kdf import u32
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.tokens import (
    BlindedToken,
    Redeemed,
    check_tokens,
    remove_blinding,
)
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.quota import daily_batch, roles

__all__ = ["blinded", "fetch_tokens", "unblinded"]


def blinded(config: Config, wanted: Order) -> list[BlindedToken]:
    """Blind an order's tokens; the same ones whenever it is repeated.

    Parameters
    ----------
    config : Config
    wanted : Order

    Returns
    -------
    list of BlindedToken
        As many as the quota.
    """
    purpose = b"order" + bytes([wanted.role]) + u32(wanted.day)
    stream = SeedStream(bytes(wanted.seed), purpose)
    return daily_batch(config, wanted.role, wanted.day, stream)


def unblinded(
    batch: list[BlindedToken],
    wanted: Order,
    signed: bytes,
    public: bytes,
    rng: Randomness,
) -> list[bytes]:
    """Unblind a delivery and check every token in it.

    Parameters
    ----------
    batch : list of BlindedToken
        Of the order.
    wanted : Order
    signed : bytes
        48 for each token.
    public : bytes, 96
        Key of the role and day, from a verified manifest.
    rng : Randomness

    Returns
    -------
    list of bytes, 80 each

    Raises
    ------
    EncodingError
        If they are not as many as were ordered.
    VerificationError
        If one does not fit: a key of one's own would be a mark.
    """
    key = decode_g2(public)
    points = [signed[i : i + G1_SIZE] for i in range(0, len(signed), G1_SIZE)]
    if len(points) != len(batch) or len(signed) % G1_SIZE:
        raise EncodingError(
            f"expected {len(batch)} signed tokens; got {len(signed)} bytes: refuse them"
        )
    tokens = [remove_blinding(*pair) for pair in zip(batch, points, strict=True)]
    redeemed = [Redeemed(t, wanted.role, wanted.day, key) for t in tokens]
    if not all(check_tokens(redeemed, rng)):
        raise VerificationError(
            "the registrar signed tokens with another key than the published one: "
            "refuse them all, they would mark you"
        )
    return tokens


async def fetch_tokens(setting: Setting, role: int, day: int) -> None:
    """Order a day's tokens of a role, or repeat the order with the same bytes.

    Parameters
    ----------
    setting : Setting
    role : int
    day : int

    Raises
    ------
    PeerError
        If no answer came.
    VerificationError
        If the answer does not fit the published key; the alarm is saved.
    """
    ordered = await _order(setting, role, day)
    if ordered is None:
        return
    device, wanted, keys = ordered
    batch = blinded(setting.config, wanted)
    points = b"".join(token.message for token in batch)
    body = bytes(device.account) + u32(day) + points
    async with linked(setting, REGISTRAR, account=True) as link:
        line = f"POST /v1/tokens/{role}"
        signed = await ask(setting, link, REGISTRAR, line, body, len(points))
    public = keys.keys[roles(setting.config).index(role)]
    try:
        tokens = unblinded(batch, wanted, signed, public, setting.rng)
    except (VerificationError, EncodingError) as error:
        await _alarm(setting, wanted, str(error))
        raise VerificationError(str(error)) from None
    await _deliver(setting, wanted, tokens)


async def _order(
    setting: Setting, role: int, day: int
) -> tuple[Device, Order, KeySet] | None:
    async with setting.keeper.edit() as edit:
        device = edit.device
        if delivered(device.wallet, role, day):
            return None
        keys = next((k for k in device.keys if k.day == day), None)
        if keys is None or not device.account:
            raise StateError(
                f"tokens of day {day} need an account and the day's published keys: "
                "enrol, or wait for the next manifest"
            )
        wallet = forget_days(order(device.wallet, role, day, setting.rng), day - 2)
        saved = edit.save(replace(device, wallet=wallet)).device
        wanted = order_of(saved.wallet, role, day)
        return (saved, wanted, keys) if wanted else None


async def _deliver(setting: Setting, wanted: Order, tokens: list[bytes]) -> None:
    async with setting.keeper.edit() as edit:
        wallet = put(edit.device.wallet, wanted.role, wanted.day, tokens)
        device = replace(edit.device, wallet=wallet)
        about = (f"tokens {wanted.role}", Kind.LT, wanted.day, "delivered")
        edit.save(with_outcome(device, setting, *about))


async def _alarm(setting: Setting, wanted: Order, sentence: str) -> None:
    async with setting.keeper.edit() as edit:
        device = with_alarm(edit.device, setting, "token key", sentence)
        about = (f"tokens {wanted.role}", Kind.LT, wanted.day, "refused")
        edit.save(with_outcome(device, setting, *about))
