"""A manager's ST record: one per epoch, and none that somebody unwanted could read."""

from dataclasses import replace

from private_presence.errors import ConflictError, EpochError, StateError
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.ratchet import next_st, step_st
from private_presence.protocol.circle import Circle, SentSt, StChain, unwanted
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, lt_of_st
from private_presence.protocol.messages import encode_registration, registration_of
from private_presence.protocol.payload import StPayload
from private_presence.protocol.st_record import seal_st

__all__ = ["prepare_st", "why_invisible"]


def why_invisible(circle: Circle, config: Config, t: int) -> str:
    """Say why no ST record may be built for an epoch (F3, F7).

    Parameters
    ----------
    circle : Circle
    config : Config
    t : int

    Returns
    -------
    str
        Empty if one may.

    Examples
    --------
    Bob knows the short-term keys, and was suspended since:

    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.primitives.secret import Secret
    >>> from private_presence.protocol.circle import new_circle
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> key, ck = signing_key(bytes(range(64))), Secret(bytes(32))
    >>> chain = StChain(key, ck, 28_800, ("bob",))
    >>> circle = replace(new_circle(101, SystemRandomness()), st=chain)
    >>> why_invisible(circle, config, 28_800)
    ''
    >>> why_invisible(replace(circle, suspended=("bob",)), config, 28_800)
    'an exclusion is not yet effective'
    """
    if circle.st is None:
        return "no LT record was published yet"
    if set(unwanted(circle)).intersection(circle.st.holders):
        return "an exclusion is not yet effective"
    if circle.pending and lt_of_st(config, t) >= circle.pending.epoch:
        return "the LT record of that epoch was not looked up yet"
    return ""


def prepare_st(
    circle: Circle, config: Config, t: int, payload: StPayload, rng: Randomness
) -> Circle:
    """Build the ST record of an epoch, and delete its chain key.

    Parameters
    ----------
    circle : Circle
    config : Config
    t : int
        The next ST epoch.
    payload : StPayload
    rng : Randomness

    Returns
    -------
    Circle
        The same again if this record is already built.

    Raises
    ------
    ConflictError
        If another payload was built for this epoch.
    StateError
        If the user must stay invisible.
    EpochError
        If the epoch's chain key is deleted, or too far ahead.

    Raises as `encode_st_payload` does too, if the payload does not fit.

    Examples
    --------
    >>> from private_presence.primitives.blinding import signing_key
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.primitives.secret import Secret
    >>> from private_presence.protocol.circle import new_circle
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> key, ck = signing_key(bytes(range(64))), Secret(bytes(32))
    >>> chain = StChain(key, ck, 28_800, ())
    >>> circle = replace(new_circle(101, rng), st=chain)
    >>> circle = prepare_st(circle, config, 28_800, StPayload(2), rng)
    >>> circle.st.sent.payload, circle.st.t
    (StPayload(status=2), 28801)
    >>> prepare_st(circle, config, 28_800, StPayload(3), rng)
    Traceback (most recent call last):
    private_presence.errors.ConflictError: the record of ST epoch 28800 is built and ...
    """
    chain = circle.st
    if chain and chain.sent and chain.sent.t == t:
        if chain.sent.payload != payload:
            raise ConflictError(
                f"the record of ST epoch {t} is built and cannot change: send it as "
                "stored, or wait for the next epoch"
            )
        return circle
    reason = why_invisible(circle, config, t)
    if reason or chain is None:
        raise StateError(f"this circle stays invisible in ST epoch {t}: {reason}")
    return replace(circle, st=_built(chain, config, t, payload, rng))


def _built(
    chain: StChain, config: Config, t: int, payload: StPayload, rng: Randomness
) -> StChain:
    far = (config.retain + 1) * config.st_per_lt
    if not chain.t <= t <= chain.t + far:
        raise EpochError(
            f"expected an ST epoch from {chain.t} to {chain.t + far}; got {t}: "
            "check the clock, or publish an LT record first"
        )
    ck = step_st(chain.ck, chain.t, t)
    value, where = seal_st(config, chain.signing, ck, t, payload, rng)
    body = encode_registration(registration_of(Kind.ST, t, where.public, value))
    sent = SentSt(t, body, value, where.tag, payload)
    return replace(chain, ck=next_st(ck, t), t=t + 1, sent=sent)
