"""A manager's LT record: built once, sent as stored, settled by looking it up (F3).

::

    no record --prepare_lt--> pending --settle_lt, found as stored--> committed
                                 |
                                 +-----settle_lt, not found--------> dropped: the old
                                          generation and the wish to exclude remain
"""

from dataclasses import replace

from private_presence.errors import (
    ConflictError,
    EpochError,
    PresenceError,
    RestoredStateError,
    StateError,
)
from private_presence.primitives.manager_key import absorb, encapsulate
from private_presence.primitives.randomness import Randomness
from private_presence.primitives.ratchet import (
    base_factor,
    rk_of_generation,
    st_root,
    start_st,
    step_rk,
)
from private_presence.primitives.secret import Secret, equal
from private_presence.protocol.circle import (
    Circle,
    Pending,
    StChain,
    member_names,
    st_signing_key,
    with_used,
)
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, first_st
from private_presence.protocol.exclusion import Plan, plan_exclusion
from private_presence.protocol.lt_record import seal_lt
from private_presence.protocol.messages import (
    encode_registration,
    registration_of,
)
from private_presence.protocol.payload import LtPayload
from private_presence.protocol.records import Place, place, signed_ct

__all__ = ["commit", "own_lt_place", "prepare_lt", "settle_lt"]


def prepare_lt(
    circle: Circle, config: Config, epoch: int, rng: Randomness, aux: bytes = b""
) -> Circle:
    """Build the LT record of an epoch; only `pending` changes.

    Parameters
    ----------
    circle : Circle
        Settled up to `epoch`.
    config : Config
    epoch : int
        The next LT epoch.
    rng : Randomness
    aux : bytes, at most 54

    Returns
    -------
    Circle
        The same again if this record is already built.

    Raises
    ------
    ConflictError
        If another record was built for this epoch: its keys are used up.
    EpochError
        If earlier epochs are not settled, or this one is.

    Raises `CapacityError` too, if `aux` is too long.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> circle = prepare_lt(new_circle(101, rng), config, 101, rng, b"one")
    >>> len(circle.pending.value), circle.pending.seq
    (576, 1)
    >>> prepare_lt(circle, config, 101, rng, b"another")
    Traceback (most recent call last):
    private_presence.errors.ConflictError: the record of LT epoch 101 is built and ...
    """
    pending = circle.pending
    if pending and pending.epoch == epoch:
        if pending.aux != aux:
            raise ConflictError(
                f"the record of LT epoch {epoch} is built and cannot change: "
                "send it as stored, or wait for the next epoch"
            )
        return circle
    if epoch != circle.epoch:
        raise EpochError(
            f"expected a record for LT epoch {circle.epoch}, the first not settled; "
            f"got {epoch}: look the earlier ones up first"
        )
    plan = plan_exclusion(circle, config.slots, rng)
    return replace(circle, pending=_build(circle, config, plan, aux, rng))


def _build(
    circle: Circle, config: Config, plan: Plan, aux: bytes, rng: Randomness
) -> Pending:
    epoch, seq = circle.epoch, circle.seq + 1
    header, K = encapsulate(circle.key, [use.x for use in plan.slots], rng)
    signing_st = st_signing_key(circle.seed, K, config.dep_id, epoch)
    payload = LtPayload(plan.new_generation, seq, signing_st.public, aux)
    value, where = seal_lt(
        config, circle.signing, circle.rk, epoch, header, K, payload, rng
    )
    body = encode_registration(registration_of(Kind.LT, epoch, where.public, value))
    return Pending(
        epoch,
        body,
        value,
        where.tag,
        K,
        signing_st,
        plan.slots,
        plan.out,
        plan.left,
        plan.new_generation,
        seq,
        aux,
    )


def own_lt_place(circle: Circle, config: Config, epoch: int) -> Place | None:
    """Where this circle's record of an epoch is.

    Parameters
    ----------
    circle : Circle
    config : Config
    epoch : int

    Returns
    -------
    Place or None
        None for epochs whose ratchet secret is deleted, or out of reach.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> circle = prepare_lt(new_circle(101, rng), config, 101, rng)
    >>> own_lt_place(circle, config, 101).tag == circle.pending.tag
    True
    >>> own_lt_place(circle, config, 100) is None
    True
    """
    if not circle.epoch <= epoch <= circle.epoch + config.retain + 1:
        return None
    rk = step_rk(circle.rk, circle.epoch, epoch)
    return place(config.dep_id, Kind.LT, circle.signing.public, rk, epoch)


def settle_lt(
    circle: Circle, config: Config, epoch: int, retrieved: bytes | None
) -> Circle:
    """Draw the consequences of what a published epoch holds at one's own tag.

    Call it once the countersigned manifest of `epoch` is verified: the ratchet moves
    on that alone, never on a clock (F18), and at most RETAIN + 1 steps.

    Parameters
    ----------
    circle : Circle
    config : Config
    epoch : int
    retrieved : bytes or None

    Returns
    -------
    Circle
        Unchanged if `epoch` was settled before.

    Raises
    ------
    RestoredStateError
        If a record of one's own is there that this state did not build.
    StateError
        If a transition record was built for an epoch that cannot be looked up any
        more: make a new circle and invite everybody again.

    Examples
    --------
    What was not published is dropped, and did not count:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> circle = prepare_lt(new_circle(101, rng), config, 101, rng)
    >>> published = settle_lt(circle, config, 101, circle.pending.value)
    >>> dropped = settle_lt(circle, config, 101, None)
    >>> (published.epoch, published.seq), (dropped.epoch, dropped.seq)
    ((102, 1), (102, 0))
    """
    if epoch < circle.epoch:
        return circle
    pending, retrieved = circle.pending, retrieved or b""
    if pending and pending.epoch < epoch:
        if pending.new_generation:
            raise StateError(
                f"the transition of LT epoch {pending.epoch} was never looked up and its "
                "generation cannot be established: rekey now and invite friends again"
            )
        circle = _dropped(circle, pending)
    elif pending and pending.epoch == epoch:
        if equal(retrieved, pending.value):
            return commit(circle, config, pending)
        _check_not_mine(circle, config, epoch, retrieved)
        circle = _dropped(circle, pending)
    else:
        _check_not_mine(circle, config, epoch, retrieved)
    end = min(epoch + 1, circle.epoch + config.retain + 1)
    return replace(circle, rk=step_rk(circle.rk, circle.epoch, end), epoch=end)


def _dropped(circle: Circle, pending: Pending) -> Circle:
    # Whoever withheld the record still has it: its exclusions count as carried.
    return replace(circle, pending=None, carried=circle.carried or bool(pending.out))


def _check_not_mine(
    circle: Circle, config: Config, epoch: int, retrieved: bytes
) -> None:
    if epoch > circle.epoch + config.retain + 1:
        return
    rk = step_rk(circle.rk, circle.epoch, epoch)
    where = place(config.dep_id, Kind.LT, circle.signing.public, rk, epoch)
    try:
        signed_ct(config, Kind.LT, where, epoch, retrieved)
    except PresenceError:
        return
    raise RestoredStateError(
        f"LT epoch {epoch} holds a record of this user that this state did not build: "
        "the state is restored or runs on two devices; walk the retained epochs first"
    )


def commit(circle: Circle, config: Config, pending: Pending) -> Circle:
    """Take over what a published record announced.

    Parameters
    ----------
    circle : Circle
        With the ratchet at or before the record's epoch.
    config : Config
    pending : Pending

    Returns
    -------
    Circle
        In a new generation if the record says so.

    Examples
    --------
    Bob was to be removed:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.circle import new_circle
    >>> from private_presence.protocol.membership import invite, revoke
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> circle, _ = invite(new_circle(101, rng), config, "bob", bytes(32), rng)
    >>> circle = prepare_lt(revoke(circle, "bob"), config, 101, rng)
    >>> after = commit(circle, config, circle.pending)
    >>> (circle.generation, circle.members), (after.generation, after.members)
    ((0, (Member(),)), (1, ()))
    """
    epoch, K = pending.epoch, pending.K
    rk = step_rk(circle.rk, circle.epoch, epoch)
    t = first_st(config, epoch)
    ck = start_st(st_root(K, rk, config.dep_id, epoch), t)
    holders = tuple(sorted(member_names(circle).difference(pending.out)))
    circle = with_used(circle, [use.x for use in pending.slots])
    circle = replace(
        circle,
        seq=pending.seq,
        st=StChain(pending.signing_st, ck, t, holders),
        pending=None,
        epoch=epoch + 1,
    )
    if pending.new_generation:
        return _next_generation(circle, config, pending, rk)
    rk_next = step_rk(rk, epoch, epoch + 1)
    carried = circle.carried or bool(pending.out)
    return replace(circle, rk=rk_next, slots=pending.slots, carried=carried)


def _next_generation(
    circle: Circle, config: Config, pending: Pending, rk: Secret
) -> Circle:
    epoch, K = pending.epoch, pending.K
    s = base_factor(K, rk, config.dep_id, epoch)
    gone = set(pending.out)
    return replace(
        circle,
        key=absorb(circle.key, [use.x for use in pending.slots], s),
        signing=pending.signing_st,
        rk=rk_of_generation(K, rk, epoch),
        generation=circle.generation + 1,
        members=tuple(m for m in circle.members if m.name not in gone),
        slots=(),
        suspended=tuple(n for n in circle.suspended if n not in gone),
        revoking=tuple(n for n in circle.revoking if n not in gone),
        carried=False,
        draining=bool(pending.left),
        renew=False,
    )
