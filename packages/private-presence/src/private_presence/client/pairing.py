"""Request, invitation, acceptance: three steps by hand, none of which sends anything."""

from dataclasses import replace

from private_presence.client.device import Device
from private_presence.client.home import Home
from private_presence.client.letters import (
    invitation_of_text,
    request_of_text,
    text_of_invitation,
    text_of_request,
)
from private_presence.client.requests import (
    accept,
    add_request,
    drop_request,
    open_requests,
)
from private_presence.primitives.randomness import Randomness
from private_presence.protocol import membership
from private_presence.protocol.client import change_circle, circle_of
from private_presence.protocol.config import Config
from private_presence.protocol.store import Wrap

__all__ = ["answer_request", "make_request", "take_invitation"]


async def make_request(home: Home, wrap: Wrap, rng: Randomness) -> str:
    """Make a request, for a friend to invite this person by (F22).

    Parameters
    ----------
    home : Home
    wrap : Wrap
        The person's vault.
    rng : Randomness

    Returns
    -------
    str
        For the friend, by a channel on which both know each other.

    Raises `LostStateError` if no deployment is pinned, and `CorruptStateError` if the
    requests on disk were damaged.

    Examples
    --------
    >>> import asyncio
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.protocol.directory import Directory
    >>> from private_presence.protocol.store import Plain
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> class Joined(Home):  # in earnest `pin` takes the deployment's signed file
    ...     def deployment(self):
    ...         return Deployment(config, Directory(config.dep_id, 1, ()))
    >>> with TemporaryDirectory() as folder:
    ...     home = Joined(Path(folder, "bob"), Path(folder, "mirrors"))
    ...     home.make()
    ...     text = asyncio.run(make_request(home, Plain(), SystemRandomness()))
    ...     nonces = open_requests(home, Plain())
    >>> len(text), nonces == (request_of_text(text, config.dep_id),)
    (103, True)
    """
    dep_id = home.deployment().config.dep_id
    async with home.editing():
        return text_of_request(dep_id, add_request(home, wrap, rng))


async def answer_request(
    home: Home,
    wrap: Wrap,
    name: str,
    request: str,
    rng: Randomness,
    circle: int = 0,
) -> str | None:
    """Invite whoever made a request.

    Parameters
    ----------
    home : Home
    wrap : Wrap
    name : str
        For this person's own list.
    request : str
    rng : Randomness
    circle : int

    Returns
    -------
    str or None
        For the friend only, by a confidential channel.  None if this generation has
        excluded somebody (F2): a new one is asked for then, and comes with one of the
        next two LT records.

    Raises `EncodingError` or `ForeignStateError` for what is no request or is from
    another deployment, `InputError` if the name is taken, and `CapacityError` if there
    are as many members as the deployment allows; and what `Home.keeper` raises.

    Examples
    --------
    The letter answers this request: its signature is over the nonce.

    >>> import asyncio
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.protocol.directory import Directory
    >>> from private_presence.protocol.invitation import check_invitation
    >>> from private_presence.protocol.store import Plain
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> class Joined(Home):  # in earnest `pin` takes the deployment's signed file
    ...     def deployment(self):
    ...         return Deployment(config, Directory(config.dep_id, 1, ()))
    >>> rng, nonce = SystemRandomness(), bytes(range(32))  # the nonce is Bob's
    >>> request = text_of_request(config.dep_id, nonce)
    >>> with TemporaryDirectory() as folder:
    ...     home = Joined(Path(folder, "alice"), Path(folder, "mirrors"))
    ...     home.make()
    ...     _ = home.store(Plain()).save(new_device(config, 100, rng))
    ...     letter = asyncio.run(answer_request(home, Plain(), "bob", request, rng))
    >>> check_invitation(invitation_of_text(letter), config, nonce).epoch
    101
    """
    config = home.deployment().config
    nonce = request_of_text(request, config.dep_id)
    async with home.keeper(wrap).edit() as edit:
        device, data = _invited(edit.device, config, (name, nonce, circle), rng)
        edit.save(device)
    return None if data is None else text_of_invitation(data)


def _invited(
    device: Device, config: Config, guest: tuple[str, bytes, int], rng: Randomness
) -> tuple[Device, bytes | None]:
    (name, nonce, index), data = guest, None
    circle = circle_of(device.client, index)
    if membership.can_invite(circle):
        circle, data = membership.invite(circle, config, name, nonce, rng)
    else:
        circle = membership.ask_new_generation(circle)
    client = change_circle(device.client, index, lambda _: circle)
    return replace(device, client=client), data


async def take_invitation(
    home: Home, wrap: Wrap, name: str, invitation: str, *, again: bool = False
) -> bool:
    """Accept an invitation that answers one of this person's open requests.

    Parameters
    ----------
    home : Home
    wrap : Wrap
    name : str
        For this person's own list.
    invitation : str
    again : bool
        Whether the friend of this name, if there is one, gives way.

    Returns
    -------
    bool
        Whether it is late: epochs since the invitation are looked up already, so that
        a change of keys in one of them is missed, and the friend stays offline.

    Raises `EncodingError` for what is no invitation, and as `requests.accept` and
    `Home.keeper` do.

    Examples
    --------
    Bob's request, Alice's answer, and whom Bob reads afterwards:

    >>> import asyncio
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.deployment import Deployment
    >>> from private_presence.protocol.directory import Directory
    >>> from private_presence.protocol.store import Plain
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> class Joined(Home):  # in earnest `pin` takes the deployment's signed file
    ...     def deployment(self):
    ...         return Deployment(config, Directory(config.dep_id, 1, ()))
    >>> wrap, rng = Plain(), SystemRandomness()
    >>> async def befriend(alice, bob):
    ...     for home in (alice, bob):
    ...         home.make()
    ...         home.store(wrap).save(new_device(config, 100, rng))
    ...     request = await make_request(bob, wrap, rng)
    ...     letter = await answer_request(alice, wrap, "bob", request, rng)
    ...     await take_invitation(bob, wrap, "alice", letter)
    ...     device = bob.store(wrap).load(config).state
    ...     return [friend.name for friend in device.client.friends]
    >>> with TemporaryDirectory() as folder:
    ...     homes = [
    ...         Joined(Path(folder, name), Path(folder)) for name in ("alice", "bob")
    ...     ]
    ...     asyncio.run(befriend(*homes)), open_requests(homes[1], wrap)
    (['alice'], ())
    """
    data = invitation_of_text(invitation)
    async with home.keeper(wrap).edit() as edit:
        nonces = open_requests(home, wrap)
        config = home.deployment().config
        device, nonce = accept(edit.device, config, name, data, nonces, again=again)
        edit.save(device)
        drop_request(home, wrap, nonce)
    (friend,) = (friend for friend in device.client.friends if friend.name == name)
    return friend.epoch <= device.looked_lt
