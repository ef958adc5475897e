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

    Examples
    --------
    A repeated order has the same bytes; another seed gives others:

    >>> from private_presence.primitives.secret import Secret
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> def messages(seed):
    ...     return [t.message for t in blinded(config, Order(1, 100, Secret(seed)))]
    >>> one, again, other = (messages(seed * 32) for seed in (b"a", b"a", b"b"))
    >>> len(one), one == again, one == other
    (2, True, False)
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
        If they are not as many as were ordered, or one is no curve point.
    VerificationError
        If one does not fit: a key of one's own would be a mark.

    Examples
    --------
    The issuer signs blinded points, and knows none of the tokens that come of it:

    >>> from private_presence.primitives.curve import encode_g2
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.primitives.secret import Secret
    >>> from private_presence.primitives.tokens import issue, token_key
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> wanted = Order(1, 100, Secret(bytes(32)))
    >>> batch, key = (
    ...     blinded(config, wanted),
    ...     token_key(bytes(32), config.dep_id, 1, 100),
    ... )
    >>> signed = b"".join(issue(key, token.message) for token in batch)
    >>> tokens = unblinded(batch, wanted, signed, encode_g2(key.public), rng)
    >>> [len(token) for token in tokens]
    [80, 80]
    >>> other = token_key(bytes(32), config.dep_id, 1, 101)
    >>> unblinded(batch, wanted, signed, encode_g2(other.public), rng)
    Traceback (most recent call last):
    private_presence.errors.VerificationError: the registrar signed tokens with ...
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
    StateError
        If this device has no account, or the day's keys are not known yet.
    PeerError
        If no answer came.
    VerificationError
        If the answer does not fit the published key; the alarm is saved.

    Examples
    --------
    Both tokens of role 1, from a registrar that signs whatever comes:

    >>> import asyncio
    >>> from contextlib import nullcontext
    >>> from private_presence.client.device import new_device
    >>> from private_presence.client.keeper import MemoryKeeper
    >>> from private_presence.client.transport import Answered, Link, Transport
    >>> from private_presence.client.wallet import tokens_left
    >>> from private_presence.primitives.curve import encode_g2
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.primitives.tokens import issue, token_key
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.server.clock import ManualClock
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> key = token_key(bytes(32), config.dep_id, 1, 100)
    >>> class Registrar(Link):
    ...     async def exchange(self, method, path, body, limit):
    ...         points = [body[i : i + 48] for i in range(36, len(body), 48)]
    ...         return Answered(200, b"".join(issue(key, p) for p in points), None)
    >>> class Net(Transport):
    ...     def connect(self, party, *, via_relay):
    ...         return nullcontext(Registrar())
    >>> device = new_device(config, 100, rng, bytes(32))
    >>> keys = KeySet(100, (encode_g2(key.public),))
    >>> keeper = MemoryKeeper(replace(device, keys=(keys,)))
    >>> parts = Deployment(config, None), keeper, Net(), ManualClock(8_641_500.0), rng
    >>> asyncio.run(fetch_tokens(Setting(*parts, True, 30.0, {}), 1, 100))
    >>> tokens_left(keeper.device.wallet, 1, 100)
    2
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
