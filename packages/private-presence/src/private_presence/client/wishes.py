"""Exclusions that a person asks for; the next records fulfil them."""

from collections.abc import Callable
from dataclasses import replace

from private_presence.client.device import Device
from private_presence.errors import InputError
from private_presence.protocol.circle import Circle, member_names
from private_presence.protocol.client import change_circle

__all__ = ["change_member"]


def change_member(
    device: Device, step: Callable[[Circle, str], Circle], name: str
) -> Device:
    """Suspend, resume or remove somebody, in whichever circle she is.

    Parameters
    ----------
    device : Device
    step : callable
        Of `membership`: suspend, resume or revoke.
    name : str

    Returns
    -------
    Device

    Raises
    ------
    InputError
        If nobody of this name can read this person.

    Examples
    --------
    >>> from private_presence.client.device import new_device
    >>> from private_presence.primitives.randomness import SystemRandomness
    >>> from private_presence.protocol.config import Config
    >>> from private_presence.protocol.membership import invite, suspend
    >>> config = Config(bytes(32), (bytes(32),) * 2, bytes(32))
    >>> rng = SystemRandomness()
    >>> device = new_device(config, 100, rng)
    >>> circle, _ = invite(device.client.circles[0], config, "bob", bytes(32), rng)
    >>> client = change_circle(device.client, 0, lambda _: circle)
    >>> device = change_member(replace(device, client=client), suspend, "bob")
    >>> device.client.circles[0].suspended
    ('bob',)
    >>> change_member(device, suspend, "eve")
    Traceback (most recent call last):
    private_presence.errors.InputError: nobody of this name can read you: ...
    """
    client, found = device.client, False
    for index, circle in enumerate(client.circles):
        if name in member_names(circle):
            client = change_circle(client, index, lambda c: step(c, name))
            found = True
    if not found:
        raise InputError(
            "nobody of this name can read you: see presence friends for the names; if "
            "your keys changed while she was suspended, invite her again"
        )
    return replace(device, client=client)
