"""A client's records: built when their window is open, by an active client only."""

from private_presence.errors import StateError
from private_presence.primitives.randomness import Randomness
from private_presence.protocol.client import Client, change_circle
from private_presence.protocol.config import Config
from private_presence.protocol.epochs import Kind, check_window
from private_presence.protocol.payload import StPayload
from private_presence.protocol.publish_lt import prepare_lt
from private_presence.protocol.publish_st import prepare_st

__all__ = ["publish_lt", "publish_st"]


def _check_may_register(client: Client, epoch: int) -> None:
    if client.phase != "active" or epoch < client.quiet_until:
        raise StateError(
            f"a client in phase {client.phase} registers from LT epoch "
            f"{client.quiet_until} on; got {epoch}: walk the retained epochs first"
        )


def publish_lt(
    client: Client,
    config: Config,
    index: int,
    epoch: int,
    now: float,
    rng: Randomness,
    aux: bytes = b"",
) -> Client:
    """Build one circle's LT record for an epoch whose window is open.

    Parameters
    ----------
    client : Client
    config : Config
    index : int
    epoch : int
    now : float
    rng : Randomness
    aux : bytes, at most 54

    Returns
    -------
    Client
        Save it, then send (`store.outgoing`).

    Raises `StateError` if the client may not register yet, `EpochError` if the window
    is not open, `InputError` if there is no such circle, and what `prepare_lt` raises.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.client import new_client
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> client = new_client(config, 100, rng)
    >>> client = publish_lt(client, config, 0, 101, 100 * 86_400.0, rng)
    >>> client.circles[0].pending.epoch
    101
    >>> publish_lt(client, config, 0, 101, 101 * 86_400.0, rng)
    Traceback (most recent call last):
    private_presence.errors.EpochError: LT epoch 101 takes registrations from ...
    """
    _check_may_register(client, epoch)
    check_window(config, Kind.LT, epoch, now)
    return change_circle(
        client, index, lambda c: prepare_lt(c, config, epoch, rng, aux)
    )


def publish_st(
    client: Client,
    config: Config,
    index: int,
    t: int,
    payload: StPayload,
    now: float,
    rng: Randomness,
) -> Client:
    """Build one circle's ST record for an epoch whose window is open.

    Parameters
    ----------
    client : Client
    config : Config
    index : int
    t : int
    payload : StPayload
    now : float
    rng : Randomness

    Returns
    -------
    Client
        Save it, then send.

    Raises `StateError` if the client may not register yet, `EpochError` if the window
    is not open, `InputError` if there is no such circle, and what `prepare_st` raises.

    Examples
    --------
    Nobody is visible before the first LT record:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.client import new_client
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> client, now = new_client(config, 100, rng), 28_800 * 300.0
    >>> publish_st(client, config, 0, 28_801, StPayload(2), now, rng)
    Traceback (most recent call last):
    private_presence.errors.StateError: this circle stays invisible in ST epoch 28801:
    no LT record was published yet
    """
    _check_may_register(client, t // config.st_per_lt)
    check_window(config, Kind.ST, t, now)
    return change_circle(
        client, index, lambda c: prepare_st(c, config, t, payload, rng)
    )
