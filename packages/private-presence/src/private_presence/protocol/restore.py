"""A manager restored from a backup rolls forward by her own published records (F6)."""

from dataclasses import replace

from private_presence.errors import EncodingError, PresenceError, StateError
from private_presence.primitives.curve import encode_scalar
from private_presence.primitives.header import decode_header
from private_presence.primitives.manager_key import open_own
from private_presence.primitives.ratchet import step_rk
from private_presence.protocol.circle import (
    Circle,
    Pending,
    SlotUse,
    st_signing_key,
)
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind
from private_presence.protocol.lt_record import open_lt_inner, unwrap_lt
from private_presence.protocol.payload import decode_lt_payload
from private_presence.protocol.publish_lt import commit, settle_lt
from private_presence.protocol.records import place, signed_ct

__all__ = ["roll_forward"]


def roll_forward(
    circle: Circle, config: Config, epoch: int, value: bytes | None
) -> Circle:
    """Settle an epoch from what it published, not from what the state remembers.

    Parameters
    ----------
    circle : Circle
        From a backup.
    config : Config
    epoch : int
        One after the other, from the circle's own on.
    value : bytes or None
        Found at the circle's own tag.

    Returns
    -------
    Circle
        Members invited after the backup are not known to it: an x that it does not
        know stays in its slot under no name.

    Raises
    ------
    StateError
        If epochs were left out, so that the generation cannot be established.

    Raises `EncodingError` too, if the record was made from another seed.

    Examples
    --------
    The backup is from before the record, whose short-term key comes back all the same:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.publish_lt import prepare_lt
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> backup = new_circle(101, rng)
    >>> sent = prepare_lt(backup, config, 101, rng).pending
    >>> circle = roll_forward(backup, config, 101, sent.value)
    >>> circle.epoch, circle.seq, circle.st.signing == sent.signing_st
    (102, 1, True)
    """
    if epoch < circle.epoch:
        return circle
    if epoch > circle.epoch:
        raise StateError(
            f"expected LT epoch {circle.epoch} next; got {epoch}: the generation "
            "cannot be established; rekey now and invite friends again"
        )
    circle = replace(circle, pending=None)
    record = _own_record(circle, config, epoch, value or b"")
    if record is None:
        return settle_lt(circle, config, epoch, None)
    suspended = circle.suspended
    if not record.new_generation:
        suspended = tuple(sorted({*suspended, *record.out} - set(circle.revoking)))
    return commit(replace(circle, suspended=suspended), config, record)


def _own_record(
    circle: Circle, config: Config, epoch: int, value: bytes
) -> Pending | None:
    # What was known when a published record was made; None if there is none.
    rk = step_rk(circle.rk, circle.epoch, epoch)
    where = place(config.dep_id, Kind.LT, circle.signing.public, rk, epoch)
    try:
        ct = signed_ct(config, Kind.LT, where, epoch, value)
    except PresenceError:
        return None
    head, inner = unwrap_lt(config, circle.signing.public, rk, epoch, ct)
    header = decode_header(head, config.slots)
    K = open_own(circle.key, header)
    plain = open_lt_inner(config, K, rk, epoch, where, head, inner)
    payload = decode_lt_payload(plain, config.slots)
    signing_st = st_signing_key(circle.seed, K, config.dep_id, epoch)
    if signing_st.public != payload.public_st:
        raise EncodingError(
            "a record of one's own was made from another seed: rekey now"
        )
    names = {bytes(encode_scalar(m.x)): m.name for m in circle.members}
    uses = [
        SlotUse(s.x, names.get(bytes(encode_scalar(s.x)), "")) for s in header.slots
    ]
    out = tuple(use.name for use in uses if use.name)
    new, seq, aux = payload.new_generation, payload.seq, payload.aux
    tag, slots = where.tag, tuple(uses)
    return Pending(epoch, b"", value, tag, K, signing_st, slots, out, (), new, seq, aux)
