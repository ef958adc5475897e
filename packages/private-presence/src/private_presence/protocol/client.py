"""A client: its circles, its friends, and the steps that the clock brings.

Pure: each step takes a state and gives the next one.  What is to be sent lies in the
state and is read from a saved one only (`store.outgoing`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from private_presence.errors import (
    CapacityError,
    InputError,
)
from private_presence.primitives.randomness import Randomness
from private_presence.protocol.circle import Circle, new_circle
from private_presence.protocol.config import Config
from private_presence.protocol.friend import (
    Friend,
    friend_of,
)
from private_presence.protocol.invitation import check_invitation
from private_presence.protocol.machine import CLIENT, advance

__all__ = [
    "Client",
    "accept_invitation",
    "change_circle",
    "circle_of",
    "drop_friend",
    "mark_restored",
    "new_client",
    "rekey",
]


@dataclass(frozen=True)
class Client:
    """Everything that one device keeps.

    Parameters
    ----------
    dep_id : bytes, 16
    instance : bytes, 16
        Random, of this device: a copied state is recognised by it (F5).
    counter : int
        Grows with every save, and is mirrored outside of backups.
    phase : str
        A state of `machine.CLIENT`.
    circles : tuple of Circle
        Always as many as the deployment's constant (F17).
    friends : tuple of Friend
    last_lt : int
        The LT epoch of the last complete lookup.
    quiet_until : int
        A restored client registers for no epoch before this one: another body may be
        on its way for those.

    Examples
    --------
    Steps give a new client; the one before stays as it was:

    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> before = new_client(config, 100, SystemRandomness())
    >>> after = mark_restored(before, 130)
    >>> before.phase, after.phase
    ('active', 'restored')
    """

    dep_id: bytes
    instance: bytes
    counter: int
    phase: str
    circles: tuple[Circle, ...]
    friends: tuple[Friend, ...] = field(default=(), repr=False)
    last_lt: int = 0
    quiet_until: int = 0


def new_client(config: Config, lt_epoch: int, rng: Randomness) -> Client:
    """Set up a client.

    Parameters
    ----------
    config : Config
    lt_epoch : int
        Now; its circles publish from the next one on.
    rng : Randomness

    Returns
    -------
    Client

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32), circles=2)
    >>> client = new_client(config, 100, SystemRandomness())
    >>> [circle.epoch for circle in client.circles], client.friends
    ([101, 101], ())
    """
    circles = tuple(new_circle(lt_epoch + 1, rng) for _ in range(config.circles))
    instance = bytes(rng.draw(16))
    return Client(config.dep_id, instance, 0, "active", circles, (), lt_epoch)


def accept_invitation(
    client: Client, config: Config, name: str, data: bytes, nonce: bytes
) -> Client:
    """Add a friend from an invitation; no request goes out because of it (F4).

    Parameters
    ----------
    client : Client
    config : Config
    name : str
        A friend of this name is replaced: invited again.
    data : bytes
    nonce : bytes, 32

    Returns
    -------
    Client

    Raises
    ------
    CapacityError
        If there are as many friends as the deployment allows.

    Raises as `check_invitation` does too, if the invitation is not to be believed.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.membership import invite
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> nonce = rng.draw(32)
    >>> _, data = invite(new_circle(101, rng), config, "bob", nonce, rng)
    >>> client = new_client(config, 100, rng)
    >>> client = accept_invitation(client, config, "ann", data, nonce)
    >>> [(friend.name, friend.epoch) for friend in client.friends]
    [('ann', 101)]
    """
    others = tuple(friend for friend in client.friends if friend.name != name)
    if len(others) >= config.max_friends:
        raise CapacityError(
            f"at most {config.max_friends} friends in this deployment; got one more: "
            "remove somebody first"
        )
    friend = friend_of(name, check_invitation(data, config, nonce))
    return replace(client, friends=(*others, friend))


def drop_friend(client: Client, name: str) -> Client:
    """Stop reading a friend; nothing is sent because of it (F4).

    Parameters
    ----------
    client : Client
    name : str

    Returns
    -------
    Client

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.membership import invite
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> nonce = rng.draw(32)
    >>> _, data = invite(new_circle(101, rng), config, "bob", nonce, rng)
    >>> client = new_client(config, 100, rng)
    >>> client = accept_invitation(client, config, "ann", data, nonce)
    >>> len(client.friends), len(drop_friend(client, "ann").friends)
    (1, 0)
    """
    kept = tuple(friend for friend in client.friends if friend.name != name)
    return replace(client, friends=kept)


def circle_of(client: Client, index: int) -> Circle:
    """Return one circle.

    Parameters
    ----------
    client : Client
    index : int

    Returns
    -------
    Circle

    Raises
    ------
    InputError
        If there is no such circle.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> client = new_client(config, 100, SystemRandomness())
    >>> circle_of(client, 0).epoch
    101
    >>> circle_of(client, -1)
    Traceback (most recent call last):
    private_presence.errors.InputError: circles 0 to 0 exist; got -1
    """
    if not 0 <= index < len(client.circles):
        raise InputError(f"circles 0 to {len(client.circles) - 1} exist; got {index}")
    return client.circles[index]


def change_circle(
    client: Client, index: int, step: Callable[[Circle], Circle]
) -> Client:
    """Apply a step to one circle.

    Parameters
    ----------
    client : Client
    index : int
    step : callable
        For instance ``lambda circle: suspend(circle, "bob")``.

    Returns
    -------
    Client

    Raises
    ------
    InputError
        If there is no such circle.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.membership import ask_new_generation
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> client = new_client(config, 100, SystemRandomness())
    >>> change_circle(client, 0, ask_new_generation).circles[0].renew
    True
    >>> change_circle(client, 1, ask_new_generation)
    Traceback (most recent call last):
    private_presence.errors.InputError: circles 0 to 0 exist; got 1
    """
    circles = list(client.circles)
    circles[index] = step(circle_of(client, index))
    return replace(client, circles=tuple(circles))


def mark_restored(client: Client, lt_epoch: int) -> Client:
    """Note that the state is older than what this device has done (F5, F6).

    Parameters
    ----------
    client : Client
    lt_epoch : int
        Now.

    Returns
    -------
    Client
        It walks and rolls forward before it registers again.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> client = mark_restored(new_client(config, 100, SystemRandomness()), 130)
    >>> client.phase, client.quiet_until
    ('restored', 132)
    """
    phase = advance(CLIENT, client.phase, "found restored")
    return replace(client, phase=phase, quiet_until=lt_epoch + 2)


def rekey(client: Client, config: Config, lt_epoch: int, rng: Randomness) -> Client:
    """Make all circles anew ("Rekey now"); friends of whom one reads are kept.

    Parameters
    ----------
    client : Client
    config : Config
    lt_epoch : int
        Now.
    rng : Randomness

    Returns
    -------
    Client
        Invite everybody again.

    Examples
    --------
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> config, rng = Config(bytes(32), (bytes(32),) * 2, bytes(32)), SystemRandomness()
    >>> old = mark_restored(new_client(config, 100, rng), 130)
    >>> new = rekey(old, config, 130, rng)
    >>> new.phase, new.circles[0].epoch, new.instance == old.instance
    ('active', 131, True)
    >>> new.circles[0].signing == old.circles[0].signing
    False
    """
    circles = tuple(new_circle(lt_epoch + 1, rng) for _ in range(config.circles))
    phase = advance(CLIENT, client.phase, "rekeyed")
    return replace(client, phase=phase, circles=circles, quiet_until=lt_epoch + 1)
