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
from private_presence.protocol.client import change_circle
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
    circle = device.client.circles[index]
    if membership.can_invite(circle):
        circle, data = membership.invite(circle, config, name, nonce, rng)
    else:
        circle = membership.ask_new_generation(circle)
    client = change_circle(device.client, index, lambda _: circle)
    return replace(device, client=client), data


async def take_invitation(home: Home, wrap: Wrap, name: str, invitation: str) -> None:
    """Accept an invitation that answers one of this person's open requests.

    Parameters
    ----------
    home : Home
    wrap : Wrap
    name : str
        For this person's own list.
    invitation : str
    """
    data = invitation_of_text(invitation)
    async with home.keeper(wrap).edit() as edit:
        nonces = open_requests(home, wrap)
        config = home.deployment().config
        device, nonce = accept(edit.device, config, name, data, nonces)
        edit.save(device)
        drop_request(home, wrap, nonce)
