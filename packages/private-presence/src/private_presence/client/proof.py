"""Proof of dropping: the registrar's receipt against the records it published (F3)."""

from hashlib import sha256

from private_presence.client.device import Device, Parcel
from private_presence.client.setting import Setting, with_alarm, with_evidence
from private_presence.errors import EncodingError, VerificationError
from private_presence.primitives import cbor
from private_presence.primitives.blinding import tag_of
from private_presence.primitives.secret import equal
from private_presence.protocol.client import Client
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.manifest import Manifest
from private_presence.protocol.messages import Registration, decode_body
from private_presence.protocol.receipt import (
    RECEIPT_SIZE,
    Answer,
    decode_receipt,
    verify_receipt,
)

__all__ = ["dropped_proof", "judge_dropped", "with_dropped"]

MAX_PROOF = 4096
TAG_SIZE = 16


def dropped_proof(parcel: Parcel) -> bytes:
    """Write down a receipt with its body.

    It shows one blinded key of one epoch, and no token.

    Parameters
    ----------
    parcel : Parcel
        With its receipt.

    Returns
    -------
    bytes

    Examples
    --------
    The token does not go with it:

    >>> from private_presence.primitives.secret import Secret
    >>> parcel = Parcel(1, 101, 0, b"body", Secret(b"t" * 80), receipt=b"signed")
    >>> cbor.decode(dropped_proof(parcel), MAX_PROOF)
    [1, b'signed', b'body']
    """
    return cbor.encode([1, parcel.receipt, parcel.body])


def judge_dropped(config: Config, manifest: Manifest, raw: bytes, data: bytes) -> bool:
    """Decide, as a third party, whether the registrar dropped what it acknowledged.

    Parameters
    ----------
    config : Config
    manifest : Manifest
        Of the table, verified.
    raw : bytes
        The published records.
    data : bytes
        From `dropped_proof`.

    Returns
    -------
    bool
        True if the receipt says accepted and the table does not hold the record.  Its
        owner may have withdrawn it since; the registrar then shows the withdrawal.

    Raises
    ------
    EncodingError
        If the proof has another form.
    VerificationError
        If receipt, body, records and manifest do not belong together.

    Examples
    --------
    The published table is empty, and the registrar had acknowledged the record; then
    another registrar, which had said that it came too late:

    >>> from private_presence.client.cover import cover_body
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.receipt import encode_receipt, make_receipt
    >>> key, rng = signing_key(bytes(range(64))), SystemRandomness()
    >>> config = Config(key.public, (key.public,) * 2, key.public)
    >>> about = (config.dep_id, Kind.LT, 101, 0, 576, sha256(b"").digest(), bytes(32))
    >>> manifest = Manifest(*about, (), (), bytes(32), (), b"layout")
    >>> body = cover_body(config, Kind.LT, 101, rng)
    >>> place = (Kind.LT, 101, sha256(body).digest())
    >>> for answer in (Answer.ACCEPTED, Answer.CLOSED):
    ...     receipt = encode_receipt(make_receipt(config, key, answer, place, rng))
    ...     judge_dropped(config, manifest, b"", cbor.encode([1, receipt, body]))
    True
    False
    """
    match cbor.decode(data, MAX_PROOF):
        case [1, bytes(receipt), bytes(body)] if len(receipt) == RECEIPT_SIZE:
            word = decode_receipt(receipt)
        case _:
            raise EncodingError("expected a receipt with its body; got something else")
    verify_receipt(config, word)
    message = decode_body(config, body)
    here = (int(word.kind), word.epoch) == (manifest.kind, manifest.epoch)
    fits = here and equal(word.body_hash, sha256(body).digest())
    if not (fits and equal(sha256(raw).digest(), manifest.raw_hash)):
        raise VerificationError(
            "a receipt, its body, the records and the manifest are of one table; these "
            "are not: fetch those of the receipt's epoch"
        )
    if word.answer is not Answer.ACCEPTED or not isinstance(message, Registration):
        return False
    tag = tag_of(word.kind, config.dep_id, word.epoch, message.public)
    return not _holds(raw, tag + message.value)


def _holds(raw: bytes, record: bytes) -> bool:
    size = len(record)
    rows = (raw[i : i + size] for i in range(0, len(raw), size))
    return any(equal(row, record) for row in rows)


def with_dropped(device: Device, setting: Setting, after: Client, epoch: int) -> Device:
    """Raise the alarm about acknowledged LT records that were not published.

    Parameters
    ----------
    device : Device
        As before the lookup of `epoch` was applied.
    setting : Setting
    after : Client
        As it is after.
    epoch : int

    Returns
    -------
    Device
        With the receipts as evidence; `device.client` is left to the caller.

    Examples
    --------
    A record that the registrar acknowledged, and that the lookup did not find:

    >>> from dataclasses import replace
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.primitives.secret import Secret
    >>> from private_presence.protocol.client_publish import publish_lt
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.protocol.receipt import Receipt, encode_receipt
    >>> from private_presence.server.clock import ManualClock
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> clock = ManualClock(8_726_500.0)  # day 101
    >>> parts = Deployment(config, None), None, None, clock, rng, True, 30.0, {}
    >>> device = new_device(config, 100, rng)
    >>> client = publish_lt(device.client, config, 0, 101, 8_700_000.0, rng)
    >>> word = Receipt(Answer.ACCEPTED, Kind.LT, 101, bytes(32), bytes(64))
    >>> sent = (1, 101, 0, b"body", Secret(bytes(80)))
    >>> parcel = Parcel(*sent, receipt=encode_receipt(word))
    >>> device = replace(device, client=client, outbox=(parcel,))
    >>> told = with_dropped(device, Setting(*parts), client, 101)
    >>> [alarm.what for alarm in told.alarms], len(told.evidence)
    (['dropped'], 1)
    """
    config = setting.config
    pairs = zip(device.client.circles, after.circles, strict=True)
    for index, (old, new) in enumerate(pairs):
        pending = old.pending
        if pending is None or pending.epoch != epoch or new.seq >= pending.seq:
            continue
        if any(_taken_back(parcel, index, epoch) for parcel in device.outbox):
            continue
        for parcel in device.outbox:
            if _acknowledged(config, parcel, index, epoch):
                device = with_evidence(
                    device, setting, "dropped", dropped_proof(parcel)
                )
                device = with_alarm(
                    device,
                    setting,
                    "dropped",
                    f"the registrar acknowledged a record of LT epoch {epoch} and did "
                    "not publish it: the receipt is kept as evidence",
                )
    return device


def _acknowledged(config: Config, parcel: Parcel, circle: int, epoch: int) -> bool:
    mine = (parcel.kind, parcel.epoch, parcel.circle) == (Kind.LT, epoch, circle)
    return mine and not parcel.withdraws and parcel.accepted


def _taken_back(parcel: Parcel, circle: int, epoch: int) -> bool:
    # Sent is enough: that its receipt was lost does not make it undone.
    place = (parcel.kind, parcel.epoch, parcel.circle, parcel.withdraws)
    return place == (Kind.LT, epoch, circle, True)
